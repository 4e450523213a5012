/* Tokens that must be refused (RFC 8725 sections 2 and 3; SECURITY TK-1, TK-2, TK-8). Each is signed with the right key where that is
 * possible, so that only the check under test can refuse it. */
#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/jose_internal.h"
#include "crypto_tests.h"
#include "vectors.h"
#include <openssl/rsa.h>

/* The token with this header and payload, truly signed by the key. */
static char *token_with(const struct jose_key *key, const char *header, const char *payload)
{
	g_autofree char *first = base64url_encode(header, strlen(header));
	g_autofree char *second = base64url_encode(payload, strlen(payload));
	g_autofree char *input = g_strconcat(first, ".", second, NULL);
	uint8_t signature[JOSE_SIGNATURE_MAX];
	size_t size;
	assert_true(signature_make(key, input, strlen(input), signature, &size));
	g_autofree char *third = base64url_encode(signature, size);
	return g_strconcat(input, ".", third, NULL);
}

static bool accepted(const char *compact, size_t length, const struct jose_key *key)
{
	GError *error = NULL;
	g_autoptr(jws_t) jws = jws_parse(compact, length, &error);
	g_autoptr(json_t) claims = jws ? jws_verify(jws, key, &error) : NULL;
	assert_int_equal(claims == NULL, error != NULL);
	if (error)
		assert_fails_with(error, ERROR_INVALID_TOKEN);
	return claims != NULL;
}

static void header_refused(const struct jose_key *key, const char *header)
{
	g_autofree char *compact = token_with(key, header, "{\"sub\":\"mallory\"}");
	if (accepted(compact, strlen(compact), key))
		fail_msg("accepted header: %s", header);
}

static int key_make(void **state)
{
	*state = key_of_jwk(JOSE_ES256, RFC7515_A3_PRIVATE_JWK);
	return *state ? 0 : -1;
}

static int key_free(void **state)
{
	jose_key_free(*state);
	return 0;
}

/* The net under the rest: what token_with makes is good when nothing is wrong with it. */
static void good_header_is_accepted(void **state)
{
	static const char *const headers[] = { "{\"alg\":\"ES256\"}", "{\"typ\":\"JWT\",\"alg\":\"ES256\",\"kid\":\"x\",\"cty\":\"json\"}",
		                               " {\"alg\" : \"ES256\"} " };
	for (size_t i = 0; i < G_N_ELEMENTS(headers); i++) {
		g_autofree char *compact = token_with(*state, headers[i], "{\"sub\":\"alice\"}");
		assert_true(accepted(compact, strlen(compact), *state));
	}
}

static void other_algorithms_are_refused(void **state)
{
	static const char *const algorithms[] = { "none", "NONE", "None", "nOnE", "", "HS256", "HS384", "HS512", "RS256", "PS256", "EdDSA", "Ed25519",
		                                  "ES384", "ES512", "ES256K", "es256", "ES256\\u0000", " ES256", "RSA1_5", "dir" };
	for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
		g_autofree char *header = g_strdup_printf("{\"alg\":\"%s\"}", algorithms[i]);
		header_refused(*state, header);
	}
	header_refused(*state, "{}");
	header_refused(*state, "{\"alg\":null}");
	header_refused(*state, "{\"alg\":[\"ES256\"]}");
	header_refused(*state, "{\"ALG\":\"ES256\"}");
}

static void unsecured_and_hmac_examples_are_refused(void **state)
{
	assert_false(accepted(RFC7519_NONE, strlen(RFC7519_NONE), *state));
	assert_false(accepted(RFC7519_HS256, strlen(RFC7519_HS256), *state));
}

/* The classic: an HMAC whose key is the public key's text. */
static void public_key_is_no_hmac_key(void **state)
{
	uint8_t mac[DIGEST_SIZE];
	g_autoptr(json_t) jwk = jose_key_public_jwk(*state);
	g_autofree char *text = json_text(jwk);
	static const char input[] = "eyJhbGciOiJIUzI1NiJ9." RFC7515_PAYLOAD;
	digest_hmac(text, strlen(text), input, strlen(input), mac);
	g_autofree char *signature = base64url_encode(mac, sizeof mac);
	g_autofree char *compact = g_strconcat(input, ".", signature, NULL);
	assert_false(accepted(compact, strlen(compact), *state));
}

static void rsa_schemes_do_not_stand_for_each_other(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) rs = key_of_jwk(JOSE_RS256, RFC7515_A2_PRIVATE_JWK);
	g_autoptr(jose_key_t) ps = key_of_jwk(JOSE_PS256, RFC7515_A2_PRIVATE_JWK);
	const struct jose_key *const keys[] = { rs, ps };
	for (size_t i = 0; i < 2; i++) {
		const struct jose_key *key = keys[i], *other = keys[1 - i];
		g_autofree char *header = g_strdup_printf("{\"alg\":\"%s\"}", jose_algorithm_name(jose_key_algorithm(key)));
		g_autofree char *good = token_with(key, header, "{}");
		g_autofree char *mixed = token_with(other, header, "{}");
		assert_true(accepted(good, strlen(good), key));
		/* The right header with the other scheme's signature, and the other's key for it. */
		assert_false(accepted(mixed, strlen(mixed), key));
		assert_false(accepted(mixed, strlen(mixed), other));
		assert_false(accepted(good, strlen(good), other));
	}
}

static void headers_that_bring_keys_or_extensions_are_refused(void **state)
{
	static const char *const members[] = {
		"\"crit\":[\"exp\"]", "\"crit\":[]", "\"crit\":null", "\"b64\":false", "\"b64\":true", "\"zip\":\"DEF\"",
		"\"jku\":\"https://evil.example/jwks\"", "\"x5u\":\"https://evil.example/cert\"", "\"x5c\":[\"MIIB\"]",
		"\"jwk\":" RFC7515_A3_PUBLIC_JWK, "\"jwk\":" RFC7515_A3_PRIVATE_JWK,
	};
	for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
		g_autofree char *header = g_strdup_printf("{\"alg\":\"ES256\",%s}", members[i]);
		header_refused(*state, header);
	}
}

static void ambiguous_headers_are_refused(void **state)
{
	header_refused(*state, "{\"alg\":\"none\",\"alg\":\"ES256\"}");
	header_refused(*state, "{\"alg\":\"ES256\",\"alg\":\"ES256\"}");
	header_refused(*state, "{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}");
	header_refused(*state, "{\"alg\":\"ES256\",\"kid\":\"a\",\"kid\":\"b\"}");
	header_refused(*state, "{\"alg\":\"ES256\",\"kid\":7}");
	header_refused(*state, "{\"alg\":\"ES256\",\"typ\":[\"JWT\"]}");
	header_refused(*state, "{\"alg\":\"ES256\"}{}");
	header_refused(*state, "{\"alg\":\"ES256\"");
	header_refused(*state, "[\"ES256\"]");
	header_refused(*state, "\"ES256\"");
	header_refused(*state, "{\"alg\":\"ES256\",\"kid\":\"\xff\xfe\"}");
}

static void payloads_that_are_no_object_are_refused(void **state)
{
	static const char *const payloads[] = {
		"[]", "\"x\"", "1", "null", "{\"sub\":\"a\",\"sub\":\"b\"}", "{\"sub\":\"a\"} x", "{", "\xef\xbb\xbf{}",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(payloads); i++) {
		g_autofree char *compact = token_with(*state, "{\"alg\":\"ES256\"}", payloads[i]);
		assert_false(accepted(compact, strlen(compact), *state));
	}
	g_autoptr(GString) deep = g_string_new("{\"a\":");
	for (int i = 0; i < 40; i++)
		g_string_append_c(deep, '[');
	for (int i = 0; i < 40; i++)
		g_string_append_c(deep, ']');
	g_string_append_c(deep, '}');
	g_autofree char *compact = token_with(*state, "{\"alg\":\"ES256\"}", deep->str);
	assert_false(accepted(compact, strlen(compact), *state));
}

static void other_texts_of_one_token_are_refused(void **state)
{
	static const char good[] = RFC7515_A3_INPUT "." RFC7515_A3_SIGNATURE;
	assert_true(accepted(good, strlen(good), *state));
	static const char *const others[] = {
		" " RFC7515_A3_INPUT "." RFC7515_A3_SIGNATURE,
		RFC7515_A3_INPUT "." RFC7515_A3_SIGNATURE " ",
		RFC7515_A3_INPUT "." RFC7515_A3_SIGNATURE "\n",
		RFC7515_A3_INPUT "." RFC7515_A3_SIGNATURE "==",
		RFC7515_A3_INPUT "." RFC7515_A3_SIGNATURE ".",
		RFC7515_A3_INPUT "." RFC7515_A3_SIGNATURE "." RFC7515_A3_SIGNATURE,
		"." RFC7515_A3_INPUT "." RFC7515_A3_SIGNATURE,
		RFC7515_A3_INPUT ".",
		RFC7515_A3_INPUT "..",
		RFC7515_A3_INPUT,
		"eyJhbGciOiJFUzI1NiJ9.." RFC7515_A3_SIGNATURE,
		"." RFC7515_PAYLOAD "." RFC7515_A3_SIGNATURE,
		"..",
		".",
		"",
		/* Non-zero bits behind the last byte, and the other base64 alphabet. */
		RFC7515_A3_INPUT ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1R",
		RFC7515_A3_INPUT ".DtEhU3ljbEg8L38VWAfUAqOyKAM6+Xx+F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3+Kg6NU1Q",
		/* Five parts: JWE. */
		"eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA",
		"{\"payload\":\"e30\",\"signatures\":[]}",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		if (accepted(others[i], strlen(others[i]), *state))
			fail_msg("accepted: %s", others[i]);
	/* What follows a NUL is part of the text, not beyond its end. */
	static const char with_nul[] = RFC7515_A3_INPUT "." RFC7515_A3_SIGNATURE "\0";
	assert_false(accepted(with_nul, sizeof with_nul - 1, *state));
}

static void changed_bytes_are_noticed(void **state)
{
	g_autofree char *compact = token_with(*state, "{\"alg\":\"ES256\"}", "{\"sub\":\"alice\"}");
	size_t length = strlen(compact);
	for (size_t i = 0; i < length; i++) {
		char kept = compact[i];
		for (const char *c = "Ab0_"; *c; c++) {
			compact[i] = *c;
			assert_true(*c == kept || !accepted(compact, length, *state));
		}
		compact[i] = kept;
	}
	for (size_t cut = 0; cut < length; cut++)
		assert_false(accepted(compact, cut, *state));
}

/* CVE-2022-21449 and its kin: r or s of zero, or not below the order. */
static void degenerate_ecdsa_signatures_are_refused(void **state)
{
	static const char order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	uint8_t signature[65];
	for (int which = 0; which < 5; which++) {
		memset(signature, 0, sizeof signature);
		if (which == 1 || which == 3)
			bytes_of_hex(order, signature);
		if (which == 2 || which == 3)
			bytes_of_hex(order, signature + 32);
		if (which == 4)
			memset(signature, 0xff, sizeof signature);
		for (size_t size = 0; size <= 65; size++)
			assert_false(signature_holds(*state, "text", 4, signature, size));
	}
}

/* JWS wants r and s side by side; the DER form of the same signature would be a second text of it. */
static void der_form_is_refused(void **state)
{
	const struct jose_key *key = *state;
	uint8_t der[80];
	size_t size = sizeof der;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey), 1);
	assert_int_equal(EVP_DigestSign(context, der, &size, (const uint8_t *)"text", 4), 1);
	EVP_MD_CTX_free(context);
	assert_false(signature_holds(key, "text", 4, der, size));
}

static void signature_of_another_length_is_refused(void **state)
{
	(void)state;
	static const enum jose_algorithm every[] = { JOSE_ES256, JOSE_RS256, JOSE_PS256, JOSE_ED25519 };
	for (size_t i = 0; i < G_N_ELEMENTS(every); i++) {
		g_autoptr(jose_key_t) key = jose_key_generate(every[i]);
		uint8_t signature[JOSE_SIGNATURE_MAX] = { 0 };
		size_t size;
		assert_true(signature_make(key, "text", 4, signature, &size));
		assert_true(signature_holds(key, "text", 4, signature, size));
		assert_false(signature_holds(key, "text", 4, signature, size + 1));
		assert_false(signature_holds(key, "text", 4, signature, size - 1));
		assert_false(signature_holds(key, "text", 4, signature, 0));
	}
}

/* RFC 7518 section 3.5: the salt has the length of the digest, and no other signature of the same key and text will do. */
static void other_pss_salts_are_refused(void **state)
{
	(void)state;
	static const struct {
		int salt;
		bool good;
	} cases[] = { { 32, true }, { 0, false }, { 20, false }, { 31, false }, { 64, false }, { RSA_PSS_SALTLEN_MAX, false } };
	g_autoptr(jose_key_t) key = jose_key_generate(JOSE_PS256);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint8_t signature[JOSE_SIGNATURE_MAX];
		size_t size = sizeof signature;
		EVP_PKEY_CTX *settings;
		EVP_MD_CTX *context = EVP_MD_CTX_new();
		assert_int_equal(EVP_DigestSignInit(context, &settings, EVP_sha256(), NULL, key->pkey), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, cases[i].salt), 1);
		assert_int_equal(EVP_DigestSign(context, signature, &size, (const uint8_t *)"text", 4), 1);
		EVP_MD_CTX_free(context);
		assert_int_equal(signature_holds(key, "text", 4, signature, size), cases[i].good);
	}
}

static void key_of_another_is_refused(void **state)
{
	(void)state;
	static const enum jose_algorithm every[] = { JOSE_ES256, JOSE_RS256, JOSE_PS256, JOSE_ED25519 };
	for (size_t i = 0; i < G_N_ELEMENTS(every); i++) {
		g_autoptr(jose_key_t) ours = jose_key_generate(every[i]);
		g_autoptr(jose_key_t) theirs = jose_key_generate(every[i]);
		g_autofree char *compact = jws_sign(theirs, "JWT", "{}", 2, NULL);
		assert_true(accepted(compact, strlen(compact), theirs));
		assert_false(accepted(compact, strlen(compact), ours));
	}
}

static void oversized_tokens_are_refused(void **state)
{
	g_autofree char *filling = g_strnfill(13 * 1024, 'a');
	g_autofree char *payload = g_strdup_printf("{\"a\":\"%.*s\"}", 11 * 1024, filling);
	g_autofree char *fits = token_with(*state, "{\"alg\":\"ES256\"}", payload);
	assert_true(strlen(fits) < JOSE_COMPACT_MAX);
	assert_true(accepted(fits, strlen(fits), *state));
	g_autofree char *large_payload = g_strdup_printf("{\"a\":\"%s\"}", filling);
	g_autofree char *large = token_with(*state, "{\"alg\":\"ES256\"}", large_payload);
	assert_true(strlen(large) > 17 * 1024);
	assert_false(accepted(large, strlen(large), *state));
	g_autofree char *large_header = g_strdup_printf("{\"alg\":\"ES256\",\"kid\":\"%.5000s\"}", filling);
	header_refused(*state, large_header);
}

static void huge_signatures_are_refused(void **state)
{
	g_autofree char *filling = g_strnfill(2000, 'A');
	g_autofree char *compact = g_strconcat(RFC7515_A3_INPUT, ".", filling, NULL);
	assert_false(accepted(compact, strlen(compact), *state));
}

#define with_key(test) cmocka_unit_test_setup_teardown(test, key_make, key_free)
static const struct CMUnitTest tests[] = {
	with_key(good_header_is_accepted),
	with_key(other_algorithms_are_refused),
	with_key(unsecured_and_hmac_examples_are_refused),
	with_key(public_key_is_no_hmac_key),
	with_key(rsa_schemes_do_not_stand_for_each_other),
	with_key(headers_that_bring_keys_or_extensions_are_refused),
	with_key(ambiguous_headers_are_refused),
	with_key(payloads_that_are_no_object_are_refused),
	with_key(other_texts_of_one_token_are_refused),
	with_key(changed_bytes_are_noticed),
	with_key(degenerate_ecdsa_signatures_are_refused),
	with_key(der_form_is_refused),
	cmocka_unit_test(signature_of_another_length_is_refused),
	cmocka_unit_test(other_pss_salts_are_refused),
	with_key(key_of_another_is_refused),
	with_key(oversized_tokens_are_refused),
	with_key(huge_signatures_are_refused),
};
TEST_GROUP(jws_attack_group, tests);
