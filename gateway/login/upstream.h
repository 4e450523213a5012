/* Signing in at a provider that the browser is sent to. */
#pragma once
#include "gateway/call/sources.h"
#include "gateway/login/flow.h"

/* Sends the browser to /login/{provider} with this flow, which is stored first where it is not. login_hint may be NULL. */
void upstream_go(struct login *login, const struct source *source, const char *login_hint);
/* Where the provider's answers come to, and (SAML) its messages about sign-outs. Caller frees. */
char *upstream_callback_url(const struct call *call, const struct source *source);
char *upstream_logout_url(const struct call *call, const struct source *source);
/* Whether a text has the form of the states that we give out: then it came from us, or from somebody who pretends so. */
bool upstream_state_is_ours(const char *state);
/* An answer that came through the browser, with the state that came with it (NULL: none). Replies. */
void upstream_complete(struct call *call, const struct source *source, const struct form *reply, const char *state);
