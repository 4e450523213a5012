/* What the files of this folder share. The one header here that shows libmicrohttpd's types; nothing outside the folder includes it.
 *
 * Ownership: a `peer` is made when a connection is accepted and freed when it is closed; its one `request` is used again for each request on the
 * connection, since HTTP/1.1 has one at a time. A request belongs to the libmicrohttpd thread of its connection until it is suspended, then to
 * the worker (or the queue's clock) until it is resumed. libmicrohttpd neither closes nor completes a suspended connection, so whoever holds the
 * request may use it, whatever the client does meanwhile.
 */
#pragma once
#include "base/network.h"
#include "gateway/http/arena.h"
#include "gateway/http/server.h"
#include "crypto/random.h"
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define HEADERS_MAX 100
#define PARAMETERS_MAX 256 /* of a query; what forms may have is base/form.h's */
#define REPLY_HEADERS_MAX 32
#define NEVER_MS INT64_MAX
/* libmicrohttpd keeps a connection's head, an element for each header and the head of the reply in one pool. It wipes all of that pool after every
 * request: what is added here beyond the head is paid for in time and in resident memory. */
#define POOL_BEYOND_HEAD (8 * 1024)
#define POOL_ELEMENT 64

struct header {
	const char *name, *value;
	uint32_t name_length, value_length;
};

struct reply {
	struct arena *arena;
	unsigned status;         /* 0: nothing was said yet, which is answered as an internal error */
	size_t header_count;
	size_t head_bytes;       /* at most so much, with what was replaced */
	struct { const char *name, *value; } headers[REPLY_HEADERS_MAX];
	const void *body;
	size_t body_length;
	char *owned;             /* body handed over by reply_body_take */
	GBytes *shared;
};

enum stage {
	STAGE_HEAD,     /* the request line was read, the head is coming */
	STAGE_BODY,     /* the guard and the app were content, the body is coming */
	STAGE_OVERFLOW, /* the body passed its bound: what follows is thrown away, up to another bound */
	STAGE_WORKING,  /* suspended: queued, or in a worker's hands */
	STAGE_ANSWERED, /* the reply is made and waits for the last handler call */
	STAGE_SENT,     /* the reply is libmicrohttpd's */
};

/* What is worked out when first asked for. */
struct derived {
	bool query_tried;
	struct form *query, *form;
	char reference[REFERENCE_SIZE];
	const char *user_agent, *address;
};

struct request {
	struct peer *peer;
	struct MHD_Connection *connection;
	enum stage stage;
	bool close;                  /* answer with Connection: close */
	bool chunked;
	enum http_method method;
	const char *sent_uri;        /* where the URI stood in libmicrohttpd's buffer; for the guard, never dereferenced */
	const char *uri;             /* our copy, untouched */
	size_t uri_length;
	const char *path, *query_text, *host; /* "" until the guard is content */
	int64_t time_ms, deadline_ms, queue_deadline_ms, begun_ns; /* begun_ns 0: its head was never whole */
	const struct http_endpoint *endpoint;
	void *context;
	char *body;                  /* in the arena when short, else on the heap */
	size_t body_length, body_room, body_max, body_dropped;
	bool body_heap;
	size_t header_count;
	struct header headers[HEADERS_MAX];
	struct reply reply;
	struct derived *derived, derived_storage; /* through pointers, so that a const request can still work them out */
	struct arena *arena, arena_storage;
};

struct peer {
	struct http_server *server;
	struct peer *next, *previous;
	int fd;
	_Atomic int64_t deadline_ms; /* monotonic; the reaper shuts the socket down after it */
	bool first;                  /* no request was completed yet: the head's deadline runs from accept */
	bool under_way;              /* its request was counted as started, not yet as completed */
	uint64_t address_key;        /* 0: a unix socket, which is not counted by address */
	union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; } address;
	char address_text[INET6_ADDRSTRLEN]; /* the peer's own; made when first asked for */
	struct certificates *certificates; /* held from its handshake on; NULL: none yet, or plain HTTP */
	struct request request;
};

struct route_counters {
	_Atomic uint64_t by_class[5], latency[LATENCY_BOUNDS + 1], total_us;
};

/* One a thread, so that counting shares no cache line. */
struct counters {
	_Atomic uint64_t started, completed, requests, refused_by_guard, shed, suspended;
	_Atomic(struct route_counters *) routes; /* of those that end requests: libmicrohttpd's threads */
} __attribute__((aligned(64)));

struct listener {
	int fd;                      /* -1 once closed */
	char *address;
	char *unix_path;             /* removed at the end */
	bool local;                  /* a unix socket, ours or inherited */
};

struct http_server {
	struct http_options options;
	struct http_app app;
	struct listener *listeners;
	size_t listener_count;
	struct workers *workers;
	struct peers *peers;
	_Atomic(struct proxies *) proxies;
	_Atomic size_t body_bytes;   /* limits.body as it is now */
	pthread_mutex_t certificates_lock;
	struct certificates *certificates; /* NULL: plain HTTP */
	struct acceptor *acceptor;
	struct counters *counters;
	size_t counters_size;
	_Atomic size_t counters_used;
	_Atomic bool draining;
};

/* server.c */
struct counters *counters_mine(struct http_server *server);
/* Signals are the main thread's: every other thread is started between these two, or by thread_start. */
void signals_block(void);
void signals_restore(void);
bool thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *data);
/* figures.c: a request that ended at `now_ns` is counted under its route, by the thread that it belongs to. */
void figures_count(const struct request *request, int64_t now_ns);
void figures_free(struct http_server *server);
static inline void count(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_release);
}

/* listen.c */
bool listener_open(struct listener *listener, const char *where, GError **error);
/* New clients are refused from here on. */
void listener_close(struct listener *listener);

/* certificates.c */
extern const char certificates_priorities[];
/* A gnutls_certificate_retrieve_function2. */
void *certificates_chooser(void);
/* NULL with *error, which names the file. */
struct certificates *certificates_read(const struct http_certificate *files, size_t count, GError **error);
/* Takes `fresh` over. Who is connected keeps the old ones until he leaves. */
void certificates_replace(struct http_server *server, struct certificates *fresh);
/* Takes NULL. */
void certificates_release(struct certificates *certificates);

/* accept.c */
size_t acceptor_loops(const struct http_options *options);
struct acceptor *acceptor_new(struct http_server *server, GError **error);
unsigned acceptor_room(const struct acceptor *acceptor);
bool acceptor_start(struct acceptor *acceptor, GError **error);
/* A place was freed; may be called from any thread. */
void acceptor_wake(struct acceptor *acceptor);
void acceptor_stop(struct acceptor *acceptor);
/* Only without suspended connections: libmicrohttpd aborts the process otherwise. Takes NULL. */
void acceptor_free(struct acceptor *acceptor);

/* deadlines.c */
struct peers *peers_new(struct http_server *server);
void peers_free(struct peers *peers);
void peers_figures(struct peers *peers, struct http_figures *figures);
/* Shuts every socket down, whatever its deadline. */
void peers_shutdown(struct peers *peers);
bool peers_has_room(struct peers *peers);
/* New bounds; those who are connected stay. */
void peers_bound(struct peers *peers, unsigned connections, unsigned per_address);
/* Counts a connection in, before libmicrohttpd has it. False: that address has its share. */
bool peers_admit(struct peers *peers, const struct sockaddr *address);
void peers_release(struct peers *peers, const struct sockaddr *address);
struct peer *peer_open(struct http_server *server, struct MHD_Connection *connection);
void peer_close(struct peer *peer);
static inline void peer_deadline(struct peer *peer, int64_t deadline_ms)
{
	atomic_store_explicit(&peer->deadline_ms, deadline_ms, memory_order_relaxed);
}

/* workers.c */
struct workers *workers_start(struct http_server *server, GError **error);
/* Suspends the connection and queues the request; false, and nothing done, when the queue is full. */
bool workers_offer(struct workers *workers, struct request *request);
/* Sheds what is queued, and from here on all that is offered. */
void workers_close(struct workers *workers);
/* Whether no request is queued, in a worker's hands, or suspended for any other reason. */
bool workers_are_idle(struct workers *workers);
void workers_stop(struct workers *workers);
void workers_figures(struct workers *workers, struct http_queue_figures *figures);

/* exchange.c: libmicrohttpd's callbacks, and the two ends that workers share with them */
void *exchange_open(void *server, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_step(void *server, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
	const char *bytes, size_t *length, void **context);
void exchange_close(void *server, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code);
/* Ends the peer's request if one is under way: for when libmicrohttpd closes without telling exchange_close. */
void exchange_end(struct peer *peer);
void exchange_handle(struct request *request);
void exchange_shed(struct request *request);

/* guard.c */
struct refusal {
	enum error_code code;
	const char *why;
};
/* Called at the request line: leaves libmicrohttpd neither query nor cookies to parse. */
void guard_hide(struct MHD_Connection *connection, const char *uri);
/* NULL when the request may go on; it then has its headers, method, path, query and host. */
const struct refusal *guard_check(struct request *request, const char *method, const char *version);
/* Whether the installed libmicrohttpd is the one whose buffer layout the guard knows. */
bool guard_knows_library(void);

/* forwarded.c */
/* False when an item is neither a network nor "unix". */
bool proxies_read(const char *const *list, struct proxies **ret_proxies, GError **error);
/* Takes the place of what is believed now; the old one lives on for those who read it, until proxies_free of the newest. By one thread at a time. */
void proxies_replace(_Atomic(struct proxies *) *place, struct proxies *fresh);
void proxies_free(struct proxies *proxies);
/* Whether what this peer says of others is believed. */
bool proxies_trust(const struct proxies *proxies, const struct sockaddr *peer);
/* The client's address as the trusted proxies tell it; NULL: it is the peer's own. Lives as long as the request. */
const char *forwarded_address(const struct request *request);

/* request.c */
/* "" for a unix socket. */
const char *peer_address(struct peer *peer);
void request_init(struct request *request, struct peer *peer);
void request_reset(struct request *request);
const struct header *request_find(const struct request *request, const char *name, size_t *ret_count);
bool request_has_body(const struct request *request);
/* False when the body is over its bound. */
bool request_body_add(struct request *request, const char *bytes, size_t length);

/* reply.c */
void reply_init(struct reply *reply, struct arena *arena);
/* Forgets what was said so far. */
void reply_clear(struct reply *reply);
bool reply_has_header(const struct reply *reply, const char *name);
/* cross_origin: scripts of every origin may read it. */
struct MHD_Response *reply_response(struct reply *reply, bool close, bool cross_origin);
