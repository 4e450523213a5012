/* Redirect URIs (SECURITY AS-1, AS-2). The corpus is what has been used against real servers: each row would send a code somewhere else. */
#include "policies/redirect.h"

#include "lists.h"

#include <string.h>

static const char *const registered[] = {
	"https://wiki.acme.example/cb",
	"https://wiki.acme.example/app/cb?next=1",
	"https://wiki.acme.example:8443/cb",
	"http://127.0.0.1/cb",
	"http://[::1]:8000/cb",
	"http://localhost:8000/cb",
	"https://127.0.0.1:9000/cb",
	"com.example.app:/cb",
	NULL,
};

static const char *const refused[] = {
	/* nothing, and things that are not URIs */
	"", " ", "/", "//", "/cb", "cb", "null", "undefined", "*", "https:", "https://", "https:///cb",
	/* case */
	"HTTPS://wiki.acme.example/cb", "https://WIKI.acme.example/cb", "https://wiki.acme.example/CB", "https://wiki.acme.example/Cb",
	/* scheme */
	"http://wiki.acme.example/cb", "//wiki.acme.example/cb", "https:/wiki.acme.example/cb", "https:wiki.acme.example/cb",
	"https:///wiki.acme.example/cb", "javascript:alert(1)//https://wiki.acme.example/cb", "data:text/html,https://wiki.acme.example/cb",
	"ftp://wiki.acme.example/cb", "https://https://wiki.acme.example/cb",
	/* host: dots, suffix and prefix domains, look-alikes */
	"https://wiki.acme.example./cb", "https://.wiki.acme.example/cb", "https://wiki..acme.example/cb", "https://wikiXacme.example/cb",
	"https://wiki.acme.example.evil.test/cb", "https://evil.test/wiki.acme.example/cb", "https://evilwiki.acme.example/cb",
	"https://sub.wiki.acme.example/cb", "https://acme.example/cb", "https://wiki.acme.examples/cb", "https://wiki.acme.exampl/cb",
	"https://wiki-acme.example/cb", "https://w\xd1\x96ki.acme.example/cb", "https://wiki.acme\xe3\x80\x82test/cb", "https://evil.test/cb",
	/* user information */
	"https://user@wiki.acme.example/cb", "https://user:pw@wiki.acme.example/cb", "https://wiki.acme.example@evil.test/cb",
	"https://wiki.acme.example:443@evil.test/cb", "https://wiki.acme.example%40evil.test/cb", "https://@wiki.acme.example/cb",
	"https://evil.test#@wiki.acme.example/cb", "https://evil.test\\@wiki.acme.example/cb", "https://evil.test?@wiki.acme.example/cb",
	/* port on a host that is no loopback literal */
	"https://wiki.acme.example:443/cb", "https://wiki.acme.example:8444/cb", "https://wiki.acme.example:/cb", "https://wiki.acme.example:0/cb",
	"https://wiki.acme.example:08443/cb", "https://wiki.acme.example:84430/cb",
	/* path: steps, empty segments, suffixes */
	"https://wiki.acme.example/cb/", "https://wiki.acme.example//cb", "https://wiki.acme.example/./cb", "https://wiki.acme.example/x/../cb",
	"https://wiki.acme.example/cb/..", "https://wiki.acme.example/cb/../evil", "https://wiki.acme.example/cb/..;/evil",
	"https://wiki.acme.example/..;/cb", "https://wiki.acme.example/cb;a=b", "https://wiki.acme.example/cb/evil", "https://wiki.acme.example/cbx",
	"https://wiki.acme.example/c", "https://wiki.acme.example/", "https://wiki.acme.example", "https://wiki.acme.example\\/cb",
	"https://wiki.acme.example/\\cb", "https://wiki.acme.example\\cb", "https:\\\\wiki.acme.example\\cb",
	/* encodings, once and twice */
	"https://wiki.acme.example/%63b", "https://wiki.acme.example/c%62", "https://wiki.acme.example%2fcb", "https://wiki.acme.example/%2e%2e/cb",
	"https://wiki.acme.example/cb%2f..%2fevil", "https://wiki.acme.example/cb%252f%252e%252e", "https://wiki.acme.example/%2563b",
	"https%3A%2F%2Fwiki.acme.example%2Fcb", "https://wiki.acme.example/cb%00", "https://wiki.acme.example/cb%0d%0aLocation:%20https://evil.test",
	"https://wiki.acme.example/cb%20", "https://wiki%2eacme.example/cb", "https://wiki.acme.example/cb%", "https://wiki.acme.example/cb%c0%af",
	/* raw control characters and spaces */
	" https://wiki.acme.example/cb", "https://wiki.acme.example/cb ", "https://wiki.acme.example/cb\t", "\thttps://wiki.acme.example/cb",
	"ht\ttps://wiki.acme.example/cb", "https://wiki.acme.example/\ncb", "https://wiki.acme.example/cb\r\nSet-Cookie: a=b", "https://wiki.acme.example\t/cb",
	/* query and fragment */
	"https://wiki.acme.example/cb?", "https://wiki.acme.example/cb?x=1", "https://wiki.acme.example/cb#", "https://wiki.acme.example/cb#x",
	"https://wiki.acme.example/cb?#", "https://wiki.acme.example/app/cb", "https://wiki.acme.example/app/cb?next=2",
	"https://wiki.acme.example/app/cb?next=1&next=2", "https://wiki.acme.example/app/cb?next=1#", "https://wiki.acme.example/app/cb?next=1&",
	"https://wiki.acme.example/app/cb?Next=1", "https://wiki.acme.example/app/cb?next=1&code=stolen",
	/* loopback: only the port, only a literal, only the same literal, only plain http */
	"http://127.0.0.2/cb", "http://127.0.0.1/cb/", "http://127.0.0.1/CB", "http://127.0.0.1/", "http://127.0.0.1", "http://127.1/cb",
	"http://0x7f000001/cb", "http://2130706433/cb", "http://0177.0.0.1/cb", "http://127.0.0.1./cb", "http://127.0.0.1.evil.test/cb",
	"http://127.0.0.1:80@evil.test/cb", "http://127.0.0.1:1234.evil.test/cb", "http://user@127.0.0.1:1234/cb", "http://@127.0.0.1/cb",
	"http://127.0.0.1:/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1:00080/cb", "http://127.0.0.1:65536/cb", "http://127.0.0.1:4294967376/cb",
	"http://127.0.0.1:-1/cb", "http://127.0.0.1:+80/cb", "http://127.0.0.1:80:80/cb", "http://127.0.0.1:8o/cb", "http://127.0.0.1:80/cb?x",
	"http://127.0.0.1:80/cb#", "http://127.0.0.1:80/cb#x", "http://127.0.0.1:80//cb", "http://127.0.0.1:80/x/../cb", "http://127.0.0.1:80\\cb",
	"HTTP://127.0.0.1:80/cb", "https://127.0.0.1:80/cb", "https://127.0.0.1/cb", "https://127.0.0.1:9001/cb", "http://127.0.0.1 :80/cb",
	"http://localhost/cb", "http://localhost:8001/cb", "http://LOCALHOST:8000/cb", "http://[::1]:8000/cb/", "http://[::2]:8000/cb",
	"http://[0:0:0:0:0:0:0:1]:8000/cb", "http://[::ffff:127.0.0.1]:8000/cb", "http://[::1%25lo]:8000/cb", "http://::1:8000/cb",
	"http://[::1]8000/cb", "http://[::1]:8000:1/cb", "http://[::1]@evil.test/cb", "http://[::1].evil.test/cb", "http://[::1/cb", "http://0.0.0.0/cb",
	"http://[::]/cb", "http://[127.0.0.1]/cb",
	/* private-use scheme */
	"com.example.app://cb", "com.example.app:cb", "com.example.app:/cb/", "com.example.app:/cb?x", "COM.EXAMPLE.APP:/cb", "com.example.app2:/cb",
	"com.example.app:///cb", "com.example.app:",
};

static void corpus_is_refused(void **state)
{
	(void)state;
	assert_true(TEST_COUNT(refused) >= 60);
	for (size_t i = 0; i < TEST_COUNT(refused); i++)
		if (redirect_decide(registered, refused[i]) != REASON_REDIRECT_MISMATCH)
			fail_msg("accepted: %s", refused[i]);
}

static void registered_are_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; registered[i]; i++)
		assert_int_equal(redirect_decide(registered, registered[i]), REASON_OK);
}

static void loopback_port_may_vary(void **state)
{
	static const char *const accepted[] = {
		"http://127.0.0.1:1/cb", "http://127.0.0.1:80/cb", "http://127.0.0.1:51004/cb", "http://127.0.0.1:65535/cb", "http://[::1]/cb",
		"http://[::1]:51004/cb",
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(accepted); i++)
		if (redirect_decide(registered, accepted[i]) != REASON_OK)
			fail_msg("refused: %s", accepted[i]);
}

/* Whatever one byte does to a registered URI, it is another URI. */
static void one_byte_is_enough(void **state)
{
	static const char *const one[] = {"https://wiki.acme.example/cb", NULL};
	size_t length = strlen(one[0]);

	(void)state;
	for (size_t at = 0; at <= length; at++)
		for (int byte = 1; byte < 256; byte++) {
			char text[64];
			memcpy(text, one[0], at);
			text[at] = (char)byte;
			memcpy(text + at + 1, one[0] + at, length - at + 1);
			assert_int_equal(redirect_decide(one, text), REASON_REDIRECT_MISMATCH); /* one more */
			if (at == length || one[0][at] == (char)byte)
				continue;
			memcpy(text + at + 1, one[0] + at + 1, length - at);
			assert_int_equal(redirect_decide(one, text), REASON_REDIRECT_MISMATCH); /* another */
			memcpy(text + at, one[0] + at + 1, length - at);
			assert_int_equal(redirect_decide(one, text), REASON_REDIRECT_MISMATCH); /* one less */
		}
}

/* A list that was never filled matches nothing, not even nothing (authentik CVE-2024-52289: the first value became the registered one). */
static void empty_list_refuses(void **state)
{
	static const char *const none[] = {NULL}, *const blank[] = {"", NULL};

	(void)state;
	assert_int_equal(redirect_decide(none, "https://evil.test/"), REASON_REDIRECT_MISMATCH);
	assert_int_equal(redirect_decide(NULL, "https://evil.test/"), REASON_REDIRECT_MISMATCH);
	assert_int_equal(redirect_decide(none, NULL), REASON_REDIRECT_MISMATCH);
	assert_int_equal(redirect_decide(registered, NULL), REASON_REDIRECT_MISMATCH);
	assert_int_equal(redirect_decide(blank, ""), REASON_REDIRECT_MISMATCH);
}

static void registration_table(void **state)
{
	static const struct {
		const char *uri;
		bool web, native;
	} rows[] = {
		{"https://wiki.acme.example/cb", true, true},
		{"https://wiki.acme.example", true, true},
		{"https://wiki.acme.example:8443/cb?x=1", true, true},
		{"https://[2001:db8::1]/cb", true, true},
		{"http://127.0.0.1/cb", true, true},
		{"http://127.0.0.1:8080/cb", true, true},
		{"http://[::1]/cb", true, true},
		{"http://localhost:3000/cb", true, true},
		{"com.example.app:/cb", false, true},
		{"com.example.app://host/cb", false, true},
		{"http://wiki.acme.example/cb", false, false},
		{"http://127.0.0.1.evil.test/cb", false, false},
		{"http://localhost.evil.test/cb", false, false},
		{"http://10.0.0.1/cb", false, false},
		{"https://wiki.acme.example/cb#", false, false},
		{"https://wiki.acme.example/cb#x", false, false},
		{"com.example.app:/cb#x", false, false},
		{"https://user@wiki.acme.example/cb", false, false},
		{"https://@wiki.acme.example/cb", false, false},
		{"https://*.acme.example/cb", false, false},
		{"https://wiki.acme.example/*", false, false},
		{"https://wiki.acme.example/cb?x=*", false, false},
		{"https://wiki%2eacme.example/cb", false, false},
		{"https://wiki.acme.example/../cb", false, false},
		{"https://wiki.acme.example/x/./cb", false, false},
		{"https://wiki.acme.example/x/..;/cb", false, false},
		{"https://wiki.acme.example/%2e%2E/cb", false, false},
		{"https://wiki.acme.example/.%2e/cb", false, false},
		{"javascript:alert(1)", false, false},
		{"JavaScript:alert(1)", false, false},
		{"data:text/html,x", false, false},
		{"file:///etc/passwd", false, false},
		{"vbscript:x", false, false},
		{"blob:https://wiki.acme.example/x", false, false},
		{"about:blank", false, false},
		{"myapp:/cb", false, false},
		{"urn:ietf:wg:oauth:2.0:oob", false, false},
		{"ftp://wiki.acme.example/cb", false, false},
		{"//wiki.acme.example/cb", false, false},
		{"/cb", false, false},
		{"", false, false},
		{NULL, false, false},
		{"https:", false, false},
		{"https:///cb", false, false},
		{"https:/cb", false, false},
		{"http:/127.0.0.1/cb", false, false},
		{"https://wiki.acme.example/c b", false, false},
		{"https://wiki.acme.example\\cb", false, false},
		{"https://wiki.acme.example/cb\n", false, false},
		{"https://w\xc3\xadki.acme.example/cb", false, false},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		const char *expected = NULL;
		if (redirect_registrable(rows[i].uri, false, &expected) != rows[i].web || (expected != NULL) == rows[i].web)
			fail_msg("web: %s", rows[i].uri);
		expected = NULL;
		if (redirect_registrable(rows[i].uri, true, &expected) != rows[i].native || (expected != NULL) == rows[i].native)
			fail_msg("native: %s", rows[i].uri);
		redirect_registrable(rows[i].uri, true, NULL);
	}
}

/* Dots that are part of a name are no steps. */
static void dots_in_names_may_be_registered(void **state)
{
	(void)state;
	assert_true(redirect_registrable("https://wiki.acme.example/.well-known/cb", false, NULL));
	assert_true(redirect_registrable("https://wiki.acme.example/a..b/...", false, NULL));
	assert_true(redirect_registrable("https://wiki.acme.example/v1%2e2/cb", false, NULL));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(corpus_is_refused),
	cmocka_unit_test(registered_are_accepted),
	cmocka_unit_test(loopback_port_may_vary),
	cmocka_unit_test(one_byte_is_enough),
	cmocka_unit_test(empty_list_refuses),
	cmocka_unit_test(registration_table),
	cmocka_unit_test(dots_in_names_may_be_registered),
};
const struct test_list redirect_list = {tests, TEST_COUNT(tests)};
