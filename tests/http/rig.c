#include "rig.h"
#include "base/clock.h"
#include "subjects.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static _Atomic unsigned handled, released;
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_closed;
static unsigned gate_waiting;

int64_t now_ms(void)
{
	return clock_monotonic_ms();
}

/* The gate */

void gate_close(void)
{
	pthread_mutex_lock(&gate_lock);
	gate_closed = true;
	pthread_mutex_unlock(&gate_lock);
}

void gate_open(void)
{
	pthread_mutex_lock(&gate_lock);
	gate_closed = false;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate_lock);
}

static void gate_pass(void)
{
	pthread_mutex_lock(&gate_lock);
	gate_waiting++;
	pthread_cond_broadcast(&gate_moved);
	while (gate_closed)
		pthread_cond_wait(&gate_moved, &gate_lock);
	gate_waiting--;
	pthread_mutex_unlock(&gate_lock);
}

void gate_await(unsigned count)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	int failed = 0;
	pthread_mutex_lock(&gate_lock);
	while (gate_waiting < count && !failed)
		failed = pthread_cond_timedwait(&gate_moved, &gate_lock, &until);
	pthread_mutex_unlock(&gate_lock);
	assert_int_equal(failed, 0);
}

/* The app */

static void handle_hello(struct request *request, struct reply *reply, void *context)
{
	(void)request;
	(void)context;
	atomic_fetch_add(&handled, 1);
	reply_status(reply, 200);
	reply_body(reply, "text/plain", "hello", 5);
}

static void handle_echo(struct request *request, struct reply *reply, void *context)
{
	(void)context;
	atomic_fetch_add(&handled, 1);
	size_t length;
	const char *body = request_body(request, &length);
	reply_status(reply, 200);
	reply_body(reply, "application/octet-stream", body, length);
}

static void handle_form(struct request *request, struct reply *reply, void *context)
{
	(void)context;
	atomic_fetch_add(&handled, 1);
	const struct form *form = request_form(request);
	g_autofree char *text = g_strdup_printf("%zu %s", form_size(form), form_get(form, "a") ? form_get(form, "a") : "-");
	reply_status(reply, 200);
	reply_body(reply, "text/plain", text, strlen(text));
}

static void handle_work(struct request *request, struct reply *reply, void *context)
{
	(void)context;
	atomic_fetch_add(&handled, 1);
	gate_pass();
	reply_status(reply, 200);
	reply_body(reply, "text/plain", request_query_text(request), strlen(request_query_text(request)));
}

static void handle_silent(struct request *request, struct reply *reply, void *context)
{
	(void)request;
	(void)reply;
	(void)context;
}

static void handle_facts(struct request *request, struct reply *reply, void *context)
{
	(void)context;
	atomic_fetch_add(&handled, 1);
	bool repeated;
	const char *one = request_header(request, "x-one", &repeated);
	const struct form *query = request_query(request);
	g_autoptr(json_t) facts = json_pack("{s:i s:s s:s s:s s:s s:s s:s? s:b s:s? s:b s:b s:b s:b}", "method", (int)request_method(request),
		"path", request_path(request), "host", request_host(request), "query", request_query_text(request), "address", request_address(request),
		"agent", request_user_agent(request), "one", one, "repeated", repeated, "cookie", request_cookie(request, "c"), "query_ok", query != NULL,
		"reference_same", strlen(request_reference(request)) == 10 && request_reference(request) == request_reference(request),
		"time_ok", ABS(request_time_ms(request) - clock_now_ms()) < 10000,
		"deadline_ok", request_deadline_ms(request) > clock_monotonic_ms());
	g_assert(facts);
	reply_json(reply, 200, facts);
}

static void handle_reply(struct request *request, struct reply *reply, void *context)
{
	(void)request;
	(void)context;
	static const char page[] = "shared";
	reply_body_take(reply, "text/plain", g_strdup("dropped"), 7);
	g_autoptr(GBytes) bytes = g_bytes_new_static(page, sizeof page - 1);
	reply_body_shared(reply, "text/html; charset=utf-8", bytes);
	reply_status(reply, 203);
	reply_header(reply, "cache-control", "max-age=60");
	reply_header(reply, "X-Thing", "old");
	reply_header_add(reply, "X-Thing", "older");
	reply_header(reply, "x-thing", "new");
	reply_cookie(reply, &(struct cookie){ .name = "__Host-a", .value = "v1", .path = "/", .max_age_s = 60, .secure = true });
	reply_cookie(reply, &(struct cookie){ .name = "b", .path = "/t/acme", .same_site_none = true, .secure = true });
	reply_cookie(reply, &(struct cookie){ .name = "s", .value = "", .path = "/" });
}

static void handle_redirect(struct request *request, struct reply *reply, void *context)
{
	(void)request;
	(void)context;
	reply_body(reply, "text/plain", "gone", 4);
	reply_redirect(reply, 303, "https://app.example/cb?code=x&state=y");
}

static void handle_long(struct request *request, struct reply *reply, void *context)
{
	(void)request;
	(void)context;
	atomic_fetch_add(&handled, 1);
	g_autofree char *url = g_strnfill(LONG_HEADER, 'u');
	reply_redirect(reply, 303, url);
}

/* More than a socket's buffers hold. */
static void handle_large(struct request *request, struct reply *reply, void *context)
{
	(void)request;
	(void)context;
	atomic_fetch_add(&handled, 1);
	reply_status(reply, 200);
	reply_body_take(reply, "application/octet-stream", g_malloc0(LARGE_BODY), LARGE_BODY);
}

/* Says who may ask when it is asked so. */
static void handle_open(struct request *request, struct reply *reply, void *context)
{
	(void)context;
	atomic_fetch_add(&handled, 1);
	bool denied = !strcmp(request_query_text(request), "denied");
	reply_status(reply, denied ? 401 : 200);
	if (denied)
		reply_header(reply, "WWW-Authenticate", "Bearer realm=\"here\"");
	reply_body(reply, "text/plain", "open", 4);
}

static enum plan plan_worker(const struct request *request, void *context)
{
	(void)request;
	(void)context;
	return PLAN_WORKER;
}

/* As /token does: it depends on what was posted. */
static enum plan plan_by_form(const struct request *request, void *context)
{
	(void)context;
	return form_get(request_form(request), "wait") ? PLAN_WORKER : PLAN_INLINE;
}

static const struct { const char *path; struct http_endpoint endpoint; } ROUTES[] = {
	{ "/hello", { .methods = METHOD_GET | METHOD_POST, .handle = handle_hello } },
	{ "/echo", { .methods = METHOD_POST | METHOD_PUT, .handle = handle_echo } },
	{ "/small", { .methods = METHOD_POST, .body_max = 100, .handle = handle_echo } },
	{ "/form", { .methods = METHOD_POST, .takes_form = true, .plan = plan_by_form, .handle = handle_form } },
	{ "/work", { .methods = METHOD_GET | METHOD_POST, .plan = plan_worker, .handle = handle_work } },
	{ "/silent", { .methods = METHOD_GET, .handle = handle_silent } },
	{ "/facts", { .methods = METHOD_GET | METHOD_DELETE, .handle = handle_facts } },
	{ "/reply", { .methods = METHOD_GET, .handle = handle_reply } },
	{ "/redirect", { .methods = METHOD_GET, .handle = handle_redirect } },
	{ "/large", { .methods = METHOD_GET, .handle = handle_large } },
	{ "/long", { .methods = METHOD_GET, .handle = handle_long } },
	{ "/open", { .methods = METHOD_GET | METHOD_POST, .body_max = 100, .takes_form = true, .cross_origin = true, .handle = handle_open } },
	{ "/open/silent", { .methods = METHOD_GET, .cross_origin = true, .handle = handle_silent } },
	{ "/open/work", { .methods = METHOD_GET, .cross_origin = true, .plan = plan_worker, .handle = handle_work } },
};

static char context_mark;

static const struct http_endpoint *match(void *data, struct request *request, struct reply *refusal, void **ret_context)
{
	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(ROUTES); i++)
		if (!strcmp(ROUTES[i].path, request_path(request))) {
			*ret_context = &context_mark;
			return &ROUTES[i].endpoint;
		}
	reply_status(refusal, 404);
	reply_body(refusal, "text/plain", "nothing here", 12);
	return NULL;
}

static void refuse(void *data, struct request *request, struct reply *reply, enum error_code code, const char *detail)
{
	(void)data;
	g_autofree char *text = g_strdup_printf("%s %s %s", error_name(code), request_reference(request), detail ? detail : "-");
	reply_status(reply, error_http_status(code));
	reply_body(reply, "text/plain", text, strlen(text));
}

static void release(void *data, void *context)
{
	(void)data;
	g_assert(context == &context_mark);
	atomic_fetch_add(&released, 1);
}

unsigned rig_handled(void)
{
	return atomic_load(&handled);
}

unsigned rig_released(void)
{
	return atomic_load(&released);
}

struct http_options rig_options(void)
{
	static const char *const listen[] = { "127.0.0.1:0", NULL };
	return (struct http_options){ .listen = listen, .connections = 960, .per_address = 960, .header_bytes = 32 * 1024, .body_bytes = 64 * 1024,
		.worker_threads = 4, .head_ms = 10000, .body_ms = 10000, .handle_ms = 10000, .idle_ms = 20000, .queue_ms = 5000 };
}

void rig_start(struct rig *rig, const struct http_options *options)
{
	struct http_app app = { .match = match, .refuse = refuse, .release = release };
	g_autoptr(GError) error = NULL;
	atomic_store(&handled, 0);
	atomic_store(&released, 0);
	gate_open();
	rig->server = http_server_start(options, &app, &error);
	if (!rig->server)
		fail_msg("%s", error->message);
}

void rig_start_plain(struct rig *rig)
{
	struct http_options options = rig_options();
	rig_start(rig, &options);
}

void rig_stop(struct rig *rig)
{
	assert_true(http_server_stop(rig->server, PATIENCE_MS));
}

void rig_await(const struct rig *rig, size_t figure_offset, uint64_t value)
{
	int64_t until_ms = now_ms() + PATIENCE_MS;
	for (;;) {
		struct http_figures figures = http_server_figures(rig->server);
		uint64_t figure;
		memcpy(&figure, (const char *)&figures + figure_offset, sizeof figure);
		if (figure >= value)
			return;
		assert_true(now_ms() < until_ms);
		poll(NULL, 0, 1);
	}
}

void rig_await_quiet(const struct rig *rig)
{
	int64_t until_ms = now_ms() + PATIENCE_MS;
	while (http_server_figures(rig->server).under_way) {
		assert_true(now_ms() < until_ms);
		poll(NULL, 0, 1);
	}
}

/* The client */

struct client *client_try(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *colon = strrchr(address, ':');
	g_autofree char *host = g_strndup(address, (size_t)(colon - address));
	to.sin_port = htons((uint16_t)g_ascii_strtoull(colon + 1, NULL, 10));
	assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		return NULL;
	}
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* pieces must travel as pieces */
	struct client *client = g_new0(struct client, 1);
	client->fd = fd;
	client->received = g_string_new(NULL);
	return client;
}

struct client *client_open(const struct rig *rig)
{
	struct client *client = client_try(http_server_address(rig->server, 0));
	assert_non_null(client);
	return client;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	close(client->fd);
	g_string_free(client->received, TRUE);
	g_free(client);
}

bool client_send_bytes(struct client *client, const void *bytes, size_t length)
{
	for (size_t sent = 0; sent < length;) {
		ssize_t more = send(client->fd, (const char *)bytes + sent, length - sent, MSG_NOSIGNAL);
		if (more < 0)
			return false;
		sent += (size_t)more;
	}
	return true;
}

void client_send(struct client *client, const char *text)
{
	assert_true(client_send_bytes(client, text, strlen(text)));
}

/* False at the end of the stream. */
static bool client_receive(struct client *client)
{
	char bytes[16384];
	struct pollfd ready = { .fd = client->fd, .events = POLLIN };
	int found = poll(&ready, 1, PATIENCE_MS);
	if (found != 1)
		fail_msg("nothing came within %d ms; so far: %s", PATIENCE_MS, client->received->str);
	ssize_t length = recv(client->fd, bytes, sizeof bytes, 0);
	if (length <= 0)
		return false;
	g_string_append_len(client->received, bytes, length);
	return true;
}

char *answer_header(const struct answer *answer, const char *name)
{
	static char value[1024];
	g_auto(GStrv) lines = g_strsplit(answer->head, "\r\n", -1);
	size_t length = strlen(name);
	for (size_t i = 1; lines[i]; i++)
		if (!g_ascii_strncasecmp(lines[i], name, length) && lines[i][length] == ':') {
			g_strlcpy(value, g_strstrip(lines[i] + length + 1), sizeof value);
			return value;
		}
	return NULL;
}

static struct answer *answer_read(struct client *client, bool with_body)
{
	struct answer *answer = g_new0(struct answer, 1);
	char *end;
	while (!(end = strstr(client->received->str, "\r\n\r\n")))
		if (!client_receive(client)) {
			answer->head = g_strdup("");
			answer->body = g_strdup("");
			return answer;
		}
	size_t head = (size_t)(end - client->received->str) + 4;
	answer->head = g_strndup(client->received->str, head);
	assert_true(g_str_has_prefix(answer->head, "HTTP/1.1 ") || g_str_has_prefix(answer->head, "HTTP/1.0 "));
	answer->status = (unsigned)g_ascii_strtoull(answer->head + 9, NULL, 10);
	const char *length_text = answer_header(answer, "Content-Length");
	size_t length = with_body && length_text ? (size_t)g_ascii_strtoull(length_text, NULL, 10) : 0;
	while (client->received->len < head + length)
		if (!client_receive(client))
			fail_msg("the body was cut short");
	answer->body = g_strndup(client->received->str + head, length);
	g_string_erase(client->received, 0, (gssize)(head + length));
	return answer;
}

struct answer *client_answer(struct client *client)
{
	return answer_read(client, true);
}

struct answer *client_answer_to_head(struct client *client)
{
	return answer_read(client, false);
}

struct answer *client_ask(struct client *client, const char *text)
{
	client_send(client, text);
	return client_answer(client);
}

void answer_free(struct answer *answer)
{
	if (!answer)
		return;
	g_free(answer->head);
	g_free(answer->body);
	g_free(answer);
}

bool client_is_closed(struct client *client)
{
	char byte;
	struct pollfd ready = { .fd = client->fd, .events = POLLIN };
	if (client->received->len || poll(&ready, 1, PATIENCE_MS) != 1)
		return false;
	return recv(client->fd, &byte, 1, 0) <= 0;
}

bool client_drain(struct client *client)
{
	char bytes[4096];
	struct pollfd ready = { .fd = client->fd, .events = POLLIN };
	while (poll(&ready, 1, PATIENCE_MS) == 1) {
		ssize_t length = recv(client->fd, bytes, sizeof bytes, 0);
		if (length <= 0)
			return true;
		g_string_append_len(client->received, bytes, length);
	}
	return false;
}
