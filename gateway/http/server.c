/* Start, figures and stop.
 *
 *   running ─→ draining: nothing new is accepted, every answer says Connection: close
 *           ─→ closed (nothing under way, or after within_ms): no worker takes anything more, sockets are shut down, handlers at work are awaited
 *           ─→ stopped
 *
 * libmicrohttpd aborts the process when it is stopped with a suspended connection. So the last step comes only when no request is suspended *and*
 * none that begins can be any more: a kept connection may send its next request at any moment. A handler ends by its own deadline; one that does
 * not is left where it is, and the server with it. Every other wait is bounded too: a request that libmicrohttpd forgot to end holds nobody.
 */
#include "gateway/http/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define POLL_MS 2
#define CUT_MS 50
#define CUT_LIMIT_MS 1000
#define OVERDUE_MS 3000 /* what a handler may take beyond its deadline */

static unsigned value_or(unsigned value, unsigned otherwise)
{
	return value ? value : otherwise;
}

static void options_fill(struct http_options *options)
{
	options->connections = value_or(options->connections, 960);
	options->per_address = value_or(options->per_address, 240);
	options->header_bytes = options->header_bytes ? options->header_bytes : 32 * 1024;
	options->body_bytes = options->body_bytes ? options->body_bytes : 1024 * 1024;
	options->worker_threads = value_or(options->worker_threads, 32);
	options->head_ms = options->head_ms ? options->head_ms : 10000;
	options->body_ms = options->body_ms ? options->body_ms : 30000;
	options->handle_ms = options->handle_ms ? options->handle_ms : 15000;
	options->idle_ms = options->idle_ms ? options->idle_ms : 60000;
	options->queue_ms = options->queue_ms ? options->queue_ms : 100;
}

static _Thread_local sigset_t signals_before;

void signals_block(void)
{
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &signals_before);
}

void signals_restore(void)
{
	pthread_sigmask(SIG_SETMASK, &signals_before, NULL);
}

bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *data)
{
	signals_block();
	int failed = pthread_create(thread, NULL, run, data);
	signals_restore();
	if (!failed)
		pthread_setname_np(*thread, name);
	return !failed;
}

struct counters *counters_mine(struct http_server *server)
{
	static _Thread_local struct http_server *owner;
	static _Thread_local struct counters *mine;
	/* A thread that counts belongs to one server for all its life. */
	if (owner != server) {
		size_t index = atomic_fetch_add(&server->counters_used, 1);
		g_assert(index < server->counters_size);
		mine = &server->counters[index];
		owner = server;
	}
	return mine;
}

static void server_free(struct http_server *server)
{
	acceptor_free(server->acceptor);
	workers_stop(server->workers);
	peers_free(server->peers);
	proxies_free(server->proxies);
	for (size_t i = 0; i < server->listener_count; i++) {
		listener_close(&server->listeners[i]);
		g_free(server->listeners[i].address);
	}
	g_free(server->listeners);
	certificates_release(server->certificates);
	pthread_mutex_destroy(&server->certificates_lock);
	figures_free(server);
	free(server->counters);
	g_free(server);
}

static bool listeners_open(struct http_server *server, GError **error)
{
	for (size_t i = 0; i < server->listener_count; i++)
		if (!listener_open(&server->listeners[i], server->options.listen[i], error))
			return false;
	return true;
}

/* Everything is there before the first client is accepted, so that a start that fails has answered nobody. */
static bool server_run(struct http_server *server, GError **error)
{
	struct proxies *proxies;
	if (!proxies_read(server->options.trusted_proxies, &proxies, error))
		return false;
	server->proxies = proxies;
	const struct http_options *options = &server->options;
	if (options->certificate_count && !(server->certificates = certificates_read(options->certificates, options->certificate_count, error)))
		return false;
	return listeners_open(server, error) &&
	       (server->workers = workers_start(server, error)) && (server->acceptor = acceptor_new(server, error)) &&
	       acceptor_start(server->acceptor, error);
}

static struct counters *counters_new(size_t size)
{
	size_t bytes = size * sizeof(struct counters);
	struct counters *counters = aligned_alloc(_Alignof(struct counters), bytes);
	g_assert(counters);
	memset(counters, 0, bytes);
	return counters;
}

struct http_server *http_server_start(const struct http_options *options, const struct http_app *app, GError **error)
{
	struct http_server *server = g_new0(struct http_server, 1);
	server->options = *options;
	options_fill(&server->options);
	server->app = *app;
	while (options->listen && options->listen[server->listener_count])
		server->listener_count++;
	server->listeners = g_new0(struct listener, server->listener_count);
	for (size_t i = 0; i < server->listener_count; i++)
		server->listeners[i].fd = -1;
	/* libmicrohttpd's threads, and those of ours that shed: the workers, the queue's clock and the one that stops the server. */
	server->counters_size = 2 * acceptor_loops(&server->options) + server->options.worker_threads + 2;
	server->counters = counters_new(server->counters_size);
	if (!guard_knows_library())
		log_line(LOG_LEVEL_WARNING, "http.library", "version", MHD_get_version(), "detail",
			"not the libmicrohttpd this was measured with: bare LF, folded headers and NUL are left to its own checks", NULL);
	pthread_mutex_init(&server->certificates_lock, NULL);
	server->body_bytes = server->options.body_bytes;
	server->peers = peers_new(server);
	bool started = server_run(server, error);
	server->options.listen = server->options.trusted_proxies = NULL; /* borrowed for the start only */
	server->options.certificates = NULL;
	if (started)
		return server;
	server_free(server);
	return NULL;
}

const char *http_server_address(const struct http_server *server, size_t index)
{
	return index < server->listener_count ? server->listeners[index].address : NULL;
}

unsigned http_server_room(const struct http_server *server)
{
	return acceptor_room(server->acceptor);
}

bool http_server_adjust(struct http_server *server, const struct http_adjustment *adjustment, GError **error)
{
	struct proxies *proxies;
	struct certificates *certificates = NULL;
	bool renews = server->certificates && adjustment->certificate_count;
	if (renews && !(certificates = certificates_read(adjustment->certificates, adjustment->certificate_count, error)))
		return false;
	if (!proxies_read(adjustment->trusted_proxies, &proxies, error)) {
		certificates_release(certificates);
		return false;
	}
	if (renews)
		certificates_replace(server, certificates);
	proxies_replace(&server->proxies, proxies);
	atomic_store(&server->body_bytes, adjustment->body_bytes);
	peers_bound(server->peers, MIN(adjustment->connections, http_server_room(server)), adjustment->per_address);
	acceptor_wake(server->acceptor);
	return true;
}

/* Ends are summed before beginnings: a request may begin in between, never end uncounted, so none means that none was under way. */
static uint64_t requests_under_way(const struct http_server *server)
{
	uint64_t completed = 0, started = 0;
	for (size_t i = 0; i < server->counters_size; i++)
		completed += atomic_load(&server->counters[i].completed);
	for (size_t i = 0; i < server->counters_size; i++)
		started += atomic_load(&server->counters[i].started);
	return started - completed;
}

struct http_figures http_server_figures(const struct http_server *server)
{
	struct http_figures figures = { 0 };
	for (size_t i = 0; i < server->counters_size; i++) {
		struct counters *counters = &server->counters[i];
		figures.requests += atomic_load(&counters->requests);
		figures.refused_by_guard += atomic_load(&counters->refused_by_guard);
		figures.shed += atomic_load(&counters->shed);
		figures.suspended += atomic_load(&counters->suspended);
	}
	figures.under_way = requests_under_way(server);
	peers_figures(server->peers, &figures);
	return figures;
}

static bool server_is_quiet(struct http_server *server)
{
	return requests_under_way(server) == 0;
}

static bool handlers_are_done(struct http_server *server)
{
	return workers_are_idle(server->workers);
}

static bool wait_for(struct http_server *server, bool (*done)(struct http_server *server), int64_t within_ms)
{
	int64_t until_ms = clock_monotonic_ms() + within_ms;
	while (!done(server)) {
		if (clock_monotonic_ms() >= until_ms)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = POLL_MS * 1000000L }, NULL);
	}
	return true;
}

/* Again and again, because a connection may still be on its way from the acceptor to its loop. */
static bool cut_until(struct http_server *server, bool (*done)(struct http_server *server), int64_t within_ms)
{
	int64_t until_ms = clock_monotonic_ms() + within_ms;
	bool ended;
	do
		peers_shutdown(server->peers);
	while (!(ended = wait_for(server, done, CUT_MS)) && clock_monotonic_ms() < until_ms);
	return ended;
}

bool http_server_stop(struct http_server *server, int64_t within_ms)
{
	if (!server)
		return true;
	atomic_store(&server->draining, true);
	acceptor_stop(server->acceptor);
	for (size_t i = 0; i < server->listener_count; i++)
		listener_close(&server->listeners[i]);
	if (!wait_for(server, server_is_quiet, within_ms))
		log_line(LOG_LEVEL_WARNING, "http.stop", "detail", "requests were still under way at the end of the drain; their connections are cut", NULL);
	workers_close(server->workers);
	if (!cut_until(server, handlers_are_done, server->options.handle_ms + OVERDUE_MS)) {
		log_line(LOG_LEVEL_ERROR, "http.stop", "detail", "a handler did not end by its deadline; it is left behind", NULL);
		return false;
	}
	if (!cut_until(server, server_is_quiet, CUT_LIMIT_MS))
		log_line(LOG_LEVEL_WARNING, "http.stop", "detail", "libmicrohttpd did not tell the end of every request", NULL);
	server_free(server);
	return true;
}
