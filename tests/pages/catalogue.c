/* Every message has a French text with the same placeholders, and every text chosen by name is in the catalogue. */
#include "tests.h"
#include "gateway/pages/pages.h"
#include "gateway/pages/rendering.h"
#include <glib.h>
#include <string.h>

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The placeholders of a text, sorted, with a space after each. */
static char *placeholders_of(const char *text)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	GString *all = g_string_new(NULL);

	for (const char *open = strchr(text, '{'); open; open = strchr(open + 1, '{')) {
		const char *close = strchr(open, '}');
		assert_non_null(close);
		g_ptr_array_add(names, g_strndup(open, (gsize)(close - open) + 1));
	}
	g_ptr_array_sort(names, compare_texts);
	for (guint i = 0; i < names->len; i++)
		g_string_append_printf(all, "%s ", (const char *)g_ptr_array_index(names, i));
	return g_string_free(all, FALSE);
}

static void test_french_is_complete(void **state)
{
	(void)state;
	assert_true(message_count > 50);
	for (size_t i = 0; i < message_count; i++) {
		g_autofree char *english = placeholders_of(messages[i].english);
		g_autofree char *french = placeholders_of(messages[i].french);
		assert_true(messages[i].french[0]);
		assert_true(g_utf8_validate(messages[i].french, -1, NULL));
		assert_string_equal(english, french);
		assert_string_not_equal(messages[i].english, messages[i].french);
	}
}

/* Look-up is by bisection: an unsorted catalogue would lose texts silently. */
static void test_catalogue_is_sorted(void **state)
{
	(void)state;
	for (size_t i = 1; i < message_count; i++)
		assert_true(strcmp(messages[i - 1].english, messages[i].english) < 0);
}

#define T(text) text
static const char *const chosen_by_name[] = {
#define PROBLEM(name, title, text, advice) title, text, advice,
#define SCOPE(name, sentence) sentence,
#include "gateway/pages/texts.def"
#undef PROBLEM
#undef SCOPE
};

static void test_texts_are_in_the_catalogue(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(chosen_by_name); i++) {
		bool found = false;
		for (size_t j = 0; j < message_count && !found; j++)
			found = !strcmp(messages[j].english, chosen_by_name[i]);
		if (!found)
			fail_msg("not in the catalogue: %s", chosen_by_name[i]);
	}
}

static const char *const error_names[] = {
#define ERROR(name, status, oauth_name, text) #name,
#include "base/err.def"
#undef ERROR
};

/* Each error gives a page in either language with a title, and nothing of the table that machines read. */
static void test_every_error_has_a_page(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(error_names); i++) {
		g_autofree char *name = g_ascii_strdown(error_names[i], -1);
		g_autofree char *english = page_error(&(struct page_frame) { .language = "en", .reference = "k3v9q2xw7p" }, name, NULL);
		g_autofree char *french = page_error(&(struct page_frame) { .language = "fr", .reference = "k3v9q2xw7p" }, name, NULL);
		assert_null(strstr(english, "<h1></h1>"));
		assert_null(strstr(french, "<h1></h1>"));
		assert_non_null(strstr(english, "<code><bdi>k3v9q2xw7p</bdi></code>"));
		assert_string_not_equal(english, french);
	}
}

static void test_unknown_error_has_the_general_text(void **state)
{
	struct page_frame frame = { .language = "en" };
	g_autofree char *unknown = page_error(&frame, "no_such_name", NULL);
	g_autofree char *none = page_error(&frame, NULL, NULL);

	(void)state;
	assert_non_null(strstr(unknown, "<h1>That did not work</h1>"));
	assert_string_equal(unknown, none);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_french_is_complete), cmocka_unit_test(test_catalogue_is_sorted), cmocka_unit_test(test_texts_are_in_the_catalogue),
	cmocka_unit_test(test_every_error_has_a_page), cmocka_unit_test(test_unknown_error_has_the_general_text),
};

const struct test_group catalogue_group = { tests, sizeof tests / sizeof tests[0] };
