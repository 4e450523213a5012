/* Sealed values: they open at their place only. */
#include "crypto/seal.h"
#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto_tests.h"
#include <openssl/evp.h>

static const struct seal_context here = { "t1", "provider", "row1", "client_secret" };

static int keys_make(void **state)
{
	*state = root_keys_of("k1", 7);
	return *state ? 0 : -1;
}

static int keys_free(void **state)
{
	root_keys_free(*state);
	return 0;
}

static void sealed_value_opens(void **state)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 4096, 100000 };
	for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
		g_autofree uint8_t *plain = g_malloc0(lengths[i] + 1);
		memset(plain, 'x', lengths[i]);
		g_autofree char *sealed = seal(*state, &here, plain, lengths[i]);
		assert_int_equal(strncmp(sealed, "s1.k1.", 6), 0);
		g_autoptr(secret_t) opened = unseal(*state, &here, sealed, NULL);
		assert_non_null(opened);
		assert_int_equal(secret_length(opened), lengths[i]);
		assert_memory_equal(secret_bytes(opened), plain, lengths[i]);
	}
}

static void same_value_seals_differently(void **state)
{
	g_autofree char *one = seal(*state, &here, "secret", 6);
	g_autofree char *two = seal(*state, &here, "secret", 6);
	assert_string_not_equal(one, two);
}

static void moved_value_does_not_open(void **state)
{
	static const struct seal_context elsewhere[] = {
		{ "t2", "provider", "row1", "client_secret" },  { "t1", "client", "row1", "client_secret" }, { "t1", "provider", "row2", "client_secret" },
		{ "t1", "provider", "row1", "bind_password" },  { "t1p", "rovider", "row1", "client_secret" }, { NULL, "provider", "row1", "client_secret" },
		{ "", "provider", "row1", "client_secret" },
	};
	g_autofree char *sealed = seal(*state, &here, "secret", 6);
	for (size_t i = 0; i < G_N_ELEMENTS(elsewhere); i++) {
		GError *error = NULL;
		assert_null(unseal(*state, &elsewhere[i], sealed, &error));
		assert_fails_with(error, ERROR_INTERNAL);
	}
}

static void any_changed_bit_is_noticed(void **state)
{
	g_autofree char *sealed = seal(*state, &here, "secret", 6);
	uint8_t bytes[64];
	size_t size = 0;
	assert_true(base64url_decode(sealed + 6, strlen(sealed + 6), bytes, sizeof bytes, &size));
	assert_int_equal(size, 12 + 6 + 16);
	for (size_t bit = 0; bit < size * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		g_autofree char *text = base64url_encode(bytes, size);
		g_autofree char *changed = g_strconcat("s1.k1.", text, NULL);
		assert_null(unseal(*state, &here, changed, NULL));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t length = 0; length < size; length++) {
		g_autofree char *text = base64url_encode(bytes, length);
		g_autofree char *cut = g_strconcat("s1.k1.", text, NULL);
		assert_null(unseal(*state, &here, cut, NULL));
	}
}

static void malformed_texts_are_refused(void **state)
{
	g_autofree char *sealed = seal(*state, &here, "secret", 6);
	g_autofree char *padded = g_strconcat(sealed, "=", NULL);
	g_autofree char *spaced = g_strconcat(sealed, " ", NULL);
	g_autofree char *version = g_strconcat("s2", sealed + 2, NULL);
	const char *const texts[] = { "", "s1", "s1.", "s1..", "s1.k1", "s1.k1.", "s1.k1.!", "k1.AAAA", padded, spaced, version,
		                      "s1.k1234567890123456789012345678901234567890.AAAA" };
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		GError *error = NULL;
		assert_null(unseal(*state, &here, texts[i], &error));
		assert_fails_with(error, ERROR_INTERNAL);
	}
}

static void other_keys_do_not_open(void **state)
{
	struct root_keys *other_id = root_keys_of("k2", 7), *other_bytes = root_keys_of("k1", 8);
	g_autofree char *sealed = seal(*state, &here, "secret", 6);
	GError *error = NULL;
	assert_null(unseal(other_id, &here, sealed, &error));
	assert_fails_with(error, ERROR_INTERNAL);
	assert_null(unseal(other_bytes, &here, sealed, &error));
	assert_fails_with(error, ERROR_INTERNAL);
	root_keys_free(other_id);
	root_keys_free(other_bytes);
}

/* The format is pinned by computing it another way: a later version must still open what this one sealed. */
static void format_is_as_documented(void **state)
{
	uint8_t purpose[DERIVED_KEY_SIZE], associated[DIGEST_SIZE], key[DIGEST_SIZE], bytes[12 + 2 + 16] = "nonce.nonce.";
	int written = 0;
	assert_true(root_keys_derive(*state, "k1", "seal", purpose));
	struct digest_parts *parts = digest_parts_new("seal");
	digest_parts_add_text(parts, here.tenant);
	digest_parts_add_text(parts, here.table);
	digest_parts_add_text(parts, here.row);
	digest_parts_add_text(parts, here.column);
	digest_parts_finish(parts, associated);
	digest_hmac(purpose, sizeof purpose, associated, sizeof associated, key);

	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, bytes), 1);
	assert_int_equal(EVP_EncryptUpdate(cipher, NULL, &written, associated, sizeof associated), 1);
	assert_int_equal(EVP_EncryptUpdate(cipher, bytes + 12, &written, (const uint8_t *)"hi", 2), 1);
	assert_int_equal(EVP_EncryptFinal_ex(cipher, bytes + 14, &written), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, bytes + 14), 1);
	EVP_CIPHER_CTX_free(cipher);

	g_autofree char *text = base64url_encode(bytes, sizeof bytes);
	g_autofree char *sealed = g_strconcat("s1.k1.", text, NULL);
	g_autoptr(secret_t) opened = unseal(*state, &here, sealed, NULL);
	assert_non_null(opened);
	assert_int_equal(secret_length(opened), 2);
	assert_memory_equal(secret_bytes(opened), "hi", 2);
}

#define with_keys(test) cmocka_unit_test_setup_teardown(test, keys_make, keys_free)
static const struct CMUnitTest tests[] = {
	with_keys(sealed_value_opens),          with_keys(same_value_seals_differently), with_keys(moved_value_does_not_open),
	with_keys(any_changed_bit_is_noticed),  with_keys(malformed_texts_are_refused),  with_keys(other_keys_do_not_open),
	with_keys(format_is_as_documented),
};
TEST_GROUP(seal_group, tests);
