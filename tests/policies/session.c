/* Whether a session is alive: one fault at a time from a session that is. */
#include "policies/session.h"

#include "lists.h"

#define HOUR INT64_C(3600000)
#define NOW (INT64_C(1700000000000))

static const struct session_facts alive = {
	.created_ms = NOW - 5 * HOUR, .last_seen_ms = NOW - HOUR, .now_ms = NOW, .idle_ms = 8 * HOUR, .absolute_ms = 720 * HOUR, .auth_time_ms = NOW - 5 * HOUR,
};

static enum reason with(void (*change)(struct session_facts *))
{
	struct session_facts facts = alive;
	change(&facts);
	return session_decide(&facts);
}

static void nothing(struct session_facts *f) { (void)f; }
static void ended(struct session_facts *f) { f->ended = true; }
static void disabled(struct session_facts *f) { f->account_disabled = true; }
static void idle_almost(struct session_facts *f) { f->last_seen_ms = NOW - 8 * HOUR + 1; }
static void idle(struct session_facts *f) { f->last_seen_ms = NOW - 8 * HOUR; }
static void old_almost(struct session_facts *f) { f->created_ms = NOW - 720 * HOUR + 1; }
static void old(struct session_facts *f) { f->created_ms = NOW - 720 * HOUR; }
static void no_idle_limit(struct session_facts *f) { f->idle_ms = 0; }
static void no_absolute_limit(struct session_facts *f) { f->absolute_ms = 0; }
static void upstream_almost(struct session_facts *f) { f->ends_ms = NOW + 1; }
static void upstream_over(struct session_facts *f) { f->ends_ms = NOW; }
static void changed_after(struct session_facts *f) { f->credentials_changed_ms = f->auth_time_ms + 1; }
static void changed_with(struct session_facts *f) { f->credentials_changed_ms = f->auth_time_ms; }
static void changed_before(struct session_facts *f) { f->credentials_changed_ms = f->auth_time_ms - 1; }

static void one_fault_at_a_time(void **state)
{
	(void)state;
	assert_int_equal(with(nothing), REASON_OK);
	assert_int_equal(with(ended), REASON_SESSION_ENDED);
	assert_int_equal(with(disabled), REASON_ACCOUNT_DISABLED);
	assert_int_equal(with(idle_almost), REASON_OK);
	assert_int_equal(with(idle), REASON_SESSION_ENDED);
	assert_int_equal(with(old_almost), REASON_OK);
	assert_int_equal(with(old), REASON_SESSION_ENDED);
	assert_int_equal(with(no_idle_limit), REASON_SESSION_ENDED);
	assert_int_equal(with(no_absolute_limit), REASON_SESSION_ENDED);
	assert_int_equal(with(upstream_almost), REASON_OK);
	assert_int_equal(with(upstream_over), REASON_SESSION_ENDED);
	assert_int_equal(with(changed_after), REASON_SESSION_ENDED);
	assert_int_equal(with(changed_with), REASON_OK);
	assert_int_equal(with(changed_before), REASON_OK);
}

static void zero_is_over(void **state)
{
	struct session_facts zero = {0};

	(void)state;
	assert_int_equal(session_decide(&zero), REASON_SESSION_ENDED);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_fault_at_a_time),
	cmocka_unit_test(zero_is_over),
};
const struct test_list session_list = {tests, TEST_COUNT(tests)};
