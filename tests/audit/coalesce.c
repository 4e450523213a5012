/* Refusals that repeat are counted: few are written in full, none is lost, and nothing that grants or names somebody is ever counted only. */
#include "gateway/audit/coalesce.h"
#include "tests.h"
#include "base/json.h"
#include <glib/gstdio.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOW_MS INT64_C(1795000000000)
#define IN_FULL 20
#define REFILL 2
#define KINDS_CROWDED 128
#define KINDS_MAX 512

struct flood {
	struct bench *bench;
	struct coalescer *coalescer;
};

static int setup(void **state)
{
	struct flood *flood = g_new0(struct flood, 1);
	void *bench;

	bench_setup(&bench);
	flood->bench = bench;
	flood->coalescer = coalescer_new(flood->bench->store);
	*state = flood;
	return 0;
}

static int teardown(void **state)
{
	struct flood *flood = *state;
	void *bench = flood->bench;

	coalescer_free(flood->coalescer);
	bench_teardown(&bench);
	g_free(flood);
	return 0;
}

static struct audit_facts refusal(void)
{
	return (struct audit_facts) { .event = EVENT_CLIENT_AUTH, .result = AUDIT_DENIED, .reason = REASON_CLIENT_UNKNOWN, .address = "192.0.2.7",
		.user_agent = "curl/7", .ref = "aaaaaaaaaa", .time_ms = NOW_MS };
}

/* One refusal, `count` times over. */
static void knock(const struct flood *flood, const struct tenant *tenant, const struct audit_facts *facts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_true(coalescer_write(flood->coalescer, tenant, facts, facts->account != NULL));
}

static bool nothing(struct unit *unit, void *data, GError **error)
{
	(void)unit;
	(void)data;
	(void)error;
	return true;
}

/* Until all that nobody waits for is in the file: once the queue is empty, a transaction that is awaited comes after the group that emptied it. */
static void settle(const struct flood *flood)
{
	g_autoptr(GError) error = NULL;

	while (store_figures(flood->bench->store).later > 0)
		g_usleep(1000);
	if (!store_write(flood->bench->store, nothing, NULL, &error))
		fail_msg("%s", error->message);
}

static void flush(const struct flood *flood, int64_t now_ms)
{
	settle(flood);
	coalescer_flush(flood->coalescer, now_ms);
}

struct sums {
	size_t rows, counting; /* rows in full, and rows with a count */
	uint64_t counted;
	json_t *detail; /* this and below: of the last that counts */
	char *ref, *ip, *client, *reason, *event;
	int64_t time_ms;
};

static void sums_clear(struct sums *sums)
{
	json_decref(sums->detail);
	g_free(sums->ref);
	g_free(sums->ip);
	g_free(sums->client);
	g_free(sums->reason);
	g_free(sums->event);
	*sums = (struct sums) { 0 };
}
typedef struct sums sums_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(sums_t, sums_clear)

static bool sum(const struct log_row *row, void *data)
{
	struct sums *sums = data;
	int64_t count = coalesced_count(row);

	if (!count) {
		sums->rows++;
		return true;
	}
	struct sums kept = { .rows = sums->rows, .counting = sums->counting + 1, .counted = sums->counted + (uint64_t)count, .detail = json_deep_copy(row->detail),
		.ref = g_strdup(row->ref), .ip = g_strdup(row->ip), .client = g_strdup(row->client), .reason = g_strdup(row->reason), .event = g_strdup(row->event),
		.time_ms = row->time_ms };
	sums_clear(sums);
	*sums = kept;
	return true;
}

static struct sums sums_of(const struct flood *flood, const struct tenant *tenant)
{
	struct sums sums = { 0 };

	settle(flood);
	bench_list(flood->bench, tenant, sum, &sums);
	return sums;
}

static void assert_sums(const struct flood *flood, const struct tenant *tenant, size_t rows, size_t counting, uint64_t counted)
{
	g_auto(sums_t) sums = sums_of(flood, tenant);

	if (sums.rows != rows || sums.counting != counting || sums.counted != counted)
		fail_msg("%zu in full, %zu that count %" PRIu64 "; expected %zu, %zu, %" PRIu64, sums.rows, sums.counting, sums.counted, rows, counting, counted);
}

/* An administrator who tries a few times finds each try by its reference, with its checks. */
static void test_a_few_are_written_in_full(void **state)
{
	const struct flood *flood = *state;
	g_autoptr(json_t) detail = json_pack("[{s:s, s:b}]", "check", "client_id", "passed", 0);

	for (size_t i = 0; i < IN_FULL; i++) {
		struct audit_facts facts = refusal();
		g_autofree char *ref = g_strdup_printf("try%zu", i);
		facts.ref = ref;
		facts.detail = detail;
		knock(flood, flood->bench->acme, &facts, 1);
	}
	flush(flood, NOW_MS + 10000);
	assert_sums(flood, flood->bench->acme, IN_FULL, 0, 0);
	for (size_t i = 0; i < IN_FULL; i++) {
		g_autofree char *sql = g_strdup_printf("SELECT detail FROM log_row WHERE ref = 'try%zu'", i), *kept = bench_value(flood->bench, sql);
		assert_non_null(strstr(kept, "client_id"));
	}
}

static void test_the_rest_is_one_record_with_the_count(void **state)
{
	const struct flood *flood = *state;
	struct audit_facts facts = refusal();
	int64_t count = 0, verified = 0;

	facts.client = "wiki";
	facts.reason = REASON_CLIENT_SECRET_WRONG;
	knock(flood, flood->bench->acme, &facts, IN_FULL + 4311);
	facts.ref = "lastlastla";
	knock(flood, flood->bench->acme, &facts, 1);
	flush(flood, NOW_MS + 10000);
	assert_sums(flood, flood->bench->acme, IN_FULL, 1, 4312);
	g_auto(sums_t) sums = sums_of(flood, flood->bench->acme);
	const json_t *check = json_array_get(sums.detail, 0);
	assert_string_equal(json_string_at(check, "check"), "repeated");
	assert_string_equal(json_string_at(check, "seen"), "4312 more in 10 s");
	assert_true(json_integer_at(check, "count", &count));
	assert_int_equal(count, 4312);
	assert_string_equal(sums.event, "client.auth");
	assert_string_equal(sums.reason, "client_secret_wrong");
	assert_string_equal(sums.client, "wiki");
	assert_string_equal(sums.ip, "192.0.2.7");
	assert_string_equal(sums.ref, "lastlastla");
	assert_int_equal(sums.time_ms, NOW_MS + 10000);
	assert_true(bench_verify(flood->bench, flood->bench->acme, &verified, NULL));
	assert_int_equal(verified, IN_FULL + 1);
	/* Nothing new, nothing said. */
	flush(flood, NOW_MS + 20000);
	assert_sums(flood, flood->bench->acme, IN_FULL, 1, 4312);
}

/* A wall clock that was set back does not make nonsense of the text. */
static void test_a_clock_set_back(void **state)
{
	const struct flood *flood = *state;
	struct audit_facts facts = refusal();

	knock(flood, flood->bench->acme, &facts, IN_FULL + 1);
	flush(flood, NOW_MS - 3600000);
	g_auto(sums_t) sums = sums_of(flood, flood->bench->acme);
	assert_string_equal(json_string_at(json_array_get(sums.detail, 0), "seen"), "1 more in 1 s");
}

static void test_kinds_are_apart(void **state)
{
	const struct flood *flood = *state;
	struct audit_facts others[6];

	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		others[i] = refusal();
	others[1].event = EVENT_TOKEN_REFUSE;
	others[2].reason = REASON_CLIENT_METHOD_WRONG;
	others[3].client = "wiki";
	others[4].address = "192.0.2.8";
	others[5].address = "2001:db8::1";
	knock(flood, flood->bench->acme, &others[0], 10 * IN_FULL);
	for (size_t i = 1; i < G_N_ELEMENTS(others); i++)
		knock(flood, flood->bench->acme, &others[i], IN_FULL);
	knock(flood, flood->bench->globex, &others[0], IN_FULL + 1);
	/* One /64 is one stranger; the next is another. */
	others[5].address = "2001:db8::ffff:1";
	knock(flood, flood->bench->acme, &others[5], 1);
	others[5].address = "2001:db8:0:1::1";
	knock(flood, flood->bench->acme, &others[5], 1);
	flush(flood, NOW_MS + 10000);
	assert_sums(flood, flood->bench->acme, 6 * IN_FULL + 1, 2, 9 * IN_FULL + 1);
	assert_sums(flood, flood->bench->globex, IN_FULL, 1, 1);
}

/* Nobody's sign-in, grant or refusal by name is ever only counted. */
static void test_what_is_never_counted(void **state)
{
	const struct flood *flood = *state;
	struct audit_facts granted = refusal(), durable = refusal(), person = refusal(), actor = refusal();

	granted.event = EVENT_TOKEN_CLIENT;
	granted.result = AUDIT_OK;
	granted.reason = REASON_OK;
	durable.event = EVENT_LOGIN;
	person.account = "abcdefghijklmnopqrstuvwxyz";
	actor.actor = "cli:root";
	knock(flood, flood->bench->acme, &granted, 50);
	knock(flood, flood->bench->acme, &durable, 50);
	knock(flood, flood->bench->acme, &person, 50);
	knock(flood, flood->bench->acme, &actor, 50);
	flush(flood, NOW_MS + 10000);
	assert_sums(flood, flood->bench->acme, 200, 0, 0);
}

/* A flood that goes on costs 2 records and a count a window; who was quiet starts anew. */
static void test_in_full_comes_back_slowly(void **state)
{
	const struct flood *flood = *state;
	struct audit_facts facts = refusal();

	for (int64_t window = 1; window <= 3; window++) {
		knock(flood, flood->bench->acme, &facts, 100);
		flush(flood, NOW_MS + window * 10000);
	}
	assert_sums(flood, flood->bench->acme, IN_FULL + 2 * REFILL, 3, 300 - IN_FULL - 2 * REFILL);
	for (int64_t window = 4; window < 4 + IN_FULL / REFILL; window++)
		flush(flood, NOW_MS + window * 10000);
	knock(flood, flood->bench->acme, &facts, IN_FULL);
	flush(flood, NOW_MS + 200000);
	assert_sums(flood, flood->bench->acme, 2 * IN_FULL + 2 * REFILL, 3, 300 - IN_FULL - 2 * REFILL);
}

/* Whoever has a /48 has 65,536 networks: from 128 kinds on it is one. */
static void test_many_networks_of_one_owner(void **state)
{
	const struct flood *flood = *state;

	for (unsigned i = 0; i < 4000; i++) {
		struct audit_facts facts = refusal();
		char address[64];
		snprintf(address, sizeof address, "2001:db8:7:%x::1", i);
		facts.address = address;
		knock(flood, flood->bench->acme, &facts, 1);
	}
	flush(flood, NOW_MS + 10000);
	assert_sums(flood, flood->bench->acme, KINDS_CROWDED + IN_FULL, 1, 4000 - KINDS_CROWDED - IN_FULL);
	g_auto(sums_t) sums = sums_of(flood, flood->bench->acme);
	assert_string_equal(sums.ip, "2001:db8:7::/48");
}

/* With networks of many owners the table is full: the rest is one kind a tenant and event, which names no address. */
static void test_a_full_table(void **state)
{
	const struct flood *flood = *state;
	struct audit_facts facts = refusal();

	for (unsigned i = 0; i < 2000; i++) {
		char address[64];
		snprintf(address, sizeof address, "10.%u.%u.1", i / 256, i % 256);
		facts.address = address;
		facts.reason = i % 2 ? REASON_CLIENT_UNKNOWN : REASON_REQUEST_INVALID;
		knock(flood, flood->bench->acme, &facts, 1);
	}
	flush(flood, NOW_MS + 10000);
	assert_sums(flood, flood->bench->acme, KINDS_MAX + IN_FULL, 1, 2000 - KINDS_MAX - IN_FULL);
	g_auto(sums_t) sums = sums_of(flood, flood->bench->acme);
	assert_null(sums.ip);
	assert_null(sums.client);
	assert_non_null(strstr(json_string_at(json_array_get(sums.detail, 0), "seen"), "other reasons"));
	/* Those kinds were quiet: they are forgotten, and the next one has a place of its own again. */
	facts.address = "198.51.100.1";
	knock(flood, flood->bench->acme, &facts, IN_FULL + 1);
	flush(flood, NOW_MS + 20000);
	g_auto(sums_t) later = sums_of(flood, flood->bench->acme);
	assert_string_equal(later.ip, "198.51.100.1");
}

/* --- where the store does not keep up --- */

struct hold {
	struct store *store;
	sem_t held, go_on;
	pthread_t thread;
};

static bool hold_run(struct unit *unit, void *data, GError **error)
{
	struct hold *hold = data;

	(void)unit;
	(void)error;
	sem_post(&hold->held);
	sem_wait(&hold->go_on);
	return true;
}

static void *hold_wait(void *data)
{
	struct hold *hold = data;

	store_write(hold->store, hold_run, hold, NULL);
	return NULL;
}

/* Keeps the writer busy until hold_end. */
static void hold_begin(struct hold *hold, const struct flood *flood)
{
	hold->store = flood->bench->store;
	sem_init(&hold->held, 0, 0);
	sem_init(&hold->go_on, 0, 0);
	assert_int_equal(pthread_create(&hold->thread, NULL, hold_wait, hold), 0);
	sem_wait(&hold->held);
}

static void hold_end(struct hold *hold)
{
	sem_post(&hold->go_on);
	pthread_join(hold->thread, NULL);
	sem_destroy(&hold->held);
	sem_destroy(&hold->go_on);
}

static void release_nothing(void *data)
{
	(void)data;
}

/* No room for refusals: they are counted, not lost; and a granted token still finds room for its record. */
static void test_no_room_is_counted(void **state)
{
	const struct flood *flood = *state;
	struct audit_facts refused = refusal(), granted = refusal();
	struct hold hold;

	granted.event = EVENT_TOKEN_CLIENT;
	granted.result = AUDIT_OK;
	granted.reason = REASON_OK;
	hold_begin(&hold, flood);
	while (store_write_spare(flood->bench->store, nothing, NULL, release_nothing))
		;
	knock(flood, flood->bench->acme, &refused, 5);
	knock(flood, flood->bench->acme, &granted, 100);
	hold_end(&hold);
	flush(flood, NOW_MS + 10000);
	assert_sums(flood, flood->bench->acme, 100, 1, 5);
}

static void *flush_in_thread(void *data)
{
	const struct flood *flood = data;

	coalescer_flush(flood->coalescer, NOW_MS + 10000);
	return NULL;
}

/* What comes while a flush waits for the store belongs to the next one. */
static void test_counting_goes_on_during_a_flush(void **state)
{
	struct flood *flood = *state;
	struct audit_facts facts = refusal();
	struct hold hold;
	pthread_t thread;

	knock(flood, flood->bench->acme, &facts, IN_FULL + 5);
	settle(flood);
	hold_begin(&hold, flood);
	assert_int_equal(pthread_create(&thread, NULL, flush_in_thread, flood), 0);
	while (store_figures(flood->bench->store).waiting == 0)
		g_usleep(1000);
	/* 2 came back with the flush. */
	knock(flood, flood->bench->acme, &facts, REFILL + 3);
	hold_end(&hold);
	pthread_join(thread, NULL);
	assert_sums(flood, flood->bench->acme, IN_FULL + REFILL, 1, 5);
	flush(flood, NOW_MS + 20000);
	assert_sums(flood, flood->bench->acme, IN_FULL + REFILL, 2, 8);
}

/* The log's table is gone for a moment: what was counted is written when it is back. */
static void test_a_failed_flush_keeps_the_count(void **state)
{
	const struct flood *flood = *state;
	struct audit_facts facts = refusal();

	knock(flood, flood->bench->acme, &facts, IN_FULL + 7);
	settle(flood);
	bench_tamper(flood->bench, "ALTER TABLE log_row RENAME TO elsewhere");
	flush(flood, NOW_MS + 10000);
	bench_tamper(flood->bench, "ALTER TABLE elsewhere RENAME TO log_row");
	flush(flood, NOW_MS + 20000);
	assert_sums(flood, flood->bench->acme, IN_FULL, 1, 7);
	g_auto(sums_t) sums = sums_of(flood, flood->bench->acme);
	assert_string_equal(json_string_at(json_array_get(sums.detail, 0), "seen"), "7 more in 20 s");
}

static bool remove_globex(struct unit *unit, void *data, GError **error)
{
	return tenant_remove(unit, data, error);
}

/* A tenant that is gone does not keep the others' counts from the log. */
static void test_a_removed_tenant(void **state)
{
	const struct flood *flood = *state;
	struct audit_facts facts = refusal();
	g_autoptr(GError) error = NULL;

	knock(flood, flood->bench->acme, &facts, IN_FULL + 1);
	knock(flood, flood->bench->globex, &facts, IN_FULL + 1);
	settle(flood);
	assert_true(store_write(flood->bench->store, remove_globex, flood->bench->globex->id, &error));
	flush(flood, NOW_MS + 10000);
	assert_sums(flood, flood->bench->acme, IN_FULL, 1, 1);
	g_autofree char *left = bench_value(flood->bench, "SELECT count(DISTINCT tenant) FROM log_row");
	assert_string_equal(left, "1");
}

/* --- what the process log says of losses --- */

struct said {
	char *path;
	int before;
};

static void said_begin(struct said *said, const struct flood *flood)
{
	said->path = g_build_filename(flood->bench->folder, "stderr", NULL);
	said->before = dup(STDERR_FILENO);
	assert_non_null(freopen(said->path, "w", stderr));
}

/* The lines of audit.lost, and the sum of their counts. */
static void said_end(struct said *said, size_t *ret_lines, uint64_t *ret_count)
{
	g_autofree char *text = NULL;

	fflush(stderr);
	dup2(said->before, STDERR_FILENO);
	close(said->before);
	assert_true(g_file_get_contents(said->path, &text, NULL, NULL));
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	*ret_lines = 0;
	*ret_count = 0;
	for (size_t i = 0; lines[i]; i++) {
		g_autoptr(json_t) line = json_parse(lines[i], strlen(lines[i]), 65536, NULL);
		if (g_strcmp0(json_string_at(line, "event"), "audit.lost") != 0)
			continue;
		(*ret_lines)++;
		*ret_count += g_ascii_strtoull(json_string_at(line, "count"), NULL, 10);
	}
	g_free(said->path);
}

/* A granted token without its record is refused, and said: with a count, not a line for each. */
static void test_losses_are_said_with_a_count(void **state)
{
	struct flood *flood = *state;
	struct audit_facts granted = refusal();
	struct hold hold;
	struct said said;
	size_t lines;
	uint64_t count;
	int64_t began = g_get_monotonic_time();

	granted.event = EVENT_TOKEN_CLIENT;
	granted.result = AUDIT_OK;
	granted.reason = REASON_OK;
	hold_begin(&hold, flood);
	while (store_write_later(flood->bench->store, nothing, NULL, release_nothing))
		;
	said_begin(&said, flood);
	for (size_t i = 0; i < 500; i++)
		assert_false(coalescer_write(flood->coalescer, flood->bench->acme, &granted, false));
	coalescer_free(g_steal_pointer(&flood->coalescer));
	said_end(&said, &lines, &count);
	hold_end(&hold);
	assert_int_equal(count, 500);
	assert_true((int64_t)lines <= 2 + (g_get_monotonic_time() - began) / G_USEC_PER_SEC);
}

/* What could not be flushed at the very end is said. */
static void test_an_end_without_a_flush_is_said(void **state)
{
	struct flood *flood = *state;
	struct audit_facts facts = refusal();
	struct said said;
	size_t lines;
	uint64_t count;

	knock(flood, flood->bench->acme, &facts, IN_FULL + 9);
	said_begin(&said, flood);
	coalescer_free(g_steal_pointer(&flood->coalescer));
	said_end(&said, &lines, &count);
	assert_int_equal(lines, 1);
	assert_int_equal(count, 9);
}

/* --- many threads --- */

#define THREADS 4
#define EACH 3000

static void *knock_for_long(void *data)
{
	const struct flood *flood = data;

	for (unsigned i = 0; i < EACH; i++) {
		struct audit_facts facts = refusal();
		char address[32];
		snprintf(address, sizeof address, "198.51.%u.1", i % 40);
		facts.address = address;
		coalescer_write(flood->coalescer, flood->bench->acme, &facts, false);
	}
	return NULL;
}

/* Whatever the order, with flushes between: written and counted make what came. */
static void test_many_threads_lose_none(void **state)
{
	struct flood *flood = *state;
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, knock_for_long, flood), 0);
	for (int64_t i = 1; i <= 10; i++)
		coalescer_flush(flood->coalescer, NOW_MS + i * 10000);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	flush(flood, NOW_MS + 200000);
	g_auto(sums_t) sums = sums_of(flood, flood->bench->acme);
	assert_int_equal(sums.rows + sums.counted, THREADS * EACH);
	assert_true(sums.rows <= 40 * (IN_FULL + 10 * REFILL));
}

/* An ordinary record's checks are no count, whatever stands in them. */
static void test_ordinary_rows_have_no_count(void **state)
{
	g_autoptr(json_t) checks = json_pack("[{s:s, s:s}]", "check", "client_id", "seen", "repeated"), object = json_pack("{s:i}", "count", 7),
		text = json_pack("[{s:s, s:s}]", "check", "repeated", "count", "7");

	(void)state;
	assert_int_equal(coalesced_count(&(struct log_row) { 0 }), 0);
	assert_int_equal(coalesced_count(&(struct log_row) { .detail = checks }), 0);
	assert_int_equal(coalesced_count(&(struct log_row) { .detail = object }), 0);
	assert_int_equal(coalesced_count(&(struct log_row) { .detail = text }), 0);
}

#define FLOOD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
	FLOOD(test_a_few_are_written_in_full), FLOOD(test_the_rest_is_one_record_with_the_count), FLOOD(test_a_clock_set_back), FLOOD(test_kinds_are_apart),
	FLOOD(test_what_is_never_counted), FLOOD(test_in_full_comes_back_slowly), FLOOD(test_many_networks_of_one_owner), FLOOD(test_a_full_table),
	FLOOD(test_no_room_is_counted), FLOOD(test_counting_goes_on_during_a_flush), FLOOD(test_a_failed_flush_keeps_the_count), FLOOD(test_a_removed_tenant), FLOOD(test_losses_are_said_with_a_count),
	FLOOD(test_an_end_without_a_flush_is_said), FLOOD(test_many_threads_lose_none), cmocka_unit_test(test_ordinary_rows_have_no_count),
};

const struct test_group coalesce_group = { tests, sizeof tests / sizeof tests[0] };
