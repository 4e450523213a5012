/* Bodies: their bounds, their types, their pieces. */
#include "rig.h"
#include "subjects.h"
#include <string.h>

#define H "Host: gateway.example\r\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\r\n"
#define LIMIT (64 * 1024) /* rig_options */

static GString *post(const char *path, const char *headers, size_t declared, size_t sent)
{
	GString *text = g_string_new(NULL);
	g_string_append_printf(text, "POST %s HTTP/1.1\r\n" H "%sContent-Length: %zu\r\n\r\n", path, headers, declared);
	for (size_t i = 0; i < sent; i++)
		g_string_append_c(text, (char)('a' + i % 26));
	return text;
}

static void bodies_up_to_the_limit(void **state)
{
	(void)state;
	static const size_t sizes[] = { 1, 2, 1022, 1023, 1024, 1025, 16383, 16384, 16385, 40000, LIMIT - 1, LIMIT };
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(GString) text = post("/echo", "", sizes[i], sizes[i]);
		g_autoptr(answer_t) answer = client_ask(client, text->str);
		assert_int_equal(answer->status, 200);
		assert_int_equal(strlen(answer->body), sizes[i]);
		assert_string_equal(answer->body, text->str + text->len - sizes[i]);
	}
	rig_stop(&rig);
}

static void assert_too_large(const struct rig *rig, const GString *text)
{
	g_autoptr(client_t) client = client_open(rig);
	client_send_bytes(client, text->str, text->len);
	g_autoptr(answer_t) answer = client_answer(client);
	assert_int_equal(answer->status, 413);
	assert_string_equal(answer_header(answer, "Connection"), "close");
	assert_true(client_is_closed(client));
}

/* By what it declares, before a byte of it is read. */
static void bodies_over_the_limit(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(GString) one_over = post("/echo", "", LIMIT + 1, 0);
	assert_too_large(&rig, one_over);
	g_autoptr(GString) huge = post("/echo", "", G_MAXSIZE, 0);
	assert_too_large(&rig, huge);
	g_autoptr(GString) over_own = post("/small", "", 101, 0);
	assert_too_large(&rig, over_own);
	assert_int_equal(rig_handled(), 0);
	rig_stop(&rig);
}

static void append_chunks(GString *text, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		g_string_append_printf(text, "%zx\r\n", size);
		for (size_t j = 0; j < size; j++)
			g_string_append_c(text, 'c');
		g_string_append(text, "\r\n");
	}
}

static void chunked_bodies_are_counted(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(GString) exact = g_string_new("POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
	append_chunks(exact, 10, 10);
	g_string_append(exact, "0\r\n\r\n");
	g_autoptr(answer_t) answer = client_ask(client, exact->str);
	assert_int_equal(answer->status, 200);
	assert_int_equal(strlen(answer->body), 100);
	assert_true(client_is_closed(client));
	g_autoptr(GString) over = g_string_new("POST /small HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
	append_chunks(over, 101, 1);
	g_string_append(over, "0\r\n\r\n");
	assert_too_large(&rig, over);
	assert_int_equal(rig_handled(), 1);
	rig_stop(&rig);
}

/* One that never ends is cut, not read for ever. */
static void endless_chunks_are_cut(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	client_send(client, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
	g_autoptr(GString) chunk = g_string_new(NULL);
	append_chunks(chunk, 1, 4096);
	size_t sent = 0;
	while (sent < 64 * 1024 * 1024 && client_send_bytes(client, chunk->str, chunk->len))
		sent += chunk->len;
	assert_true(sent < 64 * 1024 * 1024);
	assert_true(client_drain(client));
	assert_int_equal(rig_handled(), 0);
	rig_stop(&rig);
}

static void forms_must_be_forms(void **state)
{
	(void)state;
	static const struct { const char *headers, *body; unsigned status; const char *answer; } rows[] = {
		{ FORM, "a=b", 200, "1 b" },
		{ "content-type: APPLICATION/x-www-form-urlencoded;charset=UTF-8\r\n", "a=b", 200, "1 b" },
		{ FORM, "", 200, "0 -" },
		{ "", "", 200, "0 -" },
		{ FORM, "a=b&wait=1", 200, "2 b" },
		{ FORM, "a=%zz", 400, "INVALID_REQUEST" },
		{ FORM, "a=%00", 400, "INVALID_REQUEST" },
		{ FORM, "a=%ff", 400, "INVALID_REQUEST" },
		{ "", "a=b", 415, "UNSUPPORTED_MEDIA_TYPE" },
		{ "Content-Type: application/json\r\n", "{}", 415, "UNSUPPORTED_MEDIA_TYPE" },
		{ "Content-Type: application/x-www-form-urlencodedx\r\n", "a=b", 415, "UNSUPPORTED_MEDIA_TYPE" },
		{ "Content-Type: multipart/form-data; boundary=x\r\n", "a=b", 415, "UNSUPPORTED_MEDIA_TYPE" },
		{ FORM "Content-Type: text/plain\r\n", "a=b", 415, "UNSUPPORTED_MEDIA_TYPE" },
		{ FORM "Content-Encoding: gzip\r\n", "a=b", 415, "UNSUPPORTED_MEDIA_TYPE" },
	};
	struct rig rig;
	rig_start_plain(&rig);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(client_t) client = client_open(&rig);
		g_autoptr(GString) text = post("/form", rows[i].headers, strlen(rows[i].body), 0);
		g_string_append(text, rows[i].body);
		g_autoptr(answer_t) answer = client_ask(client, text->str);
		if (answer->status != rows[i].status || !g_str_has_prefix(answer->body, rows[i].answer))
			fail_msg("row %zu: %u %s", i, answer->status, answer->body);
		if (answer->status == 415)
			assert_true(client_is_closed(client));
	}
	rig_stop(&rig);
}

/* Nothing of a body that nobody asked for is taken for the next request. */
static void refused_bodies_close_the_connection(void **state)
{
	(void)state;
	static const char *const heads[] = { "POST /nowhere", "PUT /hello", "DELETE /facts/x" };
	struct rig rig;
	rig_start_plain(&rig);
	for (size_t i = 0; i < G_N_ELEMENTS(heads); i++) {
		g_autoptr(client_t) client = client_open(&rig);
		g_autofree char *text = g_strdup_printf("%s HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n" GET("/hello"), heads[i], strlen(GET("/hello")));
		g_autoptr(answer_t) answer = client_ask(client, text);
		assert_true(answer->status == 404 || answer->status == 405);
		assert_true(client_is_closed(client));
	}
	assert_int_equal(rig_handled(), 0);
	rig_stop(&rig);
}

static void expect_continue_is_answered(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) go_on = client_ask(client, "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_int_equal(go_on->status, 100);
	g_autoptr(answer_t) answer = client_ask(client, "abc");
	assert_string_equal(answer->body, "abc");
	g_autoptr(answer_t) refused = client_ask(client, "POST /small HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 300\r\n\r\n");
	assert_int_equal(refused->status, 413);
	assert_true(client_is_closed(client));
	rig_stop(&rig);
}

const struct CMUnitTest body_tests[] = {
	cmocka_unit_test(bodies_up_to_the_limit),
	cmocka_unit_test(bodies_over_the_limit),
	cmocka_unit_test(chunked_bodies_are_counted),
	cmocka_unit_test(endless_chunks_are_cut),
	cmocka_unit_test(forms_must_be_forms),
	cmocka_unit_test(refused_bodies_close_the_connection),
	cmocka_unit_test(expect_continue_is_answered),
	TESTS_END
};
