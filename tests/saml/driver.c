/* The driver, from begin to complete, with a real verifier and an identity provider that answers what was asked. */
#include "idp.h"
#include "subjects.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "providers/drivers.h"
#include "providers/saml_message.h"
#include "providers/verifier/verifier.h"

#include <string.h>

static struct verifier *verifier;
static struct certified_key *signing, *decryption;
static const struct certified_key *signing_keys[2], *decryption_keys[2];
static json_t *settings;
static void *driver;

static int driver_open(void **state)
{
	const struct verifier_options options = {.program = CHILD_PROGRAM, .children = 1, .message_ms = 10000};
	g_autofree char *metadata = g_strdup_printf("<md:EntityDescriptor xmlns:md=\"" NS_METADATA "\" xmlns:ds=\"" NS_SIGNATURE "\" entityID=\"" IDP_ENTITY "\">"
		"<md:IDPSSODescriptor WantAuthnRequestsSigned=\"true\" protocolSupportEnumeration=\"" NS_PROTOCOL "\"><md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s"
		"</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
		"<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://idp.example/slo\"/>"
		"<md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://idp.example/sso\"/>"
		"</md:IDPSSODescriptor></md:EntityDescriptor>", pairs[PAIR_IDP].certificate);

	(void)state;
	verifier = verifier_new(&options, NULL);
	signing_keys[0] = signing = certified_key_generate("acme", NOW_MS, 10);
	decryption_keys[0] = decryption = certified_key_generate("acme", NOW_MS, 10);
	settings = json_pack("{s:s, s:{s:s}}", "metadata", metadata, "group_map", "staff", "wiki");
	const struct provider_place place = {.tenant = "t1", .name = "okta", .verifier = verifier, .saml_signing = signing_keys, .saml_decryption = decryption_keys};
	g_autoptr(GError) error = NULL;
	if (!provider_saml.open(&place, settings, &driver, &error))
		fail_msg("%s", error->message);
	return 0;
}

static int driver_close(void **state)
{
	(void)state;
	provider_saml.close(driver);
	json_decref(settings);
	certified_key_free(signing);
	certified_key_free(decryption);
	verifier_free(verifier);
	return 0;
}

static struct provider_answer begin(const char *prompt)
{
	struct provider_answer answer = {0};
	g_autoptr(checks_t) checks = checks_new();
	const struct provider_begin input = {.callback_url = SP_ACS, .state = "opaque-state", .prompt = prompt, .max_age_s = -1, .now_ms = NOW_MS, .deadline_ms = clock_monotonic_ms() + 20000,
	                                     .checks = checks};

	provider_saml.begin(driver, &input, &answer);
	if (answer.verdict != VERDICT_MORE) {
		g_autoptr(json_t) rows = checks_json(checks);
		g_autofree char *text = json_text(rows);
		fail_msg("%s", text);
	}
	return answer;
}

static char *id_of(const struct provider_answer *begun)
{
	g_autoptr(json_t) kept = json_parse((const char *)secret_bytes(begun->keep), secret_length(begun->keep), 4096, NULL);
	return g_strdup(json_string_at(kept, "id"));
}

static struct provider_answer complete(const struct provider_answer *begun, const char *xml)
{
	struct provider_answer answer = {0};
	g_autofree char *encoded = base64_encode(xml, strlen(xml));
	g_autoptr(GString) body = g_string_new("");
	g_autoptr(checks_t) checks = checks_new();

	form_append(body, "SAMLResponse", encoded);
	form_append(body, "RelayState", "opaque-state");
	g_autoptr(form_t) reply = form_parse(body->str, body->len, NULL);
	const struct provider_complete input = {.sealed = begun ? secret_bytes(begun->keep) : NULL, .sealed_length = begun ? secret_length(begun->keep) : 0, .callback_url = SP_ACS,
	                                        .reply = reply, .now_ms = NOW_MS, .deadline_ms = clock_monotonic_ms() + 20000, .checks = checks};
	provider_saml.complete(driver, &input, &answer);
	assert_int_equal(answer.verdict == VERDICT_OK, answer.identity != NULL);
	return answer;
}

/* A response to that request: what a shape says, with our ID in it. */
static char *response_to(const struct provider_answer *begun, struct shape shape)
{
	g_autofree char *id = id_of(begun);

	shape.in_response_to = shape.confirmation_in_response_to = id;
	return idp_response(&shape);
}

static void request_is_what_the_provider_reads(void **state)
{
	g_auto(provider_answer_t) begun = begin("login");
	const char *query = strstr(begun.step.url, "SAMLRequest=");
	g_autofree char *covered = NULL, *algorithm = NULL, *id = id_of(&begun);
	g_autoptr(GByteArray) signature = NULL;
	g_autoptr(saml_pins_t) pins = saml_pins_new((const char *[]){certified_key_certificate(signing), NULL});
	size_t length = 0;

	(void)state;
	assert_true(begun.step.kind == STEP_REDIRECT && begun.step.posts_back);
	assert_true(g_str_has_prefix(begun.step.url, "https://idp.example/sso?SAMLRequest="));
	assert_true(saml_signed_query(query, "SAMLRequest", &covered, &algorithm, &signature));
	assert_true(saml_query_verify(covered, strlen(covered), algorithm, signature->data, signature->len, pins));
	g_autoptr(form_t) form = form_parse(query, strlen(query), NULL);
	assert_string_equal(form_get(form, "RelayState"), "opaque-state");
	g_autofree char *xml = saml_inflated(form_get(form, "SAMLRequest"), &length, NULL);
	g_autoptr(xmlDoc) document = xml_read(xml, length);
	g_autofree char *force = xml_attribute(xmlDocGetRootElement(document), "ForceAuthn"), *named = xml_attribute(xmlDocGetRootElement(document), "ID");
	g_autofree char *issuer = xml_child_text(xmlDocGetRootElement(document), NS_ASSERTION, "Issuer");
	assert_string_equal(force, "true");
	assert_string_equal(named, id);
	assert_string_equal(issuer, SP_ENTITY);
}

static void person_signs_in(void **state)
{
	g_auto(provider_answer_t) begun = begin(NULL);
	g_autofree char *xml = response_to(&begun, shape_good());
	g_auto(provider_answer_t) answer = complete(&begun, xml);
	const json_t *claims = answer.identity ? identity_claims(answer.identity) : NULL;

	(void)state;
	assert_int_equal(answer.verdict, VERDICT_OK);
	assert_string_equal(identity_subject(answer.identity), "7f3c-al\xc3\xaf" "ce");
	assert_string_equal(identity_amr(answer.identity)[0], "pwd");
	assert_string_equal(json_string_at(claims, "email"), "alice@acme.example");
	assert_true(json_is_false(json_object_get(claims, "email_verified")));
	assert_string_equal(json_string_at(claims, "name"), "Al\xc3\xaf" "ce M\xc3\xa9lanie");
	assert_true(json_array_has(json_object_get(claims, "groups"), "wiki"));
	assert_string_equal(answer.session.sid, "_session1\n7f3c-al\xc3\xaf" "ce");
	assert_string_equal(answer.session.once, "_assertion1");
	assert_int_equal(answer.session.once_until_ms, NOW_MS + 360000);
	assert_non_null(answer.session.logout_keep);
	struct provider_answer out = {0};
	const struct provider_logout logout = {.keep = answer.session.logout_keep, .return_url = SP_SLO, .state = "s", .now_ms = NOW_MS, .deadline_ms = clock_monotonic_ms() + 20000};
	provider_saml.logout(driver, &logout, &out);
	assert_int_equal(out.verdict, VERDICT_MORE);
	assert_true(g_str_has_prefix(out.step.url, "https://idp.example/slo?SAMLRequest="));
	provider_answer_clear(&out);
}

static void everybody_else_does_not(void **state)
{
	g_auto(provider_answer_t) begun = begin(NULL), other = begin(NULL), forced = begin("login");
	struct shape foreign = shape_good(), refused = shape_good();
	g_autofree char *xml = response_to(&begun, shape_good()), *late = response_to(&forced, shape_good());

	(void)state;
	foreign.signer = PAIR_FOREIGN;
	refused.status = "urn:oasis:names:tc:SAML:2.0:status:Responder";
	g_autofree char *forged = response_to(&begun, foreign), *no = response_to(&begun, refused);
	struct {
		const struct provider_answer *begun;
		const char *xml;
		enum verdict verdict;
		enum reason reason;
	} rows[] = {
		{&other, xml, VERDICT_VIOLATION, REASON_STATE_INVALID}, {NULL, xml, VERDICT_VIOLATION, REASON_STATE_INVALID}, {&begun, forged, VERDICT_VIOLATION, REASON_TOKEN_SIGNATURE},
		{&begun, no, VERDICT_REFUSED, REASON_PROVIDER_REFUSED}, {&begun, "garbage", VERDICT_VIOLATION, REASON_SAML_XML}, {&forced, late, VERDICT_VIOLATION, REASON_TOKEN_AUTH_TIME},
	};
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(provider_answer_t) answer = complete(rows[i].begun, rows[i].xml);
		assert_int_equal(answer.verdict, rows[i].verdict);
		assert_int_equal(answer.reason, rows[i].reason);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(request_is_what_the_provider_reads, driver_open),
	cmocka_unit_test(person_signs_in),
	cmocka_unit_test_teardown(everybody_else_does_not, driver_close),
};
const struct test_list driver_list = {tests, TEST_COUNT(tests)};
