/* What a handler sees of its request. */
#include "rig.h"
#include "base/json.h"
#include "subjects.h"
#include <string.h>

#define H "Host: Gateway.Example:8080\r\n"

static json_t *facts(const struct rig *rig, const char *text)
{
	g_autoptr(client_t) client = client_open(rig);
	g_autoptr(answer_t) answer = client_ask(client, text);
	assert_int_equal(answer->status, 200);
	json_t *value = json_parse(answer->body, strlen(answer->body), 65536, NULL);
	assert_non_null(value);
	return value;
}

static void shows_the_plain_facts(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(json_t) seen = facts(&rig, "GET /facts?a=1&b=%2F HTTP/1.1\r\n" H "User-Agent: agent/1\r\nX-One: 1\r\nCookie: a=b; c=d\r\n\r\n");
	assert_string_equal(json_string_at(seen, "path"), "/facts");
	assert_string_equal(json_string_at(seen, "host"), "gateway.example:8080");
	assert_string_equal(json_string_at(seen, "query"), "a=1&b=%2F");
	assert_string_equal(json_string_at(seen, "address"), "127.0.0.1");
	assert_string_equal(json_string_at(seen, "agent"), "agent/1");
	assert_string_equal(json_string_at(seen, "one"), "1");
	assert_string_equal(json_string_at(seen, "cookie"), "d");
	assert_true(json_is_false(json_object_get(seen, "repeated")));
	static const char *const all_true[] = { "query_ok", "reference_same", "time_ok", "deadline_ok" };
	for (size_t i = 0; i < G_N_ELEMENTS(all_true); i++)
		assert_true(json_is_true(json_object_get(seen, all_true[i])));
	rig_stop(&rig);
}

static void absent_things_are_absent(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(json_t) seen = facts(&rig, "GET /facts HTTP/1.1\r\n" H "\r\n");
	assert_string_equal(json_string_at(seen, "query"), "");
	assert_string_equal(json_string_at(seen, "agent"), "");
	assert_true(json_is_null(json_object_get(seen, "one")));
	assert_true(json_is_null(json_object_get(seen, "cookie")));
	assert_true(json_is_true(json_object_get(seen, "query_ok")));
	g_autoptr(json_t) bare = facts(&rig, "GET /facts? HTTP/1.1\r\n" H "\r\n");
	assert_string_equal(json_string_at(bare, "query"), "");
	rig_stop(&rig);
}

static void repeats_and_trims(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(json_t) seen = facts(&rig, "GET /facts?a=%zz HTTP/1.1\r\n" H "X-ONE: first \t\r\nx-one: second\r\nUser-Agent:\ta\tb\r\n\r\n");
	assert_string_equal(json_string_at(seen, "one"), "first");
	assert_true(json_is_true(json_object_get(seen, "repeated")));
	assert_true(json_is_false(json_object_get(seen, "query_ok")));
	assert_string_equal(json_string_at(seen, "agent"), "a?b");
	rig_stop(&rig);
}

static void long_user_agents_are_cut(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(GString) text = g_string_new("GET /facts HTTP/1.1\r\n" H "User-Agent: a");
	for (unsigned i = 0; i < 600; i++)
		g_string_append(text, "\xc3\xa9");
	g_string_append(text, "\r\n\r\n");
	g_autoptr(json_t) seen = facts(&rig, text->str);
	assert_int_equal(strlen(json_string_at(seen, "agent")), 511);
	rig_stop(&rig);
}

/* A sibling host can set a cookie of the same name for us: then neither counts. */
static void cookies_are_read_strictly(void **state)
{
	(void)state;
	static const struct { const char *header, *value; } rows[] = {
		{ "Cookie: c=1", "1" },
		{ "Cookie:  c=1 ;d=2", "1" },
		{ "Cookie: d=2;c=a=b=", "a=b=" },
		{ "Cookie: c=", "" },
		{ "Cookie: c=\"q\"", "q" },
		{ "cookie: xc=1; cx=2; c=3", "3" },
		{ "Cookie: c=1; c=2", NULL },
		{ "Cookie: c=1; c=1", NULL },
		{ "Cookie: c=1\r\nCookie: c=2", NULL },
		{ "Cookie: d=1\r\nCookie: c=2", "2" },
		{ "Cookie: C=1", NULL },
		{ "Cookie: c", NULL },
		{ "Cookie: d=c=1", NULL },
		{ "Cookie: ;;; =; =c", NULL },
		{ "X-Cookie: c=1", NULL },
	};
	struct rig rig;
	rig_start_plain(&rig);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = g_strconcat("GET /facts HTTP/1.1\r\n" H, rows[i].header, "\r\n\r\n", NULL);
		g_autoptr(json_t) seen = facts(&rig, text);
		const char *value = json_string_at(seen, "cookie");
		if (g_strcmp0(value, rows[i].value))
			fail_msg("%s: %s", rows[i].header, value ? value : "none");
	}
	rig_stop(&rig);
}

static void one_request_sees_nothing_of_the_one_before(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) form = client_ask(client, "POST /form HTTP/1.1\r\n" H "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\na=password");
	assert_string_equal(form->body, "1 password");
	g_autoptr(answer_t) first = client_ask(client, "GET /facts?q HTTP/1.1\r\n" H "Cookie: c=secret\r\nX-One: 1\r\nX-One: 2\r\nUser-Agent: u\r\n\r\n");
	g_autoptr(answer_t) second = client_ask(client, "DELETE /facts HTTP/1.1\r\nHost: other\r\n\r\n");
	g_autoptr(json_t) seen = json_parse(second->body, strlen(second->body), 65536, NULL);
	assert_non_null(strstr(first->body, "secret"));
	assert_string_equal(json_string_at(seen, "host"), "other");
	assert_string_equal(json_string_at(seen, "query"), "");
	assert_string_equal(json_string_at(seen, "agent"), "");
	assert_true(json_is_null(json_object_get(seen, "cookie")));
	assert_true(json_is_null(json_object_get(seen, "one")));
	assert_true(json_is_false(json_object_get(seen, "repeated")));
	g_autoptr(answer_t) empty = client_ask(client, "POST /form HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n");
	assert_string_equal(empty->body, "0 -");
	RIG_AWAIT(&rig, requests, 4);
	rig_stop(&rig);
	assert_int_equal(rig_released(), 4);
}

const struct CMUnitTest request_tests[] = {
	cmocka_unit_test(shows_the_plain_facts),
	cmocka_unit_test(absent_things_are_absent),
	cmocka_unit_test(repeats_and_trims),
	cmocka_unit_test(long_user_agents_are_cut),
	cmocka_unit_test(cookies_are_read_strictly),
	cmocka_unit_test(one_request_sees_nothing_of_the_one_before),
	TESTS_END
};
