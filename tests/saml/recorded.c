/* Recorded responses: everything about them is said, whatever failed first, and they are as harmless as those that come to sign somebody in. */
#include "idp.h"
#include "subjects.h"

#include <string.h>

#define YEAR_MS (365 * INT64_C(86400000))
#define AUDIENCE(name) "<saml:AudienceRestriction><saml:Audience>" name "</saml:Audience></saml:AudienceRestriction>"

static json_t *ask_recorded_at(const struct shape *shape, int64_t now_ms)
{
	g_autofree char *xml = idp_response(shape);
	struct saml_response_question question = question_good(xml);

	question.recorded = true;
	question.request_id = NULL;
	question.trust.now_ms = now_ms;
	return saml_response_check(&question);
}

/* "audience recipient": the rows that failed, in order. */
static char *failed(const json_t *answer)
{
	GString *names = g_string_new("");
	size_t index;
	json_t *row;

	json_array_foreach(json_object_get(answer, "checks"), index, row) {
		if (json_is_true(json_object_get(row, "passed")))
			continue;
		g_string_append_printf(names, "%s%s", names->len ? " " : "", json_string_at(row, "check"));
		if (!json_string_at(row, "advice"))
			fail_msg("%s has no remedy", json_string_at(row, "check"));
	}
	return g_string_free(names, FALSE);
}

static const json_t *row_named(const json_t *answer, const char *name)
{
	size_t index;
	json_t *row;

	json_array_foreach(json_object_get(answer, "checks"), index, row) {
		if (strcmp(json_string_at(row, "check"), name) == 0)
			return row;
	}
	fail_msg("no row %s", name);
	return NULL;
}

static void old_response_is_judged_at_its_own_time(void **state)
{
	struct shape shape = shape_good();
	g_autoptr(json_t) answer = ask_recorded_at(&shape, NOW_MS + YEAR_MS);

	(void)state;
	assert_answer_ok(answer);
	assert_string_equal(json_string_at(row_named(answer, "response_issue_instant"), "seen"), AT_NOW ", 365 days ago: times are judged as they were then");
	assert_string_equal(json_string_at(row_named(answer, "in_response_to"), "seen"), REQUEST_ID);
	assert_non_null(json_string_at(row_named(answer, "in_response_to"), "skipped"));
	assert_null(json_string_at(row_named(answer, "confirmation_in_response_to"), "skipped"));
	assert_true(json_is_false(json_object_get(answer, "unsolicited")));
	/* From tomorrow it cannot be. */
	g_autoptr(json_t) early = ask_recorded_at(&shape, NOW_MS - 86400000);
	g_autofree char *names = failed(early);
	assert_string_equal(names, "response_issue_instant");
	assert_string_equal(json_string_at(early, "result"), "violation");
	/* What was wrong then is wrong today. */
	shape.confirmation_not_on_or_after = AT_PAST;
	g_autoptr(json_t) late = ask_recorded_at(&shape, NOW_MS + YEAR_MS);
	g_autofree char *over = failed(late);
	assert_string_equal(over, "confirmation_not_on_or_after");
}

static void every_fault_is_said(void **state)
{
	static const struct {
		const char *failed;
		struct shape faults;
		bool told;
	} rows[] = {
		{"audience", {.audiences = AUDIENCE("https://other.example/")}, true},
		{"destination recipient audience", {.destination = "https://o.example/acs", .recipient = "https://o.example/acs", .audiences = AUDIENCE("https://other.example/")}, true},
		{"issuer assertion_issuer authn_statement", {.response_issuer = "https://evil.example/", .assertion_issuer = "https://evil.example/", .no_authn_statement = true}, true},
		{"assertion_signature audience", {.signer = PAIR_FOREIGN, .audiences = AUDIENCE("https://other.example/")}, false},
		{"subject_confirmation conditions", {.no_confirmation = true, .no_conditions = true}, true},
		{"confirmation_in_response_to", {.confirmation_in_response_to = "_other"}, true},
		{"name_id_format", {.name_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}, true},
		{"subject", {.no_subject = true}, false},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct shape shape = shape_good(), faults = rows[i].faults;
#define TAKE(field) shape.field = faults.field ? faults.field : shape.field
		TAKE(audiences), TAKE(destination), TAKE(recipient), TAKE(response_issuer), TAKE(assertion_issuer), TAKE(signer), TAKE(confirmation_in_response_to), TAKE(name_format);
		TAKE(no_authn_statement), TAKE(no_confirmation), TAKE(no_conditions), TAKE(no_subject);
#undef TAKE
		g_autoptr(json_t) answer = ask_recorded_at(&shape, NOW_MS);
		g_autofree char *names = failed(answer);
		if (!g_str_has_prefix(names, rows[i].failed) || (rows[i].told && strcmp(names, rows[i].failed) != 0))
			fail_msg("row %zu: %s failed, expected %s", i, names, rows[i].failed);
		assert_string_equal(json_string_at(answer, "result"), "violation");
		/* What is told was verified, whatever else was wrong. */
		assert_int_equal(json_string_at(answer, "subject") != NULL, rows[i].told);
		assert_int_equal(json_object_get(answer, "attributes") != NULL, rows[i].told || faults.no_subject);
	}
}

static void a_key_that_nobody_knows_is_named(void **state)
{
	struct shape shape = shape_good();

	(void)state;
	shape.signer = PAIR_FOREIGN;
	g_autoptr(json_t) answer = ask_recorded_at(&shape, NOW_MS);
	const char *seen = json_string_at(row_named(answer, "assertion_signature"), "seen");
	assert_non_null(strstr(seen, "the message says by that of the certificate "));
	assert_int_equal(strlen(strrchr(seen, ' ') + 1), 64);
	shape.key_info = "";
	g_autoptr(json_t) silent = ask_recorded_at(&shape, NOW_MS);
	assert_non_null(strstr(json_string_at(row_named(silent, "assertion_signature"), "seen"), "does not say by which"));
}

static void unsolicited_and_refused_are_told(void **state)
{
	struct shape shape = shape_good();

	(void)state;
	shape.in_response_to = shape.confirmation_in_response_to = NULL;
	g_autoptr(json_t) unsolicited = ask_recorded_at(&shape, NOW_MS);
	assert_answer_ok(unsolicited);
	assert_true(json_is_true(json_object_get(unsolicited, "unsolicited")));
	assert_string_equal(json_string_at(row_named(unsolicited, "in_response_to"), "seen"), "none: nobody asked for it");
	shape.status = "urn:oasis:names:tc:SAML:2.0:status:Responder";
	g_autoptr(json_t) no = ask_recorded_at(&shape, NOW_MS);
	assert_string_equal(json_string_at(no, "result"), "refused");
}

/* AES-CBC that is not allowed is not even decrypted: the file may be a stranger's who wants to know what the padding was. */
static void cbc_is_left_alone(void **state)
{
	struct shape shape = shape_good();

	(void)state;
	shape.encryption = ENCRYPT_CBC;
	g_autoptr(json_t) answer = ask_recorded_at(&shape, NOW_MS);
	g_autofree char *names = failed(answer);
	assert_string_equal(names, "encryption_algorithm");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(old_response_is_judged_at_its_own_time),
	cmocka_unit_test(every_fault_is_said),
	cmocka_unit_test(a_key_that_nobody_knows_is_named),
	cmocka_unit_test(unsolicited_and_refused_are_told),
	cmocka_unit_test(cbc_is_left_alone),
};
const struct test_list recorded_list = {tests, TEST_COUNT(tests)};
