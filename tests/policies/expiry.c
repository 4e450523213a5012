/* When people hear of what runs out: the stages to the millisecond. */
#include "policies/expiry.h"

#include "lists.h"

#define NOW_MS INT64_C(1795000000123)
#define DAY_MS INT64_C(86400000)

static void stages_begin_to_the_millisecond(void **state)
{
	static const struct {
		int64_t left_ms;
		enum expiry_stage stage;
		int64_t days;
	} rows[] = {
		{400 * DAY_MS, EXPIRY_FAR, 400}, {30 * DAY_MS + 1, EXPIRY_FAR, 30}, {30 * DAY_MS, EXPIRY_IN_30_DAYS, 30}, {14 * DAY_MS + 1, EXPIRY_IN_30_DAYS, 14},
		{14 * DAY_MS, EXPIRY_IN_14_DAYS, 14}, {3 * DAY_MS + 1, EXPIRY_IN_14_DAYS, 3}, {3 * DAY_MS, EXPIRY_IN_3_DAYS, 3}, {1, EXPIRY_IN_3_DAYS, 0}, {0, EXPIRY_OVER, 0},
		{-DAY_MS, EXPIRY_OVER, 0},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		assert_int_equal(expiry_stage_of(NOW_MS + rows[i].left_ms, NOW_MS), rows[i].stage);
		assert_int_equal(expiry_days_left(NOW_MS + rows[i].left_ms, NOW_MS), rows[i].days);
	}
	/* What never ends is far, and so is what nobody can mean. */
	assert_int_equal(expiry_stage_of(INT64_MAX, NOW_MS), EXPIRY_FAR);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(stages_begin_to_the_millisecond),
};
const struct test_list expiry_list = {tests, TEST_COUNT(tests)};
