/* Counters: nothing is lost between threads that count at one time, nor when they end. */
#include "base/counters.h"
#include "subjects.h"

#include <pthread.h>

#define THREADS 8
#define ROUNDS 50000

static void *count_on(void *data)
{
	(void)data;
	for (int i = 0; i < ROUNDS; i++)
		counter_add(COUNTER_CACHE_HIT);
	return NULL;
}

static void crowd(void)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_on, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void nothing_is_lost(void **state)
{
	uint64_t before = counter_read(COUNTER_CACHE_HIT), others = counter_read(COUNTER_CACHE_LOAD);
	(void)state;
	for (int round = 0; round < 3; round++)
		crowd();
	assert_int_equal(counter_read(COUNTER_CACHE_HIT) - before, 3 * THREADS * ROUNDS);
	assert_int_equal(counter_read(COUNTER_CACHE_LOAD), others);
}

static void *take(void *data)
{
	*(struct counter_block **)data = counter_block_take();
	return NULL;
}

/* Threads come and go for as long as a server runs; their blocks must not pile up. */
static void a_block_is_used_again(void **state)
{
	struct counter_block *taken[2] = { NULL, NULL };
	(void)state;
	for (int i = 0; i < 2; i++) {
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, take, &taken[i]), 0);
		pthread_join(thread, NULL);
	}
	assert_non_null(taken[0]);
	assert_ptr_equal(taken[0], taken[1]);
}

const struct CMUnitTest counters_tests[] = { cmocka_unit_test(nothing_is_lost), cmocka_unit_test(a_block_is_used_again), TESTS_END };
