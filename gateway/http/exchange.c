/* One request's way through libmicrohttpd's callbacks:
 *
 *   exchange_open (request line) ─→ HEAD ─→ guard, match, bounds ─┬─ BODY ─→ plan ─┬─ inline ─→ handle ─→ SENT
 *                                                                 │                └─ WORKING (suspended) ─→ ANSWERED ─→ SENT
 *                                                                 └─ refused: sent at once, and the connection closed, when a body would follow;
 *                                                                    else ANSWERED, sent on the last call, and the connection kept
 *   exchange_close (all sent, or the connection lost)
 */
#include "gateway/http/internal.h"
#include "base/clock.h"
#include <string.h>

static const struct { enum http_method method; const char *name; } ALLOWED[] = {
	{ METHOD_GET, "GET" }, { METHOD_HEAD, "HEAD" }, { METHOD_POST, "POST" }, { METHOD_PUT, "PUT" }, { METHOD_DELETE, "DELETE" },
	{ METHOD_PATCH, "PATCH" }, { METHOD_OPTIONS, "OPTIONS" },
};

#define REPLY_HEAD_OWN 512 /* more than the status line, Date, Content-Length and what every reply carries */

static struct http_server *server_of(const struct request *request)
{
	return request->peer->server;
}

void *exchange_open(void *data, const char *uri, struct MHD_Connection *connection)
{
	struct http_server *server = data;
	struct peer *peer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	struct request *request = &peer->request;
	exchange_end(peer);
	peer->under_way = true;
	count(&counters_mine(server)->started);
	request->connection = connection;
	request->sent_uri = uri;
	request->uri_length = uri ? strlen(uri) : 0;
	request->uri = uri ? arena_text(request->arena, uri, request->uri_length) : "";
	guard_hide(connection, uri);
	/* The first head has its deadline from accept. A later one gets its own here, since its first byte is not told to us. */
	if (!peer->first)
		peer_deadline(peer, clock_monotonic_ms() + server->options.head_ms);
	return request;
}

/* Some of libmicrohttpd's errors close a connection without telling the end of its request. Whichever comes first ends it, once: exchange_close, the
 * next request on the connection, or its end. */
void exchange_end(struct peer *peer)
{
	struct http_server *server = peer->server;
	struct request *request = &peer->request;
	if (!peer->under_way)
		return;
	int64_t now_ns = clock_monotonic_ns();
	peer->under_way = false;
	figures_count(request, now_ns);
	if (request->endpoint && server->app.release)
		server->app.release(server->app.data, request->context);
	request_reset(request);
	peer->first = false;
	peer_deadline(peer, now_ns / 1000000 + server->options.idle_ms);
	count(&counters_mine(server)->completed);
}

void exchange_close(void *data, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code)
{
	struct request *request = *context;
	(void)data;
	(void)connection;
	(void)code;
	if (request)
		exchange_end(request->peer);
	*context = NULL;
}

/* Without an app's own way to say no (tests, a half-started service) the table's sentence is said plainly. */
static void refuse_plainly(struct request *request, struct reply *reply, enum error_code code)
{
	g_autofree char *text = g_strdup_printf("%s (%s)\n", error_public_text(code), request_reference(request));
	reply_body(reply, "text/plain; charset=utf-8", text, strlen(text));
}

static void refuse(struct request *request, enum error_code code, const char *detail)
{
	struct http_app *app = &server_of(request)->app;
	struct reply *reply = &request->reply;
	reply_clear(reply);
	if (app->refuse)
		app->refuse(app->data, request, reply, code, detail);
	else
		refuse_plainly(request, reply, code);
	if (!reply->status)
		reply_status(reply, error_http_status(code));
}

void exchange_shed(struct request *request)
{
	count(&counters_mine(server_of(request))->shed);
	refuse(request, ERROR_UNAVAILABLE, "no worker was free in time");
	reply_header(&request->reply, "Retry-After", "1");
}

void exchange_handle(struct request *request)
{
	request->endpoint->handle(request, &request->reply, request->context);
	if (!request->reply.status)
		refuse(request, ERROR_INTERNAL, "the handler gave no answer");
}

/* libmicrohttpd closes without a word when a reply's head finds no room behind the request's. A short one always does. */
static bool reply_fits(const struct request *request)
{
	size_t needed = request->reply.head_bytes + REPLY_HEAD_OWN;
	if (needed <= POOL_BEYOND_HEAD - (HEADERS_MAX + 4) * POOL_ELEMENT)
		return true;
	size_t taken = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size +
	               (request->header_count + 4) * POOL_ELEMENT;
	return needed + taken <= server_of(request)->options.header_bytes + POOL_BEYOND_HEAD;
}

static enum MHD_Result send_reply(struct request *request)
{
	bool close = request->close || atomic_load_explicit(&server_of(request)->draining, memory_order_relaxed);
	if (!reply_fits(request))
		refuse(request, ERROR_HEADERS_TOO_LARGE, "no room is left for the reply's headers");
	struct MHD_Response *response = reply_response(&request->reply, close, request->endpoint && request->endpoint->cross_origin);
	if (!response)
		return MHD_NO;
	request->stage = STAGE_SENT;
	enum MHD_Result queued = MHD_queue_response(request->connection, request->reply.status, response);
	MHD_destroy_response(response);
	return queued;
}

/* Before the body: where one would follow, it is not read, and the connection ends with this answer. */
static enum MHD_Result answer_early(struct request *request)
{
	request->stage = STAGE_ANSWERED;
	if (!request->close && !request_has_body(request))
		return MHD_YES;
	request->close = true;
	return send_reply(request);
}

static unsigned methods_of(const struct http_endpoint *endpoint)
{
	return endpoint->methods | METHOD_OPTIONS | (endpoint->methods & METHOD_GET ? METHOD_HEAD : 0U);
}

static void allow_headers(struct reply *reply, unsigned methods, bool preflight)
{
	char text[64] = "";
	for (size_t i = 0; i < G_N_ELEMENTS(ALLOWED); i++)
		if (methods & ALLOWED[i].method) {
			g_strlcat(text, text[0] ? ", " : "", sizeof text);
			g_strlcat(text, ALLOWED[i].name, sizeof text);
		}
	reply_header(reply, "Allow", text);
	if (!preflight)
		return;
	reply_header(reply, "Access-Control-Allow-Methods", text);
	reply_header(reply, "Access-Control-Allow-Headers", "Authorization, Content-Type");
	reply_header(reply, "Access-Control-Max-Age", "3600");
}

static bool is_form_type(const char *type)
{
	static const char form[] = "application/x-www-form-urlencoded";
	size_t length = type ? strcspn(type, "; \t") : 0;
	return length == sizeof form - 1 && !g_ascii_strncasecmp(type, form, length);
}

/* RFC 9110 section 8.6 knows no bound for Content-Length; libmicrohttpd has refused what does not fit into 64 bits. */
static uint64_t declared_length(const struct request *request)
{
	const char *length = request_header(request, "Content-Length", NULL);
	return length ? g_ascii_strtoull(length, NULL, 10) : 0;
}

static bool takes_form(const struct request *request)
{
	return request->endpoint->takes_form && request->method == METHOD_POST;
}

/* What can be said of the body before it is read. False, with the reply made, when the request ends here. */
static bool accept_body(struct request *request)
{
	bool typed, encoded = request_header(request, "Content-Encoding", NULL) != NULL;
	request->body_max = request->endpoint->body_max ? request->endpoint->body_max : atomic_load_explicit(&server_of(request)->body_bytes, memory_order_relaxed);
	if (!request_has_body(request))
		return true;
	const char *type = request_header(request, "Content-Type", &typed);
	if (encoded || typed || (takes_form(request) && !is_form_type(type))) {
		refuse(request, ERROR_UNSUPPORTED_MEDIA_TYPE, type);
		return false;
	}
	if (declared_length(request) > request->body_max) {
		refuse(request, ERROR_PAYLOAD_TOO_LARGE, NULL);
		return false;
	}
	return true;
}

static bool accept_method(struct request *request)
{
	unsigned methods = methods_of(request->endpoint);
	bool asks = request->method == METHOD_OPTIONS && !(request->endpoint->methods & METHOD_OPTIONS);
	if ((methods & request->method) && !asks)
		return true;
	if (asks)
		reply_status(&request->reply, 204);
	else
		refuse(request, ERROR_METHOD_NOT_ALLOWED, NULL);
	allow_headers(&request->reply, methods, asks && request->endpoint->cross_origin);
	return false;
}

static enum MHD_Result take_head(struct request *request, const char *method, const char *version)
{
	struct http_server *server = server_of(request);
	struct counters *counters = counters_mine(server);
	request->begun_ns = clock_monotonic_ns();
	int64_t now_ms = request->begun_ns / 1000000;
	count(&counters->requests);
	peer_deadline(request->peer, now_ms + server->options.body_ms);
	request->time_ms = clock_now_ms();
	request->deadline_ms = now_ms + server->options.handle_ms;
	const struct refusal *refusal = guard_check(request, method, version);
	if (refusal) {
		count(&counters->refused_by_guard);
		request->close = true;
		refuse(request, refusal->code, refusal->why);
		return answer_early(request);
	}
	request->endpoint = server->app.match(server->app.data, request, &request->reply, &request->context);
	if (!request->endpoint) {
		if (!request->reply.status)
			refuse(request, ERROR_NOT_FOUND, NULL);
		return answer_early(request);
	}
	reply_clear(&request->reply);
	if (!accept_method(request) || !accept_body(request))
		return answer_early(request);
	request->stage = STAGE_BODY;
	return MHD_YES;
}

/* libmicrohttpd takes no answer in the middle of a body. Where more comes than was allowed, as much again is thrown away so that the client may
 * read the 413; after that the connection is cut. */
static enum MHD_Result take_body(struct request *request, const char *bytes, size_t length)
{
	if (request->stage == STAGE_BODY && request_body_add(request, bytes, length))
		return MHD_YES;
	request->stage = STAGE_OVERFLOW;
	request->close = true;
	request->body_dropped += length;
	return request->body_dropped <= MAX(request->body_max, (size_t)64 * 1024) ? MHD_YES : MHD_NO;
}

static bool parse_form(struct request *request)
{
	g_autoptr(GError) error = NULL;
	request->derived->form = form_parse(request->body ? request->body : "", request->body_length, &error);
	if (!request->derived->form)
		refuse(request, ERROR_INVALID_REQUEST, error->message);
	return request->derived->form != NULL;
}

static enum MHD_Result take_end(struct request *request)
{
	struct http_server *server = server_of(request);
	const struct http_endpoint *endpoint = request->endpoint;
	if (request->body_length) /* else the head's moment is as good, and a clock is not read twice */
		request->deadline_ms = clock_monotonic_ms() + server->options.handle_ms;
	if (takes_form(request) && !parse_form(request))
		return send_reply(request);
	if (endpoint->plan && endpoint->plan(request, request->context) == PLAN_WORKER) {
		struct counters *counters = counters_mine(server);
		if (workers_offer(server->workers, request)) {
			count(&counters->suspended);
			return MHD_YES;
		}
		exchange_shed(request);
		return send_reply(request);
	}
	exchange_handle(request);
	return send_reply(request);
}

static enum MHD_Result take_overflow(struct request *request)
{
	refuse(request, ERROR_PAYLOAD_TOO_LARGE, NULL);
	return send_reply(request);
}

/* A worker has answered: the client gets as long to read as it had to send. */
static enum MHD_Result take_answer(struct request *request)
{
	peer_deadline(request->peer, clock_monotonic_ms() + server_of(request)->options.body_ms);
	return send_reply(request);
}

enum MHD_Result exchange_step(void *server, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
	const char *bytes, size_t *length, void **context)
{
	struct request *request = *context;
	(void)server;
	(void)connection;
	(void)url;
	if (!request)
		return MHD_NO;
	size_t sent = *length;
	*length = 0;
	if (sent)
		return take_body(request, bytes, sent);
	switch (request->stage) {
	case STAGE_HEAD: return take_head(request, method, version);
	case STAGE_BODY: return take_end(request);
	case STAGE_OVERFLOW: return take_overflow(request);
	case STAGE_ANSWERED: return take_answer(request);
	case STAGE_WORKING:
	case STAGE_SENT: return MHD_YES;
	}
	return MHD_NO;
}
