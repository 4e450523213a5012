/* What is written down of a name nobody proved: people type passwords into the name field (SECURITY AU-5). */
#include "tests.h"
#include "gateway/audit/row.h"
#include <string.h>

static bool keep_username(const struct log_row *row, void *data)
{
	g_free(*(char **)data);
	*(char **)data = g_strdup(row->username);
	return true;
}

/* The user name that a failed sign-in leaves in the log. Caller frees. */
static char *logged(const struct bench *bench, const struct tenant *tenant, const char *typed, bool known)
{
	struct audit_facts facts = bench_facts();
	char *username = NULL;

	facts.username = typed;
	facts.result = AUDIT_DENIED;
	facts.reason = known ? REASON_WRONG_PASSWORD : REASON_UNKNOWN_ACCOUNT;
	bench_write(bench, tenant, &facts, known);
	bench_list(bench, tenant, keep_username, &username);
	return username;
}

static void test_known_name_is_clear(void **state)
{
	g_autofree char *username = logged(*state, ((struct bench *)*state)->acme, "alice", true);

	assert_string_equal(username, "alice");
}

static void test_unknown_name_is_hashed(void **state)
{
	static const char *const typed[] = { "hunter2", "correct horse battery staple", "alice@elsewhere.example", "acme.example", "@acme.example", "a b@acme.example",
		"a@b@acme.example", "alice@acme.example.evil.example", "alice@notacme.example", "alice@globex.example", "p\xc3\xa4ss", "\x01\x02", "\xff\xfe", "h:abc" };
	const struct bench *bench = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(typed); i++) {
		g_autofree char *username = logged(bench, bench->acme, typed[i], false);
		assert_int_equal(strlen(username), 2 + 52);
		assert_int_equal(strncmp(username, "h:", 2), 0);
		assert_int_equal(strspn(username + 2, "abcdefghijklmnopqrstuvwxyz234567"), 52);
		assert_null(strstr(username, typed[i]));
	}
}

static void test_own_domain_is_clear(void **state)
{
	const struct bench *bench = *state;
	g_autofree char *object = logged(bench, bench->acme, "alcie@acme.example", false);
	g_autofree char *plain = logged(bench, bench->acme, "Alcie@FIRST.example", false);
	g_autofree char *globex = logged(bench, bench->globex, "alcie@acme.example", false);

	assert_string_equal(object, "alcie@acme.example");
	assert_string_equal(plain, "Alcie@FIRST.example");
	assert_int_equal(strncmp(globex, "h:", 2), 0);
}

/* One name has one hash within a tenant, however it is typed; an administrator can look it up; another tenant's differs. */
static void test_hash_is_stable_and_of_one_tenant(void **state)
{
	const struct bench *bench = *state;
	g_autofree char *one = logged(bench, bench->acme, "Bob", false);
	g_autofree char *same = logged(bench, bench->acme, " bob ", false);
	g_autofree char *other = logged(bench, bench->acme, "bobb", false);
	g_autofree char *foreign = logged(bench, bench->globex, "Bob", false);
	g_autofree char *looked_up = audit_username_hash(bench->keys, bench->acme->id, "bob");

	assert_string_equal(one, same);
	assert_string_equal(one, looked_up);
	assert_string_not_equal(one, other);
	assert_string_not_equal(one, foreign);
}

static void test_hash_needs_the_key(void **state)
{
	const struct bench *bench = *state;
	const uint8_t key[32] = { 8 };
	struct root_keys *other = root_keys_from_bytes("k1", key);
	g_autofree char *ours = audit_username_hash(bench->keys, bench->acme->id, "bob");
	g_autofree char *theirs = audit_username_hash(other, bench->acme->id, "bob");

	root_keys_free(other);
	assert_string_not_equal(ours, theirs);
}

static const struct { const char *text; size_t max; const char *expected; } cleaned[] = {
	{ NULL, 10, NULL }, { "", 10, NULL }, { "plain", 10, "plain" }, { "0123456789ABC", 10, "0123456789" }, { "\xc3\xa9\xc3\xa9\xc3\xa9", 5, "\xc3\xa9\xc3\xa9" },
	{ "a\r\nb", 20, "a\xef\xbf\xbd\xef\xbf\xbd" "b" }, { "\x1b[31m", 20, "\xef\xbf\xbd[31m" }, { "\xc2\x9b" "31m", 20, "\xef\xbf\xbd" "31m" },
	{ "a\tb", 20, "a\xef\xbf\xbd" "b" }, { "\xe2\x80\xae" "evil", 20, "\xef\xbf\xbd" "evil" }, { "\xe2\x80\xa8", 20, "\xef\xbf\xbd" },
	{ "\xe2\x80\xa9", 20, "\xef\xbf\xbd" }, { "\xff", 20, "\xef\xbf\xbd" },
	{ "\xc0\x80", 20, "\xef\xbf\xbd\xef\xbf\xbd" }, { "\xe2\x82", 20, "\xef\xbf\xbd\xef\xbf\xbd" }, { "\x01\x01\x01", 7, "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xf0\x9f\x98\x80!", 20, "\xf0\x9f\x98\x80!" },
};

static void test_text_is_cleaned(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cleaned); i++) {
		g_autofree char *seen = row_text(cleaned[i].text, cleaned[i].max);
		if (g_strcmp0(seen, cleaned[i].expected))
			fail_msg("case %zu: %s", i, seen);
	}
}

/* A user agent over its limit that ends in the middle of a character does not leave half of it. */
static void test_long_values_are_cut(void **state)
{
	const struct bench *bench = *state;
	struct audit_facts facts = bench_facts();
	g_autofree char *letters = g_strnfill(100000, 'x');
	char *username = NULL;

	facts.username = facts.user_agent = facts.client = facts.session = facts.provider = facts.ref = facts.address = facts.account = facts.actor = letters;
	facts.acr = facts.amr = letters;
	bench_write(bench, bench->acme, &facts, true);
	bench_list(bench, bench->acme, keep_username, &username);
	assert_int_equal(strlen(username), 256);
	g_free(username);
	g_autofree char *lengths = bench_value(bench, "SELECT max(length(account), length(provider), length(client), length(session), length(ref), length(actor), "
	                                              "length(acr), length(amr)) || ' ' || length(user_agent) || ' ' || length(ip) FROM log_row");
	assert_string_equal(lengths, "128 512 64");
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

static const struct CMUnitTest tests[] = {
	WITH_BENCH(test_known_name_is_clear), WITH_BENCH(test_unknown_name_is_hashed), WITH_BENCH(test_own_domain_is_clear),
	WITH_BENCH(test_hash_is_stable_and_of_one_tenant), WITH_BENCH(test_hash_needs_the_key), cmocka_unit_test(test_text_is_cleaned), WITH_BENCH(test_long_values_are_cut),
};

const struct test_group username_group = { tests, sizeof tests / sizeof tests[0] };
