/* Which key signs, which are published, which are found. */
#include "crypto/keyring.h"
#include "crypto_tests.h"

static struct jose_key *add_new(struct keyring *ring, enum jose_algorithm algorithm, enum key_state state)
{
	struct jose_key *key = jose_key_generate(algorithm);
	keyring_add(ring, key, state);
	return key;
}

static void empty_ring(void **state)
{
	(void)state;
	g_autoptr(keyring_t) ring = keyring_new();
	keyring_close(ring);
	size_t length;
	assert_string_equal(keyring_jwks(ring, &length), "{\"keys\":[]}");
	assert_int_equal(length, strlen("{\"keys\":[]}"));
	assert_null(keyring_signer(ring, JOSE_ES256));
	assert_null(keyring_find(ring, "x"));
	assert_null(keyring_find(ring, NULL));
	assert_int_equal(keyring_algorithms(ring), 0);
}

static void states_decide(void **state)
{
	(void)state;
	g_autoptr(keyring_t) ring = keyring_new();
	const struct jose_key *retired = add_new(ring, JOSE_ES256, KEY_STATE_RETIRED);
	const struct jose_key *active = add_new(ring, JOSE_ES256, KEY_STATE_ACTIVE);
	const struct jose_key *next = add_new(ring, JOSE_ES256, KEY_STATE_NEXT);
	const struct jose_key *revoked = add_new(ring, JOSE_ES256, KEY_STATE_REVOKED);
	const struct jose_key *other = add_new(ring, JOSE_ED25519, KEY_STATE_ACTIVE);
	const struct jose_key *only_next = add_new(ring, JOSE_RS256, KEY_STATE_NEXT);
	keyring_close(ring);

	assert_ptr_equal(keyring_signer(ring, JOSE_ES256), active);
	assert_ptr_equal(keyring_signer(ring, JOSE_ED25519), other);
	assert_null(keyring_signer(ring, JOSE_RS256));
	assert_null(keyring_signer(ring, JOSE_NONE));
	assert_int_equal(keyring_algorithms(ring), 1u << JOSE_ES256 | 1u << JOSE_ED25519);
	assert_ptr_equal(keyring_find(ring, jose_key_id(retired)), retired);
	assert_ptr_equal(keyring_find(ring, jose_key_id(next)), next);
	assert_ptr_equal(keyring_find(ring, jose_key_id(only_next)), only_next);
	assert_null(keyring_find(ring, jose_key_id(revoked)));
}

static void published_are_all_but_revoked_newest_first(void **state)
{
	(void)state;
	g_autoptr(keyring_t) ring = keyring_new();
	const struct jose_key *retired = add_new(ring, JOSE_ES256, KEY_STATE_RETIRED);
	add_new(ring, JOSE_ES256, KEY_STATE_REVOKED);
	const struct jose_key *active = add_new(ring, JOSE_ES256, KEY_STATE_ACTIVE);
	const struct jose_key *next = add_new(ring, JOSE_ES256, KEY_STATE_NEXT);
	keyring_close(ring);
	size_t length;
	const char *text = keyring_jwks(ring, &length);
	assert_int_equal(length, strlen(text));
	g_autoptr(json_t) set = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const json_t *keys = json_object_get(set, "keys");
	const struct jose_key *const expected[] = { next, active, retired };
	assert_int_equal(json_array_size(keys), 3);
	for (size_t i = 0; i < 3; i++) {
		const json_t *jwk = json_array_get(keys, i);
		assert_string_equal(json_string_at(jwk, "kid"), jose_key_id(expected[i]));
		assert_null(json_object_get(jwk, "d"));
	}
}

static void references_are_counted(void **state)
{
	(void)state;
	struct keyring *ring = keyring_new();
	const struct jose_key *key = add_new(ring, JOSE_ES256, KEY_STATE_ACTIVE);
	keyring_close(ring);
	struct keyring *again = keyring_ref(ring);
	keyring_free(ring);
	assert_ptr_equal(keyring_signer(again, JOSE_ES256), key);
	keyring_free(again);
	keyring_free(NULL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(empty_ring),
	cmocka_unit_test(states_decide),
	cmocka_unit_test(published_are_all_but_revoked_newest_first),
	cmocka_unit_test(references_are_counted),
};
TEST_GROUP(keyring_group, tests);
