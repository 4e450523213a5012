/* The same questions asked of a real child in its cage: what SAML needs must be there, and what comes back must be what was said. */
#include "idp.h"
#include "subjects.h"

#include "base/clock.h"
#include "providers/verifier/saml_ask.h"

static struct verifier *verifier;

static int cage_open(void **state)
{
	const struct verifier_options options = {.program = CHILD_PROGRAM, .children = 1, .message_ms = 10000};
	g_autofree char *sandbox = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	verifier = verifier_new(&options, &error);
	if (!verifier || !verifier_await(verifier, clock_monotonic_ms() + 20000, &sandbox, &error))
		fail_msg("%s", error->message);
	return 0;
}

static int cage_close(void **state)
{
	(void)state;
	verifier_free(verifier);
	return 0;
}

static json_t *ask_cage(const struct saml_response_question *question)
{
	json_t *answer = NULL;
	enum verifier_result result = saml_response_ask(verifier, question, clock_monotonic_ms() + 20000, &answer);

	assert_string_equal(verifier_result_name(result), verifier_result_name(VERIFIER_ANSWERED));
	return answer;
}

/* The record has no word for null: what is not there is left out. */
static json_t *without_nulls(json_t *answer)
{
	size_t index;
	json_t *row;

	json_array_foreach(json_object_get(answer, "checks"), index, row) {
		if (json_is_null(json_object_get(row, "seen")))
			json_object_del(row, "seen");
		if (json_is_null(json_object_get(row, "expected")))
			json_object_del(row, "expected");
	}
	return answer;
}

static void cage_says_what_is_said_outside(void **state)
{
	(void)state;
	for (int way = 0; way < 8; way++) {
		struct shape shape = shape_good();
		shape.sign_response = way & 1;
		shape.encryption = way & 2 ? ENCRYPT_GCM : ENCRYPT_NOT;
		shape.name_encryption = way & 4 ? ENCRYPT_GCM : ENCRYPT_NOT;
		g_autofree char *xml = idp_response(&shape);
		struct saml_response_question question = question_good(xml);
		g_autoptr(json_t) inside = ask_cage(&question), outside = without_nulls(ask_response(&question));
		assert_answer_ok(inside);
		g_autofree char *a = json_text(inside), *b = json_text(outside);
		if (!json_equal(inside, outside))
			fail_msg("%s\n%s", a, b);
	}
}

static void cage_refuses_with_the_reason(void **state)
{
	struct shape shape = shape_good();
	const char *rule = NULL;

	(void)state;
	shape.audiences = "<saml:AudienceRestriction><saml:Audience>https://other.example/</saml:Audience></saml:AudienceRestriction>";
	g_autofree char *xml = idp_response(&shape);
	struct saml_response_question question = question_good(xml);
	g_autoptr(json_t) answer = ask_cage(&question);
	assert_false(answer_is_ok(answer, &rule));
	assert_string_equal(rule, "audience");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(cage_says_what_is_said_outside, cage_open),
	cmocka_unit_test_teardown(cage_refuses_with_the_reason, cage_close),
};
const struct test_list cage_list = {tests, TEST_COUNT(tests)};
