/* The table of reasons: names that are unique, machine-readable and found again, and a zero that denies. */
#include "policies/decision.h"

#include "lists.h"

#include <string.h>

static const enum reason every[] = {
#define REASON(name, machine_name, allows, sentence) REASON_##name,
#include "policies/reasons.def"
#undef REASON
};

static void zero_denies(void **state)
{
	(void)state;
	assert_int_equal(REASON_UNDECIDED, 0);
	assert_false(reason_allows((enum reason)0));
	assert_false(reason_allows((enum reason)-1));
	assert_false(reason_allows((enum reason)TEST_COUNT(every)));
	assert_string_equal(reason_name((enum reason)TEST_COUNT(every)), "undecided");
}

static void only_ok_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEST_COUNT(every); i++)
		assert_int_equal(reason_allows(every[i]), every[i] == REASON_OK);
}

static void names_are_found_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEST_COUNT(every); i++) {
		const char *name = reason_name(every[i]);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		assert_int_equal(reason_named(name), every[i]);
		assert_true(strlen(reason_sentence(every[i])) > 10);
	}
	assert_int_equal(reason_named("no_such_reason"), REASON_UNDECIDED);
	assert_int_equal(reason_named(""), REASON_UNDECIDED);
	assert_int_equal(reason_named(NULL), REASON_UNDECIDED);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(zero_denies),
	cmocka_unit_test(only_ok_allows),
	cmocka_unit_test(names_are_found_again),
};
const struct test_list decision_list = {tests, TEST_COUNT(tests)};
