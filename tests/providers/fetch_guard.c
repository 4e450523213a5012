/* Which addresses may be spoken to, and how long an answer may be kept: both are pure. */
#include "providers/fetch_guard.h"
#include "providers/fetch_internal.h"

#include "lists.h"

#include <string.h>

static const struct {
	const char *address;
	enum address_kind kind;
} addresses[] = {
	{"8.8.8.8", ADDRESS_PUBLIC},
	{"1.1.1.1", ADDRESS_PUBLIC},
	{"9.255.255.255", ADDRESS_PUBLIC},
	{"10.0.0.0", ADDRESS_PRIVATE},
	{"10.1.2.3", ADDRESS_PRIVATE},
	{"10.255.255.255", ADDRESS_PRIVATE},
	{"11.0.0.0", ADDRESS_PUBLIC},
	{"100.63.255.255", ADDRESS_PUBLIC},
	{"100.64.0.0", ADDRESS_PRIVATE},
	{"100.127.255.255", ADDRESS_PRIVATE},
	{"100.128.0.0", ADDRESS_PUBLIC},
	{"100.100.100.199", ADDRESS_PRIVATE},
	{"100.100.100.200", ADDRESS_RESERVED},
	{"126.255.255.255", ADDRESS_PUBLIC},
	{"127.0.0.0", ADDRESS_PRIVATE},
	{"127.0.0.1", ADDRESS_PRIVATE},
	{"127.255.255.255", ADDRESS_PRIVATE},
	{"128.0.0.0", ADDRESS_PUBLIC},
	{"168.63.129.15", ADDRESS_PUBLIC},
	{"168.63.129.16", ADDRESS_RESERVED},
	{"168.63.129.17", ADDRESS_PUBLIC},
	{"169.253.255.255", ADDRESS_PUBLIC},
	{"169.254.0.0", ADDRESS_RESERVED},
	{"169.254.169.254", ADDRESS_RESERVED},
	{"169.254.170.2", ADDRESS_RESERVED},
	{"169.254.255.255", ADDRESS_RESERVED},
	{"169.255.0.0", ADDRESS_PUBLIC},
	{"172.15.255.255", ADDRESS_PUBLIC},
	{"172.16.0.0", ADDRESS_PRIVATE},
	{"172.31.255.255", ADDRESS_PRIVATE},
	{"172.32.0.0", ADDRESS_PUBLIC},
	{"192.0.0.0", ADDRESS_RESERVED},
	{"192.0.0.192", ADDRESS_RESERVED},
	{"192.0.1.0", ADDRESS_PUBLIC},
	{"192.0.2.7", ADDRESS_RESERVED},
	{"192.88.99.1", ADDRESS_RESERVED},
	{"192.167.255.255", ADDRESS_PUBLIC},
	{"192.168.0.0", ADDRESS_PRIVATE},
	{"192.168.255.255", ADDRESS_PRIVATE},
	{"192.169.0.0", ADDRESS_PUBLIC},
	{"198.17.255.255", ADDRESS_PUBLIC},
	{"198.18.0.0", ADDRESS_RESERVED},
	{"198.19.255.255", ADDRESS_RESERVED},
	{"198.20.0.0", ADDRESS_PUBLIC},
	{"198.51.100.1", ADDRESS_RESERVED},
	{"203.0.113.1", ADDRESS_RESERVED},
	{"0.0.0.0", ADDRESS_RESERVED},
	{"0.1.2.3", ADDRESS_RESERVED},
	{"223.255.255.255", ADDRESS_PUBLIC},
	{"224.0.0.1", ADDRESS_RESERVED},
	{"239.255.255.255", ADDRESS_RESERVED},
	{"240.0.0.1", ADDRESS_RESERVED},
	{"255.255.255.255", ADDRESS_RESERVED},
	/* mapped: the same as IPv4 */
	{"::ffff:8.8.8.8", ADDRESS_PUBLIC},
	{"::ffff:127.0.0.1", ADDRESS_PRIVATE},
	{"::ffff:7f00:1", ADDRESS_PRIVATE},
	{"::ffff:10.0.0.1", ADDRESS_PRIVATE},
	{"::ffff:169.254.169.254", ADDRESS_RESERVED},
	{"::ffff:a9fe:a9fe", ADDRESS_RESERVED},
	{"::ffff:0.0.0.0", ADDRESS_RESERVED},
	/* IPv4 in other clothes */
	{"::ffff:0:127.0.0.1", ADDRESS_RESERVED},
	{"::127.0.0.1", ADDRESS_RESERVED},
	{"64:ff9b::8.8.8.8", ADDRESS_PUBLIC},
	{"64:ff9b::127.0.0.1", ADDRESS_PRIVATE},
	{"64:ff9b::10.0.0.1", ADDRESS_PRIVATE},
	{"64:ff9b::169.254.169.254", ADDRESS_RESERVED},
	{"64:ff9b:1::8.8.8.8", ADDRESS_RESERVED},
	{"64:ff9b::1:808:808", ADDRESS_RESERVED},
	{"2002:7f00:1::", ADDRESS_RESERVED},
	{"2002:808:808::1", ADDRESS_RESERVED},
	{"2001:0:4136:e378:8000:63bf:3fff:fdd2", ADDRESS_RESERVED},
	/* IPv6 */
	{"::", ADDRESS_RESERVED},
	{"::1", ADDRESS_PRIVATE},
	{"::2", ADDRESS_RESERVED},
	{"100::1", ADDRESS_RESERVED},
	{"2001:db8::1", ADDRESS_RESERVED},
	{"2001:200::1", ADDRESS_PUBLIC},
	{"2001:4860:4860::8888", ADDRESS_PUBLIC},
	{"2606:4700::1111", ADDRESS_PUBLIC},
	{"2a00:1450:4007::1", ADDRESS_PUBLIC},
	{"3fff::1", ADDRESS_RESERVED},
	{"3fff:1000::1", ADDRESS_PUBLIC},
	{"4000::1", ADDRESS_RESERVED},
	{"5f00::1", ADDRESS_RESERVED},
	{"fbff::1", ADDRESS_RESERVED},
	{"fc00::1", ADDRESS_PRIVATE},
	{"fd12:3456::1", ADDRESS_PRIVATE},
	{"fd00:ec2::254", ADDRESS_RESERVED},
	{"fd00:ec2::253", ADDRESS_PRIVATE},
	{"fd20:ce::254", ADDRESS_RESERVED},
	{"fd00:42::42", ADDRESS_RESERVED},
	{"fe00::1", ADDRESS_RESERVED},
	{"fe80::1", ADDRESS_RESERVED},
	{"febf::1", ADDRESS_RESERVED},
	{"fec0::1", ADDRESS_RESERVED},
	{"ff02::1", ADDRESS_RESERVED},
	{"ffff:ffff::1", ADDRESS_RESERVED},
};

static struct in6_addr number(const char *text)
{
	struct in6_addr address;

	if (!address_parse(text, strlen(text), &address))
		fail_msg("%s", text);
	return address;
}

static void addresses_are_of_their_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEST_COUNT(addresses); i++) {
		struct in6_addr address = number(addresses[i].address);
		if (address_kind(&address) != addresses[i].kind)
			fail_msg("%s: %s", addresses[i].address, address_kind_name(address_kind(&address)));
	}
}

static const char *const allow[] = {"10.1.0.0/16", "fd00:1::/32", "169.254.7.7", "corp.example", "::1", NULL};

/* h: https, p: plain http; d: the host is the declared one */
static const struct {
	const char *how, *host, *address;
	bool admitted;
} meetings[] = {
	{"h", "idp.example", "8.8.8.8", true},
	{"h", "idp.example", "127.0.0.1", false},
	{"hd", "idp.example", "127.0.0.1", true},
	{"hd", "idp.example", "192.168.1.1", true},
	{"hd", "idp.example", "::ffff:192.168.1.1", true},
	{"hd", "idp.example", "fd12::1", true},
	{"hd", "idp.example", "169.254.169.254", false},
	{"hd", "idp.example", "::ffff:169.254.169.254", false},
	{"hd", "idp.example", "0.0.0.0", false},
	{"hd", "idp.example", "fe80::1", false},
	{"hd", "169.254.169.254", "169.254.169.254", true},
	{"hd", "169.254.169.254", "169.254.169.253", false},
	{"h", "169.254.169.254", "169.254.169.254", false},
	{"hd", "127.0.0.1", "127.0.0.1", true},
	{"h", "127.0.0.1", "127.0.0.1", false},
	{"h", "idp.example", "10.1.2.3", true},
	{"h", "idp.example", "10.2.2.3", false},
	{"h", "idp.example", "::ffff:10.1.2.3", true},
	{"h", "idp.example", "64:ff9b::10.1.2.3", false},
	{"h", "idp.example", "fd00:1::5", true},
	{"h", "idp.example", "fd00:2::5", false},
	{"h", "idp.example", "169.254.7.7", true},
	{"h", "corp.example", "192.168.3.3", true},
	{"h", "CORP.example", "192.168.3.3", true},
	{"h", "www.corp.example", "192.168.3.3", false},
	{"h", "notcorp.example", "192.168.3.3", false},
	{"h", "corp.example", "169.254.169.254", false},
	{"h", "corp.example", "8.8.8.8", true},
	{"p", "idp.example", "8.8.8.8", false},
	{"pd", "idp.example", "8.8.8.8", false},
	{"pd", "idp.example", "127.0.0.1", false},
	{"pd", "127.0.0.1", "127.0.0.1", false},
	{"p", "idp.example", "10.1.2.3", true},
	{"p", "corp.example", "8.8.8.8", true},
	{"p", "corp.example", "127.0.0.1", true},
	{"p", "corp.example", "169.254.169.254", false},
	{"p", "localhost", "::1", true},
	{"p", "localhost", "127.0.0.1", false},
};

static void the_guard_admits_what_it_should(void **state)
{
	g_autoptr(fetch_guard_t) guard = fetch_guard_new(allow, NULL);

	(void)state;
	assert_non_null(guard);
	for (size_t i = 0; i < TEST_COUNT(meetings); i++) {
		struct fetch_target target = {.host = meetings[i].host, .plain = strchr(meetings[i].how, 'p'), .declared = strchr(meetings[i].how, 'd')};
		struct in6_addr address = number(meetings[i].address);
		if (fetch_guard_admits(guard, &target, &address) != meetings[i].admitted)
			fail_msg("%s %s at %s", meetings[i].how, meetings[i].host, meetings[i].address);
	}
}

static void a_host_is_judged_before_its_look_up(void **state)
{
	/* x: through a proxy */
	static const struct {
		const char *how, *host;
		bool may;
	} rows[] = {
		{"h", "idp.example", true}, {"h", "10.9.9.9", false}, {"hd", "10.9.9.9", true}, {"h", "10.1.9.9", true}, {"h", "::1", true}, {"h", "fe80::1", false},
		{"p", "idp.example", true}, {"p", "8.8.8.8", false}, {"p", "10.1.1.1", true}, {"h", "localhost", true}, {"hx", "idp.example", true},
		{"hx", "localhost", false}, {"hx", "LocalHost.", false}, {"hx", "a.localhost", false}, {"hxd", "localhost", true}, {"px", "idp.example", false},
		{"px", "corp.example", true}, {"hx", "127.0.0.1", false}, {"hx", "169.254.169.254", false}, {"px", "10.1.1.1", true},
	};
	g_autoptr(fetch_guard_t) guard = fetch_guard_new(allow, NULL), empty = fetch_guard_new(NULL, NULL);
	struct fetch_target plain = {.host = "idp.example", .plain = true, .declared = true};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct fetch_target target = {.host = rows[i].host, .plain = strchr(rows[i].how, 'p'), .declared = strchr(rows[i].how, 'd'),
		                              .proxied = strchr(rows[i].how, 'x')};
		if (fetch_guard_may_admit(guard, &target) != rows[i].may)
			fail_msg("%s %s", rows[i].how, rows[i].host);
	}
	assert_false(fetch_guard_may_admit(empty, &plain));
}

static void allow_takes_addresses_networks_and_names_only(void **state)
{
	static const char *const good[] = {"10.1.2.3", "10.0.0.0/8", "::1", "fd00::/8", "idp.example", "localhost", "a-b.c3", "8.example"};
	static const char *const bad[] = {"", "10.1", "0x7f.1", "0177.0.0.1", "010.0.0.1", "10.0.0.1/8", "0.0.0.0/0", "::/0", "10.0.0.0/33", "*.example", "a b",
	                                  "https://idp.example", "idp.example/", "idp.example:443", "[::1]", "fe80::1%eth0", ".example", "a..b", "1.2.3.4.5", "-a.b"};
	const char *expected;

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(good); i++)
		if (!fetch_allow_fits(good[i], &expected))
			fail_msg("refused: %s, %s", good[i], expected);
	for (size_t i = 0; i < TEST_COUNT(bad); i++) {
		const char *const list[] = {bad[i], NULL};
		g_autoptr(GError) error = NULL;
		if (fetch_allow_fits(bad[i], &expected) || fetch_guard_new(list, &error))
			fail_msg("taken: %s", bad[i]);
		assert_non_null(error);
	}
}

static void answers_are_fresh_as_long_as_they_say(void **state)
{
	static const char date[] = "Tue, 24 Nov 2026 12:00:00 GMT", hour[] = "Tue, 24 Nov 2026 13:00:00 GMT";
	static const struct {
		const char *control, *age, *expires, *date;
		int64_t fresh_ms;
	} rows[] = {
		{NULL, NULL, NULL, NULL, -1},
		{"public, max-age=600", NULL, NULL, NULL, 600000},
		{"max-age=600", "100", NULL, NULL, 500000},
		{"max-age=600", "700", NULL, NULL, 0},
		{"max-age=600", "-5", NULL, NULL, 600000},
		{"max-age=600", "many", NULL, NULL, 600000},
		{"MAX-AGE=600", NULL, hour, date, 600000},
		{"max-age=600,max-age=60", NULL, NULL, NULL, 60000},
		{"max-age=600, no-store", NULL, NULL, NULL, 0},
		{"no-cache=\"set-cookie\"", NULL, NULL, NULL, 0},
		{"max-age=1e9", NULL, NULL, NULL, 0},
		{"max-age=-1", NULL, NULL, NULL, 0},
		{"max-age=99999999999999999999999", NULL, NULL, NULL, 365 * INT64_C(86400000)},
		{"must-revalidate", NULL, NULL, NULL, -1},
		{"xmax-age=5", NULL, NULL, NULL, -1},
		{"", NULL, NULL, NULL, -1},
		{NULL, NULL, hour, date, 3600000},
		{NULL, "600", hour, date, 3000000},
		{NULL, NULL, date, hour, 0},
		{NULL, NULL, "0", date, 0},
		{NULL, NULL, hour, NULL, 1800000},
		{NULL, "600", NULL, date, -1},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		int64_t seen = freshness_ms(rows[i].control, rows[i].age, rows[i].expires, rows[i].date, INT64_C(1795523400000)); /* 12:30:00 */
		if (seen != rows[i].fresh_ms)
			fail_msg("row %zu: %lld", i, (long long)seen);
	}
}

static void a_breaker_opens_and_one_trial_closes_it(void **state)
{
	struct breaker breaker = {0};

	(void)state;
	breaker_failed(&breaker, 0, 100);
	breaker_failed(&breaker, 0, 100);
	breaker_succeeded(&breaker);
	for (int i = 0; i < 3; i++) {
		assert_true(breaker_admits(&breaker, 10, 100));
		breaker_failed(&breaker, 10, 100);
	}
	assert_false(breaker_admits(&breaker, 109, 100));
	assert_true(breaker_admits(&breaker, 110, 100));
	assert_false(breaker_admits(&breaker, 111, 100));
	breaker_failed(&breaker, 120, 100);
	assert_false(breaker_admits(&breaker, 219, 100));
	assert_true(breaker_admits(&breaker, 220, 100));
	breaker_succeeded(&breaker);
	assert_true(breaker_admits(&breaker, 221, 100));
	assert_true(breaker_admits(&breaker, 221, 100));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(addresses_are_of_their_kind),
	cmocka_unit_test(the_guard_admits_what_it_should),
	cmocka_unit_test(a_host_is_judged_before_its_look_up),
	cmocka_unit_test(allow_takes_addresses_networks_and_names_only),
	cmocka_unit_test(answers_are_fresh_as_long_as_they_say),
	cmocka_unit_test(a_breaker_opens_and_one_trial_closes_it),
};
const struct test_list fetch_guard_list = {tests, TEST_COUNT(tests)};
