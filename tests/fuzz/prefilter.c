/* The SAML pre-filter: what it lets through has none of what it promises to keep out, is parsed without a quarrel or refused for its namespaces only, and
 * as many elements are in the tree as it counted. */
#include "providers/verifier/prefilter.h"
#include "providers/verifier/saml_check.h"
#include "providers/verifier/saml_xml.h"
#include "tests/fuzz/fuzz.h"

static size_t count_elements(const xmlNode *node)
{
	size_t count = 0;
	for (; node; node = node->next) {
		g_assert(node->type == XML_ELEMENT_NODE || node->type == XML_TEXT_NODE || node->type == XML_COMMENT_NODE);
		if (node->type == XML_ELEMENT_NODE)
			count += 1 + count_elements(node->children);
	}
	return count;
}

void fuzz_prefilter(const uint8_t *bytes, size_t length)
{
	if (length == 0)
		return;
	g_autofree char *text = g_memdup2(bytes + 1, length - 1);
	struct prefilter_facts facts;
	enum prefilter_kind kind = (enum prefilter_kind)(bytes[0] % (PREFILTER_METADATA + 1));
	if (!prefilter(kind, text, length - 1, NULL, &facts))
		return;
	g_assert(g_utf8_validate_len(text, length - 1, NULL) && !memmem(text, length - 1, "<!DOCTYPE", 9) && !memmem(text, length - 1, "<![CDATA[", 9));
	g_assert(kind == PREFILTER_METADATA || !memmem(text, length - 1, "<!--", 4));
	g_autoptr(xmlDoc) document = xml_read(text, length - 1);
	if (document)
		g_assert(count_elements(xmlDocGetRootElement(document)) == facts.elements);
}
