/* Unit tests of gateway/oauth, as one TAP stream. What needs a server is in tests/e2e. */
#include "tests/oauth/tests.h"

int main(void)
{
	static const struct test_group *const groups[] = { &known_tokens_group, &width_group };

	return groups_run("oauth", groups, G_N_ELEMENTS(groups));
}
