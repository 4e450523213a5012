/* The handshake's deadline.
 *
 * libldap's TLS handshake waits as long as its peer goes on sending, a byte at a time, for hours: its time-out starts anew with each. It cannot be interrupted, but
 * its socket can be shut under it. One thread, asleep nearly always, does that to the handshakes that are over their deadline; the others strike themselves off. */
#include "providers/ldap_internal.h"

#include "base/clock.h"

#include <sys/socket.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static struct handshake_watch *watches;
static bool watching;
static int64_t wakes_ms; /* when the thread looks next: who is due later need not wake it */

/* Shuts what is late; the next deadline, INT64_MAX where there is none. Under the lock, as is striking off: a descriptor that has been closed, and may be somebody
 * else's by now, is never in the list. */
static int64_t late_shut(int64_t now_ms)
{
	int64_t next_ms = INT64_MAX;

	for (struct handshake_watch *watch = watches; watch; watch = watch->next) {
		if (watch->deadline_ms <= now_ms && !watch->shut) {
			shutdown(watch->fd, SHUT_RDWR);
			watch->shut = true;
		}
		if (!watch->shut)
			next_ms = MIN(next_ms, watch->deadline_ms);
	}
	return next_ms;
}

static void *watch_run(void *data)
{
	pthread_mutex_lock(&lock);
	for (;;) {
		int64_t next_ms = late_shut(clock_monotonic_ms());
		wakes_ms = next_ms;
		const struct timespec until = {.tv_sec = next_ms / 1000, .tv_nsec = (next_ms % 1000) * 1000000};
		if (next_ms == INT64_MAX)
			pthread_cond_wait(&changed, &lock);
		else
			pthread_cond_timedwait(&changed, &lock, &until);
	}
	return data;
}

static void watch_start(void)
{
	pthread_condattr_t clock_attributes;
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_condattr_init(&clock_attributes);
	pthread_condattr_setclock(&clock_attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &clock_attributes);
	pthread_condattr_destroy(&clock_attributes);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	watching = pthread_create(&thread, &attributes, watch_run, NULL) == 0;
	pthread_attr_destroy(&attributes);
}

bool handshake_watch(struct handshake_watch *watch, int fd, int64_t deadline_ms)
{
	pthread_once(&once, watch_start);
	*watch = (struct handshake_watch){.fd = fd, .deadline_ms = deadline_ms};
	if (!watching || fd < 0)
		return false;
	pthread_mutex_lock(&lock);
	watch->next = watches;
	watches = watch;
	if (deadline_ms < wakes_ms)
		pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
	return true;
}

bool handshake_watch_end(struct handshake_watch *watch)
{
	pthread_mutex_lock(&lock);
	for (struct handshake_watch **at = &watches; *at; at = &(*at)->next)
		if (*at == watch) {
			*at = watch->next;
			break;
		}
	pthread_mutex_unlock(&lock);
	return !watch->shut;
}
