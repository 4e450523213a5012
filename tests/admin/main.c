/* Tests of the admin floor over a store in a temporary folder, and of the configuration. The program as a whole is asked by cli_test.py. */
#include "tests.h"

#include <string.h>

int main(void)
{
	const struct { const struct CMUnitTest *tests; size_t count; } lists[] = {
		{ config_tests, config_count }, { declaration_tests, declaration_count }, { plan_tests, plan_count }, { log_tests, log_count },
		{ provider_tests, provider_count },
		{ yaml_tests, yaml_count },
	};
	struct CMUnitTest all[64];
	size_t count = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
		if (count + lists[i].count > G_N_ELEMENTS(all))
			return 2;
		memcpy(all + count, lists[i].tests, lists[i].count * sizeof(*all));
		count += lists[i].count;
	}
	return _cmocka_run_group_tests("admin", all, count, NULL, NULL);
}
