/* The server: sockets, libmicrohttpd's threads, workers, deadlines, drain.
 *
 *   accept ─→ head read ─→ guard ─→ app.match ─→ body read ─→ plan ─┬─ inline ─→ handle ─→ reply
 *                                                                   └─ suspend ─→ worker: handle ─→ resume ─→ reply
 *
 * Handlers are plain straight-line C. An inline one may not wait; one on a worker may, until request_deadline_ms.
 */
#pragma once
#include "gateway/http/reply.h"
#include "gateway/http/request.h"
#include "base/errors.h"

enum plan { PLAN_INLINE, PLAN_WORKER };

struct http_endpoint {
	unsigned methods;      /* HTTP methods, or'ed */
	size_t body_max;       /* 0: the server's limit */
	bool takes_form;       /* a POST body must be application/x-www-form-urlencoded */
	/* Scripts of any origin may call it and read the answer, without credentials: never for what acts on a browser's cookies. */
	bool cross_origin;
	unsigned route;        /* below the app's `routes`: under which its requests are counted */
	/* NULL: always inline. Asked once the body is there. */
	enum plan (*plan)(const struct request *request, void *context);
	void (*handle)(struct request *request, struct reply *reply, void *context);
};

/* What the server is for. match: asked once the guard is content, before the body; sets *ret_context for plan and handle. NULL: the app has
 * filled `refusal` (404, 421, …). An error found by the server itself (malformed body, too large, shed, wrong method) goes to `refuse`, so that
 * pages and JSON errors look alike everywhere. release (may be NULL) frees the context. */
struct http_app {
	void *data;
	unsigned routes;       /* how many are told apart in the figures */
	const struct http_endpoint *(*match)(void *data, struct request *request, struct reply *refusal, void **ret_context);
	void (*refuse)(void *data, struct request *request, struct reply *reply, enum error_code code, const char *detail);
	void (*release)(void *data, void *context);
};

/* PEM files: a chain, its own certificate first, and its key. */
struct http_certificate {
	char *certificate, *key;
};

struct http_options {
	const char *const *listen;   /* "127.0.0.1:8080", "[::1]:8080", port 0 picks one; "unix:/path"; "fd:3"; NULL-closed */
	/* Whose X-Forwarded-For or Forwarded is believed: networks ("127.0.0.1/32", "::1/128"), or "unix" for whoever comes by a unix socket;
	 * NULL-closed; NULL: nobody's. */
	const char *const *trusted_proxies;
	/* What TCP sockets speak TLS with, chosen by the name that a client asks for, else the first; none: they speak plain HTTP. Unix sockets always do. */
	const struct http_certificate *certificates;
	size_t certificate_count;
	unsigned connections, per_address; /* 960, 240; a trusted proxy counts in the first only */
	size_t header_bytes, body_bytes;
	unsigned worker_threads;     /* 32 */
	int64_t head_ms, body_ms, handle_ms, idle_ms; /* absolute: 10 s, 30 s, 15 s; idle keep-alive 60 s */
	int64_t queue_ms;            /* longest wait for a worker before 503: 100 */
};

/* Since the start, but for `connections`, how many are open now, and `under_way`, requests begun whose end is still to come. `suspended`: requests that were handed
 * to workers. */
struct http_figures {
	uint64_t requests, refused_by_guard, shed, suspended, connections, timeouts, under_way;
};

/* Of one route since the start; the last one holds what met no route. Latency: from the whole head to the last byte of the answer. */
#define LATENCY_BOUNDS 17
extern const int64_t http_latency_bounds_us[LATENCY_BOUNDS]; /* the upper ends; what took longer is in `slower` */
struct http_route_figures {
	uint64_t by_class[5];             /* 1xx … 5xx */
	uint64_t faster[LATENCY_BOUNDS];  /* each from the bound before to its own */
	uint64_t slower, total_us;
};

struct http_server;

/* Returns running. NULL with *error when a socket cannot be had (the message names it). */
struct http_server *http_server_start(const struct http_options *options, const struct http_app *app, GError **error);
/* Where it listens, as "host:port" with the real port. Borrowed. */
const char *http_server_address(const struct http_server *server, size_t index);
/* What may change while it runs. Requests under way go on by what they began with; nobody who is connected is sent away. */
struct http_adjustment {
	const char *const *trusted_proxies;
	const struct http_certificate *certificates; /* read anew; none, or a server that began without: what it has stays */
	size_t certificate_count;
	unsigned connections, per_address; /* connections: at most http_server_room */
	size_t body_bytes;
};
/* By one thread at a time. False with *error, and nothing changed. */
bool http_server_adjust(struct http_server *server, const struct http_adjustment *adjustment, GError **error);
/* Reads them as a start would. */
bool http_certificates_check(const struct http_certificate *files, size_t count, GError **error);
/* How many connections its loops can hold. */
unsigned http_server_room(const struct http_server *server);
/* `route` up to and with the app's `routes`. */
struct http_route_figures http_server_route_figures(const struct http_server *server, unsigned route);
struct http_queue_figures { unsigned threads, idle, queued, held; }; /* held: queued or at work */
struct http_queue_figures http_server_queue_figures(const struct http_server *server);
struct http_figures http_server_figures(const struct http_server *server);
/* Stops accepting, answers what is under way with Connection: close, for at most `within_ms`; then cuts the connections that are left, waits for the
 * handlers at work (handle_ms and a little more), stops and frees. Takes NULL. False: a handler did not end; it still runs on a thread of its own, so
 * nothing was freed, and what the app lent must stay; it may be tried again. */
bool http_server_stop(struct http_server *server, int64_t within_ms);
