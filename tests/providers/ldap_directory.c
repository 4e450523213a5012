/* Who may sign in, and as whom. */
#include "ldap_tests.h"

#include "base/clock.h"
#include "providers/drivers.h"
#include "providers/ldap_internal.h"

#include <ldap.h>
#include <string.h>

#define ALICE_PASSWORD "caf\xc3\xa9 tractor moon 7"
#define ALICE_UUID "11111111-2222-4333-8444-555555555555"
#define LEAVER_UUID "99999999-2222-4333-8444-555555555555"

static void claims_come_with_the_person(void **state)
{
	g_auto(tried_t) tried = ldap_try_once(NULL, "alice", ALICE_PASSWORD);
	(void)state;
	verdict_is(&tried, VERDICT_OK);
	g_autofree char *claims = json_text(identity_claims(tried.answer.identity));
	assert_string_equal(claims, "{\"username\":\"alice\",\"name\":\"Martin, Alice\",\"email\":\"alice@acme.example\",\"email_verified\":false,"
	                            "\"groups\":[\"directory:staff\"]}");
}

static void people_table(void **state)
{
	static const struct {
		const char *login, *password;
		enum verdict verdict;
		enum reason reason;
	} rows[] = {
		{"alice@acme.example", ALICE_PASSWORD, VERDICT_OK, REASON_OK},
		{" ALICE ", ALICE_PASSWORD, VERDICT_OK, REASON_OK},
		{"plus", "password of plus 1", VERDICT_OK, REASON_OK},
		{"quote", "password of quote 1", VERDICT_OK, REASON_OK},
		{"space", "password of space 1", VERDICT_OK, REASON_OK},
		{"zo\xc3\xa9", "password of zoe 1", VERDICT_OK, REASON_OK},
		{"janna", "password of janna 1", VERDICT_OK, REASON_OK},
		{"hash", "password of hash 1", VERDICT_OK, REASON_OK},
		{"multi", "password of multi 1", VERDICT_OK, REASON_OK},
		{"star*", "password of star 1", VERDICT_OK, REASON_OK},
		{"st*", "password of star 1", VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT},
		{"person39", "password of everybody 1", VERDICT_OK, REASON_OK},
		{"locked", "password of locked 1", VERDICT_DISABLED, REASON_LOCKED_UPSTREAM},
		{"expired", "password of expired 1", VERDICT_EXPIRED, REASON_PASSWORD_EXPIRED},
		{"expired", "not the password", VERDICT_MISMATCH, REASON_WRONG_PASSWORD},
		{"grace", "password of grace 1", VERDICT_OK, REASON_OK},
		{"reset", "password of reset 1", VERDICT_EXPIRED, REASON_PASSWORD_EXPIRED},
		{"gone", "password of gone 1", VERDICT_DISABLED, REASON_ACCOUNT_DISABLED},
		{"gone", "not the password", VERDICT_MISMATCH, REASON_WRONG_PASSWORD},
		{"twins@acme.example", "password of twins 1", VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION},
		{"twin1", "password of twins 1", VERDICT_OK, REASON_OK},
		{"alice)(uid=*", ALICE_PASSWORD, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT},
		{"*)(|(uid=alice)(uid=*", ALICE_PASSWORD, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT},
		{"\\61lice", ALICE_PASSWORD, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT},
		{"alice\\00", ALICE_PASSWORD, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT},
		{"{login}", ALICE_PASSWORD, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT},
		{"Martin, Alice", ALICE_PASSWORD, VERDICT_UNKNOWN, REASON_UNKNOWN_ACCOUNT},
	};
	void *opened = ldap_opened(NULL);

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(tried_t) tried = ldap_try(opened, rows[i].login, rows[i].password, 8000);
		g_autofree char *checks = json_text(tried.checks);
		if (tried.answer.verdict != rows[i].verdict || tried.answer.reason != rows[i].reason)
			fail_msg("%s: %s, %s: %s", rows[i].login, verdict_name(tried.answer.verdict), reason_name(tried.answer.reason), checks);
	}
	provider_ldap.close(opened);
}

static int bare_bind(const struct slapd *slapd, const char *dn)
{
	g_autofree char *url = g_strdup_printf("ldap://127.0.0.1:%d", slapd->port);
	struct berval nothing = {.bv_len = 0, .bv_val = (char *)(uintptr_t)""};
	int version = LDAP_VERSION3;
	LDAP *handle = NULL;

	ldap_initialize(&handle, url);
	ldap_set_option(handle, LDAP_OPT_PROTOCOL_VERSION, &version);
	int code = ldap_sasl_bind_s(handle, dn, LDAP_SASL_SIMPLE, &nothing, NULL, NULL, NULL);
	ldap_unbind_ext_s(handle, NULL, NULL);
	return code;
}

/* LD-1, on a directory where a bare client is let in without a password. */
static void empty_password_reaches_nobody(void **state)
{
	struct slapd slapd = {.with_people = true, .allows_anonymous_dn = true};
	static const char nul[] = "caf\xc3\xa9 tractor moon 7\0x";

	(void)state;
	slapd_start(&slapd);
	assert_int_equal(bare_bind(&slapd, "cn=Martin\\, Alice," RIG_PEOPLE), LDAP_SUCCESS);
	g_autofree char *more = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"]", slapd.port);
	struct directory *directory = ldap_opened(more);
	struct connection_trouble trouble;
	g_autoptr(connection_t) connection = connection_open(directory, &directory->servers[0], directory->tls, clock_monotonic_ms() + 5000, &trouble);
	assert_non_null(connection);
	uint64_t before = slapd_operations(&slapd);
	g_auto(tried_t) empty = ldap_try(directory, "alice", "", 8000);
	const struct bind_answer answers[] = {
		connection_bind(connection, RIG_SERVICE, "", 0, clock_monotonic_ms() + 1000),
		connection_bind(connection, RIG_SERVICE, NULL, 0, clock_monotonic_ms() + 1000),
		connection_bind(connection, "", "x", 1, clock_monotonic_ms() + 1000),
		connection_bind(connection, NULL, "x", 1, clock_monotonic_ms() + 1000),
		connection_bind(connection, "cn=Martin\\, Alice," RIG_PEOPLE, nul, sizeof nul - 1, clock_monotonic_ms() + 1000),
		connection_bind(connection, "cn=Martin\\, Alice," RIG_PEOPLE, nul + sizeof nul - 3, 2, clock_monotonic_ms() + 1000),
	};
	for (size_t i = 0; i < TEST_COUNT(answers); i++) {
		assert_int_equal(answers[i].code, BIND_NO_ANSWER);
		assert_int_equal(bind_meaning(&answers[i]).verdict, VERDICT_UNAVAILABLE);
	}
	assert_int_equal(slapd_operations(&slapd) - before, 0);
	verdict_is(&empty, VERDICT_MISMATCH);
	g_auto(tried_t) right = ldap_try(directory, "alice", ALICE_PASSWORD, 8000);
	verdict_is(&right, VERDICT_OK);
	provider_ldap.close(directory);
	slapd_stop(&slapd);
}

/* LD-5: a server that refers everything elsewhere, and one with a reference among its entries. Nobody knocks there. */
static void referrals_are_not_followed(void **state)
{
	struct peer rogue = {.way = PEER_LISTENS};
	struct slapd within = {.with_people = true}, referring = {0};

	(void)state;
	peer_start(&rogue);
	g_autofree char *url = g_strdup_printf("ldap://127.0.0.1:%d", rogue.port);
	referring.refers_to = url;
	slapd_start(&referring);
	slapd_start(&within);
	g_autofree char *entry = g_strdup_printf("dn: ou=elsewhere," RIG_PEOPLE "\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\nref: %s/" RIG_PEOPLE "\n", url);
	slapd_modify(&within, entry);
	g_autofree char *to_referring = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"],\"start_tls\":true,\"user_dn\":\"cn={login}," RIG_PEOPLE "\"", referring.port);
	g_autofree char *to_within = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"]", within.port);
	g_autofree char *under = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"],\"base_dn\":\"ou=elsewhere," RIG_PEOPLE "\"", within.port);
	g_auto(tried_t) referred = ldap_try_once(to_referring, "alice", ALICE_PASSWORD), passed = ldap_try_once(to_within, "alice", ALICE_PASSWORD);
	g_auto(tried_t) base = ldap_try_once(under, "alice", ALICE_PASSWORD), unknown = ldap_try_once(to_within, "nobody", ALICE_PASSWORD);
	slapd_stop(&referring);
	slapd_stop(&within);
	peer_stop(&rogue);
	g_free(rogue.heard);
	assert_int_equal(rogue.connections, 0);
	assert_int_not_equal(referred.answer.verdict, VERDICT_OK);
	verdict_is(&passed, VERDICT_OK);
	verdict_is(&base, VERDICT_UNAVAILABLE);
	verdict_is(&unknown, VERDICT_UNKNOWN);
}

#define BY_NAME "\"user_dn\":\"cn={login}," RIG_PEOPLE "\""

/* With a DN template: awkward names are escaped, and nothing typed leaves its place in the DN. */
static void names_are_bound_by_template(void **state)
{
	static const struct {
		const char *login, *password;
		enum verdict verdict;
	} rows[] = {
		{"Martin, Alice", ALICE_PASSWORD, VERDICT_OK},
		{"Un+Deux", "password of plus 1", VERDICT_OK},
		{"Le \"Grand\" Jean", "password of quote 1", VERDICT_OK},
		{"Zo\xc3\xa9 \xc3\x85ngstr\xc3\xb6m", "password of zoe 1", VERDICT_OK},
		{"#sharp; <b> a=b \\ c", "password of hash 1", VERDICT_OK},
		{"Martin, Alice", "not the password", VERDICT_MISMATCH},
		{"Nobody", ALICE_PASSWORD, VERDICT_MISMATCH},
		{"Martin\\, Alice", ALICE_PASSWORD, VERDICT_MISMATCH},
		{"Martin, Alice," RIG_PEOPLE, ALICE_PASSWORD, VERDICT_MISMATCH},
		{"Bruno Petit", "yellow grapefruit 9", VERDICT_DISABLED},
		{"x+cn=Martin, Alice", ALICE_PASSWORD, VERDICT_MISMATCH},
		{"*", ALICE_PASSWORD, VERDICT_MISMATCH},
		{"", ALICE_PASSWORD, VERDICT_MISMATCH},
	};
	void *with_service = ldap_opened(BY_NAME), *alone = ldap_opened(BY_NAME ",\"bind_dn\":null,\"bind_password\":null");

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(tried_t) one = ldap_try(with_service, rows[i].login, rows[i].password, 8000), other = ldap_try(alone, rows[i].login, rows[i].password, 8000);
		if (one.answer.verdict != rows[i].verdict || other.answer.verdict != rows[i].verdict)
			fail_msg("%s: %s, %s", rows[i].login, verdict_name(one.answer.verdict), verdict_name(other.answer.verdict));
	}
	g_auto(tried_t) alice = ldap_try(alone, "Martin, Alice", ALICE_PASSWORD, 8000);
	assert_string_equal(identity_subject(alice.answer.identity), ALICE_UUID);
	g_auto(tried_t) refreshed = ldap_refreshed(with_service, ALICE_UUID), unasked = ldap_refreshed(alone, ALICE_UUID);
	verdict_is(&refreshed, VERDICT_OK);
	verdict_is(&unasked, VERDICT_MORE);
	assert_int_equal(unasked.answer.reason, REASON_PROVIDER_UNASKED);
	provider_ldap.close(with_service);
	provider_ldap.close(alone);
}

/* Who is gone or shut out is so at the next refresh; who comes back under the same name is somebody else (LD-8). */
static void refresh_sees_what_changed(void **state)
{
	static const char *const malformed[] = {"", "*", "x)(uid=*", "99999999", "\\2a"};
	struct slapd slapd = {.with_people = true};

	(void)state;
	slapd_start(&slapd);
	g_autofree char *more = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"],\"unmapped_groups\":\"keep\"", slapd.port);
	void *opened = ldap_opened(more);
	g_auto(tried_t) there = ldap_refreshed(opened, LEAVER_UUID);
	verdict_is(&there, VERDICT_OK);
	assert_string_equal(identity_subject(there.answer.identity), LEAVER_UUID);
	assert_true(json_array_has(json_object_get(identity_claims(there.answer.identity), "groups"), "wiki"));
	slapd_modify(&slapd, "dn: cn=wiki," RIG_GROUPS "\nchangetype: modify\ndelete: member\nmember: cn=Leaver," RIG_PEOPLE "\n");
	g_auto(tried_t) ungrouped = ldap_refreshed(opened, LEAVER_UUID);
	assert_int_equal(json_array_size(json_object_get(identity_claims(ungrouped.answer.identity), "groups")), 0);
	slapd_modify(&slapd, "dn: cn=Leaver," RIG_PEOPLE "\nchangetype: modify\nadd: nsAccountLock\nnsAccountLock: true\n");
	g_auto(tried_t) disabled = ldap_refreshed(opened, LEAVER_UUID);
	verdict_is(&disabled, VERDICT_DISABLED);
	slapd_modify(&slapd, "dn: cn=Leaver," RIG_PEOPLE "\nchangetype: delete\n");
	g_auto(tried_t) gone = ldap_refreshed(opened, LEAVER_UUID);
	verdict_is(&gone, VERDICT_UNKNOWN);
	slapd_modify(&slapd, "dn: cn=Leaver," RIG_PEOPLE "\nobjectClass: inetOrgPerson\ncn: Leaver\nsn: Leaver\nuid: leaver\nuserPassword: another person 1\n");
	g_auto(tried_t) recycled = ldap_try(opened, "leaver", "another person 1", 8000), still_gone = ldap_refreshed(opened, LEAVER_UUID);
	verdict_is(&recycled, VERDICT_OK);
	assert_string_not_equal(identity_subject(recycled.answer.identity), LEAVER_UUID);
	verdict_is(&still_gone, VERDICT_UNKNOWN);
	for (size_t i = 0; i < TEST_COUNT(malformed); i++) {
		g_auto(tried_t) tried = ldap_refreshed(opened, malformed[i]);
		verdict_is(&tried, VERDICT_UNKNOWN);
	}
	provider_ldap.close(opened);
	slapd_stop(&slapd);
}

static void people_filter_holds_at_both_doors(void **state)
{
	void *opened = ldap_opened("\"people_filter\":\"(memberOf=cn=plain," RIG_GROUPS ")\"");

	(void)state;
	g_auto(tried_t) outside = ldap_try(opened, "alice", ALICE_PASSWORD, 8000), inside = ldap_try(opened, "zo\xc3\xa9", "password of zoe 1", 8000);
	g_auto(tried_t) refreshed = ldap_refreshed(opened, ALICE_UUID);
	provider_ldap.close(opened);
	verdict_is(&outside, VERDICT_UNKNOWN);
	verdict_is(&inside, VERDICT_OK);
	verdict_is(&refreshed, VERDICT_UNKNOWN);
}

/* Active Directory's attributes, on slapd: the tree and the codes are not its own. */
static void active_directory_preset(void **state)
{
	static const char guid[] = "03020100-0504-0706-0809-0a0b0c0d0e0f";
	static const struct {
		const char *login, *password;
		enum verdict verdict;
	} rows[] = {
		{"alice", ALICE_PASSWORD, VERDICT_OK},
		{"alice@corp.acme.example", ALICE_PASSWORD, VERDICT_OK},
		{"bruno", "yellow grapefruit 9", VERDICT_DISABLED},
		{"bruno", "not the password", VERDICT_MISMATCH},
		{"gone", "password of gone 1", VERDICT_DISABLED},
		{"noguid", "password of noguid 1", VERDICT_VIOLATION},
		{"plus", "password of plus 1", VERDICT_UNKNOWN},
	};
	void *opened = ldap_opened("\"preset\":\"active_directory\"");

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(tried_t) tried = ldap_try(opened, rows[i].login, rows[i].password, 8000);
		verdict_is(&tried, rows[i].verdict);
		if (tried.answer.verdict == VERDICT_OK)
			assert_string_equal(identity_subject(tried.answer.identity), guid);
	}
	g_auto(tried_t) refreshed = ldap_refreshed(opened, guid), other = ldap_refreshed(opened, "03020100-0504-0706-0809-0a0b0c0d0e00");
	g_auto(tried_t) malformed = ldap_refreshed(opened, "*"), shut = ldap_refreshed(opened, "13121110-1514-1716-1819-1a1b1c1d1e1f");
	provider_ldap.close(opened);
	verdict_is(&refreshed, VERDICT_OK);
	verdict_is(&other, VERDICT_UNKNOWN);
	verdict_is(&malformed, VERDICT_UNKNOWN);
	verdict_is(&shut, VERDICT_DISABLED);
}

static void claims_settings_are_heard(void **state)
{
	g_auto(tried_t) tried = ldap_try_once("\"claims\":{\"name\":[\"nothing\",\"sn\"],\"email\":\"nothing\",\"groups\":\"nothing\"},\"username\":\"u-{username}\"", "plus",
	                                      "password of plus 1");
	(void)state;
	verdict_is(&tried, VERDICT_OK);
	g_autofree char *claims = json_text(identity_claims(tried.answer.identity));
	assert_string_equal(claims, "{\"name\":\"Un+Deux\",\"email_verified\":false,\"groups\":[],\"username\":\"u-plus\"}");
}

/* What can be known to be wrong without asking a directory. */
static void settings_are_looked_at(void **state)
{
	static const struct {
		const char *more, *said;
	} rows[] = {
		{"\"url\":[]", "url"},
		{"\"url\":[\"http://directory.example\"]", "url"},
		{"\"url\":[\"ldap://directory.example\"],\"start_tls\":false", "clear"},
		{"\"url\":[\"ldap://127.evil.example\"],\"start_tls\":false", "clear"},
		{"\"bind_password\":null", "bind_password"},
		{"\"bind_dn\":null", "bind_dn"},
		{"\"base_dn\":null", "base_dn"},
		{"\"tls_ca_file\":\"/nonexistent/ca.pem\"", "tls_ca_file"},
		{"\"tls_ca_file\":\"/dev/null\"", "tls_ca_file"},
		{"\"username\":\"{mail}\"", "username"},
		{"\"preset\":\"active_directory\",\"password_change\":true,\"start_tls\":false", "password_change"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autofree char *text = ldap_settings(rows[i].more);
		g_autoptr(json_t) settings = json_parse(text, strlen(text), 65536, NULL);
		g_autoptr(GError) error = NULL;
		void *opened = NULL;
		if (provider_ldap.open(&(struct provider_place){ .tenant = "tenant", .name = "directory" }, settings, &opened, &error) || opened)
			fail_msg("opened with %s", rows[i].more);
		if (!strstr(error->message, rows[i].said) || strstr(error->message, RIG_SERVICE_PASSWORD))
			fail_msg("%s: %s", rows[i].more, error->message);
	}
}

/* The table of keys, through the validator everybody uses. */
static void keys_are_checked(void **state)
{
	static const struct {
		const char *yaml;
		bool good;
	} rows[] = {
		{"url: ldap://a\nbase_dn: ou=p,dc=x\n", true},
		{"url: [ldap://a, 'ldaps://[::1]:6636']\nbase_dn: ou=p,dc=x\nuser_filter: (uid={login})\ngroups: { base_dn: 'ou=g,dc=x', filter: '(member={dn})', nested: true }\n", true},
		{"url: ldap://a\nbase_dn: ou=p,dc=x\nuser_dn: 'uid={login},ou=p,dc=x'\n", true},
		{"url: ldap://a/dc=x\nbase_dn: ou=p,dc=x\n", false},
		{"url: ldap://\nbase_dn: ou=p,dc=x\n", false},
		{"url: ldapi:///\nbase_dn: ou=p,dc=x\n", false},
		{"base_dn: ou=p,dc=x\n", false},
		{"url: ldap://a\nbase_dn: people\n", false},
		{"url: ldap://a\nbase_dn: ou=p,dc=x\nuser_filter: (uid=alice)\n", false},
		{"url: ldap://a\nbase_dn: ou=p,dc=x\nuser_filter: (uid={login}\n", false},
		{"url: ldap://a\nbase_dn: ou=p,dc=x\npeople_filter: ((a=b)\n", false},
		{"url: ldap://a\nbase_dn: ou=p,dc=x\nuser_dn: 'uid=login,ou=p,dc=x'\n", false},
		{"url: ldap://a\nbase_dn: ou=p,dc=x\ngroups: { filter: '(member=x)' }\n", false},
		{"url: ldap://a\nbase_dn: ou=p,dc=x\nsubject_attribute: 'uid)(x'\n", false},
		{"url: ldap://a\nbase_dn: ou=p,dc=x\npreset: novell\n", false},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autoptr(document_t) document = document_parse("test", rows[i].yaml, strlen(rows[i].yaml), NULL);
		g_autoptr(GError) error = NULL;
		g_autoptr(json_t) applied = schema_apply(document, document_root(document), provider_ldap.keys, "", &error);
		if ((applied != NULL) != rows[i].good)
			fail_msg("%s: %s", rows[i].yaml, error ? error->message : "taken");
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(claims_come_with_the_person),
	cmocka_unit_test(people_table),
	cmocka_unit_test(empty_password_reaches_nobody),
	cmocka_unit_test(referrals_are_not_followed),
	cmocka_unit_test(names_are_bound_by_template),
	cmocka_unit_test(refresh_sees_what_changed),
	cmocka_unit_test(people_filter_holds_at_both_doors),
	cmocka_unit_test(active_directory_preset),
	cmocka_unit_test(claims_settings_are_heard),
	cmocka_unit_test(settings_are_looked_at),
	cmocka_unit_test(keys_are_checked),
};
const struct test_list ldap_directory_list = {tests, TEST_COUNT(tests)};
