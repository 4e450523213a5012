/* The guard: on the first handler call, before routing and before the body, it refuses what libmicrohttpd's parser lets through and a proxy in
 * front may read in another way (request smuggling), and what no honest client sends.
 *
 * Three of the parser's liberties leave no trace in what it hands out: a line ended by a bare LF, a folded header, and a raw NUL that cuts a
 * line. They do leave one in *where* it hands it out. The 0.9.75 parser works in place: it overwrites the CR and LF of a line with two NULs, a
 * bare LF with one; it cuts texts at the first NUL; it moves a folded line elsewhere. So in a request with only CRLF line ends, no fold and no
 * NUL, and in no other, each text starts two bytes behind the end of the one before, and the last ends two empty lines' worth before the end of the
 * head. Comparing those addresses costs next to nothing and reads no foreign byte. Later versions refuse these things themselves.
 *
 * And two of its parsers are kept from doing any work: see guard_hide.
 */
#include "gateway/http/internal.h"
#include "base/clock.h"
#include <string.h>

#define MEASURED_VERSION "0.9.75"
#define HOST_MAX 261 /* 253 characters of name, a colon and five digits, brackets */

static const struct { const char *name; enum http_method method; } METHODS[] = {
	{ "GET", METHOD_GET }, { "POST", METHOD_POST }, { "HEAD", METHOD_HEAD }, { "PUT", METHOD_PUT }, { "DELETE", METHOD_DELETE },
	{ "PATCH", METHOD_PATCH }, { "OPTIONS", METHOD_OPTIONS },
};

/* What one pass over the head found. */
struct head {
	struct request *request;
	const char *method, *version;
	uintptr_t expected; /* where the next header must start */
	size_t size;
	bool displaced, bad_name, bad_value, too_many;
	unsigned hosts, lengths, encodings;
	const char *host, *length, *encoding;
};

bool guard_knows_library(void)
{
	return !strcmp(MHD_get_version(), MEASURED_VERSION);
}

static const char HIDING_NAME[] = "Cookie", HIDING_VALUE[] = "-";

/* For every parameter of a query and every cookie the 0.9.75 parser takes an element of the connection's pool. When none is left it overwrites the
 * state in which it had queued its 431, and the client waits for an answer until its deadline. And a Cookie header whose last value is a single quote,
 * which any application of the same host may set, it refuses at every address. All of that is parsed by us, from the raw text. So the query ends where
 * it begins, once the URI has been copied; and since the parser reads but one Cookie header, the first, it finds one of ours. Only a raw NUL
 * before the query hides it from us: such a client is cut at its deadline. */
void guard_hide(struct MHD_Connection *connection, const char *uri)
{
	const char *question = uri && guard_knows_library() ? strchr(uri, '?') : NULL;
	if (question && question[1]) {
		/* Its own buffer, which it is about to write into; const only by the callback's type. */
		union { const char *given; char *own; } query = { question + 1 };
		*query.own = '\0';
	}
	MHD_set_connection_value_n(connection, MHD_HEADER_KIND, HIDING_NAME, sizeof HIDING_NAME - 1, HIDING_VALUE, sizeof HIDING_VALUE - 1);
}

static bool is_token(const char *text, size_t length)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isalnum(text[i]) && (!text[i] || !strchr(others, text[i])))
			return false;
	return length > 0;
}

/* RFC 9110 section 5.5: visible characters, space, tab and obs-text. */
static bool is_field_value(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return false;
	return true;
}

/* libmicrohttpd keeps white space at the end of a value, which is not part of it (RFC 9110 section 5.5). */
static size_t trimmed(const char *value, size_t length)
{
	while (length && (value[length - 1] == ' ' || value[length - 1] == '\t'))
		length--;
	return length;
}

static void keep(struct request *request, const char *name, size_t name_length, const char *value, size_t value_length)
{
	size_t length = trimmed(value, value_length);
	struct header *header = &request->headers[request->header_count++];
	header->name = name;
	header->name_length = (uint32_t)name_length;
	header->value = length == value_length ? value : arena_text(request->arena, value, length);
	header->value_length = (uint32_t)length;
}

static void classify(struct head *head, const char *name, size_t length, const char *value)
{
	if (length == 4 && !g_ascii_strcasecmp(name, "Host")) {
		head->hosts++;
		head->host = value;
	} else if (length == 14 && !g_ascii_strcasecmp(name, "Content-Length")) {
		head->lengths++;
		head->length = value;
	} else if (length == 17 && !g_ascii_strcasecmp(name, "Transfer-Encoding")) {
		head->encodings++;
		head->encoding = value;
	}
}

static enum MHD_Result take_header(void *data, enum MHD_ValueKind kind, const char *name, size_t name_length, const char *value, size_t value_length)
{
	struct head *head = data;
	(void)kind;
	if (name == HIDING_NAME)
		return MHD_YES;
	if (!name || !value || head->request->header_count == HEADERS_MAX) {
		head->too_many = true;
		return MHD_NO;
	}
	head->displaced |= (uintptr_t)name != head->expected;
	head->expected = (uintptr_t)value + value_length + 2;
	head->bad_name |= !is_token(name, name_length);
	head->bad_value |= !is_field_value(value, value_length);
	keep(head->request, name, name_length, value, value_length);
	classify(head, name, name_length, value);
	return MHD_YES;
}

static void read_head(struct head *head)
{
	struct request *request = head->request;
	head->expected = (uintptr_t)head->version + strlen(head->version) + 2;
	head->displaced = (uintptr_t)head->method + strlen(head->method) + 1 != (uintptr_t)request->sent_uri ||
	                  (uintptr_t)request->sent_uri + request->uri_length + 1 != (uintptr_t)head->version;
	MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, take_header, head);
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	head->size = info ? info->header_size : SIZE_MAX;
	head->displaced |= head->expected + 2 != (uintptr_t)head->method + head->size;
	head->displaced &= guard_knows_library();
}

/* The checks, in this order; each true when content. */
static bool target_is_short(const struct head *head)
{
	return head->request->uri_length <= head->request->peer->server->options.header_bytes;
}

static bool parameters_are_few(const struct head *head)
{
	size_t count = 0;
	for (const char *at = strchr(head->request->uri, '?'); at; at = strchr(at + 1, '&'))
		count++;
	return count <= PARAMETERS_MAX;
}

static bool headers_are_few(const struct head *head)
{
	return !head->too_many;
}

/* libmicrohttpd's own bound is the whole pool, which holds more than the head. */
static bool head_is_short(const struct head *head)
{
	return head->size <= head->request->peer->server->options.header_bytes;
}

static bool layout_is_plain(const struct head *head)
{
	return !head->displaced;
}

static bool version_is_served(const struct head *head)
{
	return !strcmp(head->version, "HTTP/1.1") || !strcmp(head->version, "HTTP/1.0");
}

static bool method_is_known(const struct head *head)
{
	return head->request->method != METHOD_OTHER;
}

/* Origin form only: we are no proxy, and `*` names nothing here. */
static bool uri_is_origin_form(const struct head *head)
{
	return head->request->uri[0] == '/';
}

static bool uri_is_clean(const struct head *head)
{
	for (const char *at = head->request->uri; *at; at++)
		if (*at <= 0x20 || *at >= 0x7f || *at == '#')
			return false;
	return !strstr(head->request->uri, "%00");
}

static bool names_are_tokens(const struct head *head)
{
	return !head->bad_name;
}

static bool values_are_clean(const struct head *head)
{
	return !head->bad_value;
}

static bool host_is_one(const struct head *head)
{
	return head->hosts == 1;
}

static bool host_is_plain(const struct head *head)
{
	size_t length = strlen(head->host);
	length = trimmed(head->host, length);
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isalnum(head->host[i]) && !strchr(".-_:[]", head->host[i]))
			return false;
	return length > 0 && length <= HOST_MAX;
}

static bool length_is_one(const struct head *head)
{
	return head->lengths <= 1;
}

static bool encoding_is_one(const struct head *head)
{
	return head->encodings <= 1;
}

static bool framing_is_one(const struct head *head)
{
	return !head->lengths || !head->encodings;
}

/* libmicrohttpd has refused signs, commas and what does not fit; an empty value it takes for nothing. */
static bool length_is_number(const struct head *head)
{
	return !head->length || (head->length[0] && strspn(head->length, "0123456789") == strlen(head->length));
}

/* To libmicrohttpd any other coding is a body without end. HTTP/1.0 has none (RFC 9112 section 6.1). */
static bool encoding_is_chunked(const struct head *head)
{
	return !head->encoding || (!g_ascii_strcasecmp(head->encoding, "chunked") && !strcmp(head->version, "HTTP/1.1"));
}

/* RFC 9110 section 9.3.1: such a body has no meaning, and has been used to smuggle a second request. */
static bool body_has_a_meaning(const struct head *head)
{
	bool reads = head->request->method == METHOD_GET || head->request->method == METHOD_HEAD;
	return !reads || (!head->encoding && (!head->length || strspn(head->length, "0") == strlen(head->length)));
}

static const struct check {
	bool (*content)(const struct head *head);
	struct refusal refusal;
} CHECKS[] = {
	{ target_is_short, { ERROR_URI_TOO_LONG, "the request target is too long" } },
	{ parameters_are_few, { ERROR_URI_TOO_LONG, "too many parameters in the query" } },
	{ headers_are_few, { ERROR_HEADERS_TOO_LARGE, "too many headers" } },
	{ head_is_short, { ERROR_HEADERS_TOO_LARGE, "the head is too large" } },
	{ layout_is_plain, { ERROR_INVALID_REQUEST, "a bare LF, a folded header, a NUL or stray white space in the head" } },
	{ version_is_served, { ERROR_INVALID_REQUEST, "not HTTP/1.1 or HTTP/1.0" } },
	{ method_is_known, { ERROR_NOT_SUPPORTED, "a method that is not served anywhere here" } },
	{ uri_is_origin_form, { ERROR_INVALID_REQUEST, "the request target is not a path" } },
	{ uri_is_clean, { ERROR_INVALID_REQUEST, "a control character, a space, a NUL or a fragment in the request target" } },
	{ names_are_tokens, { ERROR_INVALID_REQUEST, "a header name that is not a token" } },
	{ values_are_clean, { ERROR_INVALID_REQUEST, "a control character in a header" } },
	{ host_is_one, { ERROR_INVALID_REQUEST, "the Host header is missing or repeated" } },
	{ host_is_plain, { ERROR_INVALID_REQUEST, "the Host header is not a host and port" } },
	{ length_is_one, { ERROR_INVALID_REQUEST, "a repeated Content-Length" } },
	{ encoding_is_one, { ERROR_INVALID_REQUEST, "a repeated Transfer-Encoding" } },
	{ framing_is_one, { ERROR_INVALID_REQUEST, "both Content-Length and Transfer-Encoding" } },
	{ length_is_number, { ERROR_INVALID_REQUEST, "a Content-Length that is not a number" } },
	{ encoding_is_chunked, { ERROR_INVALID_REQUEST, "a Transfer-Encoding that is not chunked" } },
	{ body_has_a_meaning, { ERROR_INVALID_REQUEST, "a body where the method has none" } },
};

static enum http_method method_of(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(METHODS); i++)
		if (!strcmp(METHODS[i].name, name))
			return METHODS[i].method;
	return METHOD_OTHER;
}

static void fill_request(struct request *request, const struct head *head)
{
	const char *question = strchr(request->uri, '?');
	request->path = question ? arena_text(request->arena, request->uri, (size_t)(question - request->uri)) : request->uri;
	request->query_text = question ? question + 1 : "";
	size_t length = trimmed(head->host, strlen(head->host));
	char *host = arena_text(request->arena, head->host, length);
	for (size_t i = 0; i < length; i++)
		host[i] = g_ascii_tolower(host[i]);
	request->host = host;
	request->chunked = head->encodings > 0;
	/* Chunk framing is where the parser is at its most lenient and leaves nothing to check. What follows such a body is never read as a request. */
	request->close |= request->chunked;
}

const struct refusal *guard_check(struct request *request, const char *method, const char *version)
{
	struct head head = { .request = request, .method = method, .version = version };
	request->method = method_of(method);
	read_head(&head);
	for (size_t i = 0; i < G_N_ELEMENTS(CHECKS); i++)
		if (!CHECKS[i].content(&head))
			return &CHECKS[i].refusal;
	fill_request(request, &head);
	return NULL;
}
