/* Every parser of this floor, fed with mutations of good and bad inputs from a fixed seed, under the sanitizers. What must hold whatever
 * comes: no crash, an error exactly where nothing was returned, and what was accepted keeps the promises of its header. */
#include "base/document.h"
#include "base/encoding.h"
#include "base/errors.h"
#include "base/form.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/units.h"
#include "base/url.h"
#include "subjects.h"
#include <string.h>

#define ROUNDS 6000
#define INPUT_MAX 512

static const char *const seeds[] = {
	"a=1&b=two+words&c=%C3%A9&%00=x&d=%zz", "{\"a\":[1,2,{\"b\":\"\\u00e9\\ud83d\\ude00\"}],\"c\":null}",
	"https://user@wiki.acme.example:8443/cb/%2e?x=y#f",
	"a: 1\nb: [x, 'y', \"z\\x41\"]\nc: { d: ~ }\nd: |\n  text\n", "- a\n- b: &x *y\n- !!t c\n", "Zm9vYmFy", "Zg==", "90s", "64KiB",
	"http://[::1]:80/", "\xef\xbc\xa1lice\xcc\x81",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "{\"a\":1,\"a\":2}", "9223372036854775808", "\xff\xfe\x00", "com.example.app:/cb",
	"%YAML 1.2\n---\n...\n", "? a\n: b\n<<: c\n",
};
static const char *const pieces[] = { "%", "%0", "%00", "%ff", "&", "=", "+", "\"", "\\u", "\\ud800", "\\\\", "{", "}", "[", "]", ":",
	": ", "\n", "\n  ", "- ", "#", "&a ", "*a", "!", "|",
	                              "'", "@", "/", "//", "\\", "?", "\xe2\x80\xae", "\xed\xa0\x80", "\xc0\x80", "\xef\xbb\xbf", "\xcc\x81",
	                              "\xef\xb7\xba", "\t", "\r", "0", "-", "1e999" };

static guint32 below(GRand *random, size_t bound)
{
	return (guint32)g_rand_int_range(random, 0, (gint32)bound);
}

static void mutate(GString *input, GRand *random)
{
	size_t place = below(random, input->len + 1);
	switch (below(random, 5)) {
	case 0:
		g_string_insert(input, (gssize)place, pieces[below(random, G_N_ELEMENTS(pieces))]);
		break;
	case 1:
		g_string_insert_c(input, (gssize)place, (char)below(random, 256));
		break;
	case 2:
		if (place < input->len)
			g_string_erase(input, (gssize)place, 1);
		break;
	case 3:
		if (place < input->len)
			input->str[place] = (char)below(random, 256);
		break;
	default: {
		g_autofree char *copy = g_strndup(input->str, input->len);
		g_string_append_len(input, copy, (gssize)MIN(input->len, 64));
		break;
	}
	}
	g_string_truncate(input, MIN(input->len, INPUT_MAX));
}

/* A copy without room behind it, so that the address sanitizer sees the first byte read too far. */
static char *exact(const GString *input)
{
	char *bytes = g_malloc(MAX(input->len, 1));
	memcpy(bytes, input->str, input->len);
	return bytes;
}

static void each_input(void (*try)(const char *bytes, size_t length), guint32 seed)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(seed);
	for (int i = 0; i < ROUNDS; i++) {
		g_autoptr(GString) input = g_string_new(seeds[below(random, G_N_ELEMENTS(seeds))]);
		for (guint32 changes = below(random, 8); changes > 0; changes--)
			mutate(input, random);
		g_autofree char *bytes = exact(input);
		try(bytes, input->len);
	}
}

static void try_form(const char *bytes, size_t length)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(form_t) form = form_parse(bytes, length, &error);
	assert_true((form == NULL) == (error != NULL));
	for (size_t i = 0; form && i < form_size(form); i++) {
		const char *name, *value;
		form_pair(form, i, &name, &value);
		assert_true(g_utf8_validate(name, -1, NULL) && g_utf8_validate(value, -1, NULL));
		assert_true(strlen(name) + strlen(value) <= length);
	}
}

static void try_json(const char *bytes, size_t length)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) value = json_parse(bytes, length, INPUT_MAX, &error);
	assert_true((value == NULL) == (error != NULL));
	if (!value)
		return;
	g_autofree char *text = json_text(value);
	g_autoptr(json_t) again = json_parse(text, strlen(text), INPUT_MAX * 6, NULL);
	assert_true(json_equal(value, again));
}

static void try_document(const char *bytes, size_t length)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(document_t) document = document_parse("f", bytes, length, &error);
	assert_true((document == NULL) == (error != NULL));
	if (!document) {
		assert_true(g_str_has_prefix(error->message, "f:"));
		return;
	}
	g_autofree char *text = json_text(document_root(document));
	assert_non_null(text);
	const char *key;
	json_t *member;
	json_object_foreach(document_root(document), key, member)
		assert_true(document_member_line(document, document_root(document), key) >= 1);
}

static void try_url(const char *bytes, size_t length)
{
	g_autofree char *text = g_strndup(bytes, length);
	g_autoptr(GError) error = NULL;
	g_autoptr(url_t) url = url_parse(text, &error);
	assert_true((url == NULL) == (error != NULL));
	g_autofree char *origin = url ? url_origin(url) : NULL;
	if (origin)
		assert_null(strpbrk(origin, " ;,'\"@\\%?#"));
	for (const char *c = url ? text : ""; *c; c++)
		assert_in_range(*c, 0x21, 0x7e);
}

static void try_text(const char *bytes, size_t length)
{
	g_autofree char *text = g_strndup(bytes, length), *key = text_login_key(text), *again = key ? text_login_key(key) : NULL;
	assert_true(g_strcmp0(key, again) == 0);
	g_autoptr(secret_t) password = text_password(bytes, length, INPUT_MAX);
	if (password)
		assert_true(g_utf8_validate_len((const char *)secret_bytes(password), secret_length(password), NULL));
	text_is_plain(text, INPUT_MAX);
	assert_true(text_length(bytes, length) <= length);
}

static void try_small(const char *bytes, size_t length)
{
	uint8_t out[INPUT_MAX];
	size_t got = 0;
	int64_t number = 0;
	g_autofree char *text = g_strndup(bytes, length);
	if (base64url_decode(bytes, length, out, sizeof out, &got)) {
		g_autofree char *back = base64url_encode(out, got);
		assert_int_equal(strlen(back), length);
		assert_memory_equal(back, bytes, length);
	}
	if (base64_decode(bytes, length, out, sizeof out, &got)) {
		g_autofree char *back = base64_encode(out, got);
		assert_int_equal(strlen(back), length);
		assert_memory_equal(back, bytes, length);
	}
	assert_false(duration_parse(text, &number) && number < 0);
	assert_false(size_parse(text, &number) && number < 0);
}

static void forms(void **state)
{
	(void)state;
	each_input(try_form, 1);
}

static void json_texts(void **state)
{
	(void)state;
	each_input(try_json, 2);
}

static void documents(void **state)
{
	(void)state;
	each_input(try_document, 3);
}

static void urls(void **state)
{
	(void)state;
	each_input(try_url, 4);
}

static void names_and_passwords(void **state)
{
	(void)state;
	each_input(try_text, 5);
}

static void encodings_and_units(void **state)
{
	(void)state;
	each_input(try_small, 6);
}

const struct CMUnitTest hostile_tests[] = {
	cmocka_unit_test(forms),
	cmocka_unit_test(json_texts),
	cmocka_unit_test(documents),
	cmocka_unit_test(urls),
	cmocka_unit_test(names_and_passwords),
	cmocka_unit_test(encodings_and_units),
	TESTS_END,
};
