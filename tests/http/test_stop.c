/* Stopping. libmicrohttpd aborts the whole process when it is stopped with a suspended connection: each of these would end the program. */
#include "rig.h"
#include "subjects.h"
#include <pthread.h>
#include <sched.h>
#include <string.h>

struct stopping {
	struct rig *rig;
	int64_t within_ms;
	pthread_t thread;
};

static void *stop_run(void *data)
{
	struct stopping *stopping = data;
	http_server_stop(stopping->rig->server, stopping->within_ms);
	return NULL;
}

static void stop_begin(struct stopping *stopping)
{
	assert_int_equal(pthread_create(&stopping->thread, NULL, stop_run, stopping), 0);
}

/* Until nobody listens any more. */
static void await_refusal(const char *address)
{
	int64_t until_ms = now_ms() + PATIENCE_MS;
	for (;;) {
		g_autoptr(client_t) client = client_try(address);
		if (!client)
			return;
		assert_true(now_ms() < until_ms);
		sched_yield();
	}
}

static void what_is_under_way_is_finished(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autofree char *address = g_strdup(http_server_address(rig.server, 0));
	g_autoptr(client_t) idle = client_open(&rig);
	g_autoptr(answer_t) before = client_ask(idle, GET("/hello"));
	assert_null(strstr(before->head, "close"));
	gate_close();
	g_autoptr(client_t) client = client_open(&rig);
	client_send(client, GET("/work?last"));
	gate_await(1);
	struct stopping stopping = { .rig = &rig, .within_ms = PATIENCE_MS };
	stop_begin(&stopping);
	await_refusal(address);
	/* A kept connection is still served, and told to go. */
	g_autoptr(answer_t) during = client_ask(idle, GET("/hello"));
	assert_int_equal(during->status, 200);
	assert_string_equal(answer_header(during, "Connection"), "close");
	gate_open();
	g_autoptr(answer_t) answer = client_answer(client);
	assert_int_equal(answer->status, 200);
	assert_string_equal(answer->body, "last");
	assert_string_equal(answer_header(answer, "Connection"), "close");
	pthread_join(stopping.thread, NULL);
	assert_int_equal(rig_released(), rig_handled());
}

/* A handler that does not end in time is awaited all the same; its client is not. */
static void a_late_handler_does_not_abort(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.worker_threads = 1;
	struct rig rig;
	rig_start(&rig, &options);
	gate_close();
	g_autoptr(client_t) client = client_open(&rig);
	client_send(client, GET("/work"));
	gate_await(1);
	g_autoptr(client_t) queued = client_open(&rig);
	client_send(queued, GET("/work"));
	RIG_AWAIT(&rig, suspended, 2);
	struct stopping stopping = { .rig = &rig, .within_ms = 50 };
	stop_begin(&stopping);
	assert_true(client_drain(client));
	assert_true(client_drain(queued));
	gate_open();
	pthread_join(stopping.thread, NULL);
	assert_int_equal(rig_handled(), 1);
	assert_int_equal(rig_released(), 2);
}

/* One that never ends is left behind, with all it may still use; the one that stops goes on. */
static void a_handler_without_end_does_not_hold_a_stop(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.handle_ms = 50;
	struct rig rig;
	rig_start(&rig, &options);
	gate_close();
	g_autoptr(client_t) client = client_open(&rig);
	client_send(client, GET("/work"));
	gate_await(1);
	int64_t since_ms = now_ms();
	assert_false(http_server_stop(rig.server, 0));
	assert_in_range(now_ms() - since_ms, 50, PATIENCE_MS);
	gate_open();
	assert_true(http_server_stop(rig.server, 0));
	assert_int_equal(rig_released(), 1);
}

static void half_sent_requests_do_not_hold_a_stop(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) silent = client_open(&rig);
	g_autoptr(client_t) head = client_open(&rig);
	client_send(head, "GET /hello HTTP/1.1\r\nHost:");
	g_autoptr(client_t) body = client_open(&rig);
	client_send(body, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
	RIG_AWAIT(&rig, requests, 1);
	RIG_AWAIT(&rig, connections, 3);
	int64_t since_ms = now_ms();
	http_server_stop(rig.server, 100);
	assert_in_range(now_ms() - since_ms, 90, PATIENCE_MS);
	assert_true(client_drain(silent) && client_drain(head) && client_drain(body));
}

static void an_idle_server_stops_at_once(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) answer = client_ask(client, GET("/work"));
	assert_int_equal(answer->status, 200);
	int64_t since_ms = now_ms();
	rig_stop(&rig);
	assert_true(now_ms() - since_ms < PATIENCE_MS); /* its drain: that it waited for */
	http_server_stop(NULL, 0);
}

/* Under fire: clients come, ask and leave while the server stops, again and again. */
static void stops_under_load(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct http_options options = rig_options();
		options.worker_threads = 2;
		options.queue_ms = 20;
		struct rig rig;
		rig_start(&rig, &options);
		struct client *clients[40];
		for (unsigned i = 0; i < G_N_ELEMENTS(clients); i++) {
			clients[i] = client_open(&rig);
			client_send(clients[i], i % 2 ? GET("/work") GET("/hello") : GET("/hello") GET("/work"));
		}
		http_server_stop(rig.server, round % 3 ? 1000 : 0);
		for (unsigned i = 0; i < G_N_ELEMENTS(clients); i++)
			client_free(clients[i]);
	}
}

const struct CMUnitTest stop_tests[] = {
	cmocka_unit_test(what_is_under_way_is_finished),
	cmocka_unit_test(a_late_handler_does_not_abort),
	cmocka_unit_test(a_handler_without_end_does_not_hold_a_stop),
	cmocka_unit_test(half_sent_requests_do_not_hold_a_stop),
	cmocka_unit_test(an_idle_server_stops_at_once),
	cmocka_unit_test(stops_under_load),
	TESTS_END
};
