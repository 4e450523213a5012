/* Root keys that come and go: what stands under which, sealing anew in slices, and a file from which a line was taken (SECURITY KY-1). Two tenants have the same. */
#include "tests.h"
#include <sqlite3.h>

#define LINKS 230 /* more than two slices */
#define FIRST "k1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"

struct place {
	char *folder, *address, *file;
	struct root_keys *keys;
	struct store *store;
};

static void file_put(const struct place *place, const char *content)
{
	assert_true(g_file_set_contents_full(place->file, content, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
}

static void behind(const struct place *place, const char *sql)
{
	sqlite3 *database;
	g_autofree char *path = path_in(place->folder, "store.db");
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

static void open_place(struct place *place)
{
	GOOD((place->keys = root_keys_read(place->file, &error)));
	GOOD((place->store = store_at(place->address, place->keys, &error)));
}

static void close_place(struct place *place)
{
	g_clear_pointer(&place->store, store_close);
	g_clear_pointer(&place->keys, root_keys_free);
}

static char *subject_of(int i)
{
	return g_strdup_printf("s-%03d", i);
}

static void fill(struct unit *unit, const char *tenant)
{
	g_autoptr(secret_t) keep = secret_new("refresh", 7);
	struct account account = account_of(ACCOUNT_1, "alice", "alice@acme.example");
	struct session session = session_of(SESSION_1, 1, ACCOUNT_1);
	struct provider_record provider = provider_of("okta", "hush");
	struct signing_key key = key_of("kid-1");
	struct saml_key saml = saml_key_of("x5t", SAML_KEY_ENCRYPTION);
	GOOD(saml_key_insert(unit, tenant, &saml, &error));
	GOOD(account_insert(unit, tenant, &account, &error) && session_insert(unit, tenant, &session, &error));
	GOOD(session_keep_set(unit, tenant, SESSION_1, keep, &error) && provider_put(unit, tenant, &provider, &error) && key_insert(unit, tenant, &key, &error));
	for (int i = 0; i < LINKS; i++) {
		g_autofree char *subject = subject_of(i);
		struct link link = { .provider = g_strdup("okta"), .subject = g_strdup(subject), .account = ACCOUNT_1, .created_ms = NOW };
		GOOD(link_insert(unit, tenant, &link, &error) && link_keep_set(unit, tenant, "okta", subject, keep, &error));
		link_clear(&link);
	}
	account_clear(&account);
	session_clear(&session);
	provider_record_clear(&provider);
	signing_key_clear(&key);
	saml_key_clear(&saml);
}

static int set_up(void **state)
{
	struct place *place = g_new0(struct place, 1);
	place->folder = folder_make();
	place->address = address_in(place->folder);
	place->file = path_in(place->folder, "secret.key");
	file_put(place, FIRST);
	open_place(place);
	tenant_make(place->store, TENANT_A, "acme");
	tenant_make(place->store, TENANT_B, "globex");
	struct unit *unit = write_begin(place->store);
	fill(unit, TENANT_A);
	fill(unit, TENANT_B);
	write_commit();
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	write_abandon();
	close_place(place);
	folder_remove(place->folder);
	g_free(place->address);
	g_free(place->file);
	g_free(place);
	return 0;
}

/* A new line, and the keys as a running server takes them up. */
static char *rotate(struct place *place)
{
	char *id = NULL;
	struct root_keys *fresh = NULL;
	GOOD(root_keys_rotate(place->file, &id, &error));
	GOOD((fresh = root_keys_read(place->file, &error)));
	GOOD(store_keys_settle(place->store, fresh, &error));
	root_keys_replace(place->keys, fresh);
	return id;
}

static struct key_uses uses_of(const struct place *place, const char *id)
{
	struct key_uses uses;
	GOOD(store_key_uses(reader_of(place->store), id, &uses, &error));
	return uses;
}

static void assert_uses(const struct place *place, const char *id, int64_t share)
{
	struct key_uses uses = uses_of(place, id);
	assert_int_equal(uses.providers, share);
	assert_int_equal(uses.signing_keys, share);
	assert_int_equal(uses.saml_keys, share);
	assert_int_equal(uses.sessions, share);
	assert_int_equal(uses.links, share * LINKS);
}

static bool key_is_ours(const struct signing_key *key, void *data)
{
	*(bool *)data = key->pkcs8 != NULL;
	return true;
}

static bool saml_key_is_ours(const struct saml_key *key, void *data)
{
	*(bool *)data = key->pkcs8 != NULL;
	return true;
}

static bool provider_is_ours(const struct provider_record *provider, void *data)
{
	*(bool *)data = g_strcmp0(json_string_at(provider->settings, "bind_password"), "hush") == 0;
	return true;
}

static void assert_all_opens(const struct place *place, const char *tenant)
{
	struct unit *unit = reader_of(place->store);
	bool key = false, saml_key = false, provider = false;
	GOOD(key_list(unit, tenant, key_is_ours, &key, &error) && provider_list(unit, tenant, provider_is_ours, &provider, &error));
	GOOD(saml_key_list(unit, tenant, saml_key_is_ours, &saml_key, &error));
	assert_true(key && saml_key && provider);
	g_autoptr(secret_t) of_session = NULL;
	FOUND_IS(FOUND, session_keep_find(unit, tenant, SESSION_1, &of_session, &error));
	for (int i = 0; i < LINKS; i++) {
		g_autofree char *subject = subject_of(i);
		g_autoptr(secret_t) keep = NULL;
		FOUND_IS(FOUND, link_keep_find(unit, tenant, "okta", subject, &keep, &error));
		assert_memory_equal(secret_bytes(keep), "refresh", 7);
	}
}

static void count_steps(int64_t done, int64_t all, void *data)
{
	int64_t *last = data;
	assert_true(done > *last && done <= all && done - *last <= 100);
	*last = done;
}

static void everything_moves_to_the_newest_key(void **state)
{
	struct place *place = *state;
	int64_t last = 0, written = 0, again = 0;
	assert_uses(place, "k1", 2);
	g_autofree char *id = rotate(place);
	assert_uses(place, "k1", 2);
	assert_uses(place, id, 0);
	const struct store_progress progress = { count_steps, &last };
	GOOD(store_reseal(place->store, &progress, &written, &error));
	assert_int_equal(written, 2 * (LINKS + 4));
	assert_int_equal(last, written);
	assert_uses(place, "k1", 0);
	assert_uses(place, id, 2);
	GOOD(store_reseal(place->store, &(struct store_progress){ 0 }, &again, &error));
	assert_int_equal(again, 0);
	assert_all_opens(place, TENANT_A);
	assert_all_opens(place, TENANT_B);
}

/* A value that was changed in the database is nobody's to seal anew: it stays under its key, which is then seen to be needed. */
static void what_does_not_open_stays(void **state)
{
	struct place *place = *state;
	int64_t written = 0;
	g_autofree char *id = rotate(place);
	behind(place, "UPDATE session SET keep_sealed = substr(keep_sealed, 1, length(keep_sealed) - 4) || 'AAAA' WHERE tenant = '" TENANT_A "'");
	GOOD(store_reseal(place->store, &(struct store_progress){ 0 }, &written, &error));
	assert_int_equal(written, 2 * (LINKS + 4) - 1);
	assert_int_equal(uses_of(place, "k1").sessions, 1);
}

static void assert_opening_refused(struct place *place, const char *word)
{
	g_autoptr(GError) why = NULL;
	close_place(place);
	GOOD((place->keys = root_keys_read(place->file, &error)));
	struct store *store = store_at(place->address, place->keys, &why);
	if (store)
		fail_msg("opened, expected a refusal with \"%s\"", word);
	assert_int_equal(error_code_of(why), ERROR_FORBIDDEN);
	if (!strstr(why->message, word))
		fail_msg("\"%s\" lacks \"%s\"", why->message, word);
}

static void take_away_last_line(const struct place *place)
{
	g_autofree char *content = NULL;
	assert_true(g_file_get_contents(place->file, &content, NULL, NULL));
	strchr(content, '\n')[1] = '\0';
	file_put(place, content);
}

static void a_line_that_something_needs_is_missed(void **state)
{
	struct place *place = *state;
	int64_t written = 0;
	g_autofree char *id = rotate(place), *both = NULL;
	assert_true(g_file_get_contents(place->file, &both, NULL, NULL));
	take_away_last_line(place);
	assert_opening_refused(place, "signing keys (2)");
	file_put(place, both);
	close_place(place);
	open_place(place);
	struct unit *unit = write_begin(place->store);
	GOOD(credential_set(unit, TENANT_A, ACCOUNT_1, "$argon2id$v=19$m=64,t=2,p=1,keyid=k1$c29tZXNhbHQ$fLt8E4+7dSflhjsop8bmjfO8MTJnuO5l4Q0XrDUBECY", 0, &error));
	write_commit();
	GOOD(store_reseal(place->store, &(struct store_progress){ 0 }, &written, &error));
	take_away_last_line(place);
	assert_opening_refused(place, "still needs it for passwords (1)");
}

static void a_line_that_nothing_needs_may_go(void **state)
{
	struct place *place = *state;
	int64_t written = 0;
	g_autofree char *id = rotate(place), *both = NULL;
	assert_true(g_file_get_contents(place->file, &both, NULL, NULL));
	GOOD(store_reseal(place->store, &(struct store_progress){ 0 }, &written, &error));
	take_away_last_line(place);
	close_place(place);
	open_place(place);
	assert_all_opens(place, TENANT_A);
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	GOOD(store_key_ids(reader_of(place->store), ids, &error));
	assert_int_equal(ids->len, 1);
	assert_string_equal(ids->pdata[0], id);
	/* And the newest may not, whatever stands under it: it is a line that was lost. */
	file_put(place, FIRST);
	assert_opening_refused(place, "a line was lost");
}

/* The same in a running server: refused, it goes on with what it had. */
static void a_running_server_refuses_it_too(void **state)
{
	struct place *place = *state;
	g_autofree char *id = rotate(place);
	struct root_keys *fresh = NULL;
	take_away_last_line(place);
	GOOD((fresh = root_keys_read(place->file, &error)));
	REFUSED(ERROR_FORBIDDEN, store_keys_settle(place->store, fresh, &error));
	root_keys_free(fresh);
	assert_all_opens(place, TENANT_A);
}

#define PLACE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
static const struct CMUnitTest tests[] = {
	PLACE_TEST(everything_moves_to_the_newest_key),
	PLACE_TEST(what_does_not_open_stays),
	PLACE_TEST(a_line_that_something_needs_is_missed),
	PLACE_TEST(a_line_that_nothing_needs_may_go),
	PLACE_TEST(a_running_server_refuses_it_too),
};
TEST_GROUP(secret_key_tests, tests);
