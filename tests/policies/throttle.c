/* Throttling as sequences of attempts. */
#include "policies/throttle.h"

#include "lists.h"

#include <stdbool.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define START (INT64_C(1700000000) * SECOND)

static const struct throttle_rules rules = {.failures = 5, .window_ms = 15 * MINUTE, .lock_ms = 15 * MINUTE};

static bool may(struct throttle_state *state, int64_t now_ms)
{
	return throttle_count(&rules, state, now_ms) == REASON_OK;
}

/* Attempts at one moment until the bucket closes; how many went on. */
static unsigned burst(struct throttle_state *state, int64_t now_ms, unsigned attempts)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < attempts; i++)
		passed += may(state, now_ms);
	return passed;
}

/* LG-2: the store makes parallel attempts a sequence, each counted before its hash. */
static void parallel_guesses_cost_five_hashes(void **state)
{
	struct throttle_state bucket = {0};

	(void)state;
	assert_int_equal(burst(&bucket, START, 200), 5);
	assert_int_equal(throttle_count(&rules, &bucket, START), REASON_LOCKED);
	assert_int_equal(bucket.locked_until_ms, START + 15 * MINUTE);
}

static void lock_ends_by_itself(void **state)
{
	struct throttle_state bucket = {0};

	(void)state;
	burst(&bucket, START, 5);
	assert_false(may(&bucket, START + 15 * MINUTE - 1));
	assert_int_equal(burst(&bucket, START + 15 * MINUTE, 200), 5);
}

/* An attempt refused by a lock must not lengthen it, or a stranger could hold the owner out for ever. */
static void hammering_does_not_lengthen_a_lock(void **state)
{
	struct throttle_state bucket = {0};

	(void)state;
	burst(&bucket, START, 5);
	int64_t until = bucket.locked_until_ms;
	for (int64_t now = START; now < until; now += SECOND)
		assert_false(may(&bucket, now));
	assert_int_equal(bucket.locked_until_ms, until);
	assert_true(may(&bucket, until));
}

static void locks_double_up_to_a_day(void **state)
{
	struct throttle_state bucket = {0};
	int64_t now = START, expected = 15 * MINUTE;

	(void)state;
	for (int i = 0; i < 80; i++) {
		assert_int_equal(burst(&bucket, now, 50), 5);
		assert_int_equal(bucket.locked_until_ms - now, expected);
		now = bucket.locked_until_ms;
		expected = expected * 2 < DAY ? expected * 2 : DAY;
	}
	assert_int_equal(expected, DAY);
}

static void locks_are_forgotten_after_a_quiet_day(void **state)
{
	struct throttle_state bucket = {0};

	(void)state;
	burst(&bucket, START, 5);
	int64_t second = bucket.locked_until_ms + DAY - 1;
	burst(&bucket, second, 5);
	assert_int_equal(bucket.locked_until_ms - second, 30 * MINUTE);
	int64_t third = bucket.locked_until_ms + DAY;
	burst(&bucket, third, 5);
	assert_int_equal(bucket.locked_until_ms - third, 15 * MINUTE);
}

/* Failures below the limit are no lock: the row is forgotten though somebody mistypes every hour. */
static void mistyping_does_not_keep_the_row(void **state)
{
	struct throttle_state bucket = {0};

	(void)state;
	burst(&bucket, START, 5);
	int64_t now = bucket.locked_until_ms;
	for (int hour = 0; hour < 25; hour++, now += HOUR)
		assert_true(may(&bucket, now));
	burst(&bucket, now, 5);
	assert_int_equal(bucket.locked_until_ms - now, 15 * MINUTE);
}

static void window_rolls(void **state)
{
	struct throttle_state bucket = {0};

	(void)state;
	assert_int_equal(burst(&bucket, START, 4), 4);
	assert_int_equal(burst(&bucket, START + 15 * MINUTE - 1, 200), 1);
	bucket = (struct throttle_state){0};
	assert_int_equal(burst(&bucket, START, 4), 4);
	assert_int_equal(burst(&bucket, START + 15 * MINUTE, 200), 5);
}

static void success_gives_its_attempt_back(void **state)
{
	struct throttle_state bucket = {0};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(may(&bucket, START + i));
		throttle_forgive(&bucket);
	}
	assert_int_equal(bucket.failures, 0);
	/* The attempt that reached the limit was right: the lock it closed opens again, and is not one of the row. */
	assert_int_equal(burst(&bucket, START, 4), 4);
	assert_true(may(&bucket, START));
	assert_false(may(&bucket, START));
	throttle_forgive(&bucket);
	assert_int_equal(bucket.locks, 0);
	assert_int_equal(bucket.failures, 4);
	assert_int_equal(burst(&bucket, START, 10), 1);
	assert_int_equal(bucket.locked_until_ms, START + 15 * MINUTE);
}

/* The attacker who signs in to an account of his own between guesses gains nothing at the address's bucket. */
static void own_success_does_not_wash_guesses(void **state)
{
	struct throttle_state bucket = {0};
	unsigned guesses = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		guesses += may(&bucket, START + i);
		if (may(&bucket, START + i))
			throttle_forgive(&bucket);
	}
	assert_int_equal(guesses, 5);
}

/* A late success after a second lock: one lock of the row is left, so the next is the second again. */
static void forgiven_lock_leaves_the_row_before(void **state)
{
	struct throttle_state bucket = {0};

	(void)state;
	burst(&bucket, START, 5);
	int64_t now = bucket.locked_until_ms;
	burst(&bucket, now, 5);
	throttle_forgive(&bucket);
	assert_int_equal(bucket.locks, 1);
	assert_int_equal(burst(&bucket, now + 1, 10), 1);
	assert_int_equal(bucket.locked_until_ms - now - 1, 30 * MINUTE);
}

/* A success that comes after the lock has ended and a new window begun opens nothing it did not close. */
static void forgiving_nothing_is_harmless(void **state)
{
	struct throttle_state bucket = {0}, zero = {0};

	(void)state;
	throttle_forgive(&bucket);
	assert_memory_equal(&bucket, &zero, sizeof zero);
	burst(&bucket, START, 5);
	int64_t now = bucket.locked_until_ms;
	assert_true(may(&bucket, now));
	throttle_forgive(&bucket);
	throttle_forgive(&bucket);
	assert_int_equal(bucket.failures, 0);
	assert_int_equal(bucket.locks, 1);
	burst(&bucket, now, 5);
	assert_int_equal(bucket.locked_until_ms - now, 30 * MINUTE);
}

static void rules_never_read_lock(void **state)
{
	struct throttle_rules none = {0}, no_lock = {.failures = 1, .window_ms = MINUTE};
	struct throttle_state bucket = {0};

	(void)state;
	assert_int_equal(throttle_count(&none, &bucket, START), REASON_LOCKED);
	assert_int_equal(throttle_count(&no_lock, &bucket, START), REASON_OK);
	assert_int_equal(bucket.locked_until_ms, START + DAY);
}

/* A clock set back: the lock may not last for years, and the window may not start anew at every attempt of a node whose clock is behind. */
static void clock_set_back(void **state)
{
	struct throttle_state bucket = {0};

	(void)state;
	burst(&bucket, START, 5);
	assert_false(may(&bucket, START - 365 * DAY));
	assert_true(may(&bucket, START - 364 * DAY));
	bucket = (struct throttle_state){0};
	unsigned passed = 0;
	for (int i = 0; i < 200; i++)
		passed += may(&bucket, START - i % 2 * 50);
	assert_int_equal(passed, 5);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(parallel_guesses_cost_five_hashes),
	cmocka_unit_test(lock_ends_by_itself),
	cmocka_unit_test(hammering_does_not_lengthen_a_lock),
	cmocka_unit_test(locks_double_up_to_a_day),
	cmocka_unit_test(locks_are_forgotten_after_a_quiet_day),
	cmocka_unit_test(mistyping_does_not_keep_the_row),
	cmocka_unit_test(window_rolls),
	cmocka_unit_test(success_gives_its_attempt_back),
	cmocka_unit_test(own_success_does_not_wash_guesses),
	cmocka_unit_test(forgiven_lock_leaves_the_row_before),
	cmocka_unit_test(forgiving_nothing_is_harmless),
	cmocka_unit_test(rules_never_read_lock),
	cmocka_unit_test(clock_set_back),
};
const struct test_list throttle_list = {tests, TEST_COUNT(tests)};
