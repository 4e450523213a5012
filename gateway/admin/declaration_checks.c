/* What must hold between the objects of a declaration, and between them and what the store has already: names once, references met, issuers and domains of
 * one tenant only, passwords that the tenant's policy takes. */
#include "gateway/admin/declaring.h"

#include "gateway/admin/verbs.h"
#include "policies/scope.h"

#include <string.h>

bool is_new_in(GHashTable *seen, const char *name)
{
	return !name || g_hash_table_add(seen, g_strdup(name));
}

static GHashTable *names_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static bool word_keep(const char *word, size_t length, void *data)
{
	g_hash_table_add(data, g_strndup(word, length));
	return true;
}

static bool stored_resource_keep(struct resource *resource, void *data)
{
	struct crossing *crossing = data;
	/* One that is declared again brings its new scopes; its old ones do not count. */
	if (g_hash_table_add(crossing->identifiers, g_strdup(resource->identifier)) && resource->scopes)
		scope_each(resource->scopes, word_keep, crossing->scopes);
	return true;
}

static bool resources_gather(struct crossing *crossing, GError **error)
{
	for (size_t i = 0; scope_standard[i]; i++)
		g_hash_table_add(crossing->scopes, g_strdup(scope_standard[i]));
	for (guint i = 0; i < crossing->tenant->resources->len; i++) {
		const struct declared_resource *resource = g_ptr_array_index(crossing->tenant->resources, i);
		if (!is_new_in(crossing->identifiers, resource->identifier))
			declaration_mistake(crossing->declaration, resource->written, "identifier", resource->where, "twice, expected once");
		size_t w;
		json_t *word;
		const json_t *words = json_object_get(resource->settings ? resource->settings : resource->written, "scopes");
		json_array_foreach(words, w, word)
			if (json_is_string(word))
				g_hash_table_add(crossing->scopes, g_strdup(json_string_value(word)));
	}
	return !crossing->stored || resource_list(crossing->unit, crossing->stored->id, stored_resource_keep, crossing, error);
}

struct client_words {
	struct crossing *crossing;
	const struct declared_client *client;
};

static bool client_word_check(const char *word, size_t length, void *data)
{
	struct client_words *words = data;
	g_autofree char *text = g_strndup(word, length);
	if (!g_hash_table_contains(words->crossing->scopes, text))
		declaration_mistake(words->crossing->declaration, words->client->written, "scope", words->client->where,
		                    "%s, expected openid, profile, email, groups, offline_access or a scope of one of the tenant's resources", text);
	return true;
}

/* What `client add` adds must be new: the declaration of a client that exists would replace it. */
static bool client_newness_check(struct crossing *crossing, const struct declared_client *client, GError **error)
{
	g_autoptr(client_t) stored = NULL;
	if (!crossing->tenant->by_hand || !crossing->stored)
		return true;
	enum found found = client_find(crossing->unit, crossing->stored->id, client->client_id, &stored, error);
	if (found == FOUND)
		declaration_mistake(crossing->declaration, client->written, "client_id", client->where, "exists already, expected a new one");
	return found != BROKEN;
}

static bool clients_check(struct crossing *crossing, GError **error)
{
	g_autoptr(GHashTable) seen = names_new();
	for (guint i = 0; i < crossing->tenant->clients->len; i++) {
		const struct declared_client *client = g_ptr_array_index(crossing->tenant->clients, i);
		if (!is_new_in(seen, client->client_id))
			declaration_mistake(crossing->declaration, client->written, "client_id", client->where, "twice, expected once");
		if (!client->settings)
			continue;
		if (!client_newness_check(crossing, client, error))
			return false;
		struct client_words words = { crossing, client };
		scope_each(json_string_at(client->settings, "scope"), client_word_check, &words);
		size_t r;
		json_t *resource;
		json_array_foreach(json_object_get(client->settings, "resources"), r, resource) {
			if (!g_hash_table_contains(crossing->identifiers, json_string_value(resource)))
				declaration_mistake(crossing->declaration, client->written, "resources", client->where, "%s, expected one of the tenant's resources",
				                    json_string_value(resource));
		}
	}
	return true;
}

static bool introspection_client_known(struct crossing *crossing, const char *client_id, bool *ret_known, GError **error)
{
	for (guint i = 0; i < crossing->tenant->clients->len; i++) {
		const struct declared_client *client = g_ptr_array_index(crossing->tenant->clients, i);
		if (g_strcmp0(client->client_id, client_id) == 0)
			return *ret_known = true;
	}
	g_autoptr(client_t) stored = NULL;
	enum found found = crossing->stored ? client_find(crossing->unit, crossing->stored->id, client_id, &stored, error) : MISSING;
	*ret_known = found == FOUND;
	return found != BROKEN;
}

static bool resources_check(struct crossing *crossing, GError **error)
{
	for (guint i = 0; i < crossing->tenant->resources->len; i++) {
		const struct declared_resource *resource = g_ptr_array_index(crossing->tenant->resources, i);
		size_t c;
		json_t *client_id;
		json_array_foreach(json_object_get(resource->settings, "introspection_clients"), c, client_id) {
			bool known = false;
			if (!introspection_client_known(crossing, json_string_value(client_id), &known, error))
				return false;
			if (!known)
				declaration_mistake(crossing->declaration, resource->written, "introspection_clients", resource->where,
				                    "%s, expected one of the tenant's clients", json_string_value(client_id));
		}
	}
	return true;
}

static void password_check(struct crossing *crossing, const struct tenant *tenant, const struct declared_user *user)
{
	g_autoptr(GError) problem = NULL;
	if (!password_acceptable(tenant, &user->account, user->password, &problem))
		declaration_mistake(crossing->declaration, user->written, "password", user->where, "%s", problem->message);
}

/* An account keeps its id for ever, and an id is one account's: neither may be given to somebody else by a declaration. */
static bool user_identity_check(struct crossing *crossing, const struct declared_user *user, GError **error)
{
	if (!crossing->stored)
		return links_check(crossing, user, user->account.id, error);
	g_auto(account_t) named = { 0 };
	enum found found = account_find_login(crossing->unit, crossing->stored->id, user->account.username_key, &named, error);
	if (found == BROKEN)
		return false;
	bool taken = found == FOUND && g_strcmp0(named.username_key, user->account.username_key) == 0;
	const char *account = user->account.id[0] ? user->account.id : taken ? named.id : "";
	if (taken && crossing->tenant->by_hand)
		declaration_mistake(crossing->declaration, user->written, "username", user->where, "%s exists already, expected a new one", named.username);
	else if (taken && user->account.id[0] && strcmp(named.id, user->account.id) != 0)
		declaration_mistake(crossing->declaration, user->written, "id", user->where, "%s, expected %s, which this account has had since it was made: ids never change",
		                    user->account.id, named.id);
	return links_check(crossing, user, account, error);
}

static bool users_check(struct crossing *crossing, const struct tenant *tenant, GError **error)
{
	g_autoptr(GHashTable) names = names_new();
	g_autoptr(GHashTable) identifiers = names_new();
	for (guint i = 0; i < crossing->tenant->users->len; i++) {
		const struct declared_user *user = g_ptr_array_index(crossing->tenant->users, i);
		if (!user->sound)
			continue;
		if (!is_new_in(names, user->account.username_key))
			declaration_mistake(crossing->declaration, user->written, "username", user->where, "%s twice (however it is written), expected once", user->account.username);
		if (user->account.id[0] && !is_new_in(identifiers, user->account.id))
			declaration_mistake(crossing->declaration, user->written, "id", user->where, "twice, expected once");
		if (user->password && tenant)
			password_check(crossing, tenant, user);
		if (user->password_hash && !password_stored_key_known(crossing->keys, user->password_hash))
			declaration_mistake(crossing->declaration, user->written, "password_hash", user->where,
			                    "made with a key that secret_key_file here does not have, expected that key's line beside ours, or another hash");
		if (!user_identity_check(crossing, user, error))
			return false;
	}
	return true;
}

static bool tenant_cross_check(struct crossing *crossing, GError **error)
{
	struct declared_tenant *tenant = crossing->tenant;
	if (crossing->unit && tenant->name) {
		enum found found = tenant_find_named(crossing->unit, tenant->name, &crossing->stored, error);
		if (found == BROKEN)
			return false;
		if (found == MISSING && tenant->by_hand)
			return fail(error, ERROR_NOT_FOUND, "no tenant is named %s", tenant->name);
	}
	g_autoptr(tenant_t) declared = tenant->settings ? tenant_new("", tenant->name, tenant->settings, 0) : NULL;
	if (!resources_gather(crossing, error) || !resources_check(crossing, error) || !clients_check(crossing, error))
		return false;
	return providers_check(crossing, error) && users_check(crossing, declared ? declared : crossing->stored, error);
}

/* Issuers and domains stand for one tenant each, over the whole gateway: the host operator's file and the store are looked at together. */
struct owners {
	struct declaration *declaration;
	GHashTable *names, *owner; /* tenant names in the file; issuer or domain -> tenant that has it */
};

static bool stored_owner_keep(const struct tenant *tenant, void *data)
{
	struct owners *owners = data;
	if (g_hash_table_contains(owners->names, tenant->name))
		return true;
	g_hash_table_insert(owners->owner, g_strdup(tenant->issuer), g_strdup(tenant->name));
	size_t i;
	json_t *domain;
	json_array_foreach(json_object_get(tenant->settings, "domains"), i, domain)
		g_hash_table_insert(owners->owner, g_strdup(json_string_value(domain)), g_strdup(tenant->name));
	return true;
}

static void owned_once(struct owners *owners, const struct declared_tenant *tenant, const char *key, const char *value)
{
	const char *other = g_hash_table_lookup(owners->owner, value);
	if (other)
		declaration_mistake(owners->declaration, tenant->written, key, tenant->where, "%s, expected one that no other tenant has: it is of %s", value, other);
	else
		g_hash_table_insert(owners->owner, g_strdup(value), g_strdup(tenant->name));
}

static void tenant_owns_check(struct owners *owners, const struct declared_tenant *tenant)
{
	if (!tenant->settings)
		return;
	owned_once(owners, tenant, "issuer", json_string_at(tenant->settings, "issuer"));
	size_t i;
	json_t *domain;
	json_array_foreach(json_object_get(tenant->settings, "domains"), i, domain)
		owned_once(owners, tenant, "domains", json_string_value(domain));
}

static bool owners_check(struct declaration *declaration, struct unit *unit, GError **error)
{
	g_autoptr(GHashTable) names = names_new();
	g_autoptr(GHashTable) owner = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	struct owners owners = { declaration, names, owner };
	for (guint i = 0; i < declaration->tenants->len; i++) {
		const struct declared_tenant *tenant = g_ptr_array_index(declaration->tenants, i);
		if (!is_new_in(names, tenant->name))
			declaration_mistake(declaration, tenant->written, "name", tenant->where, "twice, expected once");
	}
	if (unit && !tenant_list(unit, stored_owner_keep, &owners, error))
		return false;
	for (guint i = 0; i < declaration->tenants->len; i++)
		tenant_owns_check(&owners, g_ptr_array_index(declaration->tenants, i));
	return true;
}

bool declaration_cross_check(struct declaration *declaration, struct unit *unit, const struct root_keys *keys, GError **error)
{
	if (!owners_check(declaration, unit, error))
		return false;
	for (guint i = 0; i < declaration->tenants->len; i++) {
		struct crossing crossing = {
			.declaration = declaration, .tenant = g_ptr_array_index(declaration->tenants, i), .unit = unit, .keys = keys,
			.identifiers = names_new(), .scopes = names_new(), .providers = names_new(), .links = names_new(),
		};
		bool done = tenant_cross_check(&crossing, error);
		g_hash_table_unref(crossing.identifiers);
		g_hash_table_unref(crossing.scopes);
		g_hash_table_unref(crossing.providers);
		g_hash_table_unref(crossing.links);
		tenant_unref(crossing.stored);
		if (!done)
			return false;
	}
	return true;
}
