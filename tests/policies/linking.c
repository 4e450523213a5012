/* Linking: one fault at a time from a link that may be made, and the zero facts. */
#include "policies/linking.h"

#include "lists.h"

static const struct linking_facts good = {.signed_in = true, .same_session = true, .account_proof_age_s = 10, .provider_proves = true,
                                          .asked_for_this_provider = true, .identity_proof_age_s = 2};

static enum reason with(void (*change)(struct linking_facts *))
{
	struct linking_facts facts = good;
	change(&facts);
	return linking_decide(&facts);
}

static void nothing(struct linking_facts *f) { (void)f; }
static void signed_out(struct linking_facts *f) { f->signed_in = false; }
static void other_session(struct linking_facts *f) { f->same_session = false; }
static void disabled(struct linking_facts *f) { f->account_disabled = true; }
static void weak(struct linking_facts *f) { f->provider_proves = false; }
static void another_provider(struct linking_facts *f) { f->asked_for_this_provider = false; }
static void account_almost(struct linking_facts *f) { f->account_proof_age_s = LINKING_FRESH_S; }
static void account_old(struct linking_facts *f) { f->account_proof_age_s = LINKING_FRESH_S + 1; }
static void account_ahead(struct linking_facts *f) { f->account_proof_age_s = -1; }
static void identity_almost(struct linking_facts *f) { f->identity_proof_age_s = LINKING_FRESH_S; }
static void identity_old(struct linking_facts *f) { f->identity_proof_age_s = LINKING_FRESH_S + 1; }
static void identity_ahead(struct linking_facts *f) { f->identity_proof_age_s = -1; }
static void taken(struct linking_facts *f) { f->linked_to_another = true; }
static void there(struct linking_facts *f) { f->linked_to_this = f->account_linked_here = true; }
static void second(struct linking_facts *f) { f->account_linked_here = true; }

static void one_fault_at_a_time(void **state)
{
	(void)state;
	assert_int_equal(with(nothing), REASON_OK);
	assert_int_equal(with(signed_out), REASON_LOGIN_REQUIRED);
	assert_int_equal(with(other_session), REASON_LOGIN_REQUIRED);
	assert_int_equal(with(disabled), REASON_ACCOUNT_DISABLED);
	assert_int_equal(with(weak), REASON_LINK_WEAK);
	assert_int_equal(with(another_provider), REASON_STATE_INVALID);
	assert_int_equal(with(account_almost), REASON_OK);
	assert_int_equal(with(account_old), REASON_LINK_STALE);
	assert_int_equal(with(account_ahead), REASON_LINK_STALE);
	assert_int_equal(with(identity_almost), REASON_OK);
	assert_int_equal(with(identity_old), REASON_LINK_STALE);
	assert_int_equal(with(identity_ahead), REASON_LINK_STALE);
	assert_int_equal(with(taken), REASON_LINK_TAKEN);
	assert_int_equal(with(there), REASON_OK);
	assert_int_equal(with(second), REASON_LINK_SECOND);
}

static void zero_links_nothing(void **state)
{
	(void)state;
	assert_int_equal(linking_decide(&(struct linking_facts){0}), REASON_LOGIN_REQUIRED);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_fault_at_a_time),
	cmocka_unit_test(zero_links_nothing),
};
const struct test_list linking_list = {tests, TEST_COUNT(tests)};
