/* Text forms of bytes: the vectors of RFC 4648, and every text that must not decode. */
#include "base/encoding.h"
#include "subjects.h"
#include <string.h>

/* RFC 4648 section 10. */
static const struct {
	const char *bytes, *base64, *base64url, *base32, *hex;
} vectors[] = {
	{ "", "", "", "", "" },
	{ "f", "Zg==", "Zg", "my", "66" },
	{ "fo", "Zm8=", "Zm8", "mzxq", "666f" },
	{ "foo", "Zm9v", "Zm9v", "mzxw6", "666f6f" },
	{ "foob", "Zm9vYg==", "Zm9vYg", "mzxw6yq", "666f6f62" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE", "mzxw6ytb", "666f6f6261" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy", "mzxw6ytboi", "666f6f626172" },
};

static void encodes_the_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
		size_t length = strlen(vectors[i].bytes);
		g_autofree char *standard = base64_encode(vectors[i].bytes, length), *url = base64url_encode(vectors[i].bytes, length);
		char thirty_two[16], sixteen[16];
		base32_encode((const uint8_t *)vectors[i].bytes, length, thirty_two);
		hex_encode((const uint8_t *)vectors[i].bytes, length, sixteen);
		assert_string_equal(standard, vectors[i].base64);
		assert_string_equal(url, vectors[i].base64url);
		assert_string_equal(thirty_two, vectors[i].base32);
		assert_string_equal(sixteen, vectors[i].hex);
	}
}

static void decodes_the_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(vectors); i++) {
		uint8_t out[8];
		size_t length = 99;
		assert_true(base64_decode(vectors[i].base64, strlen(vectors[i].base64), out, sizeof out, &length));
		assert_int_equal(length, strlen(vectors[i].bytes));
		assert_memory_equal(out, vectors[i].bytes, length);
		assert_true(base64url_decode(vectors[i].base64url, strlen(vectors[i].base64url), out, sizeof out, &length));
		assert_int_equal(length, strlen(vectors[i].bytes));
		assert_memory_equal(out, vectors[i].bytes, length);
	}
}

static void every_byte_comes_back(void **state)
{
	(void)state;
	uint8_t bytes[256], out[256];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	for (size_t length = 0; length <= sizeof bytes; length++) {
		size_t got = 0;
		g_autofree char *url = base64url_encode(bytes + sizeof bytes - length, length),
			*standard = base64_encode(bytes + sizeof bytes - length, length);
		assert_null(strpbrk(url, "+/="));
		assert_null(strpbrk(standard, "-_"));
		assert_true(base64url_decode(url, strlen(url), out, length, &got) && got == length);
		assert_memory_equal(out, bytes + sizeof bytes - length, length);
		assert_true(base64_decode(standard, strlen(standard), out, length, &got) && got == length);
		assert_memory_equal(out, bytes + sizeof bytes - length, length);
	}
}

static void refuses_a_second_text_for_the_same_bytes(void **state)
{
	(void)state;
	static const char *const url[] = { "Z", "Zg=", "Zg==", "Zh", "Zm9", "Zm8=", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zm9vY", "Zm9\xc3\xa9",
		"Zm.v", NULL };
	static const char *const standard[] = { "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "=Zg=", "Z===", "====", "Zg==Zg==", "Zm8=\n", "Zm-v",
		"Zm_v", "Zm 9v", "Zg=\n", NULL };
	uint8_t out[32];
	size_t length;
	for (size_t i = 0; url[i]; i++)
		assert_false(base64url_decode(url[i], strlen(url[i]), out, sizeof out, &length));
	for (size_t i = 0; standard[i]; i++)
		assert_false(base64_decode(standard[i], strlen(standard[i]), out, sizeof out, &length));
	assert_false(base64url_decode("Zm\0v", 4, out, sizeof out, &length));
}

static void never_writes_past_the_room(void **state)
{
	(void)state;
	uint8_t out[4] = { 1, 2, 3, 4 };
	size_t length = 77;
	assert_false(base64url_decode("Zm9vYmFy", 8, out, 5, &length));
	assert_false(base64url_decode("Zg", 2, out, 0, &length));
	assert_int_equal(length, 77);
	assert_int_equal(out[3], 4);
	assert_true(base64url_decode("Zm9v", 4, out, 3, &length));
	assert_int_equal(out[3], 4);
}

static void base32_of_an_identifier_is_26_characters(void **state)
{
	(void)state;
	static const uint8_t high[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		low[16];
	char out[27];
	base32_encode(high, sizeof high, out);
	assert_string_equal(out, "77777777777777777777777774");
	base32_encode(low, sizeof low, out);
	assert_string_equal(out, "aaaaaaaaaaaaaaaaaaaaaaaaaa");
}

const struct CMUnitTest encoding_tests[] = {
	cmocka_unit_test(encodes_the_vectors),
	cmocka_unit_test(decodes_the_vectors),
	cmocka_unit_test(every_byte_comes_back),
	cmocka_unit_test(refuses_a_second_text_for_the_same_bytes),
	cmocka_unit_test(never_writes_past_the_room),
	cmocka_unit_test(base32_of_an_identifier_is_26_characters),
	TESTS_END,
};
