/* Slots: bounded, waited for in order and not for ever, and their memory kept and given back. Threads are waited for by condition. */
#include "base/clock.h"
#include "crypto/password_internal.h"
#include "crypto_tests.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct password_cost cheap = { .memory_kib = 64, .iterations = 1, .parallelism = 1 };

struct bench {
	struct root_keys *keys;
	struct password_hasher *hasher;
	struct slot_pool *slots;
	struct secret *password;
	char *stored;
};

static int bench_make(void **state)
{
	struct bench *bench = g_new0(struct bench, 1);
	bench->keys = root_keys_of("k1", 7);
	bench->hasher = password_hasher_of_any_cost(bench->keys, cheap, 1);
	bench->slots = password_hasher_slots(bench->hasher);
	bench->password = secret_of("correct horse");
	bench->stored = password_hash(bench->hasher, bench->password, 0, NULL);
	*state = bench;
	return bench->stored ? 0 : -1;
}

static int bench_free(void **state)
{
	struct bench *bench = *state;
	password_hasher_free(bench->hasher);
	root_keys_free(bench->keys);
	secret_free(bench->password);
	g_free(bench->stored);
	g_free(bench);
	return 0;
}

static int64_t far_away(void)
{
	return clock_monotonic_ms() + 60000;
}

static void busy_at_the_deadline_costs_nothing(void **state)
{
	const struct bench *bench = *state;
	struct slot *held = slot_take(bench->slots, 0);
	uint64_t before = password_hasher_count(bench->hasher);
	int64_t start = clock_monotonic_ms();
	char *replacement = NULL;
	GError *error = NULL;
	assert_int_equal(password_verify(bench->hasher, bench->stored, bench->password, start + 30, &replacement), PASSWORD_BUSY);
	assert_true(clock_monotonic_ms() >= start + 30);
	assert_int_equal(password_verify(bench->hasher, NULL, bench->password, start - 1000, NULL), PASSWORD_BUSY);
	assert_int_equal(password_verify(bench->hasher, "!", bench->password, -5, NULL), PASSWORD_BUSY);
	assert_null(password_hash(bench->hasher, bench->password, start, &error));
	assert_fails_with(error, ERROR_UNAVAILABLE);
	assert_null(replacement);
	assert_int_equal(password_hasher_count(bench->hasher), before);
	assert_int_equal(slot_pool_waiting(bench->slots), 0);
	slot_give_back(bench->slots, held);
	assert_int_equal(password_verify(bench->hasher, bench->stored, bench->password, far_away(), NULL), PASSWORD_MATCH);
}

struct waiter_thread {
	struct slot_pool *slots;
	int64_t deadline_ms;
	int number;
	int *order, *place; /* guarded by the slot itself: there is one */
	pthread_t thread;
	bool got;
};

static void *wait_in_line(void *data)
{
	struct waiter_thread *self = data;
	struct slot *slot = slot_take(self->slots, self->deadline_ms);
	self->got = slot != NULL;
	if (slot) {
		self->order[(*self->place)++] = self->number;
		slot_give_back(self->slots, slot);
	}
	return NULL;
}

static void wait_until_waiting(struct slot_pool *slots, unsigned count)
{
	while (slot_pool_waiting(slots) != count)
		sched_yield();
}

#define LINE 6

static void served_in_order_of_arrival(void **state)
{
	const struct bench *bench = *state;
	int order[LINE], place = 0;
	struct waiter_thread threads[LINE];
	struct slot *held = slot_take(bench->slots, 0);
	for (int i = 0; i < LINE; i++) {
		threads[i] = (struct waiter_thread){ .slots = bench->slots, .deadline_ms = far_away(), .number = i, .order = order, .place = &place };
		assert_int_equal(pthread_create(&threads[i].thread, NULL, wait_in_line, &threads[i]), 0);
		wait_until_waiting(bench->slots, (unsigned)i + 1);
	}
	slot_give_back(bench->slots, held);
	for (int i = 0; i < LINE; i++)
		pthread_join(threads[i].thread, NULL);
	assert_int_equal(place, LINE);
	for (int i = 0; i < LINE; i++)
		assert_int_equal(order[i], i);
}

/* Who gives up in the middle of the line breaks it for nobody. */
static void giving_up_leaves_the_line_whole(void **state)
{
	const struct bench *bench = *state;
	int order[LINE], place = 0;
	struct waiter_thread threads[LINE];
	struct slot *held = slot_take(bench->slots, 0);
	int64_t patient = far_away();
	for (int i = 0; i < LINE; i++) {
		bool impatient = i == 0 || i == 2 || i == LINE - 1;
		int64_t deadline = impatient ? clock_monotonic_ms() + 100 : patient;
		threads[i] = (struct waiter_thread){ .slots = bench->slots, .deadline_ms = deadline, .number = i, .order = order, .place = &place };
		assert_int_equal(pthread_create(&threads[i].thread, NULL, wait_in_line, &threads[i]), 0);
	}
	for (int i = 0; i < LINE; i++)
		if (threads[i].deadline_ms < patient)
			pthread_join(threads[i].thread, NULL);
	wait_until_waiting(bench->slots, LINE - 3);
	slot_give_back(bench->slots, held);
	for (int i = 0; i < LINE; i++)
		if (threads[i].deadline_ms == patient)
			pthread_join(threads[i].thread, NULL);
	assert_int_equal(place, LINE - 3);
	assert_true(threads[1].got && threads[3].got && threads[4].got);
	assert_false(threads[0].got || threads[2].got || threads[5].got);
	/* The line is usable after it has been empty. */
	held = slot_take(bench->slots, 0);
	assert_non_null(held);
	assert_null(slot_take(bench->slots, 0));
	slot_give_back(bench->slots, held);
}

struct login {
	const struct bench *bench;
	enum password_verdict verdict;
};

static void *log_in(void *data)
{
	struct login *login = data;
	login->verdict = password_verify(login->bench->hasher, login->bench->stored, login->bench->password, far_away(), NULL);
	return NULL;
}

static void many_threads_on_one_slot(void **state)
{
	const struct bench *bench = *state;
	pthread_t threads[16];
	struct login logins[16];
	uint64_t before = password_hasher_count(bench->hasher);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
		logins[i].bench = bench;
		assert_int_equal(pthread_create(&threads[i], NULL, log_in, &logins[i]), 0);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(logins[i].verdict, PASSWORD_MATCH);
	}
	assert_int_equal(password_hasher_count(bench->hasher) - before, G_N_ELEMENTS(threads));
	assert_int_equal(slot_pool_mapped(bench->slots), 1);
}

static void memory_is_given_back_after_a_quiet_minute(void **state)
{
	const struct bench *bench = *state;
	assert_int_equal(slot_pool_mapped(bench->slots), 1);
	password_hasher_trim(bench->hasher, 1000);
	password_hasher_trim(bench->hasher, 60999);
	assert_int_equal(slot_pool_mapped(bench->slots), 1);
	/* A use in between starts the minute anew. */
	assert_int_equal(password_verify(bench->hasher, bench->stored, bench->password, far_away(), NULL), PASSWORD_MATCH);
	password_hasher_trim(bench->hasher, 61000);
	password_hasher_trim(bench->hasher, 120999);
	assert_int_equal(slot_pool_mapped(bench->slots), 1);
	password_hasher_trim(bench->hasher, 121000);
	assert_int_equal(slot_pool_mapped(bench->slots), 0);
	assert_int_equal(password_verify(bench->hasher, bench->stored, bench->password, far_away(), NULL), PASSWORD_MATCH);
	assert_int_equal(slot_pool_mapped(bench->slots), 1);
}

static void held_slot_is_never_trimmed(void **state)
{
	const struct bench *bench = *state;
	struct slot *held = slot_take(bench->slots, 0);
	uint8_t *block = slot_block(held, 64 * 1024);
	password_hasher_trim(bench->hasher, 0);
	password_hasher_trim(bench->hasher, 1000000);
	block[0] = 1;
	block[64 * 1024 - 1] = 1;
	slot_block_done(held, block, 64 * 1024);
	slot_give_back(bench->slots, held);
}

/* What is larger than today's block is mapped for one hash and gone after it; what is smaller lives in the block. */
static void block_is_kept_and_larger_ones_are_not(void **state)
{
	const struct bench *bench = *state;
	struct slot *held = slot_take(bench->slots, 0);
	uint8_t *kept = slot_block(held, 64 * 1024);
	assert_ptr_equal(slot_block(held, 8 * 1024), kept);
	uint8_t *larger = slot_block(held, 1024 * 1024);
	assert_ptr_not_equal(larger, kept);
	slot_block_done(held, larger, 1024 * 1024);
	assert_int_equal(msync(larger, 1024 * 1024, MS_ASYNC), -1);
	assert_int_equal(errno, ENOMEM);
	assert_ptr_equal(slot_block(held, 64 * 1024), kept);
	slot_give_back(bench->slots, held);
	assert_int_equal(slot_pool_mapped(bench->slots), 1);
}

/* A block must not keep what a password was worked into. */
static void block_is_wiped_after_each_hash(void **state)
{
	const struct bench *bench = *state;
	struct slot *held = slot_take(bench->slots, 0);
	const uint8_t *block = slot_block(held, 64 * 1024);
	for (size_t i = 0; i < 64 * 1024; i++)
		assert_int_equal(block[i], 0);
	slot_give_back(bench->slots, held);
}

/* 2^60 bytes cannot be had: the answer is "busy", never a match and never an abort. */
static void no_memory_is_not_a_verdict(void **state)
{
	(void)state;
	struct slot_pool *pool = slot_pool_new(1, 1024);
	struct slot *slot = slot_take(pool, 0);
	assert_null(slot_block(slot, (size_t)1 << 60));
	slot_give_back(pool, slot);
	slot_pool_free(pool);
}

static void as_many_slots_as_cores(void **state)
{
	(void)state;
	cpu_set_t set;
	assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
	int cores = CPU_COUNT(&set);
	struct slot_pool *pool = slot_pool_new(0, 1024);
	g_autofree struct slot **taken = g_new0(struct slot *, cores);
	for (int i = 0; i < cores; i++) {
		taken[i] = slot_take(pool, 0);
		assert_non_null(taken[i]);
	}
	assert_null(slot_take(pool, 0));
	for (int i = 0; i < cores; i++)
		slot_give_back(pool, taken[i]);
	slot_pool_free(pool);
}

struct place_of_work {
	pid_t thread;
	int niceness;
};

static void note_place(void *data)
{
	*(struct place_of_work *)data = (struct place_of_work){ gettid(), getpriority(PRIO_PROCESS, 0) };
}

/* What is answered from memory must not wait behind a flood of hashes, and the caller's thread stays what it was. */
static void hashes_have_a_thread_of_low_priority(void **state)
{
	const struct bench *bench = *state;
	struct place_of_work first, second, here;
	struct slot *slot = slot_take(bench->slots, 0);
	note_place(&here);
	slot_run(slot, note_place, &first);
	slot_run(slot, note_place, &second);
	slot_give_back(bench->slots, slot);
	assert_int_not_equal(first.thread, here.thread);
	assert_int_equal(first.thread, second.thread);
	assert_true(first.niceness >= 10);
	note_place(&second);
	assert_int_equal(second.niceness, here.niceness);
}

static void few_are_on_their_way_to_a_hash(void **state)
{
	const struct bench *bench = *state;
	unsigned inside = 0;
	while (inside < 100 && password_hasher_enter(bench->hasher))
		inside++;
	assert_int_equal(inside, 4); /* one slot: one hashes, three wait */
	assert_false(password_hasher_enter(bench->hasher));
	password_hasher_leave(bench->hasher);
	assert_true(password_hasher_enter(bench->hasher));
	assert_false(password_hasher_enter(bench->hasher));
	while (inside--)
		password_hasher_leave(bench->hasher);
	/* Nobody inside is needed for a hash: setting a password goes its own way. */
	assert_int_equal(password_verify(bench->hasher, bench->stored, bench->password, far_away(), NULL), PASSWORD_MATCH);
}

#define with_bench(test) cmocka_unit_test_setup_teardown(test, bench_make, bench_free)
static const struct CMUnitTest tests[] = {
	with_bench(busy_at_the_deadline_costs_nothing),
	with_bench(served_in_order_of_arrival),
	with_bench(giving_up_leaves_the_line_whole),
	with_bench(many_threads_on_one_slot),
	with_bench(memory_is_given_back_after_a_quiet_minute),
	with_bench(held_slot_is_never_trimmed),
	with_bench(block_is_kept_and_larger_ones_are_not),
	with_bench(block_is_wiped_after_each_hash),
	with_bench(hashes_have_a_thread_of_low_priority),
	with_bench(few_are_on_their_way_to_a_hash),
	cmocka_unit_test(no_memory_is_not_a_verdict),
	cmocka_unit_test(as_many_slots_as_cores),
};
TEST_GROUP(password_slot_group, tests);
