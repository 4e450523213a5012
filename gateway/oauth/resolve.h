/* From the text of an access token to what it stands for, if it is alive now: the one place where our own tokens are validated (introspection, userinfo,
 * revocation). */
#pragma once
#include "gateway/oauth/known_tokens.h"
#include "gateway/call/call.h"

/* A reference to a live token of this call's tenant. NULL: *ret_reason says why (TOKEN_INVALID, _EXPIRED, _REVOKED), or STORE_BROKEN with *error. */
struct live_token *token_resolve(struct call *call, const char *text, enum reason *ret_reason, GError **error);

/* Whether the authenticated caller may look into the token (policies/token.h). REASON_OK, TOKEN_NOT_YOURS, or STORE_BROKEN with *error. */
enum reason token_open_to(struct call *call, const struct live_token *token, const struct client *caller, GError **error);
