/* The quiet thread. It wakes every few seconds; a purge slice is one short transaction, so that nobody waits behind it, and so that a long purge does not
 * keep the counted refusals from the log. */
#include "gateway/housekeeping.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/audit/coalesce.h"
#include "gateway/provider_watch.h"

#include <pthread.h>
#include <time.h>

#define WAKE_MS 5000
#define PURGE_EVERY_MS 60000
#define SLICE_ROWS 500
#define SLICE_PAUSE_MS 50
#define CLOCK_STEP_MS 60000

struct housekeeping {
	const struct gateway *gateway;
	struct provider_watch *watch; /* its thread only */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	int64_t next_flush_ms, next_purge_ms, clock_apart_ms; /* its thread only; apart: the time of day from the clock that nobody sets */
};

/* True when it is time to stop. */
static bool wait_or_stop(struct housekeeping *housekeeping, int64_t wait_ms)
{
	int64_t until_ms = clock_monotonic_ms() + wait_ms;
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
	pthread_mutex_lock(&housekeeping->lock);
	while (!housekeeping->stopping && pthread_cond_timedwait(&housekeeping->wake, &housekeeping->lock, &until) == 0)
		;
	bool stopping = housekeeping->stopping;
	pthread_mutex_unlock(&housekeeping->lock);
	return stopping;
}

static bool purge_in_unit(struct unit *unit, void *data, GError **error)
{
	return store_purge(unit, clock_now_ms(), SLICE_ROWS, data, error);
}

static void flush_counted(struct housekeeping *housekeeping)
{
	int64_t now_ms = clock_monotonic_ms();
	if (now_ms < housekeeping->next_flush_ms)
		return;
	housekeeping->next_flush_ms = now_ms + COALESCE_WINDOW_MS;
	coalescer_flush(housekeeping->gateway->coalescer, clock_now_ms());
}

static void purge(struct housekeeping *housekeeping)
{
	bool more = true;
	while (more && !wait_or_stop(housekeeping, SLICE_PAUSE_MS)) {
		g_autoptr(GError) error = NULL;
		more = false;
		flush_counted(housekeeping);
		if (!store_write(housekeeping->gateway->store, purge_in_unit, &more, &error))
			log_line(LOG_LEVEL_WARNING, "store.purge", "error", error ? error->message : NULL, NULL);
	}
}

/* Whatever lives by the time of day ends early or late when it is set: whoever looks for the reason of a thousand sign-outs finds it here. */
static void clock_watch(struct housekeeping *housekeeping)
{
	int64_t apart_ms = clock_now_ms() - clock_monotonic_ms(), step_ms = apart_ms - housekeeping->clock_apart_ms;
	housekeeping->clock_apart_ms = apart_ms;
	if (ABS(step_ms) < CLOCK_STEP_MS)
		return;
	g_autofree char *seconds = g_strdup_printf("%" G_GINT64_FORMAT, step_ms / 1000);
	log_line(LOG_LEVEL_WARNING, "clock.step", "detail", "the machine's clock was set, or the machine slept", "seconds", seconds, NULL);
}

static void *keep_house(void *data)
{
	struct housekeeping *housekeeping = data;
	housekeeping->clock_apart_ms = clock_now_ms() - clock_monotonic_ms();
	while (!wait_or_stop(housekeeping, WAKE_MS)) {
		int64_t now_ms = clock_monotonic_ms();
		clock_watch(housekeeping);
		password_hasher_trim(housekeeping->gateway->hasher, now_ms);
		flush_counted(housekeeping);
		if (now_ms >= housekeeping->next_purge_ms) {
			purge(housekeeping);
			housekeeping->next_purge_ms = now_ms + PURGE_EVERY_MS;
		}
		provider_watch_step(housekeeping->watch);
	}
	return NULL;
}

struct housekeeping *housekeeping_start(const struct gateway *gateway)
{
	struct housekeeping *housekeeping = g_new0(struct housekeeping, 1);
	pthread_condattr_t monotonic;
	housekeeping->gateway = gateway;
	housekeeping->watch = provider_watch_new(gateway);
	pthread_mutex_init(&housekeeping->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&housekeeping->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&housekeeping->thread, NULL, keep_house, housekeeping) == 0)
		return housekeeping;
	provider_watch_free(housekeeping->watch);
	g_free(housekeeping);
	return NULL;
}

void housekeeping_stop(struct housekeeping *housekeeping)
{
	if (!housekeeping)
		return;
	pthread_mutex_lock(&housekeeping->lock);
	housekeeping->stopping = true;
	pthread_cond_signal(&housekeeping->wake);
	pthread_mutex_unlock(&housekeeping->lock);
	pthread_join(housekeeping->thread, NULL);
	provider_watch_free(housekeeping->watch);
	pthread_cond_destroy(&housekeeping->wake);
	pthread_mutex_destroy(&housekeeping->lock);
	g_free(housekeeping);
}
