/* The machine half: endpoints as handlers of a call, for the route table. */
#pragma once
#include "gateway/call/call.h"

/* RFC 6749 section 3.2. Client credentials with JWTs run inline, everything that commits on a worker. */
void token_endpoint(struct call *call);
enum plan token_plan(const struct call *call);
void introspect_endpoint(struct call *call); /* RFC 7662; inline, unless the caller authenticates by an assertion */
enum plan introspect_plan(const struct call *call);
void revoke_endpoint(struct call *call);     /* RFC 7009; worker */
void userinfo_endpoint(struct call *call);   /* OpenID Connect Core section 5.3; inline */
void discovery_endpoint(struct call *call);  /* OpenID Connect Discovery 1.0, RFC 8414 */
void jwks_endpoint(struct call *call);       /* RFC 7517 section 5 */

/* Once, before the server starts: makes the table of known tokens and lets it hear of changes, and the keeper of clients' keys, whose `slots` bound how many workers
 * may wait for clients' servers. stop frees them after the server has stopped, and before the fetcher goes. */
void oauth_start(struct gateway *gateway, unsigned slots);
void oauth_stop(struct gateway *gateway);
