/* Choosing the language of a page: what the application asks for, then what the browser asks for, then what the tenant prefers, then English.
 * No locale of the process is involved: each request has its own language. */
#include "gateway/pages/pages.h"
#include <glib.h>
#include <string.h>

enum { HEADER_READ_BYTES = 512 };

static const char *const languages[] = { "en", "fr" };

/* The language of a tag by its first part alone ("fr-CA", "FR_ca", "fr"), or NULL when it is none of ours. */
static const char *language_of_tag(const char *tag, size_t length)
{
	size_t primary = 0;

	while (primary < length && g_ascii_isalnum(tag[primary]))
		primary++;
	if (primary < length && tag[primary] != '-' && tag[primary] != '_')
		return NULL;
	for (size_t i = 0; i < G_N_ELEMENTS(languages); i++)
		if (primary == strlen(languages[i]) && !g_ascii_strncasecmp(tag, languages[i], primary))
			return languages[i];
	return NULL;
}

/* OpenID Connect Core section 3.1.2.1: tags separated by spaces, by preference. */
static const char *language_of_list(const char *list)
{
	size_t left = list ? strnlen(list, HEADER_READ_BYTES) : 0;

	while (left) {
		size_t length = 0;

		while (length < left && list[length] != ' ')
			length++;
		const char *language = language_of_tag(list, length);
		if (language)
			return language;
		length += length < left;
		list += length;
		left -= length;
	}
	return NULL;
}

/* RFC 9110 section 12.4.2: "q=0.8" as thousandths; 1000 when there is none, 0 ("not acceptable") for one that is malformed. */
static int quality_of(const char *parameters)
{
	const char *at = parameters;
	int value = 0, scale = 1000;

	while (*at == ' ' || *at == '\t')
		at++;
	if (!*at)
		return 1000;
	if ((at[0] != 'q' && at[0] != 'Q') || at[1] != '=' || (at[2] != '0' && at[2] != '1'))
		return 0;
	value = (at[2] - '0') * 1000;
	at += 3;
	if (*at == '.')
		for (at++; g_ascii_isdigit(*at) && scale > 1; at++)
			value += (*at - '0') * (scale /= 10);
	while (*at == ' ' || *at == '\t')
		at++;
	return *at || value > 1000 ? 0 : value;
}

/* RFC 9110 section 12.5.4: the tag with the highest quality; among equals the first. "*" says that anything will do, so the tenant's own comes next. */
static const char *language_of_header(const char *header)
{
	g_autofree char *bounded = g_strndup(header ? header : "", HEADER_READ_BYTES);
	g_auto(GStrv) ranges = g_strsplit(bounded, ",", 32);
	const char *best = NULL;
	int best_quality = 0;

	for (char **range = ranges; *range; range++) {
		g_strstrip(*range);
		size_t length = strcspn(*range, "; \t");
		const char *rest = *range + length;
		rest += strspn(rest, " \t");
		const char *language = language_of_tag(*range, length);
		int quality = !*rest ? 1000 : *rest == ';' ? quality_of(rest + 1) : 0;
		if (language && quality > best_quality) {
			best = language;
			best_quality = quality;
		}
	}
	return best;
}

const char *page_language(const char *ui_locales, const char *accept_language, const char *tenant_locale)
{
	const char *language = language_of_list(ui_locales);

	if (!language)
		language = language_of_header(accept_language);
	if (!language && tenant_locale)
		language = language_of_tag(tenant_locale, strcspn(tenant_locale, "."));
	return language ? language : "en";
}
