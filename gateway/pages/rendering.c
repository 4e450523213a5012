/* Escaping. Every name on a page was chosen by somebody: a client's, a person's, a tenant's. It may hold markup, quotes, control characters, or marks that
 * turn the reading direction so that "Wiki" is followed by what looks like our own text (SECURITY WB-8). */
#include "gateway/pages/rendering.h"
#include "gateway/pages/pages.h"
#include <stdlib.h>
#include <string.h>

enum language language_named(const char *name)
{
	bool french = name && !g_ascii_strncasecmp(name, "fr", 2) && !g_ascii_isalnum(name[2]);

	return french ? LANGUAGE_FRENCH : LANGUAGE_ENGLISH;
}

void rendering_begin(struct rendering *out, const char *language)
{
	out->html = g_string_sized_new(8192);
	out->language = language_named(language);
}

char *rendering_end(struct rendering *out)
{
	return g_string_free(g_steal_pointer(&out->html), FALSE);
}

const char *rendering_language(const struct rendering *out)
{
	switch (out->language) {
	case LANGUAGE_ENGLISH: return "en";
	case LANGUAGE_FRENCH: return "fr";
	}
	return "en";
}

void put_html(struct rendering *out, const char *html)
{
	g_string_append(out->html, html);
}

/* What has no place in one line of text: controls, line separators, and embeddings, overrides and isolates of direction. */
static bool character_is_harmful(gunichar c)
{
	return g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void put_character(GString *html, gunichar c)
{
	switch (c) {
	case '&': g_string_append(html, "&amp;"); break;
	case '<': g_string_append(html, "&lt;"); break;
	case '>': g_string_append(html, "&gt;"); break;
	case '"': g_string_append(html, "&quot;"); break;
	case '\'': g_string_append(html, "&#39;"); break;
	case '`': g_string_append(html, "&#96;"); break;
	default: g_string_append_unichar(html, c);
	}
}

static void put_escaped(GString *html, const char *text)
{
	while (*text) {
		gunichar c = g_utf8_get_char_validated(text, -1);
		bool broken = c == (gunichar)-1 || c == (gunichar)-2;
		int length = broken ? 1 : g_unichar_to_utf8(c, NULL);

		put_character(html, broken || character_is_harmful(c) ? 0xfffd : c);
		text += length;
	}
}

/* An address a click may lead to: http, https, or a path on this host. "//host" and "/\host" are other hosts in a path's clothes. */
static bool address_is_harmless(const char *address)
{
	for (const char *at = address; *at; at++)
		if (*at <= ' ' || *at > '~' || strchr("\\\"<>^`{|}", *at))
			return false;
	if (address[0] == '/')
		return address[1] != '/';
	return !g_ascii_strncasecmp(address, "https://", 8) || !g_ascii_strncasecmp(address, "http://", 7);
}

void put_value(struct rendering *out, enum context context, const char *text)
{
	if (!text)
		return;
	switch (context) {
	case CONTEXT_TEXT:
		put_html(out, "<bdi>");
		put_escaped(out->html, text);
		put_html(out, "</bdi>");
		return;
	case CONTEXT_URL:
		put_escaped(out->html, address_is_harmless(text) ? text : "#");
		return;
	case CONTEXT_TITLE:
	case CONTEXT_ATTRIBUTE:
		put_escaped(out->html, text);
		return;
	}
}

static int message_compare(const void *key, const void *entry)
{
	const struct message *message = entry;

	return strcmp(key, message->english);
}

static const char *message_text(enum language language, const char *english)
{
	const struct message *message = bsearch(english, messages, message_count, sizeof *messages, message_compare);

	if (!message)
		return english;
	switch (language) {
	case LANGUAGE_ENGLISH: return message->english;
	case LANGUAGE_FRENCH: return message->french;
	}
	return english;
}

static const char *placeholder_value(const struct placeholder *placeholders, const char *name, size_t length)
{
	for (; placeholders && placeholders->name; placeholders++)
		if (!strncmp(placeholders->name, name, length) && !placeholders->name[length])
			return placeholders->value ? placeholders->value : "";
	return NULL;
}

/* A placeholder's value is never read for placeholders in its turn. */
void put_message(struct rendering *out, enum context context, const char *english, const struct placeholder *placeholders)
{
	if (!english)
		return;

	const char *text = message_text(out->language, english);

	while (*text) {
		size_t plain = strcspn(text, "{");
		g_autofree char *run = g_strndup(text, plain);

		put_escaped(out->html, run);
		text += plain;
		if (!*text)
			break;

		size_t length = strcspn(text + 1, "}");
		const char *value = text[1 + length] ? placeholder_value(placeholders, text + 1, length) : NULL;

		if (value)
			put_value(out, context, value);
		else
			put_escaped(out->html, "{");
		text += value ? length + 2 : 1;
	}
}

bool text_is_set(const char *text)
{
	return text && text[0];
}

bool list_is_set(const char *const *list)
{
	return list && list[0];
}

bool links_are_set(const struct page_link *links)
{
	return links && links->text;
}

bool flag_is_set(bool flag)
{
	return flag;
}

bool is_word(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}
