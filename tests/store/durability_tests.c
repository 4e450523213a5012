/* What was acknowledged is there: after kill -9, and when the disk is full. */
#include "child.h"
#include "tests.h"
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

struct place {
	char *folder, *address;
	struct root_keys *keys;
	bool mounted;
};

static int set_up(void **state)
{
	struct place *place = g_new0(struct place, 1);
	place->folder = folder_make();
	place->address = address_in(place->folder);
	place->keys = keys_of(1);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	write_abandon();
	root_keys_free(place->keys);
	if (place->mounted)
		umount2(place->folder, MNT_DETACH);
	folder_remove(place->folder);
	g_free(place->address);
	g_free(place);
	return 0;
}

static bool numbered_there(struct store *store, uint32_t number)
{
	uint8_t digest[DIGEST_SIZE] = { 0 };
	memcpy(digest, &number, sizeof(number));
	g_auto(code_t) code = { 0 };
	g_auto(flow_t) flow = { 0 };
	enum found code_found = code_find(reader_of(store), TENANT_A, digest, &code, NULL), flow_found = flow_find(reader_of(store), TENANT_A, digest, &flow, NULL);
	assert_int_not_equal(code_found, BROKEN);
	assert_int_equal(code_found, flow_found);
	return code_found == FOUND;
}

/* 5 rounds; each kills in the middle of writing, at another place. */
static void kill_loses_nothing_acknowledged(void **state)
{
	struct place *place = *state;
	for (uint32_t round = 0; round < 5; round++) {
		g_autofree char *folder = folder_make(), *address = address_in(folder);
		int output;
		pid_t child = child_start(address, "write", &output);
		uint32_t number = 0, acknowledged = 0;
		while (acknowledged < 20 + 7 * round && read(output, &number, sizeof(number)) == sizeof(number))
			acknowledged = number;
		kill(child, SIGKILL);
		while (read(output, &number, sizeof(number)) == sizeof(number))
			acknowledged = number;
		close(output);
		assert_false(child_wait(child));
		assert_true(acknowledged >= 20);
		struct store *store = NULL;
		GOOD((store = store_at(address, place->keys, &error)));
		for (uint32_t i = 1; i <= acknowledged; i++)
			assert_true(numbered_there(store, i));
		assert_false(numbered_there(store, acknowledged + 2));
		store_close(store);
		folder_remove(g_steal_pointer(&folder));
	}
}

struct filling {
	uint32_t number;
	char *padding;
};

static bool filling_write(struct unit *unit, void *data, GError **error)
{
	const struct filling *filling = data;
	g_auto(code_t) code = code_of(0, GRANT_1);
	g_auto(flow_t) flow = flow_of(0);
	memcpy(code.digest, &filling->number, sizeof(filling->number));
	memcpy(flow.digest, &filling->number, sizeof(filling->number));
	flow.sealed = g_strdup(filling->padding);
	return code_insert(unit, TENANT_A, &code, error) && flow_insert(unit, TENANT_A, &flow, error);
}

/* Writes until the disk says no: that is an error, what was acknowledged stays, nothing else is there. Returns the number that failed. */
static uint32_t fill_up(struct store *store)
{
	g_autofree char *padding = g_strnfill(20000, 'x');
	for (uint32_t number = 1; number < 5000; number++) {
		g_autoptr(GError) error = NULL;
		if (store_write(store, filling_write, &(struct filling){ number, padding }, &error))
			continue;
		assert_non_null(error);
		assert_int_equal(error_code_of(error), ERROR_INTERNAL);
		return number;
	}
	fail_msg("the disk never filled up");
	return 0;
}

static void assert_healed(struct place *place, struct store *store, uint32_t failed)
{
	char small[] = "x";
	GOOD(store_write(store, filling_write, &(struct filling){ 100000, small }, &error));
	store_close(store);
	GOOD((store = store_at(place->address, place->keys, &error)));
	for (uint32_t i = 1; i < failed; i++)
		assert_true(numbered_there(store, i));
	assert_false(numbered_there(store, failed));
	assert_true(numbered_there(store, 100000));
	store_close(store);
}

static void a_file_that_cannot_grow_is_an_error_and_heals(void **state)
{
	struct place *place = *state;
	struct store *store = NULL;
	GOOD((store = store_at(place->address, place->keys, &error)));
	struct rlimit before, small = { .rlim_cur = 1 << 20 };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	uint32_t failed = fill_up(store);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_healed(place, store, failed);
}

static void a_full_disk_is_an_error_and_heals(void **state)
{
	struct place *place = *state;
	if (mount("tmpfs", place->folder, "tmpfs", 0, "size=2m") != 0)
		skip(); /* only root may, and not in every container */
	place->mounted = true;
	struct store *store = NULL;
	GOOD((store = store_at(place->address, place->keys, &error)));
	g_autofree char *ballast = path_in(place->folder, "ballast"), *bytes = g_malloc0(300000);
	assert_true(g_file_set_contents(ballast, bytes, 300000, NULL));
	uint32_t failed = fill_up(store);
	unlink(ballast);
	assert_healed(place, store, failed);
}

#define PLACE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
static const struct CMUnitTest tests[] = {
	PLACE_TEST(kill_loses_nothing_acknowledged),
	PLACE_TEST(a_file_that_cannot_grow_is_an_error_and_heals),
	PLACE_TEST(a_full_disk_is_an_error_and_heals),
};
TEST_GROUP(durability_tests, tests);
