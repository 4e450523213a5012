/* Classes of authentication: who meets which. */
#include "policies/acr.h"

#include "lists.h"

#include <string.h>

#define MFA "urn:passerelle:acr:mfa"

static void met_table(void **state)
{
	static const struct {
		const char *have, *wanted;
		bool met;
	} rows[] = {
		{ACR_PASSWORD, ACR_PASSWORD, true}, {MFA, ACR_PASSWORD, true}, {"phr", MFA, true}, {"phr", ACR_PASSWORD, true},
		{ACR_PASSWORD, MFA, false}, {MFA, "phr", false}, {NULL, ACR_PASSWORD, false}, {"", ACR_PASSWORD, false}, {"0", ACR_PASSWORD, false},
		{ACR_PASSWORD, "", false}, {ACR_PASSWORD, "urn:foreign", false}, {"urn:foreign", ACR_PASSWORD, false}, {"urn:foreign", "urn:foreign", true},
		{"phr", "urn:foreign", false}, {ACR_PASSWORD, "URN:passerelle:acr:pwd", false},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++)
		if (acr_meets(rows[i].have, rows[i].wanted) != rows[i].met)
			fail_msg("%s for %s", rows[i].have, rows[i].wanted);
}

static void the_first_one_met_is_told(void **state)
{
	g_autoptr(json_t) wanted = json_pack("[s, s, s, i]", "urn:foreign", MFA, ACR_PASSWORD, 7);
	g_autoptr(json_t) strong = json_pack("[s, s]", "phr", MFA);

	(void)state;
	assert_string_equal(acr_choose(MFA, wanted), MFA);
	assert_string_equal(acr_choose(ACR_PASSWORD, wanted), ACR_PASSWORD);
	assert_null(acr_choose(ACR_PASSWORD, strong));
	assert_null(acr_choose(ACR_PASSWORD, NULL));
	assert_true(acr_within_reach(wanted));
	assert_false(acr_within_reach(strong));
	assert_false(acr_within_reach(NULL));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(met_table),
	cmocka_unit_test(the_first_one_met_is_told),
};
const struct test_list acr_list = {tests, TEST_COUNT(tests)};
