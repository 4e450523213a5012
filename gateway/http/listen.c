/* The sockets we listen on: TCP, unix, or inherited from a supervisor. Accepting is accept.c's. */
#include "gateway/http/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static bool fail_errno(GError **error, const char *where, const char *what)
{
	return fail(error, ERROR_INTERNAL, "cannot listen on %s: %s: %s", where, what, g_strerror(errno));
}

static bool bind_and_listen(struct listener *listener, const char *where, const struct sockaddr *address, socklen_t length, GError **error)
{
	int on = 1;
	listener->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return fail_errno(error, where, "socket");
	if (address->sa_family != AF_UNIX && setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
		return fail_errno(error, where, "SO_REUSEADDR");
	if (address->sa_family == AF_INET6 && setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		return fail_errno(error, where, "IPV6_V6ONLY");
	if (bind(listener->fd, address, length) < 0)
		return fail_errno(error, where, "bind");
	return listen(listener->fd, BACKLOG) == 0 || fail_errno(error, where, "listen");
}

/* "host:port" with the port that the system gave. */
static bool name_socket(struct listener *listener, const char *where, GError **error)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	char host[NI_MAXHOST], port[NI_MAXSERV];
	if (getsockname(listener->fd, (struct sockaddr *)&address, &length) < 0)
		return fail_errno(error, where, "getsockname");
	listener->local = address.ss_family == AF_UNIX;
	if (listener->local) {
		listener->address = g_strdup(where);
		return true;
	}
	if (getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
		return fail(error, ERROR_INTERNAL, "cannot listen on %s: it has no address", where);
	listener->address = g_strdup_printf(address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return true;
}

static bool open_tcp(struct listener *listener, const char *where, GError **error)
{
	const char *colon = strrchr(where, ':');
	bool bracketed = where[0] == '[';
	if (!colon || colon == where || (bracketed && colon[-1] != ']') || (!bracketed && memchr(where, ':', (size_t)(colon - where))))
		return fail(error, ERROR_MALFORMED, "cannot listen on %s: expected host:port, [address]:port, unix:/path or fd:number", where);
	guint64 port;
	if (!g_ascii_string_to_unsigned(colon + 1, 10, 0, 65535, &port, NULL))
		return fail(error, ERROR_MALFORMED, "cannot listen on %s: a port is a number up to 65535", where);
	g_autofree char *host = bracketed ? g_strndup(where + 1, (size_t)(colon - where) - 2) : g_strndup(where, (size_t)(colon - where));
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *found = NULL;
	int failed = getaddrinfo(host, colon + 1, &hints, &found);
	if (failed)
		return fail(error, ERROR_MALFORMED, "cannot listen on %s: %s", where, gai_strerror(failed));
	bool opened = bind_and_listen(listener, where, found->ai_addr, found->ai_addrlen, error);
	freeaddrinfo(found);
	return opened && name_socket(listener, where, error);
}

/* A socket file that nobody answers on was left by a crash. */
static void remove_stale(const struct sockaddr_un *address)
{
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED)
		unlink(address->sun_path);
	if (probe >= 0)
		close(probe);
}

static bool open_unix(struct listener *listener, const char *where, const char *path, GError **error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (path[0] != '/' || strlen(path) >= sizeof address.sun_path)
		return fail(error, ERROR_MALFORMED, "cannot listen on %s: expected an absolute path of at most %zu bytes", where, sizeof address.sun_path - 1);
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	remove_stale(&address);
	if (!bind_and_listen(listener, where, (struct sockaddr *)&address, sizeof address, error))
		return false;
	listener->unix_path = g_strdup(path);
	/* The proxy is another user, in our group; who may reach the folder is for its owner to say. */
	if (chmod(path, 0660) < 0)
		return fail_errno(error, where, "chmod");
	return name_socket(listener, where, error);
}

/* Socket activation: the descriptor is ours from now on. */
static bool open_inherited(struct listener *listener, const char *where, const char *number, GError **error)
{
	guint64 fd;
	int listening = 0;
	socklen_t length = sizeof listening;
	if (!g_ascii_string_to_unsigned(number, 10, 3, 65535, &fd, NULL))
		return fail(error, ERROR_MALFORMED, "cannot listen on %s: expected a descriptor's number from 3", where);
	if (getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0 || !listening)
		return fail(error, ERROR_MALFORMED, "cannot listen on %s: it is not a listening socket", where);
	listener->fd = (int)fd;
	if (fcntl(listener->fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(listener->fd, F_SETFL, fcntl(listener->fd, F_GETFL) | O_NONBLOCK) < 0)
		return fail_errno(error, where, "fcntl");
	return name_socket(listener, where, error);
}

bool listener_open(struct listener *listener, const char *where, GError **error)
{
	if (g_str_has_prefix(where, "unix:"))
		return open_unix(listener, where, where + 5, error);
	if (g_str_has_prefix(where, "fd:"))
		return open_inherited(listener, where, where + 3, error);
	return open_tcp(listener, where, error);
}

void listener_close(struct listener *listener)
{
	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = -1;
	if (listener->unix_path)
		unlink(listener->unix_path);
	g_clear_pointer(&listener->unix_path, g_free);
}
