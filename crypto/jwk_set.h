/* The public keys of somebody else, as a JWK Set (RFC 7517 section 5): those with which a client signs. Immutable once read. */
#pragma once
#include "crypto/jose.h"

#define JWK_SET_KEYS_MAX 16

struct jwk_set;

/* Refuses a set that holds a private or symmetric key (RFC 7517 section 9.2: it was published by mistake), more than JWK_SET_KEYS_MAX keys, a kid twice, or no key
 * that can verify a signature of ours. Keys for encryption and of kinds we do not know are passed over (section 5). NULL with *error ERROR_MALFORMED. */
struct jwk_set *jwk_set_read(const json_t *jwks, GError **error);
void jwk_set_free(struct jwk_set *set);
typedef struct jwk_set jwk_set_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(jwk_set_t, jwk_set_free)

/* Whether a key of the set is called so. NULL: no. */
bool jwk_set_has(const struct jwk_set *set, const char *kid);
/* The claims, where a key of the set holds the signature: the one that kid names, or without kid any of the header's algorithm. Caller owns. NULL with *error
 * ERROR_INVALID_TOKEN. */
json_t *jwk_set_verify(const struct jwk_set *set, const struct jws *jws, GError **error);
