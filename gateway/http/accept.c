/* Accepting, and the loops that serve. One thread of ours accepts on all sockets and hands each connection to the least laden of a few loops; a loop
 * is a libmicrohttpd daemon with one epoll thread and no listen socket. Three faults of 0.9.75 make us do it ourselves:
 *
 * - Its epoll loop takes 128 events at a time and, when it gets exactly 128, waits again before it serves them: with 128 connections ready at once it
 *   freezes. No loop here ever has more than LOOP_CONNECTIONS.
 * - MHD_quiesce_daemon on a thread pool removes the listen socket from the threads' epoll sets while they may be doing the same, and aborts the
 *   process when it comes second. Here a drain just ends the accepting thread.
 * - It forgets limits across daemons; here they are counted once, before anything is allocated for a connection.
 */
#include "gateway/http/internal.h"
#include "base/log.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOP_CONNECTIONS 120
#define LOOP_ROOM 124      /* what libmicrohttpd is told: above ours, so that it never refuses what we gave it, and below 128 */
#define EXHAUSTED_WAIT_MS 50

struct loop {
	struct http_server *server;
	struct MHD_Daemon *daemon;
	_Atomic unsigned connections;
};

/* Loops of a kind. */
struct loops {
	struct loop *each;
	size_t count, preferred; /* preferred: of these, the first, as many as cores */
};

struct acceptor {
	struct http_server *server;
	struct loops plain, tls; /* empty where no socket is of that kind */
	pthread_t thread;
	bool running;
	_Atomic bool stopping;
	int wake;
};

size_t acceptor_loops(const struct http_options *options)
{
	return (options->connections + LOOP_CONNECTIONS - 1) / LOOP_CONNECTIONS;
}

static void notify(void *data, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct loop *loop = data;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*socket_context = peer_open(loop->server, connection);
	else {
		peer_close(*socket_context);
		atomic_fetch_sub(&loop->connections, 1);
	}
}

/* The guard works on the URI as sent; decoding it in place would only cost. */
static size_t unescape_nothing(void *data, struct MHD_Connection *connection, char *text)
{
	(void)data;
	(void)connection;
	return strlen(text);
}

/* TLS loops poll: the epoll loop of 0.9.75 forgets, while a handshake waits for the client, that it has read all there was, and spins. Measured: forty
 * clients that stop in the middle of their hello cost three quarters of a core until their deadline. */
static bool loop_start(struct loop *loop, struct http_server *server, bool tls, GError **error)
{
	unsigned kind = tls ? MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_TLS : MHD_USE_EPOLL_INTERNAL_THREAD;
	struct MHD_OptionItem secured[] = { { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)certificates_priorities },
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, certificates_chooser() }, { MHD_OPTION_END, 0, NULL } };
	loop->server = server;
	signals_block();
	loop->daemon = MHD_start_daemon(kind | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC, 0, NULL, NULL,
		exchange_step, server,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)LOOP_ROOM,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, server->options.header_bytes + POOL_BEYOND_HEAD,
		MHD_OPTION_CONNECTION_TIMEOUT, 0U, /* it is one of inactivity; the reaper's deadlines are absolute */
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, notify, loop,
		MHD_OPTION_URI_LOG_CALLBACK, exchange_open, server,
		MHD_OPTION_NOTIFY_COMPLETED, exchange_close, server,
		MHD_OPTION_ARRAY, tls ? secured : &secured[G_N_ELEMENTS(secured) - 1],
		MHD_OPTION_END);
	signals_restore();
	return loop->daemon || fail(error, ERROR_INTERNAL, "libmicrohttpd did not start: %s", g_strerror(errno));
}

static bool listener_speaks_tls(const struct http_server *server, const struct listener *listener)
{
	return server->certificates && !listener->local;
}

static struct loop *least_laden_of(struct loop *loops, size_t count)
{
	struct loop *best = &loops[0];
	for (size_t i = 1; i < count; i++)
		if (atomic_load(&loops[i].connections) < atomic_load(&best->connections))
			best = &loops[i];
	return best;
}

/* As few loops as there are cores while they have room: one that serves many connections wakes up less often for each. */
static struct loop *least_laden(const struct loops *loops)
{
	struct loop *best = least_laden_of(loops->each, loops->preferred);
	if (atomic_load(&best->connections) < LOOP_CONNECTIONS)
		return best;
	return least_laden_of(loops->each, loops->count);
}

static size_t cores(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)MAX(1, CPU_COUNT(&set)) : 1;
}

static void hand_over(struct acceptor *acceptor, const struct loops *loops, int fd, const struct sockaddr *address, socklen_t length)
{
	struct peers *peers = acceptor->server->peers;
	if (!peers_admit(peers, address)) {
		close(fd);
		return;
	}
	struct loop *loop = least_laden(loops);
	atomic_fetch_add(&loop->connections, 1);
	if (MHD_add_connection(loop->daemon, fd, address, length) == MHD_YES)
		return;
	atomic_fetch_sub(&loop->connections, 1); /* libmicrohttpd has closed it */
	peers_release(peers, address);
}

/* False when the system has no descriptor or memory left: then all wait a little, instead of spinning on a socket that stays readable. */
static bool accept_one(struct acceptor *acceptor, const struct listener *listener)
{
	union { struct sockaddr any; struct sockaddr_storage room; } address;
	socklen_t length = sizeof address;
	int fd = accept4(listener->fd, &address.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		hand_over(acceptor, listener_speaks_tls(acceptor->server, listener) ? &acceptor->tls : &acceptor->plain, fd, &address.any, length);
		return true;
	}
	bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
	if (exhausted)
		log_line(LOG_LEVEL_WARNING, "http.accept", "detail", g_strerror(errno), NULL);
	return !exhausted;
}

static void drain_wake(int wake)
{
	uint64_t count;
	while (read(wake, &count, sizeof count) < 0 && errno == EINTR)
		continue;
}

static void *acceptor_run(void *data)
{
	struct acceptor *acceptor = data;
	struct http_server *server = acceptor->server;
	size_t count = server->listener_count;
	g_autofree struct pollfd *ready = g_new0(struct pollfd, count + 1);
	ready[0] = (struct pollfd){ .fd = acceptor->wake, .events = POLLIN };
	for (size_t i = 0; i < count; i++)
		ready[i + 1] = (struct pollfd){ .fd = server->listeners[i].fd, .events = POLLIN };
	bool exhausted = false;
	while (!atomic_load(&acceptor->stopping)) {
		/* At the limit the surplus waits in the kernel; the next one to leave wakes us. */
		bool resting = exhausted || !peers_has_room(server->peers);
		if (poll(ready, resting ? 1 : count + 1, exhausted ? EXHAUSTED_WAIT_MS : -1) < 0)
			continue;
		exhausted = false;
		if (ready[0].revents)
			drain_wake(acceptor->wake);
		for (size_t i = 1; !resting && !exhausted && i <= count; i++)
			if (ready[i].revents && peers_has_room(server->peers))
				exhausted = !accept_one(acceptor, &server->listeners[i - 1]);
	}
	return NULL;
}

/* Once for each kind. */
static bool loops_start(struct loops *loops, struct http_server *server, bool tls, GError **error)
{
	if (loops->each)
		return true;
	loops->count = acceptor_loops(&server->options);
	loops->preferred = MIN(loops->count, cores());
	loops->each = g_new0(struct loop, loops->count);
	for (size_t i = 0; i < loops->count; i++)
		if (!loop_start(&loops->each[i], server, tls, error))
			return false;
	return true;
}

static void loops_stop(struct loops *loops)
{
	for (size_t i = 0; i < loops->count; i++)
		if (loops->each[i].daemon)
			MHD_stop_daemon(loops->each[i].daemon);
	g_free(loops->each);
}

struct acceptor *acceptor_new(struct http_server *server, GError **error)
{
	struct acceptor *acceptor = g_new0(struct acceptor, 1);
	acceptor->server = server;
	acceptor->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	bool started = acceptor->wake >= 0 || fail(error, ERROR_INTERNAL, "eventfd: %s", g_strerror(errno));
	for (size_t i = 0; started && i < server->listener_count; i++) {
		bool tls = listener_speaks_tls(server, &server->listeners[i]);
		started = loops_start(tls ? &acceptor->tls : &acceptor->plain, server, tls, error);
	}
	if (started)
		return acceptor;
	acceptor_free(acceptor);
	return NULL;
}

unsigned acceptor_room(const struct acceptor *acceptor)
{
	return (unsigned)acceptor_loops(&acceptor->server->options) * LOOP_CONNECTIONS; /* of either kind: who is counted in may come by each */
}

bool acceptor_start(struct acceptor *acceptor, GError **error)
{
	acceptor->running = thread_start(&acceptor->thread, "http-accept", acceptor_run, acceptor);
	return acceptor->running || fail(error, ERROR_INTERNAL, "no thread to accept on");
}

void acceptor_wake(struct acceptor *acceptor)
{
	uint64_t one = 1;
	while (write(acceptor->wake, &one, sizeof one) < 0 && errno == EINTR)
		continue;
}

void acceptor_stop(struct acceptor *acceptor)
{
	if (!acceptor || !acceptor->running)
		return;
	atomic_store(&acceptor->stopping, true);
	acceptor_wake(acceptor);
	pthread_join(acceptor->thread, NULL);
	acceptor->running = false;
}

void acceptor_free(struct acceptor *acceptor)
{
	if (!acceptor)
		return;
	acceptor_stop(acceptor);
	loops_stop(&acceptor->plain);
	loops_stop(&acceptor->tls);
	if (acceptor->wake >= 0)
		close(acceptor->wake);
	g_free(acceptor);
}
