/* Which account an identity opens: the pre-hijacking and auto-linking stories as rows (SECURITY ID-1 to ID-6, SE-5). */
#include "policies/account.h"

#include "lists.h"

static void decision_table(void **state)
{
	static const struct {
		const char *story;
		struct account_facts facts;
		enum account_action action;
		enum reason reason;
	} rows[] = {
		{"own account", {.local = true, .linked = true}, ACCOUNT_USE, REASON_OK},
		{"own account, gone", {.local = true}, ACCOUNT_REFUSE, REASON_UNKNOWN_ACCOUNT},
		{"own account is never linked or made", {.local = true, .link_by_verified_email = true, .email_proved = true, .email_known = true}, ACCOUNT_REFUSE,
	         REASON_UNKNOWN_ACCOUNT},
		{"own account, disabled", {.local = true, .linked = true, .disabled = true}, ACCOUNT_REFUSE, REASON_ACCOUNT_DISABLED},
		{"federated, known", {.linked = true}, ACCOUNT_USE, REASON_OK},
		{"federated, known, only existing", {.linked = true, .provisioning = PROVISIONING_EXISTING}, ACCOUNT_USE, REASON_OK},
		{"federated, known, only linking", {.linked = true, .provisioning = PROVISIONING_LINK}, ACCOUNT_USE, REASON_OK},
		{"federated, disabled", {.linked = true, .disabled = true}, ACCOUNT_REFUSE, REASON_ACCOUNT_DISABLED},
		{"disabled, comes back as a newcomer", {.disabled = true}, ACCOUNT_REFUSE, REASON_ACCOUNT_DISABLED},
		{"disabled, comes back by address", {.disabled = true, .link_by_verified_email = true, .email_proved = true, .email_known = true}, ACCOUNT_REFUSE,
	         REASON_ACCOUNT_DISABLED},
		{"newcomer", {0}, ACCOUNT_CREATE, REASON_OK},
		{"newcomer, only existing", {.provisioning = PROVISIONING_EXISTING}, ACCOUNT_REFUSE, REASON_NOT_PROVISIONED},
		{"newcomer, only existing, all proved",
	         {.provisioning = PROVISIONING_EXISTING, .link_by_verified_email = true, .email_proved = true, .email_known = true}, ACCOUNT_REFUSE,
	         REASON_NOT_PROVISIONED},
		{"newcomer, only linking, nothing to link by", {.provisioning = PROVISIONING_LINK}, ACCOUNT_REFUSE, REASON_NOT_PROVISIONED},
		{"newcomer, only linking, not opted in", {.provisioning = PROVISIONING_LINK, .email_proved = true, .email_known = true}, ACCOUNT_REFUSE,
	         REASON_NOT_PROVISIONED},
		{"link by proved address",
	         {.provisioning = PROVISIONING_LINK, .link_by_verified_email = true, .email_proved = true, .email_known = true}, ACCOUNT_LINK, REASON_OK},
		{"create, but the address is proved and known", {.link_by_verified_email = true, .email_proved = true, .email_known = true}, ACCOUNT_LINK, REASON_OK},
		{"address handed on at the provider: a second account", {.link_by_verified_email = true, .email_proved = true, .email_known = true, .email_linked_here = true},
	         ACCOUNT_CREATE, REASON_OK},
		{"address handed on at the provider, only linking",
	         {.provisioning = PROVISIONING_LINK, .link_by_verified_email = true, .email_proved = true, .email_known = true, .email_linked_here = true}, ACCOUNT_REFUSE,
	         REASON_NOT_PROVISIONED},
		{"same address, not opted in: a second account", {.email_proved = true, .email_known = true}, ACCOUNT_CREATE, REASON_OK},
		{"same address, not proved: a second account", {.link_by_verified_email = true, .email_known = true}, ACCOUNT_CREATE, REASON_OK},
		{"proved address nobody has", {.link_by_verified_email = true, .email_proved = true}, ACCOUNT_CREATE, REASON_OK},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct account_decision decision = account_decide(&rows[i].facts);
		if (decision.action != rows[i].action || decision.reason != rows[i].reason)
			fail_msg("%s: %d, %s", rows[i].story, decision.action, reason_name(decision.reason));
	}
}

/* Over all facts: only refusals have a reason that does not allow, and no newcomer is linked unless all three proofs are there. */
static void all_facts(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 128 * 3; bits++) {
		struct account_facts facts = {
			.local = bits & 1, .linked = bits & 2, .disabled = bits & 4, .link_by_verified_email = bits & 8, .email_proved = bits & 16,
			.email_known = bits & 32, .email_linked_here = bits & 64, .provisioning = (enum provisioning)(bits >> 7),
		};
		struct account_decision decision = account_decide(&facts);
		assert_int_equal(decision.action == ACCOUNT_REFUSE, !reason_allows(decision.reason));
		if (facts.disabled)
			assert_int_equal(decision.action, ACCOUNT_REFUSE);
		if (decision.action == ACCOUNT_LINK)
			assert_true(facts.link_by_verified_email && facts.email_proved && facts.email_known && !facts.email_linked_here && !facts.local);
	}
	struct account_facts unknown = {.provisioning = (enum provisioning)9};
	assert_int_equal(account_decide(&unknown).action, ACCOUNT_REFUSE);
}

static void groups(void **state)
{
	static const char *const staff[] = {"staff", "admins", NULL}, *const nobody[] = {NULL}, *const member[] = {"guests", "staff", NULL};
	static const char *const stranger[] = {"guests", "Staff", "staff ", "staf", "partner:staff", "", NULL}, *const blank[] = {"", NULL};

	(void)state;
	assert_int_equal(account_may_use_client(NULL, NULL), REASON_OK);
	assert_int_equal(account_may_use_client(NULL, member), REASON_OK);
	assert_int_equal(account_may_use_client(staff, member), REASON_OK);
	assert_int_equal(account_may_use_client(staff, stranger), REASON_GROUP_NOT_ALLOWED);
	assert_int_equal(account_may_use_client(staff, NULL), REASON_GROUP_NOT_ALLOWED);
	assert_int_equal(account_may_use_client(staff, nobody), REASON_GROUP_NOT_ALLOWED);
	assert_int_equal(account_may_use_client(staff, blank), REASON_GROUP_NOT_ALLOWED);
	assert_int_equal(account_may_use_client(nobody, member), REASON_GROUP_NOT_ALLOWED);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(decision_table),
	cmocka_unit_test(all_facts),
	cmocka_unit_test(groups),
};
const struct test_list account_list = {tests, TEST_COUNT(tests)};
