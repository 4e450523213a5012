/* Reading back what this tenant signed itself: access tokens, and ID tokens shown as hints. */
#pragma once
#include "gateway/call/call.h"

/* The claims of a compact JWS of this type ("at+jwt", "JWT"), signed by a key of the tenant that is not revoked, with the tenant's issuer; times are the caller's to
 * judge. *ret_kid (may be NULL) is its key's id; caller frees both. NULL: it is none of ours, or with *error the keys could not be read. */
json_t *own_token_read(const struct call *call, const char *text, const char *typ, char **ret_kid, GError **error);
