/* Conformance: clients, resources, providers, signing keys. */
#include "conformance.h"

static struct client *client_of(const char *client_id, const char *name, uint8_t secret)
{
	g_autoptr(json_t) settings = json_pack("{s:s, s:[s], s:s}", "client_name", name, "redirect_uris", "https://wiki.example/cb", "scope", "openid");
	struct client *client = client_new(client_id, settings);
	if (secret) {
		memcpy(client->secrets[0].digest, digest_of(secret), DIGEST_SIZE);
		memcpy(client->secrets[1].digest, digest_of((uint8_t)(secret + 1)), DIGEST_SIZE);
		client->secrets[1].expires_ms = NOW + DAY;
		client->secret_count = 2;
	}
	client->created_ms = NOW;
	return client;
}

static void put_client(struct world *world, const char *tenant, const char *name, uint8_t secret)
{
	g_autoptr(client_t) client = client_of("wiki", name, secret);
	struct unit *unit = write_begin(world->store);
	GOOD(client_put(unit, tenant, client, &error));
	write_commit();
}

static bool client_collect(struct client *client, void *data)
{
	g_string_append_printf(data, "%s:%zu ", client->client_name, client->secret_count);
	return true;
}

static void clients_come_back_with_their_secrets(void **state)
{
	struct world *world = *state;
	put_client(world, TENANT_A, "A's wiki", 10);
	put_client(world, TENANT_B, "B's wiki", 20);
	world_reopen(world);
	g_autoptr(client_t) a = NULL, b = NULL, none = NULL;
	FOUND_IS(FOUND, client_find(reader_of(world->store), TENANT_A, "wiki", &a, &error));
	FOUND_IS(FOUND, client_find(reader_of(world->store), TENANT_B, "wiki", &b, &error));
	FOUND_IS(MISSING, client_find(reader_of(world->store), TENANT_A, "WIKI", &none, &error));
	assert_string_equal(a->client_name, "A's wiki");
	assert_string_equal(a->redirect_uris[0], "https://wiki.example/cb");
	assert_int_equal(a->secret_count, 2);
	assert_memory_equal(a->secrets[0].digest, digest_of(10), DIGEST_SIZE);
	assert_memory_equal(a->secrets[1].digest, digest_of(11), DIGEST_SIZE);
	assert_true(a->secrets[0].expires_ms == 0 && a->secrets[1].expires_ms == NOW + DAY);
	assert_true(strlen(a->incarnation) == IDENTIFIER_SIZE - 1 && a->created_ms == NOW);
	assert_string_equal(b->client_name, "B's wiki");
	assert_memory_equal(b->secrets[0].digest, digest_of(20), DIGEST_SIZE);
	assert_string_not_equal(a->incarnation, b->incarnation);
	g_autoptr(GString) list = g_string_new("");
	GOOD(client_list(reader_of(world->store), TENANT_B, client_collect, list, &error));
	assert_string_equal(list->str, "B's wiki:2 ");
}

static void replacing_a_client_is_not_making_it_anew(void **state)
{
	struct world *world = *state;
	g_autoptr(client_t) first = NULL, second = NULL, third = NULL;
	put_client(world, TENANT_A, "one", 10);
	FOUND_IS(FOUND, client_find(reader_of(world->store), TENANT_A, "wiki", &first, &error));
	put_client(world, TENANT_A, "two", 0);
	FOUND_IS(FOUND, client_find(reader_of(world->store), TENANT_A, "wiki", &second, &error));
	assert_string_equal(second->client_name, "two");
	assert_int_equal(second->secret_count, 0);
	assert_string_equal(second->incarnation, first->incarnation);
	struct unit *unit = write_begin(world->store);
	GOOD(client_remove(unit, TENANT_A, "wiki", NOW, &error));
	write_commit();
	put_client(world, TENANT_A, "three", 0);
	FOUND_IS(FOUND, client_find(reader_of(world->store), TENANT_A, "wiki", &third, &error));
	assert_string_not_equal(third->incarnation, first->incarnation);
	assert_int_equal(changes_of(world->store, TENANT_A, "client", "wiki"), 4);
}

static void a_removed_client_takes_its_grants_and_tokens(void **state)
{
	struct world *world = *state;
	put_client(world, TENANT_A, "A", 10);
	put_client(world, TENANT_B, "B", 10);
	struct unit *unit = write_begin(world->store);
	const char *const tenants[] = { TENANT_A, TENANT_B };
	for (size_t i = 0; i < 2; i++) {
		g_auto(grant_t) its = grant_of(GRANT_1, ACCOUNT_1, "wiki", "", true), other = grant_of(GRANT_2, ACCOUNT_1, "shop", "", true);
		g_auto(access_token_t) token = access_of(1, "");
		GOOD(grant_insert(unit, tenants[i], &its, &error) && grant_insert(unit, tenants[i], &other, &error));
		GOOD(access_insert(unit, tenants[i], &token, &error));
	}
	GOOD(client_remove(unit, TENANT_A, "wiki", NOW + 9, &error));
	REFUSED(ERROR_NOT_FOUND, client_remove(unit, TENANT_A, "wiki", NOW + 9, &error));
	REFUSED(ERROR_NOT_FOUND, client_remove(unit, TENANT_B, "shop", NOW + 9, &error));
	write_commit();
	unit = reader_of(world->store);
	g_auto(grant_t) its = { 0 }, other = { 0 }, elsewhere = { 0 };
	g_auto(access_token_t) token = { 0 }, token_elsewhere = { 0 };
	g_autoptr(client_t) gone = NULL, still = NULL;
	FOUND_IS(FOUND, grant_find(unit, TENANT_A, GRANT_1, &its, &error));
	FOUND_IS(FOUND, grant_find(unit, TENANT_A, GRANT_2, &other, &error));
	FOUND_IS(FOUND, grant_find(unit, TENANT_B, GRANT_1, &elsewhere, &error));
	FOUND_IS(FOUND, access_find(unit, TENANT_A, digest_of(1), &token, &error));
	FOUND_IS(FOUND, access_find(unit, TENANT_B, digest_of(1), &token_elsewhere, &error));
	FOUND_IS(MISSING, client_find(unit, TENANT_A, "wiki", &gone, &error));
	FOUND_IS(FOUND, client_find(unit, TENANT_B, "wiki", &still, &error));
	assert_true(its.revoked_ms == NOW + 9 && token.revoked_ms == NOW + 9);
	assert_true(other.revoked_ms == 0 && elsewhere.revoked_ms == 0 && token_elsewhere.revoked_ms == 0);
	assert_int_equal(still->secret_count, 2);
	assert_int_equal(changes_of(world->store, TENANT_A, "grant", GRANT_1), 1);
	assert_int_equal(changes_of(world->store, TENANT_A, "grant", GRANT_2), 0);
}

static bool resource_collect(struct resource *resource, void *data)
{
	g_string_append_printf(data, "%s=%s ", resource->identifier, resource->scopes);
	return true;
}

static void put_resource(struct world *world, const char *tenant, const char *scope)
{
	g_autoptr(json_t) settings = json_pack("{s:[s,s], s:[s]}", "scopes", scope, "x", "introspection_clients", "wiki-api");
	g_autoptr(resource_t) resource = resource_new("https://api.example", settings);
	struct unit *unit = write_begin(world->store);
	GOOD(resource_put(unit, tenant, resource, &error));
	write_commit();
}

static void resources_are_per_tenant(void **state)
{
	struct world *world = *state;
	put_resource(world, TENANT_A, "first");
	put_resource(world, TENANT_A, "a");
	put_resource(world, TENANT_B, "b");
	world_reopen(world);
	g_autoptr(resource_t) a = NULL, b = NULL, gone = NULL;
	FOUND_IS(FOUND, resource_find(reader_of(world->store), TENANT_A, "https://api.example", &a, &error));
	assert_string_equal(a->scopes, "a x");
	assert_string_equal(a->introspection_clients[0], "wiki-api");
	g_autoptr(GString) of_a = g_string_new("");
	GOOD(resource_list(reader_of(world->store), TENANT_A, resource_collect, of_a, &error));
	assert_string_equal(of_a->str, "https://api.example=a x ");
	struct unit *unit = write_begin(world->store);
	GOOD(resource_remove(unit, TENANT_A, "https://api.example", &error));
	REFUSED(ERROR_NOT_FOUND, resource_remove(unit, TENANT_A, "https://api.example", &error));
	write_commit();
	FOUND_IS(MISSING, resource_find(reader_of(world->store), TENANT_A, "https://api.example", &gone, &error));
	FOUND_IS(FOUND, resource_find(reader_of(world->store), TENANT_B, "https://api.example", &b, &error));
	assert_string_equal(b->scopes, "b x");
	g_autoptr(GString) list = g_string_new("");
	GOOD(resource_list(reader_of(world->store), TENANT_B, resource_collect, list, &error));
	assert_string_equal(list->str, "https://api.example=b x ");
	assert_int_equal(changes_of(world->store, TENANT_A, "resource", "https://api.example"), 3);
}

static bool provider_collect(const struct provider_record *provider, void *data)
{
	g_string_append_printf(data, "%s:%s:%s:%d:%d ", provider->name, provider->type, json_string_at(provider->settings, "bind_password"), provider->enabled,
	                       provider->position);
	return true;
}

static void put_provider(struct world *world, const char *tenant, const char *secret)
{
	struct provider_record provider = provider_of("directory", secret);
	struct unit *unit = write_begin(world->store);
	GOOD(provider_put(unit, tenant, &provider, &error));
	write_commit();
	provider_record_clear(&provider);
}

static void providers_are_per_tenant(void **state)
{
	struct world *world = *state;
	put_provider(world, TENANT_A, "first");
	put_provider(world, TENANT_A, "secret-a");
	put_provider(world, TENANT_B, "secret-b");
	world_reopen(world);
	g_autoptr(GString) a = g_string_new(""), b = g_string_new(""), after = g_string_new("");
	GOOD(provider_list(reader_of(world->store), TENANT_A, provider_collect, a, &error));
	assert_string_equal(a->str, "directory:ldap:secret-a:1:3 ");
	struct unit *unit = write_begin(world->store);
	GOOD(provider_remove(unit, TENANT_A, "directory", &error));
	REFUSED(ERROR_NOT_FOUND, provider_remove(unit, TENANT_A, "directory", &error));
	write_commit();
	GOOD(provider_list(reader_of(world->store), TENANT_A, provider_collect, after, &error));
	GOOD(provider_list(reader_of(world->store), TENANT_B, provider_collect, b, &error));
	assert_string_equal(after->str, "");
	assert_string_equal(b->str, "directory:ldap:secret-b:1:3 ");
	assert_int_equal(changes_of(world->store, TENANT_A, "provider", "directory"), 3);
}

static bool saml_key_collect(const struct saml_key *key, void *data)
{
	g_string_append_printf(data, "%s:%d:%d:%s:%s:%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " ", key->kid, (int)key->purpose, (int)key->state, key->certificate,
	                       (const char *)secret_bytes(key->pkcs8), key->activated_ms, key->retired_ms);
	return true;
}

/* What signs now comes first, what is over last. */
static void saml_keys_are_per_tenant_and_in_order(void **state)
{
	struct world *world = *state;
	struct saml_key keys[] = { saml_key_of("k1", SAML_KEY_SIGNING), saml_key_of("k2", SAML_KEY_ENCRYPTION), saml_key_of("k3", SAML_KEY_SIGNING) };
	struct unit *unit = write_begin(world->store);
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		GOOD(saml_key_insert(unit, TENANT_A, &keys[i], &error));
	GOOD(saml_key_insert(unit, TENANT_B, &keys[0], &error));
	REFUSED(ERROR_CONFLICT, saml_key_insert(unit, TENANT_A, &keys[0], &error));
	GOOD(saml_key_set_state(unit, TENANT_A, "k1", KEY_STATE_ACTIVE, 100, &error));
	GOOD(saml_key_set_state(unit, TENANT_A, "k1", KEY_STATE_RETIRED, 200, &error));
	GOOD(saml_key_set_state(unit, TENANT_A, "k3", KEY_STATE_ACTIVE, 200, &error));
	REFUSED(ERROR_NOT_FOUND, saml_key_set_state(unit, TENANT_B, "k3", KEY_STATE_REVOKED, 300, &error));
	write_commit();
	world_reopen(world);
	g_autoptr(GString) a = g_string_new(""), b = g_string_new("");
	GOOD(saml_key_list(reader_of(world->store), TENANT_A, saml_key_collect, a, &error));
	GOOD(saml_key_list(reader_of(world->store), TENANT_B, saml_key_collect, b, &error));
	assert_string_equal(a->str, "k3:0:2:TUlJ:private-key-bytes:200:0 k2:1:1:TUlJ:private-key-bytes:0:0 k1:0:3:TUlJ:private-key-bytes:100:200 ");
	assert_string_equal(b->str, "k1:0:1:TUlJ:private-key-bytes:0:0 ");
	assert_int_equal(changes_of(world->store, TENANT_A, "saml_key", "k1"), 3);
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		saml_key_clear(&keys[i]);
}

static bool key_collect(const struct signing_key *key, void *data)
{
	g_string_append_printf(data, "%s:%d:%d:%s:%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT " ", key->kid, (int)key->algorithm, (int)key->state,
	                       (const char *)secret_bytes(key->pkcs8), key->activated_ms, key->retired_ms);
	return true;
}

static void keys_are_per_tenant_and_change_state(void **state)
{
	struct world *world = *state;
	struct signing_key key = key_of("kid-1"), same = key_of("kid-1");
	struct unit *unit = write_begin(world->store);
	GOOD(key_insert(unit, TENANT_A, &key, &error) && key_insert(unit, TENANT_B, &same, &error));
	REFUSED(ERROR_CONFLICT, key_insert(unit, TENANT_A, &same, &error));
	GOOD(key_set_state(unit, TENANT_A, "kid-1", KEY_STATE_ACTIVE, 100, &error));
	GOOD(key_set_state(unit, TENANT_A, "kid-1", KEY_STATE_RETIRED, 200, &error));
	REFUSED(ERROR_NOT_FOUND, key_set_state(unit, TENANT_A, "kid-2", KEY_STATE_REVOKED, 300, &error));
	write_commit();
	world_reopen(world);
	g_autoptr(GString) a = g_string_new(""), b = g_string_new("");
	GOOD(key_list(reader_of(world->store), TENANT_A, key_collect, a, &error));
	GOOD(key_list(reader_of(world->store), TENANT_B, key_collect, b, &error));
	assert_string_equal(a->str, "kid-1:1:3:private-key-bytes:100:200 ");
	assert_string_equal(b->str, "kid-1:1:1:private-key-bytes:0:0 ");
	assert_int_equal(changes_of(world->store, TENANT_A, "key", "kid-1"), 3);
	signing_key_clear(&key);
	signing_key_clear(&same);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(clients_come_back_with_their_secrets),
	WORLD_TEST(replacing_a_client_is_not_making_it_anew),
	WORLD_TEST(a_removed_client_takes_its_grants_and_tokens),
	WORLD_TEST(resources_are_per_tenant),
	WORLD_TEST(providers_are_per_tenant),
	WORLD_TEST(saml_keys_are_per_tenant_and_in_order),
	WORLD_TEST(keys_are_per_tenant_and_change_state),
};
TEST_GROUP(client_conformance, tests);
