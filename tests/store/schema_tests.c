/* The schema's lint (SECURITY TN-1) and secrets at rest (KY-1), read from the file behind the store's back. */
#include "tests.h"
#include <sqlite3.h>

struct place {
	char *folder;
	struct root_keys *keys;
	struct store *store;
	sqlite3 *behind;
};

static int set_up(void **state)
{
	struct place *place = g_new0(struct place, 1);
	place->folder = folder_make();
	place->keys = keys_of(1);
	g_autofree char *address = address_in(place->folder), *path = path_in(place->folder, "store.db");
	GOOD((place->store = store_at(address, place->keys, &error)));
	assert_int_equal(sqlite3_open(path, &place->behind), SQLITE_OK);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	write_abandon();
	sqlite3_close(place->behind);
	store_close(place->store);
	root_keys_free(place->keys);
	folder_remove(place->folder);
	g_free(place);
	return 0;
}

static int text_collect(void *data, int columns, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < columns; i++)
		g_string_append_printf(data, "%s ", values[i] ? values[i] : "NULL");
	return 0;
}

static char *ask(const struct place *place, const char *sql)
{
	GString *answer = g_string_new("");
	char *message = NULL;
	if (sqlite3_exec(place->behind, sql, text_collect, answer, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	return g_string_free(answer, FALSE);
}

static void every_key_starts_with_the_tenant(void **state)
{
	g_autofree char *offending = ask(*state,
		"SELECT m.name FROM sqlite_master AS m WHERE m.type = 'table' AND m.name NOT IN ('meta') AND m.name NOT LIKE 'sqlite_%' "
		"AND NOT EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE pk = 1 AND name = 'tenant')");
	assert_string_equal(offending, "");
	g_autofree char *tables = ask(*state, "SELECT count(*) >= 20 FROM sqlite_master WHERE type = 'table'");
	assert_string_equal(tables, "1 ");
	/* A unique index that does not start with the tenant lets one tenant take another's value: only the gateway's own names may. */
	g_autofree char *global = ask(*state,
		"SELECT i.name FROM sqlite_master AS m, pragma_index_list(m.name) AS i WHERE m.type = 'table' AND m.name <> 'meta' AND i.\"unique\" = 1 "
		"AND (SELECT name FROM pragma_index_info(i.name) WHERE seqno = 0) <> 'tenant' ORDER BY i.name");
	assert_string_equal(global, "change_seq tenant_domain_domain tenant_issuer tenant_name ");
}

static void every_table_is_strict_and_purges_find_an_index(void **state)
{
	g_autofree char *loose = ask(*state, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND strict = 0");
	assert_string_equal(loose, "");
	g_autofree char *unindexed = ask(*state,
		"SELECT m.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table' AND c.name IN ('expires_ms', 'idle_expires_ms') "
		"AND m.name <> 'client_secret' AND NOT EXISTS (SELECT 1 FROM pragma_index_list(m.name) AS i, pragma_index_info(i.name) AS x "
		"WHERE x.seqno = 0 AND x.name = c.name)");
	assert_string_equal(unindexed, "");
}

static void the_connection_settings_are_durable(void **state)
{
	g_autofree char *mode = ask(*state, "PRAGMA journal_mode"), *id = ask(*state, "PRAGMA application_id");
	assert_string_equal(mode, "wal ");
	assert_string_equal(id, "1347637809 ");
}

static bool key_seen(const struct signing_key *key, void *data)
{
	(void)key;
	(*(int *)data)++;
	return true;
}

static bool provider_seen(const struct provider_record *provider, void *data)
{
	(void)provider;
	(*(int *)data)++;
	return true;
}

static void secrets_are_sealed_to_their_row(void **state)
{
	struct place *place = *state;
	tenant_make(place->store, TENANT_A, "acme");
	tenant_make(place->store, TENANT_B, "bolt");
	struct signing_key key = key_of("kid-1");
	struct provider_record provider = provider_of("directory", "canary-secret");
	struct unit *unit = write_begin(place->store);
	GOOD(key_insert(unit, TENANT_A, &key, &error) && provider_put(unit, TENANT_A, &provider, &error));
	write_commit();
	signing_key_clear(&key);
	provider_record_clear(&provider);
	/* Neither in the database nor in its log. */
	const char *const files[] = { "store.db", "store.db-wal" };
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = path_in(place->folder, files[i]), *bytes = NULL;
		gsize length;
		assert_true(g_file_get_contents(path, &bytes, &length, NULL));
		assert_null(memmem(bytes, length, "canary-secret", strlen("canary-secret")));
		assert_null(memmem(bytes, length, "private-key-bytes", strlen("private-key-bytes")));
	}
	/* Moved to another tenant or row by somebody who can write the file, they do not open: broken, not missing. */
	g_free(ask(place, "UPDATE signing_key SET tenant = '" TENANT_B "'; UPDATE provider SET name = 'other'"));
	int seen = 0;
	REFUSED(ERROR_INTERNAL, key_list(reader_of(place->store), TENANT_B, key_seen, &seen, &error));
	REFUSED(ERROR_INTERNAL, provider_list(reader_of(place->store), TENANT_A, provider_seen, &seen, &error));
	assert_int_equal(seen, 0);
}

static void damaged_rows_are_broken_not_missing(void **state)
{
	struct place *place = *state;
	tenant_make(place->store, TENANT_A, "acme");
	g_auto(flow_t) flow = flow_of(1), seen_flow = { 0 };
	g_auto(account_t) account = account_of(ACCOUNT_1, "alice", NULL), seen_account = { 0 };
	struct unit *unit = write_begin(place->store);
	GOOD(flow_insert(unit, TENANT_A, &flow, &error) && account_insert(unit, TENANT_A, &account, &error));
	write_commit();
	g_free(ask(place, "UPDATE flow SET browser = x'00'; UPDATE account SET group_names = '{\"a\":1,\"a\":2}'; UPDATE tenant SET settings = '['"));
	g_autoptr(tenant_t) tenant = NULL;
	FOUND_IS(BROKEN, flow_find(reader_of(place->store), TENANT_A, digest_of(1), &seen_flow, &error));
	FOUND_IS(BROKEN, account_find(reader_of(place->store), TENANT_A, ACCOUNT_1, &seen_account, &error));
	FOUND_IS(BROKEN, tenant_find(reader_of(place->store), TENANT_A, &tenant, &error));
	assert_true(!seen_flow.client_id && !seen_account.username && !tenant);
}

static void a_forged_anchor_is_broken(void **state)
{
	struct place *place = *state;
	tenant_make(place->store, TENANT_A, "acme");
	g_free(ask(place, "INSERT INTO log_anchor VALUES ('" TENANT_A "', 'n', 's1.k1.AAAA')"));
	struct log_tip tip = { .seq = 42 };
	FOUND_IS(BROKEN, log_anchor_find(reader_of(place->store), TENANT_A, "n", &tip, &error));
	REFUSED(ERROR_INTERNAL, log_last(reader_of(place->store), TENANT_A, "n", &tip, &error));
	assert_int_equal(tip.seq, 42);
}

/* SECURITY TN-6: permanent deletion leaves nothing in the file. */
static void what_is_removed_leaves_the_pages_too(void **state)
{
	struct place *place = *state;
	tenant_make(place->store, TENANT_A, "acme");
	g_auto(account_t) account = account_of(ACCOUNT_1, "canary-name", NULL);
	struct unit *unit = write_begin(place->store);
	GOOD(account_insert(unit, TENANT_A, &account, &error));
	write_commit();
	unit = write_begin(place->store);
	GOOD(tenant_remove(unit, TENANT_A, &error));
	write_commit();
	g_free(ask(place, "PRAGMA wal_checkpoint(TRUNCATE)"));
	g_autofree char *path = path_in(place->folder, "store.db"), *bytes = NULL;
	gsize length;
	assert_true(g_file_get_contents(path, &bytes, &length, NULL));
	assert_null(memmem(bytes, length, "canary-name", strlen("canary-name")));
}

#define PLACE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
static const struct CMUnitTest tests[] = {
	PLACE_TEST(every_key_starts_with_the_tenant),
	PLACE_TEST(every_table_is_strict_and_purges_find_an_index),
	PLACE_TEST(the_connection_settings_are_durable),
	PLACE_TEST(secrets_are_sealed_to_their_row),
	PLACE_TEST(damaged_rows_are_broken_not_missing),
	PLACE_TEST(a_forged_anchor_is_broken),
	PLACE_TEST(what_is_removed_leaves_the_pages_too),
};
TEST_GROUP(schema_tests, tests);
