/* Strict JSON: what jansson lets through by default and we do not, depth, length, and errors that keep secrets. */
#include "base/errors.h"
#include "base/json.h"
#include "subjects.h"
#include <string.h>

#define MAX_BYTES 16384

static json_t *parse(const char *text)
{
	return json_parse(text, strlen(text), MAX_BYTES, NULL);
}

static void takes_one_value_of_any_type(void **state)
{
	(void)state;
	static const char *const texts[] = { "{}", "[]", "\"x\"", "1", "-0", "true", "null",
		" {\"a\" : [1, {\"b\":\"\\u00e9\\ud83d\\ude00\"}]} \n", NULL };
	for (size_t i = 0; texts[i]; i++) {
		g_autoptr(json_t) value = parse(texts[i]);
		assert_non_null(value);
	}
}

static void refuses_what_is_not_strict(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"", " ", "{", "{}x", "{}{}", "1 2", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"b\":{\"a\":1,\"a\":1}}", "\"\\u0000\"",
		"{\"\\u0000\":1}",
		"\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\ud800x\"", "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
		"\"\xe2\x82\"", "\"a\nb\"",
		"\"\\x41\"", "01", "+1", "1.", ".5", "0x1", "NaN", "Infinity", "1e999", "9223372036854775808", "-9223372036854775809", "{a:1}",
		"{'a':1}", "[1,]", "{\"a\":1,}", "// c\n1", "/* c */1", "\xef\xbb\xbf{}", "True", "nul", NULL };
	for (size_t i = 0; texts[i]; i++) {
		g_autoptr(GError) error = NULL;
		assert_null(json_parse(texts[i], strlen(texts[i]), MAX_BYTES, &error));
		assert_int_equal(error_code_of(error), ERROR_MALFORMED);
	}
	assert_null(json_parse("{}\0", 3, MAX_BYTES, NULL));
	assert_null(json_parse("\"a\0b\"", 5, MAX_BYTES, NULL));
	assert_null(json_parse(NULL, 0, MAX_BYTES, NULL));
}

static char *nested(size_t depth, char open, char close)
{
	GString *text = g_string_new(NULL);
	for (size_t i = 0; i < depth; i++)
		g_string_append(text, open == '{' ? "{\"a\":" : "[");
	g_string_append_c(text, '1');
	for (size_t i = 0; close && i < depth; i++)
		g_string_append_c(text, close);
	return g_string_free(text, FALSE);
}

static void depth_ends_at_32(void **state)
{
	(void)state;
	for (int object = 0; object < 2; object++) {
		char open = object ? '{' : '[', close = object ? '}' : ']';
		g_autofree char *deep = nested(32, open, close), *deeper = nested(33, open, close), *bomb = nested(100000, open, 0);
		g_autoptr(json_t) value = parse(deep);
		assert_non_null(value);
		assert_null(parse(deeper));
		assert_null(json_parse(bomb, strlen(bomb), strlen(bomb), NULL));
	}
}

/* Brackets in strings do not count, and an escaped quotation mark does not end one. */
static void depth_is_counted_outside_strings(void **state)
{
	(void)state;
	g_autoptr(GString) wide = g_string_new("[[]");
	for (int i = 0; i < 100; i++)
		g_string_append(wide, ",[],{}");
	g_string_append_c(wide, ']');
	g_autoptr(json_t) list = parse(wide->str);
	assert_int_equal(json_array_size(list), 201);
	g_autofree char *brackets = g_strnfill(200, '['), *text = g_strdup_printf("[\"\\\"%s\",\"\\\\\"]", brackets);
	g_autofree char *hidden = g_strdup_printf("[\"\\\\\",%s", brackets);
	g_autoptr(json_t) value = parse(text);
	assert_non_null(value);
	g_autoptr(GError) error = NULL;
	assert_null(json_parse(hidden, strlen(hidden), MAX_BYTES, &error));
	assert_non_null(strstr(error->message, "nested"));
}

static void length_is_bounded_before_parsing(void **state)
{
	(void)state;
	g_autofree char *text = g_strdup_printf("\"%*s\"", 98, "x");
	g_autoptr(json_t) fits = json_parse(text, 100, 100, NULL);
	assert_non_null(fits);
	assert_null(json_parse(text, 100, 99, NULL));
}

static void errors_never_quote_the_input(void **state)
{
	(void)state;
	static const char *const texts[] = { "{\"password\": hunter2}", "{\"hunter2\":1,\"hunter2\":2}", "[1 hunter2]", "\"hunter2",
		"{\"a\":\"x\" \"hunter2\"}", NULL };
	for (size_t i = 0; texts[i]; i++) {
		g_autoptr(GError) error = NULL;
		assert_null(json_parse(texts[i], strlen(texts[i]), MAX_BYTES, &error));
		assert_null(strstr(error->message, "hunter2"));
	}
}

static void text_is_compact_and_in_order(void **state)
{
	(void)state;
	g_autoptr(json_t) value = parse("{ \"z\": [1, true, null], \"a\": \"\\u00e9\\n\" , \"m\":{} }");
	g_autofree char *text = json_text(value), *number = json_text(json_array_get(json_object_get(value, "z"), 0)), *none = json_text(NULL);
	assert_string_equal(text, "{\"z\":[1,true,null],\"a\":\"é\\n\",\"m\":{}}");
	assert_string_equal(number, "1");
	assert_null(none);
}

/* Whatever jansson would write, of every kind and every ASCII character, and longer than the room that is there at first. */
static void text_is_what_jansson_writes(void **state)
{
	(void)state;
	char ascii[128 + 1], longer[5001];
	for (int i = 0; i < 128; i++)
		ascii[i] = (char)i;
	memset(longer, 'x', 5000);
	longer[2047] = '"';
	longer[5000] = '\0';
	g_autoptr(json_t) value = json_pack("{s:[f,f,I,I,b,b,n,{},[]], s:s#, s:s}", "kinds", 1.0, -0.25e-9, (json_int_t)INT64_MIN, (json_int_t)INT64_MAX, 1, 0,
		"\"a\\\n\x01", ascii, 128, "longer", longer);
	assert_non_null(value);
	json_object_set_new(json_array_get(json_object_get(value, "kinds"), 7), "\xc3\xa9\xf0\x9f\x8c\x89", json_string("\xe2\x80\xa8"));
	for (int i = 0; i < 3; i++) {
		g_autofree char *text = json_text(value);
		char *expected = json_dumps(value, JSON_COMPACT);
		assert_string_equal(text, expected);
		free(expected);
		json_array_append_new(json_object_get(value, "kinds"), json_string(longer + i));
	}
}

static void getters_ask_for_the_type(void **state)
{
	(void)state;
	g_autoptr(json_t) value = parse("{\"s\":\"x\",\"i\":7,\"r\":1.0,\"b\":true,\"n\":null,\"l\":[\"x\",1,\"y\"]}");
	int64_t number = -1;
	assert_string_equal(json_string_at(value, "s"), "x");
	assert_null(json_string_at(value, "i"));
	assert_null(json_string_at(value, "gone"));
	assert_null(json_string_at(NULL, "s"));
	assert_true(json_integer_at(value, "i", &number) && number == 7);
	number = -1;
	assert_false(json_integer_at(value, "r", &number) || json_integer_at(value, "s", &number) || json_integer_at(value, "b", &number));
	assert_false(json_integer_at(value, "gone", &number) || json_integer_at(NULL, "i", &number));
	assert_int_equal(number, -1);
	assert_true(json_array_has(json_object_get(value, "l"), "y"));
	assert_false(json_array_has(json_object_get(value, "l"), "1"));
	assert_false(json_array_has(json_object_get(value, "s"), "x"));
	assert_false(json_array_has(NULL, "x"));
}

const struct CMUnitTest json_tests[] = {
	cmocka_unit_test(takes_one_value_of_any_type),
	cmocka_unit_test(refuses_what_is_not_strict),
	cmocka_unit_test(depth_ends_at_32),
	cmocka_unit_test(depth_is_counted_outside_strings),
	cmocka_unit_test(length_is_bounded_before_parsing),
	cmocka_unit_test(errors_never_quote_the_input),
	cmocka_unit_test(text_is_compact_and_in_order),
	cmocka_unit_test(text_is_what_jansson_writes),
	cmocka_unit_test(getters_ask_for_the_type),
	TESTS_END,
};
