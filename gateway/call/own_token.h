/* What a tenant signs, and reading back what it signed: access tokens, ID tokens shown as hints. */
#pragma once
#include "gateway/call/call.h"

/* The claims of a compact JWS of this type ("at+jwt", "JWT"), signed by a key of the tenant that is not revoked, with the tenant's issuer; times are the caller's to
 * judge. *ret_kid (may be NULL) is its key's id; caller frees both. NULL: it is none of ours, or with *error the keys could not be read. */
json_t *own_token_read(const struct call *call, const char *text, const char *typ, char **ret_kid, GError **error);

/* A JWS of these claims by the tenant's active key for the algorithm; `typ` NULL: none. Caller frees; NULL with *error. */
char *own_token_sign(const struct gateway *gateway, const struct tenant *tenant, enum jose_algorithm algorithm, const char *typ, const json_t *claims, GError **error);
