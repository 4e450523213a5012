/* Digests against the published vectors, and against OpenSSL's own HKDF. */
#include "crypto/digest.h"
#include "base/encoding.h"
#include "crypto/compare.h"
#include "crypto_tests.h"
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>

static void sha256_known(void **state)
{
	(void)state;
	uint8_t digest[DIGEST_SIZE], expected[DIGEST_SIZE];
	digest_sha256("abc", 3, digest);
	bytes_of_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", expected);
	assert_memory_equal(digest, expected, DIGEST_SIZE);
	digest_sha256("", 0, digest);
	bytes_of_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", expected);
	assert_memory_equal(digest, expected, DIGEST_SIZE);
}

/* RFC 7636 appendix B. */
static void pkce_s256(void **state)
{
	(void)state;
	static const char verifier[] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	uint8_t digest[DIGEST_SIZE];
	digest_sha256(verifier, strlen(verifier), digest);
	g_autofree char *challenge = base64url_encode(digest, sizeof digest);
	assert_string_equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

/* RFC 4231 test cases 1, 2 and 6 (a key longer than a block). */
static void hmac_known(void **state)
{
	(void)state;
	uint8_t mac[DIGEST_SIZE], expected[DIGEST_SIZE], key[131];
	memset(key, 0x0b, 20);
	digest_hmac(key, 20, "Hi There", 8, mac);
	bytes_of_hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", expected);
	assert_memory_equal(mac, expected, DIGEST_SIZE);
	digest_hmac("Jefe", 4, "what do ya want for nothing?", 28, mac);
	bytes_of_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", expected);
	assert_memory_equal(mac, expected, DIGEST_SIZE);
	static const char long_key_text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	memset(key, 0xaa, sizeof key);
	digest_hmac(key, sizeof key, long_key_text, strlen(long_key_text), mac);
	bytes_of_hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", expected);
	assert_memory_equal(mac, expected, DIGEST_SIZE);
}

/* An empty key must not mean "the key of the call before". */
static void hmac_empty_key(void **state)
{
	(void)state;
	uint8_t mac[DIGEST_SIZE], expected[DIGEST_SIZE];
	digest_hmac("other", 5, "", 0, mac);
	digest_hmac(NULL, 0, "", 0, mac);
	bytes_of_hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", expected);
	assert_memory_equal(mac, expected, DIGEST_SIZE);
}

/* RFC 5869 appendix A.3: no salt, no info. */
static void hkdf_known(void **state)
{
	(void)state;
	uint8_t key[22], out[42], expected[42];
	memset(key, 0x0b, sizeof key);
	digest_hkdf(key, sizeof key, "", out, sizeof out);
	bytes_of_hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8", expected);
	assert_memory_equal(out, expected, sizeof out);
}

static void hkdf_of_openssl(const void *key, size_t key_length, const char *info, uint8_t *out, size_t length)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	g_autofree char *info_copy = g_strdup(info);
	g_autofree uint8_t *key_copy = g_memdup2(key, key_length);
	char digest[] = "SHA256";
	const OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		                          OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key_copy, key_length),
		                          OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info_copy, strlen(info)),
		                          OSSL_PARAM_construct_end() };
	assert_int_equal(EVP_KDF_derive(context, out, length, parameters), 1);
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
}

static void hkdf_like_openssl(void **state)
{
	(void)state;
	static const size_t lengths[] = { 1, 31, 32, 33, 64, 1000, 255 * DIGEST_SIZE };
	for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
		g_autofree uint8_t *ours = g_malloc(lengths[i]), *theirs = g_malloc(lengths[i]);
		digest_hkdf("0123456789abcdef0123456789abcdef", 32, "a purpose", ours, lengths[i]);
		hkdf_of_openssl("0123456789abcdef0123456789abcdef", 32, "a purpose", theirs, lengths[i]);
		assert_memory_equal(ours, theirs, lengths[i]);
	}
}

static void parts_digest(const char *const *parts, size_t count, uint8_t out[DIGEST_SIZE])
{
	struct digest_parts *digest = digest_parts_new("test");
	for (size_t i = 0; i < count; i++)
		digest_parts_add_text(digest, parts[i]);
	digest_parts_finish(digest, out);
}

static void parts_do_not_collide(void **state)
{
	(void)state;
	static const char *const lists[][3] = { { "ab", "c", "" }, { "a", "bc", "" }, { "abc", "", "" }, { "ab", "c", NULL }, { NULL, NULL, NULL } };
	uint8_t digests[G_N_ELEMENTS(lists)][DIGEST_SIZE];
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
		parts_digest(lists[i], 3, digests[i]);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(digests[i], digests[j], DIGEST_SIZE);
	}
}

/* The connection log's chain must verify with other programs, so the layout is pinned. */
static void parts_layout(void **state)
{
	(void)state;
	static const uint8_t laid_out[] = "\0\0\0\0\0\0\0\4test" "\0\0\0\0\0\0\0\2ab" "\xff\xff\xff\xff\xff\xff\xff\xff" "\0\0\0\0\0\0\0\10"
					  "\xff\xff\xff\xff\xff\xff\xff\xfe";
	uint8_t ours[DIGEST_SIZE], expected[DIGEST_SIZE];
	struct digest_parts *digest = digest_parts_new("test");
	digest_parts_add(digest, "ab", 2);
	digest_parts_add_text(digest, NULL);
	digest_parts_add_integer(digest, -2);
	digest_parts_finish(digest, ours);
	digest_sha256(laid_out, sizeof laid_out - 1, expected);
	assert_memory_equal(ours, expected, DIGEST_SIZE);
}

/* Small parts are gathered, large ones are not; however they fall, the digest is that of their laid-out bytes. */
static void parts_of_any_size_are_laid_out_alike(void **state)
{
	(void)state;
	g_autofree uint8_t *filling = g_malloc(5000);
	memset(filling, 'x', 5000);
	for (size_t first = 0; first <= 5000; first += 37) {
		const size_t sizes[] = { first, 1, 200, first / 2, 0, 5000 - first };
		uint8_t ours[DIGEST_SIZE], expected[DIGEST_SIZE];
		g_autoptr(GByteArray) laid_out = g_byte_array_new();
		g_byte_array_append(laid_out, (const uint8_t *)"\0\0\0\0\0\0\0\4test", 12);
		struct digest_parts *digest = digest_parts_new("test");
		for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
			uint64_t length = GUINT64_TO_BE(sizes[i]);
			g_byte_array_append(laid_out, (const uint8_t *)&length, 8);
			g_byte_array_append(laid_out, filling, (guint)sizes[i]);
			digest_parts_add(digest, filling, sizes[i]);
		}
		digest_parts_finish(digest, ours);
		digest_sha256(laid_out->data, laid_out->len, expected);
		assert_memory_equal(ours, expected, DIGEST_SIZE);
	}
}

static void *digest_many(void *data)
{
	uint8_t digest[DIGEST_SIZE];
	bool *good = data;
	for (int i = 0; i < 2000; i++) {
		digest_sha256("abc", 3, digest);
		*good = *good && digest[0] == 0xba && digest[31] == 0xad;
		digest_hmac("Jefe", 4, "what do ya want for nothing?", 28, digest);
		*good = *good && digest[0] == 0x5b && digest[31] == 0x43;
	}
	return NULL;
}

static void threads_do_not_mix(void **state)
{
	(void)state;
	pthread_t threads[4];
	bool good[4] = { true, true, true, true };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, digest_many, &good[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_true(good[i]);
	}
}

static void compare_all(void **state)
{
	(void)state;
	assert_true(secrets_equal("abc", 3, "abc", 3));
	assert_true(secrets_equal(NULL, 0, "", 0));
	assert_false(secrets_equal("abc", 3, "abd", 3));
	assert_false(secrets_equal("abc", 3, "abcd", 4));
	assert_false(secrets_equal("\0a", 2, "\0b", 2));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(sha256_known),         cmocka_unit_test(pkce_s256),      cmocka_unit_test(hmac_known),
	cmocka_unit_test(hmac_empty_key),       cmocka_unit_test(hkdf_known),     cmocka_unit_test(hkdf_like_openssl),
	cmocka_unit_test(parts_do_not_collide), cmocka_unit_test(parts_layout),   cmocka_unit_test(threads_do_not_mix),
	cmocka_unit_test(compare_all),          cmocka_unit_test(parts_of_any_size_are_laid_out_alike),
};
TEST_GROUP(digest_group, tests);
