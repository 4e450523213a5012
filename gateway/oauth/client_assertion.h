/* A client that proves itself by a JWT it signed (private_key_jwt: RFC 7523 sections 2.2 and 3, OpenID Connect Core section 9). */
#pragma once
#include "gateway/call/call.h"

#define CLIENT_ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* REASON_OK: signed by a key of the client, meant for this issuer, in time, and used for the first time, which is durable. CLIENT_ASSERTION_WRONG, _REPLAYED,
 * CLIENT_KEYS_UNAVAILABLE, or STORE_BROKEN with *error. Commits, and may fetch the client's keys: for workers only. */
enum reason client_assertion_check(struct call *call, const struct client *client, const struct jws *assertion, GError **error);
