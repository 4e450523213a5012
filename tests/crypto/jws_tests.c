/* Signatures that must hold: the RFCs' vectors, our own, and from many threads on one key. */
#include "base/encoding.h"
#include "crypto/jose_internal.h"
#include "crypto_tests.h"
#include "vectors.h"
#include <pthread.h>

static const enum jose_algorithm every[] = { JOSE_ES256, JOSE_RS256, JOSE_PS256, JOSE_ED25519 };

static json_t *verified(const char *compact, const struct jose_key *key)
{
	g_autoptr(jws_t) jws = jws_parse(compact, strlen(compact), NULL);
	assert_non_null(jws);
	return jws_verify(jws, key, NULL);
}

static void rfc7515_signatures_hold(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) rsa = key_of_jwk(JOSE_RS256, RFC7515_A2_PUBLIC_JWK);
	g_autoptr(jose_key_t) ec = key_of_jwk(JOSE_ES256, RFC7515_A3_PUBLIC_JWK);
	g_autoptr(json_t) by_rsa = verified(RFC7515_A2_INPUT "." RFC7515_A2_SIGNATURE, rsa);
	g_autoptr(json_t) by_ec = verified(RFC7515_A3_INPUT "." RFC7515_A3_SIGNATURE, ec);
	assert_string_equal(json_string_at(by_rsa, "iss"), "joe");
	assert_string_equal(json_string_at(by_ec, "iss"), "joe");
}

/* RS256 and Ed25519 are deterministic, so we must make the very signatures of the RFCs. */
static void rfc_signatures_are_made(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) rsa = key_of_jwk(JOSE_RS256, RFC7515_A2_PRIVATE_JWK);
	g_autoptr(jose_key_t) okp = key_of_jwk(JOSE_ED25519, RFC8037_PRIVATE_JWK);
	uint8_t signature[JOSE_SIGNATURE_MAX];
	size_t size;
	assert_non_null(rsa);
	assert_true(signature_make(rsa, RFC7515_A2_INPUT, strlen(RFC7515_A2_INPUT), signature, &size));
	g_autofree char *by_rsa = base64url_encode(signature, size);
	assert_string_equal(by_rsa, RFC7515_A2_SIGNATURE);
	assert_non_null(okp);
	assert_true(signature_make(okp, RFC8037_INPUT, strlen(RFC8037_INPUT), signature, &size));
	g_autofree char *by_okp = base64url_encode(signature, size);
	assert_string_equal(by_okp, RFC8037_SIGNATURE);
}

/* Its payload is not JSON, so the signature holds and the token is still none. */
static void rfc8037_signature_holds(void **state)
{
	(void)state;
	static const char compact[] = RFC8037_INPUT "." RFC8037_SIGNATURE;
	g_autoptr(jose_key_t) okp = key_of_jwk(JOSE_ED25519, RFC8037_PUBLIC_JWK);
	g_autoptr(jws_t) jws = jws_parse(compact, strlen(compact), NULL);
	GError *error = NULL;
	assert_true(jws_holds(jws, okp, NULL));
	assert_null(jws_verify(jws, okp, &error));
	assert_fails_with(error, ERROR_INVALID_TOKEN);
}

static void own_tokens_verify(void **state)
{
	(void)state;
	static const char payload[] = "{\"sub\":\"alice\",\"exp\":17}";
	for (size_t i = 0; i < G_N_ELEMENTS(every); i++) {
		g_autoptr(jose_key_t) key = jose_key_generate(every[i]);
		g_autofree char *compact = jws_sign(key, "at+jwt", payload, strlen(payload), NULL);
		g_autoptr(jws_t) jws = jws_parse(compact, strlen(compact), NULL);
		assert_non_null(jws);
		assert_string_equal(jws_type(jws), "at+jwt");
		assert_string_equal(jws_key_id(jws), jose_key_id(key));
		assert_int_equal(jws_algorithm(jws), every[i]);
		g_autoptr(json_t) claims = jws_verify(jws, key, NULL);
		assert_string_equal(json_string_at(claims, "sub"), "alice");
	}
}

static void header_is_as_documented(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) key = key_of_jwk(JOSE_ED25519, RFC8037_PRIVATE_JWK);
	g_autofree char *typed = jws_sign(key, "JWT", "{}", 2, NULL);
	g_autofree char *untyped = jws_sign(key, NULL, "{}", 2, NULL);
	uint8_t header[256] = { 0 };
	size_t length;
	assert_true(base64url_decode(typed, strcspn(typed, "."), header, sizeof header - 1, &length));
	header[length] = '\0';
	assert_string_equal((char *)header, "{\"alg\":\"Ed25519\",\"kid\":\"" RFC8037_THUMBPRINT "\",\"typ\":\"JWT\"}");
	assert_true(base64url_decode(untyped, strcspn(untyped, "."), header, sizeof header - 1, &length));
	header[length] = '\0';
	assert_string_equal((char *)header, "{\"alg\":\"Ed25519\",\"kid\":\"" RFC8037_THUMBPRINT "\"}");
}

static void type_cannot_break_out_of_the_header(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) key = jose_key_generate(JOSE_ED25519);
	GError *error = NULL;
	assert_null(jws_sign(key, "JWT\",\"x\":\"", "{}", 2, &error));
	assert_fails_with(error, ERROR_INTERNAL);
}

static void public_key_does_not_sign(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) key = key_of_jwk(JOSE_ES256, RFC7515_A3_PUBLIC_JWK);
	GError *error = NULL;
	assert_null(jws_sign(key, "JWT", "{}", 2, &error));
	assert_fails_with(error, ERROR_INTERNAL);
}

/* About one signature in 128 has an r or s with a leading zero byte, which DER drops and JWS keeps. */
static void short_integers_are_padded(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) key = key_of_jwk(JOSE_ES256, RFC7515_A3_PRIVATE_JWK);
	uint8_t signature[JOSE_SIGNATURE_MAX];
	size_t size, short_ones = 0;
	for (uint32_t i = 0; i < 20000 && short_ones < 4; i++) {
		assert_true(signature_make(key, &i, sizeof i, signature, &size));
		assert_int_equal(size, 64);
		if (signature[0] == 0 || signature[32] == 0) {
			short_ones++;
			assert_true(signature_holds(key, &i, sizeof i, signature, size));
		}
	}
	assert_int_equal(short_ones, 4);
}

struct crowd {
	const struct jose_key *key;
	bool good;
};

static void *sign_and_verify(void *data)
{
	struct crowd *crowd = data;
	for (uint32_t i = 0; i < 40; i++) {
		uint8_t signature[JOSE_SIGNATURE_MAX];
		size_t size;
		crowd->good = crowd->good && signature_make(crowd->key, &i, sizeof i, signature, &size) &&
		              signature_holds(crowd->key, &i, sizeof i, signature, size);
		signature[5] ^= 1;
		crowd->good = crowd->good && !signature_holds(crowd->key, &i, sizeof i, signature, size);
	}
	return NULL;
}

/* More threads than a key keeps contexts. */
static void one_key_serves_many_threads(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(every); i++) {
		g_autoptr(jose_key_t) key = jose_key_generate(every[i]);
		pthread_t threads[JOSE_SPARE_MAX + 4];
		struct crowd crowds[JOSE_SPARE_MAX + 4];
		for (size_t j = 0; j < G_N_ELEMENTS(threads); j++) {
			crowds[j] = (struct crowd){ key, true };
			assert_int_equal(pthread_create(&threads[j], NULL, sign_and_verify, &crowds[j]), 0);
		}
		for (size_t j = 0; j < G_N_ELEMENTS(threads); j++) {
			pthread_join(threads[j], NULL);
			assert_true(crowds[j].good);
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(rfc7515_signatures_hold),
	cmocka_unit_test(rfc_signatures_are_made),
	cmocka_unit_test(rfc8037_signature_holds),
	cmocka_unit_test(own_tokens_verify),
	cmocka_unit_test(header_is_as_documented),
	cmocka_unit_test(type_cannot_break_out_of_the_header),
	cmocka_unit_test(public_key_does_not_sign),
	cmocka_unit_test(short_integers_are_padded),
	cmocka_unit_test(one_key_serves_many_threads),
};
TEST_GROUP(jws_group, tests);
