/* refresh_token (RFC 6749 section 6, RFC 9700 section 4.14). What a token shown again means is decided by policies/token.h:refresh_decide, inside the
 * transaction that acts on it, so that a hundred parallel uses leave exactly one live successor.
 *
 * A person who came from a directory is looked up there first: gone or disabled there is the end of the family here; a directory that does not answer costs
 * the caller a 503 and nothing else.
 *
 *   confidential, not rotating: the same token again, its idle time starts anew
 *   rotating: token ─→ successor; the old one may be retried for 30 s while the successor is unused (a lost answer); later it revokes the family
 */
#include "crypto/opaque_token.h"
#include "gateway/call/entitlement.h"
#include "gateway/call/provision.h"
#include "gateway/oauth/grants.h"
#include "policies/scope.h"

#define GRACE_MS 30000

struct refresh {
	struct call *call;
	const struct client *client;
	uint8_t digest[DIGEST_SIZE];
	const struct form *form;
	const char *scope;               /* as asked, NULL: the grant's */
	char **resources;
	struct source_list *sources;     /* of the tenant; NULL until asked */
	const struct source *source;     /* that the person came from, when it can be asked again; NULL: none */
	struct provider_answer upstream; /* what it said */
	struct grant grant;
	struct account account;
	char successor[OPAQUE_TOKEN_SIZE];
	struct access access;
	enum reason outcome;
	bool rotated;
};

static void refresh_clear(struct refresh *refresh)
{
	grant_clear(&refresh->grant);
	account_clear(&refresh->account);
	access_clear(&refresh->access);
	g_strfreev(refresh->resources);
	provider_answer_clear(&refresh->upstream);
	source_list_unref(refresh->sources);
	wipe(refresh->successor, sizeof refresh->successor);
}

static bool insert_successor(struct unit *unit, struct refresh *refresh, struct refresh_token *token, GError **error)
{
	struct call *call = refresh->call;
	int64_t now_ms = request_time_ms(call->request);
	struct refresh_token next = { .client_id = token->client_id, .created_ms = now_ms,
		.idle_expires_ms = now_ms + call->tenant->policy.tokens.refresh_idle_s * 1000 };
	opaque_token_make(OPAQUE_REFRESH_PREFIX, refresh->successor);
	digest_sha256(refresh->successor, strlen(refresh->successor), next.digest);
	memcpy(next.grant, token->grant, sizeof next.grant);
	memcpy(token->successor, next.digest, sizeof next.digest);
	refresh->rotated = true;
	return refresh_insert(unit, call->tenant->id, &next, error);
}

static bool rotate(struct unit *unit, struct refresh *refresh, struct refresh_token *token, GError **error)
{
	token->used_ms = token->rotated_ms = request_time_ms(refresh->call->request);
	return insert_successor(unit, refresh, token, error) && refresh_update(unit, refresh->call->tenant->id, token, error);
}

/* The answer was lost: another successor takes the place of the unused one. rotated_ms stays, so the grace is not prolonged. The replaced one stays too, as an
 * old token without grace: should the answer not have been lost but stolen, whoever shows it revokes the family. */
static bool retry(struct unit *unit, struct refresh *refresh, struct refresh_token *token, GError **error)
{
	const char *tenant = refresh->call->tenant->id;
	g_auto(refresh_token_t) replaced = { 0 };
	enum found found = refresh_find(unit, tenant, token->successor, &replaced, error);
	if (found == BROKEN || !insert_successor(unit, refresh, token, error) || !refresh_update(unit, tenant, token, error))
		return false;
	replaced.used_ms = request_time_ms(refresh->call->request);
	replaced.rotated_ms = replaced.used_ms - GRACE_MS - 1;
	memcpy(replaced.successor, token->successor, sizeof replaced.successor);
	return found == MISSING || refresh_update(unit, tenant, &replaced, error);
}

static bool keep(struct unit *unit, struct refresh *refresh, struct refresh_token *token, GError **error)
{
	struct call *call = refresh->call;
	token->used_ms = request_time_ms(call->request);
	token->idle_expires_ms = token->used_ms + call->tenant->policy.tokens.refresh_idle_s * 1000;
	return refresh_update(unit, call->tenant->id, token, error);
}

static bool act(struct unit *unit, struct refresh *refresh, struct refresh_token *token, enum refresh_use use, GError **error)
{
	switch (use) {
	case REFRESH_REFUSE:
		return true;
	case REFRESH_KEEP:
		return keep(unit, refresh, token, error);
	case REFRESH_ROTATE:
		return rotate(unit, refresh, token, error);
	case REFRESH_RETRY:
		return retry(unit, refresh, token, error);
	case REFRESH_REVOKE_FAMILY:
		return grant_revoke(unit, refresh->call->tenant->id, token->grant, request_time_ms(refresh->call->request), error);
	}
	return fail(error, ERROR_INTERNAL, "unknown refresh use");
}

static bool find_facts(struct unit *unit, struct refresh *refresh, const struct refresh_token *token, struct refresh_facts *facts, GError **error)
{
	const char *tenant = refresh->call->tenant->id;
	g_auto(refresh_token_t) successor = { 0 };
	enum found granted = grant_find(unit, tenant, token->grant, &refresh->grant, error);
	enum found person = granted == FOUND ? account_find(unit, tenant, refresh->grant.account, &refresh->account, error) : granted;
	enum found next = token->rotated_ms ? refresh_find(unit, tenant, token->successor, &successor, error) : MISSING;
	if (granted == BROKEN || person == BROKEN || (token->rotated_ms && next == BROKEN))
		return false;
	*facts = (struct refresh_facts){ .rotates = refresh->client->rotate_refresh_tokens, .rotated = token->rotated_ms != 0, .rotated_ms = token->rotated_ms,
		/* a successor that is gone was replaced or purged: as good as used */
		.successor_used = token->rotated_ms && (next == MISSING || successor.used_ms != 0),
		.now_ms = request_time_ms(refresh->call->request), .grace_ms = GRACE_MS, .idle_expires_ms = token->idle_expires_ms,
		.absolute_expires_ms = refresh->grant.absolute_expires_ms,
		.grant_revoked = granted == MISSING || refresh->grant.revoked_ms || person == MISSING || refresh->account.disabled };
	return true;
}

/* --- the source upstream --- */

/* Whom to ask about, and where: the subject by which the account is linked to the source its grant came from. FOUND fills *ret_link; MISSING: nobody to ask. */
static enum found find_upstream(struct refresh *refresh, struct link *ret_link, GError **error)
{
	const char *tenant = refresh->call->tenant->id;
	g_auto(refresh_token_t) token = { 0 };
	g_auto(grant_t) grant = { 0 };
	struct unit *unit = store_reader(refresh->call->gateway->store, error);
	enum found found = unit ? refresh_find(unit, tenant, refresh->digest, &token, error) : BROKEN;
	if (found == FOUND && strcmp(token.client_id, refresh->client->client_id) != 0)
		return MISSING;
	if (found == FOUND)
		found = grant_find(unit, tenant, token.grant, &grant, error);
	if (found != FOUND || !grant.provider || !(refresh->source = source_named(refresh->sources, grant.provider)) || !refresh->source->driver->refresh)
		return found == BROKEN ? BROKEN : MISSING;
	return link_find_account(unit, tenant, grant.provider, grant.account, ret_link, error);
}

static bool any_refreshes(const struct source_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->sources[i].driver->refresh)
			return true;
	return false;
}

/* Asks the directory, on this worker and outside any transaction. False with *error: the store or the directory is not there. */
static bool ask_upstream(struct refresh *refresh, GError **error)
{
	struct call *call = refresh->call;
	struct link link = { 0 };
	refresh->sources = sources_of(call->gateway->sources, call->tenant, error);
	if (!refresh->sources)
		return false;
	enum found found = any_refreshes(refresh->sources) ? find_upstream(refresh, &link, error) : MISSING;
	if (found == FOUND)
		refresh->source->driver->refresh(refresh->source->state, link.subject, request_time_ms(call->request), request_deadline_ms(call->request),
			&refresh->upstream);
	else
		refresh->source = NULL;
	link_clear(&link);
	if (found == BROKEN)
		return false;
	return !refresh->source || refresh->upstream.verdict != VERDICT_UNAVAILABLE
		|| fail(error, ERROR_TEMPORARILY_UNAVAILABLE, "the provider %s did not answer", refresh->source->name);
}

/* What the directory said, taken over inside the transaction. */
static bool take_upstream(struct unit *unit, struct refresh *refresh, enum reason *ret_reason, GError **error)
{
	struct call *call = refresh->call;
	if (!refresh->source)
		return true;
	*ret_reason = source_reason(&refresh->upstream);
	if (!call_check(call, "source", reason_name(*ret_reason), "still there and enabled", *ret_reason == REASON_OK))
		return true;
	return provision_update(unit, call->tenant, refresh->source, refresh->upstream.identity, request_time_ms(call->request),
		&refresh->account, error);
}

/* --- width --- */

static bool resources_open(const struct refresh *refresh)
{
	char *const *open = refresh->client->resources;
	for (size_t i = 0; refresh->resources[i]; i++)
		if (!open || !g_strv_contains((const char *const *)open, refresh->resources[i]))
			return false;
	return true;
}

/* Scope and audience may narrow, never widen (RFC 6749 section 6, RFC 8707 section 2.2), and what the client or the person has lost since is not given.
 * Asked before the token is spent. */
static enum reason check_width(struct refresh *refresh)
{
	const char *wrong = NULL;
	enum reason reason = entitlement(&refresh->account, refresh->client);
	if (!refresh->scope)
		refresh->scope = refresh->grant.scope;
	refresh->resources = issue_resources(refresh->form, refresh->grant.resources, &wrong);
	if (reason != REASON_OK)
		return reason;
	if (!refresh->resources || !resources_open(refresh))
		return REASON_TARGET_REFUSED;
	reason = scope_decide(refresh->scope, refresh->grant.scope);
	return reason == REASON_OK ? scope_decide(refresh->scope, refresh->client->scope) : reason;
}

static bool decide(struct unit *unit, struct refresh *refresh, GError **error)
{
	struct refresh_facts facts;
	g_auto(refresh_token_t) token = { 0 };
	enum found found = refresh_find(unit, refresh->call->tenant->id, refresh->digest, &token, error);
	if (found == BROKEN)
		return false;
	if (found == MISSING || strcmp(token.client_id, refresh->client->client_id) != 0) {
		refresh->outcome = REASON_REFRESH_UNKNOWN;
		return true;
	}
	if (!find_facts(unit, refresh, &token, &facts, error))
		return false;
	struct refresh_decision decision = refresh_decide(&facts);
	enum reason upstream = REASON_OK;
	if (decision.reason == REASON_OK && !take_upstream(unit, refresh, &upstream, error))
		return false;
	if (upstream != REASON_OK)
		decision = (struct refresh_decision){ REFRESH_REVOKE_FAMILY, upstream };
	refresh->outcome = decision.reason;
	if (decision.reason == REASON_OK)
		refresh->outcome = check_width(refresh);
	return act(unit, refresh, &token, decision.reason == REASON_OK && refresh->outcome != REASON_OK ? REFRESH_REFUSE : decision.use, error);
}

static bool refresh_in_unit(struct unit *unit, void *data, GError **error)
{
	struct refresh *refresh = data;
	struct call *call = refresh->call;
	g_autoptr(json_t) detail = NULL;
	if (!decide(unit, refresh, error))
		return false;
	call->facts.account = refresh->account.id[0] ? refresh->account.id : NULL;
	call->facts.username = refresh->account.username;
	call->facts.session = refresh->grant.session[0] ? refresh->grant.session : NULL;
	struct audit_facts facts = call_facts(call, refresh->outcome == REASON_OK ? EVENT_TOKEN_REFRESH : EVENT_TOKEN_REFUSE, refresh->outcome, &detail);
	return audit_append(unit, call->gateway->store, call->tenant, &facts, true, error);
}

/* An opaque access token is a row of its own; it follows in a second commit, because what it says is known only now. */
static bool store_access(struct unit *unit, void *data, GError **error)
{
	struct refresh *refresh = data;
	return access_insert(unit, refresh->call->tenant->id, &refresh->access.record, error);
}

static bool issue_tokens(struct refresh *refresh, char **ret_id_token, GError **error)
{
	struct call *call = refresh->call;
	struct issue issue = { .client = refresh->client, .grant = &refresh->grant, .account = &refresh->account, .scope = refresh->scope,
		.resources = (const char *const *)refresh->resources, .now_ms = request_time_ms(call->request) };
	if (!issue_access(call, &issue, &refresh->access, error))
		return false;
	/* OpenID Connect Core section 12.2: same iss, sub, aud and auth_time; no nonce */
	g_clear_pointer(&refresh->grant.nonce, g_free);
	if (scope_has(refresh->scope, "openid") && !(*ret_id_token = issue_id_token(call, &issue, refresh->access.token, error)))
		return false;
	return !refresh->access.opaque || store_write(call->gateway->store, store_access, refresh, error);
}

static void answer(struct refresh *refresh)
{
	GError *error = NULL;
	g_autofree char *id_token = NULL;
	if (!issue_tokens(refresh, &id_token, &error)) {
		grant_fail(refresh->call, error);
		return;
	}
	g_autoptr(json_t) body = issue_answer(&refresh->access, refresh->scope);
	json_object_set_new(body, "refresh_token", json_string(refresh->rotated ? refresh->successor : form_value(refresh->form, "refresh_token")));
	if (id_token)
		json_object_set_new(body, "id_token", json_string(id_token));
	reply_json(refresh->call->reply, 200, body);
}

void grant_refresh_token(struct call *call, const struct client *client, const struct form *form)
{
	GError *error = NULL;
	const char *text = form_value(form, "refresh_token");
	struct refresh refresh = { .call = call, .client = client, .form = form, .scope = form_value(form, "scope") };
	if (!text) {
		grant_refuse(call, ERROR_INVALID_REQUEST, REASON_REQUEST_INVALID, "The parameter refresh_token is missing.");
		return;
	}
	digest_sha256(text, strlen(text), refresh.digest);
	if (!ask_upstream(&refresh, &error) || !store_write(call->gateway->store, refresh_in_unit, &refresh, &error))
		call_fail_error(call, error);
	else if (refresh.outcome == REASON_SCOPE_REFUSED)
		call_fail_json(call, ERROR_INVALID_SCOPE, NULL);
	else if (refresh.outcome == REASON_TARGET_REFUSED)
		call_fail_json(call, ERROR_INVALID_TARGET, NULL);
	else if (refresh.outcome != REASON_OK)
		call_fail_json(call, ERROR_INVALID_GRANT, NULL);
	else
		answer(&refresh);
	refresh_clear(&refresh);
	call->facts.account = call->facts.username = call->facts.session = NULL;
}
