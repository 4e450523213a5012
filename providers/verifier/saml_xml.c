/* The one place where the verifier calls libxml2's parser (saml_xml.h). */
#include "providers/verifier/saml_xml.h"

#include <libxml/parser.h>
#include <string.h>

#define DURATION_MAX_S (10 * 365 * 86400LL)

xmlDoc *xml_read(const char *bytes, size_t length)
{
	xmlParserCtxt *context = length <= INT_MAX ? xmlNewParserCtxt() : NULL;

	if (!context)
		return NULL;
	xmlDoc *document = xmlCtxtReadMemory(context, bytes, (int)length, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	bool fit = document && context->wellFormed && context->nsWellFormed && context->errNo == XML_ERR_OK && !document->intSubset && !document->extSubset &&
		   xmlDocGetRootElement(document);
	xmlFreeParserCtxt(context);
	if (!fit)
		g_clear_pointer(&document, xmlFreeDoc);
	return document;
}

bool xml_is(const xmlNode *node, const char *ns, const char *name)
{
	return node && node->type == XML_ELEMENT_NODE && node->ns && strcmp((const char *)node->ns->href, ns) == 0 && strcmp((const char *)node->name, name) == 0;
}

static xmlNode *first_of(xmlNode *node, const char *ns, const char *name)
{
	while (node && !xml_is(node, ns, name))
		node = node->next;
	return node;
}

xmlNode *xml_child(const xmlNode *parent, const char *ns, const char *name)
{
	return parent ? first_of(parent->children, ns, name) : NULL;
}

xmlNode *xml_next(const xmlNode *node)
{
	return first_of(node->next, (const char *)node->ns->href, (const char *)node->name);
}

size_t xml_count(const xmlNode *parent, const char *ns, const char *name)
{
	size_t count = 0;

	for (const xmlNode *node = xml_child(parent, ns, name); node; node = xml_next(node))
		count++;
	return count;
}

/* libxml2 allocates with malloc, as GLib does, but nothing promises it. */
static char *take(xmlChar *text)
{
	char *copy = g_strdup((const char *)text);

	xmlFree(text);
	return copy;
}

char *xml_attribute(const xmlNode *node, const char *name)
{
	return node ? take(xmlGetNoNsProp(node, (const xmlChar *)name)) : NULL;
}

char *xml_text(const xmlNode *node)
{
	if (!node)
		return NULL;
	for (const xmlNode *child = node->children; child; child = child->next)
		if (child->type != XML_TEXT_NODE)
			return NULL;
	char *text = take(xmlNodeGetContent(node));
	return text ? g_strstrip(text) : NULL;
}

char *xml_child_text(const xmlNode *parent, const char *ns, const char *name)
{
	return xml_text(xml_child(parent, ns, name));
}

bool xml_time(const char *text, int64_t *ret_ms)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";
	size_t length = text ? strlen(text) : 0;

	if (length < sizeof form || length > 40)
		return false;
	for (size_t i = 0; i < sizeof form - 1; i++)
		if (form[i] == 'd' ? !g_ascii_isdigit(text[i]) : text[i] != form[i])
			return false;
	const char *zone = text + sizeof form - 1;
	if (*zone == '.') {
		zone += 1 + strspn(zone + 1, G_CSET_DIGITS);
		if (!g_ascii_isdigit(zone[-1]))
			return false;
	}
	bool offset = (*zone == '+' || *zone == '-') && strlen(zone) == 6 && zone[3] == ':';
	if (!offset && strcmp(zone, "Z") != 0)
		return false;
	g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
	if (!time)
		return false;
	*ret_ms = g_date_time_to_unix(time) * 1000 + g_date_time_get_microsecond(time) / 1000;
	return true;
}

static int64_t unit_s(char letter, bool of_time)
{
	switch (letter) {
	case 'Y': return of_time ? 0 : 365 * 86400;
	case 'M': return of_time ? 60 : 30 * 86400;
	case 'W': return of_time ? 0 : 7 * 86400;
	case 'D': return of_time ? 0 : 86400;
	case 'H': return of_time ? 3600 : 0;
	case 'S': return of_time ? 1 : 0;
	}
	return 0;
}

bool xml_duration(const char *text, int64_t *ret_s)
{
	bool of_time = false, any = false;
	int64_t total = 0;

	if (!text || *text++ != 'P')
		return false;
	while (*text) {
		if (*text == 'T' && !of_time) {
			of_time = true;
			text++;
			continue;
		}
		char *end = NULL;
		if (!g_ascii_isdigit(*text) || strspn(text, G_CSET_DIGITS) > 9)
			return false;
		int64_t number = g_ascii_strtoll(text, &end, 10);
		if (*end == '.' && end[1 + strspn(end + 1, G_CSET_DIGITS)] == 'S')
			end += 1 + strspn(end + 1, G_CSET_DIGITS);
		int64_t unit = unit_s(*end, of_time);
		if (unit == 0)
			return false;
		total += MIN(number, DURATION_MAX_S) * unit;
		total = MIN(total, DURATION_MAX_S);
		text = end + 1;
		any = true;
	}
	*ret_s = total;
	return any;
}
