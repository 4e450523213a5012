/* The pure parts: escaping, DNs, GUIDs, what an answer means. */
#include "ldap_tests.h"

#include "providers/ldap_internal.h"

#include <ldap.h>
#include <string.h>

static void filters_are_escaped(void **state)
{
	static const struct {
		const char *login, *filter;
	} rows[] = {
		{"alice", "(uid=alice)"},
		{"*", "(uid=\\2a)"},
		{"a)(uid=*", "(uid=a\\29\\28uid\\3d\\2a)"},
		{"\\00", "(uid=\\5c00)"},
		{"zo\xc3\xa9", "(uid=zo\\c3\\a9)"},
		{"{login}", "(uid=\\7blogin\\7d)"},
		{"a&b|c!d", "(uid=a\\26b\\7cc\\21d)"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autofree char *filter = filter_fill("(uid={login})", "login", rows[i].login);
		assert_string_equal(filter, rows[i].filter);
		assert_true(filter_is_fit(filter));
	}
	g_autofree char *nul = filter_escape("a\0b", 3), *both = filter_and("a=b", "(c=d)"), *one = filter_and("(a=b)", NULL);
	assert_string_equal(nul, "a\\00b");
	assert_string_equal(both, "(&(a=b)(c=d))");
	assert_string_equal(one, "(a=b)");
	assert_false(filter_is_fit("((a=b)"));
	assert_false(filter_is_fit("(a=b"));
	assert_false(filter_is_fit(""));
}

static void dns_are_filled_and_compared(void **state)
{
	static const struct {
		const char *login, *same_as;
	} rows[] = {
		{"alice", "CN=Alice, ou=P"},
		{"Martin, Alice", "cn=martin\\2c alice,OU=p"},
		{"a+b=c", "cn=a\\+b\\=c,ou=p"},
		{"x,ou=admins", "cn=x\\,ou\\=admins,ou=p"},
		{" lead", "cn=\\20lead,ou=p"},
		{"\"q\"", "cn=\\22q\\22,ou=p"},
		{"#h", "cn=\\#h,ou=p"},
		{"zo\xc3\xa9", "cn=ZO\xc3\x89,ou=p"},
		{"zo\xc3\xa9", "cn=zo\\c3\\a9,ou=p"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autofree char *dn = dn_fill("cn={login},ou=p", rows[i].login), *key = dn_key(dn), *other = dn_key(rows[i].same_as);
		if (!key || !other || strcmp(key, other) != 0)
			fail_msg("%s: %s, %s", rows[i].login, key ? key : dn ? dn : "no DN", other ? other : "no DN");
	}
	assert_null(dn_fill("cn=login,ou=p", "x"));
	assert_null(dn_fill("{login}", "x"));
	assert_null(dn_key(""));
	assert_null(dn_key("wiki"));
	assert_null(dn_key(NULL));
	assert_true(dn_is_under("cn=a,ou=p", "ou=p"));
	assert_true(dn_is_under("ou=p", "ou=p"));
	assert_false(dn_is_under("cn=a,xou=p", "ou=p"));
	assert_false(dn_is_under("ou=p", "cn=a,ou=p"));
	g_autofree char *first = dn_first_value("cn=R\\26D\\, x,ou=p");
	assert_string_equal(first, "R&D, x");
}

static void guids_have_one_text(void **state)
{
	static const uint8_t bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	static const char *const malformed[] = {"", "03020100", "03020100-0504-0706-0809-0A0B0C0D0E0F", "03020100-0504-0706-0809-0a0b0c0d0e0", "0302010000504-0706-0809-0a0b0c0d0e0f",
	                                        "0302010g-0504-0706-0809-0a0b0c0d0e0f", "03020100-0504-0706-0809-0a0b0c0d0e0f0"};
	g_autofree char *text = guid_text(bytes), *filter = filter_of_subject("objectGUID", text);

	(void)state;
	assert_string_equal(text, "03020100-0504-0706-0809-0a0b0c0d0e0f");
	assert_string_equal(filter, "(objectGUID=\\00\\01\\02\\03\\04\\05\\06\\07\\08\\09\\0a\\0b\\0c\\0d\\0e\\0f)");
	for (size_t i = 0; i < TEST_COUNT(malformed); i++)
		assert_null(filter_of_subject("objectGUID", malformed[i]));
	g_autofree char *other = filter_of_subject("entryUUID", "a*");
	assert_string_equal(other, "(entryUUID=a\\2a)");
}

#define AD(data) "80090308: LdapErr: DSID-0C090446, comment: AcceptSecurityContext error, data " data ", v3839"

/* LD-2: of all codes there are, 0 alone opens. */
static void only_success_is_success(void **state)
{
	(void)state;
	for (int code = -20; code < 5000; code++)
		for (int policy = -1; policy < 10; policy++) {
			const struct bind_answer answer = {.code = code, .policy_error = policy, .grace_logins = -1};
			const struct bind_meaning meaning = bind_meaning(&answer);
			bool opens = meaning.verdict == VERDICT_OK;
			if (opens != (code == 0 && policy != PP_changeAfterReset) || opens != (meaning.reason == REASON_OK) || meaning.verdict == VERDICT_VIOLATION)
				fail_msg("%d with %d: %s", code, policy, verdict_name(meaning.verdict));
		}
}

static void answers_have_meanings(void **state)
{
	static const struct {
		int code, policy;
		const char *diagnostic;
		enum verdict verdict;
		enum reason reason;
	} rows[] = {
		{49, -1, "", VERDICT_MISMATCH, REASON_WRONG_PASSWORD},
		{49, PP_accountLocked, "", VERDICT_DISABLED, REASON_LOCKED_UPSTREAM},
		{49, PP_passwordExpired, "", VERDICT_EXPIRED, REASON_PASSWORD_EXPIRED},
		{0, PP_changeAfterReset, "", VERDICT_EXPIRED, REASON_PASSWORD_EXPIRED},
		{0, PP_accountLocked, "", VERDICT_OK, REASON_OK},
		{49, -1, AD("52e"), VERDICT_MISMATCH, REASON_WRONG_PASSWORD},
		{49, -1, AD("525"), VERDICT_MISMATCH, REASON_WRONG_PASSWORD},
		{49, -1, AD("530"), VERDICT_REFUSED, REASON_PROVIDER_REFUSED},
		{49, -1, AD("531"), VERDICT_REFUSED, REASON_PROVIDER_REFUSED},
		{49, -1, AD("532"), VERDICT_EXPIRED, REASON_PASSWORD_EXPIRED},
		{49, -1, AD("533"), VERDICT_DISABLED, REASON_ACCOUNT_DISABLED},
		{49, -1, AD("701"), VERDICT_DISABLED, REASON_ACCOUNT_DISABLED},
		{49, -1, AD("773"), VERDICT_EXPIRED, REASON_PASSWORD_EXPIRED},
		{49, -1, AD("775"), VERDICT_DISABLED, REASON_LOCKED_UPSTREAM},
		{49, -1, AD("0"), VERDICT_MISMATCH, REASON_WRONG_PASSWORD},
		{0, -1, AD("533"), VERDICT_OK, REASON_OK},
		{48, -1, "", VERDICT_MISMATCH, REASON_NO_PASSWORD},
		{53, -1, "", VERDICT_REFUSED, REASON_PROVIDER_REFUSED},
		{53, -1, "Account inactivated. Contact system administrator.", VERDICT_DISABLED, REASON_ACCOUNT_DISABLED},
		{19, -1, "Exceed password retry limit. Please try later.", VERDICT_DISABLED, REASON_LOCKED_UPSTREAM},
		{51, -1, "", VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE},
		{52, -1, "", VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE},
		{10, -1, "", VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE},
		{13, -1, "", VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE},
		{14, -1, "", VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE},
		{BIND_NO_ANSWER, -1, "", VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct bind_answer answer = {.code = rows[i].code, .policy_error = rows[i].policy, .data = diagnostic_data(rows[i].diagnostic)};
		g_strlcpy(answer.diagnostic, rows[i].diagnostic, sizeof answer.diagnostic);
		const struct bind_meaning meaning = bind_meaning(&answer);
		if (meaning.verdict != rows[i].verdict || meaning.reason != rows[i].reason)
			fail_msg("%d %s: %s", rows[i].code, rows[i].diagnostic, verdict_name(meaning.verdict));
	}
	assert_int_equal(diagnostic_data("data 533"), 0);
	assert_int_equal(diagnostic_data(", data 533x"), 0);
	assert_int_equal(diagnostic_data(", data 533"), 0x533);
	assert_int_equal(diagnostic_data(", data ffffffffffffffff533,"), 0);
	assert_int_equal(diagnostic_data(NULL), 0);
}

static void entries_say_that_they_are_shut(void **state)
{
	static const struct {
		const char *attribute, *value;
		bool shut;
	} rows[] = {
		{"userAccountControl", "512", false},
		{"userAccountControl", "514", true},
		{"userAccountControl", "66050", true},
		{"userAccountControl", "66048", false},
		{"accountExpires", "0", false},
		{"accountExpires", "9223372036854775807", false},
		{"accountExpires", "116444736000000001", true},
		{"accountExpires", "133801632000000000", false}, /* 2025, after now_ms */
		{"nsAccountLock", "true", true},
		{"nsAccountLock", "FALSE", false},
		{"pwdAccountLockedTime", "000001010000Z", true},
		{"pwdAccountLockedTime", "20240101000000Z", false},
		{"description", "TRUE", false},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autoptr(json_t) attributes = json_pack("{s:[s]}", rows[i].attribute, rows[i].value);
		const struct entry entry = {.attributes = attributes};
		if ((entry_is_shut(&entry, 1600000000000) != NULL) != rows[i].shut)
			fail_msg("%s %s", rows[i].attribute, rows[i].value);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(filters_are_escaped),
	cmocka_unit_test(dns_are_filled_and_compared),
	cmocka_unit_test(guids_have_one_text),
	cmocka_unit_test(only_success_is_success),
	cmocka_unit_test(answers_have_meanings),
	cmocka_unit_test(entries_say_that_they_are_shut),
};
const struct test_list ldap_text_list = {tests, TEST_COUNT(tests)};
