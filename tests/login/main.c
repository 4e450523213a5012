/* Unit tests of gateway/login, as one TAP stream: what its files do without a flow. The pages and redirects are in tests/e2e. */
#include "tests/login/tests.h"

int main(void)
{
	static const struct test_group *const groups[] = { &throttling_group };

	return groups_run("login", groups, G_N_ELEMENTS(groups));
}
