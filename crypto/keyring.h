/* A tenant's signing keys: for each algorithm one `active` that signs, one `next` that is published before it signs, and `retired` ones that are
 * published until the last token they signed has expired (SECURITY TK-7). Immutable once built; shared between threads by reference. */
#pragma once
#include "crypto/jose.h"

enum key_state { KEY_STATE_REVOKED = 0, KEY_STATE_NEXT, KEY_STATE_ACTIVE, KEY_STATE_RETIRED };

/* "next" "active" "retired" "revoked". An unknown word is the state that verifies nothing. */
const char *key_state_name(enum key_state state);
enum key_state key_state_named(const char *name);

struct keyring;

struct keyring *keyring_new(void);
/* Takes over the reference. Only while the ring is being built. */
void keyring_add(struct keyring *ring, struct jose_key *key, enum key_state state);
/* Renders the JWK set; call once, last. */
void keyring_close(struct keyring *ring);
struct keyring *keyring_ref(struct keyring *ring);
void keyring_free(struct keyring *ring);
typedef struct keyring keyring_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(keyring_t, keyring_free)

/* The key that signs with this algorithm now; NULL when the tenant has none yet. Borrowed. */
const struct jose_key *keyring_signer(const struct keyring *ring, enum jose_algorithm algorithm);
/* The key a token names: next, active or retired, never revoked. Borrowed, NULL when unknown. */
const struct jose_key *keyring_find(const struct keyring *ring, const char *kid);
/* {"keys":[…]} (RFC 7517 section 5), newest first (next, active, retired); NUL-terminated, borrowed. */
const char *keyring_jwks(const struct keyring *ring, size_t *ret_length);
/* Bit i set: algorithm i has an active key. */
unsigned keyring_algorithms(const struct keyring *ring);
