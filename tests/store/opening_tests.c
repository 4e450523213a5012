/* Opening: what is refused, and that the message says what to do. */
#include "tests.h"
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char *folder, *address, *path;
	struct root_keys *keys;
};

static int set_up(void **state)
{
	struct place *place = g_new0(struct place, 1);
	place->folder = folder_make();
	place->address = address_in(place->folder);
	place->path = path_in(place->folder, "store.db");
	place->keys = keys_of(1);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	write_abandon();
	root_keys_free(place->keys);
	folder_remove(place->folder);
	g_free(place->address);
	g_free(place->path);
	g_free(place);
	return 0;
}

static void assert_refused(const char *address, const struct root_keys *keys, bool create, enum error_code code, const char *word)
{
	g_autoptr(GError) error = NULL;
	struct store *store = store_open(&(struct store_options){ .address = address, .keys = keys, .create = create }, &error);
	if (store)
		fail_msg("%s was opened", address);
	assert_non_null(error);
	if (error_code_of(error) != code || !strstr(error->message, word))
		fail_msg("refused by %s \"%s\" instead of %s with \"%s\"", error_name(error_code_of(error)), error->message, error_name(code), word);
}

static void make(const struct place *place)
{
	struct store *store = NULL;
	GOOD((store = store_at(place->address, place->keys, &error)));
	tenant_make(store, TENANT_A, "acme");
	store_close(store);
}

static void behind(const struct place *place, const char *sql)
{
	sqlite3 *database;
	assert_int_equal(sqlite3_open(place->path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

static void a_store_is_made_only_when_asked_and_for_its_owner_only(void **state)
{
	struct place *place = *state;
	FOUND_IS(MISSING, store_exists(place->address, &error));
	assert_refused(place->address, place->keys, false, ERROR_NOT_FOUND, "no database");
	FOUND_IS(MISSING, store_exists(place->address, &error));
	mode_t mask = umask(0);
	make(place);
	umask(mask);
	FOUND_IS(FOUND, store_exists(place->address, &error));
	const char *const names[] = { "store.db", "store.db-counter" };
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = path_in(place->folder, names[i]);
		struct stat status;
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
	struct store *store = NULL;
	GOOD((store = store_open(&(struct store_options){ .address = place->address, .keys = place->keys, .node = "n" }, &error)));
	assert_string_equal(store_node(store), "n");
	assert_ptr_equal(store_keys(store), place->keys);
	store_close(store);
}

static void addresses_that_are_no_store_are_refused(void **state)
{
	struct place *place = *state;
	assert_refused("postgresql://u@h/d", place->keys, true, ERROR_NOT_SUPPORTED, "not built yet");
	assert_refused("mysql://h/d", place->keys, true, ERROR_MALFORMED, "sqlite:");
	assert_refused("sqlite:relative.db", place->keys, true, ERROR_MALFORMED, "absolute");
	g_autofree char *folder = g_strconcat("sqlite:", place->folder, NULL), *nowhere = g_strconcat("sqlite:", place->folder, "/none/store.db", NULL);
	assert_refused(folder, place->keys, true, ERROR_MALFORMED, "not a file");
	assert_refused(nowhere, place->keys, true, ERROR_INTERNAL, "No such file");
	FOUND_IS(BROKEN, store_exists("postgresql://u@h/d", &error));
}

static void files_that_are_not_ours_are_refused_and_left_alone(void **state)
{
	struct place *place = *state;
	assert_true(g_file_set_contents(place->path, "This is a text file that somebody needs, not a database at all.\n", -1, NULL));
	assert_refused(place->address, place->keys, true, ERROR_MALFORMED, "not an SQLite database");
	g_autofree char *left = NULL;
	assert_true(g_file_get_contents(place->path, &left, NULL, NULL));
	assert_true(g_str_has_prefix(left, "This is a text file"));
	unlink(place->path);
	behind(place, "CREATE TABLE somebody_elses (x)");
	assert_refused(place->address, place->keys, true, ERROR_MALFORMED, "another program");
	unlink(place->path);
	assert_true(g_file_set_contents(place->path, "", 0, NULL));
	assert_refused(place->address, place->keys, false, ERROR_MALFORMED, "empty");
}

static void another_users_database_is_refused(void **state)
{
	struct place *place = *state;
	if (geteuid() != 0)
		skip();
	make(place);
	assert_int_equal(chown(place->path, 1, 1), 0);
	assert_refused(place->address, place->keys, true, ERROR_FORBIDDEN, "belongs to the user");
	assert_int_equal(chown(place->path, 4294967, 1), 0);
	assert_refused(place->address, place->keys, true, ERROR_FORBIDDEN, "4294967");
}

static void a_wrong_secret_key_file_is_refused(void **state)
{
	struct place *place = *state;
	make(place);
	struct root_keys *other = keys_of(2);
	assert_refused(place->address, other, true, ERROR_FORBIDDEN, "not the one this store is sealed with");
	root_keys_free(other);
	uint8_t bytes[32] = { 1 };
	struct root_keys *renamed = root_keys_from_bytes("k2", bytes);
	assert_refused(place->address, renamed, true, ERROR_FORBIDDEN, "has no key \"k1\"");
	root_keys_free(renamed);
	struct store *store = NULL;
	GOOD((store = store_at(place->address, place->keys, &error)));
	store_close(store);
}

/* A new first line is remembered; from then on the file without it is the wrong one. */
static void a_rotated_key_is_remembered(void **state)
{
	struct place *place = *state;
	make(place);
	uint8_t old_bytes[32], new_bytes[32];
	memset(old_bytes, 1, sizeof(old_bytes));
	memset(new_bytes, 9, sizeof(new_bytes));
	g_autofree char *old_text = g_base64_encode(old_bytes, 32), *new_text = g_base64_encode(new_bytes, 32), *file = path_in(place->folder, "secret.key");
	g_autofree char *text = g_strdup_printf("k9 %s\nk1 %s\n", new_text, old_text);
	assert_true(g_file_set_contents_full(file, text, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
	struct root_keys *both = NULL;
	GOOD((both = root_keys_read(file, &error)));
	struct store *store = NULL;
	GOOD((store = store_at(place->address, both, &error)));
	store_close(store);
	root_keys_free(both);
	assert_refused(place->address, place->keys, true, ERROR_FORBIDDEN, "has no key \"k9\"");
}

static void a_later_version_is_refused(void **state)
{
	struct place *place = *state;
	make(place);
	behind(place, "UPDATE meta SET number = 9999 WHERE name = 'schema'");
	assert_refused(place->address, place->keys, true, ERROR_NOT_SUPPORTED, "later version");
}

static void a_damaged_database_is_refused(void **state)
{
	struct place *place = *state;
	make(place);
	behind(place, "PRAGMA wal_checkpoint(TRUNCATE)");
	g_autofree char *whole = NULL;
	gsize length;
	assert_true(g_file_get_contents(place->path, &whole, &length, NULL));
	/* The header. */
	g_autofree char *bytes = g_memdup2(whole, length);
	memset(bytes, 0xff, 16);
	assert_true(g_file_set_contents(place->path, bytes, (gssize)length, NULL));
	assert_refused(place->address, place->keys, true, ERROR_MALFORMED, "header is damaged");
	/* Any page of the tables. */
	memcpy(bytes, whole, length);
	memset(bytes + length / 2, 0xa5, 4096);
	assert_true(g_file_set_contents(place->path, bytes, (gssize)length, NULL));
	assert_refused(place->address, place->keys, true, ERROR_INTERNAL, "damaged");
	/* The end is missing. */
	assert_true(g_file_set_contents(place->path, whole, (gssize)(length / 2), NULL));
	assert_refused(place->address, place->keys, true, ERROR_INTERNAL, "damaged");
	assert_true(g_file_set_contents(place->path, whole, (gssize)length, NULL));
	struct store *store = NULL;
	GOOD((store = store_at(place->address, place->keys, &error)));
	store_close(store);
}

static void opening_raises_the_counter(void **state)
{
	struct place *place = *state;
	struct store *first = NULL, *second = NULL;
	GOOD((first = store_at(place->address, place->keys, &error)));
	uint64_t seen = store_counter(first);
	GOOD((second = store_at(place->address, place->keys, &error)));
	assert_true(store_counter(first) > seen);
	assert_int_equal(store_counter(first), store_counter(second));
	store_close(second);
	store_close(first);
}

static void a_counter_that_is_a_link_is_refused(void **state)
{
	struct place *place = *state;
	g_autofree char *counter = path_in(place->folder, "store.db-counter"), *victim = path_in(place->folder, "victim");
	assert_true(g_file_set_contents(victim, "precious", -1, NULL));
	assert_int_equal(symlink(victim, counter), 0);
	assert_refused(place->address, place->keys, true, ERROR_INTERNAL, "store.db-counter");
}

#define PLACE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
static const struct CMUnitTest tests[] = {
	PLACE_TEST(a_store_is_made_only_when_asked_and_for_its_owner_only),
	PLACE_TEST(addresses_that_are_no_store_are_refused),
	PLACE_TEST(files_that_are_not_ours_are_refused_and_left_alone),
	PLACE_TEST(another_users_database_is_refused),
	PLACE_TEST(a_wrong_secret_key_file_is_refused),
	PLACE_TEST(a_rotated_key_is_remembered),
	PLACE_TEST(a_later_version_is_refused),
	PLACE_TEST(a_damaged_database_is_refused),
	PLACE_TEST(opening_raises_the_counter),
	PLACE_TEST(a_counter_that_is_a_link_is_refused),
};
TEST_GROUP(opening_tests, tests);
