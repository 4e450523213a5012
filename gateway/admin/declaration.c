/* Reading a declaration: each object against its table of keys, all mistakes collected.
 *
 * An object with a mistake stays in the list without settings, so that others may refer to it without a second, misleading complaint. */
#include "gateway/admin/declaring.h"

#include "base/text.h"
#include "gateway/admin/declaration_keys.h"
#include "policies/password_rules.h"
#include "policies/redirect.h"
#include "policies/scope.h"

#include <string.h>

static void mistake_take(struct declaration *declaration, GError *error)
{
	g_string_append_printf(declaration->mistakes, "%s%s", declaration->mistakes->len ? "\n" : "", error->message);
	g_error_free(error);
}

bool declaration_mistake(struct declaration *declaration, const json_t *written, const char *key, const char *where, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_autofree char *full = key ? g_strconcat(where, ".", key, NULL) : g_strdup(where);
	int line = key ? document_member_line(declaration->document, written, key) : document_line(declaration->document, written);
	g_autofree char *place = line > 0 ? g_strdup_printf(":%d", line) : g_strdup("");
	g_string_append_printf(declaration->mistakes, "%s%s%s: %s: %s", declaration->mistakes->len ? "\n" : "", document_name(declaration->document), place, full, text);
	return false;
}

json_t *object_apply(struct declaration *declaration, const json_t *written, const struct key_rule *keys, const char *where)
{
	g_autofree char *prefix = g_strconcat(where, ".", NULL);
	GError *error = NULL;
	json_t *settings = schema_apply(declaration->document, written, keys, prefix, &error);
	if (!settings)
		mistake_take(declaration, error);
	return settings;
}

char *where_of(const char *parent, const char *list, const json_t *written, const char *key, size_t index)
{
	const char *name = json_string_at(written, key);
	g_autofree char *number = g_strdup_printf("%zu", index);
	return g_strdup_printf("%s%s[%s]", parent, list, name && text_is_plain(name, 256) ? name : number);
}

static void redirects_check(struct declaration *declaration, const struct declared_client *client, const char *key)
{
	bool native = g_strcmp0(json_string_at(client->settings, "application_type"), "native") == 0;
	const json_t *list = json_object_get(client->settings, key);
	size_t i;
	json_t *uri;
	json_array_foreach(list, i, uri) {
		const char *expected = "";
		if (!redirect_registrable(json_string_value(uri), native, &expected))
			declaration_mistake(declaration, client->written, key, client->where, "%s, expected %s", json_string_value(uri), expected);
	}
}

/* RFC 7591 section 2: jwks and jwks_uri must not both be there. */
static void client_keys_check(struct declaration *declaration, const struct declared_client *client, bool signs)
{
	bool here = json_object_get(client->settings, "jwks"), there = json_object_get(client->settings, "jwks_uri");
	const char *name = there ? "jwks_uri" : "jwks";
	if (here && there)
		declaration_mistake(declaration, client->written, name, client->where, "given beside jwks, expected one of them");
	else if (signs != (here || there))
		declaration_mistake(declaration, client->written, name, client->where, signs ? "absent, expected the public keys that private_key_jwt is checked with, or jwks_uri"
			: "given, expected none: only token_endpoint_auth_method private_key_jwt uses it");
}

/* Which grants go with which way to authenticate (RFC 6749 sections 4.4, 6; RFC 9700 section 2.1.1). */
static void client_grants_check(struct declaration *declaration, const struct declared_client *client)
{
	const json_t *grants = json_object_get(client->settings, "grant_types");
	const char *scope = json_string_at(client->settings, "scope");
	bool code = json_array_has(grants, "authorization_code");
	const char *method = json_string_at(client->settings, "token_endpoint_auth_method");
	bool is_public = g_strcmp0(method, "none") == 0, signs = g_strcmp0(method, "private_key_jwt") == 0;
	const json_t *w = client->written;
	if (code && json_array_size(json_object_get(client->settings, "redirect_uris")) == 0)
		declaration_mistake(declaration, w, "redirect_uris", client->where, "absent, expected at least one: grant_types has authorization_code");
	if (json_array_has(grants, "refresh_token") && !code)
		declaration_mistake(declaration, w, "grant_types", client->where, "refresh_token alone, expected authorization_code beside it");
	if (is_public && json_array_has(grants, "client_credentials"))
		declaration_mistake(declaration, w, "grant_types", client->where, "client_credentials, expected a client that authenticates: this one has none");
	if (is_public && !json_is_true(json_object_get(client->settings, "require_pkce")))
		declaration_mistake(declaration, w, "require_pkce", client->where, "false, expected true: only confidential clients may go without PKCE");
	if (is_public && !json_is_true(json_object_get(client->settings, "refresh_token_rotation")))
		declaration_mistake(declaration, w, "refresh_token_rotation", client->where,
		                    "false, expected true: whoever steals a public client's refresh token needs nothing else (RFC 9700 section 2.2.2)");
	if ((is_public || signs) && client->secret_given)
		declaration_mistake(declaration, w, json_object_get(w, "client_secret") ? "client_secret" : "client_secret_hash", client->where,
		                    "given, expected none: token_endpoint_auth_method is %s", method);
	client_keys_check(declaration, client, signs);
	if (scope && scope_has(scope, "offline_access") && !json_array_has(grants, "refresh_token"))
		declaration_mistake(declaration, w, "scope", client->where, "offline_access, expected refresh_token among grant_types");
}

/* EdDSA is the older name of Ed25519; one name is stored so that it never shows as a difference. */
static void algorithm_settle(json_t *settings, const char *key)
{
	const char *algorithm = json_string_at(settings, key);
	if (algorithm)
		json_object_set_new(settings, key, json_string(jose_algorithm_name(jose_algorithm_named(algorithm))));
}

/* Defaults that depend on other keys, filled so that what is stored says everything. */
static void client_defaults_fill(json_t *settings)
{
	bool is_public = g_strcmp0(json_string_at(settings, "token_endpoint_auth_method"), "none") == 0;
	/* A service that only asks about tokens has nowhere to be sent back to, and gets none itself. */
	if (!json_object_get(settings, "grant_types"))
		json_object_set_new(settings, "grant_types",
		                    json_array_size(json_object_get(settings, "redirect_uris")) ? json_pack("[s]", "authorization_code") : json_array());
	bool code = json_array_has(json_object_get(settings, "grant_types"), "authorization_code");
	if (!json_object_get(settings, "refresh_token_rotation"))
		json_object_set_new(settings, "refresh_token_rotation", json_boolean(is_public));
	if (!json_object_get(settings, "scope"))
		json_object_set_new(settings, "scope", json_string(code ? "openid" : ""));
	algorithm_settle(settings, "id_token_signed_response_alg");
	algorithm_settle(settings, "userinfo_signed_response_alg");
}

/* The secret leaves the settings as a digest: from here on nothing holds it in clear. */
static void client_secret_take(struct declaration *declaration, struct declared_client *client)
{
	const char *secret = json_string_at(client->settings, "client_secret");
	const char *hash = json_string_at(client->settings, "client_secret_hash");
	if (secret && hash)
		declaration_mistake(declaration, client->written, "client_secret_hash", client->where, "given, expected only one of client_secret and client_secret_hash");
	client->secret_given = secret || hash;
	if (secret)
		digest_sha256(secret, strlen(secret), client->secret);
	else if (hash)
		secret_hash_read(hash, client->secret);
	json_object_del(client->settings, "client_secret");
	json_object_del(client->settings, "client_secret_hash");
}

static void client_read(struct declaration *declaration, struct declared_tenant *tenant, const json_t *written, size_t index)
{
	struct declared_client *client = g_new0(struct declared_client, 1);
	client->written = written;
	client->where = where_of(tenant->where, ".clients", written, "client_id", index);
	client->client_id = g_strdup(json_string_at(written, "client_id"));
	client->settings = object_apply(declaration, written, client_keys, client->where);
	g_ptr_array_add(tenant->clients, client);
	if (!client->settings)
		return;
	client_secret_take(declaration, client);
	client_defaults_fill(client->settings);
	redirects_check(declaration, client, "redirect_uris");
	redirects_check(declaration, client, "post_logout_redirect_uris");
	client_grants_check(declaration, client);
}

static void resource_read(struct declaration *declaration, struct declared_tenant *tenant, const json_t *written, size_t index)
{
	struct declared_resource *resource = g_new0(struct declared_resource, 1);
	resource->written = written;
	resource->where = where_of(tenant->where, ".resources", written, "identifier", index);
	resource->identifier = g_strdup(json_string_at(written, "identifier"));
	resource->settings = object_apply(declaration, written, resource_keys, resource->where);
	g_ptr_array_add(tenant->resources, resource);
	if (!resource->settings)
		return;
	algorithm_settle(resource->settings, "access_token_signed_response_alg");
	size_t i;
	json_t *word;
	json_array_foreach(json_object_get(resource->settings, "scopes"), i, word) {
		if (g_strv_contains(scope_standard, json_string_value(word)))
			declaration_mistake(declaration, written, "scopes", resource->where, "%s, expected a word that OpenID Connect has no meaning for", json_string_value(word));
	}
}

static void user_password_read(struct declaration *declaration, struct declared_user *user, const json_t *settings)
{
	const char *password = json_string_at(settings, "password");
	user->password_hash = g_strdup(json_string_at(settings, "password_hash"));
	if (password && user->password_hash)
		declaration_mistake(declaration, user->written, "password_hash", user->where, "given, expected only one of password and password_hash");
	if (!password)
		return;
	user->password = text_password(password, strlen(password), PASSWORD_MAX_BYTES);
	if (!user->password)
		declaration_mistake(declaration, user->written, "password", user->where, "unusable, expected 1 to %d bytes of text", PASSWORD_MAX_BYTES);
}

static void user_read(struct declaration *declaration, struct declared_tenant *tenant, const json_t *written, size_t index)
{
	struct declared_user *user = g_new0(struct declared_user, 1);
	user->written = written;
	user->where = where_of(tenant->where, ".users", written, "username", index);
	g_ptr_array_add(tenant->users, user);
	g_autoptr(json_t) settings = object_apply(declaration, written, user_keys, user->where);
	if (!settings)
		return;
	gsize before = declaration->mistakes->len;
	struct account *account = &user->account;
	const char *id = json_string_at(settings, "id");
	g_strlcpy(account->id, id ? id : "", sizeof(account->id));
	account->username = g_strdup(json_string_at(settings, "username"));
	account->username_key = text_login_key(account->username);
	account->email = g_strdup(json_string_at(settings, "email"));
	account->email_key = account->email ? text_login_key(account->email) : NULL;
	account->email_verified = json_is_true(json_object_get(settings, "email_verified"));
	account->name = g_strdup(json_string_at(settings, "name"));
	account->locale = g_strdup(json_string_at(settings, "locale"));
	json_t *groups = json_object_get(settings, "groups");
	account->groups = json_array_size(groups) ? json_incref(groups) : NULL;
	user->disabled_given = json_object_get(settings, "disabled");
	account->disabled = json_is_true(json_object_get(settings, "disabled"));
	if (account->email_verified && !account->email)
		declaration_mistake(declaration, written, "email_verified", user->where, "true, expected an email beside it");
	user_password_read(declaration, user, settings);
	json_t *links = json_object_get(settings, "links");
	user->links = json_array_size(links) ? json_incref(links) : NULL;
	user->sound = declaration->mistakes->len == before;
}

static void list_read(struct declaration *declaration, struct declared_tenant *tenant, const char *key,
                      void (*read)(struct declaration *, struct declared_tenant *, const json_t *, size_t))
{
	const json_t *list = json_object_get(tenant->written, key);
	if (!list || json_is_null(list))
		return;
	if (!json_is_array(list)) {
		declaration_mistake(declaration, tenant->written, key, tenant->where, "expected a list");
		return;
	}
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item)
		read(declaration, tenant, item, i);
}

/* One domain, as a name or as { name, verified: operator }. The operator's word is the only proof there is so far, so both mean the same. */
static const char *domain_read(struct declaration *declaration, const struct declared_tenant *tenant, const json_t *item)
{
	const char *name = json_is_object(item) ? json_string_at(item, "name") : json_string_value(item);
	const char *verified = json_is_object(item) ? json_string_at(item, "verified") : "operator";
	if (!name || !domain_is_plain(name)) {
		declaration_mistake(declaration, tenant->written, "domains", tenant->where, "%s, expected a domain in lower case, such as acme.example", name ? name : "no name");
		return NULL;
	}
	if (json_is_object(item) && json_object_size(item) != (json_object_get(item, "verified") ? 2U : 1U)) {
		declaration_mistake(declaration, tenant->written, "domains", tenant->where, "%s, expected only name and verified", name);
		return NULL;
	}
	if (json_is_object(item) && json_object_get(item, "verified") && g_strcmp0(verified, "operator") != 0) {
		declaration_mistake(declaration, tenant->written, "domains", tenant->where, "%s verified: %s, expected operator (dns is not built yet)", name,
		                    verified ? verified : "?");
		return NULL;
	}
	return name;
}

static json_t *domains_read(struct declaration *declaration, const struct declared_tenant *tenant)
{
	const json_t *written = json_object_get(tenant->written, "domains");
	json_t *domains = json_array();
	if (written && !json_is_null(written) && !json_is_array(written))
		declaration_mistake(declaration, tenant->written, "domains", tenant->where, "expected a list");
	size_t i;
	json_t *item;
	json_array_foreach(written, i, item) {
		const char *name = domain_read(declaration, tenant, item);
		if (name && json_array_has(domains, name))
			declaration_mistake(declaration, tenant->written, "domains", tenant->where, "%s twice, expected once", name);
		else if (name)
			json_array_append_new(domains, json_string(name));
	}
	return domains;
}

static void tenant_settings_read(struct declaration *declaration, struct declared_tenant *tenant)
{
	static const char *const others[] = { "name", "resources", "users", "clients", "providers" };
	json_t *settings = object_apply(declaration, tenant->written, tenant_keys, tenant->where);
	g_autoptr(json_t) domains = domains_read(declaration, tenant);
	if (!settings)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		json_object_del(settings, others[i]);
	json_object_set(settings, "domains", domains);
	if (!json_object_get(settings, "issuer"))
		json_object_set_new(settings, "issuer", json_sprintf("%s/t/%s", declaration->base_url, tenant->name));
	if (!json_object_get(settings, "display_name"))
		json_object_set_new(settings, "display_name", json_string(tenant->name));
	tenant->settings = settings;
}

static void resource_free(void *data)
{
	struct declared_resource *resource = data;
	g_free(resource->where);
	g_free(resource->identifier);
	json_decref(resource->settings);
	g_free(resource);
}

static void provider_free(void *data)
{
	struct declared_provider *provider = data;
	g_free(provider->where);
	g_free(provider->name);
	json_decref(provider->settings);
	provider_record_clear(&provider->stored);
	g_free(provider);
}

static void user_free(void *data)
{
	struct declared_user *user = data;
	g_free(user->where);
	account_clear(&user->account);
	secret_free(user->password);
	g_free(user->password_hash);
	json_decref(user->links);
	g_free(user);
}

static void client_free(void *data)
{
	struct declared_client *client = data;
	g_free(client->where);
	g_free(client->client_id);
	json_decref(client->settings);
	g_free(client);
}

static void tenant_free(void *data)
{
	struct declared_tenant *tenant = data;
	g_free(tenant->where);
	g_free(tenant->name);
	json_decref(tenant->settings);
	g_ptr_array_unref(tenant->resources);
	g_ptr_array_unref(tenant->providers);
	g_ptr_array_unref(tenant->users);
	g_ptr_array_unref(tenant->clients);
	g_free(tenant);
}

static void tenant_read(struct declaration *declaration, const json_t *written, size_t index, bool by_hand)
{
	struct declared_tenant *tenant = g_new0(struct declared_tenant, 1);
	tenant->written = written;
	tenant->where = where_of("", "tenants", written, "name", index);
	tenant->name = g_strdup(json_string_at(written, "name"));
	tenant->by_hand = by_hand;
	tenant->resources = g_ptr_array_new_with_free_func(resource_free);
	tenant->providers = g_ptr_array_new_with_free_func(provider_free);
	tenant->users = g_ptr_array_new_with_free_func(user_free);
	tenant->clients = g_ptr_array_new_with_free_func(client_free);
	g_ptr_array_add(declaration->tenants, tenant);
	if (!by_hand)
		tenant_settings_read(declaration, tenant);
	list_read(declaration, tenant, "resources", resource_read);
	list_read(declaration, tenant, "providers", provider_read);
	list_read(declaration, tenant, "users", user_read);
	list_read(declaration, tenant, "clients", client_read);
}

static struct declaration *declaration_of(struct document *document, const char *base_url, bool by_hand)
{
	struct declaration *declaration = g_new0(struct declaration, 1);
	declaration->document = document;
	declaration->base_url = base_url;
	declaration->tenants = g_ptr_array_new_with_free_func(tenant_free);
	declaration->mistakes = g_string_new("");
	GError *error = NULL;
	g_autoptr(json_t) checked = schema_apply(document, document_root(document), declaration_keys, "", &error);
	if (!checked) {
		mistake_take(declaration, error);
		return declaration;
	}
	const json_t *tenants = json_object_get(document_root(document), "tenants");
	if (!json_is_array(tenants))
		declaration_mistake(declaration, tenants, NULL, "tenants", "expected a list");
	size_t i;
	json_t *item;
	json_array_foreach(tenants, i, item)
		tenant_read(declaration, item, i, by_hand);
	return declaration;
}

struct declaration *declaration_read(const char *path, const char *base_url, GError **error)
{
	struct document *document = document_read(path, error);
	return document ? declaration_of(document, base_url, false) : NULL;
}

struct declaration *declaration_of_json(const json_t *root, bool by_hand, const char *base_url, GError **error)
{
	/* JSON is YAML: the same reader, and so the same validation, serves both. The words come from the machine's own operator, who may name files. */
	g_autofree char *text = json_text(root);
	struct document *document = document_parse("command line", text, strlen(text), error);
	wipe(text, strlen(text));
	if (!document)
		return NULL;
	document_allow_references(document);
	return declaration_of(document, base_url, by_hand);
}

void declaration_free(struct declaration *declaration)
{
	if (!declaration)
		return;
	g_ptr_array_unref(declaration->tenants);
	g_string_free(declaration->mistakes, TRUE);
	document_free(declaration->document);
	g_free(declaration);
}

/* Mistakes were found object by object, then between objects; a person mends a file from top to bottom. */
static int mistake_compare(const void *left, const void *right, void *data)
{
	size_t prefix = *(const size_t *)data;
	const char *one = *(const char *const *)left, *other = *(const char *const *)right;
	gint64 one_line = g_ascii_strtoll(one + MIN(prefix, strlen(one)), NULL, 10), other_line = g_ascii_strtoll(other + MIN(prefix, strlen(other)), NULL, 10);
	return (one_line > other_line) - (one_line < other_line);
}

bool declaration_is_sound(const struct declaration *declaration, GError **error)
{
	if (declaration->mistakes->len == 0)
		return true;
	g_auto(GStrv) lines = g_strsplit(declaration->mistakes->str, "\n", -1);
	size_t prefix = strlen(document_name(declaration->document)) + 1;
	/* g_qsort_with_data keeps the order of what compares equal. */
	g_qsort_with_data(lines, (gint)g_strv_length(lines), sizeof(*lines), mistake_compare, &prefix);
	g_autofree char *sorted = g_strjoinv("\n", lines);
	return fail(error, ERROR_MALFORMED, "%s", sorted);
}
