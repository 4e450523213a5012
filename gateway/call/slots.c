/* A counting semaphore with a short queue: half as many may wait as may work, and a second at most. */
#include "gateway/call/slots.h"
#include "base/clock.h"

#include <glib.h>
#include <pthread.h>

#define WAIT_MS 1000

struct slots {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	unsigned free, waiting, waiting_max;
};

struct slots *slots_new(unsigned count)
{
	struct slots *slots = g_new0(struct slots, 1);
	pthread_condattr_t monotonic;
	slots->free = MAX(count, 1);
	slots->waiting_max = (slots->free + 1) / 2;
	pthread_mutex_init(&slots->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&slots->freed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return slots;
}

void slots_free(struct slots *slots)
{
	if (!slots)
		return;
	pthread_cond_destroy(&slots->freed);
	pthread_mutex_destroy(&slots->lock);
	g_free(slots);
}

/* Under the lock. */
static bool wait_for_one(struct slots *slots, int64_t until_ms)
{
	const struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = (until_ms % 1000) * 1000000 };
	int late = 0;
	if (slots->waiting >= slots->waiting_max)
		return false;
	slots->waiting++;
	while (slots->free == 0 && late == 0)
		late = pthread_cond_timedwait(&slots->freed, &slots->lock, &until);
	slots->waiting--;
	return slots->free > 0;
}

bool slots_take(struct slots *slots, int64_t deadline_ms)
{
	pthread_mutex_lock(&slots->lock);
	bool taken = slots->free > 0 || wait_for_one(slots, MIN(deadline_ms, clock_monotonic_ms() + WAIT_MS));
	if (taken)
		slots->free--;
	pthread_mutex_unlock(&slots->lock);
	return taken;
}

void slots_give_back(struct slots *slots)
{
	pthread_mutex_lock(&slots->lock);
	slots->free++;
	pthread_cond_signal(&slots->freed);
	pthread_mutex_unlock(&slots->lock);
}
