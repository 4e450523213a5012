/* Sets of somebody else's keys: what may not be in one, and that a signature is held by the key that kid and algorithm name, and by no other. */
#include "crypto/jwk_set.h"
#include "crypto_tests.h"
#include "vectors.h"

static json_t *set_of(json_t *first, json_t *second)
{
	json_t *list = json_array();
	if (first)
		json_array_append_new(list, first);
	if (second)
		json_array_append_new(list, second);
	return json_pack("{s:o}", "keys", list);
}

static json_t *jwk_of(const char *text)
{
	json_t *jwk = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(jwk);
	return jwk;
}

static json_t *public_of(const struct jose_key *key, const char *kid)
{
	json_t *jwk = jose_key_public_jwk(key);
	json_object_del(jwk, "kid");
	if (kid)
		json_object_set_new(jwk, "kid", json_string(kid));
	return jwk;
}

static void assert_refused(json_t *jwks)
{
	GError *error = NULL;
	assert_null(jwk_set_read(jwks, &error));
	assert_fails_with(error, ERROR_MALFORMED);
	json_decref(jwks);
}

static void what_is_no_set_of_public_keys_is_refused(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) key = jose_key_generate(JOSE_ES256);
	assert_refused(json_null());
	assert_refused(json_object());
	assert_refused(json_pack("{s:s}", "keys", "x"));
	assert_refused(set_of(NULL, NULL));
	assert_refused(set_of(json_string("x"), NULL));
	assert_refused(set_of(public_of(key, "a"), public_of(key, "a")));
	/* private and symmetric keys spoil the whole set */
	assert_refused(set_of(jwk_of(RFC7515_A2_PRIVATE_JWK), NULL));
	assert_refused(set_of(public_of(key, "a"), jwk_of(RFC8037_PRIVATE_JWK)));
	assert_refused(set_of(public_of(key, "a"), jwk_of("{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}")));
	/* nothing that verifies */
	assert_refused(set_of(jwk_of("{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AA\",\"y\":\"AA\"}"), NULL));
	json_t *encrypting = public_of(key, "a");
	json_object_set_new(encrypting, "use", json_string("enc"));
	assert_refused(set_of(encrypting, NULL));
	json_t *many = set_of(NULL, NULL);
	for (int i = 0; i <= JWK_SET_KEYS_MAX; i++)
		json_array_append_new(json_object_get(many, "keys"), public_of(key, NULL));
	assert_refused(many);
}

static json_t *verified(const struct jwk_set *set, const char *compact)
{
	g_autoptr(jws_t) jws = jws_parse(compact, strlen(compact), NULL);
	assert_non_null(jws);
	return jwk_set_verify(set, jws, NULL);
}

static void a_key_without_alg_is_for_both_of_rsa(void **state)
{
	(void)state;
	static const enum jose_algorithm both[] = { JOSE_RS256, JOSE_PS256 };
	g_autoptr(json_t) jwks = set_of(jwk_of(RFC7515_A2_PUBLIC_JWK), jwk_of("{\"kty\":\"quantum\",\"use\":\"sig\"}"));
	json_object_del(json_array_get(json_object_get(jwks, "keys"), 0), "alg");
	g_autoptr(jwk_set_t) set = jwk_set_read(jwks, NULL);
	assert_non_null(set);
	for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
		g_autoptr(json_t) private = jwk_of(RFC7515_A2_PRIVATE_JWK);
		json_object_del(private, "alg");
		g_autoptr(jose_key_t) key = jose_key_from_jwk(both[i], private, NULL);
		g_autofree char *compact = jws_sign(key, "JWT", "{\"a\":1}", 7, NULL);
		/* our own signatures name the key by its thumbprint, which this set does not know it by */
		g_autoptr(json_t) unnamed = verified(set, compact);
		assert_null(unnamed);
		json_object_set_new(json_array_get(json_object_get(jwks, "keys"), 0), "kid", json_string(jose_key_id(key)));
		g_autoptr(jwk_set_t) named = jwk_set_read(jwks, NULL);
		g_autoptr(json_t) claims = verified(named, compact);
		assert_non_null(claims);
		json_object_del(json_array_get(json_object_get(jwks, "keys"), 0), "kid");
	}
}

static void a_signature_is_held_by_the_key_that_kid_names(void **state)
{
	(void)state;
	g_autoptr(jose_key_t) one = jose_key_generate(JOSE_ES256), two = jose_key_generate(JOSE_ES256), three = jose_key_generate(JOSE_ED25519);
	g_autofree char *by_one = jws_sign(one, "JWT", "{\"a\":1}", 7, NULL), *by_two = jws_sign(two, "JWT", "{\"a\":2}", 7, NULL), *by_three = jws_sign(three, "JWT", "{}", 2, NULL);
	g_autoptr(json_t) right = set_of(public_of(one, jose_key_id(one)), public_of(two, jose_key_id(two)));
	g_autoptr(json_t) swapped = set_of(public_of(one, jose_key_id(two)), public_of(two, jose_key_id(one)));
	g_autoptr(jwk_set_t) set = jwk_set_read(right, NULL), crossed = jwk_set_read(swapped, NULL);
	g_autoptr(json_t) first = verified(set, by_one), second = verified(set, by_two), third = verified(set, by_three), wrong = verified(crossed, by_one);
	int64_t a = 0, b = 0;
	assert_true(json_integer_at(first, "a", &a) && json_integer_at(second, "a", &b) && a == 1 && b == 2);
	assert_null(third);
	assert_null(wrong);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_no_set_of_public_keys_is_refused),
	cmocka_unit_test(a_key_without_alg_is_for_both_of_rsa),
	cmocka_unit_test(a_signature_is_held_by_the_key_that_kid_names),
};
TEST_GROUP(jwk_set_group, tests);
