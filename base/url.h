/* Absolute URLs (RFC 3986), as far as configuration and redirect URIs need them. Nothing is normalised: what was given is what is compared. */
#pragma once
#include <glib.h>
#include <stdbool.h>

struct url {
	char *scheme;   /* as given; compare without case */
	char *host;     /* no brackets for IPv6; "" for a scheme without authority, such as com.example.app:/cb */
	int port;       /* -1 when absent */
	char *path;     /* "" when absent */
	char *query;    /* NULL when absent */
	char *fragment; /* NULL when absent */
	bool has_userinfo;
};

/* Caller frees with url_free. NULL with *error (ERROR_MALFORMED) for anything that RFC 3986 does not allow: a control character, a space,
 * a backslash, a non-ASCII byte, a bad percent-encoding, no scheme, a bad port; and for more than 2,048 bytes. */
struct url *url_parse(const char *text, GError **error);
void url_free(struct url *url);
typedef struct url url_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(url_t, url_free)

/* True for 127.0.0.0/8 and ::1 literals: the hosts whose port may vary in a native client's redirect URI (RFC 8252 section 7.3). */
bool url_is_loopback_literal(const struct url *url);
/* As above, and "localhost" and names under it: where plain http is tolerated. */
bool url_is_loopback(const struct url *url);
/* scheme://host[:port], lower case, default port left out: for CSP and cookies. Caller frees. NULL for schemes other than http(s). */
char *url_origin(const struct url *url);
/* Percent-encodes everything but RFC 3986 unreserved. Caller frees. */
char *url_encode(const char *text);
