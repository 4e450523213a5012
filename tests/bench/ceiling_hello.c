/* The HTTP ceiling: libmicrohttpd alone. A reply object is made for each answer, as any service whose answers differ must; it has one header. */
#include "ceilings.h"
#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* As gateway/http/accept.c: a thread for each processor there is, here one, and never 128 connections on it. */
#define CONNECTIONS 120U
#define BODY_MAX 8192

static char body[BODY_MAX];

static enum MHD_Result answer(void *data, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
	const char *bytes, size_t *length, void **context)
{
	static int seen;
	(void)data, (void)method, (void)version, (void)bytes;
	if (!*context) {
		*context = &seen;
		return MHD_YES;
	}
	if (*length) {
		*length = 0;
		return MHD_YES;
	}
	size_t size = MIN(strtoul(url + 1, NULL, 10), BODY_MAX);
	struct MHD_Response *response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", "application/json");
	enum MHD_Result queued = MHD_queue_response(connection, 200, response);
	MHD_destroy_response(response);
	return queued;
}

pid_t hello_start(uint16_t port, int cpu)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(cpu);
	memset(body, 'x', sizeof body);
	memcpy(body, "{\"hello\":\"", 10);
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, port, NULL, NULL, answer, NULL,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32 * 1024, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (!daemon)
		_exit(1);
	for (;;)
		pause();
}
