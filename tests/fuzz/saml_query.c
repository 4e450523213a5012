/* The redirect binding from outside: what a signature covers is a part of the query as it came, and no stream grows over its bound. */
#include "providers/saml_message.h"
#include "tests/fuzz/fuzz.h"

void fuzz_saml_query(const uint8_t *bytes, size_t length)
{
	g_autofree char *text = fuzz_text(bytes, length), *covered = NULL, *algorithm = NULL;
	g_autoptr(GByteArray) signature = NULL;
	if (saml_signed_query(text, "SAMLRequest", &covered, &algorithm, &signature)) {
		g_assert(g_str_has_prefix(covered, "SAMLRequest=") && strstr(covered, "&SigAlg=") && strlen(covered) < strlen(text) && signature->len > 0);
		g_autofree char *message = g_strndup(covered, (size_t)(strchr(covered, '&') - covered));
		g_assert(strstr(text, message));
	}
	size_t size = 0;
	g_autofree char *inflated = saml_inflated(text, &size, NULL);
	g_assert(!inflated || (size > 0 && size <= SAML_MESSAGE_MAX && inflated[size] == '\0'));
	g_autofree char *posted = saml_posted(text, &size, NULL);
	g_assert(!posted || (size > 0 && size <= SAML_MESSAGE_MAX && posted[size] == '\0'));
}
