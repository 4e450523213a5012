/* See trickle.h. Whoever is cut comes again. */
#include "trickle.h"
#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TURN_MS 1000 /* in which each sends one byte */
#define BATCHES 50   /* so that they do not all send at once */

static int come(uint16_t port, unsigned number, unsigned per_address)
{
	struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f020001U + number / per_address) };
	struct sockaddr_in target = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&source, sizeof source))
		g_error("no socket for client %u", number);
	connect(fd, (struct sockaddr *)&target, sizeof target);
	send(fd, "GET /healthz HTTP/1.1\r\nX: ", 27, MSG_NOSIGNAL | MSG_DONTWAIT);
	return fd;
}

static void trickle(uint16_t port, unsigned clients, unsigned per_address, int ready)
{
	g_autofree int *fds = g_new(int, clients);
	for (unsigned i = 0; i < clients; i++)
		fds[i] = come(port, i, per_address);
	if (write(ready, "", 1) != 1)
		return;
	for (unsigned batch = 0;; batch++) {
		for (unsigned i = batch % BATCHES; i < clients; i += BATCHES) {
			char byte;
			ssize_t got = recv(fds[i], &byte, 1, MSG_DONTWAIT);
			if (got >= 0 || (errno != EAGAIN && errno != ENOTCONN)) {
				close(fds[i]);
				fds[i] = come(port, i, per_address);
			} else {
				send(fds[i], "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
			}
		}
		g_usleep(TURN_MS * 1000 / BATCHES);
	}
}

pid_t trickle_start(uint16_t port, unsigned clients, unsigned per_address)
{
	int ready[2];
	char byte;
	if (pipe(ready))
		g_error("no pipe");
	pid_t process = fork();
	if (process == 0) {
		struct rlimit files = { clients + 64, clients + 64 };
		if (setrlimit(RLIMIT_NOFILE, &files))
			g_error("%u connections are more than this process may have", clients);
		pin(LOAD_CPU);
		trickle(port, clients, per_address, ready[1]);
		_exit(1);
	}
	close(ready[1]);
	if (process < 0 || read(ready[0], &byte, 1) != 1)
		g_error("the trickling clients did not come");
	close(ready[0]);
	return process;
}

void trickle_stop(pid_t process)
{
	kill(process, SIGKILL);
	waitpid(process, NULL, 0);
}
