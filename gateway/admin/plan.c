/* Comparing a declaration with the store. Reads only. */
#include "gateway/admin/planning.h"

#include "base/clock.h"
#include "crypto/compare.h"

#include <string.h>

#define VERIFY_WAIT_MS 60000

static void difference_free(void *data)
{
	struct difference *difference = data;
	g_free(difference->name);
	json_decref(difference->keys);
	json_decref(difference->before);
	json_decref(difference->after);
	json_decref(difference->expected);
	tenant_unref(difference->tenant);
	resource_unref(difference->resource);
	client_unref(difference->client);
	provider_record_clear(&difference->provider);
	account_clear(&difference->account);
	signing_key_clear(&difference->key);
	saml_key_clear(&difference->saml_key);
	g_free(difference->stored);
	json_decref(difference->links);
	wipe(difference->secret, sizeof(difference->secret));
	g_free(difference);
}

static void planned_tenant_free(void *data)
{
	struct planned_tenant *planned = data;
	tenant_unref(planned->tenant);
	g_ptr_array_unref(planned->differences);
	g_free(planned);
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	g_ptr_array_unref(plan->tenants);
	g_free(plan);
}

struct difference *difference_new(enum sign sign, enum object object, const char *name)
{
	struct difference *difference = g_new0(struct difference, 1);
	difference->sign = sign;
	difference->object = object;
	difference->name = g_strdup(name);
	difference->keys = json_array();
	difference->before = json_object();
	difference->after = json_object();
	return difference;
}

void settings_compare(const json_t *before, const json_t *after, json_t *ret_keys, json_t *ret_before, json_t *ret_after)
{
	const char *key;
	const json_t *value;
	void *place;
	for (place = json_object_iter((json_t *)(uintptr_t)after); place; place = json_object_iter_next((json_t *)(uintptr_t)after, place)) {
		key = json_object_iter_key(place);
		value = json_object_iter_value(place);
		if (strcmp(key, DECLARED_MARK) == 0 || json_equal(value, json_object_get(before, key)))
			continue;
		json_array_append_new(ret_keys, json_string(key));
		json_object_set_new(ret_after, key, json_deep_copy(value));
		if (json_object_get(before, key))
			json_object_set_new(ret_before, key, json_deep_copy(json_object_get(before, key)));
	}
	for (place = json_object_iter((json_t *)(uintptr_t)before); place; place = json_object_iter_next((json_t *)(uintptr_t)before, place)) {
		key = json_object_iter_key(place);
		if (strcmp(key, DECLARED_MARK) == 0 || json_object_get(after, key))
			continue;
		json_array_append_new(ret_keys, json_string(key));
		json_object_set_new(ret_before, key, json_deep_copy(json_object_iter_value(place)));
	}
}

struct difference *difference_of(enum object object, const char *name, const json_t *stored, const json_t *declared)
{
	struct difference *difference = difference_new(stored ? SIGN_CHANGE : SIGN_ADD, object, name);
	if (!stored) {
		json_object_update(difference->after, (json_t *)(uintptr_t)declared);
		json_object_del(difference->after, DECLARED_MARK);
		return difference;
	}
	settings_compare(stored, declared, difference->keys, difference->before, difference->after);
	difference->expected = json_deep_copy(stored);
	return difference;
}

static bool is_none(const struct difference *difference)
{
	return difference->sign == SIGN_CHANGE && json_array_size(difference->keys) == 0;
}

void difference_keep(struct planning *planning, struct difference *difference)
{
	if (is_none(difference))
		difference_free(difference);
	else
		g_ptr_array_add(planning->planned->differences, difference);
}

json_t *settings_marked(const struct planning *planning, const json_t *declared, const json_t *stored)
{
	json_t *settings = json_deep_copy(declared);
	bool mark = stored ? json_is_true(json_object_get(stored, DECLARED_MARK)) : !planning->declared->by_hand;
	if (mark)
		json_object_set_new(settings, DECLARED_MARK, json_true());
	return settings;
}

static bool resource_plan(struct planning *planning, const struct declared_resource *declared)
{
	g_autoptr(resource_t) stored = NULL;
	enum found found = planning->stored ? resource_find(planning->options->unit, planning->stored, declared->identifier, &stored, planning->error) : MISSING;
	if (found == BROKEN)
		return false;
	g_autoptr(json_t) settings = settings_marked(planning, declared->settings, stored ? stored->settings : NULL);
	struct difference *difference = difference_of(OBJECT_RESOURCE, declared->identifier, stored ? stored->settings : NULL, settings);
	difference->resource = resource_new(declared->identifier, settings);
	difference_keep(planning, difference);
	return true;
}

static void text_set(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, json_string(text));
}

json_t *account_settings(const struct account *account)
{
	json_t *object = json_object();
	text_set(object, "username", account->username);
	text_set(object, "email", account->email);
	json_object_set_new(object, "email_verified", json_boolean(account->email_verified));
	text_set(object, "name", account->name);
	text_set(object, "locale", account->locale);
	if (json_array_size(account->groups))
		json_object_set(object, "groups", account->groups);
	json_object_set_new(object, "disabled", json_boolean(account->disabled));
	return object;
}

static enum found account_search(struct planning *planning, const struct declared_user *declared, struct account *ret)
{
	struct unit *unit = planning->options->unit;
	if (!planning->stored)
		return MISSING;
	if (declared->account.id[0]) {
		enum found found = account_find(unit, planning->stored, declared->account.id, ret, planning->error);
		if (found != MISSING)
			return found;
	}
	enum found found = account_find_login(unit, planning->stored, declared->account.username_key, ret, planning->error);
	/* account_find_login also answers to a mail address; an address never makes two accounts one (SECURITY ID-1). */
	if (found == FOUND && g_strcmp0(ret->username_key, declared->account.username_key) != 0) {
		account_clear(ret);
		return MISSING;
	}
	return found;
}

static void text_replace(char **text, const char *with)
{
	g_free(*text);
	*text = g_strdup(with);
}

/* Of a linked account the provider brings name, address and groups at each sign-in, so the declaration says only what it names: a key left out is not emptied. */
static bool is_said(const struct declared_user *declared, const char *key)
{
	return !declared->links || json_object_get(declared->written, key);
}

static void account_fill(struct account *account, const struct declared_user *declared)
{
	const struct account *from = &declared->account;
	text_replace(&account->username, from->username);
	text_replace(&account->username_key, from->username_key);
	if (is_said(declared, "email")) {
		text_replace(&account->email, from->email);
		text_replace(&account->email_key, from->email_key);
	}
	if (is_said(declared, "email") || is_said(declared, "email_verified"))
		account->email_verified = from->email_verified;
	if (is_said(declared, "name"))
		text_replace(&account->name, from->name);
	if (is_said(declared, "locale"))
		text_replace(&account->locale, from->locale);
	if (is_said(declared, "groups")) {
		json_decref(account->groups);
		account->groups = from->groups ? json_deep_copy(from->groups) : NULL;
	}
	/* Left out, the lock stays as it is: a declaration applied every hour must not open what an administrator shut in an emergency. */
	if (declared->disabled_given)
		account->disabled = from->disabled;
}

static bool password_differs(struct planning *planning, const struct declared_user *declared, const char *account, bool *ret_differs)
{
	g_autofree char *stored = NULL;
	if (!declared->password && !declared->password_hash) {
		*ret_differs = false;
		return true;
	}
	enum found found = credential_find(planning->options->unit, planning->stored, account, &stored, planning->error);
	if (found == BROKEN)
		return false;
	if (declared->password_hash) {
		/* a hash from elsewhere brings a person in, once: the first sign-in replaces it, and a later apply must not put it back */
		*ret_differs = g_strcmp0(stored, declared->password_hash) != 0 && !(stored && password_stored_is_foreign(declared->password_hash));
		return true;
	}
	if (!stored) {
		*ret_differs = true;
		return true;
	}
	enum password_verdict verdict =
		password_verify(planning->options->hasher, stored, declared->password, clock_monotonic_ms() + VERIFY_WAIT_MS, NULL);
	if (verdict == PASSWORD_BUSY)
		return fail(planning->error, ERROR_UNAVAILABLE, "no memory or slot to verify a password with; try again");
	*ret_differs = verdict != PASSWORD_MATCH && verdict != PASSWORD_MATCH_REHASH;
	return true;
}

/* The declared links that are not there yet. Another account's link was a mistake already, so whatever is found is this account's. */
static bool links_missing(struct planning *planning, const struct declared_user *declared, json_t **ret_links)
{
	g_autoptr(json_t) links = json_array();
	size_t i;
	json_t *link;
	json_array_foreach(declared->links, i, link) {
		struct link stored = { 0 };
		enum found found = planning->stored ? link_find(planning->options->unit, planning->stored, json_string_at(link, "provider"),
		                                                json_string_at(link, "subject"), &stored, planning->error)
		                                    : MISSING;
		link_clear(&stored);
		if (found == BROKEN)
			return false;
		if (found == MISSING)
			json_array_append(links, link);
	}
	*ret_links = g_steal_pointer(&links);
	return true;
}

/* Takes the links over. A linked account is the provider's too: never apply's to prune. */
static void links_keep(struct difference *difference, json_t *links)
{
	difference->links = links;
	if (json_array_size(links) == 0)
		return;
	difference->account.declared = false;
	json_object_set(difference->after, "links", links);
	if (difference->sign == SIGN_CHANGE)
		json_array_append_new(difference->keys, json_string("links"));
}

static bool user_plan_change(struct planning *planning, const struct declared_user *declared, struct account *stored)
{
	bool differs = false;
	json_t *links = NULL;
	if (!password_differs(planning, declared, stored->id, &differs) || !links_missing(planning, declared, &links))
		return false;
	g_autoptr(json_t) before = account_settings(stored);
	bool was_disabled = stored->disabled;
	account_fill(stored, declared);
	g_autoptr(json_t) after = account_settings(stored);
	struct difference *difference = difference_of(OBJECT_USER, declared->account.username, before, after);
	difference->expected_ms = stored->updated_ms;
	difference->was_disabled = was_disabled;
	difference->account = *stored;
	*stored = (struct account){ 0 };
	difference->account.updated_ms = planning->options->now_ms;
	if (differs) {
		json_array_append_new(difference->keys, json_string("password"));
		difference->password = declared->password;
		difference->stored = g_strdup(declared->password_hash);
	}
	links_keep(difference, links);
	difference_keep(planning, difference);
	return true;
}

static bool user_plan(struct planning *planning, const struct declared_user *declared)
{
	g_auto(account_t) account = { 0 };
	json_t *links = NULL;
	enum found found = account_search(planning, declared, &account);
	if (found == BROKEN)
		return false;
	if (found == FOUND)
		return user_plan_change(planning, declared, &account);
	if (!links_missing(planning, declared, &links))
		return false;
	account_fill(&account, declared);
	g_autoptr(json_t) settings = account_settings(&account);
	struct difference *difference = difference_of(OBJECT_USER, declared->account.username, NULL, settings);
	if (declared->account.id[0])
		g_strlcpy(account.id, declared->account.id, sizeof(account.id));
	else
		random_identifier(account.id);
	account.declared = !planning->declared->by_hand;
	account.created_ms = account.updated_ms = planning->options->now_ms;
	difference->account = account;
	account = (struct account){ 0 };
	difference->password = declared->password;
	difference->stored = g_strdup(declared->password_hash);
	links_keep(difference, links);
	difference_keep(planning, difference);
	return true;
}

static bool client_has_secret(const struct client *client, const uint8_t digest[DIGEST_SIZE])
{
	for (size_t i = 0; i < client->secret_count; i++) {
		const struct client_secret *secret = &client->secrets[i];
		if (secret->expires_ms == 0 && secrets_equal(secret->digest, DIGEST_SIZE, digest, DIGEST_SIZE))
			return true;
	}
	return false;
}

/* Which secrets the client will have: the declared one, else those it has, else one that is made. Who does not authenticate, or signs, has none. */
static void client_secrets_plan(struct difference *difference, const struct declared_client *declared, const struct client *stored)
{
	struct client *client = difference->client;
	bool changed = false;
	if (stored) {
		memcpy(client->secrets, stored->secrets, sizeof(client->secrets));
		memcpy(difference->had, stored->secrets, sizeof(difference->had));
		client->secret_count = difference->had_count = stored->secret_count;
	}
	if (client->auth_method == CLIENT_AUTH_NONE || client->auth_method == CLIENT_AUTH_PRIVATE_KEY_JWT) {
		changed = client->secret_count > 0;
		client->secret_count = 0;
	} else if (declared->secret_given && !client_has_secret(client, declared->secret)) {
		changed = true;
		client->secret_count = 1;
		client->secrets[0] = (struct client_secret){ 0 };
		memcpy(client->secrets[0].digest, declared->secret, DIGEST_SIZE);
	} else if (client->secret_count == 0) {
		changed = true;
		difference->needs_secret = true;
	}
	if (changed && stored)
		json_array_append_new(difference->keys, json_string("client_secret"));
}

static bool client_plan(struct planning *planning, const struct declared_client *declared)
{
	g_autoptr(client_t) stored = NULL;
	enum found found = planning->stored ? client_find(planning->options->unit, planning->stored, declared->client_id, &stored, planning->error) : MISSING;
	if (found == BROKEN)
		return false;
	g_autoptr(json_t) settings = settings_marked(planning, declared->settings, stored ? stored->settings : NULL);
	struct difference *difference = difference_of(OBJECT_CLIENT, declared->client_id, stored ? stored->settings : NULL, settings);
	struct client *client = difference->client = client_new(declared->client_id, settings);
	if (stored)
		memcpy(client->incarnation, stored->incarnation, IDENTIFIER_SIZE);
	else
		random_identifier(client->incarnation);
	client->created_ms = stored ? stored->created_ms : planning->options->now_ms;
	client_secrets_plan(difference, declared, stored);
	difference_keep(planning, difference);
	return true;
}

static bool key_algorithm_note(const struct signing_key *key, void *data)
{
	unsigned *algorithms = data;
	if (key->state == KEY_STATE_ACTIVE)
		*algorithms |= 1U << key->algorithm;
	return true;
}

static unsigned algorithms_needed(const struct declared_tenant *declared)
{
	unsigned needed = 1U << JOSE_ES256;
	for (guint i = 0; i < declared->clients->len; i++) {
		const struct declared_client *client = g_ptr_array_index(declared->clients, i);
		if (!json_array_has(json_object_get(client->settings, "grant_types"), "authorization_code"))
			continue;
		needed |= 1U << jose_algorithm_named(json_string_at(client->settings, "id_token_signed_response_alg"));
		needed |= 1U << jose_algorithm_named(json_string_at(client->settings, "userinfo_signed_response_alg"));
	}
	for (guint i = 0; i < declared->resources->len; i++) {
		const struct declared_resource *resource = g_ptr_array_index(declared->resources, i);
		if (g_strcmp0(json_string_at(resource->settings, "access_token_format"), "jwt") == 0)
			needed |= 1U << jose_algorithm_named(json_string_at(resource->settings, "access_token_signed_response_alg"));
	}
	return needed;
}

static void key_plan(struct planning *planning, enum jose_algorithm algorithm, enum key_state state)
{
	struct difference *difference = difference_new(SIGN_ADD, OBJECT_KEY, jose_algorithm_name(algorithm));
	difference->key.algorithm = algorithm;
	difference->key.state = state;
	difference->key.created_ms = planning->options->now_ms;
	g_ptr_array_add(planning->planned->differences, difference);
}

/* ES256 for everybody; the costly RSA pair only where a client needs it. */
static bool keys_plan(struct planning *planning)
{
	static const enum jose_algorithm all[] = { JOSE_ES256, JOSE_RS256, JOSE_PS256, JOSE_ED25519 };
	unsigned needed = algorithms_needed(planning->declared), there = 0;
	if (planning->stored && !key_list(planning->options->unit, planning->stored, key_algorithm_note, &there, planning->error))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		if (!(needed & (1U << all[i])) || (there & (1U << all[i])))
			continue;
		key_plan(planning, all[i], KEY_STATE_ACTIVE);
		key_plan(planning, all[i], KEY_STATE_NEXT);
	}
	return true;
}

static void tenant_settings_plan(struct planning *planning, struct tenant *stored)
{
	const struct declared_tenant *declared = planning->declared;
	char id[IDENTIFIER_SIZE];
	if (declared->by_hand) {
		planning->planned->tenant = tenant_ref(stored);
		return;
	}
	random_identifier(id);
	struct difference *difference = difference_of(OBJECT_TENANT, declared->name, stored ? stored->settings : NULL, declared->settings);
	difference->tenant = tenant_new(stored ? stored->id : id, declared->name, declared->settings, stored ? stored->created_ms : planning->options->now_ms);
	planning->planned->tenant = tenant_ref(difference->tenant);
	difference_keep(planning, difference);
}

static bool members_plan(struct planning *planning)
{
	const struct declared_tenant *declared = planning->declared;
	if (!keys_plan(planning) || !saml_keys_plan(planning))
		return false;
	for (guint i = 0; i < declared->resources->len; i++)
		if (!resource_plan(planning, g_ptr_array_index(declared->resources, i)))
			return false;
	for (guint i = 0; i < declared->providers->len; i++)
		if (!provider_plan(planning, g_ptr_array_index(declared->providers, i)))
			return false;
	for (guint i = 0; i < declared->users->len; i++)
		if (!user_plan(planning, g_ptr_array_index(declared->users, i)))
			return false;
	for (guint i = 0; i < declared->clients->len; i++)
		if (!client_plan(planning, g_ptr_array_index(declared->clients, i)))
			return false;
	return prune_plan(planning);
}

static bool tenant_plan(const struct plan_options *options, const struct declared_tenant *declared, struct plan *plan, GError **error)
{
	g_autoptr(tenant_t) stored = NULL;
	enum found found = options->unit ? tenant_find_named(options->unit, declared->name, &stored, error) : MISSING;
	if (found == BROKEN)
		return false;
	if (found == MISSING && declared->by_hand)
		return fail(error, ERROR_NOT_FOUND, "no tenant is named %s", declared->name);
	struct planned_tenant *planned = g_new0(struct planned_tenant, 1);
	planned->differences = g_ptr_array_new_with_free_func(difference_free);
	g_ptr_array_add(plan->tenants, planned);
	struct planning planning = { options, declared, planned, stored ? stored->id : NULL, error };
	tenant_settings_plan(&planning, stored);
	return members_plan(&planning);
}

struct plan *plan_make(const struct plan_options *options, GError **error)
{
	struct plan *plan = g_new0(struct plan, 1);
	plan->tenants = g_ptr_array_new_with_free_func(planned_tenant_free);
	const GPtrArray *tenants = options->declaration->tenants;
	for (guint i = 0; i < tenants->len; i++) {
		if (tenant_plan(options, g_ptr_array_index(tenants, i), plan, error))
			continue;
		plan_free(plan);
		return NULL;
	}
	return plan;
}
