/* From a verified identity to an account. An account is (provider, subject), never an address (SECURITY ID-1): the link decides, and what the source says of
 * name, address and groups is written into the account as data. What a declaration made stays the declaration's. */
#include "gateway/call/provision.h"
#include "base/text.h"

static const char *claim(const struct identity *identity, const char *name)
{
	return json_string_at(identity_claims(identity), name);
}

static bool domain_owned(const struct tenant *tenant, const char *domain)
{
	return json_array_has(json_object_get(tenant->settings, "domains"), domain);
}

/* An address is proved where the tenant owns its domain, the source is bound to that domain, and the source says it is verified; a directory of the domain need
 * not say so: it is the authority. */
static bool email_proved(const struct tenant *tenant, const struct source *source, const struct identity *identity)
{
	const char *email = claim(identity, "email"), *at = email ? strrchr(email, '@') : NULL;
	if (!at)
		return false;
	g_autofree char *domain = g_ascii_strdown(at + 1, -1);
	bool bound = source->domains && g_strv_contains((const char *const *)source->domains, domain);
	bool said = json_is_true(json_object_get(identity_claims(identity), "email_verified")) || source->driver->capabilities & CAPABILITY_ASKS_PASSWORD;
	return bound && said && domain_owned(tenant, domain);
}

/* --- what the source says, into the account --- */

/* True when the text differs; then it is replaced. A claim that is not there leaves the account's. */
static bool take_text(char **text, const char *said)
{
	if (!said || g_strcmp0(*text, said) == 0)
		return false;
	g_free(*text);
	*text = g_strdup(said);
	return true;
}

static bool take_claims(struct account *account, const struct tenant *tenant, const struct source *source, const struct identity *identity)
{
	const json_t *groups = json_object_get(identity_claims(identity), "groups");
	bool verified = email_proved(tenant, source, identity);
	bool changed = take_text(&account->name, claim(identity, "name"));
	if (take_text(&account->email, claim(identity, "email"))) {
		g_free(account->email_key);
		account->email_key = text_login_key(account->email);
		changed = true;
	}
	if (account->email && account->email_verified != verified) {
		account->email_verified = verified;
		changed = true;
	}
	if (json_is_array(groups) && !json_equal(groups, account->groups)) {
		json_decref(account->groups);
		account->groups = json_deep_copy(groups);
		changed = true;
	}
	return changed;
}

/* What the driver needs to ask about the person again. One that brings nothing new leaves what is there. */
static bool keep_for_later(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct provider_answer *answer, GError **error)
{
	const struct secret *keep = answer->session.refresh_keep;
	return !keep || link_keep_set(unit, tenant->id, source->name, identity_subject(answer->identity), keep, error);
}

bool provision_update(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct provider_answer *answer, int64_t now_ms,
	struct account *ret, GError **error)
{
	if (!keep_for_later(unit, tenant, source, answer, error))
		return false;
	if (!source->update_always || ret->declared || !take_claims(ret, tenant, source, answer->identity))
		return true;
	ret->updated_ms = now_ms;
	return account_update(unit, tenant->id, ret, error);
}

enum found provision_ask(struct store *store, const struct tenant *tenant, const struct source *source, const struct link *link, int64_t now_ms,
	int64_t deadline_ms, struct provider_answer *answer, GError **error)
{
	g_autoptr(secret_t) keep = NULL;
	bool by_keep = source->driver->capabilities & CAPABILITY_REFRESH_BY_KEEP;
	struct unit *unit = by_keep ? store_reader(store, error) : NULL;
	enum found found = !by_keep ? FOUND : unit ? link_keep_find(unit, tenant->id, source->name, link->subject, &keep, error) : BROKEN;
	if (found == FOUND && !slots_take(source->slots, deadline_ms)) {
		answer->verdict = VERDICT_UNAVAILABLE;
		answer->reason = REASON_PROVIDER_UNAVAILABLE;
	} else if (found == FOUND) {
		source->driver->refresh(source->state, link->subject, keep, now_ms, deadline_ms, answer);
		slots_give_back(source->slots);
	}
	return found;
}

/* --- making and linking --- */

static bool insert_link(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct identity *identity, int64_t now_ms,
	const char *account, GError **error)
{
	struct link link = { .provider = source->name, .subject = (char *)(uintptr_t)identity_subject(identity), .created_ms = now_ms };
	g_strlcpy(link.account, account, sizeof link.account);
	return link_insert(unit, tenant->id, &link, error);
}

/* A user name is for people to read and to log in to own accounts; where somebody has it already the newcomer's gets the provider's name behind it. */
static bool insert_account(struct unit *unit, const struct tenant *tenant, const struct source *source, struct account *account, GError **error)
{
	g_autofree char *wanted = g_strdup(account->username);
	for (int attempt = 0; attempt < 3; attempt++) {
		g_autoptr(GError) conflict = NULL;
		g_free(account->username);
		g_free(account->username_key);
		account->username = attempt == 0 ? g_strdup(wanted) : attempt == 1 ? g_strdup_printf("%s (%s)", wanted, source->name)
			: g_strdup_printf("%s (%s %.6s)", wanted, source->name, account->id);
		account->username_key = text_login_key(account->username);
		if (account_insert(unit, tenant->id, account, &conflict))
			return true;
		if (error_code_of(conflict) != ERROR_CONFLICT) {
			g_propagate_error(error, g_steal_pointer(&conflict));
			return false;
		}
	}
	return fail(error, ERROR_CONFLICT, "no user name was free for %s of %s", wanted, source->name);
}

static bool create(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct identity *identity, int64_t now_ms,
	struct account *ret, GError **error)
{
	const char *username = claim(identity, "username");
	g_autofree char *key = username ? text_login_key(username) : NULL;
	random_identifier(ret->id);
	ret->username = g_strdup(key ? username : identity_subject(identity));
	ret->created_ms = ret->updated_ms = now_ms;
	take_claims(ret, tenant, source, identity);
	return insert_account(unit, tenant, source, ret, error) && insert_link(unit, tenant, source, identity, now_ms, ret->id, error);
}

/* The account that an address leads to, for the one narrow door of policies/account. */
static enum found find_by_email(struct unit *unit, const struct tenant *tenant, const struct identity *identity, struct account *ret, GError **error)
{
	g_autofree char *key = claim(identity, "email") ? text_login_key(claim(identity, "email")) : NULL;
	enum found found = key ? account_find_login(unit, tenant->id, key, ret, error) : MISSING;
	if (found == FOUND && (!ret->email_verified || g_strcmp0(ret->email_key, key) != 0)) {
		account_clear(ret);
		return MISSING;
	}
	return found;
}

static enum found find_linked(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct identity *identity,
	struct account *ret, GError **error)
{
	struct link link = { 0 };
	enum found found = link_find(unit, tenant->id, source->name, identity_subject(identity), &link, error);
	if (found == FOUND)
		found = account_find(unit, tenant->id, link.account, ret, error);
	link_clear(&link);
	return found;
}

/* Whether the account that an address leads to came from this source already. NULL: it leads to none. */
static bool find_older_link(struct unit *unit, const struct tenant *tenant, const struct source *source, const char *account, struct account_facts *facts,
	GError **error)
{
	struct link link = { 0 };
	enum found found = account ? link_find_account(unit, tenant->id, source->name, account, &link, error) : MISSING;
	link_clear(&link);
	facts->email_linked_here = found == FOUND;
	return found != BROKEN;
}

bool provision_decide(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct identity *identity, struct account *ret,
	struct account_decision *ret_decision, GError **error)
{
	struct account_facts facts = { .provisioning = source->provisioning, .link_by_verified_email = source->link_by_verified_email,
		.email_proved = email_proved(tenant, source, identity) };
	enum found linked = find_linked(unit, tenant, source, identity, ret, error);
	enum found known = linked == MISSING && facts.link_by_verified_email && facts.email_proved ? find_by_email(unit, tenant, identity, ret, error) : MISSING;
	if (linked == BROKEN || (linked == MISSING && known == BROKEN) || !find_older_link(unit, tenant, source, known == FOUND ? ret->id : NULL, &facts, error))
		return false;
	facts.linked = linked == FOUND;
	facts.email_known = known == FOUND;
	facts.disabled = ret->disabled;
	*ret_decision = account_decide(&facts);
	return true;
}

bool provision(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct provider_answer *answer, int64_t now_ms,
	struct account *ret, enum reason *ret_reason, GError **error)
{
	const struct identity *identity = answer->identity;
	struct account_decision decision;
	if (!provision_decide(unit, tenant, source, identity, ret, &decision, error))
		return false;
	*ret_reason = decision.action == ACCOUNT_REFUSE ? decision.reason : REASON_OK;
	switch (decision.action) {
	case ACCOUNT_REFUSE:
		return true;
	case ACCOUNT_USE:
		return provision_update(unit, tenant, source, answer, now_ms, ret, error);
	case ACCOUNT_CREATE:
		account_clear(ret); /* whoever has the address is somebody else */
		return create(unit, tenant, source, identity, now_ms, ret, error) && keep_for_later(unit, tenant, source, answer, error);
	case ACCOUNT_LINK:
		return insert_link(unit, tenant, source, identity, now_ms, ret->id, error) && keep_for_later(unit, tenant, source, answer, error);
	}
	return fail(error, ERROR_INTERNAL, "unknown account action");
}

/* --- by fresh proof of both sides --- */

static bool find_linking_facts(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct identity *identity, const char *account,
	struct linking_facts *facts, GError **error)
{
	struct link link = { 0 }, here = { 0 };
	g_auto(account_t) owner = { 0 };
	enum found linked = link_find(unit, tenant->id, source->name, identity_subject(identity), &link, error);
	enum found other = linked == BROKEN ? BROKEN : link_find_account(unit, tenant->id, source->name, account, &here, error);
	enum found there = other == BROKEN ? BROKEN : account_find(unit, tenant->id, account, &owner, error);
	facts->linked_to_this = linked == FOUND && strcmp(link.account, account) == 0;
	facts->linked_to_another = linked == FOUND && !facts->linked_to_this;
	facts->account_linked_here = other == FOUND;
	facts->signed_in = facts->signed_in && there == FOUND;
	facts->account_disabled = there == FOUND && owner.disabled;
	facts->provider_proves = !(source->driver->capabilities & CAPABILITY_WEAK_BINDING);
	link_clear(&link);
	link_clear(&here);
	return there != BROKEN;
}

bool provision_link(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct provider_answer *answer, const char *account,
	struct linking_facts proof, int64_t now_ms, enum reason *ret_reason, GError **error)
{
	if (!find_linking_facts(unit, tenant, source, answer->identity, account, &proof, error))
		return false;
	*ret_reason = linking_decide(&proof);
	if (*ret_reason != REASON_OK)
		return true;
	return (proof.linked_to_this || insert_link(unit, tenant, source, answer->identity, now_ms, account, error))
		&& keep_for_later(unit, tenant, source, answer, error);
}
