/* The scanner (prefilter.h) reads tags one after the other with a stack of open elements. What each element may be is in prefilter_rules.c. */
#include "providers/verifier/prefilter_internal.h"

#include <string.h>

static const char name_letters[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-";

bool prefilter_refuse(struct scan *scan, const char *rule, const char *seen, size_t seen_length, const char *expected)
{
	g_autofree char *text = g_strndup(seen, MIN(seen_length, (size_t)200));

	scan->refused = true;
	return check_advised(scan->checks, rule, text, expected, false, PREFILTER_ADVICE);
}

static bool malformed(struct scan *scan, const char *expected)
{
	return prefilter_refuse(scan, "xml_well_formed", scan->at, (size_t)MIN(scan->end - scan->at, 40), expected);
}

bool span_is(struct span span, const char *text)
{
	return span.length == strlen(text) && memcmp(span.start, text, span.length) == 0;
}

static bool looking_at(const struct scan *scan, const char *text)
{
	size_t length = strlen(text);

	return (size_t)(scan->end - scan->at) >= length && memcmp(scan->at, text, length) == 0;
}

static bool skip_blanks(struct scan *scan)
{
	const char *start = scan->at;

	while (scan->at < scan->end && strchr(" \t\r\n", *scan->at) && *scan->at)
		scan->at++;
	return scan->at > start;
}

/* A name with at most one prefix, in ASCII: SAML, XML Signature and XML Encryption have no others. */
static bool read_name(struct scan *scan, struct name *ret)
{
	const char *start = scan->at, *colon = NULL;

	for (; scan->at < scan->end; scan->at++) {
		bool first = scan->at == start || scan->at - 1 == colon;
		if (*scan->at == ':' && !colon && scan->at > start)
			colon = scan->at;
		else if (!*scan->at || !strchr(name_letters, *scan->at) || (first && (g_ascii_isdigit(*scan->at) || *scan->at == '.' || *scan->at == '-')))
			break;
	}
	if (scan->at == start || (colon && colon + 1 == scan->at))
		return malformed(scan, "a name of ASCII letters, with one prefix at most");
	ret->whole = (struct span){start, (size_t)(scan->at - start)};
	ret->prefix = (struct span){start, colon ? (size_t)(colon - start) : 0};
	ret->local = colon ? (struct span){colon + 1, (size_t)(scan->at - colon - 1)} : ret->whole;
	return true;
}

/* XML 1.0 section 2.2: what a numeric reference may stand for. */
static bool is_character(unsigned long point)
{
	return point == 0x9 || point == 0xa || point == 0xd || (point >= 0x20 && point <= 0xd7ff) || (point >= 0xe000 && point <= 0xfffd) ||
	       (point >= 0x10000 && point <= 0x10ffff);
}

/* The five entities every parser knows, and numbers; an entity of the sender's own would need the DOCTYPE that is refused. */
static bool read_reference(struct scan *scan)
{
	static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (looking_at(scan, known[i])) {
			scan->at += strlen(known[i]);
			return true;
		}
	bool hex = looking_at(scan, "&#x");
	const char *digits = scan->at + (hex ? 3 : 2), *at = digits;
	unsigned long point = 0;
	if (!looking_at(scan, "&#"))
		return prefilter_refuse(scan, "xml_entity", scan->at, (size_t)MIN(scan->end - scan->at, 20), "no entities but the five of XML itself");
	for (; at < scan->end && at - digits < 7 && (hex ? g_ascii_isxdigit(*at) : g_ascii_isdigit(*at)); at++)
		point = point * (hex ? 16 : 10) + (unsigned long)g_ascii_xdigit_value(*at);
	if (at == digits || at >= scan->end || *at != ';' || !is_character(point))
		return malformed(scan, "a numeric reference to a character");
	scan->at = at + 1;
	return true;
}

static bool read_value(struct scan *scan, struct span *ret)
{
	char quote = scan->at < scan->end ? *scan->at : 0;

	if (quote != '"' && quote != '\'')
		return malformed(scan, "a quoted value");
	const char *start = ++scan->at;
	while (scan->at < scan->end && *scan->at != quote) {
		if (*scan->at == '<')
			return malformed(scan, "no < inside a value");
		if (*scan->at == '&' && !read_reference(scan))
			return false;
		else if (scan->at < scan->end && *scan->at != quote && *scan->at != '&' && *scan->at != '<')
			scan->at++;
	}
	if (scan->at >= scan->end)
		return malformed(scan, "the end of a value");
	*ret = (struct span){start, (size_t)(scan->at - start)};
	scan->at++;
	return true;
}

static bool read_attribute(struct scan *scan, struct tag *tag)
{
	if (tag->count == ATTRIBUTES_MAX || ++scan->facts.attributes > scan->limits->attributes)
		return prefilter_refuse(scan, "xml_attributes", tag->name.whole.start, tag->name.whole.length, "fewer attributes");
	struct attribute *attribute = &tag->attributes[tag->count];
	if (!read_name(scan, &attribute->name))
		return false;
	for (size_t i = 0; i < tag->count; i++)
		if (tag->attributes[i].name.whole.length == attribute->name.whole.length &&
		    memcmp(tag->attributes[i].name.whole.start, attribute->name.whole.start, attribute->name.whole.length) == 0)
			return malformed(scan, "an attribute once");
	skip_blanks(scan);
	if (scan->at >= scan->end || *scan->at != '=')
		return malformed(scan, "= after an attribute's name");
	scan->at++;
	skip_blanks(scan);
	if (!read_value(scan, &attribute->value))
		return false;
	tag->count++;
	return true;
}

static bool read_start_tag(struct scan *scan)
{
	struct tag *tag = &scan->tag;

	scan->at++;
	tag->count = 0;
	if (!read_name(scan, &tag->name))
		return false;
	if (scan->depth == scan->limits->depth)
		return prefilter_refuse(scan, "xml_depth", tag->name.whole.start, tag->name.whole.length, "at most 32 elements inside each other");
	if (++scan->facts.elements > scan->limits->elements)
		return prefilter_refuse(scan, "xml_elements", tag->name.whole.start, tag->name.whole.length, "fewer elements");
	for (;;) {
		bool blank = skip_blanks(scan);
		if (scan->at >= scan->end)
			return malformed(scan, "the end of a tag");
		if (*scan->at == '>' || looking_at(scan, "/>"))
			break;
		if (!blank)
			return malformed(scan, "a blank between attributes");
		if (!read_attribute(scan, tag))
			return false;
	}
	bool empty = *scan->at == '/';
	scan->at += empty ? 2 : 1;
	if (!prefilter_element(scan))
		return false;
	scan->open[scan->depth++] = (struct open_element){.name = tag->name};
	scan->facts.depth = MAX(scan->facts.depth, scan->depth);
	return !empty || prefilter_close(scan);
}

static bool read_end_tag(struct scan *scan)
{
	struct name name;

	scan->at += 2;
	if (!read_name(scan, &name))
		return false;
	skip_blanks(scan);
	if (scan->at >= scan->end || *scan->at != '>')
		return malformed(scan, "the end of a tag");
	const struct span *opened = scan->depth > 0 ? &scan->open[scan->depth - 1].name.whole : NULL;
	if (!opened || opened->length != name.whole.length || memcmp(opened->start, name.whole.start, opened->length) != 0)
		return malformed(scan, "the end of the element that is open");
	scan->at++;
	return prefilter_close(scan);
}

/* Comments are let through in metadata only, where nothing that is signed hangs on them. */
static bool skip_comment(struct scan *scan)
{
	if (!scan->limits->comments)
		return prefilter_refuse(scan, "xml_comment", "<!--", 4, "no comments");
	const char *end = memmem(scan->at + 4, (size_t)(scan->end - scan->at - 4), "--", 2);
	if (!end || end + 2 >= scan->end || end[2] != '>')
		return malformed(scan, "the end of a comment");
	scan->at = end + 3;
	return true;
}

static bool read_markup(struct scan *scan)
{
	if (looking_at(scan, "<!--"))
		return skip_comment(scan);
	if (looking_at(scan, "<![CDATA["))
		return prefilter_refuse(scan, "xml_cdata", "<![CDATA[", 9, "no CDATA sections");
	if (looking_at(scan, "<!"))
		return prefilter_refuse(scan, "xml_doctype", scan->at, (size_t)MIN(scan->end - scan->at, 40), "no DOCTYPE and no declarations");
	if (looking_at(scan, "<?"))
		return prefilter_refuse(scan, "xml_processing_instruction", scan->at, (size_t)MIN(scan->end - scan->at, 40), "no processing instructions");
	return looking_at(scan, "</") ? read_end_tag(scan) : read_start_tag(scan);
}

static bool read_text(struct scan *scan)
{
	if (*scan->at == '&')
		return read_reference(scan);
	if (looking_at(scan, "]]>"))
		return malformed(scan, "no ]]> in text");
	scan->at++;
	return true;
}

/* Version 1.0, and UTF-8 where an encoding is named: a parser must have no reason to read the bytes as anything else. */
static bool read_declaration(struct scan *scan)
{
	struct tag *tag = &scan->tag;

	if (!looking_at(scan, "<?xml ") && !looking_at(scan, "<?xml\t") && !looking_at(scan, "<?xml\n") && !looking_at(scan, "<?xml\r"))
		return true;
	scan->at += 5;
	tag->count = 0;
	while (skip_blanks(scan) && !looking_at(scan, "?>"))
		if (!read_attribute(scan, tag))
			return false;
	if (!looking_at(scan, "?>"))
		return malformed(scan, "the end of the XML declaration");
	scan->at += 2;
	for (size_t i = 0; i < tag->count; i++) {
		struct span name = tag->attributes[i].name.whole, value = tag->attributes[i].value;
		bool fit = (span_is(name, "version") && span_is(value, "1.0")) || (span_is(name, "standalone") && (span_is(value, "yes") || span_is(value, "no"))) ||
			   (span_is(name, "encoding") && value.length == 5 && g_ascii_strncasecmp(value.start, "utf-8", 5) == 0);
		if (!fit)
			return prefilter_refuse(scan, "xml_encoding", value.start, value.length, "XML 1.0 in UTF-8");
	}
	return true;
}

static bool scan_document(struct scan *scan)
{
	if (!read_declaration(scan))
		return false;
	while (scan->at < scan->end) {
		bool inside = scan->depth > 0;
		if (*scan->at == '<') {
			if (!inside && scan->facts.elements > 0 && !looking_at(scan, "<!") && !looking_at(scan, "<?"))
				return malformed(scan, "one root element");
			if (!read_markup(scan))
				return false;
		} else if (inside ? !read_text(scan) : !skip_blanks(scan)) {
			return inside ? false : malformed(scan, "nothing outside the root element");
		}
	}
	return scan->facts.elements > 0 && scan->depth == 0 ? prefilter_document(scan) : malformed(scan, "a whole document");
}

/* g_utf8_validate refuses NUL, surrogates and overlong forms; what it lets through and XML does not is looked for here. */
static bool characters_are_fit(const char *bytes, size_t length)
{
	if (!g_utf8_validate_len(bytes, length, NULL))
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7f)
			return false;
		if (byte == 0xef && (unsigned char)bytes[i + 1] == 0xbf && (unsigned char)bytes[i + 2] >= 0xbe)
			return false;
	}
	return true;
}

bool prefilter(enum prefilter_kind kind, const char *bytes, size_t length, struct checks *checks, struct prefilter_facts *ret)
{
	struct scan *scan = g_new0(struct scan, 1);
	bool passed = false;

	scan->kind = kind;
	scan->limits = prefilter_limits(kind);
	scan->checks = checks;
	scan->at = bytes;
	scan->end = length > 0 ? bytes + length : bytes;
	scan->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *size = g_strdup_printf("%zu bytes", length), *bound = g_strdup_printf("at most %zu bytes", scan->limits->bytes);
	if (length == 0 || length > scan->limits->bytes)
		check_advised(checks, "xml_size", size, bound, false, PREFILTER_ADVICE);
	else if (!characters_are_fit(bytes, length))
		check_advised(checks, "xml_utf8", NULL, "UTF-8 without control characters", false, PREFILTER_ADVICE);
	else
		passed = scan_document(scan);
	if (passed) {
		*ret = scan->facts;
		check(checks, "xml", size, "a plain, bounded document", true);
	}
	g_hash_table_destroy(scan->ids);
	g_free(scan);
	return passed;
}
