/* Who may use a client. What cannot be read lets nobody in. */
#include "gateway/call/entitlement.h"
#include "tests/call/tests.h"

static const struct {
	const char *client, *groups; /* groups NULL: the account has none */
	bool disabled;
	enum reason expected;
} cases[] = {
	{ "{}", NULL, false, REASON_OK },
	{ "{}", "[\"staff\"]", false, REASON_OK },
	{ "{}", NULL, true, REASON_ACCOUNT_DISABLED },
	{ "{\"allowed_groups\":[\"staff\"]}", "[\"staff\"]", true, REASON_ACCOUNT_DISABLED },
	{ "{\"allowed_groups\":[\"staff\"]}", "[\"staff\"]", false, REASON_OK },
	{ "{\"allowed_groups\":[\"wiki\",\"staff\"]}", "[\"guests\",\"staff\"]", false, REASON_OK },
	{ "{\"allowed_groups\":[\"staff\"]}", NULL, false, REASON_GROUP_NOT_ALLOWED },
	{ "{\"allowed_groups\":[\"staff\"]}", "[]", false, REASON_GROUP_NOT_ALLOWED },
	{ "{\"allowed_groups\":[\"staff\"]}", "[\"Staff\",\"staf\",\"staff2\",\"\"]", false, REASON_GROUP_NOT_ALLOWED },
	{ "{\"allowed_groups\":[]}", "[\"staff\"]", false, REASON_GROUP_NOT_ALLOWED },
	{ "{\"allowed_groups\":7}", "[\"staff\"]", false, REASON_GROUP_NOT_ALLOWED },
	{ "{\"allowed_groups\":[\"staff\"]}", "{\"staff\":true}", false, REASON_GROUP_NOT_ALLOWED },
	{ "{\"allowed_groups\":[\"staff\"]}", "[7,null]", false, REASON_GROUP_NOT_ALLOWED },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(json_t) settings = json_of(cases[i].client);
		g_autoptr(json_t) groups = cases[i].groups ? json_of(cases[i].groups) : NULL;
		g_autoptr(client_t) client = client_new("wiki", settings);
		struct account account = { .groups = groups, .disabled = cases[i].disabled };
		enum reason seen = entitlement(&account, client);
		if (seen != cases[i].expected)
			fail_msg("case %zu: %s instead of %s", i, reason_name(seen), reason_name(cases[i].expected));
	}
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
const struct test_group entitlement_group = { tests, G_N_ELEMENTS(tests) };
