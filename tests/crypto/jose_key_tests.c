/* Keys: thumbprints and public members by the vectors; every key that does not fit its algorithm is refused. */
#include "base/encoding.h"
#include "crypto/jose_internal.h"
#include "crypto_tests.h"
#include "vectors.h"
#include <openssl/ec.h>
#include <openssl/x509.h>

static const enum jose_algorithm every[] = { JOSE_ES256, JOSE_RS256, JOSE_PS256, JOSE_ED25519 };

static void algorithm_names(void **state)
{
	(void)state;
	static const char *const foreign[] = { "none", "None", "", "HS256", "RS512", "ES384", "ES256K", "es256", "ES256 ", "dir", "EdDSa" };
	for (size_t i = 0; i < G_N_ELEMENTS(every); i++)
		assert_int_equal(jose_algorithm_named(jose_algorithm_name(every[i])), every[i]);
	assert_int_equal(jose_algorithm_named("EdDSA"), JOSE_ED25519);
	assert_string_equal(jose_algorithm_name(JOSE_ED25519), "Ed25519");
	for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++)
		assert_int_equal(jose_algorithm_named(foreign[i]), JOSE_NONE);
	assert_int_equal(jose_algorithm_named(NULL), JOSE_NONE);
}

static void thumbprints_of_the_rfcs(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) rsa = key_of_jwk(JOSE_RS256, RFC7638_JWK);
	g_autoptr(jose_key_t) okp = key_of_jwk(JOSE_ED25519, RFC8037_PUBLIC_JWK);
	assert_non_null(rsa);
	assert_non_null(okp);
	assert_string_equal(jose_key_id(rsa), RFC7638_THUMBPRINT);
	assert_string_equal(jose_key_id(okp), RFC8037_THUMBPRINT);
}

static void public_jwk_shows_no_private_member(void **state)
{
	(void)state;
	static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi", "k", "oth" };
	for (size_t i = 0; i < G_N_ELEMENTS(every); i++) {
		g_autoptr(jose_key_t) key = jose_key_generate(every[i]);
		g_autoptr(json_t) jwk = jose_key_public_jwk(key);
		for (size_t j = 0; j < G_N_ELEMENTS(private_members); j++)
			assert_null(json_object_get(jwk, private_members[j]));
		assert_string_equal(json_string_at(jwk, "kid"), jose_key_id(key));
		assert_string_equal(json_string_at(jwk, "use"), "sig");
		assert_string_equal(json_string_at(jwk, "alg"), jose_algorithm_name(every[i]));
		g_autoptr(jose_key_t) read = jose_key_from_jwk(every[i], jwk, NULL);
		assert_non_null(read);
		assert_string_equal(jose_key_id(read), jose_key_id(key));
		assert_false(read->is_private);
	}
}

static void public_jwk_of_the_rfc(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) key = key_of_jwk(JOSE_ES256, RFC7515_A3_PRIVATE_JWK);
	g_autoptr(json_t) jwk = jose_key_public_jwk(key);
	assert_string_equal(json_string_at(jwk, "x"), RFC7515_A3_X);
	assert_string_equal(json_string_at(jwk, "y"), RFC7515_A3_Y);
	assert_string_equal(json_string_at(jwk, "crv"), "P-256");
	g_autoptr(jose_key_t) rsa = key_of_jwk(JOSE_PS256, RFC7515_A2_PUBLIC_JWK);
	g_autoptr(json_t) rsa_jwk = jose_key_public_jwk(rsa);
	assert_string_equal(json_string_at(rsa_jwk, "n"), RFC7515_A2_N);
	assert_string_equal(json_string_at(rsa_jwk, "e"), "AQAB");
}

static void exported_key_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(every); i++) {
		g_autoptr(jose_key_t) key = jose_key_generate(every[i]);
		g_autoptr(secret_t) pkcs8 = jose_key_export(key);
		g_autoptr(jose_key_t) back = jose_key_import(every[i], pkcs8, NULL);
		assert_non_null(back);
		assert_string_equal(jose_key_id(back), jose_key_id(key));
		uint8_t signature[JOSE_SIGNATURE_MAX];
		size_t size;
		assert_true(signature_make(back, "text", 4, signature, &size));
		assert_true(signature_holds(key, "text", 4, signature, size));
	}
}

static void import_refuses_what_does_not_fit(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(every); i++) {
		g_autoptr(jose_key_t) key = jose_key_generate(every[i]);
		g_autoptr(secret_t) pkcs8 = jose_key_export(key);
		for (size_t j = 0; j < G_N_ELEMENTS(every); j++) {
			/* RS256 and PS256 keys are both RSA: the algorithm is what we say it is, which sealing keeps beside the key. */
			bool both_rsa = every[i] != JOSE_ES256 && every[i] != JOSE_ED25519 && every[j] != JOSE_ES256 && every[j] != JOSE_ED25519;
			g_autoptr(jose_key_t) other = jose_key_import(every[j], pkcs8, NULL);
			assert_int_equal(other != NULL, i == j || both_rsa);
		}
		g_autoptr(secret_t) cut = secret_new(secret_bytes(pkcs8), secret_length(pkcs8) - 1);
		g_autoptr(secret_t) longer = secret_new(secret_bytes(pkcs8), secret_length(pkcs8) + 1);
		GError *error = NULL;
		assert_null(jose_key_import(every[i], cut, &error));
		assert_fails_with(error, ERROR_MALFORMED);
		assert_null(jose_key_import(every[i], longer, &error));
		assert_fails_with(error, ERROR_MALFORMED);
	}
}

static struct secret *pkcs8_of(EVP_PKEY *pkey)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	uint8_t *der = NULL;
	int length = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	assert_true(length > 0);
	struct secret *pkcs8 = secret_new(der, (size_t)length);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
	return pkcs8;
}

static void weak_and_foreign_keys_are_refused(void **state)
{
	(void)state;
	g_autoptr(secret_t) p384 = pkcs8_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"));
	g_autoptr(secret_t) k1 = pkcs8_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"));
	g_autoptr(secret_t) rsa1024 = pkcs8_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024));
	g_autoptr(secret_t) x25519 = pkcs8_of(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
	g_autoptr(secret_t) ed448 = pkcs8_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"));
	const struct secret *const keys[] = { p384, k1, rsa1024, x25519, ed448 };
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		for (size_t j = 0; j < G_N_ELEMENTS(every); j++)
			assert_null(jose_key_import(every[j], keys[i], NULL));
}

static void malformed_jwks_are_refused(void **state)
{
	(void)state;
	static const struct {
		enum jose_algorithm algorithm;
		const char *jwk;
	} cases[] = {
		/* For another algorithm than it says, or than it can. */
		{ JOSE_PS256, RFC7638_JWK },
		{ JOSE_ES256, RFC7638_JWK },
		{ JOSE_RS256, RFC7515_A3_PUBLIC_JWK },
		{ JOSE_ED25519, RFC7515_A3_PUBLIC_JWK },
		{ JOSE_ES256, RFC8037_PUBLIC_JWK },
		{ JOSE_NONE, RFC7515_A3_PUBLIC_JWK },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"none\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":256,\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}" },
		{ JOSE_ES256, "{\"kty\":\"oct\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}" },
		/* For encryption. */
		{ JOSE_ES256, "{\"kty\":\"EC\",\"use\":\"enc\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"use\":1,\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"key_ops\":[\"encrypt\"],\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\"}" },
		/* A point off the curve, a coordinate missing, short, long, padded. */
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_Y "\",\"y\":\"" RFC7515_A3_Y "\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		              "AAAAAAAAAAAAAAA\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"x_FEzRu9\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "AA\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "=\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":null}" },
		/* The private half of another key, or none at all. */
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\",\"d\":\"" RFC8037_D "\"}" },
		{ JOSE_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" RFC7515_A3_X "\",\"y\":\"" RFC7515_A3_Y "\",\"d\":7}" },
		{ JOSE_ED25519, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC7515_A3_X "\",\"d\":\"" RFC8037_D "\"}" },
		{ JOSE_ED25519, "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" RFC8037_X "\"}" },
		{ JOSE_ED25519, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}" },
		/* RSA: 512 bits, exponents 1, 2, 3 and 65536, none, a leading zero, half a private key. */
		{ JOSE_RS256, "{\"kty\":\"RSA\",\"n\":\"" RFC7515_A3_X "" RFC7515_A3_Y "\",\"e\":\"AQAB\"}" },
		{ JOSE_RS256, "{\"kty\":\"RSA\",\"n\":\"" RFC7515_A2_N "\",\"e\":\"AQ\"}" },
		{ JOSE_RS256, "{\"kty\":\"RSA\",\"n\":\"" RFC7515_A2_N "\",\"e\":\"Ag\"}" },
		{ JOSE_RS256, "{\"kty\":\"RSA\",\"n\":\"" RFC7515_A2_N "\",\"e\":\"Aw\"}" },
		{ JOSE_RS256, "{\"kty\":\"RSA\",\"n\":\"" RFC7515_A2_N "\",\"e\":\"AQAA\"}" },
		{ JOSE_RS256, "{\"kty\":\"RSA\",\"n\":\"" RFC7515_A2_N "\",\"e\":\"AA\"}" },
		{ JOSE_RS256, "{\"kty\":\"RSA\",\"n\":\"" RFC7515_A2_N "\",\"e\":\"AAEAAQ\"}" },
		{ JOSE_RS256, "{\"kty\":\"RSA\",\"n\":\"" RFC7515_A2_N "\",\"e\":\"" RFC7515_A3_X "\"}" },
		{ JOSE_RS256, "{\"kty\":\"RSA\",\"n\":\"" RFC7515_A2_N "\"}" },
		{ JOSE_RS256, "{\"kty\":\"RSA\",\"n\":\"" RFC7515_A2_N "\",\"e\":\"AQAB\",\"d\":\"" RFC7515_A2_D "\"}" },
		{ JOSE_RS256, "{}" },
		{ JOSE_ES256, "[]" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(json_t) jwk = json_loads(cases[i].jwk, 0, NULL);
		GError *error = NULL;
		assert_non_null(jwk);
		struct jose_key *key = jose_key_from_jwk(cases[i].algorithm, jwk, &error);
		if (key)
			fail_msg("accepted: %s", cases[i].jwk);
		assert_fails_with(error, ERROR_MALFORMED);
	}
}

static void too_large_rsa_is_refused(void **state)
{
	(void)state;
	g_autofree uint8_t *modulus = g_malloc(1025);
	memset(modulus, 0xff, 1025);
	for (size_t size = 255; size <= 1025; size += 770) {
		g_autofree char *n = base64url_encode(modulus, size);
		g_autoptr(json_t) jwk = json_pack("{s:s, s:s, s:s}", "kty", "RSA", "n", n, "e", "AQAB");
		assert_null(jose_key_from_jwk(JOSE_RS256, jwk, NULL));
	}
}

static void references_are_counted(void **state)
{
	(void)state;
	struct jose_key *key = jose_key_generate(JOSE_ES256);
	struct jose_key *again = jose_key_ref(key);
	jose_key_free(key);
	uint8_t signature[JOSE_SIGNATURE_MAX];
	size_t size;
	assert_true(signature_make(again, "text", 4, signature, &size));
	jose_key_free(again);
	jose_key_free(NULL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(algorithm_names),
	cmocka_unit_test(thumbprints_of_the_rfcs),
	cmocka_unit_test(public_jwk_shows_no_private_member),
	cmocka_unit_test(public_jwk_of_the_rfc),
	cmocka_unit_test(exported_key_comes_back),
	cmocka_unit_test(import_refuses_what_does_not_fit),
	cmocka_unit_test(weak_and_foreign_keys_are_refused),
	cmocka_unit_test(malformed_jwks_are_refused),
	cmocka_unit_test(too_large_rsa_is_refused),
	cmocka_unit_test(references_are_counted),
};
TEST_GROUP(jose_key_group, tests);
