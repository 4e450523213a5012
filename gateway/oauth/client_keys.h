/* The keys of clients that publish them (RFC 7591 section 2, `jwks_uri`): fetched by the one way out, kept while their server's cache headers say, an hour at most.
 *
 * Keys that are in force serve without a wait. Whoever must wait for a client's server holds a worker: all tenants together may hold `slots` of them, one tenant
 * half of these, so that a server that trickles stops neither the others nor the sign-ins. */
#pragma once
#include "crypto/jwk_set.h"
#include "gateway/call/call.h"

struct client_keys;

/* Borrows the fetcher, which outlives it. */
struct client_keys *client_keys_new(struct fetcher *fetcher, unsigned slots);
/* Takes NULL. Nobody may be in it. */
void client_keys_free(struct client_keys *keys);

/* The claims, where one of the keys at the client's jwks_uri holds the signature; caller owns. An unknown kid has them asked for once a minute at most. NULL with
 * *ret_reason: CLIENT_ASSERTION_WRONG, or CLIENT_KEYS_UNAVAILABLE where there are no keys to judge by. Blocks for some seconds: for workers only. */
json_t *client_keys_verify(struct call *call, const struct client *client, const struct jws *jws, enum reason *ret_reason);
