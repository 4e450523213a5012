/* A provider's pen, on OpenSSL directly: independent of crypto/jose, so that the two cannot be wrong in the same way. */
#include "tests/verifier/minting.h"
#include "base/encoding.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <string.h>

static struct key {
	const char *name, *kind, *group;
	unsigned bits, field;
	EVP_PKEY *pkey;
} keys[MINT_KEYS] = {
	{ "rsa", "RSA", NULL, 2048, 0, NULL },       { "rsa-b", "RSA", NULL, 2048, 0, NULL },     { "rsa1024", "RSA", NULL, 1024, 0, NULL },
	{ "p256", "EC", "P-256", 0, 32, NULL },      { "p256-b", "EC", "P-256", 0, 32, NULL },    { "p384", "EC", "P-384", 0, 48, NULL },
	{ "p521", "EC", "P-521", 0, 66, NULL },      { "ed25519", "OKP", "Ed25519", 0, 32, NULL },
};

static struct key *key_named(const char *name)
{
	for (size_t i = 0; i < MINT_KEYS; i++) {
		struct key *key = &keys[i];
		if (strcmp(key->name, name) != 0)
			continue;
		if (!key->pkey && key->bits)
			key->pkey = EVP_RSA_gen(key->bits);
		else if (!key->pkey && strcmp(key->kind, "EC") == 0)
			key->pkey = EVP_EC_gen(key->group);
		else if (!key->pkey)
			key->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		return key;
	}
	g_error("no key %s", name);
}

void mint_free(void)
{
	for (size_t i = 0; i < MINT_KEYS; i++)
		g_clear_pointer(&keys[i].pkey, EVP_PKEY_free);
}

static const EVP_MD *digest_of(const char *algorithm)
{
	return g_str_has_suffix(algorithm, "256") ? EVP_sha256() : g_str_has_suffix(algorithm, "384") ? EVP_sha384() : EVP_sha512();
}

/* DER to the two numbers side by side (RFC 7518 section 3.4). */
static size_t raw_of(const uint8_t *der, size_t length, unsigned field, uint8_t *out)
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)length);
	BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, (int)field);
	BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + field, (int)field);
	ECDSA_SIG_free(pair);
	return 2 * (size_t)field;
}

static char *input_of(const char *header, const char *payload)
{
	g_autofree char *first = base64url_encode(header, strlen(header)), *second = base64url_encode(payload, strlen(payload));
	return g_strdup_printf("%s.%s", first, second);
}

char *mint(const char *name, const char *algorithm, const char *header, const char *payload)
{
	const struct key *key = key_named(name);
	g_autofree char *input = input_of(header, payload), *third = NULL;
	const bool edwards = key->field && strcmp(key->kind, "OKP") == 0;
	uint8_t made[1024], raw[256];
	size_t size = sizeof made;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *inside = NULL;
	g_assert_true(EVP_DigestSignInit(context, &inside, edwards ? NULL : digest_of(algorithm), NULL, key->pkey) == 1);
	if (algorithm[0] == 'P') {
		EVP_PKEY_CTX_set_rsa_padding(inside, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(inside, RSA_PSS_SALTLEN_DIGEST);
	}
	g_assert_true(EVP_DigestSign(context, made, &size, (const uint8_t *)input, strlen(input)) == 1);
	EVP_MD_CTX_free(context);
	if (strcmp(key->kind, "EC") == 0) {
		size = raw_of(made, size, key->field, raw);
		memcpy(made, raw, size);
	}
	third = base64url_encode(made, size);
	return g_strdup_printf("%s.%s", input, third);
}

char *mint_hs256(const char *secret, const char *header, const char *payload)
{
	g_autofree char *input = input_of(header, payload), *third = NULL;
	uint8_t made[32];
	unsigned size = 0;
	HMAC(EVP_sha256(), secret, (int)strlen(secret), (const uint8_t *)input, strlen(input), made, &size);
	third = base64url_encode(made, size);
	return g_strdup_printf("%s.%s", input, third);
}

static void member_set(json_t *jwk, const char *name, const EVP_PKEY *pkey, const char *parameter, unsigned size)
{
	BIGNUM *number = NULL;
	uint8_t bytes[1024];
	g_assert_true(EVP_PKEY_get_bn_param(pkey, parameter, &number) == 1);
	const size_t length = size ? size : (size_t)BN_num_bytes(number);
	BN_bn2binpad(number, bytes, (int)length);
	BN_free(number);
	g_autofree char *text = base64url_encode(bytes, length);
	json_object_set_new(jwk, name, json_string(text));
}

json_t *mint_jwk(const char *name)
{
	const struct key *key = key_named(name);
	json_t *jwk = json_pack("{s:s, s:s, s:s*}", "kty", key->kind, "kid", key->name, "crv", key->group);
	if (key->bits) {
		member_set(jwk, "n", key->pkey, OSSL_PKEY_PARAM_RSA_N, 0);
		member_set(jwk, "e", key->pkey, OSSL_PKEY_PARAM_RSA_E, 0);
	} else if (strcmp(key->kind, "EC") == 0) {
		member_set(jwk, "x", key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, key->field);
		member_set(jwk, "y", key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, key->field);
	} else {
		uint8_t bytes[32];
		size_t size = sizeof bytes;
		EVP_PKEY_get_raw_public_key(key->pkey, bytes, &size);
		g_autofree char *text = base64url_encode(bytes, size);
		json_object_set_new(jwk, "x", json_string(text));
	}
	return jwk;
}

char *mint_jwks(const char *name, ...)
{
	json_t *list = json_array(), *document = json_pack("{s:o}", "keys", list);
	va_list names;
	va_start(names, name);
	for (; name; name = va_arg(names, const char *))
		json_array_append_new(list, mint_jwk(name));
	va_end(names);
	char *text = json_dumps(document, JSON_COMPACT), *copy = g_strdup(text);
	free(text);
	json_decref(document);
	return copy;
}

char *mint_pem(const char *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	PEM_write_bio_PUBKEY(bio, key_named(name)->pkey);
	const long length = BIO_get_mem_data(bio, &data);
	char *text = g_strndup(data, (gsize)length);
	BIO_free(bio);
	return text;
}

char *mint_patched(const char *base, const char *patch)
{
	json_t *object = json_loads(base, 0, NULL), *changes = json_loads(patch, 0, NULL), *value;
	const char *key;
	g_assert_nonnull(object);
	g_assert_nonnull(changes);
	json_object_foreach(changes, key, value) {
		if (json_is_null(value))
			json_object_del(object, key);
		else
			json_object_set(object, key, value);
	}
	char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17)), *copy = g_strdup(text);
	free(text);
	json_decref(object);
	json_decref(changes);
	return copy;
}
