/* No certificate but the right one, no directory without TLS, whatever the environment says (SECURITY LD-4). */
#include "ldap_tests.h"

#include "providers/drivers.h"

#include <ldap.h>
#include <string.h>

#define ALICE_PASSWORD "caf\xc3\xa9 tractor moon 7"

static char *url_of(const char *scheme, int port)
{
	return g_strdup_printf("\"url\":[\"%s://127.0.0.1:%d\"],\"connect_timeout\":2", scheme, port);
}

/* The suite runs with LDAPTLS_REQCERT=never and an rc file that says the same (ldap_main.c): libldap must not have read them. */
static void environment_is_not_heard(void **state)
{
	char *uri = NULL;
	int demand = -1, limit = -1;

	(void)state;
	assert_string_equal(g_getenv("LDAPTLS_REQCERT"), "never");
	ldap_get_option(NULL, LDAP_OPT_URI, &uri);
	ldap_get_option(NULL, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	ldap_get_option(NULL, LDAP_OPT_TIMELIMIT, &limit);
	assert_true(!uri || !strstr(uri, "127.0.0.1:1"));
	assert_int_not_equal(demand, LDAP_OPT_X_TLS_NEVER);
	assert_int_equal(limit, 0);
	ldap_memfree(uri);
}

static void both_ways_work(void **state)
{
	(void)state;
	g_autofree char *ldap = url_of("ldap", rig_slapd.port), *ldaps = url_of("ldaps", rig_slapd.tls_port);
	g_auto(tried_t) one = ldap_try_once(ldap, "alice", ALICE_PASSWORD), other = ldap_try_once(ldaps, "alice", ALICE_PASSWORD);

	verdict_is(&one, VERDICT_OK);
	verdict_is(&other, VERDICT_OK);
}

static void refused_over(const struct slapd *slapd, const char *scheme, const char *more)
{
	g_autofree char *url = url_of(scheme, strcmp(scheme, "ldap") == 0 ? slapd->port : slapd->tls_port), *all = g_strdup_printf("%s%s", url, more);
	g_auto(tried_t) tried = ldap_try_once(all, "alice", ALICE_PASSWORD);

	verdict_is(&tried, VERDICT_UNAVAILABLE);
	const char *seen = failed_check(&tried, "directory");
	if (!seen || !strstr(seen, ": TLS: "))
		fail_msg("%s: %s", all, seen ? seen : "no failed check");
}

static void wrong_certificates_are_refused(void **state)
{
	static const enum certificate_kind kinds[] = {CERTIFICATE_SELF_SIGNED, CERTIFICATE_WRONG_NAME, CERTIFICATE_EXPIRED};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(kinds); i++) {
		struct slapd slapd = {.certificate = kinds[i]};
		slapd_start(&slapd);
		uint64_t before = slapd_operations(&slapd);
		refused_over(&slapd, "ldaps", "");
		refused_over(&slapd, "ldap", "");
		/* StartTLS was asked for, and nothing after it. */
		assert_true(slapd_operations(&slapd) - before <= 3);
		slapd_stop(&slapd);
	}
}

/* What makes the test above one of certificates: with the right CA file the self-signed one is taken. */
static void named_ca_is_enough(void **state)
{
	struct slapd slapd = {.certificate = CERTIFICATE_SELF_SIGNED};

	(void)state;
	slapd_start(&slapd);
	g_autofree char *more = g_strdup_printf("\"url\":[\"ldaps://127.0.0.1:%d\"],\"tls_ca_file\":\"%s/self-signed.pem\"", slapd.tls_port, rig_folder());
	g_auto(tried_t) tried = ldap_try_once(more, "alice", ALICE_PASSWORD);
	slapd_stop(&slapd);
	verdict_is(&tried, VERDICT_UNAVAILABLE);
	assert_null(strstr(failed_check(&tried, "directory"), "TLS"));
	refused_over(&rig_slapd, "ldaps", ",\"tls_ca_file\":\"/etc/ssl/certs/ca-certificates.crt\"");
}

static void old_versions_are_refused(void **state)
{
	struct slapd slapd = {.tls_ciphers = "NORMAL:-VERS-TLS1.3"}, old = {.tls_ciphers = "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0"};

	(void)state;
	slapd_start(&slapd);
	slapd_start(&old);
	g_autofree char *more = g_strdup_printf("\"url\":[\"ldaps://127.0.0.1:%d\"]", slapd.tls_port);
	g_auto(tried_t) tried = ldap_try_once(more, "alice", ALICE_PASSWORD);
	const char *seen = failed_check(&tried, "directory");
	assert_true(seen && strstr(seen, "service bind")); /* it has no people: TLS 1.2 itself was taken */
	refused_over(&slapd, "ldaps", ",\"tls_min_version\":\"1.3\"");
	refused_over(&old, "ldaps", "");
	slapd_stop(&slapd);
	slapd_stop(&old);
}

/* Somebody between us and the directory says that there is no StartTLS: nothing more is said, not even by the service account. */
static void stripped_start_tls_is_fatal(void **state)
{
	struct peer peer = {.way = PEER_DENIES_STARTTLS};

	(void)state;
	peer_start(&peer);
	g_autofree char *more = url_of("ldap", peer.port);
	g_auto(tried_t) tried = ldap_try_once(more, "alice", ALICE_PASSWORD);
	peer_stop(&peer);
	g_autofree char *heard = peer.heard;
	verdict_is(&tried, VERDICT_UNAVAILABLE);
	assert_non_null(strstr(failed_check(&tried, "directory"), "StartTLS"));
	assert_in_range(peer.requests, 1, 2); /* StartTLS, and a word of farewell */
	assert_null(strstr(heard, "passerelle"));
	assert_null(strstr(heard, RIG_SERVICE_PASSWORD));
}

/* Through a relay that hears everything: after StartTLS no name and no password goes by in clear. */
static void nothing_goes_in_clear(void **state)
{
	struct peer peer = {.way = PEER_RELAY, .behind = &rig_slapd, .act = ACT_NONE};

	(void)state;
	peer_start(&peer);
	g_autofree char *more = url_of("ldap", peer.port);
	g_auto(tried_t) tried = ldap_try_once(more, "alice", ALICE_PASSWORD);
	peer_stop(&peer);
	g_autofree char *heard = peer.heard;
	verdict_is(&tried, VERDICT_OK);
	assert_int_equal(peer.connections, 2); /* the service account's and the person's */
	assert_null(strstr(heard, "passerelle"));
	assert_null(strstr(heard, "alice"));
	assert_null(strstr(heard, ALICE_PASSWORD));
}

/* An answer in clear, slipped in behind the grant of StartTLS, for a request that is yet to be made: it is no answer. */
static void injected_success_is_not_heard(void **state)
{
	struct peer peer = {.way = PEER_RELAY, .behind = &rig_slapd, .act = ACT_NONE, .injects = true};

	(void)state;
	peer_start(&peer);
	g_autofree char *more = url_of("ldap", peer.port);
	g_auto(tried_t) tried = ldap_try_once(more, "alice", "not the password");
	peer_stop(&peer);
	g_free(peer.heard);
	verdict_is(&tried, VERDICT_UNAVAILABLE);
}

/* What a sign-in costs: a connection of its own for the person (StartTLS, bind), and one kept for the searches. */
static void searches_share_a_connection(void **state)
{
	void *opened = ldap_opened(NULL);
	uint64_t costs[3], before = slapd_operations(&rig_slapd);

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(costs); i++) {
		g_auto(tried_t) tried = ldap_try(opened, "alice", ALICE_PASSWORD, 8000);
		verdict_is(&tried, VERDICT_OK);
		uint64_t after = slapd_operations(&rig_slapd);
		costs[i] = after - before;
		before = after;
	}
	provider_ldap.close(opened);
	assert_int_equal(costs[0], 5);
	assert_int_equal(costs[1], 3);
	assert_int_equal(costs[2], 3);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(environment_is_not_heard),
	cmocka_unit_test(both_ways_work),
	cmocka_unit_test(wrong_certificates_are_refused),
	cmocka_unit_test(named_ca_is_enough),
	cmocka_unit_test(old_versions_are_refused),
	cmocka_unit_test(stripped_start_tls_is_fatal),
	cmocka_unit_test(nothing_goes_in_clear),
	cmocka_unit_test(injected_success_is_not_heard),
	cmocka_unit_test(searches_share_a_connection),
};
const struct test_list ldap_tls_list = {tests, TEST_COUNT(tests)};
