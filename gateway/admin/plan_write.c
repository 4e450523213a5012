/* Carrying a plan out: what is slow first, then one transaction with its rows in the connection log, then the printout. */
#include "gateway/admin/plan.h"

#include "base/clock.h"
#include "crypto/compare.h"
#include "gateway/admin/provider_settings.h"
#include "gateway/audit/audit.h"
#include "gateway/call/saml_keys.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HASH_WAIT_MS 60000

void signing_key_make(enum jose_algorithm algorithm, enum key_state state, int64_t now_ms, struct signing_key *ret)
{
	g_autoptr(jose_key_t) key = jose_key_generate(algorithm);
	*ret = (struct signing_key){
		.kid = g_strdup(jose_key_id(key)),
		.algorithm = algorithm,
		.state = state,
		.pkcs8 = jose_key_export(key),
		.created_ms = now_ms,
		.activated_ms = state == KEY_STATE_ACTIVE ? now_ms : 0,
	};
}

static void client_secret_make(struct difference *difference)
{
	struct client *client = difference->client;
	opaque_token_make(OPAQUE_SECRET_PREFIX, difference->secret);
	client->secrets[0] = (struct client_secret){ 0 };
	digest_sha256(difference->secret, strlen(difference->secret), client->secrets[0].digest);
	client->secret_count = 1;
}

static bool difference_prepare(struct difference *difference, const struct tenant *tenant, struct password_hasher *hasher, GError **error)
{
	if (difference->needs_secret)
		client_secret_make(difference);
	if (difference->object == OBJECT_KEY)
		signing_key_make(difference->key.algorithm, difference->key.state, difference->key.created_ms, &difference->key);
	if (difference->object == OBJECT_SAML_KEY)
		saml_key_make(tenant, difference->saml_key.purpose, difference->saml_key.state, difference->saml_key.created_ms, &difference->saml_key);
	if (!difference->password)
		return true;
	difference->stored = password_hash(hasher, difference->password, clock_monotonic_ms() + HASH_WAIT_MS, error);
	return difference->stored;
}

bool plan_prepare(struct plan *plan, struct password_hasher *hasher, GError **error)
{
	bool terminal = isatty(STDERR_FILENO);
	for (guint t = 0; t < plan->tenants->len; t++) {
		const struct planned_tenant *planned = g_ptr_array_index(plan->tenants, t);
		for (guint i = 0; i < planned->differences->len; i++) {
			if (!difference_prepare(g_ptr_array_index(planned->differences, i), planned->tenant, hasher, error))
				return false;
			if (terminal && planned->differences->len > 20)
				fprintf(stderr, "\r%s: %u of %u prepared", planned->tenant->name, i + 1, planned->differences->len);
		}
		if (terminal && planned->differences->len > 20)
			fputc('\n', stderr);
	}
	return true;
}

struct writing {
	const struct plan *plan;
	const struct store *store;
	const char *actor;
	int64_t now_ms;
	const struct planned_tenant *tenant;
	struct unit *unit;
	GError **error;
};

static bool conflict(const struct writing *writing, const struct difference *difference)
{
	return fail(writing->error, ERROR_CONFLICT, "%s was changed by somebody else meanwhile; nothing was written, run the command again", difference->name);
}

static bool record(struct writing *writing, const struct difference *difference, enum audit_event event, const char *change)
{
	g_autoptr(json_t) detail = json_object();
	if (change)
		json_object_set_new(detail, "change", json_string(change));
	if (difference->object == OBJECT_RESOURCE || difference->object == OBJECT_PROVIDER || difference->object == OBJECT_KEY ||
	    difference->object == OBJECT_SAML_KEY)
		json_object_set_new(detail, "name", json_string(difference->name));
	if (json_array_size(difference->keys))
		json_object_set(detail, "keys", difference->keys);
	if (json_object_size(difference->before))
		json_object_set(detail, "before", difference->before);
	if (json_object_size(difference->after))
		json_object_set(detail, "after", difference->after);
	bool user = difference->object == OBJECT_USER;
	const struct audit_facts facts = {
		.event = event, .result = AUDIT_OK, .reason = REASON_OK, .actor = writing->actor, .detail = detail, .time_ms = writing->now_ms,
		.account = user ? difference->account.id : NULL,
		.username = user ? difference->account.username : NULL,
		.client = difference->object == OBJECT_CLIENT ? difference->name : NULL,
		.provider = difference->object == OBJECT_PROVIDER ? difference->name : NULL,
	};
	return audit_append(writing->unit, writing->store, writing->tenant->tenant, &facts, true, writing->error);
}

static bool tenant_write(struct writing *writing, const struct difference *difference)
{
	if (difference->sign == SIGN_ADD)
		return tenant_insert(writing->unit, difference->tenant, writing->error) && record(writing, difference, EVENT_TENANT_CREATE, NULL);
	g_autoptr(tenant_t) stored = NULL;
	enum found found = tenant_find(writing->unit, difference->tenant->id, &stored, writing->error);
	if (found == BROKEN)
		return false;
	if (found == MISSING || !json_equal(stored->settings, difference->expected))
		return conflict(writing, difference);
	return tenant_update(writing->unit, difference->tenant, writing->error) && record(writing, difference, EVENT_TENANT_UPDATE, NULL);
}

static bool key_write(struct writing *writing, const struct difference *difference)
{
	if (!key_insert(writing->unit, writing->tenant->tenant->id, &difference->key, writing->error))
		return false;
	return difference->key.state != KEY_STATE_ACTIVE || record(writing, difference, EVENT_KEY_ROTATE, "made");
}

static bool saml_key_write(struct writing *writing, const struct difference *difference)
{
	return saml_key_insert(writing->unit, writing->tenant->tenant->id, &difference->saml_key, writing->error) &&
	       record(writing, difference, EVENT_KEY_ROTATE, "made");
}

static const char *sign_word(enum sign sign)
{
	switch (sign) {
	case SIGN_ADD:
		return "add";
	case SIGN_CHANGE:
		return "change";
	case SIGN_REMOVE:
		return "remove";
	}
	return "?";
}

static bool resource_write(struct writing *writing, const struct difference *difference)
{
	const char *tenant = writing->tenant->tenant->id;
	if (difference->sign == SIGN_REMOVE)
		return resource_remove(writing->unit, tenant, difference->name, writing->error) && record(writing, difference, EVENT_RESOURCE_UPDATE, "remove");
	g_autoptr(resource_t) stored = NULL;
	enum found found = resource_find(writing->unit, tenant, difference->name, &stored, writing->error);
	if (found == BROKEN)
		return false;
	if ((found == FOUND) != (difference->expected != NULL) || (stored && !json_equal(stored->settings, difference->expected)))
		return conflict(writing, difference);
	return resource_put(writing->unit, tenant, difference->resource, writing->error) &&
	       record(writing, difference, EVENT_RESOURCE_UPDATE, sign_word(difference->sign));
}

/* The secrets among the settings are compared with the rest: one that was carried over goes with what it was read with, or not at all. */
static bool provider_write(struct writing *writing, const struct difference *difference)
{
	const char *tenant = writing->tenant->tenant->id;
	if (difference->sign == SIGN_REMOVE)
		return provider_remove(writing->unit, tenant, difference->name, writing->error) && record(writing, difference, EVENT_PROVIDER_UPDATE, "remove");
	struct provider_record stored = { 0 };
	enum found found = provider_find(writing->unit, tenant, difference->name, &stored, writing->error);
	bool same = (found == FOUND) == (difference->expected != NULL) && (found != FOUND || json_equal(stored.settings, difference->expected));
	provider_record_clear(&stored);
	if (found == BROKEN)
		return false;
	if (!same)
		return conflict(writing, difference);
	return provider_put(writing->unit, tenant, &difference->provider, writing->error) &&
	       record(writing, difference, EVENT_PROVIDER_UPDATE, sign_word(difference->sign));
}

static bool secrets_as_read(const struct client *stored, const struct difference *difference)
{
	return secrets_equal(stored->secrets, stored->secret_count * sizeof(*stored->secrets), difference->had, difference->had_count * sizeof(*difference->had));
}

static bool client_write(struct writing *writing, const struct difference *difference)
{
	const char *tenant = writing->tenant->tenant->id;
	if (difference->sign == SIGN_REMOVE)
		return client_remove(writing->unit, tenant, difference->name, writing->now_ms, writing->error) &&
		       record(writing, difference, EVENT_CLIENT_REMOVE, NULL);
	g_autoptr(client_t) stored = NULL;
	enum found found = client_find(writing->unit, tenant, difference->name, &stored, writing->error);
	if (found == BROKEN)
		return false;
	if ((found == FOUND) != (difference->expected != NULL) || (stored && !json_equal(stored->settings, difference->expected)) ||
	    (stored && !secrets_as_read(stored, difference)))
		return conflict(writing, difference);
	return client_put(writing->unit, tenant, difference->client, writing->error) &&
	       record(writing, difference, difference->sign == SIGN_ADD ? EVENT_CLIENT_CREATE : EVENT_CLIENT_UPDATE, NULL);
}

static bool links_write(const struct writing *writing, const struct difference *difference)
{
	size_t i;
	json_t *item;
	json_array_foreach(difference->links, i, item) {
		struct link link = { .provider = g_strdup(json_string_at(item, "provider")), .subject = g_strdup(json_string_at(item, "subject")),
			.created_ms = writing->now_ms };
		memcpy(link.account, difference->account.id, sizeof(link.account));
		bool done = link_insert(writing->unit, writing->tenant->tenant->id, &link, writing->error);
		link_clear(&link);
		if (!done)
			return false;
	}
	return true;
}

static bool user_create(struct writing *writing, const struct difference *difference)
{
	const char *tenant = writing->tenant->tenant->id;
	return account_insert(writing->unit, tenant, &difference->account, writing->error) &&
	       (!difference->stored || credential_set(writing->unit, tenant, difference->account.id, difference->stored, 0, writing->error)) &&
	       links_write(writing, difference) && record(writing, difference, EVENT_USER_CREATE, NULL);
}

/* The account's own columns first, with the old lock: the verbs after it set the lock and the password's time, which an update would put back. */
static bool user_update(struct writing *writing, const struct difference *difference)
{
	const char *tenant = writing->tenant->tenant->id;
	struct account account = difference->account;
	account.disabled = difference->was_disabled;
	bool locks = difference->account.disabled != difference->was_disabled;
	if (!account_update(writing->unit, tenant, &account, writing->error) || !links_write(writing, difference))
		return false;
	if (locks && !account_set_disabled(writing->unit, tenant, account.id, difference->account.disabled, clock_now_ms(), writing->error))
		return false;
	if (difference->stored && !credential_set(writing->unit, tenant, account.id, difference->stored, clock_now_ms(), writing->error))
		return false;
	if (!record(writing, difference, EVENT_USER_UPDATE, NULL))
		return false;
	if (locks && !record(writing, difference, difference->account.disabled ? EVENT_USER_DISABLE : EVENT_USER_ENABLE, NULL))
		return false;
	return !difference->stored || record(writing, difference, EVENT_USER_PASSWORD, NULL);
}

static bool user_write(struct writing *writing, const struct difference *difference)
{
	const char *tenant = writing->tenant->tenant->id;
	if (difference->sign == SIGN_ADD)
		return user_create(writing, difference);
	g_auto(account_t) stored = { 0 };
	enum found found = account_find(writing->unit, tenant, difference->account.id, &stored, writing->error);
	if (found == BROKEN)
		return false;
	if (difference->sign == SIGN_REMOVE)
		return found == FOUND ? account_remove(writing->unit, tenant, difference->account.id, writing->error) &&
		                                record(writing, difference, EVENT_USER_REMOVE, NULL)
		                      : conflict(writing, difference);
	if (found == MISSING || stored.updated_ms != difference->expected_ms)
		return conflict(writing, difference);
	return user_update(writing, difference);
}

static bool difference_write(struct writing *writing, const struct difference *difference)
{
	switch (difference->object) {
	case OBJECT_TENANT:
		return tenant_write(writing, difference);
	case OBJECT_KEY:
		return key_write(writing, difference);
	case OBJECT_SAML_KEY:
		return saml_key_write(writing, difference);
	case OBJECT_RESOURCE:
		return resource_write(writing, difference);
	case OBJECT_PROVIDER:
		return provider_write(writing, difference);
	case OBJECT_USER:
		return user_write(writing, difference);
	case OBJECT_CLIENT:
		return client_write(writing, difference);
	}
	return fail(writing->error, ERROR_INTERNAL, "no such object");
}

static bool plan_work(struct unit *unit, void *data, GError **error)
{
	struct writing *writing = data;
	writing->unit = unit;
	writing->error = error;
	for (guint t = 0; t < writing->plan->tenants->len; t++) {
		writing->tenant = g_ptr_array_index(writing->plan->tenants, t);
		for (guint i = 0; i < writing->tenant->differences->len; i++)
			if (!difference_write(writing, g_ptr_array_index(writing->tenant->differences, i)))
				return false;
	}
	return true;
}

static bool plan_is_empty(const struct plan *plan)
{
	for (guint t = 0; t < plan->tenants->len; t++) {
		const struct planned_tenant *planned = g_ptr_array_index(plan->tenants, t);
		if (planned->differences->len > 0)
			return false;
	}
	return true;
}

bool plan_write(struct plan *plan, struct store *store, const char *actor, int64_t now_ms, GError **error)
{
	struct writing writing = { .plan = plan, .store = store, .actor = actor, .now_ms = now_ms };
	return plan_is_empty(plan) || store_write(store, plan_work, &writing, error);
}

static const char *object_word(enum object object)
{
	switch (object) {
	case OBJECT_TENANT:
		return "tenant";
	case OBJECT_KEY:
	case OBJECT_SAML_KEY:
		return "key";
	case OBJECT_RESOURCE:
		return "resource";
	case OBJECT_PROVIDER:
		return "provider";
	case OBJECT_USER:
		return "user";
	case OBJECT_CLIENT:
		return "client";
	}
	return "?";
}

static char sign_character(enum sign sign)
{
	switch (sign) {
	case SIGN_ADD:
		return '+';
	case SIGN_CHANGE:
		return '~';
	case SIGN_REMOVE:
		return '-';
	}
	return '?';
}

static void difference_print_text(const struct plan *plan, const struct planned_tenant *planned, const struct difference *difference)
{
	bool several = plan->tenants->len > 1 && difference->object != OBJECT_TENANT;
	printf("%c %s %s", sign_character(difference->sign), object_word(difference->object), difference->name);
	size_t i;
	json_t *key;
	json_array_foreach(difference->keys, i, key)
		printf("%s%s", i ? ", " : ": ", json_string_value(key));
	if (several)
		printf(" (%s)", planned->tenant->name);
	putchar('\n');
	if (difference->secret[0])
		printf("  client_secret: %s  (shown this once)\n", difference->secret);
}

static json_t *difference_json(const struct planned_tenant *planned, const struct difference *difference)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "change", sign_word(difference->sign), "kind", object_word(difference->object), "tenant",
	                           planned->tenant->name, "name", difference->name);
	if (json_array_size(difference->keys))
		json_object_set(object, "keys", difference->keys);
	if (difference->object == OBJECT_USER)
		json_object_set_new(object, "id", json_string(difference->account.id));
	if (difference->secret[0])
		json_object_set_new(object, "client_secret", json_string(difference->secret));
	return object;
}

void plan_print(const struct plan *plan, bool json)
{
	g_autoptr(json_t) list = json_array();
	for (guint t = 0; t < plan->tenants->len; t++) {
		const struct planned_tenant *planned = g_ptr_array_index(plan->tenants, t);
		for (guint i = 0; i < planned->differences->len; i++) {
			const struct difference *difference = g_ptr_array_index(planned->differences, i);
			/* Keys are made for what was declared; nobody declared them. */
			if (difference->object == OBJECT_KEY || difference->object == OBJECT_SAML_KEY)
				continue;
			if (json)
				json_array_append_new(list, difference_json(planned, difference));
			else
				difference_print_text(plan, planned, difference);
		}
	}
	if (!json)
		return;
	json_dumpf(list, stdout, JSON_INDENT(2));
	putchar('\n');
}
