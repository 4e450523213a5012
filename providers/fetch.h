/* The one way out (SECURITY WB-5): every HTTP request that the gateway makes goes through here.
 *
 * https only, plain http only to what `allow` names; the certificate is always verified, TLS 1.2 or newer. No redirect is followed, no proxy or other thing is taken
 * from the environment, no cookie, no compression. The address is judged when the socket is opened, whatever the name resolved to before (fetch_guard.h). Time, bytes
 * of the head and bytes of the body are bounded. A server that failed three times in a row is left alone for a while, then one trial decides.
 */
#pragma once
#include "base/checks.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#define FETCH_BYTES_MAX (1 << 20)

/* passerelle.yaml's `outbound`. Zeroed, it allows nothing beyond public addresses, and the standards stand. */
struct fetch_options {
	const char *const *allow;                  /* NULL-closed: addresses, networks, host names; NULL: none */
	int64_t connect_timeout_ms, timeout_ms;    /* 0: 3 s and 8 s */
	int64_t retry_after_ms;                    /* of the breaker; 0: 5 s */
	const char *ca_file;                       /* PEM; NULL: the system's */
	const char *proxy;                         /* http://host:port; NULL: none. Names are then resolved by the proxy, and only it can judge their addresses */
};

/* Whether `proxy` may be this. */
bool fetch_proxy_fits(const char *text);

struct fetcher;
/* Copies the options. NULL with *error (ERROR_MALFORMED). Safe for use by many threads; one a process is enough. Make it before other threads start. */
struct fetcher *fetcher_new(const struct fetch_options *options, GError **error);
/* Other options from now on: requests under way end as they began, connections are made anew, breakers forget. False with *error, nothing changed. */
bool fetcher_adjust(struct fetcher *fetcher, const struct fetch_options *options, GError **error);
/* Takes NULL. Nobody may be in fetch(). */
void fetcher_free(struct fetcher *fetcher);
typedef struct fetcher fetcher_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(fetcher_t, fetcher_free)

struct fetch_request {
	const char *method;               /* "GET" or "POST"; NULL: GET */
	const char *url;
	/* The host of the address that the operator declared: for exactly this host, private and loopback addresses are good too. NULL: nothing was declared. */
	const char *declared_host;
	const char *const *headers;       /* "Name: value", NULL-closed; NULL: none. Copies are wiped */
	const char *accept;               /* the Accept header's value; NULL: any */
	const void *body;                 /* POST; borrowed during the call, may be secret */
	size_t length;
	size_t max_bytes;                 /* of the answer's body; 0 or more than it: FETCH_BYTES_MAX */
	int64_t deadline_ms;              /* clock_monotonic_ms(); the options' timeout holds beside it */
	/* For `provider test`, may be NULL: each step is recorded, a new connection is made whatever the breaker says, and the reply tells of the certificate. */
	struct checks *checks;
};

enum fetch_result {
	FETCH_FAILED = 0,  /* the request was wrong, or something broke on our side */
	FETCH_OK,          /* there is an answer, whatever its status. A redirect (3xx) is one too: callers treat it as a violation */
	FETCH_REFUSED,     /* by the guard, before anything was sent: scheme, spelling of the host, address */
	FETCH_UNAVAILABLE, /* no connection, no trusted TLS, no answer in time, or the breaker is open */
	FETCH_TOO_BIG,     /* head or body */
	FETCH_MALFORMED,   /* no HTTP answer, or one in a form that was not asked for */
};
const char *fetch_result_name(enum fetch_result result);

struct fetch_reply {
	int status;
	char *content_type;      /* as sent; NULL: none */
	char *body;              /* never NULL with FETCH_OK; a NUL stands behind the last byte */
	size_t length;
	int64_t fresh_ms;        /* how long the answer may be kept by its own words (RFC 9111 section 4.2.1, Age taken off); 0: not at all, -1: it does not say */
	char peer[64];           /* the address that was spoken to, "" where none was */
	char *certificate_names; /* with checks; NULL: not known */
	int64_t certificate_to_ms;
	char trouble[256];       /* why it is not FETCH_OK: for the log and the checks only */
};
/* `reply` may be uninitialised; it is to be cleared whatever the result. Blocks until the deadline at most. */
enum fetch_result fetch(struct fetcher *fetcher, const struct fetch_request *request, struct fetch_reply *reply);
/* Wipes the body. */
void fetch_reply_clear(struct fetch_reply *reply);
typedef struct fetch_reply fetch_reply_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(fetch_reply_t, fetch_reply_clear)
