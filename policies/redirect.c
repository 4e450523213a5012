/* Redirect URIs. A request matches byte for byte or not at all: no normalisation, no decoding, no prefix and no pattern, because every one of those
 * has sent somebody's code to somebody else (SECURITY AS-1). The one exception is written for native programs that take whatever port is free: on a
 * loopback literal over plain http the port, and nothing else, may differ (RFC 8252 section 7.3). */
#include "policies/redirect.h"

#include "base/url.h"

#include <string.h>

/* The pieces of a text that starts http://LITERAL[:port]: all borrowed from it. */
struct loopback {
	const char *host;
	size_t host_length;
	const char *rest;
};

/* Moves over ":port", where the port is 1 to 65535 without leading zeros. False when there is a colon and no such port. */
static bool skip_port(const char **at)
{
	unsigned port = 0;
	const char *digit = *at;

	if (*digit != ':')
		return true;
	if (*++digit == '0')
		return false;
	for (; *digit >= '0' && *digit <= '9' && port <= 65535; digit++)
		port = port * 10 + (unsigned)(*digit - '0');
	if (port == 0 || port > 65535)
		return false;
	*at = digit;
	return true;
}

static bool loopback_split(const char *text, struct loopback *ret)
{
	g_autoptr(url_t) url = url_parse(text, NULL);
	struct loopback parts = {0};

	if (!url || url->has_userinfo || url->fragment || !url_is_loopback_literal(url) || !g_str_has_prefix(text, "http://"))
		return false;
	parts.host = text + strlen("http://");
	parts.host_length = parts.host[0] == '[' ? strcspn(parts.host, "]") + 1 : strcspn(parts.host, ":/?");
	parts.rest = parts.host + parts.host_length;
	if (!skip_port(&parts.rest))
		return false;
	*ret = parts;
	return true;
}

static bool differs_by_port_only(const char *registered, const char *requested)
{
	struct loopback a, b;

	return loopback_split(registered, &a) && loopback_split(requested, &b) && a.host_length == b.host_length &&
	       memcmp(a.host, b.host, a.host_length) == 0 && strcmp(a.rest, b.rest) == 0;
}

enum reason redirect_decide(const char *const *registered, const char *requested)
{
	if (!requested || !*requested)
		return REASON_REDIRECT_MISMATCH;
	for (size_t i = 0; registered && registered[i]; i++)
		if (strcmp(registered[i], requested) == 0 || differs_by_port_only(registered[i], requested))
			return REASON_OK;
	return REASON_REDIRECT_MISMATCH;
}

/* Browsers take `..` and `%2e%2e` for the same step up, and some servers take `..;` for it: what is registered must be where the code arrives. */
static bool has_dot_segment(const char *path)
{
	g_autofree char *lower = g_ascii_strdown(path, -1);
	g_auto(GStrv) halves = g_strsplit(lower, "%2e", -1);
	g_autofree char *plain = g_strjoinv(".", halves);
	g_auto(GStrv) segments = g_strsplit(plain, "/", -1);

	for (size_t i = 0; segments[i]; i++) {
		size_t length = strcspn(segments[i], ";");
		if ((length == 1 || length == 2) && strspn(segments[i], ".") == length)
			return true;
	}
	return false;
}

static const char *expected_for_shape(const char *uri, const struct url *url)
{
	if (!url)
		return "an absolute URI (RFC 3986), ASCII only, at most 2,048 bytes, without spaces, control characters or backslashes";
	if (url->fragment)
		return "a URI without a fragment (#)";
	if (url->has_userinfo)
		return "a URI without user information (@ before the host)";
	if (strchr(uri, '*') || strchr(url->host, '%'))
		return "one exact URI: no wildcards, no encoded host";
	if (has_dot_segment(url->path))
		return "a path without . and .. segments";
	return NULL;
}

static const char *expected_for_scheme(const struct url *url, bool native)
{
	bool https = g_ascii_strcasecmp(url->scheme, "https") == 0, http = g_ascii_strcasecmp(url->scheme, "http") == 0;

	if ((https || http) && url->host[0] == '\0')
		return "a URI with a host";
	if (https)
		return NULL;
	if (http)
		return url_is_loopback(url) ? NULL : "https; plain http is for 127.0.0.1, [::1] and localhost only";
	if (!native)
		return "https; private-use schemes are for clients of application_type native";
	/* javascript:, data:, file: and every other scheme a browser gives a meaning to have no dot. */
	return strchr(url->scheme, '.') ? NULL : "https, or a private-use scheme with a dot such as com.example.app:/callback";
}

bool redirect_registrable(const char *uri, bool native, const char **ret_expected)
{
	g_autoptr(url_t) url = uri ? url_parse(uri, NULL) : NULL;
	const char *expected = expected_for_shape(uri, url);

	if (!expected)
		expected = expected_for_scheme(url, native);
	if (expected && ret_expected)
		*ret_expected = expected;
	return !expected;
}
