/* Allowances: bursts, what comes back, and clocks that jump. */
#include "policies/allowance.h"

#include "lists.h"

static const struct allowance_rules rules = {.burst = 3, .each_second = 2};
#define NOW INT64_C(1700000000000)

static int take_all(struct allowance *allowance, int64_t now_ms)
{
	int taken = 0;
	while (taken < 100 && allowance_take(&rules, allowance, now_ms))
		taken++;
	return taken;
}

static void a_burst_then_so_many_a_second(void **state)
{
	struct allowance allowance = {0};

	(void)state;
	assert_int_equal(take_all(&allowance, NOW), 3);
	assert_int_equal(take_all(&allowance, NOW + 499), 0);
	assert_int_equal(take_all(&allowance, NOW + 500), 1);
	assert_int_equal(take_all(&allowance, NOW + 1500), 2);
	assert_int_equal(take_all(&allowance, NOW + 1000000000000), 3);
}

static void refusals_cost_nothing(void **state)
{
	struct allowance allowance = {0};

	(void)state;
	assert_int_equal(take_all(&allowance, NOW), 3);
	for (int i = 0; i < 100; i++)
		assert_false(allowance_take(&rules, &allowance, NOW + i));
	assert_true(allowance_take(&rules, &allowance, NOW + 500));
}

static void a_clock_that_jumps_back_regains_nothing(void **state)
{
	struct allowance allowance = {0};

	(void)state;
	assert_int_equal(take_all(&allowance, NOW), 3);
	assert_int_equal(take_all(&allowance, NOW - 3600000), 0);
	assert_int_equal(take_all(&allowance, NOW - 3600000 + 500), 1);
	assert_int_equal(take_all(&allowance, INT64_MAX), 3);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_burst_then_so_many_a_second),
	cmocka_unit_test(refusals_cost_nothing),
	cmocka_unit_test(a_clock_that_jumps_back_regains_nothing),
};
const struct test_list allowance_list = {tests, TEST_COUNT(tests)};
