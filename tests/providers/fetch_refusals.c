/* What may not be reached, asked as an attacker would who chooses URLs, names and their addresses. */
#include "fetch_rig.h"

#include "base/clock.h"

#include <string.h>

static enum fetch_result ask(struct fetcher *fetcher, const char *url, const char *declared, struct fetch_reply *reply)
{
	const struct fetch_request request = {.url = url, .declared_host = declared, .deadline_ms = soon()};

	return fetch(fetcher, &request, reply);
}

static void refused(struct fetcher *fetcher, const char *url, const char *declared)
{
	g_auto(fetch_reply_t) reply = {0};
	enum fetch_result result = ask(fetcher, url, declared, &reply);

	if (result != FETCH_REFUSED)
		fail_msg("%s: %s %d %s", url, fetch_result_name(result), reply.status, reply.trouble);
	assert_true(reply.trouble[0]);
	assert_null(reply.body);
}

/* {} stands for the port of a server that would answer. */
static void hostile_urls_are_refused(void **state)
{
	static const char *const urls[] = {
		"https://127.0.0.1:{}/ok", "https://[::1]:{}/ok", "https://[::ffff:127.0.0.1]:{}/ok", "https://[::ffff:7f00:1]:{}/ok", "https://[64:ff9b::127.0.0.1]:{}/ok",
		"https://0.0.0.0:{}/ok", "https://[::]:{}/ok", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/", "https://100.64.0.1/",
		"https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://[fe80::1]/", "https://[fe80::1%25lo]/", "https://[2002:7f00:1::]/",
		"https://224.0.0.1/", "https://255.255.255.255/",
		/* the same host in other spellings */
		"https://127.1:{}/ok", "https://2130706433:{}/ok", "https://0x7f000001:{}/ok", "https://0x7f.1:{}/ok", "https://0177.0.0.1:{}/ok", "https://017700000001:{}/ok",
		"https://127.0.0.1.:{}/ok", "https://%31%32%37.0.0.1:{}/ok", "https://localhost:{}/ok", "https://LOCALHOST:{}/ok",
		"https://idp.example@127.0.0.1:{}/ok", "https://127.0.0.1:{}\\@idp.example/ok", "https://idp.example#@127.0.0.1:{}/ok",
		/* other schemes */
		"http://127.0.0.1:{}/ok", "http://" RIG_NAME ":{}/ok", "file:///etc/passwd", "file://localhost/etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:{}/",
		"dict://127.0.0.1:{}/", "ldap://127.0.0.1/", "smtp://127.0.0.1/", "telnet://127.0.0.1:{}/", "unix:/run/x", "data:text/plain,x", "//127.0.0.1/ok", "/ok", "",
		"https://", "https:///ok", "https:127.0.0.1/ok", "https://idp.example /", "https://idp.example/\r\nX: y", " https://idp.example/",
	};
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
	g_autofree char *port = g_strdup_printf("%d", fetch_rig_port("good"));
	unsigned before = fetch_rig_ask("connections good");

	(void)state;
	rig_names_are("127.0.0.1");
	for (size_t i = 0; i < TEST_COUNT(urls); i++) {
		g_auto(GStrv) parts = g_strsplit(urls[i], "{}", 2);
		g_autofree char *url = g_strjoinv(port, parts);
		refused(fetcher, url, NULL);
		refused(fetcher, url, "idp.example");
	}
	assert_int_equal(fetch_rig_ask("connections good"), before);
}

/* Nothing is known of a name before the socket is opened, so it is judged there. */
static void names_are_judged_by_where_they_lead(void **state)
{
	static const char *const places[] = {"127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fd00:ec2::254", "fe80::1", "0.0.0.0", "64:ff9b::7f00:1",
	                                     "10.0.0.1 192.168.0.1 127.0.0.1"};
	unsigned before = fetch_rig_ask("connections good");

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(places); i++) {
		g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
		g_autofree char *url = fetch_rig_url("https", RIG_NAME, "good", "/ok");
		rig_names_are(places[i]);
		refused(fetcher, url, NULL);
		refused(fetcher, url, "other.example");
	}
	assert_int_equal(fetch_rig_ask("connections good"), before);
}

static void the_declared_host_may_be_private(void **state)
{
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
	g_autofree char *by_name = fetch_rig_url("https", RIG_NAME, "good", "/ok"), *by_address = fetch_rig_url("https", "127.0.0.1", "good", "/ok");
	g_auto(fetch_reply_t) reply = {0}, second = {0};

	(void)state;
	rig_names_are("127.0.0.1");
	assert_int_equal(ask(fetcher, by_name, RIG_NAME, &reply), FETCH_OK);
	assert_string_equal(reply.peer, "127.0.0.1");
	assert_int_equal(ask(fetcher, by_address, "127.0.0.1", &second), FETCH_OK);
	/* The connections are open now; they are nobody else's. */
	refused(fetcher, by_name, NULL);
	refused(fetcher, by_name, "127.0.0.1");
	refused(fetcher, by_address, NULL);
	refused(fetcher, by_address, RIG_NAME);
}

/* Declared or not, metadata is reached only by whoever declared that very address. */
static void a_declared_name_does_not_lead_to_metadata(void **state)
{
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});

	(void)state;
	rig_names_are("169.254.169.254");
	refused(fetcher, "https://" RIG_NAME "/", RIG_NAME);
}

/* DNS rebinding: a good answer first, then another one for the same name. */
static void a_name_that_moves_is_judged_again(void **state)
{
	static const char *const allow[] = {"127.0.0.2", NULL};
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){.allow = allow});
	g_autofree char *url = fetch_rig_url("https", RIG_NAME, "second", "/ok"), *gone = fetch_rig_url("https", RIG_NAME, "second", "/reset");
	unsigned before = fetch_rig_ask("connections good");
	g_auto(fetch_reply_t) reply = {0}, broken = {0}, both = {0};

	(void)state;
	rig_names_are("127.0.0.2");
	assert_int_equal(ask(fetcher, url, NULL, &reply), FETCH_OK);
	assert_string_equal(reply.peer, "127.0.0.2");
	rig_names_are("127.0.0.1");
	assert_int_equal(ask(fetcher, gone, NULL, &broken), FETCH_UNAVAILABLE); /* and the connection is gone */
	refused(fetcher, url, NULL);
	rig_names_are("127.0.0.1 127.0.0.2"); /* only the good one of two is spoken to */
	assert_int_equal(ask(fetcher, url, NULL, &both), FETCH_OK);
	assert_string_equal(both.peer, "127.0.0.2");
	assert_int_equal(fetch_rig_ask("connections good"), before);
}

static void plain_http_needs_allow(void **state)
{
	static const char *const networks[] = {"127.0.0.0/8", NULL}, *const name[] = {RIG_NAME, NULL};
	g_autofree char *by_address = fetch_rig_url("http", "127.0.0.1", "plain", "/ok"), *by_name = fetch_rig_url("http", RIG_NAME, "plain", "/ok");
	g_autoptr(fetcher_t) strict = fetch_rig_fetcher((struct fetch_options){0}), by_network = fetch_rig_fetcher((struct fetch_options){.allow = networks});
	g_autoptr(fetcher_t) named = fetch_rig_fetcher((struct fetch_options){.allow = name});
	g_auto(fetch_reply_t) reply = {0}, second = {0}, third = {0};

	(void)state;
	rig_names_are("127.0.0.1");
	refused(strict, by_address, "127.0.0.1");
	refused(strict, by_name, RIG_NAME);
	assert_int_equal(ask(by_network, by_address, NULL, &reply), FETCH_OK);
	assert_int_equal(ask(by_network, by_name, NULL, &second), FETCH_OK);
	assert_int_equal(ask(named, by_name, NULL, &third), FETCH_OK);
	refused(named, by_address, "127.0.0.1");
	rig_names_are("8.8.8.8"); /* public, and still not to be spoken to in clear */
	g_autofree char *elsewhere = fetch_rig_url("http", "public.test", "plain", "/ok");
	refused(by_network, elsewhere, "public.test");
}

static void a_redirect_is_an_answer(void **state)
{
	static const char *const paths[] = {"/redirect", "/redirect-out", "/file"};
	static const int statuses[] = {302, 307, 301};
	static const char *const allow[] = {"127.0.0.0/8", NULL};
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){.allow = allow});
	unsigned before = fetch_rig_ask("requests /ok");

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(paths); i++) {
		g_auto(fetch_reply_t) reply = {0};
		assert_int_equal(fetch_rig_get(fetcher, "good", paths[i], &reply), FETCH_OK);
		assert_int_equal(reply.status, statuses[i]);
		assert_int_equal(reply.length, 0);
	}
	assert_int_equal(fetch_rig_ask("requests /ok"), before);
}

static void only_trusted_servers_are_spoken_to(void **state)
{
	static const char *const listeners[] = {"wrong-name", "expired", "self-signed", "tls-1.1", "plain"};
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0}), system = fetcher_new(&(struct fetch_options){0}, NULL);
	unsigned before = fetch_rig_ask("requests /ok");
	g_auto(fetch_reply_t) good = {0}, foreign = {0}, older = {0};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(listeners); i++) {
		g_auto(fetch_reply_t) reply = {0};
		if (fetch_rig_get(fetcher, listeners[i], "/ok", &reply) != FETCH_UNAVAILABLE)
			fail_msg("%s: %d %s", listeners[i], reply.status, reply.trouble);
		assert_true(reply.trouble[0]);
	}
	assert_int_equal(fetch_rig_get(system, "good", "/ok", &foreign), FETCH_UNAVAILABLE); /* not by a CA of the system's */
	assert_int_equal(fetch_rig_ask("requests /ok"), before);
	assert_int_equal(fetch_rig_get(fetcher, "good", "/ok", &good), FETCH_OK);
	assert_int_equal(fetch_rig_get(fetcher, "tls-1.2", "/ok", &older), FETCH_OK);
}

/* fetch_rig.c has poisoned it. */
static void the_environment_is_not_heard(void **state)
{
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){0});
	g_autofree char *keys = g_build_filename(g_getenv("HOME"), "session-keys", NULL);
	g_auto(fetch_reply_t) reply = {0};

	(void)state;
	assert_int_equal(fetch_rig_get(fetcher, "good", "/echo", &reply), FETCH_OK);
	assert_null(strstr(reply.body, "Authorization"));
	assert_false(g_file_test(keys, G_FILE_TEST_EXISTS));
}

static void a_proxy_is_asked_where_one_is_configured(void **state)
{
	g_autofree char *proxy = fetch_rig_url("http", "127.0.0.1", "plain", "");
	g_autoptr(fetcher_t) fetcher = fetch_rig_fetcher((struct fetch_options){.proxy = proxy});
	g_auto(fetch_reply_t) reply = {0};

	(void)state;
	g_setenv("no_proxy", "*", TRUE);
	assert_int_equal(ask(fetcher, "https://idp.test/", NULL, &reply), FETCH_UNAVAILABLE); /* it answers 403 */
	assert_int_equal(fetch_rig_ask("requests CONNECT idp.test:443"), 1);
	refused(fetcher, "https://127.0.0.1/", NULL);
	refused(fetcher, "https://localhost/", NULL);
	refused(fetcher, "https://169.254.169.254/", NULL);
	refused(fetcher, "http://idp.test/", NULL);
	g_unsetenv("no_proxy");
}

static void options_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = {"10.1", NULL};
	static const struct fetch_options rows[] = {
		{.allow = bad}, {.ca_file = "/nowhere.pem"}, {.proxy = "socks5://127.0.0.1:1"}, {.proxy = "127.0.0.1:1"}, {.proxy = "http://a:b@127.0.0.1:1"},
		{.proxy = "http://127.0.0.1"}, {.proxy = "http://127.0.0.1:1/"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autoptr(GError) error = NULL;
		assert_null(fetcher_new(&rows[i], &error));
		assert_non_null(error);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(hostile_urls_are_refused),
	cmocka_unit_test(names_are_judged_by_where_they_lead),
	cmocka_unit_test(the_declared_host_may_be_private),
	cmocka_unit_test(a_declared_name_does_not_lead_to_metadata),
	cmocka_unit_test(a_name_that_moves_is_judged_again),
	cmocka_unit_test(plain_http_needs_allow),
	cmocka_unit_test(a_redirect_is_an_answer),
	cmocka_unit_test(only_trusted_servers_are_spoken_to),
	cmocka_unit_test(the_environment_is_not_heard),
	cmocka_unit_test(a_proxy_is_asked_where_one_is_configured),
	cmocka_unit_test(options_that_make_no_sense_are_refused),
};
const struct test_list fetch_refusals_list = {tests, TEST_COUNT(tests)};
