/* Who may sign in, and as whom. */
#include "ldap_tests.h"

#include "providers/drivers.h"

#include <string.h>

#define ALICE_PASSWORD "caf\xc3\xa9 tractor moon 7"

static void claims_come_with_the_person(void **state)
{
	g_auto(tried_t) tried = ldap_try_once(NULL, "alice", ALICE_PASSWORD);
	(void)state;
	verdict_is(&tried, VERDICT_OK);
	g_autofree char *claims = json_text(identity_claims(tried.answer.identity));
	assert_string_equal(claims, "{\"username\":\"alice\",\"name\":\"Martin, Alice\",\"email\":\"alice@acme.example\",\"email_verified\":false,"
	                            "\"groups\":[\"directory:staff\"]}");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(claims_come_with_the_person),
};
const struct test_list ldap_directory_list = {tests, TEST_COUNT(tests)};
