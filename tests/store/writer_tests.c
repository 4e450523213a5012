/* The grouping writer: one commit for many, each undone alone, deadlines that are kept, and what must never be committed. */
#include "tests.h"
#include "gateway/store/unit.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

struct place {
	char *folder, *address;
	struct root_keys *keys;
	struct store *store;
};

static void place_open(struct place *place, int64_t wait_ms)
{
	struct store_options options = { .address = place->address, .keys = place->keys, .node = "n", .create = true, .commit_wait_ms = wait_ms };
	GOOD((place->store = store_open(&options, &error)));
}

static int set_up(void **state)
{
	struct place *place = g_new0(struct place, 1);
	place->folder = folder_make();
	place->address = address_in(place->folder);
	place->keys = keys_of(1);
	place_open(place, 5000);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	write_abandon();
	store_close(place->store);
	root_keys_free(place->keys);
	folder_remove(place->folder);
	g_free(place->address);
	g_free(place);
	return 0;
}

/* One transaction: inserts a code, then goes on as told. */
struct job {
	uint32_t digest;
	enum { KEEP, FAIL, LIE } then;
	atomic_int *runs, *releases;
};

static bool job_run(struct unit *unit, void *data, GError **error)
{
	const struct job *job = data;
	static const char wrong[] = "SELECT nothing FROM nowhere";
	g_auto(code_t) code = code_of(0, GRANT_1);
	memcpy(code.digest, &job->digest, sizeof(job->digest));
	if (job->runs)
		atomic_fetch_add(job->runs, 1);
	if (!code_insert(unit, TENANT_A, &code, error) || !jti_revoke(unit, TENANT_A, "x", NOW, error))
		return false;
	switch (job->then) {
	case KEEP:
		return true;
	case FAIL:
		return fail(error, ERROR_ACCESS_DENIED, "no");
	case LIE: /* a statement failed, and the function says that all is well */
		return !unit_run(unit, NULL, NULL, wrong, NULL, 0);
	}
	return false;
}

static void job_release(void *data)
{
	struct job *job = data;
	if (job->releases)
		atomic_fetch_add(job->releases, 1);
	g_free(job);
}

static struct job *job_new(struct job job)
{
	return g_memdup2(&job, sizeof(job));
}

static enum found code_seen(struct place *place, uint32_t number)
{
	g_auto(code_t) code = { 0 };
	uint8_t digest[DIGEST_SIZE] = { 0 };
	memcpy(digest, &number, sizeof(number));
	return code_find(reader_of(place->store), TENANT_A, digest, &code, NULL);
}

static void transactions_that_wait_share_a_commit_and_fail_alone(void **state)
{
	struct place *place = *state;
	atomic_int releases = 0;
	write_begin(place->store); /* the writer is busy: what follows waits */
	assert_true(store_write_later(place->store, job_run, job_new((struct job){ .digest = 1, .releases = &releases }), job_release));
	assert_true(store_write_later(place->store, job_run, job_new((struct job){ .digest = 2, .then = FAIL, .releases = &releases }), job_release));
	assert_true(store_write_later(place->store, job_run, job_new((struct job){ .digest = 3, .then = LIE, .releases = &releases }), job_release));
	assert_true(store_write_later(place->store, job_run, job_new((struct job){ .digest = 4, .releases = &releases }), job_release));
	write_commit();
	struct job last = { .digest = 5 };
	GOOD(store_write(place->store, job_run, &last, &error));
	/* A few of those that nobody waits for go beside it, in the same commit. */
	assert_int_equal(code_seen(place, 1), FOUND);
	assert_int_equal(code_seen(place, 2), MISSING);
	assert_int_equal(code_seen(place, 3), MISSING);
	assert_int_equal(code_seen(place, 4), FOUND);
	assert_int_equal(code_seen(place, 5), FOUND);
	store_close(g_steal_pointer(&place->store));
	assert_int_equal(releases, 4);
	place_open(place, 5000);
}

/* A repeatable one, waited for by a thread of its own. */
struct again {
	struct place *place;
	struct job job;
	unsigned first, second; /* runs */
	pthread_t thread;
	bool good;
};

static bool again_run(struct unit *unit, void *data, GError **error)
{
	struct again *again = data;
	*(unit_runs_again(unit) ? &again->second : &again->first) += 1;
	return job_run(unit, &again->job, error);
}

static void *again_wait(void *data)
{
	struct again *again = data;
	again->good = store_write_repeatable(again->place->store, again_run, again, NULL);
	return NULL;
}

static void of_those_that_share_a_savepoint_one_fails_alone(void **state)
{
	struct place *place = *state;
	struct again all[4] = { { .job = { .digest = 1 } }, { .job = { .digest = 2, .then = FAIL } }, { .job = { .digest = 3 } }, { .job = { .digest = 4, .then = LIE } } };
	write_begin(place->store);
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		all[i].place = place;
		assert_int_equal(pthread_create(&all[i].thread, NULL, again_wait, &all[i]), 0);
	}
	while (store_figures(place->store).waiting < G_N_ELEMENTS(all))
		g_usleep(1000);
	write_commit();
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		pthread_join(all[i].thread, NULL);
		assert_int_equal(all[i].good, all[i].job.then == KEEP);
		assert_int_equal(code_seen(place, all[i].job.digest), all[i].job.then == KEEP ? FOUND : MISSING);
		assert_true(all[i].first <= 1 && all[i].second == 1);
	}
}

static void figures_count_commits_transactions_and_failures(void **state)
{
	struct place *place = *state;
	struct store_figures before = store_figures(place->store);
	write_begin(place->store);
	for (uint32_t i = 1; i <= 20; i++)
		assert_true(store_write_later(place->store, job_run, job_new((struct job){ .digest = i, .then = i == 7 ? FAIL : KEEP }), job_release));
	write_commit();
	struct job last = { .digest = 21 };
	GOOD(store_write(place->store, job_run, &last, &error));
	struct store_figures after = store_figures(place->store);
	assert_true(after.transactions - before.transactions >= 20);
	assert_int_equal(after.failures - before.failures, 1);
	/* 22 transactions; the held one is a commit of its own, the rest went together (or the last one just missed them). */
	assert_in_range(after.commits - before.commits, 2, 3);
}

static void a_liars_transaction_is_not_kept(void **state)
{
	struct place *place = *state;
	struct job lie = { .digest = 1, .then = LIE }, no = { .digest = 2, .then = FAIL };
	uint64_t counter = store_counter(place->store);
	REFUSED(ERROR_INTERNAL, store_write(place->store, job_run, &lie, &error));
	REFUSED(ERROR_ACCESS_DENIED, store_write(place->store, job_run, &no, &error));
	assert_false(store_write(place->store, job_run, &no, NULL));
	assert_int_equal(code_seen(place, 1), MISSING);
	assert_int_equal(code_seen(place, 2), MISSING);
	assert_int_equal(store_counter(place->store), counter);
}

static void past_its_deadline_a_transaction_never_runs(void **state)
{
	struct place *place = *state;
	store_close(g_steal_pointer(&place->store));
	place_open(place, 40);
	atomic_int runs = 0;
	struct job job = { .digest = 1, .runs = &runs }, next = { .digest = 2 };
	write_begin(place->store);
	REFUSED(ERROR_UNAVAILABLE, store_write(place->store, job_run, &job, &error));
	write_commit();
	GOOD(store_write(place->store, job_run, &next, &error));
	assert_int_equal(runs, 0);
	assert_int_equal(code_seen(place, 1), MISSING);
	assert_int_equal(code_seen(place, 2), FOUND);
}

/* Another process writes: the deadline holds all the same, and the next one goes through. */
static void a_lock_held_elsewhere_does_not_stretch_the_deadline(void **state)
{
	struct place *place = *state;
	store_close(g_steal_pointer(&place->store));
	place_open(place, 150);
	g_autofree char *path = path_in(place->folder, "store.db");
	sqlite3 *other;
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	atomic_int runs = 0;
	struct job job = { .digest = 1, .runs = &runs }, next = { .digest = 2 };
	int64_t before = g_get_monotonic_time();
	REFUSED(ERROR_UNAVAILABLE, store_write(place->store, job_run, &job, &error));
	assert_true(g_get_monotonic_time() - before < 2 * G_USEC_PER_SEC);
	/* Reading goes on. */
	assert_int_equal(code_seen(place, 1), MISSING);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	store_close(g_steal_pointer(&place->store));
	place_open(place, 5000);
	GOOD(store_write(place->store, job_run, &next, &error));
	assert_int_equal(runs, 0);
}

static void a_reader_cannot_write(void **state)
{
	struct place *place = *state;
	g_auto(code_t) code = code_of(1, GRANT_1);
	g_autoptr(GError) error = NULL;
	assert_false(code_insert(reader_of(place->store), TENANT_A, &code, &error));
	assert_non_null(error);
	assert_int_equal(code_seen(place, 1), MISSING);
}

/* The best of five: the machine may be busy. */
static void what_is_written_later_is_written_within_a_second(void **state)
{
	struct place *place = *state;
	int64_t best = INT64_MAX;
	for (uint32_t digest = 1; digest <= 5 && best > G_USEC_PER_SEC; digest++) {
		int64_t from = g_get_monotonic_time();
		assert_true(store_write_later(place->store, job_run, job_new((struct job){ .digest = digest }), job_release));
		while (code_seen(place, digest) != FOUND)
			g_usleep(5000);
		best = MIN(best, g_get_monotonic_time() - from);
	}
	assert_true(best <= G_USEC_PER_SEC);
}

static void a_full_queue_says_no_and_closing_runs_what_waits(void **state)
{
	struct place *place = *state;
	atomic_int releases = 0, runs = 0;
	write_begin(place->store);
	uint32_t taken = 0;
	while (store_write_later(place->store, job_run, job_new((struct job){ .digest = taken, .runs = &runs, .releases = &releases }), job_release))
		taken++;
	assert_in_range(taken, 1000, 100000);
	assert_int_equal(releases, 1); /* the one that was refused */
	write_commit();
	store_close(g_steal_pointer(&place->store));
	assert_int_equal(runs, taken);
	assert_int_equal(releases, taken + 1);
	place_open(place, 5000);
	assert_int_equal(code_seen(place, taken - 1), FOUND);
}

/* Who runs when: the order in which transactions write their number. */
struct line {
	GArray *numbers;
};
struct turn {
	struct line *line;
	uint32_t number;
	bool good;
	struct place *place;
	pthread_t thread;
};

static bool turn_run(struct unit *unit, void *data, GError **error)
{
	struct turn *turn = data;
	struct job job = { .digest = turn->number };
	g_array_append_val(turn->line->numbers, turn->number);
	return job_run(unit, &job, error);
}

static void *turn_wait(void *data)
{
	struct turn *turn = data;
	turn->good = store_write(turn->place->store, turn_run, turn, NULL);
	return NULL;
}

static bool turn_later(struct line *line, struct place *place, uint32_t number)
{
	return store_write_spare(place->store, turn_run, g_memdup2(&(struct turn){ .line = line, .number = number }, sizeof(struct turn)), g_free);
}

static void await_waiting(struct place *place, uint64_t waiting)
{
	while (store_figures(place->store).waiting < waiting)
		g_usleep(1000);
}

/* Strangers filled the queue before the sign-in came: it does not stand behind them, and takes only a few of them along. */
static void what_is_awaited_goes_before_what_waited_longer(void **state)
{
	struct place *place = *state;
	struct line line = { .numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t)) };
	struct turn awaited = { .line = &line, .number = 1000000, .place = place };
	uint32_t flood = 0;
	write_begin(place->store);
	while (turn_later(&line, place, flood))
		flood++;
	assert_true(flood > 1000);
	assert_int_equal(store_figures(place->store).later, flood);
	assert_int_equal(pthread_create(&awaited.thread, NULL, turn_wait, &awaited), 0);
	await_waiting(place, 1);
	write_commit();
	pthread_join(awaited.thread, NULL);
	assert_true(awaited.good);
	store_close(g_steal_pointer(&place->store));
	assert_int_equal(line.numbers->len, flood + 1);
	assert_int_equal(g_array_index(line.numbers, uint32_t, 0), 1000000);
	/* Among themselves they keep their order. */
	for (uint32_t i = 0; i < flood; i++)
		assert_int_equal(g_array_index(line.numbers, uint32_t, i + 1), i);
	g_array_free(line.numbers, TRUE);
	place_open(place, 5000);
}

#define WAITERS 200

/* The other way round: those that are awaited never end, and some of the others get through with every group. */
static void what_nobody_waits_for_is_not_starved(void **state)
{
	struct place *place = *state;
	struct line line = { .numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t)) };
	g_autofree struct turn *waiters = g_new0(struct turn, WAITERS);
	write_begin(place->store);
	for (uint32_t i = 0; i < 40; i++)
		assert_true(turn_later(&line, place, i));
	for (uint32_t i = 0; i < WAITERS; i++) {
		waiters[i] = (struct turn){ .line = &line, .number = 1000 + i, .place = place };
		assert_int_equal(pthread_create(&waiters[i].thread, NULL, turn_wait, &waiters[i]), 0);
	}
	await_waiting(place, WAITERS);
	write_commit();
	for (size_t i = 0; i < WAITERS; i++) {
		pthread_join(waiters[i].thread, NULL);
		assert_true(waiters[i].good);
	}
	/* 200 do not fit into one group: two have run, and took 40 of the others along. */
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(code_seen(place, i), FOUND);
	store_close(g_steal_pointer(&place->store));
	g_array_free(line.numbers, TRUE);
	place_open(place, 5000);
}

/* What strangers cause fills half the queue; the other half is left to what was granted. */
static void what_can_be_spared_leaves_room_for_the_rest(void **state)
{
	struct place *place = *state;
	struct line line = { .numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t)) };
	atomic_int releases = 0;
	uint32_t spared = 0, needed = 0;
	write_begin(place->store);
	while (turn_later(&line, place, spared))
		spared++;
	while (store_write_later(place->store, job_run, job_new((struct job){ .digest = 1000000 + needed, .releases = &releases }), job_release))
		needed++;
	assert_int_equal(spared, needed);
	assert_false(turn_later(&line, place, spared));
	write_commit();
	store_close(g_steal_pointer(&place->store));
	/* Closing drains both kinds. */
	assert_int_equal(line.numbers->len, spared);
	assert_int_equal(releases, needed + 1);
	g_array_free(line.numbers, TRUE);
	place_open(place, 5000);
	assert_int_equal(code_seen(place, 1000000 + needed - 1), FOUND);
}

/* A withdrawn one leaves its own queue; the others behind and before it are untouched. */
static void withdrawing_leaves_the_others_in_place(void **state)
{
	struct place *place = *state;
	store_close(g_steal_pointer(&place->store));
	place_open(place, 40);
	struct line line = { .numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t)) };
	struct turn gone = { .line = &line, .number = 2 };
	write_begin(place->store);
	assert_true(turn_later(&line, place, 1));
	REFUSED(ERROR_UNAVAILABLE, store_write(place->store, turn_run, &gone, &error));
	assert_true(turn_later(&line, place, 3));
	write_commit();
	store_close(g_steal_pointer(&place->store));
	assert_int_equal(line.numbers->len, 2);
	assert_int_equal(g_array_index(line.numbers, uint32_t, 0), 1);
	assert_int_equal(g_array_index(line.numbers, uint32_t, 1), 3);
	g_array_free(line.numbers, TRUE);
	place_open(place, 5000);
}

#define PLACE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
static const struct CMUnitTest tests[] = {
	PLACE_TEST(transactions_that_wait_share_a_commit_and_fail_alone),
	PLACE_TEST(of_those_that_share_a_savepoint_one_fails_alone),
	PLACE_TEST(figures_count_commits_transactions_and_failures),
	PLACE_TEST(a_liars_transaction_is_not_kept),
	PLACE_TEST(past_its_deadline_a_transaction_never_runs),
	PLACE_TEST(a_lock_held_elsewhere_does_not_stretch_the_deadline),
	PLACE_TEST(a_reader_cannot_write),
	PLACE_TEST(what_is_written_later_is_written_within_a_second),
	PLACE_TEST(a_full_queue_says_no_and_closing_runs_what_waits),
	PLACE_TEST(what_is_awaited_goes_before_what_waited_longer),
	PLACE_TEST(what_nobody_waits_for_is_not_starved),
	PLACE_TEST(what_can_be_spared_leaves_room_for_the_rest),
	PLACE_TEST(withdrawing_leaves_the_others_in_place),
};
TEST_GROUP(writer_tests, tests);
