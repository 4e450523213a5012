/* SAML metadata: see saml.h. */
#include "tests/fuzz/saml.h"

void fuzz_saml_metadata(const uint8_t *bytes, size_t length)
{
	start_once();
	g_autofree char *text = g_memdup2(bytes, length);
	g_autoptr(json_t) answer = saml_metadata_read(text, length, NULL, 1789997600000);
	if (is_ok(answer))
		g_assert(json_array_size(json_object_get(answer, "signing")) > 0 && json_array_size(json_object_get(answer, "sso")) > 0);
	check_form(answer, saml_metadata_form);
}
