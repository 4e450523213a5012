/* Unit tests of gateway/call, as one TAP stream. */
#include "tests/call/tests.h"

int main(void)
{
	static const struct test_group *const groups[] = { &entitlement_group, &provision_group, &door_group, &sources_group, &watch_group };

	return groups_run("call", groups, G_N_ELEMENTS(groups));
}
