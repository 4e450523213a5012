/* The issuer's published keys (JWKS), fetched by liboauth2's HTTP client and kept here.
 *
 * The library's own `jwks_uri` would do, but it fetches anew on each signature that fails, waits 15 seconds, and tries every key on every
 * token: a stranger could make us hammer the issuer. Here the key is chosen by its id, an unknown id costs at most one fetch in ten seconds, and a
 * key that does not fit the token's algorithm is never shown to cjose. */
#pragma once
#include <jansson.h>
#include <oauth2/oauth2.h>

struct keys;

/* Borrows both texts. No network yet. */
struct keys *keys_new(oauth2_log_t *log, const char *jwks_uri);
void keys_free(struct keys *keys);

enum keys_answer { KEYS_REFUSED = 0, KEYS_GOOD, KEYS_UNAVAILABLE };

/* Verifies signature, exp and iat by the key named in the token's header. KEYS_GOOD gives the claims (to be freed by json_decref); everything the
 * library does not look at is still to be judged. Threads may call it; one token is looked at at a time. */
enum keys_answer keys_verify(struct keys *keys, const char *token, const char *kid, const char *alg, json_t **ret_claims, const char **ret_why);
