/* What the parser lets through and the guard does not. Every row is sent with a second request right behind it: the first must be refused, the
 * connection closed, and the second never be seen by the app, or the row is a way to smuggle. */
#include "rig.h"
#include "subjects.h"
#include <sched.h>
#include <string.h>

#define H "Host: gateway.example\r\n"
#define SMUGGLED GET("/hello")

struct row {
	const char *name, *bytes;
	size_t length; /* of bytes that hold a NUL; 0: strlen */
	unsigned status; /* 0: a refusal of libmicrohttpd's own, or a close without one */
};

#define RAW(text) text, sizeof(text) - 1

static const struct row ROWS[] = {
	/* framing */
	{ "two different Content-Length", RAW("POST /hello HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 5\r\n\r\n"), 400 },
	{ "two equal Content-Length", RAW("POST /hello HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 0\r\n\r\n"), 400 },
	{ "Content-Length and chunked", RAW("POST /hello HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "chunked and Content-Length", RAW("POST /hello HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), 400 },
	{ "chunked twice", RAW("POST /hello HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "gzip, chunked", RAW("POST /hello HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "unknown coding", RAW("POST /hello HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "identity", RAW("POST /hello HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"), 400 },
	{ "empty coding", RAW("POST /hello HTTP/1.1\r\n" H "Transfer-Encoding: \r\n\r\n"), 400 },
	{ "chunked with white space behind", RAW("POST /hello HTTP/1.1\r\n" H "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n"), 400 },
	{ "chunked with a vertical tab", RAW("POST /hello HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "chunked in HTTP/1.0", RAW("POST /hello HTTP/1.0\r\n" H "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "Content-Length with a sign", RAW("POST /hello HTTP/1.1\r\n" H "Content-Length: +0\r\n\r\n"), 400 },
	{ "Content-Length negative", RAW("POST /hello HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"), 400 },
	{ "Content-Length list", RAW("POST /hello HTTP/1.1\r\n" H "Content-Length: 0, 0\r\n\r\n"), 400 },
	{ "Content-Length hexadecimal", RAW("POST /hello HTTP/1.1\r\n" H "Content-Length: 0x0\r\n\r\n"), 400 },
	{ "Content-Length empty", RAW("POST /hello HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"), 400 },
	{ "Content-Length over 64 bits", RAW("POST /hello HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n"), 413 },
	{ "body on GET", RAW("GET /hello HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n"), 400 },
	{ "chunked body on GET", RAW("GET /hello HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "body on HEAD", RAW("HEAD /hello HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n"), 400 },
	/* host */
	{ "no Host", RAW("GET /hello HTTP/1.1\r\n\r\n"), 400 },
	{ "no Host in HTTP/1.0", RAW("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 400 },
	{ "two Hosts", RAW("GET /hello HTTP/1.1\r\n" H "Host: other.example\r\n\r\n"), 400 },
	{ "the same Host twice", RAW("GET /hello HTTP/1.1\r\n" H H "\r\n"), 400 },
	{ "Host twice, in another case", RAW("GET /hello HTTP/1.1\r\n" H "hOST: other.example\r\n\r\n"), 400 },
	{ "empty Host", RAW("GET /hello HTTP/1.1\r\nHost:\r\n\r\n"), 400 },
	{ "blank Host", RAW("GET /hello HTTP/1.1\r\nHost:  \t \r\n\r\n"), 400 },
	{ "Host with a list", RAW("GET /hello HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n"), 400 },
	{ "Host with userinfo", RAW("GET /hello HTTP/1.1\r\nHost: a@b.example\r\n\r\n"), 400 },
	{ "Host with a path", RAW("GET /hello HTTP/1.1\r\nHost: a.example/x\r\n\r\n"), 400 },
	{ "Host with a tab inside", RAW("GET /hello HTTP/1.1\r\nHost: a.example\tb\r\n\r\n"), 400 },
	/* header lines */
	{ "space before the colon", RAW("GET /hello HTTP/1.1\r\n" H "X-A : b\r\n\r\n"), 400 },
	{ "tab before the colon", RAW("GET /hello HTTP/1.1\r\n" H "X-A\t: b\r\n\r\n"), 400 },
	{ "space before Content-Length's colon", RAW("POST /hello HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\n"), 400 },
	{ "space inside a name", RAW("GET /hello HTTP/1.1\r\n" H "X A: b\r\n\r\n"), 400 },
	{ "empty name", RAW("GET /hello HTTP/1.1\r\n" H ": b\r\n\r\n"), 400 },
	{ "name with a bracket", RAW("GET /hello HTTP/1.1\r\n" H "X(A): b\r\n\r\n"), 400 },
	{ "name with a high byte", RAW("GET /hello HTTP/1.1\r\n" H "X\xe9: b\r\n\r\n"), 400 },
	{ "no colon", RAW("GET /hello HTTP/1.1\r\n" H "nonsense\r\n\r\n"), 400 },
	{ "first header indented", RAW("GET /hello HTTP/1.1\r\n " H "\r\n"), 400 },
	{ "folded value", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\r\n c\r\n\r\n"), 400 },
	{ "folded by a tab", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\r\n\tc\r\n\r\n"), 400 },
	{ "folded Host", RAW("GET /hello HTTP/1.1\r\nHost: gateway.example\r\n c\r\n\r\n"), 400 },
	{ "folded Transfer-Encoding", RAW("POST /hello HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "folded by a blank line", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\r\n \r\n\r\n"), 400 },
	{ "folded twice", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\r\n c\r\n d\r\nX-B: e\r\n\r\n"), 400 },
	{ "control character in a value", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\001c\r\n\r\n"), 400 },
	{ "escape in a value", RAW("GET /hello HTTP/1.1\r\n" H "X-A: \033[2J\r\n\r\n"), 400 },
	{ "DEL in a value", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\177c\r\n\r\n"), 400 },
	{ "bare CR in a value", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\rX-B: c\r\n\r\n"), 400 },
	{ "bare CR before CRLF", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\r\r\n\r\n"), 400 },
	{ "101 headers", NULL, 0, 431 },
	/* bare LF */
	{ "bare LF after the request line", RAW("GET /hello HTTP/1.1\n" H "\r\n"), 400 },
	{ "bare LF after a header", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\nX-B: c\r\n\r\n"), 400 },
	{ "bare LF after the last header", RAW("GET /hello HTTP/1.1\r\nHost: gateway.example\n\r\n"), 400 },
	{ "bare LF at the end of the head", RAW("GET /hello HTTP/1.1\r\n" H "\n"), 400 },
	{ "bare LF everywhere", RAW("GET /hello HTTP/1.1\nHost: gateway.example\n\n"), 400 },
	{ "bare LF that hides a Content-Length", RAW("POST /hello HTTP/1.1\r\n" H "X-A: b\nContent-Length: 0\r\n\r\n"), 400 },
	/* NUL */
	{ "NUL in a value", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\0c\r\n\r\n"), 400 },
	{ "NUL at a value's end", RAW("GET /hello HTTP/1.1\r\n" H "X-A: b\0\r\n\r\n"), 400 },
	{ "NUL as a value", RAW("GET /hello HTTP/1.1\r\n" H "X-A: \0\r\nX-B: c\r\n\r\n"), 400 },
	{ "NUL in Host", RAW("GET /hello HTTP/1.1\r\nHost: gateway.example\0.evil\r\n\r\n"), 400 },
	{ "NUL in the last header", RAW("GET /hello HTTP/1.1\r\nX-B: c\r\nHost: gateway.example\0\r\n\r\n"), 400 },
	{ "NUL in a name", RAW("GET /hello HTTP/1.1\r\n" H "X\0A: b\r\n\r\n"), 400 },
	{ "NUL that hides a line", RAW("GET /hello HTTP/1.1\r\n" H "\0: b\r\n\r\n"), 400 },
	{ "NUL in the path", RAW("GET /hello\0x HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "NUL in the query", RAW("GET /hello?a=b\0c HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "NUL in the method", RAW("GET\0 /hello HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "NUL in the version", RAW("GET /hello HTTP/1.1\0\r\n" H "\r\n"), 400 },
	{ "encoded NUL in the path", RAW("GET /hello%00 HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "encoded NUL in the query", RAW("GET /hello?a=%00b HTTP/1.1\r\n" H "\r\n"), 400 },
	/* request line */
	{ "two spaces after the method", RAW("GET  /hello HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "two spaces before the version", RAW("GET /hello  HTTP/1.1\r\n" H "\r\n"), 0 },
	{ "tab after the method", RAW("GET\t/hello HTTP/1.1\r\n" H "\r\n"), 0 },
	{ "space after the version", RAW("GET /hello HTTP/1.1 \r\n" H "\r\n"), 400 },
	{ "space in the path", RAW("GET /hel lo HTTP/1.1\r\n" H "\r\n"), 0 },
	{ "control character in the path", RAW("GET /hello\001 HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "bare CR in the path", RAW("GET /hello\rX HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "high byte in the path", RAW("GET /hello\xc3\xa9 HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "fragment", RAW("GET /hello#x HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "absolute form", RAW("GET http://gateway.example/hello HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "absolute form of another host", RAW("GET http://evil.example/hello HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "asterisk form", RAW("OPTIONS * HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "relative path", RAW("GET hello HTTP/1.1\r\n" H "\r\n"), 400 },
	{ "no path", RAW("GET HTTP/1.1\r\n" H "\r\n"), 0 },
	{ "no version", RAW("GET /hello\r\n" H "\r\n"), 0 },
	{ "HTTP/0.9", RAW("GET /hello HTTP/0.9\r\n" H "\r\n"), 0 },
	{ "HTTP/1.2", RAW("GET /hello HTTP/1.2\r\n" H "\r\n"), 400 },
	{ "HTTP/2.0", RAW("GET /hello HTTP/2.0\r\n" H "\r\n"), 0 },
	{ "HTTP/2 preface", RAW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0 },
	{ "version in small letters", RAW("GET /hello http/1.1\r\n" H "\r\n"), 0 },
	{ "TRACE", RAW("TRACE /hello HTTP/1.1\r\n" H "\r\n"), 501 },
	{ "CONNECT", RAW("CONNECT gateway.example:443 HTTP/1.1\r\n" H "\r\n"), 501 },
	{ "invented method", RAW("FROB /hello HTTP/1.1\r\n" H "\r\n"), 501 },
	{ "method in small letters", RAW("get /hello HTTP/1.1\r\n" H "\r\n"), 501 },
	{ "method with a control character", RAW("GE\001T /hello HTTP/1.1\r\n" H "\r\n"), 501 },
	{ "PROXY protocol from a stranger", RAW("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" GET("/hello")), 0 },
	/* sizes */
	{ "257 parameters", NULL, 0, 414 },
	{ "600 headers", NULL, 0, 431 },
	{ "a header of 40 KB", NULL, 0, 431 },
	{ "a target of 40 KB", NULL, 0, 414 },
};

static void append_generated(GString *text, const char *name)
{
	if (!strcmp(name, "257 parameters")) {
		g_string_append(text, "GET /hello?");
		for (unsigned i = 0; i < 256; i++)
			g_string_append(text, "a&");
		g_string_append(text, "a HTTP/1.1\r\n" H "\r\n");
		return;
	}
	g_string_append(text, !strcmp(name, "a target of 40 KB") ? "GET /" : "GET /hello HTTP/1.1\r\n" H);
	unsigned headers = !strcmp(name, "101 headers") ? 100 : !strcmp(name, "600 headers") ? 600 : 0;
	for (unsigned i = 0; i < headers; i++)
		g_string_append_printf(text, "X-%u: a\r\n", i);
	if (headers) {
		g_string_append(text, "\r\n");
		return;
	}
	if (strcmp(name, "a target of 40 KB"))
		g_string_append(text, "X-A: ");
	for (unsigned i = 0; i < 40000; i++)
		g_string_append_c(text, 'a');
	g_string_append(text, strcmp(name, "a target of 40 KB") ? "\r\n\r\n" : " HTTP/1.1\r\n" H "\r\n");
}

static bool row_is_refused(const struct rig *rig, const struct row *row)
{
	g_autoptr(client_t) client = client_open(rig);
	g_autoptr(GString) text = g_string_new(NULL);
	if (row->bytes)
		g_string_append_len(text, row->bytes, (gssize)row->length);
	else
		append_generated(text, row->name);
	g_string_append(text, SMUGGLED SMUGGLED);
	unsigned before = rig_handled();
	client_send_bytes(client, text->str, text->len);
	/* Some of libmicrohttpd's own refusals come twice, the second inside the body of the first; what counts is that nothing was served. */
	bool closed = client_drain(client), answered = g_str_has_prefix(client->received->str, "HTTP/1.");
	unsigned status = answered ? (unsigned)g_ascii_strtoull(client->received->str + 9, NULL, 10) : 0;
	bool as_expected = row->status ? status == row->status : !status || status >= 400;
	if (closed && as_expected && rig_handled() == before && !strstr(client->received->str, "200 OK"))
		return true;
	print_error("%s: status %u, expected %u, %u handled, %s\n%s\n", row->name, status, row->status, rig_handled() - before,
		closed ? "closed" : "left open", client->received->str);
	return false;
}

static void refuses_every_row(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	unsigned failed = 0; /* a row that fails may take all its patience: a few tell enough */
	for (size_t i = 0; i < G_N_ELEMENTS(ROWS) && failed < 3; i++)
		failed += !row_is_refused(&rig, &ROWS[i]);
	assert_int_equal(failed, 0);
	assert_int_equal(rig_handled(), 0);
	rig_stop(&rig);
}

/* Good requests, each of which must pass however it is cut into packets: the guard looks at where the parser put things. */
static const char *const GOOD[] = {
	GET("/hello"),
	"GET /hello HTTP/1.0\r\nHost: gateway.example\r\nConnection: keep-alive\r\n\r\n",
	"GET /hello?a=b%20c&d=&e HTTP/1.1\r\nhost:gateway.example:8080\r\nX-Empty:\r\nX-Blank:   \r\nX-A:\t b \t\r\nUser-Agent: caf\xc3\xa9\r\n\r\n",
	"POST /hello HTTP/1.1\r\nHost: [::1]:8080\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nabc",
	"POST /hello HTTP/1.1\r\n" H "Cookie: a=b; c=d\r\nContent-Length: 0\r\n\r\n",
	"OPTIONS /hello HTTP/1.1\r\n" H "\r\n",
	"\r\nGET /hello HTTP/1.1\r\n" H "\r\n",
};

static void passes_good_requests_however_cut(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	for (size_t i = 0; i < G_N_ELEMENTS(GOOD); i++) {
		g_autoptr(client_t) client = client_open(&rig);
		size_t length = strlen(GOOD[i]);
		for (size_t cut = 1; cut < length; cut++) {
			assert_true(client_send_bytes(client, GOOD[i], cut));
			sched_yield();
			assert_true(client_send_bytes(client, GOOD[i] + cut, length - cut));
			g_autoptr(answer_t) answer = client_answer(client);
			if (answer->status != 200 && answer->status != 204)
				fail_msg("row %zu, cut at %zu: %u\n%s", i, cut, answer->status, answer->body);
		}
	}
	rig_stop(&rig);
}

/* The parser's buffer grows while a head arrives; what it has handed out must still lie where the guard expects it. */
static void passes_big_heads_in_pieces(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	for (size_t piece = 700; piece < 9000; piece += 1100) {
		g_autoptr(client_t) client = client_open(&rig);
		for (unsigned size = 100; size < 20000; size += 3300) {
			g_autoptr(GString) text = g_string_new("GET /hello?q=");
			for (unsigned i = 0; i < size / 4; i++)
				g_string_append_c(text, 'q');
			g_string_append(text, " HTTP/1.1\r\n" H);
			for (unsigned i = 0; i < 20; i++)
				g_string_append_printf(text, "X-%u: %0*u\r\n", i, (int)(size / 40), i);
			g_string_append(text, "\r\n");
			for (size_t sent = 0; sent < text->len; sent += piece)
				assert_true(client_send_bytes(client, text->str + sent, MIN(piece, text->len - sent)));
			g_autoptr(answer_t) answer = client_answer(client);
			if (answer->status != 200)
				fail_msg("%u bytes in pieces of %zu: %u\n%s", size, piece, answer->status, answer->body);
		}
	}
	rig_stop(&rig);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	client_send(client, GET("/hello") "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nfirst" GET("/work?second") GET("/nowhere") GET("/hello"));
	static const struct { unsigned status; const char *body; } expected[] = { { 200, "hello" }, { 200, "first" }, { 200, "second" }, { 404, "nothing here" },
		{ 200, "hello" } };
	for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
		g_autoptr(answer_t) answer = client_answer(client);
		assert_int_equal(answer->status, expected[i].status);
		assert_string_equal(answer->body, expected[i].body);
	}
	rig_stop(&rig);
}

/* Chunk framing is the parser's most lenient part, so nothing that follows a chunked body is read as a request. */
static void nothing_follows_a_chunked_body(void **state)
{
	(void)state;
	static const char *const bodies[] = { "5\r\nhello\r\n0\r\n\r\n", "5;x=y\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\n\n",
		"5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", "5\r\nhello\r\n0\r\nX: a\n b\r\n\r\n", "0005\r\nhello\r\n000\r\n\r\n" };
	struct rig rig;
	rig_start_plain(&rig);
	for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
		g_autoptr(client_t) client = client_open(&rig);
		g_autofree char *text = g_strconcat("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", bodies[i], SMUGGLED, NULL);
		unsigned before = rig_handled();
		client_send(client, text);
		g_autoptr(answer_t) answer = client_answer(client);
		assert_true(answer->status == 200 || answer->status >= 400);
		if (answer->status == 200)
			assert_string_equal(answer->body, "hello");
		assert_true(client_drain(client));
		assert_true(rig_handled() - before <= 1);
	}
	rig_stop(&rig);
}

static void counts_what_it_refuses(void **state)
{
	(void)state;
	struct rig rig;
	rig_start_plain(&rig);
	g_autoptr(client_t) client = client_open(&rig);
	g_autoptr(answer_t) answer = client_ask(client, "GET /hello HTTP/1.1\r\n" H H "\r\n");
	assert_int_equal(answer->status, 400);
	assert_true(g_str_has_prefix(answer->body, "INVALID_REQUEST "));
	assert_non_null(strstr(answer->body, "the Host header is missing or repeated"));
	assert_string_equal(answer_header(answer, "Connection"), "close");
	assert_true(client_is_closed(client));
	assert_int_equal(http_server_figures(rig.server).refused_by_guard, 1);
	assert_int_equal(http_server_figures(rig.server).requests, 1);
	rig_stop(&rig);
}

const struct CMUnitTest guard_tests[] = {
	cmocka_unit_test(refuses_every_row),
	cmocka_unit_test(passes_good_requests_however_cut),
	cmocka_unit_test(passes_big_heads_in_pieces),
	cmocka_unit_test(pipelined_requests_are_answered_in_order),
	cmocka_unit_test(nothing_follows_a_chunked_body),
	cmocka_unit_test(counts_what_it_refuses),
	TESTS_END
};
