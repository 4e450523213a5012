/* Names chosen by an attacker are harmless on every page. The test does not look for known bad strings: it reads the page as a browser's tokenizer would
 * and compares its skeleton (elements and attributes, without their values) with that of the same page with harmless names. Any breakout changes it. */
#include "tests.h"
#include "gateway/pages/pages.h"
#include "gateway/pages/rendering.h"
#include <glib.h>
#include <string.h>

static const char *const hostile_names[] = {
	"<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "\" autofocus onfocus=\"alert(1)", "javascript:alert(1)",
	"</title><script>alert(1)</script>", "</style><script>alert(1)</script>", "--><script>alert(1)</script>", "<!--", "<![CDATA[", "&lt;script&gt;", "&#60;script&#62;",
	"\xe2\x80\xae" "gnp.exe", "\xe2\x81\xa6isolate", "\xe2\x80\xa8line", "\x01\x02\x1b[31mred\x7f", "a\r\nSet-Cookie: x=1", "\xc2\x9b" "31m", "\xff\xfe<b>", "\xc0\xbcscript\xc0\xbe",
	"{application}", "{person}{", "{{frame.tenant_name}}", "%s%n%s", "`x`", "\xf0\x9f\x98", "<", ">", "\"", "'", "&", "\\", "/", "=",
};

/* Appends what follows "<" up to its ">": the element's name and its attributes' names; returns where the tag ends. Every value must be quoted. */
static const char *tag_skeleton(GString *skeleton, const char *at)
{
	while (*at && *at != '>') {
		if (*at == '=') {
			assert_true(at[1] == '"' || at[1] == '\'');
			const char *end = strchr(at + 2, at[1]);
			assert_non_null(end);
			at = end + 1;
			g_string_append(skeleton, "=");
			continue;
		}
		g_string_append_c(skeleton, *at++);
	}
	assert_int_equal(*at, '>');
	g_string_append(skeleton, ">");
	return at + 1;
}

static char *page_skeleton(const char *html)
{
	GString *skeleton = g_string_new(NULL);

	while ((html = strchr(html, '<')))
		html = tag_skeleton(skeleton, html);
	return g_string_free(skeleton, FALSE);
}

/* Text on a page: valid UTF-8, no control but the line feeds of our templates, nothing that turns the reading direction. */
static void assert_text_is_plain(const char *html)
{
	assert_true(g_utf8_validate(html, -1, NULL));
	for (const char *at = html; *at; at += g_unichar_to_utf8(g_utf8_get_char(at), NULL)) {
		gunichar c = g_utf8_get_char(at);
		assert_false(g_unichar_iscntrl(c) && c != '\n');
		assert_false(c >= 0x202a && c <= 0x202e);
		assert_false(c >= 0x2066 && c <= 0x2069);
		assert_false(c == 0x2028 || c == 0x2029);
	}
}

/* Every page with one name in every place, addresses included. */
enum { PAGE_COUNT = 11, PAGE_FORM_POST = 8 };

static char *page_with(int page, const char *language, const char *name)
{
	const struct page_frame frame = { .language = language, .tenant_name = name, .reference = name };
	const char *const scopes[] = { "openid", name, NULL };

	switch (page) {
	case 0: return page_sign_in(&(struct page_sign_in) { .frame = frame, .action = name, .form_token = name, .client_name = name, .username = name,
			.problem = "wrong", .may_cancel = true });
	case 1: return page_sign_in(&(struct page_sign_in) { .frame = frame, .action = name, .form_token = name, .client_name = name, .username = name,
			.problem = name, .may_cancel = true });
	case 2: return page_consent(&(struct page_consent) { .frame = frame, .action = name, .form_token = name, .client_name = name, .account_name = name,
			.username = name, .scopes = scopes });
	case 3: return page_sign_out(&(struct page_sign_out) { .frame = frame, .action = name, .form_token = name, .account_name = name });
	case 4: return page_signed_out(&frame, name);
	case 5: return page_account(&(struct page_account) { .frame = frame, .username = name, .name = name, .email = name, .sign_out_url = name });
	case 6: return page_error(&frame, name, name);
	case 7: return page_welcome(&frame, name, true);
	case PAGE_FORM_POST: return page_form_post(&(struct page_form_post) { .frame = frame, .action = name, .client_name = name, .code = name, .error = name,
			.error_description = name, .state = name, .iss = name });
	case 9: return page_trial_end(&frame);
	default: return page_welcome(&frame, name, false);
	}
}

static void test_names_change_no_markup(void **state)
{
	(void)state;
	for (int page = 0; page < PAGE_COUNT; page++) {
		for (size_t i = 0; i < G_N_ELEMENTS(hostile_names); i++) {
			const char *language = i % 2 ? "fr" : "en";
			g_autofree char *plain = page_with(page, language, "Alice");
			g_autofree char *hostile = page_with(page, language, hostile_names[i]);
			g_autofree char *expected = page_skeleton(plain);
			g_autofree char *seen = page_skeleton(hostile);
			assert_string_equal(seen, expected);
			assert_text_is_plain(hostile);
		}
	}
}

/* A hostile language tag never reaches the page: it shows one of ours. */
static void test_language_attribute(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(hostile_names); i++) {
		g_autofree char *html = page_with(6, hostile_names[i], "x");
		assert_non_null(strstr(html, "<html lang=\"en\">"));
	}
}

static void test_name_is_shown_as_written(void **state)
{
	struct page_frame frame = { .language = "en", .tenant_name = "R&D <\"Lab's\">" };
	g_autofree char *html = page_signed_out(&frame, NULL);

	(void)state;
	assert_non_null(strstr(html, "<p class=\"tenant\"><bdi>R&amp;D &lt;&quot;Lab&#39;s&quot;&gt;</bdi></p>"));
	/* A name that looks escaped is not unescaped. */
	frame.tenant_name = "&lt;";
	g_autofree char *escaped = page_signed_out(&frame, NULL);
	assert_non_null(strstr(escaped, "<bdi>&amp;lt;</bdi>"));
}

/* A client named "{person}" must not pull another value into its place. */
static void test_placeholder_in_a_value_is_text(void **state)
{
	struct page_consent facts = { .frame = { .language = "en" }, .action = "/c", .form_token = "t", .client_name = "{person} {username}", .account_name = "Alice",
		.username = "alice" };
	g_autofree char *html = page_consent(&facts);

	(void)state;
	assert_non_null(strstr(html, "<bdi>{person} {username}</bdi> asks for access"));
}

static const struct { const char *address; bool kept; } addresses[] = {
	{ "/", true }, { "/t/acme/login?flow=abc", true }, { "https://wiki.example/", true }, { "http://127.0.0.1:8080/cb", true }, { "HTTPS://wiki.example", true },
	{ "http://[::1]:80/", true }, { "/a%20b#c", true },
	{ "javascript:alert(1)", false }, { "JaVaScRiPt:alert(1)", false }, { " javascript:alert(1)", false }, { "java\tscript:alert(1)", false },
	{ "\x01javascript:alert(1)", false }, { "data:text/html,x", false }, { "vbscript:x", false }, { "//evil.example", false }, { "/\\evil.example", false },
	{ "\\\\evil.example", false }, { "http:evil.example", false }, { "https:/\\evil.example", false }, { "/\t/evil.example", false }, { "mailto:a@b.c", false },
	{ "com.example.app:/cb", false }, { "login", false }, { "?a=b", false }, { "/a b", false }, { "/a\nb", false }, { "/caf\xc3\xa9", false }, { "/a\"b", false }, { "/a\x7f" "b", false },
	{ "/a<b", false }, { "#", false }, { "blob:https://a/b", false }, { "file:///etc/passwd", false },
};

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
		g_autofree char *html = page_signed_out(&(struct page_frame) { .language = "en" }, addresses[i].address);
		g_autofree char *expected = g_strdup_printf("href=\"%s\"", addresses[i].kept ? addresses[i].address : "#");
		if (!strstr(html, expected))
			fail_msg("%s: not %s", addresses[i].address, expected);
	}
}

static void test_ampersand_in_address_is_escaped(void **state)
{
	g_autofree char *html = page_signed_out(&(struct page_frame) { .language = "en" }, "/a?b=1&copy=2'");

	(void)state;
	assert_non_null(strstr(html, "href=\"/a?b=1&amp;copy=2&#39;\""));
}

static void test_nothing_runs_and_nothing_loads(void **state)
{
	(void)state;
	for (int page = 0; page < PAGE_COUNT; page++) {
		g_autofree char *html = page_with(page, "fr", "Alice");
		assert_true((strstr(html, "<script") != NULL) == (page == PAGE_FORM_POST));
		assert_null(strstr(html, "src="));
		assert_null(strstr(html, "<link"));
		assert_null(strstr(html, "url("));
		assert_null(strstr(html, "@import"));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_names_change_no_markup), cmocka_unit_test(test_language_attribute), cmocka_unit_test(test_name_is_shown_as_written),
	cmocka_unit_test(test_placeholder_in_a_value_is_text), cmocka_unit_test(test_addresses),
	cmocka_unit_test(test_ampersand_in_address_is_escaped), cmocka_unit_test(test_nothing_runs_and_nothing_loads),
};

const struct test_group hostile_group = { tests, sizeof tests / sizeof tests[0] };
