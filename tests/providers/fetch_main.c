/* Tests of the one way out, against servers that this program starts and ends. */
#include "fetch_rig.h"

#include <signal.h>

#define TESTS_MAX 64

static size_t add(struct CMUnitTest *all, size_t count, const struct test_list *list)
{
	for (size_t i = 0; i < list->count && count < TESTS_MAX; i++)
		all[count++] = list->tests[i];
	return count;
}

int main(void)
{
	struct CMUnitTest all[TESTS_MAX];
	size_t count = 0;

	signal(SIGPIPE, SIG_IGN); /* as serve does */
	fetch_rig_open();
	count = add(all, count, &fetch_refusals_list);
	count = add(all, count, &fetch_transfers_list);
	count = add(all, count, &fetch_documents_list);
	int failed = _cmocka_run_group_tests("providers-fetch", all, count, NULL, NULL);
	fetch_rig_close();
	return failed;
}
