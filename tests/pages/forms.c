/* What the forms promise: field names of CONTRACT section 4, what password managers and screen readers rely on, titles, and the policy header. */
#include "tests.h"
#include "gateway/pages/pages.h"
#include <glib.h>
#include <string.h>

static struct page_sign_in sign_in_facts(void)
{
	return (struct page_sign_in) { .frame = { .language = "en", .tenant_name = "Acme" }, .action = "/t/acme/login", .form_token = "tok-123", .client_name = "Wiki",
		.ask_name = true, .ask_password = true };
}

/* The tag that holds `mark`, from "<" to ">". */
static char *tag_with(const char *html, const char *mark)
{
	const char *at = strstr(html, mark);

	assert_non_null(at);
	const char *start = at;
	while (*start != '<')
		start--;
	return g_strndup(start, (gsize)(strchr(at, '>') - start) + 1);
}

static void assert_has(const char *html, const char *mark)
{
	if (!strstr(html, mark))
		fail_msg("not there: %s", mark);
}

static void assert_has_not(const char *html, const char *mark)
{
	if (strstr(html, mark))
		fail_msg("is there: %s", mark);
}

static void test_sign_in_fields(void **state)
{
	struct page_sign_in facts = sign_in_facts();
	g_autofree char *html = page_sign_in(&facts);
	g_autofree char *username = tag_with(html, "name=\"username\"");
	g_autofree char *password = tag_with(html, "name=\"password\"");

	(void)state;
	assert_has(html, "<form method=\"post\" action=\"/t/acme/login\">");
	assert_has(html, "<input type=\"hidden\" name=\"form_token\" value=\"tok-123\">");
	assert_has(html, "<label for=\"username\">");
	assert_has(html, "<label for=\"password\">");
	assert_has(username, "autocomplete=\"username\"");
	assert_has(username, "autocapitalize=\"none\"");
	assert_has(username, " autofocus");
	assert_has(password, "type=\"password\"");
	assert_has(password, "autocomplete=\"current-password\"");
	assert_has_not(password, "value=");
	assert_has_not(password, "maxlength"); /* a browser would cut a pasted password silently */
	assert_has_not(password, " autofocus");
	assert_has(html, "<h1>Sign in to continue to <bdi>Wiki</bdi></h1>");
	assert_has(html, "<title>Sign in \xe2\x80\x93 Acme</title>");
	assert_has_not(html, "role=\"alert\"");
	assert_has_not(html, "class=\"back\"");
}

static void test_sign_in_again_with_a_problem(void **state)
{
	struct page_sign_in facts = sign_in_facts();

	(void)state;
	facts.username = "alice";
	facts.problem = "wrong";
	facts.may_cancel = true;
	g_autofree char *html = page_sign_in(&facts);
	g_autofree char *username = tag_with(html, "name=\"username\"");
	g_autofree char *password = tag_with(html, "name=\"password\"");
	assert_has(html, "<title>Wrong name or password \xe2\x80\x93 Sign in");
	assert_has(html, "role=\"alert\" id=\"problem\"");
	assert_has(username, "value=\"alice\"");
	assert_has_not(username, " autofocus");
	assert_has(username, "aria-describedby=\"problem\"");
	assert_has(password, " autofocus");
	assert_has(password, "aria-invalid=\"true\"");
	assert_has(password, "aria-describedby=\"problem\"");
	assert_has(html, "name=\"cancel\"");
	facts.problem = "busy";
	g_autofree char *busy = page_sign_in(&facts);
	assert_has(busy, "<title>The service is busy");
	g_autofree char *busy_password = tag_with(busy, "name=\"password\"");
	assert_has_not(busy_password, "aria-invalid");
	facts.problem = "again";
	g_autofree char *again = page_sign_in(&facts);
	assert_has(again, "<title>Please sign in again");
	facts.problem = "expired";
	g_autofree char *expired = page_sign_in(&facts);
	assert_has(expired, "<title>Your password has expired");
	assert_has(expired, "role=\"alert\"");
}

static void test_change_password(void **state)
{
	static const char *const problems[] = { "expired", "grace", "wrong", "busy", "differ", "short", "reused", "young", "rejected", "fixed" };
	struct page_change_password facts = { .frame = { .language = "en" }, .action = "/t/acme/password?flow=x", .form_token = "tok-123", .provider = "directory",
		.username = "a\"b<c", .client_name = "Wiki", .may_cancel = true };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(problems); i++) {
		facts.problem = problems[i];
		facts.later_url = i == 1 ? "/t/acme/login?flow=x" : NULL;
		g_autofree char *html = page_change_password(&facts);
		g_autofree char *username = tag_with(html, "id=\"username\""), *old = tag_with(html, "name=\"password\""), *fresh = tag_with(html, "name=\"new_password\"");
		assert_has(html, "role=\"alert\" id=\"problem\"");
		assert_has_not(html, "<title> ");
		assert_has(username, "value=\"a&quot;b&lt;c\"");
		assert_has(username, " readonly");
		assert_has(old, "autocomplete=\"current-password\"");
		assert_has(fresh, "autocomplete=\"new-password\"");
		assert_int_equal(strstr(html, "href=\"/t/acme/login?flow=x\"") != NULL, i == 1);
		assert_has(html, "name=\"cancel\"");
	}
}

static void test_sign_in_elsewhere(void **state)
{
	const struct page_link providers[] = { { "Google", "https://acme.example/login/google?flow=f" }, { "<b>Azure", "https://acme.example/login/azure?flow=f" }, { 0 } };
	struct page_sign_in facts = sign_in_facts();
	(void)state;
	facts.providers = providers;
	facts.problem = "unavailable";
	facts.provider = "Google";
	facts.frame.reference = "ref0123456";
	g_autofree char *both = page_sign_in(&facts);
	assert_non_null(strstr(both, "href=\"https://acme.example/login/google?flow=f\""));
	assert_non_null(strstr(both, "&lt;b&gt;Azure"));
	assert_non_null(strstr(both, "ref0123456"));
	assert_non_null(strstr(both, "does not answer"));
	assert_non_null(strstr(both, "name=\"password\""));
	/* Where some domain signs in elsewhere, no password is asked before the name is known. */
	facts.ask_password = false;
	g_autofree char *name_first = page_sign_in(&facts);
	assert_non_null(strstr(name_first, "name=\"username\""));
	assert_null(strstr(name_first, "name=\"password\""));
	facts.ask_name = false;
	g_autofree char *buttons = page_sign_in(&facts);
	assert_null(strstr(buttons, "name=\"username\""));
	assert_non_null(strstr(buttons, "/login/azure?flow=f"));
}

static void test_sign_in_without_an_application(void **state)
{
	struct page_sign_in facts = sign_in_facts();

	(void)state;
	facts.client_name = NULL;
	facts.frame = (struct page_frame) { .language = "fr" };
	g_autofree char *html = page_sign_in(&facts);
	assert_has(html, "<h1>Se connecter</h1>");
	assert_has(html, "<button type=\"submit\">Se connecter</button>");
	assert_has(html, "<p class=\"tenant\">Passerelle</p>");
	assert_has(html, "<title>Se connecter</title>");
}

static void test_consent(void **state)
{
	const char *const scopes[] = { "openid", "email", "wiki.read", NULL };
	struct page_consent facts = { .frame = { .language = "en", .tenant_name = "Acme" }, .action = "/t/acme/consent", .form_token = "tok", .client_name = "Wiki",
		.account_name = "Alice Martin", .username = "alice", .scopes = scopes };
	g_autofree char *html = page_consent(&facts);

	(void)state;
	assert_has(html, "name=\"approve\" value=\"yes\"");
	assert_has(html, "name=\"decline\" value=\"yes\"");
	assert_has(html, "value=\"tok\"");
	assert_has(html, "<li>See your e-mail address</li>");
	assert_has(html, "<code><bdi>wiki.read</bdi></code>");
	assert_has(html, "<bdi>Alice Martin</bdi> (<bdi>alice</bdi>)");
	facts.account_name = NULL;
	facts.scopes = NULL;
	g_autofree char *bare = page_consent(&facts);
	assert_has(bare, "as <bdi>alice</bdi>");
}

static void test_account_and_sign_out(void **state)
{
	struct page_frame frame = { .language = "en", .tenant_name = "Acme" };
	g_autofree char *account = page_account(&(struct page_account) { .frame = frame, .username = "alice", .sign_out_url = "/t/acme/logout" });
	g_autofree char *sign_out = page_sign_out(&(struct page_sign_out) { .frame = frame, .action = "/t/acme/logout", .form_token = "tok" });
	g_autofree char *signed_out = page_signed_out(&frame, NULL);

	(void)state;
	assert_has(account, "<bdi>alice</bdi>");
	assert_has(account, "href=\"/t/acme/logout\"");
	assert_has_not(account, "E-mail address");
	assert_has(sign_out, "<form method=\"post\" action=\"/t/acme/logout\">");
	assert_has(sign_out, "name=\"form_token\" value=\"tok\"");
	assert_has_not(signed_out, "<a ");
}

static void test_error_page(void **state)
{
	struct page_frame frame = { .language = "en", .tenant_name = "Acme", .reference = "abcdefghij" };
	g_autofree char *html = page_error(&frame, "flow_expired", NULL);
	g_autofree char *detail = page_error(&frame, "invalid_request", "redirect_uri is not registered");

	(void)state;
	assert_has(html, "<title>This sign-in has expired");
	assert_has(html, "<bdi>abcdefghij</bdi>");
	assert_has_not(html, "For the people who run");
	assert_has(detail, "<p lang=\"en\"><bdi>redirect_uri is not registered</bdi></p>");
	frame.reference = NULL;
	g_autofree char *bare = page_error(&frame, "internal", NULL);
	assert_has_not(bare, "<dl>");
}

static void test_welcome_tells_strangers_little(void **state)
{
	struct page_frame frame = { .language = "en" };
	g_autofree char *fresh = page_welcome(&frame, "http://127.0.0.1:8080", true);
	g_autofree char *later = page_welcome(&frame, "http://127.0.0.1:8080", false);

	(void)state;
	assert_has(fresh, "passerelle apply -f acme.yaml");
	assert_has(fresh, "- name: acme\n  users:\n  - username: alice"); /* it can be copied: the indentation is there */
	assert_has_not(later, "apply");
	assert_has_not(later, "tenant is");
}

/* The header allows exactly the style sheet that the page holds, to the byte. */
static void test_policy_names_the_style_sheet(void **state)
{
	struct page_sign_in facts = sign_in_facts();
	g_autofree char *html = page_sign_in(&facts);
	const char *start = strstr(html, "<style>") + strlen("<style>");
	size_t length = (size_t)(strstr(html, "</style>") - start);
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 digest[32];
	gsize digest_length = sizeof digest;

	(void)state;
	assert_true(length <= 6 * 1024);
	g_checksum_update(checksum, (const guchar *)start, (gssize)length);
	g_checksum_get_digest(checksum, digest, &digest_length);
	g_autofree char *base64 = g_base64_encode(digest, digest_length);
	g_autofree char *expected = g_strdup_printf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'", base64);
	g_autofree char *policy = page_security_policy(NULL);
	assert_string_equal(policy, expected);
	g_autofree char *with_origin = page_security_policy("https://wiki.example:8443");
	g_autofree char *expected_origin = g_strconcat(expected, " https://wiki.example:8443", NULL);
	assert_string_equal(with_origin, expected_origin);
}

/* The form_post page holds one script, which is the one its policy knows; without it there is the button. */
static void test_form_post(void **state)
{
	g_autofree char *page = page_form_post(&(struct page_form_post) { .frame = { .language = "en", .tenant_name = "Acme" }, .action = "https://wiki.example/cb?kept=1", .client_name = "Wiki",
		.code = "c0de", .state = "a\"b&c", .iss = "https://login.example" });
	const char *start = strstr(page, "<script>") + strlen("<script>");
	size_t length = (size_t)(strstr(start, "</script>") - start);
	uint8_t digest[32];
	gsize digest_length = sizeof digest;
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

	(void)state;
	assert_null(strstr(start, "<script"));
	g_checksum_update(checksum, (const guchar *)start, (gssize)length);
	g_checksum_get_digest(checksum, digest, &digest_length);
	g_autofree char *base64 = g_base64_encode(digest, digest_length);
	g_autofree char *expected = g_strdup_printf("; script-src 'sha256-%s'; ", base64);
	g_autofree char *policy = page_form_post_policy("https://wiki.example");
	assert_non_null(strstr(policy, expected));
	assert_true(g_str_has_suffix(policy, " https://wiki.example"));
	assert_non_null(strstr(page, "<form method=\"post\" action=\"https://wiki.example/cb?kept=1\">"));
	assert_non_null(strstr(page, "name=\"code\" value=\"c0de\""));
	assert_non_null(strstr(page, "name=\"state\" value=\"a&quot;b&amp;c\""));
	assert_non_null(strstr(page, "<button type=\"submit\""));
	assert_null(strstr(page, "name=\"error"));
}

/* An origin that would open a directive of its own, or widen this one, is left out. */
static void test_policy_cannot_be_widened(void **state)
{
	static const char *const origins[] = { "https://a; script-src *", "https://a, x", "*", "'unsafe-inline'", "https://a\r\nX: y", "", "https://a b", "https://*.example" };
	g_autofree char *bare = page_security_policy(NULL);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(origins); i++) {
		g_autofree char *policy = page_security_policy(origins[i]);
		assert_string_equal(policy, bare);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_sign_in_fields), cmocka_unit_test(test_sign_in_again_with_a_problem),
	cmocka_unit_test(test_change_password),
	cmocka_unit_test(test_sign_in_elsewhere),
	cmocka_unit_test(test_sign_in_without_an_application), cmocka_unit_test(test_consent), cmocka_unit_test(test_account_and_sign_out),
	cmocka_unit_test(test_error_page), cmocka_unit_test(test_form_post), cmocka_unit_test(test_welcome_tells_strangers_little),
	cmocka_unit_test(test_policy_names_the_style_sheet), cmocka_unit_test(test_policy_cannot_be_widened),
};

const struct test_group form_group = { tests, sizeof tests / sizeof tests[0] };
