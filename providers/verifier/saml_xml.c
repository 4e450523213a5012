/* The one place where the verifier calls libxml2's parser (saml_xml.h). */
#include "providers/verifier/saml_xml.h"

#include "base/encoding.h"

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

char *xml_base64(const xmlNode *node, uint8_t *bytes, size_t max, size_t *ret_length)
{
	g_autofree char *text = xml_text(node);
	char *to = text;

	if (!text)
		return NULL;
	for (const char *from = text; *from; from++)
		if (!g_ascii_isspace(*from))
			*to++ = *from;
	*to = '\0';
	return base64_decode(text, strlen(text), bytes, max, ret_length) ? base64_encode(bytes, *ret_length) : NULL;
}

char *xml_child_text(const xmlNode *parent, const char *ns, const char *name)
{
	return xml_text(xml_child(parent, ns, name));
}

static int64_t number_at(const char *text, size_t digits)
{
	int64_t number = 0;

	for (size_t i = 0; i < digits; i++)
		number = number * 10 + g_ascii_digit_value(text[i]);
	return number;
}

/* GLib and the C library read time zones from files for this, which the cage forbids; the calendar needs none. */
static bool date_read(const char *text, int64_t *ret_days)
{
	int64_t year = number_at(text, 4), month = number_at(text + 5, 2), day = number_at(text + 8, 2);

	if (year < 1970 || month < 1 || month > 12 || day < 1 || !g_date_valid_dmy((GDateDay)day, (GDateMonth)month, (GDateYear)year))
		return false;
	GDate date;
	g_date_clear(&date, 1);
	g_date_set_dmy(&date, (GDateDay)day, (GDateMonth)month, (GDateYear)year);
	*ret_days = (int64_t)g_date_get_julian(&date) - 719163; /* 1 January 1970 */
	return true;
}

/* Behind the seconds: a fraction, of which three digits count, and the zone. */
static bool zone_read(const char *text, int64_t *ret_ms, int64_t *ret_offset_s)
{
	size_t digits = *text == '.' ? strspn(text + 1, G_CSET_DIGITS) : 0;

	*ret_ms = 0;
	*ret_offset_s = 0;
	if (*text == '.' && digits == 0)
		return false;
	for (size_t i = 0, unit = 100; i < MIN(digits, 3U); i++, unit /= 10)
		*ret_ms += (int64_t)unit * g_ascii_digit_value(text[1 + i]);
	text += *text == '.' ? 1 + digits : 0;
	if (strcmp(text, "Z") == 0)
		return true;
	if ((*text != '+' && *text != '-') || strlen(text) != 6 || text[3] != ':' || strspn(text + 1, G_CSET_DIGITS) != 2 || strspn(text + 4, G_CSET_DIGITS) != 2)
		return false;
	int64_t hours = number_at(text + 1, 2), minutes = number_at(text + 4, 2);
	*ret_offset_s = (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return hours <= 14 && minutes <= 59;
}

bool xml_time(const char *text, int64_t *ret_ms)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd";
	size_t length = text ? strlen(text) : 0;
	int64_t days = 0, ms = 0, offset_s = 0;

	if (length < sizeof form || length > 40)
		return false;
	for (size_t i = 0; i < sizeof form - 1; i++)
		if (form[i] == 'd' ? !g_ascii_isdigit(text[i]) : text[i] != form[i])
			return false;
	int64_t hour = number_at(text + 11, 2), minute = number_at(text + 14, 2), second = number_at(text + 17, 2);
	if (hour > 23 || minute > 59 || second > 59 || !date_read(text, &days) || !zone_read(text + sizeof form - 1, &ms, &offset_s))
		return false;
	*ret_ms = (days * 86400 + hour * 3600 + minute * 60 + second - offset_s) * 1000 + ms;
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
