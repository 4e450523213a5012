/* From a host name to a connected, non-blocking socket, within a deadline.
 *
 * libldap would do both itself, but its name look-up has no deadline, and it hands the socket back blocking, so that a peer that stops in the middle of a message
 * holds the reader for ever. getaddrinfo has no deadline either: it runs on a thread of its own, which is left behind when it takes too long. How many may be left
 * behind is bounded. */
#include "providers/ldap_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOKUPS_MAX 32

/* Shared by the asker and the thread; the last one to let go frees it. */
struct lookup {
	char *host, *service;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	unsigned holders;
	bool done;
	int code;
	struct addrinfo *addresses;
};

static pthread_mutex_t lookups_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned lookups_under_way;

void trouble_set(struct connection_trouble *trouble, const char *step, int code, const char *format, ...)
{
	va_list arguments;

	trouble->step = step;
	trouble->code = code;
	va_start(arguments, format);
	vsnprintf(trouble->text, sizeof trouble->text, format, arguments);
	va_end(arguments);
}

static bool lookup_admitted(void)
{
	pthread_mutex_lock(&lookups_lock);
	bool admitted = lookups_under_way < LOOKUPS_MAX;
	lookups_under_way += admitted;
	pthread_mutex_unlock(&lookups_lock);
	return admitted;
}

static void lookup_ended(void)
{
	pthread_mutex_lock(&lookups_lock);
	lookups_under_way--;
	pthread_mutex_unlock(&lookups_lock);
}

static struct lookup *lookup_new(const char *host, const char *service)
{
	struct lookup *lookup = g_new0(struct lookup, 1);
	pthread_condattr_t attributes;

	lookup->host = g_strdup(host);
	lookup->service = g_strdup(service);
	lookup->holders = 2;
	pthread_mutex_init(&lookup->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&lookup->answered, &attributes);
	pthread_condattr_destroy(&attributes);
	return lookup;
}

/* With the lock held; gives it back. */
static void lookup_let_go(struct lookup *lookup)
{
	bool last = --lookup->holders == 0;

	pthread_mutex_unlock(&lookup->lock);
	if (!last)
		return;
	if (lookup->addresses)
		freeaddrinfo(lookup->addresses);
	pthread_cond_destroy(&lookup->answered);
	pthread_mutex_destroy(&lookup->lock);
	g_free(lookup->host);
	g_free(lookup->service);
	g_free(lookup);
}

static int addresses_find(const char *host, const char *service, int flags, struct addrinfo **ret)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};

	return getaddrinfo(host, service, &hints, ret);
}

static void *lookup_run(void *data)
{
	struct lookup *lookup = data;
	struct addrinfo *addresses = NULL;
	int code = addresses_find(lookup->host, lookup->service, AI_ADDRCONFIG, &addresses);

	pthread_mutex_lock(&lookup->lock);
	lookup->addresses = code == 0 ? addresses : NULL;
	lookup->code = code;
	lookup->done = true;
	pthread_cond_signal(&lookup->answered);
	lookup_let_go(lookup);
	lookup_ended();
	return NULL;
}

static bool lookup_start(struct lookup *lookup)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	bool started = pthread_create(&thread, &attributes, lookup_run, lookup) == 0;
	pthread_attr_destroy(&attributes);
	return started;
}

static struct timespec timespec_of(int64_t monotonic_ms)
{
	return (struct timespec){.tv_sec = monotonic_ms / 1000, .tv_nsec = (monotonic_ms % 1000) * 1000000};
}

/* The thread's answer, or EAI_AGAIN when the deadline passed first. */
static int lookup_await(struct lookup *lookup, int64_t deadline_ms, struct addrinfo **ret)
{
	const struct timespec until = timespec_of(deadline_ms);
	int waited = 0;

	pthread_mutex_lock(&lookup->lock);
	while (!lookup->done && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&lookup->answered, &lookup->lock, &until);
	int code = lookup->done ? lookup->code : EAI_AGAIN;
	*ret = lookup->addresses;
	lookup->addresses = NULL;
	lookup_let_go(lookup);
	return code;
}

/* A literal address needs no thread. */
static int host_resolve(const char *host, const char *service, int64_t deadline_ms, struct addrinfo **ret)
{
	*ret = NULL;
	if (addresses_find(host, service, AI_NUMERICHOST, ret) == 0)
		return 0;
	*ret = NULL;
	if (!lookup_admitted())
		return EAI_AGAIN;
	struct lookup *lookup = lookup_new(host, service);
	if (!lookup_start(lookup)) {
		lookup_ended();
		pthread_mutex_lock(&lookup->lock);
		lookup->holders = 1;
		lookup_let_go(lookup);
		return EAI_AGAIN;
	}
	return lookup_await(lookup, deadline_ms, ret);
}

static bool connected_in_time(int fd, int64_t deadline_ms)
{
	struct pollfd waiting = {.fd = fd, .events = POLLOUT};
	int64_t left = deadline_ms - clock_monotonic_ms();
	int error = 0, ready;
	socklen_t size = sizeof error;

	while ((ready = poll(&waiting, 1, (int)CLAMP(left, 0, 60000))) < 0 && errno == EINTR)
		left = deadline_ms - clock_monotonic_ms();
	if (ready <= 0) {
		errno = ETIMEDOUT;
		return false;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		return false;
	errno = error;
	return error == 0;
}

static int address_connect(const struct addrinfo *address, int64_t deadline_ms)
{
	int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);

	if (fd < 0)
		return -1;
	int done = connect(fd, address->ai_addr, address->ai_addrlen);
	if (done == 0 || (errno == EINPROGRESS && connected_in_time(fd, deadline_ms)))
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Each address gets its share of the time that is left, so that a dead first one does not eat it all. */
static int addresses_try(const struct addrinfo *addresses, int64_t deadline_ms)
{
	int fd = -1, count = 0;

	for (const struct addrinfo *address = addresses; address; address = address->ai_next)
		count++;
	for (const struct addrinfo *address = addresses; address && fd < 0; address = address->ai_next, count--) {
		int64_t now = clock_monotonic_ms();
		if (now >= deadline_ms) {
			errno = ETIMEDOUT;
			return -1;
		}
		fd = address_connect(address, now + MAX((deadline_ms - now) / count, 1));
	}
	return fd;
}

int tcp_connect(const char *host, const char *service, int64_t deadline_ms, struct connection_trouble *trouble)
{
	struct addrinfo *addresses = NULL;
	int code = host_resolve(host, service, deadline_ms, &addresses);

	if (code != 0 || !addresses) {
		trouble_set(trouble, "resolve", code, "%s: %s", host, code == EAI_AGAIN ? "no answer in time" : gai_strerror(code));
		return -1;
	}
	int fd = addresses_try(addresses, deadline_ms);
	if (fd < 0)
		trouble_set(trouble, "connect", errno, "%s port %s: %s", host, service, g_strerror(errno));
	freeaddrinfo(addresses);
	return fd;
}
