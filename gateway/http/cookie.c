/* Cookies (RFC 6265). Reading is strict about the one thing an attacker can arrange: a sibling host may set a second cookie of the same name, so
 * a name that stands twice names nothing. */
#include "gateway/http/internal.h"
#include <string.h>

struct search {
	const char *name;
	size_t name_length;
	const char *value;
	size_t value_length;
	unsigned times;
};

static void search_pair(struct search *search, const char *pair, size_t length)
{
	while (length && (pair[0] == ' ' || pair[0] == '\t')) {
		pair++;
		length--;
	}
	while (length && (pair[length - 1] == ' ' || pair[length - 1] == '\t'))
		length--;
	const char *equals = memchr(pair, '=', length);
	if (!equals || (size_t)(equals - pair) != search->name_length || memcmp(pair, search->name, search->name_length))
		return;
	search->times++;
	search->value = equals + 1;
	search->value_length = length - search->name_length - 1;
}

static void search_header(struct search *search, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, ";");
		search_pair(search, text, length);
		text += length + (text[length] == ';');
	}
}

const char *request_cookie(const struct request *request, const char *name)
{
	struct search search = { .name = name, .name_length = strlen(name) };
	for (size_t i = 0; i < request->header_count; i++)
		if (request->headers[i].name_length == 6 && !g_ascii_strcasecmp(request->headers[i].name, "Cookie"))
			search_header(&search, request->headers[i].value);
	if (search.times != 1)
		return NULL;
	/* Some clients send the quotes that RFC 6265 allows around a value. */
	if (search.value_length >= 2 && search.value[0] == '"' && search.value[search.value_length - 1] == '"') {
		search.value++;
		search.value_length -= 2;
	}
	return arena_text(request->arena, search.value, search.value_length);
}

/* cookie-octet of RFC 6265 section 4.1.1. */
static bool value_is_plain(const char *value)
{
	for (const char *at = value; *at; at++)
		if (*at <= 0x20 || *at >= 0x7f || strchr("\",;\\", *at))
			return false;
	return true;
}

void reply_cookie(struct reply *reply, const struct cookie *cookie)
{
	const char *value = cookie->value ? cookie->value : "";
	bool possible = value_is_plain(cookie->name) && !strchr(cookie->name, '=') && value_is_plain(value) && !strchr(cookie->path, ';');
#ifdef PASSERELLE_TEST_BUILD
	g_assert(possible);
#endif
	if (!possible)
		return;
	g_autoptr(GString) text = g_string_new(NULL);
	g_string_append_printf(text, "%s=%s; Path=%s; HttpOnly", cookie->name, value, cookie->path);
	if (cookie->secure)
		g_string_append(text, "; Secure");
	g_string_append(text, cookie->same_site_none ? "; SameSite=None" : "; SameSite=Lax");
	if (!cookie->value)
		g_string_append(text, "; Max-Age=0");
	else if (cookie->max_age_s > 0)
		g_string_append_printf(text, "; Max-Age=%" G_GINT64_FORMAT, cookie->max_age_s);
	reply_header_add(reply, "Set-Cookie", text->str);
}
