/* See asking.h. */
#include "tests/login/asking.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 20

/* The question under way: one at a time. */
static struct {
	pthread_mutex_t lock;
	const struct gateway *gateway;
	const struct question *question;
	bool done;
} under_way = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void handle(struct request *request, struct reply *reply, void *context)
{
	(void)context;
	pthread_mutex_lock(&under_way.lock);
	struct call *call = call_new(under_way.gateway, tenant_ref(under_way.question->tenant), request);
	call->reply = reply;
	under_way.question->work(call, under_way.question->data);
	call_free(call);
	under_way.done = true;
	pthread_mutex_unlock(&under_way.lock);
	reply_status(reply, 200);
	reply_body(reply, "text/plain", "done", 4);
}

static const struct http_endpoint *match(void *data, struct request *request, struct reply *refusal, void **ret_context)
{
	static const struct http_endpoint endpoint = { .methods = METHOD_GET, .handle = handle };
	(void)data, (void)request, (void)refusal;
	*ret_context = NULL;
	return &endpoint;
}

static void refuse(void *data, struct request *request, struct reply *reply, enum error_code code, const char *detail)
{
	(void)data, (void)request;
	reply_status(reply, error_http_status(code));
	reply_body(reply, "text/plain", detail ? detail : "", detail ? strlen(detail) : 0);
}

int asking_setup(void **state)
{
	static const char *const proxies[] = { "127.0.0.1/32", NULL };
	struct asking *asking = g_new0(struct asking, 1);
	void *bench = NULL;
	g_autoptr(GError) error = NULL;

	bench_setup(&bench);
	asking->bench = bench;
	g_autofree char *socket_path = g_strconcat("unix:", asking->bench->folder, "/socket", NULL);
	const char *const listen[] = { "127.0.0.1:0", socket_path, NULL };
	asking->gateway = (struct gateway){ .store = asking->bench->store, .cache = asking->bench->cache, .keys = asking->bench->keys,
		.base_url = "https://gateway.example", .base_authority = "gateway.example" };
	struct http_options options = { .listen = listen, .trusted_proxies = proxies, .worker_threads = 1 };
	asking->server = http_server_start(&options, &(struct http_app){ .match = match, .refuse = refuse }, &error);
	if (!asking->server)
		fail_msg("%s", error->message);
	*state = asking;
	return 0;
}

int asking_teardown(void **state)
{
	struct asking *asking = *state;
	void *bench = asking->bench;

	assert_true(http_server_stop(asking->server, PATIENCE_S * 1000));
	bench_teardown(&bench);
	g_free(asking);
	return 0;
}

/* --- the client --- */

static int connect_unix(const struct asking *asking)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_autofree char *path = g_build_filename(asking->bench->folder, "socket", NULL);
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static int connect_tcp(const struct asking *asking)
{
	const char *port = strrchr(http_server_address(asking->server, 0), ':');
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)g_ascii_strtoull(port + 1, NULL, 10)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static char *exchange(const struct asking *asking, const char *address, const char *text)
{
	GString *answer = g_string_new(NULL);
	int fd = address ? connect_tcp(asking) : connect_unix(asking);
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	char bytes[4096];
	ssize_t length;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	while ((length = recv(fd, bytes, sizeof bytes, 0)) > 0)
		g_string_append_len(answer, bytes, length);
	assert_int_equal(length, 0);
	close(fd);
	return g_string_free(answer, FALSE);
}

static char *cookie_of(const char *answer)
{
	const char *start = strstr(answer, "Set-Cookie: ");

	start = start ? start + strlen("Set-Cookie: ") : NULL;
	return start ? g_strndup(start, strcspn(start, ";\r\n")) : NULL;
}

char *ask(struct asking *asking, const struct question *question)
{
	g_autoptr(GString) text = g_string_new("GET /sign-in HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n");

	if (question->cookie)
		g_string_append_printf(text, "Cookie: %s\r\n", question->cookie);
	if (question->address)
		g_string_append_printf(text, "X-Forwarded-For: %s\r\n", question->address);
	g_string_append(text, "\r\n");
	pthread_mutex_lock(&under_way.lock);
	under_way.gateway = &asking->gateway;
	under_way.question = question;
	under_way.done = false;
	pthread_mutex_unlock(&under_way.lock);
	g_autofree char *answer = exchange(asking, question->address, text->str);
	pthread_mutex_lock(&under_way.lock);
	bool done = under_way.done;
	pthread_mutex_unlock(&under_way.lock);
	if (!done || !g_str_has_prefix(answer, "HTTP/1.1 200"))
		fail_msg("the server said: %s", answer);
	return cookie_of(answer);
}
