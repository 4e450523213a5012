/* RFC 3986 URLs, cut by the grammar of its appendix A and never repaired: what browsers would mend (a backslash, a tab, "https:host",
 * "///") is what open redirects are made of, so it is refused (SECURITY WB-6). Two things are narrower than the RFC: an http(s) URL
 * needs a host, and that host is letters, digits, '-', '.', '_' or an IPv6 literal, because it ends up in a Content-Security-Policy,
 * where ';' would start a directive. */
#include "base/url.h"
#include "base/errors.h"
#include <arpa/inet.h>
#include <string.h>

#define URL_MAX 2048
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
#define SUB_DELIMITERS "!$&'()*+,;="

/* Whether every byte is in `allowed` or part of a %HH. */
static bool part_is(const char *text, size_t length, const char *allowed)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '%') {
			if (i + 2 >= length || !g_ascii_isxdigit(text[i + 1]) || !g_ascii_isxdigit(text[i + 2]))
				return false;
			i += 2;
		} else if (!text[i] || !strchr(allowed, text[i])) {
			return false;
		}
	}
	return true;
}

static bool is_http(const struct url *url)
{
	return g_ascii_strcasecmp(url->scheme, "http") == 0 || g_ascii_strcasecmp(url->scheme, "https") == 0;
}

static bool take_scheme(const char **text, struct url *url)
{
	size_t length = strspn(*text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.");
	if (length == 0 || !g_ascii_isalpha((*text)[0]) || (*text)[length] != ':')
		return false;
	url->scheme = g_strndup(*text, length);
	*text += length + 1;
	return true;
}

/* One to five digits without a leading zero, 1 to 65535. */
static bool take_port(const char *text, size_t length, struct url *url)
{
	if (length < 1 || length > 5 || text[0] == '0')
		return false;
	int port = 0;
	for (size_t i = 0; i < length; i++) {
		if (!g_ascii_isdigit(text[i]))
			return false;
		port = port * 10 + (text[i] - '0');
	}
	url->port = port;
	return port <= 65535;
}

static bool take_host(const char *text, size_t length, struct url *url)
{
	if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
		struct in6_addr address;
		url->host = g_strndup(text + 1, length - 2);
		return inet_pton(AF_INET6, url->host, &address) == 1;
	}
	url->host = g_strndup(text, length);
	if (is_http(url))
		return length > 0 && length <= 255 && strspn(url->host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._") == length;
	return part_is(text, length, UNRESERVED SUB_DELIMITERS);
}

static bool take_authority(const char **text, struct url *url)
{
	const char *start = *text;
	size_t length = strcspn(start, "/?#");
	*text += length;
	const char *at = memchr(start, '@', length);
	if (at) {
		if (!part_is(start, (size_t)(at - start), UNRESERVED SUB_DELIMITERS ":"))
			return false;
		url->has_userinfo = true;
		length -= (size_t)(at + 1 - start);
		start = at + 1;
	}
	const char *bracket = memrchr(start, ']', length), *colon = memrchr(start, ':', length);
	if (colon && (!bracket || colon > bracket)) {
		if (!take_port(colon + 1, length - (size_t)(colon + 1 - start), url))
			return false;
		length = (size_t)(colon - start);
	}
	return take_host(start, length, url);
}

static bool take_part(const char **text, size_t length, const char *allowed, char **ret)
{
	*ret = g_strndup(*text, length);
	bool valid = part_is(*text, length, allowed);
	*text += length;
	return valid;
}

static bool cut(const char *text, struct url *url)
{
	if (!take_scheme(&text, url))
		return false;
	bool has_authority = g_str_has_prefix(text, "//");
	if (has_authority) {
		text += 2;
		if (!take_authority(&text, url))
			return false;
	} else if (is_http(url)) {
		return false;
	} else {
		url->host = g_strdup("");
	}
	if (!take_part(&text, strcspn(text, "?#"), UNRESERVED SUB_DELIMITERS ":@/", &url->path))
		return false;
	if (*text == '?') {
		text++;
		if (!take_part(&text, strcspn(text, "#"), UNRESERVED SUB_DELIMITERS ":@/?", &url->query))
			return false;
	}
	if (*text == '#') {
		text++;
		return take_part(&text, strlen(text), UNRESERVED SUB_DELIMITERS ":@/?", &url->fragment);
	}
	return true;
}

struct url *url_parse(const char *text, GError **error)
{
	if (strnlen(text, URL_MAX + 1) > URL_MAX) {
		fail(error, ERROR_MALFORMED, "a URL of more than %d bytes", URL_MAX);
		return NULL;
	}
	g_autoptr(url_t) url = g_new0(struct url, 1);
	url->port = -1;
	if (!cut(text, url)) {
		fail(error, ERROR_MALFORMED, "not an absolute URL (RFC 3986)");
		return NULL;
	}
	return g_steal_pointer(&url);
}

void url_free(struct url *url)
{
	if (!url)
		return;
	g_free(url->scheme);
	g_free(url->host);
	g_free(url->path);
	g_free(url->query);
	g_free(url->fragment);
	g_free(url);
}

bool url_is_loopback_literal(const struct url *url)
{
	struct in_addr four;
	struct in6_addr six;
	if (inet_pton(AF_INET, url->host, &four) == 1)
		return (ntohl(four.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, url->host, &six) == 1 && memcmp(&six, &in6addr_loopback, sizeof six) == 0;
}

bool url_is_loopback(const struct url *url)
{
	if (url_is_loopback_literal(url) || g_ascii_strcasecmp(url->host, "localhost") == 0)
		return true;
	size_t length = strlen(url->host), suffix = strlen(".localhost");
	return length > suffix && g_ascii_strcasecmp(url->host + length - suffix, ".localhost") == 0;
}

char *url_origin(const struct url *url)
{
	if (!is_http(url))
		return NULL;
	g_autofree char *scheme = g_ascii_strdown(url->scheme, -1), *host = g_ascii_strdown(url->host, -1);
	bool six = strchr(host, ':') != NULL;
	GString *origin = g_string_new(NULL);
	g_string_printf(origin, "%s://%s%s%s", scheme, six ? "[" : "", host, six ? "]" : "");
	if (url->port != -1 && url->port != (strcmp(scheme, "https") == 0 ? 443 : 80))
		g_string_append_printf(origin, ":%d", url->port);
	return g_string_free(origin, FALSE);
}

char *url_encode(const char *text)
{
	GString *encoded = g_string_new(NULL);
	for (const char *c = text; *c; c++) {
		if (strchr(UNRESERVED, *c))
			g_string_append_c(encoded, *c);
		else
			g_string_append_printf(encoded, "%%%02X", (unsigned)(uint8_t)*c);
	}
	return g_string_free(encoded, FALSE);
}
