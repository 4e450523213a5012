/* Responses that are good, in all the ways providers send them, and responses with exactly one fault. */
#include "idp.h"
#include "subjects.h"

#include <string.h>

static json_t *ask_shape(const struct shape *shape, struct saml_response_question (*change)(struct saml_response_question))
{
	g_autofree char *xml = idp_response(shape);
	struct saml_response_question question = question_good(xml);

	if (change)
		question = change(question);
	return ask_response(&question);
}

static void assert_ok(const struct shape *shape, struct saml_response_question (*change)(struct saml_response_question))
{
	g_autoptr(json_t) answer = ask_shape(shape, change);

	assert_answer_ok(answer);
}

static void assert_violation(const char *rule, const struct shape *shape, struct saml_response_question (*change)(struct saml_response_question))
{
	g_autoptr(json_t) answer = ask_shape(shape, change);
	const char *seen = NULL;
	bool ok = answer_is_ok(answer, &seen);

	if (ok || g_strcmp0(seen, rule) != 0)
		fail_msg("expected %s, got %s %s", rule, json_string_at(answer, "result"), seen);
	assert_string_equal(json_string_at(answer, "result"), "violation");
}

static void good_response_is_read(void **state)
{
	struct shape shape = shape_good();
	g_autoptr(json_t) answer = ask_shape(&shape, NULL);

	(void)state;
	assert_answer_ok(answer);
	assert_string_equal(json_string_at(answer, "subject"), "7f3c-al\xc3\xaf" "ce");
	assert_string_equal(json_string_at(answer, "assertion_id"), "_assertion1");
	assert_string_equal(json_string_at(answer, "session_index"), "_session1");
	assert_string_equal(json_string_at(answer, "context"), "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport");
	int64_t expires = 0, authenticated = 0;
	assert_true(json_integer_at(answer, "expires_ms", &expires) && json_integer_at(answer, "authenticated_ms", &authenticated));
	assert_int_equal(expires, NOW_MS + 300000);
	const json_t *attributes = json_object_get(answer, "attributes");
	assert_int_equal(json_array_size(attributes), 3);
	assert_string_equal(saml_attribute_single(attributes, "mail"), "alice@acme.example");
	assert_string_equal(saml_attribute_single(attributes, "urn:oid:0.9.2342.19200300.100.1.3"), "alice@acme.example");
	assert_string_equal(saml_attribute_single(attributes, "displayName"), "Al\xc3\xaf" "ce M\xc3\xa9lanie");
	assert_null(saml_attribute_single(attributes, "groups"));
	assert_string_equal(json_string_value(json_array_get(json_object_get(json_array_get(attributes, 2), "values"), 1)), "wiki & docs");
}

static void every_way_of_signing_and_encrypting_is_read(void **state)
{
	(void)state;
	for (int way = 0; way < 24; way++) {
		struct shape shape = shape_good();
		shape.sign_assertion = way & 1;
		shape.sign_response = way & 2 || !shape.sign_assertion;
		shape.encryption = way & 4 ? ENCRYPT_GCM : ENCRYPT_NOT;
		shape.name_encryption = way & 8 ? ENCRYPT_GCM : ENCRYPT_NOT;
		if (way & 16)
			shape.signature_method = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", shape.digest_method = "http://www.w3.org/2001/04/xmlenc#sha512";
		assert_ok(&shape, NULL);
	}
}

static struct saml_response_question allow_cbc(struct saml_response_question question)
{
	question.allow_cbc = true;
	return question;
}

static void cbc_needs_a_signature_around_it(void **state)
{
	struct shape shape = shape_good();

	(void)state;
	shape.encryption = ENCRYPT_CBC;
	assert_violation("encryption_algorithm", &shape, NULL);
	assert_violation("response_signature", &shape, allow_cbc);
	shape.sign_response = true;
	assert_violation("encryption_algorithm", &shape, NULL);
	assert_ok(&shape, allow_cbc);
	shape.encryption = ENCRYPT_NOT;
	shape.name_encryption = ENCRYPT_CBC;
	assert_ok(&shape, allow_cbc);
	shape.encryption = ENCRYPT_GCM; /* the CBC is inside */
	assert_violation("encryption_algorithm", &shape, NULL);
	assert_ok(&shape, allow_cbc);
}

static struct saml_response_question mutable_names(struct saml_response_question question)
{
	question.allow_mutable_names = true;
	return question;
}

static struct saml_response_question by_attribute(struct saml_response_question question)
{
	question.subject_attribute = "mail";
	return question;
}

static struct saml_response_question by_groups(struct saml_response_question question)
{
	question.subject_attribute = "groups";
	return question;
}

static struct saml_response_question persistent_asked(struct saml_response_question question)
{
	question.name_id_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
	return question;
}

static void subjects_are_lasting(void **state)
{
	struct shape shape = shape_good();

	(void)state;
	assert_ok(&shape, persistent_asked);
	assert_violation("subject_value", &shape, by_groups);
	shape.name_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
	assert_violation("name_id_format", &shape, NULL);
	assert_violation("name_id_format", &shape, mutable_names);
	assert_ok(&shape, by_attribute);
	shape.name_format = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
	assert_violation("name_id_format", &shape, NULL);
	assert_ok(&shape, mutable_names);
	assert_violation("name_id_format", &shape, persistent_asked);
	shape.name_format = NULL;
	assert_violation("name_id_format", &shape, NULL);
	assert_ok(&shape, mutable_names);
}

static struct saml_response_question unsolicited(struct saml_response_question question)
{
	question.request_id = NULL;
	return question;
}

static struct saml_response_question fresh(struct saml_response_question question)
{
	question.authenticated_after_ms = NOW_MS - 60000;
	return question;
}

static struct saml_response_question contexts(struct saml_response_question question)
{
	static const char *const asked[] = {"urn:oasis:names:tc:SAML:2.0:ac:classes:X509", NULL};
	question.contexts = asked;
	return question;
}

static struct saml_response_question no_keys(struct saml_response_question question)
{
	question.decryption_key_count = 0;
	return question;
}

static struct saml_response_question small_pin(struct saml_response_question question)
{
	static const char *certificates[2];
	certificates[0] = pairs[PAIR_SMALL].certificate;
	question.trust.certificates = certificates;
	return question;
}

static struct saml_response_question other_acs(struct saml_response_question question)
{
	question.acs_url = "https://login.acme.example/saml/other/acs";
	return question;
}

static struct saml_response_question other_request(struct saml_response_question question)
{
	question.request_id = "_other";
	return question;
}

static void unsolicited_is_told_apart(void **state)
{
	struct shape shape = shape_good();

	(void)state;
	assert_violation("in_response_to", &shape, unsolicited);
	shape.in_response_to = NULL;
	assert_violation("in_response_to", &shape, NULL);
	assert_violation("confirmation_in_response_to", &shape, unsolicited);
	shape.confirmation_in_response_to = NULL;
	g_autoptr(json_t) answer = ask_shape(&shape, unsolicited);
	assert_answer_ok(answer);
	assert_true(json_is_true(json_object_get(answer, "unsolicited")));
}

#define ONE(rule, ...) { struct shape shape = shape_good(); __VA_ARGS__; assert_violation(rule, &shape, NULL); count++; }
#define ONE_ASKED(rule, asked, ...) { struct shape shape = shape_good(); __VA_ARGS__; assert_violation(rule, &shape, asked); count++; }
#define AUDIENCE(name) "<saml:AudienceRestriction><saml:Audience>" name "</saml:Audience></saml:AudienceRestriction>"

static void one_fault_is_enough(void **state)
{
	size_t count = 0;

	(void)state;
	ONE("version", shape.version = "1.1");
	ONE("version", shape.version = NULL);
	ONE("destination", shape.destination = "https://other.example/acs");
	ONE("destination", shape.destination = SP_ACS "/");
	ONE("destination", shape.sign_response = true, shape.destination = NULL);
	ONE("in_response_to", shape.in_response_to = "_other");
	ONE("in_response_to", shape.in_response_to = NULL);
	ONE("issuer", shape.response_issuer = "https://evil.example/");
	ONE("issuer", shape.response_issuer = NULL);
	ONE("assertion_version", shape.assertion_version = "2.1");
	ONE("assertion_issuer", shape.assertion_issuer = "https://evil.example/");
	ONE("assertion_issuer", shape.assertion_issuer = NULL);
	ONE("issue_instant", shape.issue_instant = "2026-09-21T13:40:00Z");
	ONE("issue_instant", shape.issue_instant = "yesterday");
	ONE("subject", shape.no_subject = true);
	ONE("subject_confirmation", shape.no_confirmation = true);
	ONE("subject_confirmation", shape.confirmation_extra = "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:sender-vouches\"/>");
	ONE("confirmation_method", shape.method = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key");
	ONE("recipient", shape.recipient = "https://other.example/acs");
	ONE("recipient", shape.recipient = NULL);
	ONE("confirmation_not_on_or_after", shape.confirmation_not_on_or_after = AT_PAST);
	ONE("confirmation_not_on_or_after", shape.confirmation_not_on_or_after = "2026-09-21T13:32:20Z"); /* exactly now, the skew counted */
	ONE("confirmation_not_on_or_after", shape.confirmation_not_on_or_after = NULL);
	ONE("confirmation_not_on_or_after", shape.confirmation_not_on_or_after = "2026-09-21T13:38:20");
	ONE("confirmation_not_on_or_after", shape.confirmation_not_on_or_after = "2026-13-21T13:38:20Z");
	ONE("confirmation_not_before", shape.confirmation_not_before = AT_PAST);
	ONE("confirmation_in_response_to", shape.confirmation_in_response_to = "_other");
	ONE("confirmation_in_response_to", shape.confirmation_in_response_to = NULL);
	ONE("conditions", shape.no_conditions = true);
	ONE("conditions", shape.conditions_extra = "<saml:Condition/>");
	ONE("conditions", shape.conditions_extra = "<x:Other xmlns:x=\"urn:x\"/>");
	ONE("not_before", shape.not_before = "2026-09-21T13:35:00Z");
	ONE("not_on_or_after", shape.not_on_or_after = AT_PAST);
	ONE("not_on_or_after", shape.not_on_or_after = "");
	ONE("audience", shape.audiences = "");
	ONE("audience", shape.audiences = AUDIENCE("https://other.example/"));
	ONE("audience", shape.audiences = AUDIENCE(SP_ENTITY "x"));
	ONE("audience", shape.audiences = AUDIENCE(SP_ENTITY) AUDIENCE("https://other.example/"));
	ONE("audience", shape.audiences = "<saml:AudienceRestriction/>");
	ONE("authn_statement", shape.no_authn_statement = true);
	ONE("authn_instant", shape.authn_instant = NULL);
	ONE("authn_instant", shape.authn_instant = "2026-09-21T14:00:00Z");
	ONE("session_not_on_or_after", shape.session_not_on_or_after = AT_PAST);
	ONE("name_id", shape.name = "");
	ONE("name_id", shape.name = NULL);
	ONE("name_id", shape.name = "<saml:x/>evil");
	ONE("name_id", shape.subject_extra = "<saml:NameID>evil</saml:NameID>");
	ONE("assertion_signature", shape.sign_assertion = false);
	ONE("assertion_signature", shape.sign_assertion = false, shape.encryption = ENCRYPT_GCM);
	ONE("assertion_signature", shape.signer = PAIR_FOREIGN);
	ONE("response_signature", shape.sign_assertion = false, shape.sign_response = true, shape.signer = PAIR_FOREIGN);
	ONE("decryption", shape.encryption = ENCRYPT_GCM, shape.encrypt_for = PAIR_FOREIGN);
	ONE("name_id", shape.name_encryption = ENCRYPT_GCM, shape.encrypt_for = PAIR_FOREIGN);
	ONE_ASKED("decryption", no_keys, shape.encryption = ENCRYPT_GCM);
	ONE_ASKED("authn_fresh", fresh, (void)shape);
	ONE_ASKED("authn_context", contexts, (void)shape);
	ONE_ASKED("signing_certificate", small_pin, shape.signer = PAIR_SMALL);
	ONE_ASKED("destination", other_acs, (void)shape);
	ONE_ASKED("in_response_to", other_request, (void)shape);
	assert_true(count >= 50);
}

static void good_variations_are_read(void **state)
{
	(void)state;
	for (int way = 0; way < 8; way++) {
		struct shape shape = shape_good();
		switch (way) {
		case 0: shape.not_before = shape.not_on_or_after = NULL; break; /* Shibboleth's Conditions may lack NotBefore */
		case 1: shape.audiences = "<saml:AudienceRestriction><saml:Audience>https://o.example/</saml:Audience><saml:Audience>" SP_ENTITY "</saml:Audience></saml:AudienceRestriction>"; break;
		case 2: shape.destination = NULL; break;
		case 3: shape.attributes = NULL; break;
		case 4: shape.session_index = shape.session_not_on_or_after = NULL; break;
		case 5: shape.conditions_extra = "<saml:OneTimeUse/>"; break;
		case 6: shape.confirmation_not_on_or_after = "2026-09-21T15:38:20.123+02:00"; break;
		case 7: shape.issue_instant = shape.authn_instant = shape.not_before = "2026-09-21T13:34:20Z"; break; /* ahead by exactly the skew */
		}
		assert_ok(&shape, NULL);
	}
}

static void status_that_says_no_is_a_refusal(void **state)
{
	struct shape shape = shape_good();
	const char *rule = NULL;

	(void)state;
	shape.status = "urn:oasis:names:tc:SAML:2.0:status:Responder";
	g_autoptr(json_t) answer = ask_shape(&shape, NULL);
	assert_false(answer_is_ok(answer, &rule));
	assert_string_equal(json_string_at(answer, "result"), "refused");
	assert_string_equal(rule, "status");
	shape.status = NULL;
	assert_violation("status", &shape, NULL);
}

static void checks_say_what_was_seen_and_expected(void **state)
{
	struct shape shape = shape_good();

	(void)state;
	shape.audiences = AUDIENCE("https://other.example/");
	g_autoptr(json_t) answer = ask_shape(&shape, NULL);
	const json_t *checks = json_object_get(answer, "checks"), *last = json_array_get(checks, json_array_size(checks) - 1);
	assert_string_equal(json_string_at(last, "seen"), "https://other.example/");
	assert_string_equal(json_string_at(last, "expected"), SP_ENTITY);
	assert_non_null(json_string_at(last, "advice"));
	assert_string_equal(json_string_at(json_array_get(checks, 0), "check"), "xml");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(good_response_is_read),
	cmocka_unit_test(every_way_of_signing_and_encrypting_is_read),
	cmocka_unit_test(cbc_needs_a_signature_around_it),
	cmocka_unit_test(subjects_are_lasting),
	cmocka_unit_test(unsolicited_is_told_apart),
	cmocka_unit_test(one_fault_is_enough),
	cmocka_unit_test(good_variations_are_read),
	cmocka_unit_test(status_that_says_no_is_a_refusal),
	cmocka_unit_test(checks_say_what_was_seen_and_expected),
};
const struct test_list response_list = {tests, TEST_COUNT(tests)};
