/* SAML logout messages: see saml.h. */
#include "tests/fuzz/saml.h"

void fuzz_saml_logout(const uint8_t *bytes, size_t length)
{
	static const char *const bindings[] = {SAML_BINDING_POST, SAML_BINDING_SOAP};
	start_once();
	if (length == 0)
		return;
	g_autofree char *text = g_memdup2(bytes + 1, length - 1);
	const struct saml_logout_question question = {.trust = saml_fuzz_trust, .binding = bindings[bytes[0] % 2], .bytes = text, .length = length - 1,
		.destination = "https://login.acme.example/saml/okta/slo", .request_id = "_r9"};
	g_autoptr(json_t) answer = saml_logout_check(&question);
	g_assert(!is_ok(answer));
	check_form(answer, saml_logout_form);
}
