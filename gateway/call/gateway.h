/* What all calls share: built once by `serve`, then only read. */
#pragma once
#include "crypto/password.h"
#include "crypto/root_keys.h"
#include "gateway/store/cache.h"
#include "gateway/store/store.h"

struct client_keys;
struct coalescer;
struct fetcher;
struct flow_gate;
struct known_tokens;
struct sources;

struct gateway {
	struct store *store;
	struct cache *cache;
	const struct root_keys *keys;
	struct password_hasher *hasher;
	struct sources *sources;      /* tenants' identity sources, opened (gateway/call/sources.h) */
	struct fetcher *fetcher;      /* the one way out (providers/fetch.h) */
	struct flow_gate *flow_gate;  /* how many flows a stranger may begin (gateway/login/flow_gate.h) */
	struct coalescer *coalescer;  /* every record of a request goes through it (gateway/audit/coalesce.h) */
	struct known_tokens *known;   /* access tokens seen before (gateway/oauth/known_tokens.h) */
	struct client_keys *client_keys; /* at jwks_uri (gateway/oauth/client_keys.h) */
	const char *base_url;         /* no trailing slash */
	const char *base_authority;   /* "host[:port]" of base_url, lower case */
};
