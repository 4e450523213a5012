/* Whose address a request has behind proxies: 127.0.0.1, from where the tests call, 10.0.0.0/8 and 2001:db8:1::/48 are trusted unless a test says otherwise. */
#include "rig.h"
#include "base/json.h"
#include "base/network.h"
#include "subjects.h"
#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define H "Host: gateway.example\r\n"
#define PEER "127.0.0.1"
#define TEN(x) x x x x x x x x x x

static const char *const TRUSTED[] = { "127.0.0.1/32", "10.0.0.0/8", "2001:db8:1::/48", NULL };

static void start(struct rig *rig, const char *const *trusted)
{
	struct http_options options = rig_options();
	options.trusted_proxies = trusted;
	rig_start(rig, &options);
}

static char *address_for(struct client *client, const char *headers)
{
	g_autofree char *text = g_strconcat("GET /facts HTTP/1.1\r\n" H, headers, *headers ? "\r\n\r\n" : "\r\n", NULL);
	g_autoptr(answer_t) answer = client_ask(client, text);
	assert_int_equal(answer->status, 200);
	g_autoptr(json_t) seen = json_parse(answer->body, strlen(answer->body), 65536, NULL);
	assert_string_equal(json_string_at(seen, "host"), "gateway.example");
	return g_strdup(json_string_at(seen, "address"));
}

struct row {
	const char *headers, *address;
};

/* All on one connection: nothing of a request may be left for the next. */
static void check_rows(const struct rig *rig, const struct row *rows, size_t count)
{
	g_autoptr(client_t) client = client_open(rig);
	for (size_t i = 0; i < count; i++) {
		g_autofree char *address = address_for(client, rows[i].headers);
		if (strcmp(address, rows[i].address))
			fail_msg("%s: %s, not %s", rows[i].headers, address, rows[i].address);
	}
}

#define X "X-Forwarded-For: "
#define F "Forwarded: "

static const struct row LISTS[] = {
	{ "", PEER },
	{ X "203.0.113.9", "203.0.113.9" },
	{ "x-forwarded-for:203.0.113.9 \t", "203.0.113.9" },
	{ X "203.0.113.9:4711", "203.0.113.9" },
	{ X "2001:db8::7", "2001:db8::7" },
	{ X "2001:DB8:0::7", "2001:db8::7" },
	{ X "[2001:db8::7]", "2001:db8::7" },
	{ X "[2001:db8::7]:65535", "2001:db8::7" },
	{ X "::ffff:203.0.113.9", "203.0.113.9" },
	/* The nearest that is not a proxy, whatever the client sent before. */
	{ X "6.6.6.6, 203.0.113.9", "203.0.113.9" },
	{ X "6.6.6.6,203.0.113.9,10.1.2.3 , 10.4.5.6", "203.0.113.9" },
	{ X "6.6.6.6, 203.0.113.9, 2001:db8:1::5", "203.0.113.9" },
	{ X "203.0.113.9, ::ffff:10.0.0.1", "203.0.113.9" },
	{ X "203.0.113.9, 11.0.0.1", "11.0.0.1" },
	{ X "203.0.113.9, 2001:db8:2::5", "2001:db8:2::5" },
	/* Nor may a client hide behind the proxy's address by sending rubbish or crowds: what stands left of its own address is its own. */
	{ X "a, 203.0.113.9", "203.0.113.9" },
	{ X ", 203.0.113.9", "203.0.113.9" },
	{ X "fe80::1%eth0, 203.0.113.9", "203.0.113.9" },
	{ X TEN("6.6.6.6, ") TEN("10.0.0.1, ") "203.0.113.9", "203.0.113.9" },
	/* Several lines are one list. */
	{ X "6.6.6.6\r\n" X "203.0.113.9", "203.0.113.9" },
	{ X "203.0.113.9\r\n" X "10.0.0.1", "203.0.113.9" },
	{ X "203.0.113.9\r\n" X "a", PEER },
	/* A doubt where a proxy should have spoken. */
	{ X "a", PEER },
	{ "X-Forwarded-For:", PEER },
	{ X "203.0.113.9,", PEER },
	{ X "203.0.113.9, ,10.0.0.1", PEER },
	{ X "203.0.113.9, unknown", PEER },
	{ X "203.0.113.9, _hidden", PEER },
	{ X "203.0.113.9; 10.0.0.1", PEER },
	{ X "203.0.113.9 203.0.113.8", PEER },
	{ X "203.0.113.9:", PEER },
	{ X "203.0.113.9:65536", PEER },
	{ X "203.0.113.9:-1", PEER },
	{ X "203.0.113.9:0000080", PEER },
	{ X "203.0.113.9:_port", PEER },
	{ X "203.0.113.09", PEER },
	{ X "0xcb.0.113.9", PEER },
	{ X "203.0.113", PEER },
	{ X "3405803785", PEER },
	{ X "203.0.113.9/32", PEER },
	{ X "\"203.0.113.9\"", PEER },
	{ X "[203.0.113.9]:80", PEER },
	{ X "[2001:db8::7", PEER },
	{ X "2001:db8::7]", PEER },
	{ X "[2001:db8::7]80", PEER },
	{ X "[2001:db8::7]:", PEER },
	{ X "[]", PEER },
	{ X "fe80::1%eth0", PEER },
	{ X "[fe80::1%25eth0]:80", PEER },
	{ X "localhost", PEER },
	{ X "0.0.0.0", PEER },
	{ X "::", PEER },
	{ X "::ffff:0.0.0.0", PEER },
	{ X "224.0.0.1", PEER },
	{ X "255.255.255.255", PEER },
	{ X "ff02::1", PEER },
	{ X "for=203.0.113.9", PEER },
	/* Proxies and nobody else. */
	{ X "10.0.0.1", PEER },
	{ X "10.0.0.1, 10.0.0.2", PEER },
	{ X "203.0.113.9, " TEN("10.0.0.1, ") "10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6", "203.0.113.9" },
	{ X "203.0.113.9, " TEN("10.0.0.1, ") "10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7", PEER },
	/* Two voices. */
	{ X "203.0.113.9\r\n" F "for=203.0.113.9", PEER },
	{ X "203.0.113.9\r\n" F "for=6.6.6.6", PEER },
	{ F "\r\n" X "203.0.113.9", PEER },
	/* What looks alike is not listened to. */
	{ "X_Forwarded_For: 203.0.113.9", PEER },
	{ "X-Real-IP: 203.0.113.9", PEER },
	{ "X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https", PEER },
};

static const struct row FORWARDED[] = {
	{ F "for=203.0.113.9", "203.0.113.9" },
	{ F "For=\"203.0.113.9:4711\"", "203.0.113.9" },
	{ F "for=\"203.0.113.9:_secret.port\"", "203.0.113.9" },
	{ F "for=\"[2001:db8::7]\"", "2001:db8::7" },
	{ F "proto=https;for=\"[2001:db8::7]:80\";by=10.0.0.1", "2001:db8::7" },
	{ F "for=203.0.113.9; proto=https ; host=evil.example", "203.0.113.9" },
	{ F "for=203.0.113.9;", "203.0.113.9" },
	{ F "for=6.6.6.6, for=203.0.113.9,for=10.0.0.1", "203.0.113.9" },
	{ F "for=6.6.6.6\r\n" F "for=203.0.113.9;by=_x, for=10.0.0.1", "203.0.113.9" },
	{ F "for=unknown, for=203.0.113.9", "203.0.113.9" },
	{ F "for=203.0.113.9;host=\"a, for=6.6.6.6\"", "203.0.113.9" },
	{ F "for=203.0.113.9;host=\"a\\\", for=6.6.6.6;b=\\\"c\"", "203.0.113.9" },
	{ F "for=6.6.6.6;by=\"open, for=203.0.113.9", PEER },
	{ F "for=6.6.6.6;by=\"\\", PEER },
	{ F "for=203.0.113.9;for=6.6.6.6", PEER },
	{ F "for=203.0.113.9;FOR=203.0.113.9", PEER },
	{ F "for=\"\"", PEER },
	{ F "for=", PEER },
	{ F "for", PEER },
	{ F "=203.0.113.9", PEER },
	{ F "for =203.0.113.9", PEER },
	{ F "for= 203.0.113.9", PEER },
	{ F "203.0.113.9", PEER },
	{ F "for=203.0.113.9:80", PEER },
	{ F "for=[2001:db8::7]", PEER },
	{ F "for=\"2001:db8::7\"", PEER },
	{ F "for=\"[fe80::1%eth0]\"", PEER },
	{ F "for=\"203.0.113.\\9\"", PEER },
	{ F "for=\"203.0.113.9:_\"", PEER },
	{ F "for=\"203.0.113.9:_a b\"", PEER },
	{ F "for=\"203.0.113.9\"x", PEER },
	{ F "for=unknown", PEER },
	{ F "for=_hidden", PEER },
	{ F "proto=https", PEER },
	{ F "for=203.0.113.9, proto=https", PEER },
	{ F "for=203.0.113.9,", PEER },
	{ "Forwarded:", PEER },
	{ F "for=10.0.0.1", PEER },
};

static void lists_are_walked_from_the_right(void **state)
{
	(void)state;
	struct rig rig;
	start(&rig, TRUSTED);
	check_rows(&rig, LISTS, G_N_ELEMENTS(LISTS));
	rig_stop(&rig);
}

static void forwarded_is_read_strictly(void **state)
{
	(void)state;
	struct rig rig;
	start(&rig, TRUSTED);
	check_rows(&rig, FORWARDED, G_N_ELEMENTS(FORWARDED));
	rig_stop(&rig);
}

static void nobody_else_is_believed(void **state)
{
	(void)state;
	static const char *const others[] = { "127.0.0.2/32", "128.0.0.0/1", "::1/128", "unix", NULL }, *const none[] = { NULL };
	static const char *const *const lists[] = { others, none, NULL };
	static const struct row rows[] = { { X "203.0.113.9", PEER }, { F "for=203.0.113.9", PEER }, { X "127.0.0.2", PEER } };
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
		struct rig rig;
		start(&rig, lists[i]);
		check_rows(&rig, rows, G_N_ELEMENTS(rows));
		rig_stop(&rig);
	}
}

static struct client *client_at_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	g_strlcpy(to.sun_path, path, sizeof to.sun_path);
	struct client *client = g_new0(struct client, 1);
	client->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	client->received = g_string_new(NULL);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&to, sizeof to), 0);
	return client;
}

/* "" would be no address at all, and nothing is throttled by that: a client must not be able to bring it about. */
static void a_unix_socket_has_no_address_to_fall_back_to(void **state)
{
	(void)state;
	static const char *const by_unix[] = { "unix", "10.0.0.0/8", NULL };
	static const struct row rows[] = {
		{ X "6.6.6.6, 203.0.113.9, 10.0.0.1", "203.0.113.9" }, { F "for=203.0.113.9", "203.0.113.9" },
		{ X "a", "::" }, { X "10.0.0.1", "::" }, { X "203.0.113.9\r\n" F "for=203.0.113.9", "::" }, { "", "::" },
	};
	char folder[] = "/tmp/passerelle-http-XXXXXX";
	assert_non_null(mkdtemp(folder));
	g_autofree char *path = g_build_filename(folder, "socket", NULL), *where = g_strconcat("unix:", path, NULL);
	const char *const listen[] = { where, NULL };
	for (int trusted = 0; trusted < 2; trusted++) {
		struct http_options options = rig_options();
		options.listen = listen;
		options.trusted_proxies = trusted ? by_unix : TRUSTED;
		struct rig rig;
		rig_start(&rig, &options);
		g_autoptr(client_t) client = client_at_unix(path);
		for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
			g_autofree char *address = address_for(client, rows[i].headers);
			assert_string_equal(address, trusted ? rows[i].address : "");
		}
		rig_stop(&rig);
	}
	g_rmdir(folder);
}

static void refuse(void *data, struct request *request, struct reply *reply, enum error_code code, const char *detail)
{
	(void)data;
	(void)detail;
	reply_status(reply, error_http_status(code));
	reply_body(reply, "text/plain", request_address(request), strlen(request_address(request)));
}

static const struct http_endpoint *match_nothing(void *data, struct request *request, struct reply *refusal, void **ret_context)
{
	(void)data;
	(void)request;
	(void)refusal;
	(void)ret_context;
	return NULL;
}

/* More headers than are read: the proxy's own may be among those that were cut off. */
static void a_refused_head_is_no_source(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.trusted_proxies = TRUSTED;
	struct rig rig = { .server = http_server_start(&options, &(struct http_app){ .match = match_nothing, .refuse = refuse }, NULL) };
	assert_non_null(rig.server);
	g_autoptr(GString) text = g_string_new("GET /facts HTTP/1.1\r\n" H X "6.6.6.6\r\n");
	for (unsigned i = 0; i < 120; i++)
		g_string_append_printf(text, "X-%u: 1\r\n", i);
	g_string_append(text, X "203.0.113.9\r\n\r\n");
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) refused = client_ask(client, text->str);
	assert_in_range(refused->status, 400, 431);
	assert_string_equal(refused->body, PEER);
	g_autoptr(client_t) second = client_open(&rig);
	g_autoptr(answer_t) unknown = client_ask(second, "GET /facts HTTP/1.1\r\n" H X "203.0.113.9\r\n\r\n");
	assert_int_equal(unknown->status, 404);
	assert_string_equal(unknown->body, "203.0.113.9");
	rig_stop(&rig);
}

/* Where the process log goes, for as long as `run` runs. Caller frees what was written. */
static char *log_of(void (*run)(const struct rig *rig), const struct rig *rig)
{
	g_autofree char *name = NULL;
	int file = g_file_open_tmp("passerelle-log-XXXXXX", &name, NULL), before = dup(STDERR_FILENO);
	assert_true(file >= 0 && before >= 0);
	dup2(file, STDERR_FILENO);
	run(rig);
	dup2(before, STDERR_FILENO);
	close(before);
	close(file);
	char *text = NULL;
	assert_true(g_file_get_contents(name, &text, NULL, NULL));
	g_unlink(name);
	return text;
}

static unsigned notes_in(const char *text)
{
	unsigned count = 0;
	for (const char *at = text; (at = strstr(at, "http.forwarded")); at++)
		count++;
	return count;
}

static void ask_plainly(const struct rig *rig)
{
	static const struct row rows[] = { { "", PEER }, { X "203.0.113.9", "203.0.113.9" }, { X "a, 203.0.113.9", "203.0.113.9" }, { X "10.0.0.1", PEER } };
	check_rows(rig, rows, G_N_ELEMENTS(rows));
	g_autoptr(client_t) client = client_open(rig);
	g_autoptr(answer_t) unasked = client_ask(client, "GET /hello HTTP/1.1\r\n" H X "a\r\n\r\n");
	assert_int_equal(unasked->status, 200);
}

static void ask_doubtfully(const struct rig *rig)
{
	static const struct row rows[] = { { F "for=", PEER }, { X "b", PEER }, { X "b\r\n" F "for=b", PEER } };
	check_rows(rig, rows, G_N_ELEMENTS(rows));
}

static void ask_by_seventeen_proxies(const struct rig *rig)
{
	static const struct row rows[] = { { X "203.0.113.9, " TEN("10.0.0.1, ") "10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8", PEER } };
	check_rows(rig, rows, G_N_ELEMENTS(rows));
}

static void long_chains_of_proxies_are_noted(void **state)
{
	(void)state;
	struct rig rig;
	start(&rig, TRUSTED);
	g_autofree char *text = log_of(ask_by_seventeen_proxies, &rig);
	rig_stop(&rig);
	assert_int_equal(notes_in(text), 1);
	assert_non_null(strstr(text, "more than 16"));
}

static void doubts_are_noted_once_a_minute(void **state)
{
	(void)state;
	struct rig rig;
	start(&rig, TRUSTED);
	g_autofree char *plain = log_of(ask_plainly, &rig), *doubtful = log_of(ask_doubtfully, &rig), *again = log_of(ask_doubtfully, &rig);
	rig_stop(&rig);
	assert_int_equal(notes_in(plain), 0);
	assert_int_equal(notes_in(doubtful), 1);
	assert_int_equal(notes_in(again), 0);
	assert_non_null(strstr(doubtful, "\"peer\":\"" PEER "\""));
	assert_non_null(strstr(doubtful, "malformed"));
}

/* A proxy is one address and many people. */
static void a_proxy_counts_in_the_total_only(void **state)
{
	(void)state;
	struct http_options options = rig_options();
	options.per_address = 2;
	options.connections = 8;
	options.trusted_proxies = TRUSTED;
	struct rig rig;
	rig_start(&rig, &options);
	struct client *clients[8];
	for (size_t i = 0; i < G_N_ELEMENTS(clients); i++) {
		clients[i] = client_open(&rig);
		g_autoptr(answer_t) answer = client_ask(clients[i], GET("/hello"));
		assert_int_equal(answer->status, 200);
	}
	assert_int_equal(http_server_figures(rig.server).connections, 8);
	g_autoptr(client_t) ninth = client_open(&rig);
	client_send(ninth, GET("/hello"));
	struct pollfd answered = { .fd = ninth->fd, .events = POLLIN };
	assert_int_equal(poll(&answered, 1, 50), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(clients); i++)
		client_free(clients[i]);
	g_autoptr(answer_t) answer = client_answer(ninth);
	assert_int_equal(answer->status, 200);
	rig_stop(&rig);
}

static void a_list_with_a_mistake_does_not_start(void **state)
{
	(void)state;
	static const char *const wrong[] = { "", "127.0.0.1", "Unix", "unix:", "*", "127.0.0.1/33", "127.0.0.1/-1", "127.0.0.1/ 8", "127.0.0.1/", "/8", "0.0.0.0/0",
		"::/0", "10.0.0.1/8", "2001:db8::1/32", "::1/129", "::ffff:10.0.0.0/104", "[::1]/128", "fe80::1%lo/128", "localhost/8", "10.0.0.0/8/8", "010.0.0.0/8" };
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;
		const char *const trusted[] = { "127.0.0.1/32", wrong[i], NULL };
		struct http_options options = rig_options();
		options.trusted_proxies = trusted;
		if (http_server_start(&options, &(struct http_app){ .match = match_nothing }, &error))
			fail_msg("taken: %s", wrong[i]);
		g_autofree char *named = g_strdup_printf("trusted proxy %s: expected ", wrong[i]);
		assert_true(g_str_has_prefix(error->message, named));
	}
}

static void networks_end_at_their_bit(void **state)
{
	(void)state;
	static const struct { const char *network, *inside, *outside; } rows[] = {
		{ "127.0.0.1/32", "127.0.0.1", "127.0.0.0" },
		{ "10.0.0.0/8", "10.255.255.255", "11.0.0.0" },
		{ "172.16.0.0/12", "172.31.255.255", "172.32.0.0" },
		{ "192.168.2.0/23", "192.168.3.255", "192.168.4.0" },
		{ "192.0.2.128/25", "192.0.2.128", "192.0.2.127" },
		{ "128.0.0.0/1", "255.0.0.1", "127.255.255.255" },
		{ "10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1" },
		{ "::1/128", "::1", "::" },
		{ "fc00::/7", "fdff::1", "fe00::1" },
		{ "2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::" },
		{ "::/1", "7fff::", "8000::" },
		{ "::/64", "::2", "::ffff:0.0.0.2" }, /* all of IPv4 lies in ::/64, as numbers go */
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct network network = { 0 };
		struct in6_addr inside, outside;
		const char *expected;
		assert_true(address_parse(rows[i].inside, strlen(rows[i].inside), &inside) && address_parse(rows[i].outside, strlen(rows[i].outside), &outside));
		assert_false(network_holds(&network, &inside));
		assert_true(network_parse(rows[i].network, &network, &expected));
		if (!network_holds(&network, &inside) || network_holds(&network, &outside))
			fail_msg("%s", rows[i].network);
	}
}

const struct CMUnitTest forwarded_tests[] = {
	cmocka_unit_test(lists_are_walked_from_the_right),
	cmocka_unit_test(forwarded_is_read_strictly),
	cmocka_unit_test(nobody_else_is_believed),
	cmocka_unit_test(a_unix_socket_has_no_address_to_fall_back_to),
	cmocka_unit_test(a_refused_head_is_no_source),
	cmocka_unit_test(long_chains_of_proxies_are_noted),
	cmocka_unit_test(doubts_are_noted_once_a_minute),
	cmocka_unit_test(a_proxy_counts_in_the_total_only),
	cmocka_unit_test(a_list_with_a_mistake_does_not_start),
	cmocka_unit_test(networks_end_at_their_bit),
	TESTS_END
};
