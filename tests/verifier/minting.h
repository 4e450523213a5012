/* Tokens as a provider makes them, and as one never should: keys of every kind, signatures over any header and payload. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#define MINT_KEYS 8

/* Signs header.payload by `algorithm` with the key of that name ("rsa", "rsa-b", "rsa1024", "p256", "p256-b", "p384", "p521", "ed25519"). */
char *mint(const char *key, const char *algorithm, const char *header, const char *payload);
/* The public JWK with kid = its name. Caller owns. */
json_t *mint_jwk(const char *key);
/* A document of the named keys (NULL-closed). */
char *mint_jwks(const char *key, ...) G_GNUC_NULL_TERMINATED;
/* The same key in PEM as a text, for HS256 tricks; caller frees. */
char *mint_pem(const char *key);
/* HMAC-SHA256 with any secret. */
char *mint_hs256(const char *secret, const char *header, const char *payload);
/* `base` (JSON object) with the members of `patch` set, and those that are null there removed. Compact text. */
char *mint_patched(const char *base, const char *patch);
void mint_free(void);
