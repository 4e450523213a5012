/* What a login needs next: the whole table of prompt × session × max_age × consent, and that the hub which asks always comes to an end. */
#include "policies/next.h"

#include "lists.h"

#include <string.h>

#define NOW 1000000
#define STARTED (NOW - 60) /* when the flow began */

enum session_age { NONE, OLD, FRESH };

static struct next_facts facts_of(const char *prompt, enum session_age age)
{
	return (struct next_facts){
		.prompt_none = strcmp(prompt, "none") == 0,
		.prompt_login = strcmp(prompt, "login") == 0,
		.prompt_consent = strcmp(prompt, "consent") == 0,
		.prompt_select_account = strcmp(prompt, "select_account") == 0,
		.max_age_s = -1,
		.has_session = age != NONE,
		.signed_in_here = age == FRESH,
		.auth_time_s = age == OLD ? STARTED - 1000 : age == FRESH ? STARTED + 30 : 0,
		.account_may_use_client = true,
		.now_s = NOW,
	};
}

/* S sign in, C consent, G grant, l login_required, c consent_required, g group_not_allowed, ? anything else. */
static char letter_of(struct next_step step)
{
	switch (step.next) {
	case NEXT_REFUSE:
		return step.reason == REASON_LOGIN_REQUIRED ? 'l' : step.reason == REASON_CONSENT_REQUIRED ? 'c' : step.reason == REASON_GROUP_NOT_ALLOWED ? 'g' : '?';
	case NEXT_SIGN_IN:
		return step.reason == REASON_OK ? 'S' : '?';
	case NEXT_CONSENT:
		return step.reason == REASON_OK ? 'C' : '?';
	case NEXT_GRANT:
		return step.reason == REASON_OK ? 'G' : '?';
	}
	return '?';
}

/* Each cell is a max_age (not asked, old enough, too short, 0); its letters are consent implicit, explicit and not given, explicit and given. */
static void full_table(void **state)
{
	static const int64_t max_ages[] = {-1, 3600, 100, 0};
	static const struct {
		const char *prompt;
		enum session_age age;
		const char *cells[4];
	} rows[] = {
		{"", NONE, {"SSS", "SSS", "SSS", "SSS"}},
		{"", OLD, {"GCG", "GCG", "SSS", "SSS"}},
		{"", FRESH, {"GCG", "GCG", "GCG", "GCG"}},
		{"none", NONE, {"lll", "lll", "lll", "lll"}},
		{"none", OLD, {"GcG", "GcG", "lll", "lll"}},
		{"none", FRESH, {"GcG", "GcG", "GcG", "GcG"}},
		{"login", NONE, {"SSS", "SSS", "SSS", "SSS"}},
		{"login", OLD, {"SSS", "SSS", "SSS", "SSS"}},
		{"login", FRESH, {"GCG", "GCG", "GCG", "GCG"}},
		{"consent", NONE, {"SSS", "SSS", "SSS", "SSS"}},
		{"consent", OLD, {"CCG", "CCG", "SSS", "SSS"}},
		{"consent", FRESH, {"CCG", "CCG", "CCG", "CCG"}},
		{"select_account", NONE, {"SSS", "SSS", "SSS", "SSS"}},
		{"select_account", OLD, {"SSS", "SSS", "SSS", "SSS"}},
		{"select_account", FRESH, {"GCG", "GCG", "GCG", "GCG"}},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++)
		for (size_t age = 0; age < TEST_COUNT(max_ages); age++)
			for (size_t consent = 0; consent < 3; consent++) {
				struct next_facts facts = facts_of(rows[i].prompt, rows[i].age);
				facts.max_age_s = max_ages[age];
				facts.consent_explicit = consent > 0;
				facts.consent_given = consent > 1;
				char letter = letter_of(next_decide(&facts));
				if (letter != rows[i].cells[age][consent])
					fail_msg("prompt %s, session %d, max_age %lld, consent %zu: %c", rows[i].prompt, rows[i].age, (long long)max_ages[age], consent, letter);
			}
}

static void zero_refuses_to_grant(void **state)
{
	struct next_facts facts = {0};
	struct next_step zero = {0};

	(void)state;
	assert_int_equal(zero.next, NEXT_REFUSE);
	assert_int_equal(next_decide(&facts).next, NEXT_SIGN_IN);
	facts.has_session = true;
	assert_int_equal(next_decide(&facts).next, NEXT_SIGN_IN); /* a max_age of zero */
	facts.max_age_s = -1;
	assert_int_equal(letter_of(next_decide(&facts)), 'g');
}

static void max_age_edge(void **state)
{
	struct next_facts facts = facts_of("", OLD);

	(void)state;
	facts.max_age_s = NOW - facts.auth_time_s;
	assert_int_equal(letter_of(next_decide(&facts)), 'G');
	facts.max_age_s--;
	assert_int_equal(letter_of(next_decide(&facts)), 'S');
	facts.signed_in_here = true;
	assert_int_equal(letter_of(next_decide(&facts)), 'G');
	facts = facts_of("login", OLD);
	facts.auth_time_s = NOW; /* of this very second, and yet before the flow */
	assert_int_equal(letter_of(next_decide(&facts)), 'S');
	facts = facts_of("", OLD);
	facts.auth_time_s = NOW;
	facts.max_age_s = 0;
	assert_int_equal(letter_of(next_decide(&facts)), 'S');
}

static void groups_are_asked_after_the_sign_in(void **state)
{
	struct next_facts facts = facts_of("", OLD);

	(void)state;
	facts.account_may_use_client = false;
	assert_int_equal(letter_of(next_decide(&facts)), 'g');
	facts.consent_explicit = true;
	assert_int_equal(letter_of(next_decide(&facts)), 'g');
	facts.prompt_login = true;
	assert_int_equal(letter_of(next_decide(&facts)), 'S');
	facts.has_session = false;
	assert_int_equal(letter_of(next_decide(&facts)), 'S');
}

static void another_account_than_hinted(void **state)
{
	struct next_facts facts = facts_of("", OLD);

	(void)state;
	facts.hinted_account_differs = true;
	assert_int_equal(letter_of(next_decide(&facts)), 'S');
	facts.prompt_none = true;
	assert_int_equal(letter_of(next_decide(&facts)), 'l');
	facts = facts_of("", FRESH);
	facts.hinted_account_differs = true; /* a hint: whoever came is taken */
	assert_int_equal(letter_of(next_decide(&facts)), 'G');
}

static void another_account_than_named(void **state)
{
	struct next_facts facts = facts_of("", OLD);

	(void)state;
	facts.named_account_differs = true;
	assert_int_equal(letter_of(next_decide(&facts)), 'S');
	facts.prompt_none = true;
	assert_int_equal(letter_of(next_decide(&facts)), 'l');
	facts = facts_of("", FRESH);
	facts.named_account_differs = true;
	assert_int_equal(letter_of(next_decide(&facts)), 'l');
}

/* What a sign-in of this flow did not reach is not reached by asking again. */
static void a_class_that_is_demanded(void **state)
{
	struct next_facts facts = facts_of("", OLD);

	(void)state;
	facts.acr_unmet = true;
	assert_int_equal(letter_of(next_decide(&facts)), 'S');
	facts.prompt_none = true;
	assert_int_equal(letter_of(next_decide(&facts)), 'l');
	facts = facts_of("", FRESH);
	facts.acr_unmet = true;
	assert_int_equal(next_decide(&facts).reason, REASON_ACR_UNMET);
	assert_int_equal(next_decide(&facts).next, NEXT_REFUSE);
}

static struct next_facts facts_of_bits(unsigned bits)
{
	static const int64_t max_ages[] = {-1, 3600, 100, 0};
	struct next_facts facts = facts_of("", (enum session_age)((bits >> 8 & 3) % 3));

	facts.prompt_none = bits & 1;
	facts.prompt_login = bits & 2;
	facts.prompt_consent = bits & 4;
	facts.prompt_select_account = bits & 8;
	facts.hinted_account_differs = bits & 16;
	facts.account_may_use_client = bits & 32;
	facts.consent_explicit = bits & 64;
	facts.consent_given = bits & 128;
	facts.max_age_s = max_ages[bits >> 10 & 3];
	facts.named_account_differs = bits & 1 << 12;
	facts.acr_unmet = bits & 1 << 13;
	return facts;
}

/* The step is taken by the person; the facts follow. */
static void step_take(struct next_facts *facts, enum next next)
{
	facts->now_s += 5;
	if (next == NEXT_SIGN_IN) {
		facts->has_session = facts->signed_in_here = true;
		facts->auth_time_s = facts->now_s;
	} else if (next == NEXT_CONSENT) {
		facts->consent_given = true;
	}
}

static void grant_needs_everything(const struct next_facts *facts)
{
	assert_true(facts->has_session && !facts->named_account_differs && facts->account_may_use_client);
	assert_true(!facts->acr_unmet);
	assert_true(!facts->hinted_account_differs || facts->signed_in_here);
	assert_true(facts->consent_given || (!facts->consent_explicit && !facts->prompt_consent));
	if (facts->prompt_login || facts->prompt_select_account)
		assert_true(facts->signed_in_here);
	if (facts->max_age_s >= 0)
		assert_true(facts->signed_in_here || facts->now_s - facts->auth_time_s <= facts->max_age_s);
}

static void hub_always_ends(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 1 << 14; bits++) {
		struct next_facts facts = facts_of_bits(bits);
		bool asked = false;
		unsigned round = 0;
		for (struct next_step step = next_decide(&facts);; step = next_decide(&facts)) {
			if (step.next == NEXT_GRANT)
				grant_needs_everything(&facts);
			else if (step.next == NEXT_REFUSE)
				assert_true(step.reason != REASON_UNDECIDED && step.reason != REASON_OK);
			if (step.next == NEXT_GRANT || step.next == NEXT_REFUSE)
				break;
			asked = true;
			step_take(&facts, step.next);
			assert_true(++round <= 2);
		}
		assert_false(asked && facts.prompt_none);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(full_table),
	cmocka_unit_test(zero_refuses_to_grant),
	cmocka_unit_test(max_age_edge),
	cmocka_unit_test(groups_are_asked_after_the_sign_in),
	cmocka_unit_test(another_account_than_hinted),
	cmocka_unit_test(another_account_than_named),
	cmocka_unit_test(a_class_that_is_demanded),
	cmocka_unit_test(hub_always_ends),
};
const struct test_list next_list = {tests, TEST_COUNT(tests)};
