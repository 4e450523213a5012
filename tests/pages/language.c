/* Which language a page is in. */
#include "tests.h"
#include "gateway/pages/pages.h"
#include <glib.h>
#include <string.h>

static const struct { const char *ui_locales, *accept, *tenant, *expected; } cases[] = {
	{ NULL, NULL, NULL, "en" }, { "", "", "", "en" }, { NULL, NULL, "fr", "fr" }, { NULL, NULL, "fr_FR.UTF-8", "fr" }, { NULL, NULL, "de", "en" },
	/* the browser */
	{ NULL, "fr", NULL, "fr" }, { NULL, "fr-CA", NULL, "fr" }, { NULL, "FR-ca", NULL, "fr" }, { NULL, "fr-Latn-CH-1996", NULL, "fr" },
	{ NULL, "en", "fr", "en" }, { NULL, "de", "fr", "fr" }, { NULL, "de,fr;q=0.5", "en", "fr" }, { NULL, "en;q=0.5,fr;q=0.9", NULL, "fr" },
	{ NULL, "en;q=0.9, fr;q=0.5", "fr", "en" }, { NULL, "fr,en", NULL, "fr" }, { NULL, "en;q=0.95,fr", NULL, "fr" }, { NULL, "en,fr", NULL, "en" }, { NULL, "fr ; q=0.2 , en ; q=0.3", NULL, "en" },
	{ NULL, "fr;q=0.001,en;q=0", NULL, "fr" }, { NULL, "fr;q=0", NULL, "en" }, { NULL, "fr;q=0,en;q=0.1", "fr", "en" }, { NULL, "*", "fr", "fr" },
	{ NULL, "*;q=0.5, fr;q=0.1", NULL, "fr" }, { NULL, "fr;Q=0.4,en;q=0.3", NULL, "fr" }, { NULL, "fr;q=1.000", NULL, "fr" },
	/* the application wins */
	{ "fr", "en", "en", "fr" }, { "en", "fr", "fr", "en" }, { "fr-CA fr en", NULL, NULL, "fr" }, { "de fr en", "en", NULL, "fr" }, { "  fr", NULL, NULL, "fr" },
	{ "de", "fr", "en", "fr" }, { "de es", NULL, "fr", "fr" },
	/* garbage */
	{ NULL, "french", NULL, "en" }, { NULL, "f", NULL, "en" }, { NULL, "fra", NULL, "en" }, { NULL, ";;;,,,q=;", NULL, "en" }, { NULL, "fr;q=abc", NULL, "en" },
	{ NULL, "fr;q=2", NULL, "en" }, { NULL, "fr;q=-1", NULL, "en" }, { NULL, "fr;q=1.5,en", NULL, "en" }, { NULL, "fr;q=0.9x", NULL, "en" }, { NULL, "fr q=1", NULL, "en" },
	{ NULL, "fr;level=1", NULL, "en" }, { "fr\xff", NULL, NULL, "en" }, { "<script>", "\"><fr", "\x01", "en" }, { NULL, "-fr", NULL, "en" }, { NULL, "fr\xc3\xa9", NULL, "en" },
};

static void test_choice(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *seen = page_language(cases[i].ui_locales, cases[i].accept, cases[i].tenant);
		if (strcmp(seen, cases[i].expected))
			fail_msg("case %zu (%s | %s | %s): %s", i, cases[i].ui_locales, cases[i].accept, cases[i].tenant, seen);
	}
}

static void test_long_headers_are_bounded(void **state)
{
	g_autofree char *commas = g_strnfill(100000, ',');
	g_autofree char *letters = g_strnfill(100000, 'f');

	(void)state;
	assert_string_equal(page_language(NULL, commas, "fr"), "fr");
	assert_string_equal(page_language(letters, letters, "fr"), "fr");
}

static void test_page_is_in_its_language(void **state)
{
	struct page_frame frame = { .language = "fr", .tenant_name = "Acme" };
	g_autofree char *french = page_signed_out(&frame, NULL);

	(void)state;
	assert_non_null(strstr(french, "<html lang=\"fr\">"));
	assert_non_null(strstr(french, "Votre session est ferm\xc3\xa9" "e"));
	frame.language = "en";
	g_autofree char *english = page_signed_out(&frame, NULL);
	assert_non_null(strstr(english, "<html lang=\"en\">"));
	assert_non_null(strstr(english, "You are signed out"));
	frame.language = NULL;
	g_autofree char *unset = page_signed_out(&frame, NULL);
	assert_string_equal(unset, english);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_choice), cmocka_unit_test(test_long_headers_are_bounded), cmocka_unit_test(test_page_is_in_its_language),
};

const struct test_group language_group = { tests, sizeof tests / sizeof tests[0] };
