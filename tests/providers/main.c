/* Tests of the providers floor: what answers are made of, the conformance suite asked of each driver, and each driver's own. */
#include "conformance.h"
#include "lists.h"

#include <string.h>

#define TESTS_MAX 128

static size_t add(struct CMUnitTest *all, size_t count, const struct test_list *list, void *fixture)
{
	for (size_t i = 0; i < list->count && count < TESTS_MAX; i++) {
		all[count] = list->tests[i];
		all[count++].initial_state = fixture;
	}
	return count;
}

int main(void)
{
	struct CMUnitTest all[TESTS_MAX];
	size_t count = 0;

	local_people_open();
	count = add(all, count, &answers_list, NULL);
	count = add(all, count, &fetch_guard_list, NULL);
	count = add(all, count, &conformance_list, &local_fixture);
	count = add(all, count, &local_list, &local_fixture);
	int failed = _cmocka_run_group_tests("providers", all, count, NULL, NULL);
	local_people_close();
	return failed;
}
