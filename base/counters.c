/* The blocks of all threads, in a list that only grows: a thread that ends leaves its block, values and all, to the next one that begins. */
#include "base/counters.h"

#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

_Thread_local struct counter_block *counter_block_mine;

static _Atomic(struct counter_block *) blocks;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void block_leave(void *data)
{
	struct counter_block *block = data;
	counter_block_mine = NULL;
	atomic_store_explicit(&block->owned, 0, memory_order_release);
}

static void key_make(void)
{
	if (pthread_key_create(&key, block_leave) != 0)
		g_error("no key for counters");
}

static struct counter_block *block_left(void)
{
	for (struct counter_block *block = atomic_load(&blocks); block; block = block->next) {
		int free_one = 0;
		if (atomic_compare_exchange_strong(&block->owned, &free_one, 1))
			return block;
	}
	return NULL;
}

static struct counter_block *block_new(void)
{
	struct counter_block *block = aligned_alloc(_Alignof(struct counter_block), sizeof *block);
	g_assert(block);
	memset(block, 0, sizeof *block);
	atomic_init(&block->owned, 1);
	block->next = atomic_load(&blocks);
	while (!atomic_compare_exchange_weak(&blocks, &block->next, block))
		continue;
	return block;
}

struct counter_block *counter_block_take(void)
{
	pthread_once(&once, key_make);
	struct counter_block *block = block_left();
	counter_block_mine = block ? block : block_new();
	pthread_setspecific(key, counter_block_mine);
	return counter_block_mine;
}

uint64_t counter_read(enum counter counter)
{
	uint64_t sum = 0;
	for (struct counter_block *block = atomic_load(&blocks); block; block = block->next)
		sum += atomic_load_explicit(&block->values[counter], memory_order_relaxed);
	return sum;
}
