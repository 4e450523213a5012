/* passerelle.yaml: defaults, paths, and what is refused. */
#include "tests.h"

#include "gateway/config.h"

#include <string.h>

static struct config *config_of(const char *text, GError **error)
{
	struct place *place = place_new();
	g_autofree char *path = place_write(place, "passerelle.yaml", text);
	struct config *config = config_load(path, error);
	place_free(place);
	return config;
}

static void an_empty_file_is_the_defaults(void **state)
{
	(void)state;
	struct config *config = config_of("", NULL);
	assert_non_null(config);
	assert_string_equal(config->listen[0], "127.0.0.1:8080");
	assert_null(config->listen[1]);
	assert_string_equal(config->base_url, "http://127.0.0.1:8080");
	assert_null(config->trusted_proxies[0]);
	assert_true(g_str_has_prefix(config->store, "sqlite:/") && g_str_has_suffix(config->store, "/var/passerelle.db"));
	assert_true(g_str_has_prefix(config->secret_key_file, "/") && g_str_has_suffix(config->secret_key_file, "/var/secret.key"));
	assert_int_equal(config->limits.connections, 960);
	assert_int_equal(config->limits.per_address, 240);
	assert_int_equal(config->limits.header_bytes, 32768);
	assert_int_equal(config->limits.body_bytes, 1 << 20);
	assert_int_equal(config->workers.threads, 32);
	assert_int_equal(config->workers.hash_slots, 0);
	assert_int_equal(config->workers.provider_slots, 16);
	assert_int_equal(config->password_hash.memory_kib, 19456);
	assert_int_equal(config->password_hash.iterations, 2);
	assert_int_equal(config->log_level, LOG_LEVEL_INFO);
	assert_int_equal(config->log_format, LOG_FORMAT_JSON);
	config_free(config);
}

static void values_are_taken(void **state)
{
	(void)state;
	struct config *config = config_of("listen: ['127.0.0.1:1', '[::1]:2']\nworkers: { hash_slots: 3 }\nlimits: { body: 64KiB }\nlog: { level: debug, format: text }\n"
	                                  "store: sqlite:/srv/x.db\n", NULL);
	assert_non_null(config);
	assert_string_equal(config->listen[1], "[::1]:2");
	assert_string_equal(config->base_url, "http://127.0.0.1:1");
	assert_string_equal(config->store, "sqlite:/srv/x.db");
	assert_int_equal(config->workers.hash_slots, 3);
	assert_int_equal(config->limits.body_bytes, 65536);
	assert_int_equal(config->limits.header_bytes, 32768);
	assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->log_format, LOG_FORMAT_TEXT);
	config_free(config);
}

/* Plain HTTP leaves the machine where a proxy with an address stands in front, and nowhere else. */
static void listens_to_the_network_behind_proxies(void **state)
{
	(void)state;
	struct config *config = config_of("listen: ['0.0.0.0:8080', '[::]:8080', '127.0.0.1:1']\nbase_url: https://sso.example\n"
	                                  "trusted_proxies: [unix, 192.0.2.0/24, '2001:db8::/32']\n", NULL);
	assert_non_null(config);
	assert_string_equal(config->listen[1], "[::]:8080");
	assert_string_equal(config->trusted_proxies[0], "unix");
	assert_string_equal(config->trusted_proxies[1], "192.0.2.0/24");
	assert_string_equal(config->trusted_proxies[2], "2001:db8::/32");
	assert_null(config->trusted_proxies[3]);
	config_free(config);
	config = config_of("trusted_proxies: 127.0.0.1/32\n", NULL);
	assert_non_null(config);
	assert_string_equal(config->trusted_proxies[0], "127.0.0.1/32");
	assert_string_equal(config->base_url, "http://127.0.0.1:8080");
	config_free(config);
}

static void outbound_is_read(void **state)
{
	struct config *config = config_of("{}", NULL);
	(void)state;
	assert_non_null(config);
	struct fetch_options options = config_outbound(config);
	assert_null(options.allow[0]);
	assert_null(options.ca_file);
	assert_null(options.proxy);
	assert_int_equal(options.connect_timeout_ms, 3000);
	assert_int_equal(options.timeout_ms, 8000);
	config_free(config);
	config = config_of("outbound: { allow: [10.0.0.0/8, idp.example], connect_timeout: 1s, timeout: 1m, ca_file: ca.pem, proxy: 'http://proxy.example:3128' }\n", NULL);
	assert_non_null(config);
	options = config_outbound(config);
	assert_string_equal(options.allow[0], "10.0.0.0/8");
	assert_string_equal(options.allow[1], "idp.example");
	assert_null(options.allow[2]);
	assert_true(g_path_is_absolute(options.ca_file) && g_str_has_suffix(options.ca_file, "/ca.pem"));
	assert_string_equal(options.proxy, "http://proxy.example:3128");
	assert_int_equal(options.connect_timeout_ms, 1000);
	assert_int_equal(options.timeout_ms, 60000);
	config_free(config);
}

static void refused(void **state)
{
	/* A host that only begins like loopback is not loopback. */
	static const char *const texts[] = {
		"listen: 192.0.2.1:80", "listen: '[::]:80'", "listen: example.org:80", "listen: 127.evil.example:80", "listen: '127.0.0.1'", "listen: '127.0.0.1:65536'",
		"listen: '127.0.0.1:x'", "listen: []", "listen: '::1:80'", "base_url: 'http://127.0.0.1.evil.example'", "base_url: 'http://localhost/path'",
		"base_url: 'https://user@sso.example'", "base_url: 'https://sso.example?x'", "base_url: ftp://sso.example", "store: var/x.db", "store: 'sqlite:'",
		"limits: { connections: 1 }", "limits: { body: 1TiB }", "limits: [1]", "workers: { hash_slots: 0 }", "workers: { hash_slots: many }",
		"password_hash: { memory_kib: 2000000 }", "password_hash: { memory_kib: 1 }", "log: { level: loud }", "outbound: { allow: [10.0.0.1/8] }",
		"outbound: { allow: [0x7f.1] }", "outbound: { allow: ['*.example'] }", "outbound: { timeout: 0s }", "outbound: { timeout: 8 }", "outbound: { proxy: socks5://h:1 }",
		"outbound: { proxy: 'http://u:p@h:1' }", "outbound: { ca_file: [] }", "outbound: { redirects: true }",
		"trusted_proxies: [10.0.0.1]", "trusted_proxies: [10.0.0.1/8]", "trusted_proxies: [0.0.0.0/0]", "trusted_proxies: ['::/0']", "trusted_proxies: [8]",
		"trusted_proxies: [proxy.example]", "trusted_proxies: [UNIX]", "trusted_proxies: ['']", "trusted_proxies: { a: b }", "trusted_proxies: all",
		"trusted_proxies: [10.0.0.0/8]\nlisten: 192.0.2.1:80", "trusted_proxies: [10.0.0.0/8]\nbase_url: https://a.example\nlisten: example.org:80",
		"trusted_proxies: [unix]\nbase_url: https://a.example\nlisten: 192.0.2.1:80", "base_url: https://a.example\nlisten: ['127.0.0.1:1', '[2001:db8::1]:80']",
		"trusted_proxies: [10.0.0.0/8]\nbase_url: https://a.example\nlisten: '[fe80::1%eth0]:80'",
		"limits: { connections: 10 }\nlimits: { connections: 11 }", "- a list", "just text",
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		if (config_of(texts[i], &error))
			fail_msg("taken: %s", texts[i]);
		assert_non_null(strstr(error->message, "passerelle.yaml"));
	}
}

static void mistakes_about_proxies_say_what_was_expected(void **state)
{
	static const struct { const char *text, *said; } rows[] = {
		{ "\ntrusted_proxies: [unix, 10.0.0.1]", ":2: trusted_proxies[1]: seen \"10.0.0.1\", expected unix, or address/prefix" },
		{ "trusted_proxies: [10.0.0.1/8]", ":1: trusted_proxies[0]: seen \"10.0.0.1/8\", expected zeros behind the prefix" },
		{ "trusted_proxies: [0.0.0.0/0]", ":1: trusted_proxies[0]: seen \"0.0.0.0/0\", expected a prefix of at least 1" },
		{ "\n\nlisten:\n- 127.0.0.1:1\n- 192.0.2.1:80", ":5: listen: seen \"192.0.2.1:80\", expected a loopback address" },
		{ "trusted_proxies: [unix]\nbase_url: https://a.example\nlisten: 192.0.2.1:80", ":3: listen: seen \"192.0.2.1:80\"" },
		{ "listen: 192.0.2.1:80\ntrusted_proxies: [10.0.0.0/8]", ":1: base_url: absent, expected the https:// address that people use" },
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		assert_null(config_of(rows[i].text, &error));
		if (!strstr(error->message, rows[i].said))
			fail_msg("%s", error->message);
	}
}

const struct CMUnitTest config_tests[] = {
	cmocka_unit_test(an_empty_file_is_the_defaults),
	cmocka_unit_test(values_are_taken),
	cmocka_unit_test(listens_to_the_network_behind_proxies),
	cmocka_unit_test(outbound_is_read),
	cmocka_unit_test(refused),
	cmocka_unit_test(mistakes_about_proxies_say_what_was_expected),
};
const size_t config_count = G_N_ELEMENTS(config_tests);
