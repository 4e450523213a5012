/* The unit tests of gateway/http: all subjects in one TAP plan. Each test starts the server it needs on a free port and talks to it through raw
 * sockets. A client that dies must not take the program with it, so SIGPIPE is ignored, as the service does. */
#include "rig.h"
#include "subjects.h"
#include <glib.h>
#include <signal.h>

#define TESTS_MAX 128

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

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	static struct CMUnitTest tests[TESTS_MAX];
	return _cmocka_run_group_tests("http", tests, collect(tests), NULL, NULL) != 0;
}
