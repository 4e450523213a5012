/* Requests that arrive, answers that are bounded in time and bytes, connections and breakers. */
#include "fetch_rig.h"

#include "base/clock.h"
#include "providers/fetch_internal.h"

#include <string.h>

static void a_request_arrives_as_it_was_made(void **state)
{
	static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", "Authorization: Basic eDp5", NULL};
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
	g_autofree char *url = fetch_rig_url("https", "127.0.0.1", "good", "/echo");
	struct fetch_request request = {.method = "POST", .url = url, .declared_host = "127.0.0.1", .headers = headers, .accept = "application/json", .body = "a=b\0c",
	                                .length = 5, .deadline_ms = soon()};
	g_auto(fetch_reply_t) reply = {0};

	(void)state;
	assert_int_equal(fetch(fetcher, &request, &reply), FETCH_OK);
	assert_true(g_str_has_prefix(reply.body, "POST /echo\n"));
	assert_non_null(strstr(reply.body, "\nAuthorization: Basic eDp5\n"));
	assert_non_null(strstr(reply.body, "\nAccept: application/json\n"));
	assert_non_null(strstr(reply.body, "\nAccept-Encoding: identity\n"));
	assert_non_null(strstr(reply.body, "\nContent-Length: 5\n"));
	assert_null(strstr(reply.body, "Expect"));
	assert_memory_equal(reply.body + reply.length - 6, "\na=b\0c", 6);
}

/* A handle is used again and again: nothing of one request may show in the next. */
static void a_request_leaves_nothing_for_the_next(void **state)
{
	static const char *const headers[] = {"Authorization: Basic eDp5", NULL};
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
	g_autofree char *url = fetch_rig_url("https", "127.0.0.1", "good", "/echo");
	struct fetch_request request = {.method = "POST", .url = url, .declared_host = "127.0.0.1", .headers = headers, .body = "secret", .length = 6, .deadline_ms = soon()};
	g_auto(fetch_reply_t) first = {0}, cookie = {0}, second = {0};

	(void)state;
	assert_int_equal(fetch(fetcher, &request, &first), FETCH_OK);
	assert_int_equal(fetch_rig_get(fetcher, "good", "/cookie", &cookie), FETCH_OK);
	assert_int_equal(fetch_rig_get(fetcher, "good", "/echo", &second), FETCH_OK);
	assert_true(g_str_has_prefix(second.body, "GET /echo\n"));
	assert_null(strstr(second.body, "Authorization"));
	assert_null(strstr(second.body, "Cookie"));
	assert_null(strstr(second.body, "secret"));
}

static void malformed_requests_go_nowhere(void **state)
{
	static const char *const split[] = {"X: y\r\nHost: evil", NULL}, *const nameless[] = {"no colon", NULL};
	const struct fetch_request rows[] = {
		{.method = "PUT"}, {.method = "get"}, {.method = "GET", .body = "x", .length = 1}, {.headers = split}, {.headers = nameless}, {.accept = "a\r\nb: c"},
	};
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
	g_autofree char *url = fetch_rig_url("https", "127.0.0.1", "good", "/malformed");

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct fetch_request request = rows[i];
		g_auto(fetch_reply_t) reply = {0};
		request.url = url;
		request.declared_host = "127.0.0.1";
		request.deadline_ms = soon();
		assert_int_equal(fetch(fetcher, &request, &reply), FETCH_FAILED);
	}
	assert_int_equal(fetch_rig_ask("requests /malformed"), 0);
}

static void answers_are_handed_over(void **state)
{
	static const struct {
		const char *path, *type, *body;
		int status;
		int64_t fresh_ms;
	} rows[] = {
		{"/ok", "application/json", "hello", 200, 600000}, {"/empty", NULL, "", 204, -1}, {"/missing", NULL, "no", 404, -1}, {"/broken", NULL, "oops", 500, -1},
		{"/html", "text/html", "<html></html>", 200, -1},
	};
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(fetch_reply_t) reply = {0};
		assert_int_equal(fetch_rig_get(fetcher, "good", rows[i].path, &reply), FETCH_OK);
		assert_int_equal(reply.status, rows[i].status);
		assert_string_equal(reply.body, rows[i].body);
		assert_int_equal(reply.length, strlen(rows[i].body));
		assert_true(reply.fresh_ms == rows[i].fresh_ms);
		if (g_strcmp0(reply.content_type, rows[i].type) != 0)
			fail_msg("%s: %s", rows[i].path, reply.content_type);
		assert_string_equal(reply.peer, "127.0.0.1");
	}
}

static void answers_are_bounded(void **state)
{
	static const struct {
		const char *path;
		size_t max;
		enum fetch_result result;
	} rows[] = {
		{"/ten", 10, FETCH_OK}, {"/eleven", 10, FETCH_TOO_BIG}, {"/megabyte", 0, FETCH_OK}, {"/more", 0, FETCH_TOO_BIG}, {"/more", SIZE_MAX, FETCH_TOO_BIG},
		{"/endless", 0, FETCH_TOO_BIG}, {"/until-close", 0, FETCH_TOO_BIG}, {"/headers", 0, FETCH_TOO_BIG}, {"/header-line", 0, FETCH_TOO_BIG},
		{"/interim", 0, FETCH_TOO_BIG}, {"/trailers", 0, FETCH_TOO_BIG}, {"/gzip", 0, FETCH_MALFORMED}, {"/nonsense", 0, FETCH_MALFORMED},
		{"/half", 0, FETCH_UNAVAILABLE}, {"/reset", 0, FETCH_UNAVAILABLE}, {"/close", 0, FETCH_UNAVAILABLE},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
		g_autofree char *url = fetch_rig_url("https", "127.0.0.1", "good", rows[i].path);
		const struct fetch_request request = {.url = url, .declared_host = "127.0.0.1", .max_bytes = rows[i].max, .deadline_ms = soon()};
		g_auto(fetch_reply_t) reply = {0};
		enum fetch_result result = fetch(fetcher, &request, &reply);
		if (result != rows[i].result)
			fail_msg("%s: %s, %zu bytes: %s", rows[i].path, fetch_result_name(result), reply.length, reply.trouble);
	}
}

static int64_t time_of(struct fetcher *fetcher, const char *url, const char *declared, int64_t deadline_ms, enum fetch_result expected)
{
	const struct fetch_request request = {.url = url, .declared_host = declared, .deadline_ms = deadline_ms};
	int64_t started_ms = clock_monotonic_ms();
	g_auto(fetch_reply_t) reply = {0};
	enum fetch_result result = fetch(fetcher, &request, &reply);

	if (result != expected)
		fail_msg("%s: %s %s", url, fetch_result_name(result), reply.trouble);
	return clock_monotonic_ms() - started_ms;
}

/* Each would otherwise be left after the 8 s that are the default, or never: the upper bounds tell those apart, on a busy machine too. */
static void slow_servers_are_left_in_time(void **state)
{
	static const char *const paths[] = {"/hang", "/drip", "/drip-head"};
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){.connect_timeout_ms = 300, .timeout_ms = 500});

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(paths); i++) {
		g_autoptr(fetcher_t) patient = fetch_rig_fetcher((struct fetch_options){0});
		g_autofree char *url = fetch_rig_url("https", "127.0.0.1", "good", paths[i]);
		int64_t took_ms = time_of(fetcher, url, "127.0.0.1", clock_monotonic_ms() + 60000, FETCH_UNAVAILABLE);
		assert_in_range(took_ms, 400, 5000);
		took_ms = time_of(patient, url, "127.0.0.1", clock_monotonic_ms() + 200, FETCH_UNAVAILABLE); /* the caller's deadline */
		assert_in_range(took_ms, 150, 5000);
		assert_in_range(time_of(patient, url, "127.0.0.1", clock_monotonic_ms() - 1, FETCH_UNAVAILABLE), 0, 5000);
	}
	g_autofree char *silent = fetch_rig_url("https", "127.0.0.1", "silent", "/ok");
	assert_in_range(time_of(fetcher, silent, "127.0.0.1", clock_monotonic_ms() + 60000, FETCH_UNAVAILABLE), 200, 5000);
}

static void a_silent_resolver_is_left_in_time(void **state)
{
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){.connect_timeout_ms = 300});
	int64_t took_ms;

	(void)state;
	rig_names_are("hang");
	took_ms = time_of(fetcher, "https://" RIG_NAME "/", RIG_NAME, clock_monotonic_ms() + 60000, FETCH_UNAVAILABLE);
	rig_resolver_release();
	assert_in_range(took_ms, 200, 2900); /* 3 s are the default */
}

static void connections_are_used_again(void **state)
{
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
	unsigned before = fetch_rig_ask("connections good");

	(void)state;
	for (int i = 0; i < 20; i++) {
		g_auto(fetch_reply_t) reply = {0};
		assert_int_equal(fetch_rig_get(fetcher, "good", i % 2 ? "/ok" : "/missing", &reply), FETCH_OK);
	}
	assert_int_equal(fetch_rig_ask("connections good"), before + 1);
}

/* A reload: what was allowed is judged anew, and no connection of before carries a request. */
static void other_options_hold_for_the_next_request(void **state)
{
	static const char *const allow[] = {"127.0.0.1/32", NULL};
	g_autofree char *url = fetch_rig_url("https", "127.0.0.1", "good", "/ok");
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){.allow = allow});
	unsigned before = fetch_rig_ask("connections good");
	g_autoptr(GError) error = NULL;

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct fetch_request request = {.url = url, .deadline_ms = soon()}; /* not declared */
		g_auto(fetch_reply_t) reply = {0};
		const struct fetch_options options = {.allow = i == 2 ? allow : NULL, .ca_file = fetch_rig_ca()};
		assert_true(i == 0 || fetcher_adjust(fetcher, &options, NULL));
		assert_int_equal(fetch(fetcher, &request, &reply), i == 1 ? FETCH_REFUSED : FETCH_OK);
	}
	assert_int_equal(fetch_rig_ask("connections good"), before + 2);
	assert_false(fetcher_adjust(fetcher, &(struct fetch_options){.ca_file = "/nowhere.pem"}, &error));
	assert_non_null(strstr(error->message, "/nowhere.pem"));
	g_auto(fetch_reply_t) reply = {0};
	assert_int_equal(fetch_rig_get(fetcher, "good", "/ok", &reply), FETCH_OK);
}

static void *many_gets(void *data)
{
	static char wrong[] = "wrong";

	for (int i = 0; i < 20; i++) {
		g_auto(fetch_reply_t) reply = {0};
		if (fetch_rig_get(data, "good", "/ok", &reply) != FETCH_OK || strcmp(reply.body, "hello") != 0)
			return wrong;
	}
	return NULL;
}

static void threads_share_a_fetcher(void **state)
{
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
	unsigned before = fetch_rig_ask("connections good");
	pthread_t threads[8];

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, many_gets, fetcher), 0);
	for (size_t i = 0; i < TEST_COUNT(threads); i++) {
		void *wrong;
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	assert_in_range(fetch_rig_ask("connections good") - before, 1, TEST_COUNT(threads));
}

/* Many servers: the table of them is bounded. */
static void servers_nobody_asks_any_more_are_forgotten(void **state)
{
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});

	(void)state;
	rig_names_are("");
	for (int i = 0; i < 300; i++) {
		g_autofree char *url = g_strdup_printf("https://host%d.test/", i);
		time_of(fetcher, url, NULL, soon(), FETCH_UNAVAILABLE);
	}
	assert_in_range(g_hash_table_size(fetcher->servers), 1, 256);
}

static void a_breaker_opens_and_closes(void **state)
{
	static const struct fetch_options options = {.retry_after_ms = 300};
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher(options);
	unsigned before = fetch_rig_ask("requests /reset");
	g_auto(fetch_reply_t) shut = {0}, other = {0}, trial = {0}, after = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		g_auto(fetch_reply_t) reply = {0};
		assert_int_equal(fetch_rig_get(fetcher, "good", "/reset", &reply), FETCH_UNAVAILABLE);
	}
	assert_int_equal(fetch_rig_ask("requests /reset"), before + 3);
	int64_t opened_ms = clock_monotonic_ms();
	assert_int_equal(fetch_rig_get(fetcher, "good", "/ok", &shut), FETCH_UNAVAILABLE);
	assert_non_null(strstr(shut.trouble, "failed lately"));
	assert_int_equal(fetch_rig_get(fetcher, "tls-1.2", "/ok", &other), FETCH_OK); /* other servers are not its business */
	while (clock_monotonic_ms() < opened_ms + 300)
		g_usleep(5000);
	assert_int_equal(fetch_rig_get(fetcher, "good", "/ok", &trial), FETCH_OK);
	assert_int_equal(fetch_rig_get(fetcher, "good", "/ok", &after), FETCH_OK);
}

static const json_t *row_named(const json_t *rows, const char *name)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (strcmp(json_string_at(json_array_get(rows, i), "check"), name) == 0)
			return json_array_get(rows, i);
	return NULL;
}

/* The step at which each one fails, and what its row says. */
static void the_steps_are_told(void **state)
{
	static const struct {
		const char *listener, *path, *failed, *seen, *advice;
	} rows[] = {
		{"good", "/ok", NULL, NULL, NULL},
		{"good", "/missing", NULL, NULL, NULL},
		{"wrong-name", "/ok", "certificate", "other.example", "one of these names"},
		{"expired", "/ok", "certificate", "127.0.0.1", "renew"},
		{"self-signed", "/ok", "certificate", "127.0.0.1", "this very certificate"},
		{"tls-1.1", "/ok", "TLS", "", "offer TLS 1.2"},
		{"plain", "/ok", "TLS", "", "check host and port"},
		{NULL, "https://127.0.0.1:1/", "connect", "Failed to connect", "start the server"},
		{NULL, "https://nowhere.test/", "resolve", "resolve", "in DNS"},
		{"silent", "/ok", "TLS", "", ""},
		{"good", "/hang", "answer", "", ""},
		{"good", "/endless", "answer", "too large", ""},
	};

	(void)state;
	rig_names_are("");
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){.timeout_ms = 700});
		g_autofree char *url = rows[i].listener ? fetch_rig_url("https", "127.0.0.1", rows[i].listener, rows[i].path) : g_strdup(rows[i].path);
		struct checks *checks = checks_new();
		const struct fetch_request request = {.url = url, .declared_host = "127.0.0.1", .deadline_ms = soon(), .checks = checks};
		g_auto(fetch_reply_t) reply = {0};
		fetch(fetcher, &request, &reply);
		g_autoptr(json_t) told = checks_json(checks);
		checks_free(checks);
		for (size_t j = 0; j < json_array_size(told); j++)
			if (!rows[i].failed && !json_is_true(json_object_get(json_array_get(told, j), "passed")))
				fail_msg("%s%s: %s", rows[i].listener, rows[i].path, json_string_at(json_array_get(told, j), "check"));
		assert_non_null(row_named(told, "resolve"));
		if (!rows[i].failed) {
			assert_non_null(strstr(reply.certificate_names, RIG_NAME));
			assert_true(reply.certificate_to_ms > clock_now_ms());
			continue;
		}
		const json_t *row = row_named(told, rows[i].failed);
		if (!row || json_is_true(json_object_get(row, "passed")) || !strstr(json_string_at(row, "seen"), rows[i].seen) ||
		    !strstr(json_string_at(row, "advice"), rows[i].advice)) {
			g_autofree char *text = json_text(told);
			fail_msg("%s%s: %s", rows[i].listener ? rows[i].listener : "", rows[i].path, text);
		}
	}
}

static void a_refusal_is_told_too(void **state)
{
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
	static const char *const urls[] = {"https://10.0.0.1/", "https://" RIG_NAME "/"};

	(void)state;
	rig_names_are("10.0.0.1");
	for (size_t i = 0; i < TEST_COUNT(urls); i++) {
		struct checks *checks = checks_new();
		const struct fetch_request request = {.url = urls[i], .deadline_ms = soon(), .checks = checks};
		g_auto(fetch_reply_t) reply = {0};
		assert_int_equal(fetch(fetcher, &request, &reply), FETCH_REFUSED);
		g_autoptr(json_t) told = checks_json(checks);
		checks_free(checks);
		const json_t *row = row_named(told, "address guard");
		assert_non_null(row);
		assert_false(json_is_true(json_object_get(row, "passed")));
		assert_non_null(strstr(json_string_at(row, "advice"), "outbound.allow"));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_request_arrives_as_it_was_made),
	cmocka_unit_test(a_request_leaves_nothing_for_the_next),
	cmocka_unit_test(malformed_requests_go_nowhere),
	cmocka_unit_test(answers_are_handed_over),
	cmocka_unit_test(answers_are_bounded),
	cmocka_unit_test(slow_servers_are_left_in_time),
	cmocka_unit_test(a_silent_resolver_is_left_in_time),
	cmocka_unit_test(connections_are_used_again),
	cmocka_unit_test(other_options_hold_for_the_next_request),
	cmocka_unit_test(threads_share_a_fetcher),
	cmocka_unit_test(servers_nobody_asks_any_more_are_forgotten),
	cmocka_unit_test(a_breaker_opens_and_closes),
	cmocka_unit_test(the_steps_are_told),
	cmocka_unit_test(a_refusal_is_told_too),
};
const struct test_list fetch_transfers_list = {tests, TEST_COUNT(tests)};
