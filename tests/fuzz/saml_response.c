/* SAML responses: see saml.h. */
#include "tests/fuzz/saml.h"

void fuzz_saml_response(const uint8_t *bytes, size_t length)
{
	start_once();
	g_autofree char *text = g_memdup2(bytes, length);
	struct saml_response_question question = {.trust = saml_fuzz_trust, .bytes = text, .length = length, .acs_url = "https://login.acme.example/saml/okta/acs",
		.request_id = "_request0123456789", .allow_mutable_names = true, .allow_cbc = true};
	g_autoptr(json_t) answer = saml_response_check(&question);
	g_assert(!is_ok(answer));
	check_form(answer, saml_response_form);
	question.recorded = true;
	g_autoptr(json_t) explained = saml_response_check(&question);
	g_assert(!is_ok(explained) && !json_object_get(explained, "subject"));
	check_form(explained, saml_response_form);
}
