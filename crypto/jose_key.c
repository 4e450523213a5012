/* Keys for signatures: made, exported, imported, shared. From and to JWK: jwk.c. */
#include "base/encoding.h"
#include "base/errors.h"
#include "crypto/broken.h"
#include "crypto/digest.h"
#include "crypto/jose_internal.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

static const struct {
	const char *name;
	const char *key_type; /* as OpenSSL names it */
} algorithms[] = {
	[JOSE_NONE] = { NULL, NULL },
	[JOSE_ES256] = { "ES256", "EC" },
	[JOSE_RS256] = { "RS256", "RSA" },
	[JOSE_PS256] = { "PS256", "RSA" },
	[JOSE_ED25519] = { "Ed25519", "ED25519" },
};

const char *jose_algorithm_name(enum jose_algorithm algorithm)
{
	return algorithms[algorithm].name;
}

enum jose_algorithm jose_algorithm_named(const char *name)
{
	for (size_t i = JOSE_ES256; name && i < G_N_ELEMENTS(algorithms); i++)
		if (strcmp(name, algorithms[i].name) == 0)
			return (enum jose_algorithm)i;
	return name && strcmp(name, "EdDSA") == 0 ? JOSE_ED25519 : JOSE_NONE;
}

static char *number_text(const EVP_PKEY *pkey, const char *parameter, size_t fixed_size)
{
	BIGNUM *number = NULL;
	if (EVP_PKEY_get_bn_param(pkey, parameter, &number) != 1)
		return NULL;
	uint8_t bytes[JOSE_SIGNATURE_MAX];
	int size = fixed_size ? (int)fixed_size : BN_num_bytes(number);
	bool fits = size > 0 && (size_t)size <= sizeof bytes && BN_bn2binpad(number, bytes, size) == size;
	BN_free(number);
	return fits ? base64url_encode(bytes, (size_t)size) : NULL;
}

/* RFC 7518 section 3.3 asks for 2,048 bits; above 8,192 a verification becomes a way to keep us busy. FIPS 186-5 asks for e > 2^16. */
static bool rsa_is_sound(const EVP_PKEY *pkey)
{
	BIGNUM *exponent = NULL;
	int bits = EVP_PKEY_get_bits(pkey);
	if (bits < 2048 || bits > 8192 || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1)
		return false;
	bool sound = BN_is_odd(exponent) && BN_num_bits(exponent) > 16 && BN_num_bits(exponent) <= 64;
	BN_free(exponent);
	return sound;
}

static bool curve_is_p256(const EVP_PKEY *pkey)
{
	char group[32];
	size_t length = 0;
	return EVP_PKEY_get_group_name(pkey, group, sizeof group, &length) == 1 && strcmp(group, "prime256v1") == 0;
}

/* Reads the public members; false when the key does not fit the algorithm. */
static bool members_read(struct jose_key *key)
{
	uint8_t point[32];
	size_t size = sizeof point;
	switch (key->algorithm) {
	case JOSE_NONE:
		return false;
	case JOSE_ES256:
		if (!curve_is_p256(key->pkey))
			return false;
		key->first = number_text(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, 32);
		key->second = number_text(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
		return key->first && key->second;
	case JOSE_RS256:
	case JOSE_PS256:
		if (!rsa_is_sound(key->pkey))
			return false;
		key->first = number_text(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0);
		key->second = number_text(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
		return key->first && key->second;
	case JOSE_ED25519:
		if (EVP_PKEY_get_raw_public_key(key->pkey, point, &size) != 1 || size != sizeof point)
			return false;
		key->first = base64url_encode(point, sizeof point);
		return true;
	}
	return false;
}

/* RFC 7638 section 3: the required members in lexicographic order, no white space. */
static char *thumbprint_make(const struct jose_key *key)
{
	g_autofree char *text = NULL;
	uint8_t digest[DIGEST_SIZE];
	switch (key->algorithm) {
	case JOSE_NONE:
		return NULL;
	case JOSE_ES256:
		text = g_strdup_printf("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", key->first, key->second);
		break;
	case JOSE_RS256:
	case JOSE_PS256:
		text = g_strdup_printf("{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", key->second, key->first);
		break;
	case JOSE_ED25519:
		text = g_strdup_printf("{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", key->first);
		break;
	}
	digest_sha256(text, strlen(text), digest);
	return base64url_encode(digest, sizeof digest);
}

struct jose_key *jose_key_around(enum jose_algorithm algorithm, EVP_PKEY *pkey, bool is_private, GError **error)
{
	struct jose_key *key = g_new0(struct jose_key, 1);
	atomic_init(&key->references, 1);
	key->algorithm = algorithm;
	key->pkey = pkey;
	key->is_private = is_private;
	bool fits = pkey && algorithm != JOSE_NONE && EVP_PKEY_is_a(pkey, algorithms[algorithm].key_type) && members_read(key);
	if (!fits) {
		ERR_clear_error();
		fail(error, ERROR_MALFORMED, "not a key for %s (ES256: P-256; RS256, PS256: RSA of 2048 to 8192 bits, exponent from 65537)",
		     algorithm == JOSE_NONE ? "any algorithm" : jose_algorithm_name(algorithm));
		jose_key_free(key);
		return NULL;
	}
	key->thumbprint = thumbprint_make(key);
	return key;
}

static EVP_PKEY *pkey_generate(enum jose_algorithm algorithm)
{
	switch (algorithm) {
	case JOSE_NONE:
		return NULL;
	case JOSE_ES256:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	case JOSE_RS256:
	case JOSE_PS256:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	case JOSE_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	}
	return NULL;
}

struct jose_key *jose_key_generate(enum jose_algorithm algorithm)
{
	struct jose_key *key = jose_key_around(algorithm, pkey_generate(algorithm), true, NULL);
	if (!key)
		crypto_broken("key generation");
	return key;
}

struct secret *jose_key_export(const struct jose_key *key)
{
	PKCS8_PRIV_KEY_INFO *info = key->is_private ? EVP_PKEY2PKCS8(key->pkey) : NULL;
	int length = info ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : 0;
	if (length <= 0)
		crypto_broken("key export");
	struct secret *pkcs8 = secret_new_empty((size_t)length);
	uint8_t *out = secret_writable(pkcs8);
	if (i2d_PKCS8_PRIV_KEY_INFO(info, &out) != length)
		crypto_broken("key export");
	PKCS8_PRIV_KEY_INFO_free(info);
	return pkcs8;
}

struct jose_key *jose_key_import(enum jose_algorithm algorithm, const struct secret *pkcs8, GError **error)
{
	const uint8_t *bytes = secret_bytes(pkcs8), *end = bytes + secret_length(pkcs8);
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &bytes, (long)secret_length(pkcs8));
	EVP_PKEY *pkey = info && bytes == end ? EVP_PKCS82PKEY(info) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	if (!pkey) {
		ERR_clear_error();
		fail(error, ERROR_MALFORMED, "not a private key in PKCS#8 form");
		return NULL;
	}
	return jose_key_around(algorithm, pkey, true, error);
}

struct jose_key *jose_key_import_pem(enum jose_algorithm algorithm, const char *pem, size_t length, GError **error)
{
	static char no_phrase[] = "";
	BIO *bio = BIO_new_mem_buf(pem, (int)MIN(length, 65536));
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, no_phrase) : NULL;
	BIO_free(bio);
	if (!pkey) {
		ERR_clear_error();
		fail(error, ERROR_MALFORMED, "not a private key in PEM form, without a pass phrase");
		return NULL;
	}
	return jose_key_around(algorithm, pkey, true, error);
}

struct jose_key *jose_key_ref(struct jose_key *key)
{
	atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
	return key;
}

void jose_key_free(struct jose_key *key)
{
	if (!key || atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) != 1)
		return;
	signature_contexts_free(key);
	EVP_PKEY_free(key->pkey);
	g_free(key->first);
	g_free(key->second);
	g_free(key->thumbprint);
	g_free(key);
}

enum jose_algorithm jose_key_algorithm(const struct jose_key *key)
{
	return key->algorithm;
}

const char *jose_key_id(const struct jose_key *key)
{
	return key->thumbprint;
}
