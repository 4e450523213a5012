/* The unit tests of base: all subjects in one TAP plan. Called as "test_base clock", it prints the clock and ends: a test starts it so,
 * to see what a fresh process does with a clock file. */
#include "base/clock.h"
#include "subjects.h"
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TESTS_MAX 256

char clock_file[] = "/tmp/passerelle-clock-XXXXXX";

static size_t collect(struct CMUnitTest *all)
{
	static const struct CMUnitTest *const subjects[] = {
#define LIST(name) name##_tests,
		SUBJECTS(LIST)
#undef LIST
	};
	size_t count = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++)
		for (const struct CMUnitTest *test = subjects[i]; test->test_func; test++) {
			g_assert(count < TESTS_MAX);
			all[count++] = *test;
		}
	return count;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "clock") == 0) {
		g_print("%" G_GINT64_FORMAT "\n", clock_now_ms());
		return 0;
	}
	const int64_t none = 0;
	int file = mkstemp(clock_file);
	if (file < 0 || write(file, &none, sizeof none) != (ssize_t)sizeof none || setenv("PASSERELLE_TEST_CLOCK", clock_file, 1) != 0)
		return 1;
	close(file);
	static struct CMUnitTest tests[TESTS_MAX];
	size_t count = collect(tests);
	int failed = _cmocka_run_group_tests("base", tests, count, NULL, NULL);
	unlink(clock_file);
	return failed != 0;
}
