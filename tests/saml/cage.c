/* The same questions asked of a real child in its cage: what SAML needs must be there, and what comes back must be what was said. */
#include "idp.h"
#include "subjects.h"

#include "base/clock.h"
#include "providers/verifier/saml_ask.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The one child of ours, by the process table. */
static long child_resident_kib(void)
{
	GDir *processes = g_dir_open("/proc", 0, NULL);
	const char *name;
	long kib = 0;

	while ((name = g_dir_read_name(processes))) {
		g_autofree char *path = g_strdup_printf("/proc/%s/status", name), *text = NULL;
		g_autofree char *parent = g_strdup_printf("\nPPid:\t%d\n", (int)getpid());
		if (!g_ascii_isdigit(name[0]) || !g_file_get_contents(path, &text, NULL, NULL) || !strstr(text, parent) || !strstr(text, "\nVmRSS:"))
			continue;
		kib += strtol(strstr(text, "\nVmRSS:") + strlen("\nVmRSS:"), NULL, 10);
	}
	g_dir_close(processes);
	return kib;
}

static void corpus_round(void)
{
	struct shape shape = shape_good();
	g_autofree char *good = idp_response(&shape);

	for (guint i = 0; i < corpus->len; i++) {
		size_t length = 0;
		struct saml_response_question question = question_good(good), well = question_good(good);
		const char *rule = NULL;
		question.bytes = g_bytes_get_data(g_ptr_array_index(corpus, i), &length);
		question.length = length;
		g_autoptr(json_t) refused = ask_cage(&question), accepted = ask_cage(&well);
		assert_false(answer_is_ok(refused, &rule));
		assert_answer_ok(accepted);
	}
}

/* No message that was ever tried is taken by a real child, none of them ends it, after each a sign-in still works, and none leaves anything behind. */
static void corpus_leaves_nothing_behind(void **state)
{
	long before, after;

	(void)state;
	assert_true(corpus && corpus->len >= 400);
	corpus_round();
	before = child_resident_kib();
	for (int round = 0; round < 2; round++)
		corpus_round();
	after = child_resident_kib();
	assert_true(before > 1000);
	if (after - before > 512)
		fail_msg("the child grew from %ld to %ld KiB", before, after);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(cage_says_what_is_said_outside, cage_open),
	cmocka_unit_test(cage_refuses_with_the_reason),
	cmocka_unit_test_teardown(corpus_leaves_nothing_behind, cage_close),
};
const struct test_list cage_list = {tests, TEST_COUNT(tests)};
