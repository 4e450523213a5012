/* Client authentication (RFC 6749 section 2.3): basic with both halves form-decoded, post, private_key_jwt, none. One method a request; the client's registered
 * one only. */
#pragma once
#include "gateway/call/call.h"

/* The authenticated client (caller gives the reference back). NULL: the reply is an error already and the log has it. Costs the same digest and comparison
 * for an unknown client as for a wrong secret. `public_too`: clients without a secret may pass by their client_id alone. */
struct client *client_authenticate(struct call *call, const struct form *form, bool public_too);

/* Whether the request authenticates by an assertion, whose use is a commit: then the endpoint needs a worker. */
bool client_auth_commits(const struct form *form);

/* Who the request says it comes from, unproved: for choosing between inline and worker only. NULL when it does not say, or names nobody. */
struct client *client_claimed(const struct call *call, const struct form *form);
