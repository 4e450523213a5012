/* What a client sees of a reply, and the answers the server gives by itself. */
#include "rig.h"
#include "subjects.h"
#include <string.h>

#define H "Host: gateway.example\r\n"

static void every_reply_has_the_safe_headers(void **state)
{
	(void)state;
	static const char *const requests[] = { GET("/hello"), GET("/nowhere"), GET("/silent"), GET("/work"), "DELETE /hello HTTP/1.1\r\n" H "\r\n",
		"OPTIONS /hello HTTP/1.1\r\n" H "\r\n", "GET /hello HTTP/1.1\r\n" H H "\r\n" };
	struct rig rig;
	rig_start_plain(&rig);
	for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
		g_autoptr(client_t) client = client_open(&rig);
		g_autoptr(answer_t) answer = client_ask(client, requests[i]);
		assert_string_equal(answer_header(answer, "X-Content-Type-Options"), "nosniff");
		assert_string_equal(answer_header(answer, "Referrer-Policy"), "no-referrer");
		assert_string_equal(answer_header(answer, "Cache-Control"), "no-store");
		assert_non_null(answer_header(answer, "Date"));
	}
	rig_stop(&rig);
}

static unsigned header_count(const struct answer *answer, const char *line)
{
	unsigned found = 0;
	for (const char *at = answer->head; (at = strstr(at, line)); at++)
		found++;
	return found;
}

static void headers_cookies_and_shared_bodies(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	for (unsigned i = 0; i < 3; i++) {
		g_autoptr(answer_t) answer = client_ask(client, GET("/reply"));
		assert_int_equal(answer->status, 203);
		assert_string_equal(answer->body, "shared");
		assert_string_equal(answer_header(answer, "Content-Type"), "text/html; charset=utf-8");
		assert_string_equal(answer_header(answer, "Cache-Control"), "max-age=60");
		assert_null(strstr(answer->head, "no-store"));
		assert_null(strstr(answer->head, "old"));
		assert_string_equal(answer_header(answer, "X-Thing"), "new");
		assert_int_equal(header_count(answer, "Set-Cookie: "), 3);
		assert_int_equal(header_count(answer, "\r\nSet-Cookie: __Host-a=v1; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=60\r\n"), 1);
		assert_int_equal(header_count(answer, "\r\nSet-Cookie: b=; Path=/t/acme; HttpOnly; Secure; SameSite=None; Max-Age=0\r\n"), 1);
		assert_int_equal(header_count(answer, "\r\nSet-Cookie: s=; Path=/; HttpOnly; SameSite=Lax\r\n"), 1);
	}
	rig_stop(&rig);
}

static void redirects_have_no_body(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) answer = client_ask(client, GET("/redirect"));
	assert_int_equal(answer->status, 303);
	assert_string_equal(answer_header(answer, "Location"), "https://app.example/cb?code=x&state=y");
	assert_string_equal(answer->body, "");
	rig_stop(&rig);
}

static void head_is_get_without_the_body(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	client_send(client, "HEAD /hello HTTP/1.1\r\n" H "\r\n");
	g_autoptr(answer_t) head = client_answer_to_head(client);
	assert_int_equal(head->status, 200);
	assert_string_equal(answer_header(head, "Content-Length"), "5");
	g_autoptr(answer_t) next = client_ask(client, GET("/hello"));
	assert_string_equal(next->body, "hello");
	rig_stop(&rig);
}

static void wrong_methods_name_the_right_ones(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) wrong = client_ask(client, "DELETE /hello HTTP/1.1\r\n" H "\r\n");
	assert_int_equal(wrong->status, 405);
	assert_string_equal(answer_header(wrong, "Allow"), "GET, HEAD, POST, OPTIONS");
	assert_true(g_str_has_prefix(wrong->body, "METHOD_NOT_ALLOWED "));
	g_autoptr(answer_t) asked = client_ask(client, "OPTIONS /form HTTP/1.1\r\n" H "\r\n");
	assert_int_equal(asked->status, 204);
	assert_string_equal(answer_header(asked, "Allow"), "POST, OPTIONS");
	client_send(client, "HEAD /form HTTP/1.1\r\n" H "\r\n");
	g_autoptr(answer_t) head = client_answer_to_head(client);
	assert_int_equal(head->status, 405);
	g_autoptr(answer_t) next = client_ask(client, GET("/hello"));
	assert_int_equal(next->status, 200);
	rig_stop(&rig);
}

static void a_handler_that_says_nothing_is_an_error(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) answer = client_ask(client, GET("/silent"));
	assert_int_equal(answer->status, 500);
	assert_true(g_str_has_prefix(answer->body, "INTERNAL "));
	rig_stop(&rig);
}

/* An app without a way to refuse: the server's own words, with a reference, and nothing else. */
static const struct http_endpoint *match_nothing(void *data, struct request *request, struct reply *refusal, void **ret_context)
{
	(void)data;
	(void)request;
	(void)refusal;
	(void)ret_context;
	return NULL;
}

static void refuses_plainly_without_an_app(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	struct rig rig = { .server = http_server_start(&options, &(struct http_app){ .match = match_nothing }, NULL) };
	assert_non_null(rig.server);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) answer = client_ask(client, GET("/hello"));
	assert_int_equal(answer->status, 404);
	assert_string_equal(answer_header(answer, "Content-Type"), "text/plain; charset=utf-8");
	assert_true(g_str_has_prefix(answer->body, "There is nothing at this address. ("));
	rig_stop(&rig);
}

#define FORM H "Origin: https://app.example\r\nContent-Type: application/x-www-form-urlencoded\r\n"

static const struct { const char *request; unsigned status; } OPEN[] = {
	{ GET("/open"), 200 },
	{ GET("/open/work"), 200 },
	{ "GET /open?denied HTTP/1.1\r\n" H "Origin: https://app.example\r\nCookie: a=b\r\n\r\n", 401 },
	{ "POST /open HTTP/1.1\r\n" FORM "Content-Length: 3\r\n\r\na=b", 200 },
	/* the server's own answers */
	{ GET("/open/silent"), 500 },
	{ "DELETE /open HTTP/1.1\r\n" H "\r\n", 405 },
	{ "POST /open HTTP/1.1\r\n" FORM "Content-Length: 3\r\n\r\na=%", 400 },
	{ "POST /open HTTP/1.1\r\n" H "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\na=b", 415 },
	{ "POST /open HTTP/1.1\r\n" FORM "Content-Length: 101\r\n\r\n", 413 },
	{ "OPTIONS /open HTTP/1.1\r\n" H "\r\n", 204 },
};

static void scripts_may_read_what_is_open(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	for (size_t i = 0; i < G_N_ELEMENTS(OPEN); i++) {
		g_autoptr(client_t) client = client_open(&rig);
		g_autoptr(answer_t) answer = client_ask(client, OPEN[i].request);
		bool challenged = OPEN[i].status == 401;
		if (answer->status != OPEN[i].status || header_count(answer, "\r\nAccess-Control-Allow-Origin: *\r\n") != 1 ||
				header_count(answer, "\r\nAccess-Control-Expose-Headers: WWW-Authenticate\r\n") != challenged || strstr(answer->head, "Credentials"))
			fail_msg("%s\n%s", OPEN[i].request, answer->head);
	}
	rig_stop(&rig);
}

static void a_preflight_is_answered(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) answer = client_ask(client, "OPTIONS /open HTTP/1.1\r\n" H "Origin: https://app.example\r\n"
		"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n");
	assert_int_equal(answer->status, 204);
	assert_string_equal(answer_header(answer, "Allow"), "GET, HEAD, POST, OPTIONS");
	assert_string_equal(answer_header(answer, "Access-Control-Allow-Methods"), "GET, HEAD, POST, OPTIONS");
	assert_string_equal(answer_header(answer, "Access-Control-Allow-Headers"), "Authorization, Content-Type");
	assert_string_equal(answer_header(answer, "Access-Control-Max-Age"), "3600");
	assert_int_equal(rig_handled(), 0);
	rig_stop(&rig);
}

/* The connection is kept, so that what was open before must not stay so. */
static void scripts_read_nothing_else(void **state)
{
	(void)state;
	static const char *const requests[] = { GET("/hello"), GET("/nowhere"), GET("/silent"), "DELETE /hello HTTP/1.1\r\n" H "\r\n",
		"OPTIONS /hello HTTP/1.1\r\n" H "Origin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n\r\n",
		"POST /form HTTP/1.1\r\n" FORM "Content-Length: 3\r\n\r\na=%" };
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
		g_autoptr(answer_t) open = client_ask(client, GET("/open"));
		assert_string_equal(answer_header(open, "Access-Control-Allow-Origin"), "*");
		g_autoptr(answer_t) answer = client_ask(client, requests[i]);
		if (strstr(answer->head, "Access-Control"))
			fail_msg("%s\n%s", requests[i], answer->head);
	}
	rig_stop(&rig);
}

const struct CMUnitTest reply_tests[] = {
	cmocka_unit_test(scripts_may_read_what_is_open),
	cmocka_unit_test(a_preflight_is_answered),
	cmocka_unit_test(scripts_read_nothing_else),
	cmocka_unit_test(every_reply_has_the_safe_headers),
	cmocka_unit_test(headers_cookies_and_shared_bodies),
	cmocka_unit_test(redirects_have_no_body),
	cmocka_unit_test(head_is_get_without_the_body),
	cmocka_unit_test(wrong_methods_name_the_right_ones),
	cmocka_unit_test(a_handler_that_says_nothing_is_an_error),
	cmocka_unit_test(refuses_plainly_without_an_app),
	TESTS_END
};
