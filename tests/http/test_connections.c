/* Many clients, slow clients, and clients that come in crowds from one place. */
#include "rig.h"
#include "subjects.h"
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static void send_all(struct client **clients, unsigned count, const char *text)
{
	for (unsigned i = 0; i < count; i++)
		client_send(clients[i], text);
}

static void all_are_answered(struct client **clients, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		g_autoptr(answer_t) answer = client_answer(clients[i]);
		assert_int_equal(answer->status, 200);
	}
}

/* libmicrohttpd's epoll loop freezes a thread that has exactly 128 connections ready. To have them ready at once, the connections' threads are
 * held by nothing but speed: all requests are sent before an answer is read, again and again. */
static void crowd_is_answered(unsigned count)
{
	struct http_options options = rig_options();
	options.connections = MAX(count, 120);
	struct rig rig;
	rig_start(&rig, &options);
	g_autofree struct client **clients = g_new0(struct client *, count);
	for (unsigned i = 0; i < count; i++)
		clients[i] = client_open(&rig);
	for (unsigned round = 0; round < 20; round++) {
		send_all(clients, count, GET("/hello"));
		all_are_answered(clients, count);
	}
	for (unsigned i = 0; i < count; i++)
		client_free(clients[i]);
	assert_int_equal(rig_handled(), 20 * count);
	rig_stop(&rig);
}

static void crowds_of_128_and_256_do_not_stall(void **state)
{
	(void)state;
	crowd_is_answered(127);
	crowd_is_answered(128);
	crowd_is_answered(129);
	crowd_is_answered(256);
}

/* The other deadlines of the rig are at PATIENCE_MS and beyond: whoever is cut before was cut by the one the test has set. Time is taken before the connection,
 * or the request, begins: the test itself may be held up. */
static void trickle_until_cut(struct client *client, int64_t since_ms)
{
	struct pollfd end = { .fd = client->fd, .events = POLLIN };
	while (poll(&end, 1, 20) == 0 && now_ms() - since_ms < PATIENCE_MS)
		client_send_bytes(client, "a", 1);
	assert_true(client_is_closed(client));
}

/* The reaper's deadlines are absolute: a byte now and then buys nothing. */
static void trickled_head_is_cut(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.head_ms = 300;
	struct rig rig;
	rig_start(&rig, &options);
	int64_t since_ms = now_ms();
	g_autoptr(client_t) silent = client_open(&rig);
	g_autoptr(client_t) trickle = client_open(&rig);
	client_send(trickle, "GET /hello HTTP/1.1\r\nX: ");
	trickle_until_cut(trickle, since_ms);
	assert_in_range(now_ms() - since_ms, 250, PATIENCE_MS);
	assert_true(client_is_closed(silent));
	assert_int_equal(rig_handled(), 0);
	RIG_AWAIT(&rig, timeouts, 2);
	rig_stop(&rig);
}

static void trickled_body_is_cut(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.body_ms = 300;
	struct rig rig;
	rig_start(&rig, &options);
	g_autoptr(client_t) client = client_open(&rig);
	int64_t since_ms = now_ms();
	client_send(client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
	trickle_until_cut(client, since_ms);
	assert_in_range(now_ms() - since_ms, 250, PATIENCE_MS);
	assert_int_equal(rig_handled(), 0);
	rig_stop(&rig);
}

static void idle_connections_are_cut(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.idle_ms = 200;
	struct rig rig;
	rig_start(&rig, &options);
	g_autoptr(client_t) client = client_open(&rig);
	int64_t since_ms = now_ms();
	g_autoptr(answer_t) answer = client_ask(client, GET("/hello"));
	assert_int_equal(answer->status, 200);
	assert_true(client_is_closed(client));
	assert_in_range(now_ms() - since_ms, 150, PATIENCE_MS);
	rig_stop(&rig);
}

/* A second request that trickles on a kept connection. */
static void second_head_is_cut_too(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.head_ms = 300;
	struct rig rig;
	rig_start(&rig, &options);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) answer = client_ask(client, GET("/hello"));
	assert_int_equal(answer->status, 200);
	int64_t since_ms = now_ms();
	client_send(client, "GET /hello HTTP/1.1\r\nHost:");
	assert_true(client_is_closed(client));
	assert_in_range(now_ms() - since_ms, 250, PATIENCE_MS);
	rig_stop(&rig);
}

/* A client that does not read its answers may not hold what they hold. */
static void unread_answers_are_cut(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.body_ms = 300;
	struct rig rig;
	rig_start(&rig, &options);
	g_autoptr(client_t) client = client_open(&rig);
	int small = 4096;
	setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	client_send(client, GET("/large"));
	RIG_AWAIT(&rig, timeouts, 1);
	assert_int_equal(rig_handled(), 1);
	rig_stop(&rig);
}

static void one_address_has_its_share(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.per_address = 3;
	struct rig rig;
	rig_start(&rig, &options);
	struct client *clients[3];
	for (unsigned i = 0; i < 3; i++) {
		clients[i] = client_open(&rig);
		g_autoptr(answer_t) answer = client_ask(clients[i], GET("/hello"));
		assert_int_equal(answer->status, 200);
	}
	g_autoptr(client_t) surplus = client_open(&rig);
	client_send_bytes(surplus, GET("/hello"), strlen(GET("/hello")));
	assert_true(client_is_closed(surplus));
	assert_int_equal(http_server_figures(rig.server).connections, 3);
	client_free(clients[0]);
	/* The place is free again once the server has seen the end. */
	int64_t until_ms = now_ms() + PATIENCE_MS;
	while (http_server_figures(rig.server).connections > 2 && now_ms() < until_ms)
		poll(NULL, 0, 1);
	g_autoptr(client_t) next = client_open(&rig);
	g_autoptr(answer_t) answer = client_ask(next, GET("/hello"));
	assert_int_equal(answer->status, 200);
	client_free(clients[1]);
	client_free(clients[2]);
	rig_stop(&rig);
}

/* More clients than connections: the surplus waits in the backlog and is served when a place is free. */
static void surplus_connections_wait(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.connections = 2;
	struct rig rig;
	rig_start(&rig, &options);
	g_autoptr(client_t) first = client_open(&rig);
	g_autoptr(client_t) second = client_open(&rig);
	g_autoptr(answer_t) one = client_ask(first, GET("/hello"));
	g_autoptr(answer_t) two = client_ask(second, GET("/hello"));
	assert_true(one->status == 200 && two->status == 200);
	g_autoptr(client_t) third = client_open(&rig);
	client_send(third, GET("/hello"));
	struct pollfd answered = { .fd = third->fd, .events = POLLIN };
	assert_int_equal(poll(&answered, 1, 50), 0);
	g_clear_pointer(&first, client_free);
	g_autoptr(answer_t) three = client_answer(third);
	assert_int_equal(three->status, 200);
	rig_stop(&rig);
}

static void clients_may_leave_at_any_time(void **state)
{
	(void)state;
	static const char text[] = "POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\nwait=1&a=b";
	struct http_options options = rig_options();
	/* An end that arrives together with the last bytes is not noticed by libmicrohttpd; the deadline then frees the place. */
	options.head_ms = options.body_ms = options.idle_ms = 300;
	struct rig rig;
	rig_start(&rig, &options);
	for (size_t length = 0; length < sizeof text; length++) {
		g_autoptr(client_t) client = client_open(&rig);
		assert_true(client_send_bytes(client, text, length));
		if (length % 2) {
			struct linger reset = { .l_onoff = 1 };
			setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		}
	}
	int64_t until_ms = now_ms() + PATIENCE_MS;
	while (http_server_figures(rig.server).connections && now_ms() < until_ms)
		poll(NULL, 0, 1);
	assert_int_equal(http_server_figures(rig.server).connections, 0);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) answer = client_ask(client, GET("/hello"));
	assert_int_equal(answer->status, 200);
	rig_stop(&rig);
}

const struct CMUnitTest connections_tests[] = {
	cmocka_unit_test(crowds_of_128_and_256_do_not_stall),
	cmocka_unit_test(trickled_head_is_cut),
	cmocka_unit_test(trickled_body_is_cut),
	cmocka_unit_test(idle_connections_are_cut),
	cmocka_unit_test(second_head_is_cut_too),
	cmocka_unit_test(unread_answers_are_cut),
	cmocka_unit_test(one_address_has_its_share),
	cmocka_unit_test(surplus_connections_wait),
	cmocka_unit_test(clients_may_leave_at_any_time),
	TESTS_END
};
