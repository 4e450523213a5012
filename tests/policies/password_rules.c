/* What a new password must be (SECURITY PW-5 to PW-7). */
#include "policies/password_rules.h"

#include "common_passwords.h"
#include "lists.h"

#include <glib.h>
#include <string.h>

static const struct password_rules alone = {.min_length = 15, .max_length = 256, .refuse_common = true};
static const struct password_rules second = {.min_length = 8, .max_length = 256, .refuse_common = true};

static void length_counts_characters(void **state)
{
	g_autofree char *most = g_strdup("plum orbit 47 velvet Kiosk jumps; "), *limit = g_strnfill(1024, 'a'), *over = g_strnfill(1025, 'a');
	struct password_rules loose = {.min_length = 1, .max_length = 4096};

	(void)state;
	assert_int_equal(password_judge(&alone, "", NULL), PASSWORD_TOO_SHORT);
	assert_int_equal(password_judge(&alone, "xK9#vQ2m!Lw7pZ", NULL), PASSWORD_TOO_SHORT);
	assert_int_equal(password_judge(&alone, "xK9#vQ2m!Lw7pZ4", NULL), 0);
	assert_int_equal(password_judge(&alone, "xK9#vQ2m!Lw7\xc3\xa9", NULL), PASSWORD_TOO_SHORT); /* 15 bytes, 13 characters */
	assert_int_equal(password_judge(&second, "xK9#vQ2m", NULL), 0);
	assert_int_equal(password_judge(&second, "xK9#vQ2", NULL), PASSWORD_TOO_SHORT);
	while (strlen(most) <= 256) {
		g_autofree char *shorter = most;
		most = g_strdup_printf("%s%zu tin cup, ", shorter, strlen(shorter) * 7919);
	}
	assert_int_equal(password_judge(&alone, most, NULL), PASSWORD_TOO_LONG);
	most[256] = '\0';
	assert_int_equal(password_judge(&alone, most, NULL), 0);
	assert_int_equal(password_judge(&loose, over, NULL), PASSWORD_TOO_LONG);
	assert_int_not_equal(password_judge(&loose, limit, NULL), PASSWORD_TOO_LONG);
	struct password_rules none = {0};
	assert_int_equal(password_judge(&none, "", NULL), PASSWORD_TOO_SHORT);
	assert_int_equal(password_judge(&none, "xK9#vQ2m!Lw7pZ4", NULL), PASSWORD_TOO_LONG);
}

static void lists_are_refused(void **state)
{
	size_t failed = 0, eight = 0, fifteen = 0;

	(void)state;
	for (size_t i = 0; common_passwords[i]; i++) {
		const char *password = common_passwords[i];
		enum password_problem expected = strlen(password) < 8 ? PASSWORD_TOO_SHORT : PASSWORD_COMMON;
		eight += strlen(password) >= 8;
		fifteen += strlen(password) >= 15;
		if (password_judge(&second, password, NULL) != expected && ++failed)
			print_error("accepted: %s\n", password);
	}
	assert_int_equal(failed, 0);
	assert_true(eight >= 300);
	assert_true(fifteen >= 100);
}

/* What people make of a listed word when 15 characters are asked for. */
static void stretched_words_are_refused(void **state)
{
	static const char *const patterns[] = {"%s%s", "%s%s%s", "%s%s1", "%s%s!", "%s %s"};
	size_t failed = 0, seen = 0;

	(void)state;
	for (size_t i = 0; common_passwords[i]; i++)
		for (size_t p = 0; p < TEST_COUNT(patterns); p++) {
			const char *word = common_passwords[i];
			g_auto(GStrv) parts = g_strsplit(patterns[p], "%s", -1);
			g_autofree char *stretched = g_strjoinv(word, parts);
			if (strlen(stretched) < 15 || ++seen % 7 != 0) /* a seventh of them: the sanitizers are slow */
				continue;
			if (password_judge(&alone, stretched, NULL) != PASSWORD_COMMON && ++failed)
				print_error("accepted: %s\n", stretched);
		}
	assert_int_equal(failed, 0);
	assert_true(seen > 700);
}

static void good_ones_are_accepted(void **state)
{
	static const char *const good[] = {
		"purple tractor sings under seven moons", "le chat noir mange la pluie", "un velo bleu sur la lune", "mother tuesday lamp",
		"Gr\xc3\xbcne \xc3\x84pfel rollen bergauf", "vG7-pq2L-xN4s-wT9e", "nutmeg harbor violin cactus", "je prends le train de 7h42 avec Zo\xc3\xa9",
		"\xd0\xb7\xd0\xb5\xd0\xbb\xd1\x91\xd0\xbd\xd1\x8b\xd0\xb9 \xd0\xba\xd0\xbe\xd1\x82 \xd0\xb8\xd0\xb4\xd1\x91\xd1\x82 \xd0\xb4\xd0\xbe\xd0\xbc\xd0\xbe\xd0\xb9",
		"9f1c2ab7de04835516aa", "tapis-lune-orage-velours", "zebra!quartz!hammock",
	};
	static const char *const context[] = {"acme", "Acme", "alice", "alice@acme.example", "Alice Martin", NULL};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(good); i++)
		if (password_judge(&alone, good[i], context) != 0)
			fail_msg("refused: %s", good[i]);
	assert_int_equal(password_judge(&second, "xk8#Lq2v", context), 0);
	assert_int_equal(password_judge(&second, "zF4tqP9w", context), 0);
}

static void context_counts_for_nothing(void **state)
{
	static const char *const context[] = {"zorbel", "Quintavia Ltd", "wrenfold.tamsin@quintavia.example", "ab", "", NULL};
	static const struct {
		const char *password;
		enum password_problem problem;
	} rows[] = {
		{"zorbelquintavia", PASSWORD_OF_CONTEXT}, {"Zorbel-Quintavia-2026", PASSWORD_OF_CONTEXT}, {"QuintaviaWrenfold1", PASSWORD_OF_CONTEXT},
		{"wrenfold.tamsin", PASSWORD_OF_CONTEXT}, {"wrenfold.tamsin@quintavia.example", PASSWORD_OF_CONTEXT}, {"Tamsin Wrenfold 1985", PASSWORD_OF_CONTEXT},
		{"z0rbelQu1nt4v1a", PASSWORD_OF_CONTEXT},
		/* a word of the context in a long enough phrase of other words is no harm */
		{"tamsin peels nine yellow grapefruits", 0},
		{"purple tractor sings under seven moons", 0},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		enum password_problem problem = password_judge(&alone, rows[i].password, context);
		if (problem != rows[i].problem)
			fail_msg("%s: %d", rows[i].password, problem);
	}
	/* The same without the words around it. */
	assert_int_equal(password_judge(&alone, "Tamsin Wrenfold 1985", NULL), 0);
}

static void common_may_be_allowed_but_not_context(void **state)
{
	struct password_rules lenient = second;
	static const char *const context[] = {"zorbelquintavia", NULL};

	(void)state;
	lenient.refuse_common = false;
	assert_int_equal(password_judge(&lenient, "password1", NULL), 0);
	assert_int_equal(password_judge(&lenient, "zorbelquintavia1", context), PASSWORD_OF_CONTEXT);
	assert_int_equal(password_judge(&second, "password1", context), PASSWORD_COMMON);
}

/* What somebody types to slow the server down, not to sign in. */
static void hostile_text_is_survived(void **state)
{
	struct password_rules loose = {.min_length = 1, .max_length = 1024, .refuse_common = true};
	g_autofree char *same = g_strnfill(1024, 'a'), *mixed = g_strnfill(1024, '\x01'), *word = g_strnfill(5000, 'b');
	const char *const context[] = {word, "\xff\xfe\xfd\xfc", "....", "@@@@", NULL};

	(void)state;
	for (size_t i = 0; i < 1024; i++)
		mixed[i] = (char)(1 + (i * i * 31 + i / 7) % 127);
	gint64 started = g_get_monotonic_time();
	assert_int_equal(password_judge(&loose, same, context), PASSWORD_COMMON);
	assert_int_equal(password_judge(&loose, mixed, context), 0);
	assert_int_equal(password_judge(&loose, "0110100110010110011010010110", context), PASSWORD_COMMON);
	assert_true(g_get_monotonic_time() - started < 5 * G_USEC_PER_SEC);
}

static void problems_have_texts(void **state)
{
	static const enum password_problem every[] = {PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG, PASSWORD_COMMON, PASSWORD_OF_CONTEXT};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(every); i++)
		assert_true(strlen(password_problem_text(every[i])) > 10);
	assert_string_equal(password_problem_text((enum password_problem)0), "");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(length_counts_characters),
	cmocka_unit_test(lists_are_refused),
	cmocka_unit_test(stretched_words_are_refused),
	cmocka_unit_test(good_ones_are_accepted),
	cmocka_unit_test(context_counts_for_nothing),
	cmocka_unit_test(common_may_be_allowed_but_not_context),
	cmocka_unit_test(hostile_text_is_survived),
	cmocka_unit_test(problems_have_texts),
};
const struct test_list password_rules_list = {tests, TEST_COUNT(tests)};
