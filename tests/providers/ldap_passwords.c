/* Changing a directory's password: who may, what the directory's rules say, and that nothing is changed for anybody else. */
#include "ldap_tests.h"

#include "base/clock.h"
#include "providers/drivers.h"
#include "providers/ldap_internal.h"

#include <string.h>

#define ALICE_PASSWORD "caf\xc3\xa9 tractor moon 7"
#define FRESH "a fresh password 1"

static struct slapd slapd = {.with_people = true};

static void *opened_on(const struct slapd *at, const char *more)
{
	g_autofree char *all = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"],\"password_change\":true%s", at->port, more);

	return ldap_opened(all);
}

static void changed_is(const struct tried *tried, enum verdict verdict, enum reason reason, bool changed)
{
	g_autofree char *checks = json_text(tried->checks);

	if (tried->answer.verdict != verdict || tried->answer.reason != reason || tried->answer.password_changed != changed)
		fail_msg("%s, %s, %s: %s", verdict_name(tried->answer.verdict), reason_name(tried->answer.reason), tried->answer.password_changed ? "changed" : "not changed",
		         checks);
}

static void verdict_of(void *opened, const char *login, const char *password, enum verdict verdict)
{
	g_auto(tried_t) tried = ldap_try(opened, login, password, 8000);

	verdict_is(&tried, verdict);
}

/* Expired: the service account acts. In grace, after a reset, or at any time: the person does. After it, the new one is the only one. */
static void passwords_are_changed(void **state)
{
	static const struct {
		const char *login, *password;
	} rows[] = {{"expired", "password of expired 1"}, {"grace", "password of grace 1"}, {"reset", "password of reset 1"}, {"zo\xc3\xa9", "password of zoe 1"}};
	void *opened = opened_on(&slapd, "");

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(tried_t) changed = ldap_change(opened, rows[i].login, rows[i].password, FRESH);
		changed_is(&changed, VERDICT_OK, REASON_OK, true);
		assert_false(changed.answer.in_grace);
		verdict_of(opened, rows[i].login, FRESH, VERDICT_OK);
		verdict_of(opened, rows[i].login, rows[i].password, VERDICT_MISMATCH);
	}
	provider_ldap.close(opened);
}

static void grace_is_told(void **state)
{
	g_auto(tried_t) grace = ldap_try_once(NULL, "grace", "password of grace 1"), none = ldap_try_once(NULL, "alice", ALICE_PASSWORD);

	(void)state;
	assert_true(grace.answer.in_grace);
	assert_in_range(grace.answer.grace_left, 1, 999);
	assert_false(none.answer.in_grace);
}

static void rules_are_the_directorys(void **state)
{
	static const struct {
		const char *login, *password, *fresh;
		enum reason reason;
	} rows[] = {
		{"expired", "password of expired 1", "short", REASON_PASSWORD_TOO_SHORT},
		{"expired", "password of expired 1", "password of expired 1", REASON_PASSWORD_REUSED},
		{"fixed", "password of fixed 1", FRESH, REASON_PASSWORD_FIXED},
	};
	struct slapd own = {.with_people = true};

	(void)state;
	slapd_start(&own);
	void *opened = opened_on(&own, "");
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(tried_t) refused = ldap_change(opened, rows[i].login, rows[i].password, rows[i].fresh);
		changed_is(&refused, VERDICT_REFUSED, rows[i].reason, false);
	}
	g_auto(tried_t) once = ldap_change(opened, "expired", "password of expired 1", FRESH), back = ldap_change(opened, "expired", FRESH, "password of expired 1");
	changed_is(&once, VERDICT_OK, REASON_OK, true);
	changed_is(&back, VERDICT_REFUSED, REASON_PASSWORD_REUSED, false);
	g_auto(tried_t) first = ldap_change(opened, "young", "password of young 1", FRESH), second = ldap_change(opened, "young", FRESH, "another password 2");
	changed_is(&first, VERDICT_OK, REASON_OK, true);
	changed_is(&second, VERDICT_REFUSED, REASON_PASSWORD_TOO_YOUNG, false);
	provider_ldap.close(opened);
	slapd_stop(&own);
}

/* Only who types the right one: nobody else's "no" lets a change through, least of all the service account's right to make it. */
static void others_change_nothing(void **state)
{
	static const struct {
		const char *login, *password, *fresh;
		enum verdict verdict;
		enum reason reason;
	} rows[] = {
		{"alice", "not the password", FRESH, VERDICT_MISMATCH, REASON_WRONG_PASSWORD},
		{"nobody", "not the password", FRESH, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT},
		{"locked", "password of locked 1", FRESH, VERDICT_DISABLED, REASON_LOCKED_UPSTREAM},
		{"carol", "no password there", FRESH, VERDICT_MISMATCH, REASON_WRONG_PASSWORD},
		{"twins@acme.example", "password of twins 1", FRESH, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION},
		{"alice", "", FRESH, VERDICT_MISMATCH, REASON_REQUEST_INVALID},
		{"alice", ALICE_PASSWORD, "", VERDICT_VIOLATION, REASON_REQUEST_INVALID},
		{"alice", ALICE_PASSWORD, NULL, VERDICT_VIOLATION, REASON_REQUEST_INVALID},
	};
	void *opened = opened_on(&slapd, ""), *without;
	g_autofree char *forbids = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"]", slapd.port);

	(void)state;
	without = ldap_opened(forbids);
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(tried_t) refused = ldap_change(opened, rows[i].login, rows[i].password, rows[i].fresh);
		changed_is(&refused, rows[i].verdict, rows[i].reason, false);
	}
	g_auto(tried_t) forbidden = ldap_change(without, "alice", ALICE_PASSWORD, FRESH);
	changed_is(&forbidden, VERDICT_REFUSED, REASON_PASSWORD_FIXED, false);
	verdict_of(opened, "alice", ALICE_PASSWORD, VERDICT_OK);
	provider_ldap.close(opened);
	provider_ldap.close(without);
}

/* Where the service account may not, and where there is none, an expired password stays; a template's person may while he can bind. */
static void rights_are_the_directorys(void **state)
{
	void *alone = opened_on(&slapd, ",\"bind_dn\":null,\"bind_password\":null,\"user_dn\":\"cn={login}," RIG_PEOPLE "\"");
	g_auto(tried_t) own = ldap_change(alone, "Un+Deux", "password of plus 1", FRESH), other = ldap_change(alone, "Nobody", "password of plus 1", FRESH);
	struct slapd fresh = {.with_people = true};

	(void)state;
	changed_is(&own, VERDICT_OK, REASON_OK, true);
	changed_is(&other, VERDICT_MISMATCH, REASON_WRONG_PASSWORD, false);
	provider_ldap.close(alone);
	slapd_start(&fresh);
	void *expired = opened_on(&fresh, ",\"bind_dn\":null,\"bind_password\":null,\"user_dn\":\"cn={login}," RIG_PEOPLE "\"");
	g_auto(tried_t) shut = ldap_change(expired, "Expired", "password of expired 1", FRESH);
	changed_is(&shut, VERDICT_REFUSED, REASON_PASSWORD_FIXED, false);
	provider_ldap.close(expired);
	slapd_stop(&fresh);
}

/* The answer to the change is lost: nobody knows whether it was made, and it is not made a second time. */
static void lost_answer_is_no_answer(void **state)
{
	bool seen = false;

	(void)state;
	/* The n-th request through the relay is, for some n, the change itself: the connections before it are those of a sign-in. */
	for (int at = 1; at <= 8 && !seen; at++) {
		struct peer relay = {.way = PEER_RELAY, .behind = &slapd, .act = ACT_CLOSE, .act_at = at};
		peer_start(&relay);
		g_autofree char *more = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"],\"start_tls\":false,\"password_change\":true", relay.port);
		void *opened = ldap_opened(more);
		g_auto(tried_t) tried = ldap_change(opened, "janna", "password of janna 1", "password of janna 2");
		const char *why = failed_check(&tried, "change");
		seen = why != NULL;
		if (seen)
			changed_is(&tried, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE, false);
		provider_ldap.close(opened);
		peer_stop(&relay);
		g_free(relay.heard);
	}
	assert_true(seen);
}

/* Active Directory's go over TLS alone, which ldap_directory.c's table of bad settings has; to this machine itself, others may do without. */
static void tls_is_asked_for_where_it_matters(void **state)
{
	static const char *const good[] = {
		"\"preset\":\"active_directory\",\"password_change\":true",
		"\"preset\":\"active_directory\",\"password_change\":true,\"start_tls\":false,\"url\":[\"ldaps://127.0.0.1\"]",
		"\"preset\":\"active_directory\",\"start_tls\":false",
		"\"password_change\":true,\"start_tls\":false",
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(good); i++)
		provider_ldap.close(ldap_opened(good[i]));
}

/* [MS-ADTS] 3.1.1.3.1.5: quoted, UTF-16LE. */
static void unicode_passwords_are_quoted(void **state)
{
	static const uint8_t expected[] = {'"', 0, 'n', 0, 0xe9, 0, 0x3d, 0xd8, 0x00, 0xde, '"', 0};
	g_autoptr(secret_t) typed = secret_new("n\xc3\xa9\xf0\x9f\x98\x80", 7), broken = secret_new("\xff", 1);
	g_autoptr(secret_t) quoted = unicode_password(typed);

	(void)state;
	assert_int_equal(secret_length(quoted), sizeof expected);
	assert_memory_equal(secret_bytes(quoted), expected, sizeof expected);
	assert_null(unicode_password(broken));
}

static int directory_start(void **state)
{
	(void)state;
	slapd_start(&slapd);
	return 0;
}

static int directory_stop(void **state)
{
	(void)state;
	slapd_stop(&slapd);
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(passwords_are_changed, directory_start),
	cmocka_unit_test(grace_is_told),
	cmocka_unit_test(rules_are_the_directorys),
	cmocka_unit_test(others_change_nothing),
	cmocka_unit_test(rights_are_the_directorys),
	cmocka_unit_test_teardown(lost_answer_is_no_answer, directory_stop),
	cmocka_unit_test(tls_is_asked_for_where_it_matters),
	cmocka_unit_test(unicode_passwords_are_quoted),
};
const struct test_list ldap_password_list = {tests, TEST_COUNT(tests)};
