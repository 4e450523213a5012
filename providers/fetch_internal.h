/* Between the fetch*.c files only.
 *
 *	fetch.c            the way of one request, and what its end means
 *	fetch_guard.c      which addresses may be spoken to
 *	fetch_pool.c       servers with a breaker each, and their open connections
 *	fetch_transfer.c   what libcurl is told, and what it hands back
 *	fetch_freshness.c  how long an answer may be kept
 *	fetch_steps.c      the step-by-step diagnosis
 *	fetch_cache.c      documents kept
 */
#pragma once
#include "base/url.h"
#include "providers/breaker.h"
#include "providers/fetch.h"
#include "providers/fetch_guard.h"

#include <pthread.h>

/* What the operator allows, as it was when a request began. Never changed; freed by the last who holds it. */
struct fetch_settings {
	struct fetch_guard *guard;
	int64_t connect_timeout_ms, timeout_ms, retry_after_ms;
	char *ca_file, *proxy;
	unsigned number;  /* of the settings this fetcher has had: connections made under others are not used */
	unsigned holders; /* under the lock; the fetcher is one */
};

struct fetcher {
	pthread_mutex_t lock;
	struct fetch_settings *settings;
	GHashTable *servers; /* key -> struct server; it, and what is in them, under the lock */
	int64_t swept_ms;
};

/* fetch_pool.c
 *
 * A connection was judged for the host, scheme and declaration it was opened for. It is found again under all of these only, so that no request rides on a connection
 * that it would not have been given. */
struct server {
	char *key;
	struct breaker breaker;
	GQueue idle; /* struct channel */
	unsigned busy;
	int64_t used_ms;
};
/* One libcurl handle, with the connection that it keeps; of one thread at a time. */
struct channel {
	void *easy;
	int64_t idle_since_ms;
};
/* Closes the connections that nobody uses now. */
void fetcher_idle_close(struct fetcher *fetcher);
/* `key` is read only. With `trial` the breaker is not asked. NULL: the breaker is open. */
struct server *server_enter(struct fetcher *fetcher, const char *key, bool trial);
void server_leave(struct fetcher *fetcher, struct server *server);
/* An idle one, or a new one. NULL where libcurl has no memory. */
struct channel *channel_take(struct fetcher *fetcher, struct server *server);
/* Kept for the next, unless `broken`. */
void channel_give_back(struct fetcher *fetcher, struct server *server, struct channel *channel, bool broken);
void fetcher_servers_free(struct fetcher *fetcher);

/* fetch_transfer.c */
struct transfer {
	struct fetcher *fetcher;
	const struct fetch_settings *settings;
	const struct fetch_request *request;
	struct fetch_reply *reply;
	struct fetch_target target;
	int64_t connect_ms, total_ms; /* what there is of time */
	size_t body_max, body_room;
	size_t head_bytes;
	bool too_big, encoded;        /* why a callback stopped it */
	bool guard_refused;
	char refused[64];             /* the address, where the guard refused one */
	char error[256];              /* libcurl's words */
	unsigned code;                /* CURLcode */
};
/* Fills in reply, code and the flags. */
void transfer_run(struct transfer *transfer, void *easy);
/* What its end means; *reply->trouble says it. */
enum fetch_result transfer_result(const struct transfer *transfer);
/* Shakes hands with the same server again, believing any certificate and saying nothing: to look at one that was refused. The leaf as DER, NULL: none. */
GBytes *transfer_look(const struct transfer *transfer);
/* The certificate of the handle's own handshake. */
GBytes *transfer_certificate(void *easy);
/* How far a transfer came. libcurl counts the TLS handshake as part of connecting, so that a connection is known by its peer. */
struct transfer_way {
	bool resolved, connected, encrypted;
};
struct transfer_way transfer_way(const struct transfer *transfer, void *easy);

/* fetch_freshness.c: -1 where nothing is said. Each may be NULL; `cache_control` holds the whole list. */
int64_t freshness_ms(const char *cache_control, const char *age, const char *expires, const char *date, int64_t now_ms);

/* fetch_steps.c */
void steps_refused(const struct fetch_request *request, const char *seen);
void steps_check(const struct transfer *transfer, void *easy, enum fetch_result result);
