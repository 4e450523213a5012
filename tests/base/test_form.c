/* Forms: order, repeats, what strict decoding refuses, and the bounds. */
#include "base/errors.h"
#include "base/form.h"
#include "subjects.h"
#include <string.h>

static struct form *parse(const char *text)
{
	return form_parse(text, strlen(text), NULL);
}

static void reads_pairs_in_order(void **state)
{
	(void)state;
	g_autoptr(form_t) form = parse("a=1&b=two+words&&c&d=&=e&a=%C3%A9%26%3D&f=x=y&");
	static const char *const pairs[][2] = { { "a", "1" }, { "b", "two words" }, { "c", "" }, { "d", "" }, { "", "e" }, { "a", "é&=" },
		{ "f", "x=y" } };
	assert_int_equal(form_size(form), G_N_ELEMENTS(pairs));
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		const char *name, *value;
		form_pair(form, i, &name, &value);
		assert_string_equal(name, pairs[i][0]);
		assert_string_equal(value, pairs[i][1]);
	}
}

static void getters(void **state)
{
	(void)state;
	g_autoptr(form_t) form = parse("resource=x&state=&resource=y&scope=a&resource=");
	assert_string_equal(form_get(form, "resource"), "x");
	assert_string_equal(form_get(form, "state"), "");
	assert_null(form_value(form, "state"));
	assert_null(form_value(form, "gone"));
	assert_string_equal(form_value(form, "scope"), "a");
	assert_null(form_get(form, "gone"));
	assert_null(form_get(form, "Scope"));
	assert_int_equal(form_count(form, "resource"), 3);
	assert_int_equal(form_count(form, "gone"), 0);
	g_autofree const char **resources = form_values(form, "resource"), **gone = form_values(form, "gone");
	assert_string_equal(resources[0], "x");
	assert_string_equal(resources[1], "y");
	assert_null(resources[2]);
	assert_null(gone[0]);
}

static void finds_repeats(void **state)
{
	(void)state;
	static const char *const allowed[] = { "resource", NULL };
	g_autoptr(form_t) form = parse("resource=x&resource=y&scope=a&scope=a"), fine = parse("resource=1&resource=2&b=3"),
		hidden = parse("scope=a&%73cope=b");
	assert_string_equal(form_repeated(form, NULL), "resource");
	assert_string_equal(form_repeated(form, allowed), "scope");
	assert_null(form_repeated(fine, allowed));
	assert_string_equal(form_repeated(hidden, allowed), "scope");
}

static void nothing_is_an_empty_form(void **state)
{
	(void)state;
	g_autoptr(form_t) none = form_parse(NULL, 0, NULL), ampersands = parse("&&&");
	assert_int_equal(form_size(none), 0);
	assert_int_equal(form_size(ampersands), 0);
	assert_null(form_repeated(none, NULL));
	form_free(NULL);
}

/* At every place of a value, whatever is before and behind: ASCII is looked at eight bytes at a time. */
static void a_wrong_byte_is_found_wherever_it_stands(void **state)
{
	(void)state;
	static const char wrong[] = { '\0', '\xff', '\x80' };
	char text[] = "a=0123456789abcdef012\x7f\x01";
	size_t length = sizeof text - 1;
	g_autoptr(form_t) good = form_parse(text, length, NULL);
	assert_string_equal(form_get(good, "a"), text + 2);
	for (size_t i = 2; i < length; i++)
		for (size_t j = 0; j < sizeof wrong; j++) {
			char kept = text[i];
			text[i] = wrong[j];
			assert_null(form_parse(text, length, NULL));
			text[i] = kept;
		}
	memcpy(text + 9, "\xc3\xa9", 2);
	g_autoptr(form_t) accented = form_parse(text, length, NULL);
	assert_string_equal(form_get(accented, "a"), text + 2);
}

static void refuses_malformed_components(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"a=%", "a=%4", "a=%zz", "a=%4g", "a=%g4", "a=%%41", "%=1", "%zz=1", "a%=1", "a=1&b=%", "a=%00", "%00=1", "a=x%00y", "a=%ff", "a=%c0%af",
		"a=%ed%a0%80",
		"a=%f4%90%80%80", "a=%e2%82", "a=%e2%82&b=%ac", "a=\xff", "\xc3=1", "a=%C3%28", "a=%u0041", "a=% 41", "a=%+1", "a=%g0%90%80%80", "%e2%82=x", NULL };
	for (size_t i = 0; texts[i]; i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(form_t) form = form_parse(texts[i], strlen(texts[i]), &error);
		if (form)
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(error_code_of(error), ERROR_INVALID_REQUEST);
	}
	assert_null(form_parse("a=1\0&b=2", 8, NULL));
	assert_null(form_parse("\0", 1, NULL));
	assert_null(form_parse("a=1&b=2\0", 8, NULL));
}

static void errors_never_show_a_value(void **state)
{
	(void)state;
	g_autoptr(GError) error = NULL;
	assert_null(form_parse("password=hunter2%zz", 19, &error));
	assert_null(strstr(error->message, "hunter2"));
}

static void the_number_of_pairs_is_bounded(void **state)
{
	(void)state;
	g_autoptr(GString) text = g_string_new(NULL);
	for (int i = 0; i < FORM_PAIRS_MAX; i++)
		g_string_append_printf(text, "n%d=v&", i);
	g_autoptr(form_t) most = parse(text->str);
	assert_int_equal(form_size(most), FORM_PAIRS_MAX);
	g_string_append(text, "one_more=");
	assert_null(parse(text->str));
}

static void decodes_in_place(void **state)
{
	(void)state;
	char text[] = "a%3Ab+c", plain[] = "xyz!", bad[] = "a%3";
	size_t length = 99;
	assert_true(form_decode(text, strlen(text), &length));
	assert_int_equal(length, 5);
	assert_string_equal(text, "a:b c");
	assert_true(form_decode(plain, 3, &length));
	assert_int_equal(length, 3);
	assert_string_equal(plain, "xyz!");
	length = 99;
	assert_false(form_decode(bad, 3, &length));
	assert_int_equal(length, 99);
	assert_true(form_decode(plain, 0, &length));
	assert_int_equal(length, 0);
}

static void appends_what_reads_back(void **state)
{
	(void)state;
	g_autoptr(GString) query = g_string_new(NULL), url = g_string_new("https://h/cb?");
	form_append(query, "code", "a b&c=d+%é");
	form_append(query, "left out", NULL);
	form_append(query, "sta te", "");
	assert_string_equal(query->str, "code=a%20b%26c%3Dd%2B%25%C3%A9&sta%20te=");
	g_autoptr(form_t) form = parse(query->str);
	assert_string_equal(form_get(form, "code"), "a b&c=d+%é");
	assert_string_equal(form_get(form, "sta te"), "");
	form_append(url, "a", "1");
	form_append(url, "b", "2");
	assert_string_equal(url->str, "https://h/cb?a=1&b=2");
}

const struct CMUnitTest form_tests[] = {
	cmocka_unit_test(reads_pairs_in_order),
	cmocka_unit_test(getters),
	cmocka_unit_test(finds_repeats),
	cmocka_unit_test(nothing_is_an_empty_form),
	cmocka_unit_test(refuses_malformed_components),
	cmocka_unit_test(a_wrong_byte_is_found_wherever_it_stands),
	cmocka_unit_test(errors_never_show_a_value),
	cmocka_unit_test(the_number_of_pairs_is_bounded),
	cmocka_unit_test(decodes_in_place),
	cmocka_unit_test(appends_what_reads_back),
	TESTS_END,
};
