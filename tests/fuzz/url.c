/* URLs: the pieces are those of the text, unchanged; an origin is its own origin; what is encoded decodes to what it was. */
#include "base/form.h"
#include "base/url.h"
#include "tests/fuzz/fuzz.h"

static void check_pieces(const char *text, const url_t *url)
{
	g_autofree char *head = g_strconcat(url->scheme, ":", NULL);
	g_autofree char *tail = g_strconcat(url->path, url->query ? "?" : "", url->query ? url->query : "", url->fragment ? "#" : "",
	                                    url->fragment ? url->fragment : "", NULL);
	g_assert(strlen(text) <= 2048 && g_str_has_prefix(text, head) && g_str_has_suffix(text, tail) && strstr(text, url->host));
	g_autofree char *port = g_strdup_printf(":%d", url->port);
	g_assert(url->port == -1 || (url->port >= 1 && url->port <= 65535 && strstr(text, port)));
	for (const char *c = text; *c; c++)
		g_assert(g_ascii_isgraph(*c) && *c != '\\');
}

static void check_origin(const url_t *url)
{
	g_autofree char *origin = url_origin(url);
	if (!origin)
		return;
	g_autoptr(url_t) parsed = url_parse(origin, NULL);
	g_assert(parsed && !parsed->has_userinfo && !*parsed->path && !parsed->query && !parsed->fragment);
	g_autofree char *again = url_origin(parsed);
	g_assert(strcmp(origin, again) == 0 && g_ascii_strcasecmp(parsed->host, url->host) == 0);
}

void fuzz_url(const uint8_t *bytes, size_t length)
{
	g_autofree char *text = fuzz_text(bytes, length), *encoded = url_encode(text);
	size_t size = strlen(encoded);
	if (form_decode(encoded, size, &size))
		g_assert(size == strlen(text) && memcmp(encoded, text, size) == 0);
	else
		g_assert(!g_utf8_validate(text, -1, NULL));
	g_autoptr(GError) error = NULL;
	g_autoptr(url_t) url = url_parse(text, &error);
	g_assert(!url == !!error);
	if (!url)
		return;
	check_pieces(text, url);
	check_origin(url);
}
