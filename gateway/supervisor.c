/* One datagram to the socket that $NOTIFY_SOCKET names; "@" stands for the abstract one. Nobody waits for an answer: there is none. */
#include "gateway/supervisor.h"

#include "base/clock.h"

#include <glib.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char *message_of(enum standing standing)
{
	switch (standing) {
	case STANDING_READY:
		return g_strdup("READY=1");
	case STANDING_RELOADING:
		return g_strdup_printf("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, clock_monotonic_ns() / 1000);
	case STANDING_STOPPING:
		return g_strdup("STOPPING=1");
	}
	return NULL;
}

void supervisor_tell(enum standing standing)
{
	const char *path = g_getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = path ? strlen(path) : 0;
	if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	int from = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	g_autofree char *message = message_of(standing);
	if (from < 0)
		return;
	sendto(from, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(from);
}
