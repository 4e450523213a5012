/* Counters for what happens hundreds of thousands of times a second. Every thread keeps its own, so that counting costs an addition in memory that is
 * nobody else's; who wants to know adds them up. They count since the start and never go back. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

enum counter {
	COUNTER_CACHE_HIT,   /* gateway/store/cache.c: found in memory */
	COUNTER_CACHE_LOAD,  /* asked of the store */
	COUNTER_TOKEN_KNOWN, /* gateway/oauth/known_tokens.c: seen before, and nothing has changed */
	COUNTER_TOKEN_ASKED, /* not seen before, or something has changed: the store was asked */
	COUNTERS
};

struct counter_block {
	_Atomic uint64_t values[COUNTERS];
	struct counter_block *next;
	_Atomic int owned;
} __attribute__((aligned(64)));

extern _Thread_local struct counter_block *counter_block_mine;
/* Gives the calling thread a block: a new one, or one that a thread which ended has left, with what it counted. */
struct counter_block *counter_block_take(void);

static inline void counter_add(enum counter counter)
{
	struct counter_block *block = counter_block_mine ? counter_block_mine : counter_block_take();
	/* One writer: no locked instruction is needed. */
	atomic_store_explicit(&block->values[counter], atomic_load_explicit(&block->values[counter], memory_order_relaxed) + 1, memory_order_relaxed);
}

/* The sum over all threads. */
uint64_t counter_read(enum counter counter);
