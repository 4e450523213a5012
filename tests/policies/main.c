/* Tests of the policies floor: tables of facts and the decisions they must give. */
#include "lists.h"

#include <string.h>

#define TESTS_MAX 128

int main(void)
{
	const struct test_list *const lists[] = {
		&decision_list, &expiry_list, &redirect_list, &scope_list, &pkce_list, &next_list, &account_list, &acr_list, &allowance_list, &claims_list, &claims_request_list,
		&linking_list, &mapping_list, &session_list, &token_list,
		&throttle_list, &password_rules_list, &source_list,
	};
	struct CMUnitTest all[TESTS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < TEST_COUNT(lists); i++) {
		if (count + lists[i]->count > TESTS_MAX)
			return 2;
		memcpy(all + count, lists[i]->tests, lists[i]->count * sizeof *all);
		count += lists[i]->count;
	}
	return _cmocka_run_group_tests("policies", all, count, NULL, NULL);
}
