/* Redirect URIs: two lines, the registered one and the requested one. They match as equals, or as plain http on one loopback literal that differs by
 * the port and nothing else. What may be registered has no fragment and no user information, and matches itself. */
#include "base/url.h"
#include "policies/redirect.h"
#include "tests/fuzz/fuzz.h"

static void check_registrable(const char *uri)
{
	const char *expected = NULL;
	g_autoptr(url_t) url = url_parse(uri, NULL);
	bool web = redirect_registrable(uri, false, &expected), native = redirect_registrable(uri, true, NULL);
	g_assert(!web == !!expected && (native || !web));
	if (!native)
		return;
	g_assert(url && !url->fragment && !url->has_userinfo && !strchr(uri, '*'));
	g_assert(g_ascii_strcasecmp(url->scheme, "https") == 0 || (g_ascii_strcasecmp(url->scheme, "http") == 0 && url_is_loopback(url)) ||
	         (!web && strchr(url->scheme, '.')));
	g_assert(redirect_decide((const char *const[]){ uri, NULL }, uri) == REASON_OK);
}

void fuzz_redirect(const uint8_t *bytes, size_t length)
{
	g_autofree char *registered = fuzz_text(bytes, length);
	char *requested = strchr(registered, '\n');
	if (requested)
		*requested++ = '\0';
	check_registrable(registered);
	if (!requested || redirect_decide((const char *const[]){ registered, NULL }, requested) != REASON_OK || strcmp(registered, requested) == 0)
		return;
	g_autoptr(url_t) a = url_parse(registered, NULL), b = url_parse(requested, NULL);
	g_assert(a && b && strcmp(a->scheme, "http") == 0 && strcmp(b->scheme, "http") == 0 && strcmp(a->host, b->host) == 0);
	g_assert(url_is_loopback_literal(a) && strcmp(a->path, b->path) == 0 && g_strcmp0(a->query, b->query) == 0);
	g_assert(!a->fragment && !b->fragment && !a->has_userinfo && !b->has_userinfo);
}
