/* Where the server can listen, and what it says when it cannot. */
#include "rig.h"
#include "subjects.h"
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const struct http_endpoint *match(void *data, struct request *request, struct reply *refusal, void **ret_context)
{
	(void)data;
	(void)ret_context;
	reply_status(refusal, 404);
	reply_body(refusal, "text/plain", request_address(request), strlen(request_address(request)));
	return NULL;
}

static struct http_server *start(const char *const *listen, GError **error)
{
	struct http_options options = rig_options();
	options.listen = listen;
	return http_server_start(&options, &(struct http_app){ .match = match }, error);
}

static struct answer *ask_at(const struct sockaddr *address, socklen_t length)
{
	int fd = socket(address->sa_family, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, address, length), 0);
	struct client client = { .fd = fd, .received = g_string_new(NULL) };
	struct answer *answer = client_ask(&client, GET("/x"));
	g_string_free(client.received, TRUE);
	close(fd);
	return answer;
}

static void listens_on_several_addresses(void **state)
{
	(void)state;
	static const char *const listen[] = { "127.0.0.1:0", "127.0.0.2:0", NULL };
	struct http_server *server = start(listen, NULL);
	assert_non_null(server);
	assert_true(g_str_has_prefix(http_server_address(server, 0), "127.0.0.1:"));
	assert_true(g_str_has_prefix(http_server_address(server, 1), "127.0.0.2:"));
	assert_null(http_server_address(server, 2));
	for (size_t i = 0; i < 2; i++) {
		g_autoptr(client_t) client = client_try(http_server_address(server, i));
		assert_non_null(client);
		g_autoptr(answer_t) answer = client_ask(client, GET("/x"));
		assert_int_equal(answer->status, 404);
		assert_string_equal(answer->body, "127.0.0.1");
	}
	http_server_stop(server, PATIENCE_MS);
}

static void listens_on_ipv6(void **state)
{
	(void)state;
	int probe = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool there = probe >= 0 && bind(probe, (struct sockaddr *)&to, sizeof to) == 0;
	if (probe >= 0)
		close(probe);
	if (!there)
		skip();
	static const char *const listen[] = { "[::1]:0", NULL };
	struct http_server *server = start(listen, NULL);
	assert_non_null(server);
	const char *address = http_server_address(server, 0);
	assert_true(g_str_has_prefix(address, "[::1]:"));
	to.sin6_port = htons((uint16_t)g_ascii_strtoull(address + 6, NULL, 10));
	g_autoptr(answer_t) answer = ask_at((struct sockaddr *)&to, sizeof to);
	assert_string_equal(answer->body, "::1");
	http_server_stop(server, PATIENCE_MS);
}

/* Twice, the second time over a socket file that a crash left behind. */
static void listens_on_a_unix_socket(void **state)
{
	(void)state;
	char folder[] = "/tmp/passerelle-http-XXXXXX";
	assert_non_null(mkdtemp(folder));
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	g_snprintf(to.sun_path, sizeof to.sun_path, "%s/socket", folder);
	g_autofree char *where = g_strconcat("unix:", to.sun_path, NULL);
	const char *const listen[] = { where, NULL };
	int crashed = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(crashed, (struct sockaddr *)&to, sizeof to), 0);
	close(crashed);
	struct http_server *server = start(listen, NULL);
	assert_non_null(server);
	assert_string_equal(http_server_address(server, 0), where);
	g_autoptr(answer_t) answer = ask_at((struct sockaddr *)&to, sizeof to);
	assert_int_equal(answer->status, 404);
	assert_string_equal(answer->body, "");
	/* A living one is not pushed aside. */
	g_autoptr(GError) error = NULL;
	assert_null(start(listen, &error));
	assert_non_null(strstr(error->message, where));
	http_server_stop(server, PATIENCE_MS);
	assert_int_equal(access(to.sun_path, F_OK), -1);
	g_rmdir(folder);
}

static void listens_on_an_inherited_descriptor(void **state)
{
	(void)state;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof to;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &length), 0);
	g_autofree char *where = g_strdup_printf("fd:%d", fd);
	const char *const places[] = { where, NULL };
	struct http_server *server = start(places, NULL);
	assert_non_null(server);
	g_autoptr(answer_t) answer = ask_at((struct sockaddr *)&to, sizeof to);
	assert_int_equal(answer->status, 404);
	http_server_stop(server, PATIENCE_MS);
}

static void says_where_it_cannot_listen(void **state)
{
	(void)state;
	static const char *const wrong[] = { "8080", ":8080", "127.0.0.1:http", "127.0.0.1:99999", "::1:8080", "[::1:8080", "192.0.2.1:0", "unix:relative",
		"fd:1", "fd:900", "fd:x", "" };
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		const char *const listen[] = { "127.0.0.1:0", wrong[i], NULL };
		assert_null(start(listen, &error));
		assert_non_null(error);
		g_autofree char *named = g_strdup_printf("cannot listen on %s: ", wrong[i]);
		if (!g_str_has_prefix(error->message, named))
			fail_msg("%s", error->message);
	}
}

static void a_taken_port_is_an_error(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(GError) error = NULL;
	const char *const taken[] = { http_server_address(rig.server, 0), NULL };
	assert_null(start(taken, &error));
	assert_non_null(strstr(error->message, http_server_address(rig.server, 0)));
	rig_stop(&rig);
}

const struct CMUnitTest listen_tests[] = {
	cmocka_unit_test(listens_on_several_addresses),
	cmocka_unit_test(listens_on_ipv6),
	cmocka_unit_test(listens_on_a_unix_socket),
	cmocka_unit_test(listens_on_an_inherited_descriptor),
	cmocka_unit_test(says_where_it_cannot_listen),
	cmocka_unit_test(a_taken_port_is_an_error),
	TESTS_END
};
