/* passerelle.yaml read into one immutable snapshot. The table of keys in config.c is where keys, defaults and their sentences stand. */
#pragma once
#include "base/log.h"
#include "base/schema.h"
#include "crypto/password.h"
#include "gateway/http/server.h"
#include "providers/fetch.h"
#include <stdint.h>

struct config {
	char *file;                 /* where it came from; NULL: built-in defaults */
	char **listen;              /* NULL-closed */
	char **trusted_proxies;     /* NULL-closed; networks and "unix" */
	char *base_url;
	char *store;                /* "sqlite:/absolute/path" */
	char *secret_key_file;      /* absolute */
	struct { unsigned connections, per_address; int64_t header_bytes, body_bytes; } limits;
	struct { unsigned threads, hash_slots, provider_slots; } workers; /* hash_slots 0: auto */
	struct password_cost password_hash;
	enum log_level log_level;
	enum log_format log_format;
	struct http_certificate *tls; /* none: plain HTTP */
	size_t tls_count;
	char *metrics_listen;       /* NULL: none */
	struct { char **allow; int64_t connect_timeout_ms, timeout_ms; char *ca_file, *proxy; } outbound; /* ca_file NULL: the system's; proxy NULL: none */
};

/* The keys of the file, closed by one without a name: what is parsed by, and what the man page is made of. */
extern const struct key_rule config_keys[];

/* `path` from --config, NULL: $PASSERELLE_CONFIG, ./passerelle.yaml, /etc/passerelle/passerelle.yaml, else the defaults. A key that is declared but not built
 * yet is an error that says so. NULL with *error: one mistake a line, "file:line: key: …". */
struct config *config_load(const char *path, GError **error);
void config_free(struct config *config);
/* Whether what comes by this item of `listen` comes from this machine, as far as its text says. */
bool config_listens_locally(const char *where);
/* Whether what it serves may be reached from other machines: by TLS, or in clear where a proxy that has an address is trusted. */
bool config_may_leave(const struct config *config);
/* What fetcher_new takes; borrows from the snapshot. */
struct fetch_options config_outbound(const struct config *config);
