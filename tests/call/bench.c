/* See bench.h. */
#include "tests/call/bench.h"
#include "base/text.h"
#include <glib/gstdio.h>
#include <sqlite3.h>

int groups_run(const char *name, const struct test_group *const *groups, size_t count)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct CMUnitTest));

	for (size_t i = 0; i < count; i++)
		g_array_append_vals(all, groups[i]->tests, (guint)groups[i]->count);
	/* cmocka's macro takes an array of known size; this is what it calls. */
	return _cmocka_run_group_tests(name, (const struct CMUnitTest *)(const void *)all->data, all->len, NULL, NULL);
}

void bench_write(const struct bench *bench, bool (*work)(struct unit *unit, void *data, GError **error), void *data)
{
	g_autoptr(GError) error = NULL;

	if (!store_write(bench->store, work, data, &error))
		fail_msg("%s", error->message);
}

void bench_write_undone(const struct bench *bench, bool (*work)(struct unit *unit, void *data, GError **error), void *data)
{
	g_autoptr(GError) error = NULL;

	assert_false(store_write(bench->store, work, data, &error));
	assert_non_null(error);
}

struct unit *bench_reader(const struct bench *bench)
{
	g_autoptr(GError) error = NULL;
	struct unit *unit = store_reader(bench->store, &error);

	if (!unit)
		fail_msg("%s", error->message);
	return unit;
}

void bench_refresh(const struct bench *bench)
{
	g_autoptr(GError) error = NULL;

	if (!cache_refresh(bench->cache, &error))
		fail_msg("%s", error->message);
}

void bench_tamper(const struct bench *bench, const char *sql)
{
	sqlite3 *database = NULL;
	char *message = NULL;

	assert_int_equal(sqlite3_open_v2(bench->database, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(database, 10000);
	if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(database);
}

json_t *json_of(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!value)
		fail_msg("no JSON: %s", text);
	return value;
}

struct tenant *tenant_with(const char *id, const char *name, const char *settings)
{
	g_autoptr(json_t) value = json_of(settings);

	return tenant_new(id, name, value, NOW_MS);
}

static bool tenant_write(struct unit *unit, void *data, GError **error)
{
	return tenant_insert(unit, data, error);
}

static struct tenant *tenant_make(const struct bench *bench, const char *id, const char *name)
{
	g_autofree char *settings = g_strdup_printf("{\"display_name\":\"%s\",\"issuer\":\"https://%s.example\",\"domains\":[\"%s.example\"],"
		"\"policy\":{\"throttle\":{\"failures\":3}}}", name, name, name);
	struct tenant *tenant = tenant_with(id, name, settings);

	bench_write(bench, tenant_write, tenant);
	return tenant;
}

struct declaring {
	const struct tenant *tenant;
	struct provider_record *record;
};

static bool provider_write(struct unit *unit, void *data, GError **error)
{
	struct declaring *declaring = data;

	return provider_put(unit, declaring->tenant->id, declaring->record, error);
}

void provider_make(const struct bench *bench, const struct tenant *tenant, struct provider_record *record)
{
	struct declaring declaring = { tenant, record };

	bench_write(bench, provider_write, &declaring);
	provider_record_clear(record);
}

int bench_setup(void **state)
{
	struct bench *bench = g_new0(struct bench, 1);
	const uint8_t key[32] = { 7 };
	g_autoptr(GError) error = NULL;

	bench->folder = g_dir_make_tmp("passerelle-call-XXXXXX", NULL);
	bench->database = g_build_filename(bench->folder, "passerelle.db", NULL);
	bench->keys = root_keys_from_bytes("k1", key);
	g_autofree char *address = g_strconcat("sqlite:", bench->database, NULL);
	bench->store = store_open(&(struct store_options){ .address = address, .keys = bench->keys, .node = "n1", .commit_wait_ms = 10000, .create = true }, &error);
	if (!bench->store)
		fail_msg("%s", error->message);
	bench->cache = cache_new(bench->store, 100);
	bench->acme = tenant_make(bench, ACME_ID, "acme");
	bench->globex = tenant_make(bench, GLOBEX_ID, "globex");
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
	cache_free(bench->cache);
	store_close(bench->store);
	root_keys_free(bench->keys);
	folder_remove(bench->folder);
	g_free(bench->folder);
	g_free(bench->database);
	g_free(bench);
	return 0;
}

struct account_work {
	const struct tenant *tenant;
	struct account account;
};

static bool account_write(struct unit *unit, void *data, GError **error)
{
	struct account_work *work = data;

	return account_insert(unit, work->tenant->id, &work->account, error);
}

void account_make(const struct bench *bench, const struct tenant *tenant, const char *id, const char *username, const char *email, bool verified)
{
	struct account_work work = { .tenant = tenant, .account = { .username = g_strdup(username), .username_key = text_login_key(username),
		.email = g_strdup(email), .email_key = email ? text_login_key(email) : NULL, .email_verified = verified, .created_ms = NOW_MS,
		.updated_ms = NOW_MS } };

	g_strlcpy(work.account.id, id, sizeof work.account.id);
	bench_write(bench, account_write, &work);
	account_clear(&work.account);
}

static bool disable_write(struct unit *unit, void *data, GError **error)
{
	struct account_work *work = data;

	return account_set_disabled(unit, work->tenant->id, work->account.id, true, NOW_MS, error);
}

void account_disable(const struct bench *bench, const struct tenant *tenant, const char *id)
{
	struct account_work work = { .tenant = tenant };

	g_strlcpy(work.account.id, id, sizeof work.account.id);
	bench_write(bench, disable_write, &work);
}

struct account account_read(const struct bench *bench, const struct tenant *tenant, const char *id)
{
	struct account account = { 0 };
	g_autoptr(GError) error = NULL;

	if (account_find(bench_reader(bench), tenant->id, id, &account, &error) != FOUND)
		fail_msg("no account %s: %s", id, error ? error->message : "missing");
	return account;
}

static bool count_one(const struct account *account, void *data)
{
	size_t *count = data;

	(void)account;
	++*count;
	return true;
}

size_t account_count(const struct bench *bench, const struct tenant *tenant)
{
	size_t count = 0;

	assert_true(account_list(bench_reader(bench), tenant->id, count_one, &count, NULL));
	return count;
}
