/* JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037): reading those of others, writing our public ones.
 *
 * A JWK that a client registered comes from outside: its members must have the exact sizes, its point must lie on the curve, and what it says
 * about itself (alg, use, key_ops) must agree with the one algorithm it is read for (RFC 8725 section 3.1).
 */
#include "base/encoding.h"
#include "base/errors.h"
#include "crypto/compare.h"
#include "crypto/jose_internal.h"
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#define MEMBER_MAX 1024 /* bytes: a modulus of 8,192 bits */
#define FIELD 32        /* bytes of a P-256 coordinate and of an Ed25519 key */

struct member {
	const char *name;      /* in the JWK */
	const char *parameter; /* in OpenSSL */
};

/* RFC 7518 section 6.3: all of the private ones or none. */
static const struct member rsa_public[] = { { "n", OSSL_PKEY_PARAM_RSA_N }, { "e", OSSL_PKEY_PARAM_RSA_E } };
static const struct member rsa_private[] = {
	{ "d", OSSL_PKEY_PARAM_RSA_D },           { "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },    { "q", OSSL_PKEY_PARAM_RSA_FACTOR2 },
	{ "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },  { "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 }, { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
};

/* The bytes of a base64url member, as a secret since it may be the private one. */
static struct secret *member_read(const json_t *jwk, const char *name, size_t exact_size)
{
	const char *text = json_string_at(jwk, name);
	size_t length = text ? strlen(text) : 0, size = 0;
	if (length == 0 || length > MEMBER_MAX * 4 / 3 + 2)
		return NULL;
	g_autoptr(secret_t) room = secret_new_empty(MEMBER_MAX);
	if (!base64url_decode(text, length, secret_writable(room), MEMBER_MAX, &size) || (exact_size && size != exact_size))
		return NULL;
	return secret_new(secret_bytes(room), size);
}

/* Base64urlUInt, RFC 7518 section 2: the minimum number of octets, so that one key has one text. */
static BIGNUM *number_read(const json_t *jwk, const char *name, size_t exact_size)
{
	g_autoptr(secret_t) bytes = member_read(jwk, name, exact_size);
	if (!bytes || (!exact_size && secret_bytes(bytes)[0] == 0))
		return NULL;
	BIGNUM *number = BN_secure_new();
	return BN_bin2bn(secret_bytes(bytes), (int)secret_length(bytes), number);
}

static EVP_PKEY *pkey_build(const char *type, OSSL_PARAM_BLD *builder, bool is_private)
{
	OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;
	if (!parameters || !context || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &pkey, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, parameters) != 1)
		g_clear_pointer(&pkey, EVP_PKEY_free);
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_free(parameters);
	return pkey;
}

/* The private half must belong to the public one it came with. (A point off the curve has been refused by EVP_PKEY_fromdata.) */
static EVP_PKEY *pkey_paired(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *context = pkey ? EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL) : NULL;
	if (!context || EVP_PKEY_pairwise_check(context) != 1)
		g_clear_pointer(&pkey, EVP_PKEY_free);
	EVP_PKEY_CTX_free(context);
	return pkey;
}

static EVP_PKEY *ec_read(const json_t *jwk, bool is_private)
{
	g_autoptr(secret_t) x = member_read(jwk, "x", FIELD);
	g_autoptr(secret_t) y = member_read(jwk, "y", FIELD);
	BIGNUM *d = is_private ? number_read(jwk, "d", FIELD) : NULL;
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;
	if (x && y && (d || !is_private)) {
		char group[] = "P-256";
		uint8_t point[1 + 2 * FIELD] = { 4 };
		memcpy(point + 1, secret_bytes(x), FIELD);
		memcpy(point + 1 + FIELD, secret_bytes(y), FIELD);
		if (OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
		    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1 &&
		    (!d || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1))
			pkey = pkey_build("EC", builder, is_private);
	}
	OSSL_PARAM_BLD_free(builder);
	BN_clear_free(d);
	return is_private ? pkey_paired(pkey) : pkey;
}

static bool rsa_members_push(const json_t *jwk, const struct member *members, size_t count, OSSL_PARAM_BLD *builder, GPtrArray *numbers)
{
	for (size_t i = 0; i < count; i++) {
		BIGNUM *number = number_read(jwk, members[i].name, 0);
		if (!number)
			return false;
		g_ptr_array_add(numbers, number);
		if (OSSL_PARAM_BLD_push_BN(builder, members[i].parameter, number) != 1)
			return false;
	}
	return true;
}

static void number_free(void *number)
{
	BN_clear_free(number);
}

static EVP_PKEY *rsa_read(const json_t *jwk, bool is_private)
{
	g_autoptr(GPtrArray) numbers = g_ptr_array_new_with_free_func(number_free);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;
	if (rsa_members_push(jwk, rsa_public, G_N_ELEMENTS(rsa_public), builder, numbers) &&
	    (!is_private || rsa_members_push(jwk, rsa_private, G_N_ELEMENTS(rsa_private), builder, numbers)))
		pkey = pkey_build("RSA", builder, is_private);
	OSSL_PARAM_BLD_free(builder);
	return is_private ? pkey_paired(pkey) : pkey;
}

static EVP_PKEY *okp_read(const json_t *jwk, bool is_private)
{
	g_autoptr(secret_t) x = member_read(jwk, "x", FIELD);
	g_autoptr(secret_t) d = is_private ? member_read(jwk, "d", FIELD) : NULL;
	if (!x || (is_private && !d))
		return NULL;
	if (!is_private)
		return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, secret_bytes(x), FIELD);
	EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, secret_bytes(d), FIELD);
	uint8_t derived[FIELD];
	size_t size = sizeof derived;
	if (!pkey || EVP_PKEY_get_raw_public_key(pkey, derived, &size) != 1 || !secrets_equal(derived, size, secret_bytes(x), FIELD))
		g_clear_pointer(&pkey, EVP_PKEY_free);
	return pkey;
}

static bool operations_allow(const json_t *jwk)
{
	const json_t *use = json_object_get(jwk, "use"), *operations = json_object_get(jwk, "key_ops");
	if (use && g_strcmp0(json_string_value(use), "sig") != 0)
		return false;
	return !operations || json_array_has(operations, "verify") || json_array_has(operations, "sign");
}

static bool member_is(const json_t *jwk, const char *name, const char *expected)
{
	return g_strcmp0(json_string_at(jwk, name), expected) == 0;
}

static EVP_PKEY *pkey_read(enum jose_algorithm algorithm, const json_t *jwk, bool is_private)
{
	switch (algorithm) {
	case JOSE_NONE:
		return NULL;
	case JOSE_ES256:
		return member_is(jwk, "kty", "EC") && member_is(jwk, "crv", "P-256") ? ec_read(jwk, is_private) : NULL;
	case JOSE_RS256:
	case JOSE_PS256:
		return member_is(jwk, "kty", "RSA") ? rsa_read(jwk, is_private) : NULL;
	case JOSE_ED25519:
		return member_is(jwk, "kty", "OKP") && member_is(jwk, "crv", "Ed25519") ? okp_read(jwk, is_private) : NULL;
	}
	return NULL;
}

struct jose_key *jose_key_from_jwk(enum jose_algorithm algorithm, const json_t *jwk, GError **error)
{
	const json_t *named = json_object_get(jwk, "alg");
	if (algorithm == JOSE_NONE || !json_is_object(jwk)) {
		fail(error, ERROR_MALFORMED, "not a JSON Web Key, or no algorithm to read it for");
		return NULL;
	}
	if (named && jose_algorithm_named(json_string_value(named)) != algorithm) {
		fail(error, ERROR_MALFORMED, "the JWK's alg is not %s", jose_algorithm_name(algorithm));
		return NULL;
	}
	if (!operations_allow(jwk)) {
		fail(error, ERROR_MALFORMED, "the JWK's use or key_ops exclude signatures");
		return NULL;
	}
	bool is_private = json_object_get(jwk, "d") != NULL;
	EVP_PKEY *pkey = pkey_read(algorithm, jwk, is_private);
	if (!pkey) {
		ERR_clear_error();
		fail(error, ERROR_MALFORMED, "the JWK's members are not those of a key for %s", jose_algorithm_name(algorithm));
		return NULL;
	}
	return jose_key_around(algorithm, pkey, is_private, error);
}

json_t *jose_key_public_jwk(const struct jose_key *key)
{
	const char *algorithm = jose_algorithm_name(key->algorithm);
	switch (key->algorithm) {
	case JOSE_NONE:
		break;
	case JOSE_ES256:
		return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "x", key->first, "y", key->second, "kid",
		                 key->thumbprint, "use", "sig", "alg", algorithm);
	case JOSE_RS256:
	case JOSE_PS256:
		return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "RSA", "n", key->first, "e", key->second, "kid", key->thumbprint, "use",
		                 "sig", "alg", algorithm);
	case JOSE_ED25519:
		return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kty", "OKP", "crv", "Ed25519", "x", key->first, "kid", key->thumbprint, "use",
		                 "sig", "alg", algorithm);
	}
	return NULL;
}
