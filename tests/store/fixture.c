/* Makes fixtures/v1.db ("test_store --make-fixture FOLDER") and reads a copy of it. The values stand once, in `fill` and in `read_all`. */
#include "fixture.h"
#include "gateway/store/unit.h"
#include "tests.h"
#include <sys/stat.h>

#define KEY_TEXT "k1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
#define TENANT_GONE "cccccccccccccccccccccccccc"

static struct client *client_with_secret(void)
{
	g_autoptr(json_t) settings = json_of("{\"client_name\":\"Wiki\",\"redirect_uris\":[\"https://wiki.example/cb\"],\"scope\":\"openid\",\"backchannel_logout_uri\":\"https://wiki.example/out\"}");
	struct client *client = client_new("wiki", settings);
	memcpy(client->secrets[0].digest, digest_of(7), DIGEST_SIZE);
	client->secret_count = 1;
	return client;
}

static void fill_accounts(struct unit *unit, const char *tenant)
{
	g_auto(account_t) alice = account_of(ACCOUNT_1, "alice", "alice@example.org"), removed = account_of(ACCOUNT_2, "removed", NULL);
	struct link link = { .provider = (char *)(uintptr_t)"okta", .subject = (char *)(uintptr_t)"s-1", .account = ACCOUNT_1, .created_ms = NOW };
	GOOD(account_insert(unit, tenant, &alice, &error) && credential_set(unit, tenant, ACCOUNT_1, "$argon2id$x", 0, &error));
	g_autoptr(secret_t) keep = secret_new("refresh", 7);
	GOOD(link_insert(unit, tenant, &link, &error) && link_keep_set(unit, tenant, "okta", "s-1", keep, &error));
	GOOD(account_insert(unit, tenant, &removed, &error) && account_remove(unit, tenant, ACCOUNT_2, &error));
}

static void fill_configuration(struct unit *unit, const char *tenant)
{
	g_autoptr(client_t) client = client_with_secret();
	g_autoptr(json_t) settings = json_of("{\"scopes\":[\"wiki.read\"]}");
	g_autoptr(resource_t) resource = resource_new("https://api.example", settings);
	struct provider_record provider = provider_of("directory", "bind-secret");
	struct signing_key key = key_of("kid-1");
	struct saml_key saml = saml_key_of("x5t", SAML_KEY_SIGNING);
	GOOD(client_put(unit, tenant, client, &error) && resource_put(unit, tenant, resource, &error));
	GOOD(provider_put(unit, tenant, &provider, &error) && key_insert(unit, tenant, &key, &error));
	GOOD(saml_key_insert(unit, tenant, &saml, &error));
	provider_record_clear(&provider);
	signing_key_clear(&key);
	saml_key_clear(&saml);
}

static void fill_tokens(struct unit *unit, const char *tenant)
{
	g_auto(flow_t) flow = flow_of(1);
	g_auto(session_t) session = session_of(SESSION_1, 1, ACCOUNT_1);
	g_auto(grant_t) grant = grant_of(GRANT_1, ACCOUNT_1, "wiki", SESSION_1, true);
	g_auto(code_t) code = code_of(1, GRANT_1);
	g_auto(refresh_token_t) refresh = refresh_of(1, GRANT_1);
	g_auto(access_token_t) access = access_of(1, GRANT_1);
	struct throttle_state bucket = { NOW, 3, NOW + 5, 2 };
	GOOD(flow_insert(unit, tenant, &flow, &error) && session_insert(unit, tenant, &session, &error) && grant_insert(unit, tenant, &grant, &error));
	GOOD(code_insert(unit, tenant, &code, &error) && refresh_insert(unit, tenant, &refresh, &error) && access_insert(unit, tenant, &access, &error));
	GOOD(consent_put(unit, tenant, ACCOUNT_1, "wiki", "openid", NOW, &error));
	FOUND_IS(FOUND, once_claim(unit, tenant, "assertion okta", "_1", NOW + DAY, &error));
	GOOD(logout_delivery_add_session(unit, tenant, SESSION_1, NOW, &error));
	GOOD(jti_revoke(unit, tenant, "jti-1", NOW + DAY, &error) && throttle_put(unit, tenant, digest_of(1), ACCOUNT_1, &bucket, NOW + DAY, &error));
}

static void fill_log(struct unit *unit, const char *tenant)
{
	for (int64_t seq = 1; seq <= 3; seq++) {
		g_auto(log_row_t) row = log_row_of("node-1", seq, seq == 1 ? NOW - 400 * DAY : NOW, "login");
		GOOD(log_insert(unit, tenant, &row, &error));
	}
}

void fixture_make(const char *folder)
{
	static const char gone[] = "INSERT INTO tenant_gone (tenant) VALUES ('" TENANT_GONE "')";
	g_autofree char *address = g_strconcat("sqlite:", folder, "/v1.db", NULL), *key = path_in(folder, "v1.key"), *counter = path_in(folder, "v1.db-counter");
	struct root_keys *keys = keys_of(1);
	struct store *store = NULL;
	GOOD((store = store_at(address, keys, &error)));
	tenant_make(store, TENANT_A, "acme");
	tenant_make(store, TENANT_B, "bolt");
	struct unit *unit = write_begin(store);
	const char *const tenants[] = { TENANT_A, TENANT_B };
	for (size_t i = 0; i < G_N_ELEMENTS(tenants); i++) {
		fill_accounts(unit, tenants[i]);
		fill_configuration(unit, tenants[i]);
		fill_tokens(unit, tenants[i]);
		fill_log(unit, tenants[i]);
	}
	int64_t limit = 100;
	GOOD(log_sweep(unit, NOW, &limit, &error) && unit_run(unit, NULL, &error, gone, NULL, 0));
	write_commit();
	store_close(store);
	root_keys_free(keys);
	remove(counter);
	assert_true(g_file_set_contents(key, KEY_TEXT, -1, NULL));
}

static bool provider_check(const struct provider_record *provider, void *data)
{
	assert_string_equal(json_string_at(provider->settings, "bind_password"), "bind-secret");
	(*(int *)data)++;
	return true;
}

static bool key_check(const struct signing_key *key, void *data)
{
	assert_string_equal((const char *)secret_bytes(key->pkcs8), "private-key-bytes");
	(*(int *)data)++;
	return true;
}

static bool saml_key_check(const struct saml_key *key, void *data)
{
	assert_string_equal((const char *)secret_bytes(key->pkcs8), "private-key-bytes");
	(*(int *)data)++;
	return true;
}

static bool row_check(const struct log_row *row, void *data)
{
	assert_memory_equal(row->hash, digest_of((uint8_t)row->seq), DIGEST_SIZE);
	(*(int *)data)++;
	return true;
}

static void read_accounts(struct unit *unit, const char *tenant)
{
	g_auto(account_t) account = { 0 };
	struct link link = { 0 };
	g_autofree char *stored = NULL;
	FOUND_IS(FOUND, account_find_login(unit, tenant, "alice@example.org", &account, &error));
	FOUND_IS(FOUND, credential_find(unit, tenant, ACCOUNT_1, &stored, &error));
	FOUND_IS(FOUND, link_find(unit, tenant, "okta", "s-1", &link, &error));
	assert_string_equal(account.id, ACCOUNT_1);
	assert_string_equal(stored, "$argon2id$x");
	assert_string_equal(link.account, ACCOUNT_1);
	link_clear(&link);
}

static void read_configuration(struct unit *unit, const char *tenant)
{
	g_autoptr(tenant_t) found = NULL;
	g_autoptr(client_t) client = NULL;
	g_autoptr(resource_t) resource = NULL;
	int providers = 0, keys = 0;
	FOUND_IS(FOUND, tenant_find(unit, tenant, &found, &error));
	FOUND_IS(FOUND, client_find(unit, tenant, "wiki", &client, &error));
	FOUND_IS(FOUND, resource_find(unit, tenant, "https://api.example", &resource, &error));
	GOOD(provider_list(unit, tenant, provider_check, &providers, &error) && key_list(unit, tenant, key_check, &keys, &error));
	GOOD(saml_key_list(unit, tenant, saml_key_check, &keys, &error));
	assert_memory_equal(client->secrets[0].digest, digest_of(7), DIGEST_SIZE);
	assert_string_equal(resource->scopes, "wiki.read");
	assert_true(providers == 1 && keys == 2);
}

static void read_tokens(struct unit *unit, const char *tenant)
{
	g_auto(flow_t) flow = { 0 };
	g_auto(session_t) session = { 0 };
	g_auto(grant_t) grant = { 0 };
	g_auto(code_t) code = { 0 };
	g_auto(refresh_token_t) refresh = { 0 };
	g_auto(access_token_t) access = { 0 };
	struct throttle_state bucket = { 0 };
	g_autofree char *consent = NULL;
	FOUND_IS(FOUND, consent_find(unit, tenant, ACCOUNT_1, "wiki", &consent, &error));
	FOUND_IS(FOUND, flow_find(unit, tenant, digest_of(1), &flow, &error));
	FOUND_IS(FOUND, session_find(unit, tenant, digest_of(1), &session, &error));
	FOUND_IS(FOUND, grant_find(unit, tenant, GRANT_1, &grant, &error));
	FOUND_IS(FOUND, code_find(unit, tenant, digest_of(1), &code, &error));
	FOUND_IS(FOUND, refresh_find(unit, tenant, digest_of(1), &refresh, &error));
	FOUND_IS(FOUND, access_find(unit, tenant, digest_of(1), &access, &error));
	FOUND_IS(FOUND, jti_revoked(unit, tenant, "jti-1", &error));
	FOUND_IS(FOUND, throttle_find(unit, tenant, digest_of(1), &bucket, &error));
	assert_true(grant.offline && bucket.failures == 3);
}

static void read_log(struct unit *unit, const char *tenant)
{
	struct log_tip tip = { 0 };
	int rows = 0;
	GOOD(log_list(unit, tenant, &(struct log_filter){ .oldest_first = true }, row_check, &rows, &error));
	assert_int_equal(rows, 2);
	FOUND_IS(FOUND, log_anchor_find(unit, tenant, "node-1", &tip, &error));
	assert_int_equal(tip.seq, 1);
}

static void read_all(const char *source, const char *name)
{
	char *folder = folder_make();
	g_autofree char *from = g_strconcat(source, "/", name, ".db", NULL), *key_from = g_strconcat(source, "/", name, ".key", NULL);
	g_autofree char *to = path_in(folder, "store.db"), *key_to = path_in(folder, "secret.key"), *address = address_in(folder);
	assert_true(file_copy(from, to) && file_copy(key_from, key_to));
	assert_int_equal(chmod(key_to, 0600), 0);
	struct root_keys *keys = NULL;
	struct store *store = NULL;
	GOOD((keys = root_keys_read(key_to, &error)));
	GOOD((store = store_open(&(struct store_options){ .address = address, .keys = keys, .node = "n" }, &error)));
	const char *const tenants[] = { TENANT_A, TENANT_B };
	for (size_t i = 0; i < G_N_ELEMENTS(tenants); i++) {
		read_accounts(reader_of(store), tenants[i]);
		read_configuration(reader_of(store), tenants[i]);
		read_tokens(reader_of(store), tenants[i]);
		read_log(reader_of(store), tenants[i]);
	}
	g_auto(account_t) again = account_of(ACCOUNT_2, "again", NULL);
	struct unit *unit = write_begin(store);
	REFUSED(ERROR_CONFLICT, account_insert(unit, TENANT_A, &again, &error));
	write_undo();
	store_close(store);
	root_keys_free(keys);
	folder_remove(folder);
}

/* What this version writes, and that no table was forgotten: the next version's fixture is made by the same function. */
static void what_this_version_writes_fills_every_table(void **state)
{
	(void)state;
	static const char tables[] = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
	char *folder = folder_make();
	fixture_make(folder);
	read_all(folder, "v1");
	g_autofree char *address = g_strconcat("sqlite:", folder, "/v1.db", NULL);
	struct root_keys *keys = keys_of(1);
	struct store *store = NULL;
	GOOD((store = store_at(address, keys, &error)));
	{
		g_auto(cursor_t) cursor = cursor_open(reader_of(store), tables, NULL, 0);
		while (cursor_step(&cursor, NULL) == STEP_ROW) {
			g_autofree char *count = g_strdup_printf("SELECT count(*) FROM \"%s\"", column_text(&cursor, 0));
			int64_t rows = 0;
			/* The driver knows statements by address: an interned text has one for ever. */
			FOUND_IS(FOUND, unit_integer(reader_of(store), &rows, &error, g_intern_string(count), NULL, 0));
			if (rows == 0)
				fail_msg("the fixture leaves the table %s empty", column_text(&cursor, 0));
		}
	}
	store_close(store);
	root_keys_free(keys);
	folder_remove(folder);
}

static void version_1_opens_and_reads(void **state)
{
	(void)state;
	read_all(FIXTURES, "v1");
}

static int tear_down(void **state)
{
	(void)state;
	write_abandon();
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(what_this_version_writes_fills_every_table, NULL, tear_down),
	cmocka_unit_test_setup_teardown(version_1_opens_and_reads, NULL, tear_down),
};
TEST_GROUP(fixture_tests, tests);
