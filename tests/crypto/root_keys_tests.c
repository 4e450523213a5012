/* The secret key file: what is made, what is refused, and that keys of purposes differ. */
#include "crypto/root_keys.h"
#include "crypto_tests.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="

struct place {
	char *folder;
	char *path;
};

static int place_make(void **state)
{
	struct place *place = g_new0(struct place, 1);
	place->folder = g_dir_make_tmp("passerelle-keys-XXXXXX", NULL);
	place->path = g_build_filename(place->folder, "secret.key", NULL);
	*state = place;
	return place->folder ? 0 : -1;
}

static int place_remove(void **state)
{
	struct place *place = *state;
	g_autoptr(GDir) folder = g_dir_open(place->folder, 0, NULL);
	for (const char *name; (name = g_dir_read_name(folder));) {
		g_autofree char *path = g_build_filename(place->folder, name, NULL);
		g_remove(path);
	}
	g_rmdir(place->folder);
	g_free(place->folder);
	g_free(place->path);
	g_free(place);
	return 0;
}

static void content_write(const char *path, const char *content, size_t length, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static unsigned entries_in(const char *path)
{
	unsigned count = 0;
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	while (g_dir_read_name(folder))
		count++;
	return count;
}

static void created_file_is_private_and_read_back(void **state)
{
	const struct place *place = *state;
	GError *error = NULL;
	mode_t mask = umask(0);
	bool made = root_keys_create(place->path, &error);
	umask(mask);
	assert_null(error);
	assert_true(made);
	struct stat status;
	assert_int_equal(stat(place->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_nlink, 1);
	assert_int_equal(entries_in(place->folder), 1);

	struct root_keys *keys = root_keys_read(place->path, &error);
	assert_null(error);
	assert_non_null(keys);
	uint8_t derived[DERIVED_KEY_SIZE];
	assert_true(root_keys_derive(keys, root_keys_current(keys), "seal", derived));
	root_keys_free(keys);
}

static void existing_file_is_never_overwritten(void **state)
{
	const struct place *place = *state;
	GError *error = NULL;
	content_write(place->path, "precious", 8, 0600);
	assert_false(root_keys_create(place->path, &error));
	assert_fails_with(error, ERROR_CONFLICT);
	g_autofree char *content = NULL;
	assert_true(g_file_get_contents(place->path, &content, NULL, NULL));
	assert_string_equal(content, "precious");
	assert_int_equal(entries_in(place->folder), 1);
}

static void symbolic_link_is_not_followed_when_creating(void **state)
{
	const struct place *place = *state;
	g_autofree char *target = g_build_filename(place->folder, "target", NULL);
	GError *error = NULL;
	assert_int_equal(symlink(target, place->path), 0);
	assert_false(root_keys_create(place->path, &error));
	assert_fails_with(error, ERROR_CONFLICT);
	assert_false(g_file_test(target, G_FILE_TEST_EXISTS));
}

static void folder_that_is_missing_is_an_error(void **state)
{
	const struct place *place = *state;
	g_autofree char *path = g_build_filename(place->folder, "nowhere", "secret.key", NULL);
	GError *error = NULL;
	assert_false(root_keys_create(path, &error));
	assert_fails_with(error, ERROR_MALFORMED);
	assert_null(root_keys_read(path, &error));
	assert_fails_with(error, ERROR_NOT_FOUND);
}

static void file_that_others_can_touch_is_refused(void **state)
{
	const struct place *place = *state;
	static const mode_t open_modes[] = { 0640, 0604, 0620, 0602, 0610, 0644, 0666, 0777 };
	static const char content[] = "k1 " KEY_A "\n";
	GError *error = NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(open_modes); i++) {
		content_write(place->path, content, strlen(content), open_modes[i]);
		assert_null(root_keys_read(place->path, &error));
		assert_fails_with(error, ERROR_MALFORMED);
	}
	content_write(place->path, content, strlen(content), 0400);
	struct root_keys *keys = root_keys_read(place->path, &error);
	assert_non_null(keys);
	root_keys_free(keys);
}

static void what_is_no_file_is_refused(void **state)
{
	const struct place *place = *state;
	GError *error = NULL;
	assert_null(root_keys_read(place->folder, &error));
	assert_fails_with(error, ERROR_MALFORMED);
	/* Must not wait for a writer. */
	assert_int_equal(mkfifo(place->path, 0600), 0);
	assert_null(root_keys_read(place->path, &error));
	assert_fails_with(error, ERROR_MALFORMED);
}

static void malformed_files_are_refused_with_their_line(void **state)
{
	const struct place *place = *state;
	static const struct {
		const char *content;
		const char *says;
	} cases[] = {
		{ "", "no key" },
		{ "\n\n", "no key" },
		{ "k1\n", ":1:" },
		{ "k1 \n", ":1:" },
		{ " " KEY_A "\n", ":1:" },
		{ "k1  " KEY_A "\n", ":1:" },
		{ "k1 " KEY_A " \n", ":1:" },
		{ "k1\t" KEY_A "\n", ":1:" },
		{ "k1 " KEY_A "\r\n", ":1:" },
		{ "k.1 " KEY_A "\n", ":1:" },
		{ "k$1 " KEY_A "\n", ":1:" },
		{ "k,1 " KEY_A "\n", ":1:" },
		{ "k123456789012345678901234567890123 " KEY_A "\n", ":1:" },
		{ "k1 AAECAwQFBgcICQoLDA0ODw==\n", ":1:" },
		{ "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", ":1:" },
		{ "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n", ":1:" },
		{ "k2 " KEY_B "\nk1 short\n", ":2:" },
		{ "k2 " KEY_B "\n\nk2 " KEY_A "\n", ":3: an id may stand only once" },
		{ "# comment\nk1 " KEY_A "\n", ":1:" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		content_write(place->path, cases[i].content, strlen(cases[i].content), 0600);
		if (root_keys_read(place->path, &error))
			fail_msg("accepted: %s", cases[i].content);
		assert_non_null(error);
		assert_non_null(strstr(error->message, cases[i].says));
		/* The message names the line and never shows it: it may be a key with a slip of the pen. */
		assert_null(strstr(error->message, "AAEC"));
		assert_fails_with(error, ERROR_MALFORMED);
	}
	static const char with_nul[] = "k1\0 " KEY_A "\n";
	GError *error = NULL;
	content_write(place->path, with_nul, sizeof with_nul - 1, 0600);
	assert_null(root_keys_read(place->path, &error));
	assert_fails_with(error, ERROR_MALFORMED);
}

static void too_large_a_file_is_refused(void **state)
{
	const struct place *place = *state;
	g_autofree char *large = g_malloc(70000);
	GError *error = NULL;
	memset(large, '\n', 70000);
	content_write(place->path, large, 70000, 0600);
	assert_null(root_keys_read(place->path, &error));
	assert_fails_with(error, ERROR_MALFORMED);
}

static void newest_key_is_the_first_and_old_ones_stay(void **state)
{
	const struct place *place = *state;
	static const char content[] = "k2 " KEY_B "\nk1 " KEY_A;
	content_write(place->path, content, strlen(content), 0600);
	struct root_keys *keys = root_keys_read(place->path, NULL);
	assert_non_null(keys);
	assert_string_equal(root_keys_current(keys), "k2");
	uint8_t bytes[32], of_file[DERIVED_KEY_SIZE], of_bytes[DERIVED_KEY_SIZE];
	for (uint8_t i = 0; i < 32; i++)
		bytes[i] = i;
	struct root_keys *same = root_keys_from_bytes("k1", bytes);
	assert_true(root_keys_derive(keys, "k1", "seal", of_file));
	assert_true(root_keys_derive(same, "k1", "seal", of_bytes));
	assert_memory_equal(of_file, of_bytes, sizeof of_file);
	assert_false(root_keys_derive(keys, "k3", "seal", of_file));
	root_keys_free(same);
	root_keys_free(keys);
}

static void purposes_and_fingerprints_differ(void **state)
{
	(void)state;
	struct root_keys *one = root_keys_of("k1", 1), *two = root_keys_of("k1", 2);
	uint8_t seal[DERIVED_KEY_SIZE], pepper[DERIVED_KEY_SIZE];
	char of_one[17], of_two[17];
	assert_true(root_keys_derive(one, "k1", "seal", seal) && root_keys_derive(one, "k1", "pepper", pepper));
	assert_memory_not_equal(seal, pepper, sizeof seal);
	assert_true(root_keys_fingerprint(one, "k1", of_one) && root_keys_fingerprint(two, "k1", of_two));
	assert_int_equal(strlen(of_one), 16);
	assert_string_not_equal(of_one, of_two);
	assert_false(root_keys_fingerprint(one, "k2", of_one));
	root_keys_free(one);
	root_keys_free(two);
	root_keys_free(NULL);
}

static char *rotate(const struct place *place)
{
	GError *error = NULL;
	char *id = NULL;
	if (!root_keys_rotate(place->path, &id, &error))
		fail_msg("%s", error->message);
	return id;
}

static void a_rotation_adds_a_line_before_all_others(void **state)
{
	const struct place *place = *state;
	struct stat status;
	g_autofree char *content = NULL;
	content_write(place->path, "k1 " KEY_A "\n", strlen("k1 " KEY_A "\n"), 0600);
	g_autofree char *id = rotate(place), *newer = rotate(place);
	struct root_keys *keys = root_keys_read(place->path, NULL);
	assert_non_null(keys);
	assert_string_equal(root_keys_id(keys, 0), newer);
	assert_string_equal(root_keys_id(keys, 1), id);
	assert_string_equal(root_keys_id(keys, 2), "k1");
	assert_null(root_keys_id(keys, 3));
	root_keys_free(keys);
	assert_int_equal(stat(place->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(entries_in(place->folder), 1);
	assert_true(g_file_get_contents(place->path, &content, NULL, NULL));
	assert_true(g_str_has_suffix(content, "\nk1 " KEY_A "\n"));
}

/* What is broken stays to be looked at, and who changes the file just now is not overtaken. */
static void a_rotation_of_a_broken_or_busy_file_changes_nothing(void **state)
{
	const struct place *place = *state;
	GError *error = NULL;
	char *id = NULL;
	g_autofree char *content = NULL;
	assert_false(root_keys_rotate(place->path, &id, &error));
	assert_fails_with(error, ERROR_NOT_FOUND);
	content_write(place->path, "k1 nonsense\n", 12, 0600);
	assert_false(root_keys_rotate(place->path, &id, &error));
	assert_fails_with(error, ERROR_MALFORMED);
	content_write(place->path, "k1 " KEY_A, strlen("k1 " KEY_A), 0600);
	int fd = open(place->path, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_false(root_keys_rotate(place->path, &id, &error));
	assert_fails_with(error, ERROR_CONFLICT);
	close(fd);
	assert_null(id);
	assert_int_equal(entries_in(place->folder), 1);
	assert_true(g_file_get_contents(place->path, &content, NULL, NULL));
	assert_string_equal(content, "k1 " KEY_A);
}

/* A running server meets a value under a line that was added after it read the file. */
static void an_unknown_id_has_the_file_read_again(void **state)
{
	const struct place *place = *state;
	uint8_t derived[DERIVED_KEY_SIZE];
	content_write(place->path, "k1 " KEY_A "\n", strlen("k1 " KEY_A "\n"), 0600);
	struct root_keys *keys = root_keys_read(place->path, NULL);
	assert_non_null(keys);
	const char *first = root_keys_current(keys);
	g_autofree char *id = rotate(place);
	assert_string_equal(root_keys_current(keys), "k1"); /* nobody asked for it yet */
	assert_true(root_keys_derive(keys, id, "seal", derived));
	assert_string_equal(root_keys_current(keys), id);
	assert_string_equal(first, "k1"); /* what was borrowed is good still */
	assert_false(root_keys_derive(keys, "k9", "seal", derived));
	/* What lacks a key that we have, or has another under its id, is another file. */
	content_write(place->path, "k9 " KEY_B "\n", strlen("k9 " KEY_B "\n"), 0600);
	assert_false(root_keys_derive(keys, "k9", "seal", derived));
	content_write(place->path, "k9 " KEY_B "\nk1 " KEY_B "\n", strlen("k9 " KEY_B "\nk1 " KEY_B "\n"), 0600);
	assert_false(root_keys_derive(keys, "k9", "seal", derived));
	assert_true(root_keys_derive(keys, "k1", "seal", derived));
	root_keys_free(keys);
}

/* Only replacing gives a key up. */
static void another_file_takes_the_place_of_one(void **state)
{
	(void)state;
	struct root_keys *keys = root_keys_of("k1", 1);
	uint8_t derived[DERIVED_KEY_SIZE];
	const char *id = root_keys_current(keys);
	root_keys_replace(keys, root_keys_of("k2", 2));
	assert_string_equal(root_keys_current(keys), "k2");
	assert_string_equal(id, "k1");
	assert_false(root_keys_derive(keys, "k1", "seal", derived));
	root_keys_replace(keys, root_keys_of("k2", 2));
	assert_string_equal(root_keys_current(keys), "k2");
	root_keys_free(keys);
}

static struct digest_parts *parts_of(const char *text)
{
	struct digest_parts *parts = digest_parts_new("test");
	digest_parts_add_text(parts, text);
	return parts;
}

/* What a browser was given before a rotation holds as long as the key is there. */
static void a_mac_outlives_a_rotation(void **state)
{
	const struct place *place = *state;
	uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
	struct root_keys *only = root_keys_of("k2", 7);
	content_write(place->path, "k1 " KEY_A "\n", strlen("k1 " KEY_A "\n"), 0600);
	struct root_keys *keys = root_keys_read(place->path, NULL);
	root_keys_mac(keys, "form", parts_of("x"), before);
	g_autofree char *id = rotate(place);
	root_keys_replace(keys, root_keys_read(place->path, NULL));
	root_keys_mac(keys, "form", parts_of("x"), after);
	assert_memory_not_equal(before, after, sizeof before);
	assert_true(root_keys_mac_holds(keys, "form", parts_of("x"), before, sizeof before));
	assert_true(root_keys_mac_holds(keys, "form", parts_of("x"), after, ROOT_KEYS_MAC_MIN));
	assert_false(root_keys_mac_holds(keys, "form", parts_of("y"), after, sizeof after));
	assert_false(root_keys_mac_holds(keys, "device", parts_of("x"), after, sizeof after));
	assert_false(root_keys_mac_holds(only, "form", parts_of("x"), after, sizeof after));
	assert_false(root_keys_mac_holds(keys, "form", parts_of("x"), after, 0));
	assert_false(root_keys_mac_holds(keys, "form", parts_of("x"), after, ROOT_KEYS_MAC_MIN - 1));
	root_keys_free(only);
	root_keys_free(keys);
}

#define in_place(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)
static const struct CMUnitTest tests[] = {
	in_place(created_file_is_private_and_read_back),
	in_place(existing_file_is_never_overwritten),
	in_place(symbolic_link_is_not_followed_when_creating),
	in_place(folder_that_is_missing_is_an_error),
	in_place(file_that_others_can_touch_is_refused),
	in_place(what_is_no_file_is_refused),
	in_place(malformed_files_are_refused_with_their_line),
	in_place(too_large_a_file_is_refused),
	in_place(newest_key_is_the_first_and_old_ones_stay),
	cmocka_unit_test(purposes_and_fingerprints_differ),
	in_place(a_rotation_adds_a_line_before_all_others),
	in_place(a_rotation_of_a_broken_or_busy_file_changes_nothing),
	in_place(an_unknown_id_has_the_file_read_again),
	cmocka_unit_test(another_file_takes_the_place_of_one),
	in_place(a_mac_outlives_a_rotation),
};
TEST_GROUP(root_keys_group, tests);
