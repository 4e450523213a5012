/* Hash slots: as many as may hash at once, each with a block of memory that it keeps.
 *
 * Mapping 19 MiB anew for every hash costs a page fault for each of its 4,864 pages, so a slot maps its block once. Waiters stand in a queue and
 * a slot is handed to the first of them: under a flood nobody is overtaken for ever. The most recently used slot is handed out first, so that
 * in quiet times the others stay unused and can be trimmed. All fields are guarded by the pool's mutex; a block belongs to who holds the slot.
 */
#include "crypto/broken.h"
#include "crypto/password_internal.h"
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#define QUIET_MS 60000
#define IDLE_UNKNOWN INT64_MIN

struct slot {
	struct slot *next; /* in the stack of free ones */
	uint8_t *block;
	size_t block_bytes;
	struct runner runner;
	int64_t idle_since_ms; /* IDLE_UNKNOWN until the first trim after a use: this floor has no clock of its own */
};

struct waiter {
	struct waiter *next;
	pthread_cond_t handed;
	struct slot *slot;
};

struct slot_pool {
	pthread_mutex_t mutex;
	struct slot *slots;
	unsigned count;
	size_t block_bytes;
	struct slot *free_slots;
	struct waiter *first, **last;
};

static unsigned cores(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	return MAX(1, (unsigned)CPU_COUNT(&set));
}

struct slot_pool *slot_pool_new(unsigned slots, size_t block_bytes)
{
	struct slot_pool *pool = g_new0(struct slot_pool, 1);
	pthread_mutex_init(&pool->mutex, NULL);
	pool->last = &pool->first;
	pool->count = slots ? slots : cores();
	pool->block_bytes = block_bytes;
	pool->slots = g_new0(struct slot, pool->count);
	for (unsigned i = 0; i < pool->count; i++) {
		pool->slots[i].block_bytes = block_bytes;
		runner_init(&pool->slots[i].runner);
		pool->slots[i].next = pool->free_slots;
		pool->free_slots = &pool->slots[i];
	}
	return pool;
}

static void block_unmap(struct slot *slot)
{
	if (slot->block)
		munmap(slot->block, slot->block_bytes);
	slot->block = NULL;
}

void slot_pool_free(struct slot_pool *pool)
{
	for (unsigned i = 0; i < pool->count; i++) {
		runner_stop(&pool->slots[i].runner);
		block_unmap(&pool->slots[i]);
	}
	pthread_mutex_destroy(&pool->mutex);
	g_free(pool->slots);
	g_free(pool);
}

static struct slot *free_slot_pop(struct slot_pool *pool)
{
	struct slot *slot = pool->free_slots;
	if (slot)
		pool->free_slots = slot->next;
	return slot;
}

static void waiter_leave(struct slot_pool *pool, const struct waiter *waiter)
{
	struct waiter **place = &pool->first;
	while (*place != waiter)
		place = &(*place)->next;
	*place = waiter->next;
	if (!*place)
		pool->last = place;
}

/* Called and returns with the mutex held. */
static struct slot *slot_await(struct slot_pool *pool, int64_t deadline_ms)
{
	struct waiter waiter = { 0 };
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&waiter.handed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*pool->last = &waiter;
	pool->last = &waiter.next;

	int64_t until = MAX(deadline_ms, 0);
	const struct timespec deadline = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
	int outcome = 0;
	while (!waiter.slot && outcome == 0)
		outcome = pthread_cond_timedwait(&waiter.handed, &pool->mutex, &deadline);
	if (!waiter.slot)
		waiter_leave(pool, &waiter);
	pthread_cond_destroy(&waiter.handed);
	return waiter.slot;
}

struct slot *slot_take(struct slot_pool *pool, int64_t deadline_ms)
{
	pthread_mutex_lock(&pool->mutex);
	struct slot *slot = free_slot_pop(pool);
	if (!slot)
		slot = slot_await(pool, deadline_ms);
	size_t block_bytes = pool->block_bytes;
	pthread_mutex_unlock(&pool->mutex);
	if (slot && slot->block_bytes != block_bytes) {
		block_unmap(slot);
		slot->block_bytes = block_bytes;
	}
	return slot;
}

void slot_pool_resize(struct slot_pool *pool, size_t block_bytes)
{
	pthread_mutex_lock(&pool->mutex);
	pool->block_bytes = block_bytes;
	pthread_mutex_unlock(&pool->mutex);
}

void slot_give_back(struct slot_pool *pool, struct slot *slot)
{
	pthread_mutex_lock(&pool->mutex);
	slot->idle_since_ms = IDLE_UNKNOWN;
	struct waiter *waiter = pool->first;
	if (waiter) {
		waiter_leave(pool, waiter);
		waiter->slot = slot;
		pthread_cond_signal(&waiter->handed);
	} else {
		slot->next = pool->free_slots;
		pool->free_slots = slot;
	}
	pthread_mutex_unlock(&pool->mutex);
}

void slot_run(struct slot *slot, void (*work)(void *data), void *data)
{
	runner_run(&slot->runner, work, data);
}

static uint8_t *block_map(size_t bytes)
{
	void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (block == MAP_FAILED)
		return NULL;
	madvise(block, bytes, MADV_DONTDUMP);
	return block;
}

uint8_t *slot_block(struct slot *slot, size_t bytes)
{
	if (bytes > slot->block_bytes)
		return block_map(bytes);
	if (!slot->block)
		slot->block = block_map(slot->block_bytes);
	return slot->block;
}

void slot_block_done(struct slot *slot, uint8_t *block, size_t bytes)
{
	if (block != slot->block)
		munmap(block, bytes);
}

void slot_pool_trim(struct slot_pool *pool, int64_t monotonic_ms)
{
	pthread_mutex_lock(&pool->mutex);
	for (struct slot *slot = pool->free_slots; slot; slot = slot->next) {
		if (slot->idle_since_ms == IDLE_UNKNOWN)
			slot->idle_since_ms = monotonic_ms;
		else if (monotonic_ms - slot->idle_since_ms >= QUIET_MS)
			block_unmap(slot);
	}
	pthread_mutex_unlock(&pool->mutex);
}

unsigned slot_pool_mapped(struct slot_pool *pool)
{
	unsigned mapped = 0;
	pthread_mutex_lock(&pool->mutex);
	for (struct slot *slot = pool->free_slots; slot; slot = slot->next)
		mapped += slot->block != NULL;
	pthread_mutex_unlock(&pool->mutex);
	return mapped;
}

unsigned slot_pool_waiting(struct slot_pool *pool)
{
	unsigned waiting = 0;
	pthread_mutex_lock(&pool->mutex);
	for (const struct waiter *waiter = pool->first; waiter; waiter = waiter->next)
		waiting++;
	pthread_mutex_unlock(&pool->mutex);
	return waiting;
}

unsigned slot_pool_count(const struct slot_pool *pool)
{
	return pool->count;
}
