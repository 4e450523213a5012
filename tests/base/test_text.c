/* Canonical names and passwords: spellings that must meet, and characters that must not enter. */
#include "base/secret.h"
#include "base/text.h"
#include "subjects.h"
#include <string.h>

/* Each line: spellings of one name, and the key they share. */
static void spellings_of_a_name_share_a_key(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{ "alice", "alice" },
		{ "Alice", "alice" },
		{ "  ALICE\t", "alice" },
		{ "\xc2\xa0" "alice" "\xe3\x80\x80", "alice" },                                /* no-break and ideographic space around */
		{ "\xef\xbc\xa1\xef\xbd\x8c\xef\xbd\x89\xef\xbd\x83\xef\xbd\x85", "alice" }, /* full-width */
		{ "e\xcc\x81ric", "\xc3\xa9ric" },                                            /* decomposed */
		{ "\xc3\x89RIC", "\xc3\xa9ric" },
		{ "\xef\xac\x81" "at", "fiat" },                                               /* ligature */
		{ "STRASSE", "strasse" },
		{ "stra\xc3\x9f" "e", "strasse" },
		{ "\xe2\x84\xaa", "k" },                                                       /* Kelvin sign */
		{ "\xcf\x82", "\xcf\x83" },                                                    /* final sigma */
		{ "\xce\xa3", "\xcf\x83" },
		{ "Alice@ACME.Example", "alice@acme.example" },
		{ "a b", "a b" },
		{ "a\xe1\x9a\x80" "b", "a b" },                                                /* Ogham space mark */
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *key = text_login_key(rows[i][0]);
		assert_non_null(key);
		assert_string_equal(key, rows[i][1]);
		g_autofree char *again = text_login_key(key);
		assert_string_equal(again, key);
	}
}

static void other_names_have_other_keys(void **state)
{
	(void)state;
	g_autofree char *latin = text_login_key("alice"), *cyrillic = text_login_key("\xd0\xb0lice"), *accent = text_login_key("\xc3\xa1lice");
	assert_string_not_equal(latin, cyrillic);
	assert_string_not_equal(latin, accent);
}

static void refuses_names_with_what_nobody_sees(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"", " ", "\t\n", "\xe3\x80\x80", "\xe1\x9a\x80", "ali\x01" "ce", "ali\nce", "ali\x7f" "ce", "ali\xc2\x85" "ce", "ali\xe2\x80\x8b" "ce",
		"ali\xe2\x80\x8d" "ce",
		"ali\xe2\x80\xae" "ce", "\xef\xbb\xbf" "alice", "alice\xc2\xad", "ali\xe2\x80\xa8" "ce", "ali\xe3\x85\xa4" "ce", "ali\xe1\x85\x9f" "ce",
		"ali\xcd\x8f" "ce",
		"alice\xef\xb8\x8f", "alice\xee\x80\x80", "alice\xef\xbf\xbf", "alice\xcd\xb8", "alice\xf3\xa0\x80\x81", "\xff", "ali\xc0\x80",
		"ali\xed\xa0\x80", "ali\xe2\x82", NULL };
	for (size_t i = 0; texts[i]; i++) {
		g_autofree char *key = text_login_key(texts[i]);
		if (key)
			fail_msg("row %zu: taken as %s", i, key);
	}
	assert_null(text_login_key(NULL));
}

static void names_end_at_256_bytes(void **state)
{
	(void)state;
	g_autofree char *longest = g_strnfill(256, 'a'), *longer = g_strnfill(257, 'a'), *key = text_login_key(longest);
	assert_string_equal(key, longest);
	assert_null(text_login_key(longer));
	/* The bound is on what was typed, before anything is computed: 300 bytes that would fold to 100. */
	g_autoptr(GString) wide = g_string_new(NULL);
	for (int i = 0; i < 100; i++)
		g_string_append(wide, "\xef\xbc\xa1");
	assert_null(text_login_key(wide->str));
	/* U+FDFA grows elevenfold under NFKC. */
	g_autoptr(GString) growing = g_string_new(NULL);
	for (int i = 0; i < 85; i++)
		g_string_append(growing, "\xef\xb7\xba");
	assert_null(text_login_key(growing->str));
}

/* Every assigned character: the key of a key is itself, so that no spelling has a counter of its own. */
static void keys_are_stable_for_every_character(void **state)
{
	(void)state;
	for (gunichar character = 0x21; character < 0x30000; character++) {
		char text[8] = "x";
		if (!g_unichar_validate(character))
			continue;
		text[1 + g_unichar_to_utf8(character, text + 1)] = '\0';
		g_autofree char *key = text_login_key(text), *again = key ? text_login_key(key) : NULL;
		if (key && g_strcmp0(key, again) != 0)
			fail_msg("U+%04X", character);
	}
}

static void assert_password(const char *typed, size_t length, const char *expected)
{
	g_autoptr(secret_t) password = text_password(typed, length, 1024);
	assert_non_null(password);
	assert_int_equal(secret_length(password), strlen(expected));
	assert_memory_equal(secret_bytes(password), expected, strlen(expected) + 1);
}

static void passwords_are_composed_and_otherwise_kept(void **state)
{
	(void)state;
	assert_password("Correct Horse", 13, "Correct Horse");
	assert_password("e\xcc\x81", 3, "\xc3\xa9");
	assert_password("\xc3\xa9", 2, "\xc3\xa9");
	assert_password(" a ", 3, " a ");
	assert_password("a\xc2\xa0" "b\xe3\x80\x80" "c", 8, "a b c");
	assert_password("\xef\xac\x81", 3, "\xef\xac\x81");
	assert_password("\xef\xbc\xa1", 3, "\xef\xbc\xa1");
	assert_password("a\tb", 3, "a\tb");
	assert_password("abcdef", 3, "abc");
	assert_password("\xf0\x9f\x90\xb4", 4, "\xf0\x9f\x90\xb4");
}

static void passwords_that_cannot_be(void **state)
{
	(void)state;
	assert_null(text_password("", 0, 1024));
	assert_null(text_password(NULL, 0, 1024));
	assert_null(text_password("a\0b", 3, 1024));
	assert_null(text_password("abc\0", 4, 1024));
	assert_null(text_password("\xff", 1, 1024));
	assert_null(text_password("a\xe2\x82", 3, 1024));
	assert_null(text_password("\xed\xa0\x80", 3, 1024));
	assert_null(text_password("12345", 5, 4));
	g_autoptr(secret_t) fits = text_password("1234", 4, 4);
	assert_non_null(fits);
}

static void length_counts_characters(void **state)
{
	(void)state;
	assert_int_equal(text_length("", 0), 0);
	assert_int_equal(text_length("abc", 3), 3);
	assert_int_equal(text_length("\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb4", 9), 3);
}

static void plain_text_is_one_line(void **state)
{
	(void)state;
	static const char *const plain[] = { "", "Alice Martin", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb4", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
		NULL };
	static const char *const other[] = { "a\nb", "a\rb", "a\tb", "\x1b[m", "\x7f", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9",
		"\xe2\x80\xae" "x", "\xe2\x81\xa6" "x", "\xff", "\xe2\x82", "\xed\xa0\x80", NULL };
	for (size_t i = 0; plain[i]; i++)
		assert_true(text_is_plain(plain[i], 100));
	for (size_t i = 0; other[i]; i++)
		assert_false(text_is_plain(other[i], 100));
	assert_true(text_is_plain("abcd", 4));
	assert_false(text_is_plain("abcde", 4));
	assert_false(text_is_plain(NULL, 4));
}

const struct CMUnitTest text_tests[] = {
	cmocka_unit_test(spellings_of_a_name_share_a_key),
	cmocka_unit_test(other_names_have_other_keys),
	cmocka_unit_test(refuses_names_with_what_nobody_sees),
	cmocka_unit_test(names_end_at_256_bytes),
	cmocka_unit_test(keys_are_stable_for_every_character),
	cmocka_unit_test(passwords_are_composed_and_otherwise_kept),
	cmocka_unit_test(passwords_that_cannot_be),
	cmocka_unit_test(length_counts_characters),
	cmocka_unit_test(plain_text_is_one_line),
	TESTS_END,
};
