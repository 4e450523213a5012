/* Signing in at a provider that the browser is sent to. */
#pragma once
#include "gateway/call/sources.h"
#include "gateway/login/flow.h"

/* Sends the browser to /login/{provider} with this flow, which is stored first where it is not. login_hint may be NULL. */
void upstream_go(struct login *login, const struct source *source, const char *login_hint);
/* Where the provider's answers come to. Caller frees. */
char *upstream_callback_url(const struct call *call, const struct source *source);
/* An answer that came through the browser, with the state that came with it (NULL: none). Replies. */
void upstream_complete(struct call *call, const struct source *source, const struct form *reply, const char *state);
