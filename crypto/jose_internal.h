/* Inside crypto/jose: the key's fields, raw signatures, and what golden vectors need (their payloads are not JSON objects). */
#pragma once
#include "crypto/jose.h"
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>

#define JOSE_COMPACT_MAX   (16 * 1024)
#define JOSE_HEADER_MAX    4096
#define JOSE_SIGNATURE_MAX 1024 /* RSA of 8,192 bits */
#define JOSE_SPARE_MAX     8

/* Contexts ready for one operation with one key; see signature.c. */
struct context_pool {
	_Atomic(void *) spare[JOSE_SPARE_MAX];
};

struct jose_key {
	atomic_int references;
	enum jose_algorithm algorithm;
	EVP_PKEY *pkey;
	bool is_private;
	/* The public JWK's members, base64url: "x" and "y" of EC, "n" and "e" of RSA, "x" and NULL of OKP. */
	char *first;
	char *second;
	char *thumbprint;
	struct context_pool signers;
	struct context_pool verifiers;
};

/* The key of that algorithm around a pkey, whose reference it takes over also when it refuses. */
struct jose_key *jose_key_around(enum jose_algorithm algorithm, EVP_PKEY *pkey, bool is_private, GError **error);

/* Writes the signature in the form JWS gives it (RFC 7518 section 3.4 for ES256). False when OpenSSL fails or the key is public only. */
bool signature_make(const struct jose_key *key, const void *input, size_t length, uint8_t out[JOSE_SIGNATURE_MAX], size_t *ret_size);
bool signature_holds(const struct jose_key *key, const void *input, size_t length, const uint8_t *signature, size_t size);
void signature_contexts_free(struct jose_key *key);

/* Algorithm and signature only. */
bool jws_holds(const struct jws *jws, const struct jose_key *key, GError **error);
