/* What we send, read by the other side's means: xmlsec canonicalises and verifies it, and our own reader of logout messages takes it as an identity provider's. */
#include "idp.h"
#include "subjects.h"

#include "base/encoding.h"
#include "base/form.h"
#include "providers/saml_message.h"

#include <string.h>
#include <zlib.h>

static struct certified_key *key;
static const char *certificates[2];

static int key_make(void **state)
{
	(void)state;
	key = certified_key_generate("Acme, okta & <co>", NOW_MS, 10);
	certificates[0] = certified_key_certificate(key);
	return 0;
}

static int key_free(void **state)
{
	(void)state;
	certified_key_free(key);
	return 0;
}

#define HOSTILE "https://x.example/?a=1&b=<2>\"'\n\tend"

static char *request_of_all(void)
{
	static const char *const contexts[] = {"urn:a", "urn:b", NULL};
	return saml_authn_request(&(struct saml_authn_request){.id = "_r1", .destination = "https://idp.example/sso?a=1&b=2", .issuer = HOSTILE, .acs_url = SP_ACS, .now_ms = NOW_MS,
	                                                       .force = true, .passive = true, .name_id_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", .contexts = contexts});
}

static struct saml_logout_question logout_question(const char *binding, const char *bytes)
{
	return (struct saml_logout_question){
		.trust = {.provider = "t/p", .idp_entity_id = IDP_ENTITY, .certificates = certificates, .entity_id = SP_ENTITY, .now_ms = NOW_MS, .skew_ms = 60000},
		.binding = binding, .bytes = bytes, .length = strlen(bytes), .destination = SP_SLO, .request_id = "_r9",
	};
}

static char *logout_request(void)
{
	static const char *const sessions[] = {"_s1", "a & b", NULL};
	return saml_logout_request(&(struct saml_logout_request){.id = "_l1", .destination = SP_SLO, .issuer = IDP_ENTITY, .now_ms = NOW_MS, .expires_ms = NOW_MS + 300000,
	                                                         .name = {.value = "alice & <bob>", .format = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"},
	                                                         .session_indexes = sessions});
}

static void messages_are_canonical_and_signed(void **state)
{
	g_autofree char *plain = request_of_all(), *message = saml_sign(plain, "_r1", key);
	g_autoptr(xmlDoc) document = xml_read(message, strlen(message));
	g_autoptr(saml_pins_t) pins = saml_pins_new(certificates), others = saml_pins_new((const char *[]){pairs[PAIR_IDP].certificate, NULL});

	(void)state;
	assert_non_null(document);
	g_autoptr(xmlDoc) foreign = saml_signature_verify(xmlDocGetRootElement(document), others, "message", NULL);
	assert_null(foreign);
	g_autoptr(xmlDoc) again = xml_read(message, strlen(message));
	g_autoptr(xmlDoc) verified = saml_signature_verify(xmlDocGetRootElement(again), pins, "message", NULL);
	assert_non_null(verified);
	g_autofree char *issuer = xml_child_text(xmlDocGetRootElement(verified), NS_ASSERTION, "Issuer"), *force = xml_attribute(xmlDocGetRootElement(verified), "ForceAuthn");
	g_autofree char *destination = xml_attribute(xmlDocGetRootElement(verified), "Destination"), *at = xml_attribute(xmlDocGetRootElement(verified), "IssueInstant");
	assert_string_equal(issuer, HOSTILE);
	assert_string_equal(force, "true");
	assert_string_equal(destination, "https://idp.example/sso?a=1&b=2");
	assert_string_equal(at, AT_NOW);
}

static void logout_requests_are_read(void **state)
{
	g_autofree char *plain = logout_request(), *message = saml_sign(plain, "_l1", key), *soap = saml_soap(message), *soap_plain = saml_soap(plain);
	struct {
		const char *binding, *bytes, *rule;
	} rows[] = {{SAML_BINDING_POST, message, NULL}, {SAML_BINDING_SOAP, soap, NULL}, {SAML_BINDING_POST, plain, "message_reference"}, {SAML_BINDING_SOAP, soap_plain, "message_reference"},
	            {SAML_BINDING_REDIRECT, message, "query_signature"}, {SAML_BINDING_REDIRECT, plain, "query_signature"}};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct saml_logout_question question = logout_question(rows[i].binding, rows[i].bytes);
		g_autoptr(json_t) answer = saml_logout_check(&question);
		const char *rule = NULL;
		if (rows[i].rule) {
			assert_false(answer_is_ok(answer, &rule));
			assert_string_equal(rule, rows[i].rule);
			continue;
		}
		assert_answer_ok(answer);
		assert_string_equal(json_string_at(answer, "kind"), "request");
		assert_string_equal(json_string_at(json_object_get(answer, "name_id"), "value"), "alice & <bob>");
		assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "session_indexes"), 1)), "a & b");
	}
}

static void logout_requests_with_one_fault(void **state)
{
	g_autofree char *good = logout_request();
	static const struct {
		const char *from, *to, *rule;
	} rows[] = {
		{IDP_ENTITY, "https://evil.example/", "issuer"}, {SP_SLO, "https://evil.example/slo", "destination"}, {" Destination=\"" SP_SLO "\"", "", "destination"},
		{"NotOnOrAfter=\"2026-09-21T13:38:20Z\"", "NotOnOrAfter=\"2026-09-21T13:00:00Z\"", "not_on_or_after"}, {"Version=\"2.0\"", "Version=\"1.1\"", "version"},
		{"alice &amp; &lt;bob&gt;", "", "name_id"}, {"IssueInstant=\"2026-09-21T13:33", "IssueInstant=\"2026-09-21T13:43", "issue_instant"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		const char *rule = NULL;
		g_autofree char *plain = replaced(good, rows[i].from, rows[i].to), *message = saml_sign(plain, "_l1", key), *altered = saml_sign(good, "_l1", key);
		struct saml_logout_question question = logout_question(SAML_BINDING_POST, message);
		g_autoptr(json_t) answer = saml_logout_check(&question);
		assert_false(answer_is_ok(answer, &rule));
		assert_string_equal(rule, rows[i].rule);
		g_autofree char *after = replaced(altered, rows[i].from, rows[i].to);
		question = logout_question(SAML_BINDING_POST, after);
		g_autoptr(json_t) refused = saml_logout_check(&question);
		assert_false(answer_is_ok(refused, &rule));
		assert_string_equal(rule, "message_signature");
	}
}

/* One that does not say until when it is good is good for five minutes: an old copy signs nobody out. */
static void logout_request_without_an_end_ages(void **state)
{
	static const struct {
		const char *issued;
		bool good;
	} rows[] = {{"2026-09-21T13:33", true}, {"2026-09-21T13:28", true}, {"2026-09-21T13:26", false}, {"2025-09-21T13:33", false}};
	g_autofree char *good = logout_request(), *endless = replaced(good, " NotOnOrAfter=\"2026-09-21T13:38:20Z\"", "");

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		const char *rule = NULL;
		int64_t expires_ms = 0;
		g_autofree char *plain = replaced(endless, "2026-09-21T13:33", rows[i].issued), *message = saml_sign(plain, "_l1", key);
		struct saml_logout_question question = logout_question(SAML_BINDING_POST, message);
		g_autoptr(json_t) answer = saml_logout_check(&question);
		assert_int_equal(answer_is_ok(answer, &rule), rows[i].good);
		if (!rows[i].good)
			assert_string_equal(rule, "issue_age");
		else
			assert_true(json_integer_at(answer, "expires_ms", &expires_ms) && expires_ms > NOW_MS - 60000 && expires_ms <= NOW_MS + 300000);
	}
}

static void logout_responses_answer_a_request(void **state)
{
	g_autofree char *plain = saml_logout_response(&(struct saml_logout_response){.id = "_a1", .destination = SP_SLO, .issuer = IDP_ENTITY, .in_response_to = "_r9",
	                                                                                 .now_ms = NOW_MS, .success = true, .partial = true});
	g_autofree char *message = saml_sign(plain, "_a1", key);
	struct saml_logout_question question = logout_question(SAML_BINDING_POST, message);
	const char *rule = NULL;

	(void)state;
	g_autoptr(json_t) answer = saml_logout_check(&question);
	assert_answer_ok(answer);
	assert_true(json_is_true(json_object_get(answer, "success")));
	question.request_id = "_other";
	g_autoptr(json_t) other = saml_logout_check(&question);
	assert_false(answer_is_ok(other, &rule));
	assert_string_equal(rule, "in_response_to");
}

/* The query as it comes back from our own redirect: what its signature covers is cut out of the raw text. */
static void redirects_are_signed_over_the_query(void **state)
{
	g_autofree char *plain = logout_request(), *url = saml_redirect_url("https://idp.example/slo?x=1", "SAMLRequest", plain, "state & more", key);
	const char *query = strstr(url, "SAMLRequest=");
	g_autofree char *covered = NULL, *algorithm = NULL;
	g_autoptr(GByteArray) signature = NULL;

	(void)state;
	assert_true(g_str_has_prefix(url, "https://idp.example/slo?x=1&SAMLRequest="));
	assert_true(saml_signed_query(query, "SAMLRequest", &covered, &algorithm, &signature));
	g_autoptr(form_t) form = form_parse(query, strlen(query), NULL);
	size_t length = 0;
	g_autofree char *inflated = saml_inflated(form_get(form, "SAMLRequest"), &length, NULL);
	assert_string_equal(inflated, plain);
	assert_string_equal(form_get(form, "RelayState"), "state & more");
	for (int fault = 0; fault < 5; fault++) {
		struct saml_logout_question question = logout_question(SAML_BINDING_REDIRECT, inflated);
		g_autofree char *other = g_strconcat(covered, "x", NULL);
		const char *rule = NULL;
		question.signed_query = fault == 1 ? other : covered;
		question.algorithm = fault == 2 ? "http://www.w3.org/2000/09/xmldsig#rsa-sha1" : algorithm;
		question.signature = fault == 3 ? NULL : signature->data;
		question.signature_length = fault == 4 ? signature->len - 1 : signature->len;
		g_autoptr(json_t) answer = saml_logout_check(&question);
		assert_int_equal(answer_is_ok(answer, &rule), fault == 0);
		assert_string_equal(rule, fault == 0 ? "name_id" : "query_signature");
	}
	g_autofree char *twice = g_strconcat(query, "&SAMLRequest=x", NULL), *state_twice = g_strconcat(query, "&RelayState=x", NULL);
	char *none = NULL, *no_algorithm = NULL;
	GByteArray *no_signature = NULL;
	assert_false(saml_signed_query(twice, "SAMLRequest", &none, &no_algorithm, &no_signature));
	assert_false(saml_signed_query(state_twice, "SAMLRequest", &none, &no_algorithm, &no_signature));
	assert_false(saml_signed_query("SAMLRequest=x&SigAlg=y", "SAMLRequest", &none, &no_algorithm, &no_signature));
}

static char *packed(const void *bytes, size_t length)
{
	z_stream stream = {0};
	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	size_t room = deflateBound(&stream, length);
	g_autofree uint8_t *out = g_malloc(room);
	stream.next_in = (Bytef *)(uintptr_t)bytes;
	stream.avail_in = (uInt)length;
	stream.next_out = out;
	stream.avail_out = (uInt)room;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	char *text = base64_encode(out, stream.total_out);
	deflateEnd(&stream);
	return text;
}

static void bombs_stop(void **state)
{
	g_autofree char *much = g_malloc0(10 * 1024 * 1024), *bomb = packed(much, 10 * 1024 * 1024), *fits = packed(much, SAML_MESSAGE_MAX), *over = packed(much, SAML_MESSAGE_MAX + 1);
	g_autoptr(GError) error = NULL;
	size_t length = 0;

	(void)state;
	assert_true(strlen(bomb) < 16 * 1024);
	char *none = saml_inflated(bomb, &length, &error);
	assert_null(none);
	assert_non_null(error);
	g_autofree char *whole = saml_inflated(fits, &length, NULL);
	assert_non_null(whole);
	assert_int_equal(length, SAML_MESSAGE_MAX);
	assert_null(saml_inflated(over, &length, NULL));
	static const char *const garbage[] = {"", "x", "AAAA", "!!!!", "AAAA=AAA", "PGE+"};
	for (size_t i = 0; i < TEST_COUNT(garbage); i++)
		assert_null(saml_inflated(garbage[i], &length, NULL));
	g_autofree char *posted = saml_posted("PGE+\r\nPC9h\nPg==", &length, NULL);
	assert_string_equal(posted, "<a></a>");
	assert_null(saml_posted("PGE", &length, NULL));
}

static void keys_come_back_as_they_went(void **state)
{
	g_autoptr(secret_t) exported = certified_key_export(key);
	g_autoptr(certified_key_t) again = certified_key_import(exported, certified_key_certificate(key), NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_non_null(again);
	g_autofree char *one = certified_key_sign(key, "x", 1), *two = certified_key_sign(again, "x", 1);
	assert_string_equal(one, two);
	assert_null(certified_key_import(exported, pairs[PAIR_IDP].certificate, &error));
	assert_non_null(error);
}

static char *idp_metadata_text(const char *before, const char *attributes, const char *inside)
{
	return g_strdup_printf("%s<md:EntityDescriptor xmlns:md=\"" NS_METADATA "\" xmlns:ds=\"" NS_SIGNATURE "\" entityID=\"" IDP_ENTITY "\" %s>"
	                       "<md:IDPSSODescriptor WantAuthnRequestsSigned=\"true\" protocolSupportEnumeration=\"" NS_PROTOCOL "\">%s</md:IDPSSODescriptor></md:EntityDescriptor>",
	                       before, attributes, inside);
}

#define REDIRECT "Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\""
#define SSO "<md:SingleSignOnService " REDIRECT " Location=\"https://idp.example/sso?a=1&amp;b=2\"/>"

static char *key_text(const char *use, enum pair_name name)
{
	g_autofree char *broken = g_strdup_printf("\n  %.60s\n  %s\n", pairs[name].certificate, pairs[name].certificate + 60);
	return g_strdup_printf("<md:KeyDescriptor %s><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>", use, broken);
}

static void metadata_is_read(void **state)
{
	g_autofree char *one = key_text("use=\"signing\"", PAIR_IDP), *two = key_text("", PAIR_IDP_NEXT), *small = key_text("use=\"signing\"", PAIR_SMALL);
	g_autofree char *inside = g_strconcat(one, two, small, two, "<md:SingleLogoutService " REDIRECT " Location=\"javascript:alert(1)\"/><md:SingleLogoutService " REDIRECT
	                                      " Location=\"https://idp.example/slo\" ResponseLocation=\"http://idp.example/insecure\"/><md:NameIDFormat> urn:x </md:NameIDFormat>" SSO, NULL);
	g_autofree char *text = idp_metadata_text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- made by Shibboleth - do not publish -->\n",
	                                           "validUntil=\"2026-10-01T00:00:00Z\" cacheDuration=\"P1DT1H\"", inside);
	g_autoptr(json_t) answer = saml_metadata_read(text, strlen(text), NULL, NOW_MS);
	int64_t cache = 0;

	(void)state;
	assert_answer_ok(answer);
	assert_string_equal(json_string_at(answer, "entity_id"), IDP_ENTITY);
	const json_t *signing = json_object_get(answer, "signing"), *slo = json_object_get(answer, "slo");
	assert_int_equal(json_array_size(signing), 3);
	assert_string_equal(json_string_at(json_array_get(signing, 0), "certificate"), pairs[PAIR_IDP].certificate);
	assert_true(json_is_false(json_object_get(json_array_get(signing, 2), "fit")));
	assert_int_equal(json_array_size(json_object_get(answer, "encryption")), 1);
	assert_int_equal(json_array_size(slo), 1);
	assert_null(json_string_at(json_array_get(slo, 0), "response_location"));
	assert_string_equal(json_string_at(json_array_get(json_object_get(answer, "sso"), 0), "location"), "https://idp.example/sso?a=1&b=2");
	assert_true(json_integer_at(answer, "cache_s", &cache));
	assert_int_equal(cache, 90000);
}

static void metadata_that_is_refused(void **state)
{
	g_autofree char *one = key_text("use=\"signing\"", PAIR_IDP), *small = key_text("use=\"signing\"", PAIR_SMALL), *encryption = key_text("use=\"encryption\"", PAIR_IDP);
	g_autofree char *good = g_strconcat(one, SSO, NULL), *weak = g_strconcat(small, SSO, NULL), *keyless = g_strconcat(encryption, SSO, NULL);
	g_autofree char *script = g_strconcat(one, "<md:SingleSignOnService " REDIRECT " Location=\"javascript:alert(1)\"/>", NULL);
	g_autofree char *two = g_strdup_printf("<md:EntitiesDescriptor xmlns:md=\"" NS_METADATA "\">%s%s</md:EntitiesDescriptor>", "", "");
	const struct {
		const char *before, *attributes, *inside, *rule;
	} rows[] = {
		{"", "", good, NULL}, {"", "", weak, "metadata_signing_key"}, {"", "", keyless, "metadata_signing_key"}, {"", "", SSO, "metadata_signing_key"}, {"", "", one, "metadata_sso"},
		{"", "", script, "metadata_sso"}, {"", "validUntil=\"2026-09-01T00:00:00Z\"", good, "metadata_validity"}, {"<!DOCTYPE x>", "", good, "xml_doctype"},
		{"<?xml-stylesheet href=\"http://127.0.0.1/\"?>", "", good, "xml_processing_instruction"}, {"", "xmlns:x=\"relative\"", good, "xml_namespace"}, {"x", "", good, "xml_well_formed"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autofree char *text = idp_metadata_text(rows[i].before, rows[i].attributes, rows[i].inside);
		const char *rule = NULL;
		g_autoptr(json_t) answer = saml_metadata_read(text, strlen(text), NULL, NOW_MS);
		bool ok = answer_is_ok(answer, &rule);
		if (ok != !rows[i].rule || (rows[i].rule && strcmp(rule, rows[i].rule) != 0))
			fail_msg("row %zu: expected %s, got %s", i, rows[i].rule, rule);
	}
	g_autoptr(json_t) none = saml_metadata_read(two, strlen(two), NULL, NOW_MS);
	assert_false(answer_is_ok(none, NULL));
}

static void our_metadata_is_well_formed(void **state)
{
	g_autofree char *text = saml_sp_metadata(&(struct saml_sp_metadata){.entity_id = SP_ENTITY, .acs_url = SP_ACS, .slo_url = SP_SLO, .signs_requests = true,
	                                                                     .signing = certificates, .encryption = certificates});
	g_autoptr(xmlDoc) document = xml_read(text, strlen(text));
	const xmlNode *role = xml_child(xmlDocGetRootElement(document), NS_METADATA, "SPSSODescriptor");
	g_autofree char *wants = xml_attribute(role, "WantAssertionsSigned");

	(void)state;
	assert_string_equal(wants, "true");
	assert_int_equal(xml_count(role, NS_METADATA, "KeyDescriptor"), 2);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(messages_are_canonical_and_signed, key_make),
	cmocka_unit_test(logout_requests_are_read),
	cmocka_unit_test(logout_requests_with_one_fault),
	cmocka_unit_test(logout_request_without_an_end_ages),
	cmocka_unit_test(logout_responses_answer_a_request),
	cmocka_unit_test(redirects_are_signed_over_the_query),
	cmocka_unit_test(bombs_stop),
	cmocka_unit_test(keys_come_back_as_they_went),
	cmocka_unit_test(metadata_is_read),
	cmocka_unit_test(metadata_that_is_refused),
	cmocka_unit_test_teardown(our_metadata_is_well_formed, key_free),
};
const struct test_list message_list = {tests, TEST_COUNT(tests)};
