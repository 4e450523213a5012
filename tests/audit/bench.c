/* The store of the audit tests. */
#include "tests.h"
#include "crypto/root_keys.h"
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

#define NOW_MS INT64_C(1795000000123)

static bool tenant_write(struct unit *unit, void *data, GError **error)
{
	return tenant_insert(unit, data, error);
}

static struct tenant *tenant_make(struct store *store, const char *name)
{
	g_autoptr(json_t) settings = json_pack("{s:s, s:s+, s:[s, {s:s+}]}", "name", name, "issuer", "https://login.example/t/", name, "domains", "first.example",
	                                       "name", name, ".example");
	char id[IDENTIFIER_SIZE];
	g_autoptr(GError) error = NULL;

	/* Domains are unique on a gateway: only acme has the one written as a plain string. */
	if (strcmp(name, "acme"))
		json_array_remove(json_object_get(settings, "domains"), 0);
	random_identifier(id);
	struct tenant *tenant = tenant_new(id, name, settings, NOW_MS);
	if (!store_write(store, tenant_write, tenant, &error))
		fail_msg("%s", error->message);
	return tenant;
}

int bench_setup(void **state)
{
	struct bench *bench = g_new0(struct bench, 1);
	const uint8_t key[32] = { 7 };
	g_autoptr(GError) error = NULL;

	bench->folder = g_dir_make_tmp("passerelle-audit-XXXXXX", NULL);
	bench->database = g_build_filename(bench->folder, "passerelle.db", NULL);
	bench->keys = root_keys_from_bytes("k1", key);
	g_autofree char *address = g_strconcat("sqlite:", bench->database, NULL);
	bench->store = store_open(&(struct store_options) { .address = address, .keys = bench->keys, .node = "n1", .commit_wait_ms = 10000, .create = true }, &error);
	if (!bench->store)
		fail_msg("%s", error->message);
	bench->acme = tenant_make(bench->store, "acme");
	bench->globex = tenant_make(bench->store, "globex");
	*state = bench;
	return 0;
}

static void folder_remove(const char *path)
{
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	const char *name;

	while (folder && (name = g_dir_read_name(folder))) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		g_unlink(file);
	}
	g_rmdir(path);
}

int bench_teardown(void **state)
{
	struct bench *bench = *state;

	tenant_unref(bench->acme);
	tenant_unref(bench->globex);
	store_close(bench->store);
	root_keys_free(bench->keys);
	folder_remove(bench->folder);
	g_free(bench->folder);
	g_free(bench->database);
	g_free(bench);
	return 0;
}

static sqlite3 *database_open(const struct bench *bench)
{
	sqlite3 *database = NULL;

	assert_int_equal(sqlite3_open_v2(bench->database, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(database, 10000);
	return database;
}

void bench_tamper(const struct bench *bench, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_autofree char *sql = g_strdup_vprintf(format, arguments);
	va_end(arguments);

	sqlite3 *database = database_open(bench);
	char *message = NULL;
	if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(database);
}

char *bench_value(const struct bench *bench, const char *sql)
{
	sqlite3 *database = database_open(bench);
	sqlite3_stmt *statement = NULL;

	assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	char *value = g_strdup((const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	sqlite3_close(database);
	return value;
}

struct audit_facts bench_facts(void)
{
	return (struct audit_facts) {
		.event = EVENT_LOGIN, .result = AUDIT_OK, .reason = REASON_OK, .account = "abcdefghijklmnopqrstuvwxyz", .username = "alice", .provider = "local",
		.client = "wiki", .session = "zyxwvutsrqponmlkjihgfedcba", .address = "192.0.2.7",
		.user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", .acr = "urn:passerelle:acr:pwd", .amr = "pwd", .ref = "k3v9q2xw7p",
		.time_ms = NOW_MS,
	};
}

void bench_write(const struct bench *bench, const struct tenant *tenant, const struct audit_facts *facts, bool username_known)
{
	g_autoptr(GError) error = NULL;

	if (!audit_write(bench->store, tenant, facts, username_known, &error))
		fail_msg("%s", error->message);
}

bool bench_verify(const struct bench *bench, const struct tenant *tenant, int64_t *ret_rows, char **ret_message)
{
	g_autoptr(GError) error = NULL;
	struct unit *reader = store_reader(bench->store, &error);

	assert_non_null(reader);
	bool verified = audit_verify(reader, tenant->id, ret_rows, &error);
	assert_int_equal(verified, error == NULL);
	if (ret_message)
		*ret_message = g_strdup(error ? error->message : NULL);
	return verified;
}

void bench_list(const struct bench *bench, const struct tenant *tenant, bool (*each)(const struct log_row *row, void *data), void *data)
{
	g_autoptr(GError) error = NULL;
	struct unit *reader = store_reader(bench->store, &error);

	assert_non_null(reader);
	if (!log_list(reader, tenant->id, &(struct log_filter) { .oldest_first = true }, each, data, &error))
		fail_msg("%s", error->message);
}
