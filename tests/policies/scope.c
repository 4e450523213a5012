/* Scopes: grammar, membership, and that nothing outside the allowed list slips through. */
#include "policies/scope.h"

#include "lists.h"

#include <glib.h>
#include <string.h>

static void grammar_table(void **state)
{
	static const struct {
		const char *scope;
		bool good;
	} rows[] = {
		{"openid", true}, {"openid profile", true}, {"wiki.read wiki:write https://api/x!#[]~", true},
		{NULL, false}, {"", false}, {" ", false}, {" openid", false}, {"openid ", false}, {"openid  profile", false}, {"openid\tprofile", false},
		{"openid\nprofile", false}, {"openid\"", false}, {"open\\id", false}, {"openid \x7f", false}, {"caf\xc3\xa9", false},
		{"openid openid", false}, {"a b c a", false}, {"openid\xc2\xa0profile", false}, {"a aa aaa aaaa", true}, {"aa a", true},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++)
		if (scope_well_formed(rows[i].scope) != rows[i].good)
			fail_msg("row %zu: %s", i, rows[i].scope);
}

static char *many_words(size_t count)
{
	GString *text = g_string_new(NULL);
	for (size_t i = 0; i < count; i++)
		g_string_append_printf(text, "%sw%zu", i ? " " : "", i);
	return g_string_free(text, FALSE);
}

static void length_is_bounded(void **state)
{
	g_autofree char *fits = many_words(128), *over = many_words(129);
	g_autofree char *word = g_strnfill(2048, 'a'), *longer = g_strnfill(2049, 'a');

	(void)state;
	assert_true(scope_well_formed(fits));
	assert_false(scope_well_formed(over));
	assert_true(scope_well_formed(word));
	assert_false(scope_well_formed(longer));
}

static void words_are_whole(void **state)
{
	(void)state;
	assert_true(scope_has("openid profile", "openid"));
	assert_true(scope_has("openid profile", "profile"));
	assert_false(scope_has("openid profile", "prof"));
	assert_false(scope_has("openid profile", "file"));
	assert_false(scope_has("openid profile", "openid profile"));
	assert_false(scope_has("openid profile", "OPENID"));
	assert_false(scope_has("openid profile", ""));
	assert_false(scope_has("openid profile", NULL));
	assert_false(scope_has("", "openid"));
	assert_false(scope_has(NULL, "openid"));
}

static void decisions(void **state)
{
	static const struct {
		const char *asked, *allowed;
		enum reason reason;
	} rows[] = {
		{"openid", "openid profile", REASON_OK}, {"profile openid", "openid profile", REASON_OK}, {NULL, "openid", REASON_OK}, {"", "openid", REASON_OK},
		{"openid email", "openid profile", REASON_SCOPE_REFUSED}, {"open", "openid", REASON_SCOPE_REFUSED}, {"openid", "open", REASON_SCOPE_REFUSED},
		{"openid", "", REASON_SCOPE_REFUSED}, {"openid", NULL, REASON_SCOPE_REFUSED}, {"OpenID", "openid", REASON_SCOPE_REFUSED},
		{"openid openid", "openid", REASON_SCOPE_REFUSED}, {" openid", "openid", REASON_SCOPE_REFUSED}, {"openid\n", "openid", REASON_SCOPE_REFUSED},
		{" ", "openid", REASON_SCOPE_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++)
		if (scope_decide(rows[i].asked, rows[i].allowed) != rows[i].reason)
			fail_msg("row %zu: %s", i, rows[i].asked);
}

static bool collect(const char *word, size_t length, void *data)
{
	GString *text = data;
	g_string_append_len(text, word, (gssize)length);
	g_string_append_c(text, '|');
	return text->len < 8;
}

static void walk_is_in_order_and_stops(void **state)
{
	GString *text = g_string_new(NULL);

	(void)state;
	assert_false(scope_each("one two three four", collect, text));
	assert_string_equal(text->str, "one|two|");
	g_string_truncate(text, 0);
	assert_true(scope_each("", collect, text));
	assert_true(scope_each(NULL, collect, text));
	assert_int_equal(text->len, 0);
	g_string_free(text, TRUE);
	for (size_t i = 0; scope_standard[i]; i++)
		assert_true(scope_well_formed(scope_standard[i]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(grammar_table),
	cmocka_unit_test(length_is_bounded),
	cmocka_unit_test(words_are_whole),
	cmocka_unit_test(decisions),
	cmocka_unit_test(walk_is_in_order_and_stops),
};
const struct test_list scope_list = {tests, TEST_COUNT(tests)};
