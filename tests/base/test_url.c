/* URLs: parts, the tricks of open redirects, loopback and origins. */
#include "base/errors.h"
#include "base/url.h"
#include "subjects.h"
#include <string.h>

static void cuts_a_url_into_its_parts(void **state)
{
	(void)state;
	static const struct {
		const char *text, *scheme, *host, *path, *query, *fragment;
		int port;
		bool userinfo;
	} rows[] = {
		{ "https://wiki.acme.example/cb", "https", "wiki.acme.example", "/cb", NULL, NULL, -1, false },
		{ "HTTPS://Wiki.Example", "HTTPS", "Wiki.Example", "", NULL, NULL, -1, false },
		{ "http://h:8080/?a=b&c=/?#f?/", "http", "h", "/", "a=b&c=/?", "f?/", 8080, false },
		{ "http://h?", "http", "h", "", "", NULL, -1, false },
		{ "http://h/#", "http", "h", "/", NULL, "", -1, false },
		{ "http://u:p@h:1/", "http", "h", "/", NULL, NULL, 1, true },
		{ "http://@h/", "http", "h", "/", NULL, NULL, -1, true },
		{ "http://[::1]:65535/x", "http", "::1", "/x", NULL, NULL, 65535, false },
		{ "http://[2001:DB8::1]", "http", "2001:DB8::1", "", NULL, NULL, -1, false },
		{ "com.example.app:/cb", "com.example.app", "", "/cb", NULL, NULL, -1, false },
		{ "com.example.app:cb?x", "com.example.app", "", "cb", "x", NULL, -1, false },
		{ "com.example.app://cb", "com.example.app", "cb", "", NULL, NULL, -1, false },
		{ "ldap://h/dc=x,dc=y??sub?(a=b)", "ldap", "h", "/dc=x,dc=y", "?sub?(a=b)", NULL, -1, false },
		{ "urn:ietf:params:x", "urn", "", "ietf:params:x", NULL, NULL, -1, false },
		{ "https://h/a/../b//c/%2e%2E", "https", "h", "/a/../b//c/%2e%2E", NULL, NULL, -1, false },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(url_t) url = url_parse(rows[i].text, NULL);
		assert_non_null(url);
		assert_string_equal(url->scheme, rows[i].scheme);
		assert_string_equal(url->host, rows[i].host);
		assert_string_equal(url->path, rows[i].path);
		assert_int_equal(g_strcmp0(url->query, rows[i].query), 0);
		assert_int_equal(g_strcmp0(url->fragment, rows[i].fragment), 0);
		assert_int_equal(url->port, rows[i].port);
		assert_int_equal(url->has_userinfo, rows[i].userinfo);
	}
}

/* SECURITY WB-6 and what browsers repair: every one must be refused, not mended. */
static void refuses_what_is_not_an_absolute_url(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"", "/", "//h/", "/cb", "h", "h/cb", ":", "://h", ":x", "1http://h", "+a:b", "a_b:c", "ht tp://h", " http://h", "http://h ", "http://h /",
		"https:h", "https:/h", "https:", "http:", "http://", "https:///h", "https:////h", "http:/\\h", "https:\\\\h", "https://h\\@e/",
		"https://h/\\e", "\\\\h",
		"https://\th/", "https://h/\n", "https://h/\r\n", "https://h/\x7f", "https://h/\x01", "https://h/\xc3\xa9", "https://\xd0\xb0.example/",
		"https://h/<x>",
		"https://h/\"", "https://h/^", "https://h/`", "https://h/{x}", "https://h/|", "https://h/[", "https://h/?[]", "https://h/##",
		"https://h/%", "https://h/%4", "https://h/%zz", "https://h/?%zz", "https://h/#%g0", "https://h/%%41", "https://%zz@h/",
		"https://h:/", "https://h:0/", "https://h:080/", "https://h:65536/", "https://h:99999999999/", "https://h:+1/", "https://h:-1/",
		"https://h:8a/", "https://h:80:80/",
		"https://a@b@c/", "https://h%2fe/", "https://h%00/", "https://%68/", "https://h;x/", "https://h,x/", "https://h'x/", "https://*/",
		"https://h!/",
		"https://[::1/", "https://::1/", "https://[]/", "https://[::1]x/", "https://[::g]/", "https://[v1.x]/", "https://[fe80::1%25eth0]/",
		"https://[127.0.0.1]/", "https://[::1]]/", "https://[::1:80/", "https://x::1]/", "https://h/%4g", "https://[[::1]]/", "app://[x/", NULL };
	for (size_t i = 0; texts[i]; i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(url_t) url = url_parse(texts[i], &error);
		if (url)
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(error_code_of(error), ERROR_MALFORMED);
	}
}

static void length_ends_at_2048_bytes(void **state)
{
	(void)state;
	g_autofree char *filler = g_strnfill(2048 - 10, 'x'), *longest = g_strconcat("https://h/", filler, NULL),
		*longer = g_strconcat(longest, "x", NULL);
	g_autoptr(url_t) fits = url_parse(longest, NULL);
	assert_int_equal(strlen(longest), 2048);
	assert_non_null(fits);
	assert_null(url_parse(longer, NULL));
	g_autofree char *host = g_strnfill(256, 'h'), *long_host = g_strconcat("https://", host, "/", NULL);
	assert_null(url_parse(long_host, NULL));
}

static void knows_loopback(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool literal, loopback;
	} rows[] = {
		{ "http://127.0.0.1/", true, true },       { "http://127.255.3.4:80/", true, true },  { "http://[::1]/", true, true },
		{ "http://[0:0:0:0:0:0:0:1]/", true, true }, { "http://localhost/", false, true },     { "http://LOCALHOST/", false, true },
		{ "http://a.localhost/", false, true },    { "http://.localhost/", false, false },    { "http://localhost.example/", false, false },
		{ "http://notlocalhost/", false, false },  { "http://127.0.0.1.example/", false, false }, { "http://127.1/", false, false },
		{ "http://0x7f.0.0.1/", false, false },    { "http://2130706433/", false, false },    { "http://0127.0.0.1/", false, false },
		{ "http://128.0.0.1/", false, false },     { "http://0.0.0.0/", false, false },       { "http://[::]/", false, false },
		{ "http://[::ffff:127.0.0.1]/", false, false }, { "http://127.0.0.1@evil.example/", false, false }, { "app:/127.0.0.1", false, false },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(url_t) url = url_parse(rows[i].text, NULL);
		assert_non_null(url);
		assert_int_equal(url_is_loopback_literal(url), rows[i].literal);
		assert_int_equal(url_is_loopback(url), rows[i].loopback);
	}
}

static void origins_are_in_one_form(void **state)
{
	(void)state;
	static const struct {
		const char *text, *origin;
	} rows[] = {
		{ "HTTPS://WIKI.Example:443/cb?x", "https://wiki.example" }, { "http://h:80", "http://h" },      { "https://h:80/", "https://h:80" },
		{ "http://h:443/", "http://h:443" },                         { "http://[::A]:8080/", "http://[::a]:8080" },
		{ "https://u:p@h/", "https://h" },
		{ "com.example.app:/cb", NULL },                             { "ldap://h/", NULL },              { "app://h/", NULL },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(url_t) url = url_parse(rows[i].text, NULL);
		assert_non_null(url);
		g_autofree char *origin = url_origin(url);
		assert_int_equal(g_strcmp0(origin, rows[i].origin), 0);
	}
}

static void encodes_all_but_unreserved(void **state)
{
	(void)state;
	g_autofree char *plain = url_encode("AZaz09-._~"), *other = url_encode("a b+&=/?#%\"'<>é\n"), *empty = url_encode("");
	assert_string_equal(plain, "AZaz09-._~");
	assert_string_equal(other, "a%20b%2B%26%3D%2F%3F%23%25%22%27%3C%3E%C3%A9%0A");
	assert_string_equal(empty, "");
	url_free(NULL);
}

const struct CMUnitTest url_tests[] = {
	cmocka_unit_test(cuts_a_url_into_its_parts),
	cmocka_unit_test(refuses_what_is_not_an_absolute_url),
	cmocka_unit_test(length_ends_at_2048_bytes),
	cmocka_unit_test(knows_loopback),
	cmocka_unit_test(origins_are_in_one_form),
	cmocka_unit_test(encodes_all_but_unreserved),
	TESTS_END,
};
