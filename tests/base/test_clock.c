/* The clock: its text form against known times and against GLib, and the shift of a test build. */
#include "base/clock.h"
#include "subjects.h"
#include <fcntl.h>
#include <glib.h>
#include <sys/wait.h>
#include <unistd.h>

static void formats_known_times(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -1000, "1969-12-31T23:59:59.000Z" },
		{ INT64_C(951782400000), "2000-02-29T00:00:00.000Z" },
		{ INT64_C(1795527671042), "2026-11-24T13:41:11.042Z" },
		{ INT64_C(2147483648000), "2038-01-19T03:14:08.000Z" },
		{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
		{ INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z" },
		{ INT64_MIN, "0000-01-01T00:00:00.000Z" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char out[CLOCK_TEXT_SIZE];
		clock_format(rows[i].ms, out);
		assert_string_equal(out, rows[i].text);
	}
}

static void format_agrees_with_glib(void **state)
{
	(void)state;
	for (int64_t ms = INT64_C(-2000000000123); ms < INT64_C(4000000000000); ms += INT64_C(7777777777)) {
		char out[CLOCK_TEXT_SIZE];
		clock_format(ms, out);
		g_autoptr(GDateTime) read = g_date_time_new_from_iso8601(out, NULL);
		assert_non_null(read);
		assert_true(g_date_time_to_unix(read) * 1000 + g_date_time_get_microsecond(read) / 1000 == ms);
	}
}

static void monotonic_never_goes_back(void **state)
{
	(void)state;
	int64_t before = clock_monotonic_ms();
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_monotonic_ms();
		assert_true(now >= before);
		before = now;
	}
}

static void now_is_now(void **state)
{
	(void)state;
	int64_t low = g_get_real_time() / 1000, now = clock_now_ms(), high = g_get_real_time() / 1000;
	assert_true(low <= now && now <= high);
}

#ifdef PASSERELLE_TEST_BUILD
static void set_offset(int64_t offset)
{
	int file = open(clock_file, O_WRONLY);
	assert_true(file >= 0);
	assert_int_equal(pwrite(file, &offset, sizeof offset, 0), sizeof offset);
	close(file);
}

static void the_test_file_shifts_the_wall_clock_only(void **state)
{
	(void)state;
	int64_t monotonic = clock_monotonic_ms();
	set_offset(INT64_C(86400000));
	int64_t low = g_get_real_time() / 1000, shifted = clock_now_ms(), high = g_get_real_time() / 1000;
	set_offset(-5000);
	int64_t back = clock_now_ms();
	set_offset(0);
	assert_true(low + 86400000 <= shifted && shifted <= high + 86400000);
	assert_true(back < low);
	assert_true(clock_monotonic_ms() - monotonic < 60000);
}

/* A fresh process with that clock file: its exit status as waitpid gives it. */
static int status_with_clock_file(const char *path)
{
	g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "PASSERELLE_TEST_CLOCK", path, TRUE);
	char itself[] = "/proc/self/exe", clock_word[] = "clock";
	char *arguments[] = { itself, clock_word, NULL };
	g_autofree char *output = NULL, *errors = NULL;
	int status = -1;
	assert_true(g_spawn_sync(NULL, arguments, environment, G_SPAWN_DEFAULT, NULL, NULL, &output, &errors, &status, NULL));
	return status;
}

static void a_missing_or_short_test_file_ends_the_process(void **state)
{
	(void)state;
	char path[] = "/tmp/passerelle-short-XXXXXX";
	int file = mkstemp(path);
	assert_true(file >= 0);
	assert_int_equal(write(file, "1234567", 7), 7);
	close(file);
	int missing = status_with_clock_file("/nonexistent/clock"), truncated = status_with_clock_file(path), unset = status_with_clock_file("");
	unlink(path);
	assert_false(WIFEXITED(missing) && WEXITSTATUS(missing) == 0);
	assert_false(WIFEXITED(truncated) && WEXITSTATUS(truncated) == 0);
	assert_true(WIFEXITED(unset) && WEXITSTATUS(unset) == 0);
}
#endif

const struct CMUnitTest clock_tests[] = {
	cmocka_unit_test(formats_known_times),
	cmocka_unit_test(format_agrees_with_glib),
	cmocka_unit_test(monotonic_never_goes_back),
	cmocka_unit_test(now_is_now),
#ifdef PASSERELLE_TEST_BUILD
	cmocka_unit_test(the_test_file_shifts_the_wall_clock_only),
	cmocka_unit_test(a_missing_or_short_test_file_ends_the_process),
#endif
	TESTS_END,
};
