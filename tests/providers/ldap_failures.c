/* When the directory is not there, stalls or talks nonsense: "unavailable", in time, without burning a processor, and well again afterwards. Never "wrong
 * password", never success. */
#include "ldap_tests.h"

#include "base/clock.h"
#include "providers/drivers.h"

#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <string.h>

#define ALICE_PASSWORD "caf\xc3\xa9 tractor moon 7"
/* A sign-in that waits for seconds may not compute for more than this, sanitizers included. */
#define CPU_MS_MAX 400
#define SLACK_MS 2000 /* how late a thread may be woken on a busy machine */

static struct slapd mortal = {.with_people = true};

static int failures_open(void **state)
{
	(void)state;
	slapd_start(&mortal);
	return 0;
}

static int failures_close(void **state)
{
	(void)state;
	slapd_stop(&mortal);
	return 0;
}

static char *plain_at(int port, const char *more)
{
	return g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"],\"start_tls\":false%s", port, more);
}

static void unavailable_in_time(const char *story, const struct tried *tried, int64_t within_ms)
{
	if (tried->answer.verdict != VERDICT_UNAVAILABLE || tried->took_ms > within_ms + SLACK_MS || tried->cpu_ms > CPU_MS_MAX)
		fail_msg("%s: %s after %d ms, %d ms of CPU", story, verdict_name(tried->answer.verdict), (int)tried->took_ms, (int)tried->cpu_ms);
}

/* On a busy machine a directory that was woken a moment ago may need more than one try; it is never for long, and never anything but "unavailable" before. */
static void recovers(void *opened)
{
	int64_t give_up = clock_monotonic_ms() + 15000;
	enum verdict verdict;

	do {
		g_auto(tried_t) tried = ldap_try(opened, "alice", ALICE_PASSWORD, 8000);
		verdict = tried.answer.verdict;
	} while (verdict == VERDICT_UNAVAILABLE && clock_monotonic_ms() < give_up);
	assert_int_equal(verdict, VERDICT_OK);
}

/* One peer for each way to be no directory, in clear, behind StartTLS and as ldaps. */
static void impostors_are_unavailable(void **state)
{
	static const struct {
		const char *story, *url;
		bool start_tls;
		enum peer_way way;
	} rows[] = {
		{"silent", "ldap", false, PEER_SILENT},
		{"silent to StartTLS", "ldap", true, PEER_SILENT},
		{"stall inside the handshake, ldaps", "ldaps", false, PEER_SILENT},
		{"stall inside the handshake, StartTLS", "ldap", true, PEER_SILENT_IN_TLS},
		{"a handshake that drips", "ldaps", false, PEER_DRIPS},
		{"garbage", "ldap", false, PEER_GARBAGE},
		{"garbage to StartTLS", "ldap", true, PEER_GARBAGE},
		{"garbage as a handshake", "ldaps", false, PEER_GARBAGE},
		{"half a message", "ldap", false, PEER_HALF_MESSAGE},
		{"two gigabytes announced", "ldap", false, PEER_HUGE_MESSAGE},
		{"closes", "ldap", false, PEER_CLOSES},
		{"closes, ldaps", "ldaps", false, PEER_CLOSES},
		{"somebody else's success", "ldap", false, PEER_FOREIGN_ANSWER},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct peer peer = {.way = rows[i].way};
		peer_start(&peer);
		g_autofree char *more = g_strdup_printf("\"url\":[\"%s://127.0.0.1:%d\"],\"start_tls\":%s,\"connect_timeout\":1,\"timeout\":1", rows[i].url, peer.port,
		                                        rows[i].start_tls ? "true" : "false");
		void *opened = ldap_opened(more);
		g_auto(tried_t) tried = ldap_try(opened, "alice", ALICE_PASSWORD, 1500);
		provider_ldap.close(opened);
		peer_stop(&peer);
		g_autofree char *heard = peer.heard;
		unavailable_in_time(rows[i].story, &tried, 1500);
		if (strstr(heard, ALICE_PASSWORD))
			fail_msg("%s: the person's password was sent", rows[i].story);
	}
}

/* The deadline holds whatever the time-outs say. */
static void deadline_is_the_last_word(void **state)
{
	struct peer peer = {.way = PEER_SILENT};

	(void)state;
	peer_start(&peer);
	g_autofree char *more = g_strdup_printf("\"url\":[\"ldaps://127.0.0.1:%d\"],\"connect_timeout\":60,\"timeout\":60", peer.port);
	void *opened = ldap_opened(more);
	g_auto(tried_t) tried = ldap_try(opened, "alice", ALICE_PASSWORD, 400), past = ldap_try(opened, "alice", ALICE_PASSWORD, -1);
	provider_ldap.close(opened);
	peer_stop(&peer);
	g_free(peer.heard);
	unavailable_in_time("0.4 s", &tried, 400);
	unavailable_in_time("in the past", &past, 0);
}

/* Requests of one sign-in in clear: 1 the service account's bind, 2 the search, 3 the person's bind, 4 the search for groups. */
static void each_step_may_be_the_last(void **state)
{
	static const enum peer_act acts[] = {ACT_CLOSE, ACT_FREEZE, ACT_GARBAGE, ACT_KILL_SLAPD, ACT_STOP_SLAPD};

	(void)state;
	for (size_t a = 0; a < TEST_COUNT(acts); a++)
		for (int step = 1; step <= 4; step++) {
			struct peer peer = {.way = PEER_RELAY, .behind = &mortal, .act_at = step, .act = acts[a]};
			peer_start(&peer);
			g_autofree char *more = plain_at(peer.port, ",\"connect_timeout\":1,\"timeout\":1,\"groups\":{\"base_dn\":\"" RIG_GROUPS "\",\"nested\":false}");
			g_autofree char *story = g_strdup_printf("act %d at request %d", (int)acts[a], step);
			void *opened = ldap_opened(more);
			g_auto(tried_t) tried = ldap_try(opened, "alice", ALICE_PASSWORD, 900);
			bool survives = acts[a] == ACT_CLOSE || acts[a] == ACT_GARBAGE || acts[a] == ACT_FREEZE;
			if (acts[a] == ACT_KILL_SLAPD) {
				slapd_kill(&mortal);
				slapd_restart(&mortal);
			}
			kill(mortal.pid, SIGCONT);
			/* The fourth comes on a kept connection, for which one new one may stand in. */
			if (!(survives && step == 4 && tried.answer.verdict == VERDICT_OK))
				unavailable_in_time(story, &tried, 900);
			recovers(opened);
			provider_ldap.close(opened);
			peer_stop(&peer);
			g_free(peer.heard);
		}
}

/* The kept connection died with its slapd: the next sign-in makes a new one and nobody notices. */
static void pool_heals_after_a_restart(void **state)
{
	(void)state;
	g_autofree char *more = plain_at(mortal.port, "");
	void *opened = ldap_opened(more);
	g_auto(tried_t) before = ldap_try(opened, "alice", ALICE_PASSWORD, 8000);
	slapd_kill(&mortal);
	g_auto(tried_t) dead = ldap_try(opened, "alice", ALICE_PASSWORD, 8000);
	slapd_restart(&mortal);
	g_auto(tried_t) after = ldap_try(opened, "alice", ALICE_PASSWORD, 8000), refreshed = ldap_refreshed(opened, "11111111-2222-4333-8444-555555555555");
	provider_ldap.close(opened);
	verdict_is(&before, VERDICT_OK);
	unavailable_in_time("killed", &dead, 1000);
	verdict_is(&after, VERDICT_OK);
	verdict_is(&refreshed, VERDICT_OK);
}

/* Frozen, the kernel still takes connections for it. */
static void frozen_is_unavailable(void **state)
{
	(void)state;
	g_autofree char *more = plain_at(mortal.port, ",\"connect_timeout\":1,\"timeout\":1");
	void *opened = ldap_opened(more);
	g_auto(tried_t) before = ldap_try(opened, "alice", ALICE_PASSWORD, 8000);
	slapd_freeze(&mortal);
	g_auto(tried_t) frozen = ldap_try(opened, "alice", ALICE_PASSWORD, 3000), refreshed = ldap_refreshed(opened, "11111111-2222-4333-8444-555555555555");
	kill(mortal.pid, SIGCONT);
	recovers(opened);
	provider_ldap.close(opened);
	verdict_is(&before, VERDICT_OK);
	unavailable_in_time("frozen", &frozen, 3000);
	verdict_is(&refreshed, VERDICT_UNAVAILABLE);
}

static void wait_until(int64_t monotonic_ms)
{
	while (clock_monotonic_ms() < monotonic_ms)
		g_usleep(20000);
}

/* Three failures, then nobody knocks for retry_after; then one trial closes the breaker. */
static void breaker_opens_and_closes(void **state)
{
	struct peer peer = {.way = PEER_CLOSES};

	(void)state;
	peer_start(&peer);
	g_autofree char *more = plain_at(peer.port, ",\"retry_after\":1");
	void *opened = ldap_opened(more);
	for (int i = 0; i < 10; i++) {
		g_auto(tried_t) tried = ldap_try(opened, "alice", ALICE_PASSWORD, 2000);
		unavailable_in_time("broken", &tried, 500);
		if (i >= 3)
			assert_non_null(strstr(failed_check(&tried, "directory"), "failed lately"));
	}
	int64_t opened_ms = clock_monotonic_ms();
	peer_stop(&peer);
	g_free(peer.heard);
	assert_int_equal(peer.connections, 3);
	struct peer healed = {.way = PEER_RELAY, .behind = &mortal, .port = peer.port};
	peer_start(&healed);
	wait_until(opened_ms + 1100);
	g_auto(tried_t) trial = ldap_try(opened, "alice", ALICE_PASSWORD, 8000), after = ldap_try(opened, "alice", ALICE_PASSWORD, 8000);
	provider_ldap.close(opened);
	peer_stop(&healed);
	g_free(healed.heard);
	verdict_is(&trial, VERDICT_OK);
	verdict_is(&after, VERDICT_OK);
}

/* The first of the list is dead, then silent: the second answers, and after three failures at once. */
static void second_server_answers(void **state)
{
	struct peer silent = {.way = PEER_SILENT};

	(void)state;
	peer_start(&silent);
	g_autofree char *more = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\",\"ldap://127.0.0.1:%d\",\"ldap://127.0.0.1:%d\"],\"connect_timeout\":1,\"retry_after\":60",
	                                        rig_free_port(), silent.port, rig_slapd.port);
	void *opened = ldap_opened(more);
	g_auto(tried_t) first = ldap_try(opened, "alice", ALICE_PASSWORD, 8000), wrong = ldap_try(opened, "alice", "not the password", 8000);
	g_auto(tried_t) third = ldap_try(opened, "alice", ALICE_PASSWORD, 8000), fourth = ldap_try(opened, "alice", ALICE_PASSWORD, 8000);
	provider_ldap.close(opened);
	peer_stop(&silent);
	g_free(silent.heard);
	verdict_is(&first, VERDICT_OK);
	verdict_is(&wrong, VERDICT_MISMATCH);
	verdict_is(&third, VERDICT_OK);
	verdict_is(&fourth, VERDICT_OK);
	assert_int_equal(silent.connections, 3);
}

/* What says more of the service account or the settings than of the person. */
static void misconfigured_is_unavailable(void **state)
{
	static const struct {
		const char *more, *check, *seen;
	} rows[] = {
		{"\"bind_password\":\"wrong\"", "directory", "service bind: 49"},
		{"\"bind_dn\":\"cn=nobody," RIG_BASE "\"", "directory", "service bind: 49"},
		{"\"base_dn\":\"ou=nowhere," RIG_BASE "\"", "search", "32 "},
		{"\"groups\":{\"base_dn\":\"ou=nowhere," RIG_BASE "\"}", "groups", "32 "},
		{"\"url\":[\"ldap://no-such-host.invalid\"]", "directory", "resolve"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(tried_t) tried = ldap_try_once(rows[i].more, "alice", ALICE_PASSWORD);
		verdict_is(&tried, VERDICT_UNAVAILABLE);
		const char *seen = failed_check(&tried, rows[i].check);
		if (!seen || !strstr(seen, rows[i].seen))
			fail_msg("%s: %s", rows[i].more, seen ? seen : "no failed check");
		assert_null(strstr(seen, RIG_SERVICE_PASSWORD));
	}
}

struct crowd {
	void *opened;
	enum verdict verdict;
	enum reason reason;
	int64_t within_ms;
	const char *username;
};

static void *crowd_member(void *data)
{
	struct crowd *member = data;
	g_auto(tried_t) tried = ldap_try(member->opened, member->username, strcmp(member->username, "alice") == 0 ? ALICE_PASSWORD : "password of everybody 1",
	                                 member->within_ms);
	member->verdict = tried.answer.verdict;
	member->reason = tried.answer.reason;
	return NULL;
}

/* More people than slots, at a directory that answers: all get in, none as somebody else. */
static void crowd_shares_the_slots(void **state)
{
	static const char *const names[] = {"alice", "person22", "person23", "person24"};
	struct crowd members[16];
	pthread_t threads[16];
	void *opened = ldap_opened("\"connections\":2");

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(members); i++) {
		members[i] = (struct crowd){.opened = opened, .within_ms = 20000, .username = names[i % TEST_COUNT(names)]};
		pthread_create(&threads[i], NULL, crowd_member, &members[i]);
	}
	for (size_t i = 0; i < TEST_COUNT(members); i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(members[i].verdict, VERDICT_OK);
	}
	provider_ldap.close(opened);
}

/* The only slot is held by somebody who waits for a silent directory: the next is told "busy" at the deadline. */
static void no_slot_is_busy(void **state)
{
	struct peer silent = {.way = PEER_SILENT};
	pthread_t thread;

	(void)state;
	peer_start(&silent);
	g_autofree char *more = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"],\"connections\":1,\"connect_timeout\":60", silent.port);
	void *opened = ldap_opened(more);
	struct crowd holder = {.opened = opened, .within_ms = 1500, .username = "alice"};
	pthread_create(&thread, NULL, crowd_member, &holder);
	/* Once the holder is connected he has the slot, and keeps it for over a second. */
	while (silent.connections == 0)
		sched_yield();
	g_auto(tried_t) tried = ldap_try(opened, "alice", ALICE_PASSWORD, 100);
	assert_int_equal(tried.answer.verdict, VERDICT_UNAVAILABLE);
	assert_int_equal(tried.answer.reason, REASON_BUSY);
	pthread_join(thread, NULL);
	assert_int_equal(holder.verdict, VERDICT_UNAVAILABLE);
	provider_ldap.close(opened);
	peer_stop(&silent);
	g_free(silent.heard);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(impostors_are_unavailable, failures_open),
	cmocka_unit_test(deadline_is_the_last_word),
	cmocka_unit_test(each_step_may_be_the_last),
	cmocka_unit_test(pool_heals_after_a_restart),
	cmocka_unit_test(frozen_is_unavailable),
	cmocka_unit_test(breaker_opens_and_closes),
	cmocka_unit_test(second_server_answers),
	cmocka_unit_test(misconfigured_is_unavailable),
	cmocka_unit_test(crowd_shares_the_slots),
	cmocka_unit_test_teardown(no_slot_is_busy, failures_close),
};
const struct test_list ldap_failure_list = {tests, TEST_COUNT(tests)};
