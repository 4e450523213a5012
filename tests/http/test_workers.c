/* The workers: what they do, and what is shed when they are all taken. */
#include "rig.h"
#include "subjects.h"
#include <sched.h>
#include <string.h>

#define CLIENTS 10
#define ROUNDS 100

static void a_thousand_requests_on_workers(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	struct client *clients[CLIENTS];
	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i] = client_open(&rig);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < CLIENTS; i++) {
			g_autofree char *text = g_strdup_printf("GET /work?%u-%u HTTP/1.1\r\nHost: a\r\n\r\n", round, i);
			client_send(clients[i], text);
		}
		for (unsigned i = 0; i < CLIENTS; i++) {
			g_autofree char *expected = g_strdup_printf("%u-%u", round, i);
			g_autoptr(answer_t) answer = client_answer(clients[i]);
			assert_int_equal(answer->status, 200);
			assert_string_equal(answer->body, expected);
		}
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		client_free(clients[i]);
	struct http_figures figures = http_server_figures(rig.server);
	assert_int_equal(figures.suspended, CLIENTS * ROUNDS);
	assert_int_equal(figures.shed, 0);
	rig_stop(&rig);
	assert_int_equal(rig_released(), CLIENTS * ROUNDS);
}

static void assert_shed(const struct answer *answer)
{
	assert_int_equal(answer->status, 503);
	assert_string_equal(answer_header(answer, "Retry-After"), "1");
	assert_true(g_str_has_prefix(answer->body, "UNAVAILABLE "));
}

/* One worker at the gate, four in the queue; the next is refused at once, by the front itself. */
static void a_full_queue_sheds_at_once(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.worker_threads = 1;
	struct rig rig;
	rig_start(&rig, &options);
	gate_close();
	struct client *waiting[5];
	waiting[0] = client_open(&rig);
	client_send(waiting[0], GET("/work?0"));
	gate_await(1);
	for (unsigned i = 1; i < 5; i++) {
		waiting[i] = client_open(&rig);
		client_send(waiting[i], GET("/work?0"));
		RIG_AWAIT(&rig, suspended, i + 1);
	}
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) shed = client_ask(client, GET("/work"));
	assert_shed(shed);
	assert_int_equal(http_server_figures(rig.server).suspended, 5);
	/* The connection stays, and what needs no worker is served. */
	g_autoptr(answer_t) hello = client_ask(client, GET("/hello"));
	assert_int_equal(hello->status, 200);
	assert_int_equal(http_server_figures(rig.server).shed, 1);
	gate_open();
	for (unsigned i = 0; i < 5; i++) {
		g_autoptr(answer_t) answer = client_answer(waiting[i]);
		assert_int_equal(answer->status, 200);
		client_free(waiting[i]);
	}
	rig_stop(&rig);
}

/* Every worker is stuck, and still nobody waits longer than queue_ms for a no. */
static void a_long_wait_is_shed(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.worker_threads = 1;
	options.queue_ms = 100;
	struct rig rig;
	rig_start(&rig, &options);
	gate_close();
	g_autoptr(client_t) first = client_open(&rig);
	client_send(first, GET("/work?first"));
	gate_await(1);
	g_autoptr(client_t) second = client_open(&rig);
	g_autoptr(client_t) third = client_open(&rig);
	int64_t since_ms = now_ms();
	client_send(second, GET("/work?second"));
	client_send(third, GET("/work?third"));
	g_autoptr(client_t) other = client_open(&rig);
	g_autoptr(answer_t) hello = client_ask(other, GET("/hello"));
	assert_int_equal(hello->status, 200);
	g_autoptr(answer_t) shed = client_answer(second);
	assert_shed(shed);
	assert_in_range(now_ms() - since_ms, 90, PATIENCE_MS); /* the gate is closed, so that nothing else would have ended its waiting */
	g_autoptr(answer_t) shed_too = client_answer(third);
	assert_shed(shed_too);
	gate_open();
	g_autoptr(answer_t) answer = client_answer(first);
	assert_string_equal(answer->body, "first");
	/* The pool is whole again. */
	g_autoptr(answer_t) again = client_ask(second, GET("/work?again"));
	assert_string_equal(again->body, "again");
	assert_int_equal(http_server_figures(rig.server).shed, 2);
	rig_stop(&rig);
}

/* libmicrohttpd does not notice; the worker must find everything it holds still there. */
static void a_client_may_leave_while_it_waits(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.worker_threads = 2;
	struct rig rig;
	rig_start(&rig, &options);
	gate_close();
	for (unsigned i = 0; i < 6; i++) {
		g_autoptr(client_t) client = client_open(&rig);
		client_send(client, GET("/work"));
		RIG_AWAIT(&rig, suspended, i + 1);
	}
	gate_await(2);
	gate_open();
	int64_t until_ms = now_ms() + PATIENCE_MS;
	while (http_server_figures(rig.server).connections && now_ms() < until_ms)
		sched_yield();
	assert_int_equal(http_server_figures(rig.server).connections, 0);
	assert_int_equal(rig_handled(), 6);
	assert_int_equal(rig_released(), 6);
	rig_stop(&rig);
}

/* No deadline of the connection runs while a worker has it. */
static void a_handler_has_its_own_time(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.head_ms = options.body_ms = options.idle_ms = 50;
	struct rig rig;
	rig_start(&rig, &options);
	gate_close();
	g_autoptr(client_t) client = client_open(&rig);
	client_send(client, GET("/work?late"));
	gate_await(1);
	/* A second connection is cut by the same reaper meanwhile, twice over: then the first one's time would have come, too. */
	for (unsigned i = 0; i < 2; i++) {
		g_autoptr(client_t) other = client_open(&rig);
		assert_true(client_is_closed(other));
	}
	gate_open();
	g_autoptr(answer_t) answer = client_answer(client);
	assert_string_equal(answer->body, "late");
	rig_stop(&rig);
}

const struct CMUnitTest workers_tests[] = {
	cmocka_unit_test(a_thousand_requests_on_workers),
	cmocka_unit_test(a_full_queue_sheds_at_once),
	cmocka_unit_test(a_long_wait_is_shed),
	cmocka_unit_test(a_client_may_leave_while_it_waits),
	cmocka_unit_test(a_handler_has_its_own_time),
	TESTS_END
};
