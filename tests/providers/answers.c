/* What answers are made of: identities, checks, verdicts, and their ends. */
#include "providers/provider.h"

#include "lists.h"

#include <string.h>

static void identity_says_what_it_was_given(void **state)
{
	static const char *const amr[] = {"pwd", "otp", NULL};
	g_autoptr(identity_t) identity = identity_new("okta", "00u1", amr, json_pack("{s:s}", "email", "a@acme.example"));

	(void)state;
	assert_string_equal(identity_provider(identity), "okta");
	assert_string_equal(identity_subject(identity), "00u1");
	assert_string_equal(identity_amr(identity)[1], "otp");
	assert_null(identity_amr(identity)[2]);
	assert_string_equal(json_string_at(identity_claims(identity), "email"), "a@acme.example");
}

/* One empty subject would be one account for all of a provider's people. */
static void identity_needs_a_subject(void **state)
{
	g_autofree char *most = g_strnfill(255, 's'), *over = g_strnfill(256, 's');
	g_autoptr(identity_t) longest = identity_new("p", most, NULL, NULL);

	(void)state;
	assert_non_null(longest);
	assert_null(identity_amr(longest)[0]);
	assert_null(identity_claims(longest));
	assert_null(identity_new("p", over, NULL, json_object()));
	assert_null(identity_new("p", "", NULL, json_object()));
	assert_null(identity_new("p", NULL, NULL, NULL));
	assert_null(identity_new("", "s", NULL, NULL));
	assert_null(identity_new(NULL, "s", NULL, NULL));
	identity_free(NULL);
}

static void checks_are_kept_in_order(void **state)
{
	struct checks *checks = checks_new();

	(void)state;
	assert_true(check(checks, "audience", "a", "a", true));
	assert_false(check(checks, "issuer", "b", NULL, false));
	g_autoptr(json_t) rows = checks_json(checks);
	g_autofree char *text = json_text(rows);
	assert_string_equal(text, "[{\"check\":\"audience\",\"seen\":\"a\",\"expected\":\"a\",\"passed\":true},"
	                          "{\"check\":\"issuer\",\"seen\":\"b\",\"expected\":null,\"passed\":false}]");
	checks_free(checks);
}

/* Two ways to pass that are not simply passing, and a sentence that only a failure needs. */
static void checks_say_why(void **state)
{
	struct checks *checks = checks_new_of(4);

	(void)state;
	assert_false(check_advised(checks, "a", "b", "c", false, "change it"));
	assert_true(check_advised(checks, "a", "b", "c", true, "change it"));
	check_skipped(checks, "a", "b", "not asked");
	check_warned(checks, "a", "b", "c", "soon");
	check_warned(checks, "dropped", "b", "c", "and its sentence with it");
	check_skipped(NULL, "a", "b", "c");
	g_autoptr(json_t) rows = checks_json(checks);
	g_autofree char *text = json_text(rows);
	assert_string_equal(text, "[{\"check\":\"a\",\"seen\":\"b\",\"expected\":\"c\",\"passed\":false,\"advice\":\"change it\"},"
	                          "{\"check\":\"a\",\"seen\":\"b\",\"expected\":\"c\",\"passed\":true},"
	                          "{\"check\":\"a\",\"seen\":\"b\",\"expected\":null,\"passed\":true,\"skipped\":\"not asked\"},"
	                          "{\"check\":\"a\",\"seen\":\"b\",\"expected\":\"c\",\"passed\":true,\"warning\":\"soon\"},"
	                          "{\"check\":\"(more)\",\"dropped\":1}]");
	checks_free(checks);
}

static void checks_are_bounded(void **state)
{
	struct checks *checks = checks_new();
	g_autofree char *huge = g_strnfill(100000, 'x'), *accents = g_strdup("x");

	(void)state;
	for (int i = 0; i < 200; i++) {
		g_autofree char *shorter = accents;
		accents = g_strconcat(shorter, "\xc3\xa9", NULL);
	}
	check(checks, "huge", huge, accents, true);
	for (int i = 0; i < 1000; i++)
		assert_false(check(checks, "again", "x", "y", false));
	g_autoptr(json_t) rows = checks_json(checks);
	checks_free(checks);
	assert_int_equal(json_array_size(rows), 65);
	assert_int_equal(strlen(json_string_at(json_array_get(rows, 0), "seen")), 256);
	const char *cut = json_string_at(json_array_get(rows, 0), "expected");
	assert_int_equal(strlen(cut), 255); /* not within a character */
	assert_true(g_str_has_suffix(cut, "\xc3\xa9"));
	int64_t dropped = 0;
	assert_true(json_integer_at(json_array_get(rows, 64), "dropped", &dropped));
	assert_int_equal(dropped, 1000 - 63);
}

static void checks_take_any_bytes(void **state)
{
	struct checks *checks = checks_new();
	static const char *const bytes[] = {"\xff\xfe", "\xc3", "\xed\xa0\x80", "\x01\n\"\\", ""};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(bytes); i++)
		check(checks, bytes[i], bytes[i], bytes[i], true);
	g_autoptr(json_t) rows = checks_json(checks);
	checks_free(checks);
	assert_int_equal(json_array_size(rows), TEST_COUNT(bytes));
	for (size_t i = 0; i < TEST_COUNT(bytes); i++)
		assert_non_null(json_string_at(json_array_get(rows, i), "seen"));
}

static void checks_may_be_missing(void **state)
{
	(void)state;
	assert_true(check(NULL, "x", "a", "b", true));
	assert_false(check(NULL, "x", "a", "b", false));
	g_autoptr(json_t) rows = checks_json(NULL);
	assert_int_equal(json_array_size(rows), 0);
	checks_free(NULL);
}

static void clearing_goes_back_to_a_violation(void **state)
{
	struct provider_answer answer = {
		.verdict = VERDICT_OK, .identity = identity_new("p", "s", NULL, NULL), .keep = secret_new("k", 1), .replacement_hash = g_strdup("h"),
		.step = {.kind = STEP_POST_FORM, .url = g_strdup("https://idp"), .fields = json_object()},
		.session = {.sid = g_strdup("s"), .acr = g_strdup("a"), .logout_keep = secret_new("l", 1), .refresh_keep = secret_new("r", 1)}, .account = "a", .reason = REASON_OK,
	};
	struct credential credential = {.account = "a", .stored = g_strdup("s"), .disabled = true};

	(void)state;
	provider_answer_clear(&answer);
	assert_int_equal(answer.verdict, VERDICT_VIOLATION);
	assert_null(answer.identity);
	assert_int_equal(answer.step.kind, STEP_NONE);
	assert_int_equal(answer.reason, REASON_UNDECIDED);
	provider_answer_clear(&answer);
	provider_answer_clear(NULL);
	credential_clear(&credential);
	assert_null(credential.stored);
	credential_clear(NULL);
	step_clear(NULL);
}

static void verdicts_have_names(void **state)
{
	(void)state;
	for (enum verdict a = VERDICT_VIOLATION; a <= VERDICT_UNAVAILABLE; a++)
		for (enum verdict b = VERDICT_VIOLATION; b < a; b++)
			assert_string_not_equal(verdict_name(a), verdict_name(b));
	assert_string_equal(verdict_name((enum verdict)99), "violation");
}

static void registry_finds_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; provider_drivers[i]; i++)
		assert_ptr_equal(provider_driver_named(provider_drivers[i]->name), provider_drivers[i]);
	assert_null(provider_driver_named("nothing"));
	assert_null(provider_driver_named("Local"));
	assert_null(provider_driver_named(""));
	assert_null(provider_driver_named(NULL));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(identity_says_what_it_was_given),
	cmocka_unit_test(identity_needs_a_subject),
	cmocka_unit_test(checks_are_kept_in_order),
	cmocka_unit_test(checks_say_why),
	cmocka_unit_test(checks_are_bounded),
	cmocka_unit_test(checks_take_any_bytes),
	cmocka_unit_test(checks_may_be_missing),
	cmocka_unit_test(clearing_goes_back_to_a_violation),
	cmocka_unit_test(verdicts_have_names),
	cmocka_unit_test(registry_finds_by_name),
};
const struct test_list answers_list = {tests, TEST_COUNT(tests)};
