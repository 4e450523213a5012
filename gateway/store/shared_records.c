/* The records a front shares between threads: tenant, client, resource. Built from validated settings, never changed afterwards, counted.
 *
 * Settings have passed the schema before they were stored; still, a value of another type denies: an unknown authentication method authenticates
 * nobody, an unreadable list of groups lets nobody in.
 */
#include "gateway/store/records.h"
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

/* The count stands before the record. Not GLib's: thread sanitizer cannot see through it. */
struct box {
	alignas(max_align_t) atomic_uint references;
};

static void *box_new(size_t size)
{
	struct box *box = g_malloc0(sizeof(*box) + size);
	atomic_init(&box->references, 1);
	return box + 1;
}

static void box_ref(void *record)
{
	atomic_fetch_add_explicit(&((struct box *)record - 1)->references, 1, memory_order_relaxed);
}

/* The last holder empties the record; what others wrote to it before they let go is seen by then. */
static void box_unref(void *record, void (*clear)(void *record))
{
	struct box *box = (struct box *)record - 1;
	if (atomic_fetch_sub_explicit(&box->references, 1, memory_order_acq_rel) != 1)
		return;
	clear(record);
	g_free(box);
}

static int64_t integer_or(const json_t *object, const char *key, int64_t standard)
{
	int64_t value;
	return json_integer_at(object, key, &value) && value >= 0 ? value : standard;
}

static unsigned count_or(const json_t *object, const char *key, unsigned standard)
{
	int64_t value = integer_or(object, key, standard);
	return value <= G_MAXUINT ? (unsigned)value : standard;
}

static bool flag_or(const json_t *object, const char *key, bool standard)
{
	const json_t *value = json_object_get(object, key);
	return json_is_boolean(value) ? json_is_true(value) : standard;
}

static const char *text_or(const json_t *object, const char *key, const char *standard)
{
	const char *value = json_string_at(object, key);
	return value ? value : standard;
}

/* NULL when absent; an empty list for what is not a list of strings. One string alone counts as a list of one. */
static char **strings_at(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	if (!value || json_is_null(value))
		return NULL;
	GPtrArray *strings = g_ptr_array_new();
	if (json_is_string(value))
		g_ptr_array_add(strings, g_strdup(json_string_value(value)));
	for (size_t i = 0; i < json_array_size(value); i++)
		if (json_is_string(json_array_get(value, i)))
			g_ptr_array_add(strings, g_strdup(json_string_value(json_array_get(value, i))));
	g_ptr_array_add(strings, NULL);
	return (char **)g_ptr_array_free(strings, FALSE);
}

static char **list_at(const json_t *object, const char *key)
{
	char **strings = strings_at(object, key);
	return strings ? strings : g_new0(char *, 1);
}

static struct tenant_policy policy_read(const json_t *policy)
{
	const json_t *password = json_object_get(policy, "password"), *throttle = json_object_get(policy, "throttle");
	const json_t *session = json_object_get(policy, "session"), *tokens = json_object_get(policy, "tokens");
	enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
	return (struct tenant_policy){
		.password = {
			.min_length = count_or(password, "min_length", 15),
			.min_length_with_second_factor = count_or(password, "min_length_with_second_factor", 8),
			.max_length = count_or(password, "max_length", 256),
			.refuse_common = strcmp(text_or(password, "blocklist", "common"), "none") != 0,
			.local = flag_or(password, "local", true),
		},
		.throttle = {
			.failures = count_or(throttle, "failures", 10),
			.window_s = integer_or(throttle, "window", 15 * MINUTE),
			.lock_s = integer_or(throttle, "lock", 15 * MINUTE),
		},
		.session = {
			.idle_s = integer_or(session, "idle", 8 * HOUR),
			.absolute_s = integer_or(session, "absolute", 30 * DAY),
		},
		.tokens = {
			.code_s = integer_or(tokens, "code", 60),
			.access_s = integer_or(tokens, "access", 10 * MINUTE),
			.id_s = integer_or(tokens, "id", 10 * MINUTE),
			.refresh_idle_s = integer_or(tokens, "refresh_idle", 14 * DAY),
			.refresh_absolute_s = integer_or(tokens, "refresh_absolute", 90 * DAY),
		},
		.log_retention_s = integer_or(policy, "log_retention", 365 * DAY),
	};
}

struct tenant *tenant_new(const char *id, const char *name, json_t *settings, int64_t created_ms)
{
	struct tenant *tenant = box_new(sizeof(struct tenant));
	g_strlcpy(tenant->id, id, sizeof(tenant->id));
	tenant->name = g_strdup(name);
	tenant->display_name = g_strdup(text_or(settings, "display_name", name));
	tenant->issuer = g_strdup(json_string_at(settings, "issuer"));
	tenant->locale = g_strdup(json_string_at(settings, "locale"));
	tenant->settings = json_incref(settings);
	tenant->policy = policy_read(json_object_get(settings, "policy"));
	tenant->created_ms = created_ms;
	return tenant;
}

struct tenant *tenant_ref(struct tenant *tenant)
{
	box_ref(tenant);
	return tenant;
}

static void tenant_empty(void *data)
{
	struct tenant *tenant = data;
	g_free(tenant->name);
	g_free(tenant->display_name);
	g_free(tenant->issuer);
	g_free(tenant->locale);
	json_decref(tenant->settings);
}

void tenant_unref(struct tenant *tenant)
{
	if (tenant)
		box_unref(tenant, tenant_empty);
}

static enum client_auth_method auth_method_read(const json_t *settings)
{
	const char *name = text_or(settings, "token_endpoint_auth_method", "client_secret_basic");
	if (strcmp(name, "client_secret_basic") == 0)
		return CLIENT_AUTH_BASIC;
	if (strcmp(name, "client_secret_post") == 0)
		return CLIENT_AUTH_POST;
	if (strcmp(name, "private_key_jwt") == 0)
		return CLIENT_AUTH_PRIVATE_KEY_JWT;
	return strcmp(name, "none") == 0 ? CLIENT_AUTH_NONE : CLIENT_AUTH_UNKNOWN;
}

static unsigned grant_types_read(const json_t *settings)
{
	static const struct {
		const char *name;
		enum grant_type type;
	} known[] = {
		{ "authorization_code", GRANT_TYPE_AUTHORIZATION_CODE },
		{ "refresh_token", GRANT_TYPE_REFRESH_TOKEN },
		{ "client_credentials", GRANT_TYPE_CLIENT_CREDENTIALS },
	};
	g_auto(GStrv) names = strings_at(settings, "grant_types");
	if (!names)
		return GRANT_TYPE_AUTHORIZATION_CODE; /* RFC 7591 section 2 */
	unsigned types = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (g_strv_contains((const char *const *)names, known[i].name))
			types |= known[i].type;
	return types;
}

static enum token_format token_format_read(const json_t *settings)
{
	return strcmp(text_or(settings, "access_token_format", "jwt"), "opaque") == 0 ? TOKEN_FORMAT_OPAQUE : TOKEN_FORMAT_JWT;
}

/* An unknown word is the narrowest. */
static enum introspects introspects_read(const json_t *settings)
{
	const char *name = text_or(settings, "introspects", "resource");
	if (strcmp(name, "tenant") == 0)
		return INTROSPECTS_TENANT;
	return strcmp(name, "resource") == 0 ? INTROSPECTS_RESOURCE : INTROSPECTS_OWN;
}

struct client *client_new(const char *client_id, json_t *settings)
{
	struct client *client = box_new(sizeof(struct client));
	client->client_id = g_strdup(client_id);
	client->settings = json_incref(settings);
	client->client_name = g_strdup(text_or(settings, "client_name", client_id));
	client->auth_method = auth_method_read(settings);
	client->grant_types = grant_types_read(settings);
	client->redirect_uris = list_at(settings, "redirect_uris");
	client->post_logout_redirect_uris = list_at(settings, "post_logout_redirect_uris");
	client->resources = list_at(settings, "resources");
	client->allowed_groups = strings_at(settings, "allowed_groups");
	client->scope = g_strdup(text_or(settings, "scope", ""));
	client->access_token_format = token_format_read(settings);
	client->id_token_alg = jose_algorithm_named(text_or(settings, "id_token_signed_response_alg", "RS256"));
	client->userinfo_alg = jose_algorithm_named(json_string_at(settings, "userinfo_signed_response_alg"));
	client->introspects = introspects_read(settings);
	client->consent_explicit = strcmp(text_or(settings, "consent", "implicit"), "implicit") != 0;
	client->require_pkce = flag_or(settings, "require_pkce", true);
	client->claims_in_id_token = flag_or(settings, "claims_in_id_token", false);
	client->rotate_refresh_tokens = flag_or(settings, "refresh_token_rotation", client->auth_method == CLIENT_AUTH_NONE);
	client->native = strcmp(text_or(settings, "application_type", "web"), "native") == 0;
	client->backchannel_logout_uri = g_strdup(json_string_at(settings, "backchannel_logout_uri"));
	client->jwks = json_object_get(settings, "jwks") ? jwk_set_read(json_object_get(settings, "jwks"), NULL) : NULL;
	client->jwks_uri = g_strdup(json_string_at(settings, "jwks_uri"));
	client->access_token_lifetime_s = integer_or(settings, "access_token_lifetime", 0);
	return client;
}

struct client *client_ref(struct client *client)
{
	box_ref(client);
	return client;
}

static void client_empty(void *data)
{
	struct client *client = data;
	g_free(client->client_id);
	json_decref(client->settings);
	g_free(client->client_name);
	g_strfreev(client->redirect_uris);
	g_strfreev(client->post_logout_redirect_uris);
	g_strfreev(client->resources);
	g_strfreev(client->allowed_groups);
	g_free(client->scope);
	g_free(client->backchannel_logout_uri);
	jwk_set_free(client->jwks);
	g_free(client->jwks_uri);
	wipe(client->secrets, sizeof(client->secrets));
}

void client_unref(struct client *client)
{
	if (client)
		box_unref(client, client_empty);
}

/* The schema may keep scopes as a list or as one text. */
static char *scopes_read(const json_t *settings)
{
	g_auto(GStrv) list = list_at(settings, "scopes");
	return g_strjoinv(" ", list);
}

struct resource *resource_new(const char *identifier, json_t *settings)
{
	struct resource *resource = box_new(sizeof(struct resource));
	resource->identifier = g_strdup(identifier);
	resource->scopes = scopes_read(settings);
	resource->introspection_clients = list_at(settings, "introspection_clients");
	resource->access_token_format = token_format_read(settings);
	resource->signed_response_alg = jose_algorithm_named(text_or(settings, "access_token_signed_response_alg", "ES256"));
	resource->settings = json_incref(settings);
	return resource;
}

struct resource *resource_ref(struct resource *resource)
{
	box_ref(resource);
	return resource;
}

static void resource_empty(void *data)
{
	struct resource *resource = data;
	g_free(resource->identifier);
	g_free(resource->scopes);
	g_strfreev(resource->introspection_clients);
	json_decref(resource->settings);
}

void resource_unref(struct resource *resource)
{
	if (resource)
		box_unref(resource, resource_empty);
}
