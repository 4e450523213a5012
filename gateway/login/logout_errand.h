/* A sign-out on its way to a provider that answers it (SAML): where the browser goes on afterwards waits here, as a flow that signs nobody in.
 *
 *   /logout ─→ stored, with the session's end (commit) ─→ browser away, RelayState is its handle ─→ back at the provider's SLO address ─→ taken, once ─→ return_url
 */
#pragma once
#include "gateway/call/sources.h"
#include "gateway/login/flow.h"

/* Makes the flow, bound to this browser; the cookie is one that comes along when the answer is posted. `login->handle` is what goes as RelayState. */
void logout_errand_make(struct login *login, const struct source *source, const char *return_url);
/* Puts in what the driver wants to see again; then it is for flow_insert. */
void logout_errand_keep(struct login *login, const struct secret *keep);
/* Whether a flow is one: no step of a sign-in takes it. */
bool flow_is_logout(const struct flow *flow);
/* The answer that came back, in `form`. Replies: the browser goes on, whatever the answer says; what is wrong with it stands in the log. */
void logout_errand_return(struct call *call, const struct source *source, const struct form *form);
