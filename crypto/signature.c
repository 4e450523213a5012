/* Raw signatures on OpenSSL EVP, as fast as OpenSSL itself.
 *
 * Setting a signing context up costs look-ups by name in OpenSSL 3.0. So a key keeps a few contexts that are ready, taken and given back by one
 * atomic exchange each; a thread that finds none makes one. A context is used by one thread at a time. ECDSA and RSA sign a digest made
 * by crypto/digest; Ed25519 signs the message itself (RFC 8032 section 5.1.6).
 */
#include "crypto/digest.h"
#include "crypto/jose_internal.h"
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#define HALF 32 /* bytes of r and of s of P-256 */
#define DER_MAX (2 + 2 * (2 + HALF + 1))

enum direction { SIGNING, VERIFYING };

static bool padding_set(EVP_PKEY_CTX *context, enum jose_algorithm algorithm)
{
	if (EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) != 1)
		return false;
	if (algorithm == JOSE_RS256)
		return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
	if (algorithm == JOSE_PS256)
		/* RFC 7518 section 3.5: the salt is as long as the digest, and MGF1 uses the same one. */
		return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
	return true;
}

static void *message_context_new(const struct jose_key *key, enum direction direction)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int ready = direction == SIGNING ? EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey)
	                                 : EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey);
	if (ready != 1)
		g_clear_pointer(&context, EVP_MD_CTX_free);
	return context;
}

static void *digest_context_new(const struct jose_key *key, enum direction direction)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);
	int ready = direction == SIGNING ? EVP_PKEY_sign_init(context) : EVP_PKEY_verify_init(context);
	if (ready != 1 || !padding_set(context, key->algorithm))
		g_clear_pointer(&context, EVP_PKEY_CTX_free);
	return context;
}

static struct context_pool *pool_of(const struct jose_key *key, enum direction direction)
{
	/* The pool is the only thing of a shared key that changes, and only by atomic exchange. */
	struct jose_key *shared = (struct jose_key *)(uintptr_t)key;
	return direction == SIGNING ? &shared->signers : &shared->verifiers;
}

static void *context_take(const struct jose_key *key, enum direction direction)
{
	struct context_pool *pool = pool_of(key, direction);
	for (size_t i = 0; i < JOSE_SPARE_MAX; i++) {
		void *context = atomic_load_explicit(&pool->spare[i], memory_order_relaxed) ? atomic_exchange(&pool->spare[i], NULL) : NULL;
		if (context)
			return context;
	}
	return key->algorithm == JOSE_ED25519 ? message_context_new(key, direction) : digest_context_new(key, direction);
}

static void context_free(const struct jose_key *key, void *context)
{
	if (key->algorithm == JOSE_ED25519)
		EVP_MD_CTX_free(context);
	else
		EVP_PKEY_CTX_free(context);
}

static void context_give_back(const struct jose_key *key, enum direction direction, void *context)
{
	struct context_pool *pool = pool_of(key, direction);
	for (size_t i = 0; i < JOSE_SPARE_MAX; i++) {
		void *none = NULL;
		if (atomic_compare_exchange_strong(&pool->spare[i], &none, context))
			return;
	}
	context_free(key, context);
}

void signature_contexts_free(struct jose_key *key)
{
	for (size_t i = 0; i < JOSE_SPARE_MAX; i++) {
		context_free(key, atomic_load(&key->signers.spare[i]));
		context_free(key, atomic_load(&key->verifiers.spare[i]));
	}
}

/* Reads one DER INTEGER of at most 32 significant bytes into a fixed field. */
static const uint8_t *der_integer_read(const uint8_t *der, const uint8_t *end, uint8_t out[HALF])
{
	if (end - der < 3 || der[0] != 0x02 || der[1] > HALF + 1 || end - der - 2 < der[1])
		return NULL;
	size_t length = der[1];
	const uint8_t *value = der + 2, *next = value + length;
	if (length > 0 && value[0] == 0) {
		value++;
		length--;
	}
	if (length > HALF)
		return NULL;
	memset(out, 0, HALF - length);
	memcpy(out + HALF - length, value, length);
	return next;
}

static bool raw_from_der(const uint8_t *der, size_t length, uint8_t raw[2 * HALF])
{
	const uint8_t *end = der + length;
	if (length < 2 || der[0] != 0x30 || der[1] != length - 2)
		return false;
	const uint8_t *next = der_integer_read(der + 2, end, raw);
	return next && der_integer_read(next, end, raw + HALF) == end;
}

static size_t der_integer_write(const uint8_t value[HALF], uint8_t *out)
{
	size_t skip = 0;
	while (skip < HALF - 1 && value[skip] == 0)
		skip++;
	size_t pad = value[skip] >> 7, length = HALF - skip;
	out[0] = 0x02;
	out[1] = (uint8_t)(length + pad);
	out[2] = 0;
	memcpy(out + 2 + pad, value + skip, length);
	return 2 + pad + length;
}

static size_t der_from_raw(const uint8_t raw[2 * HALF], uint8_t der[DER_MAX])
{
	size_t length = der_integer_write(raw, der + 2);
	length += der_integer_write(raw + HALF, der + 2 + length);
	der[0] = 0x30;
	der[1] = (uint8_t)length;
	return length + 2;
}

static bool digest_sign(const struct jose_key *key, void *context, const void *input, size_t length, uint8_t *out, size_t *ret_size)
{
	uint8_t digest[DIGEST_SIZE], der[DER_MAX];
	bool elliptic = key->algorithm == JOSE_ES256;
	size_t size = elliptic ? sizeof der : JOSE_SIGNATURE_MAX;
	digest_sha256(input, length, digest);
	if (EVP_PKEY_sign(context, elliptic ? der : out, &size, digest, sizeof digest) != 1)
		return false;
	*ret_size = elliptic ? 2 * HALF : size;
	return !elliptic || raw_from_der(der, size, out);
}

bool signature_make(const struct jose_key *key, const void *input, size_t length, uint8_t out[JOSE_SIGNATURE_MAX], size_t *ret_size)
{
	void *context = key->is_private ? context_take(key, SIGNING) : NULL;
	if (!context) {
		ERR_clear_error();
		return false;
	}
	size_t size = JOSE_SIGNATURE_MAX;
	bool made = key->algorithm == JOSE_ED25519 ? EVP_DigestSign(context, out, &size, input, length) == 1
	                                           : digest_sign(key, context, input, length, out, &size);
	if (!made) {
		ERR_clear_error();
		context_free(key, context);
		return false;
	}
	context_give_back(key, SIGNING, context);
	*ret_size = size;
	return true;
}

static bool digest_verify(const struct jose_key *key, void *context, const void *input, size_t length, const uint8_t *signature, size_t size)
{
	uint8_t digest[DIGEST_SIZE], der[DER_MAX];
	if (key->algorithm == JOSE_ES256) {
		if (size != 2 * HALF)
			return false;
		size = der_from_raw(signature, der);
		signature = der;
	}
	digest_sha256(input, length, digest);
	return EVP_PKEY_verify(context, signature, size, digest, sizeof digest) == 1;
}

bool signature_holds(const struct jose_key *key, const void *input, size_t length, const uint8_t *signature, size_t size)
{
	void *context = context_take(key, VERIFYING);
	bool holds = false;
	if (context) {
		holds = key->algorithm == JOSE_ED25519 ? EVP_DigestVerify(context, signature, size, input, length) == 1
		                                       : digest_verify(key, context, input, length, signature, size);
		context_give_back(key, VERIFYING, context);
	}
	if (!holds)
		ERR_clear_error();
	return holds;
}
