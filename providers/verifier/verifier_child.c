/* One child of the verifier, seen from the gateway: started with nothing, asked, and ended without regret. */
#include "providers/verifier/verifier_internal.h"
#include "base/clock.h"
#include "base/errors.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_SOCKET 3
#define START_MS     5000 /* under sanitizers, on a busy machine */

/* Nothing of ours goes along: no descriptor but the socket, no variable, no handler, no blocked signal, no terminal (a Ctrl-C is the gateway's to see). */
static int spawn(const char *program, int socket, pid_t *ret_process)
{
	char name[] = "passerelle", verb[] = VERIFIER_VERB;
	char *const arguments[] = { name, verb, NULL }, *const environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, socket, CHILD_SOCKET);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* A child that was taken over must not be able to write lines into the gateway's log. Sanitizers write their reports there. */
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
#endif
	posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_SOCKET + 1);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	const int outcome = posix_spawn(ret_process, program, &actions, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return outcome;
}

static bool introduce(const struct child *child, const struct verifier_options *options, char **ret_sandbox, GError **error)
{
	const int64_t until_ms = clock_monotonic_ms() + START_MS;
	uint32_t word = 0;
	g_autoptr(record_t) limits = record_new(), hello = NULL;
	record_put_integer(limits, "memory_bytes", (int64_t)options->memory_bytes);
	record_put_integer(limits, "cpu_ms", options->cpu_ms);
	if (frame_write(child->socket, FRAME_READY, limits, RECORD_REQUEST_MAX, until_ms) != FRAME_DONE ||
	    frame_read(child->socket, RECORD_ANSWER_MAX, until_ms, &word, &hello) != FRAME_DONE)
		return fail(error, ERROR_INTERNAL, "the verifier's child ended before it was ready");
	if (word != FRAME_READY) {
		const char *why = record_text(hello, "why");
		return fail(error, ERROR_INTERNAL, "the verifier's child cannot be sandboxed: %s", why ? why : "it does not say why");
	}
	*ret_sandbox = g_strdup(record_text(hello, "sandbox"));
	return true;
}

struct child *child_start(const struct verifier_options *options, char **ret_sandbox, GError **error)
{
	int pair[2];
	pid_t process = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		fail(error, ERROR_INTERNAL, "socketpair: %s", g_strerror(errno));
		return NULL;
	}
	const int outcome = spawn(options->program, pair[1], &process);
	close(pair[1]);
	if (outcome != 0) {
		close(pair[0]);
		fail(error, ERROR_INTERNAL, "%s does not start: %s", options->program, g_strerror(outcome));
		return NULL;
	}
	struct child *child = g_new0(struct child, 1);
	child->process = process;
	child->socket = pair[0];
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	if (!introduce(child, options, ret_sandbox, error)) {
		child_end(child);
		return NULL;
	}
	return child;
}

int child_end(struct child *child)
{
	int status = 0;
	close(child->socket);
	kill(child->process, SIGKILL);
	while (waitpid(child->process, &status, 0) < 0 && errno == EINTR)
		;
	g_free(child);
	return status;
}

/* A child that says something unasked is not well. */
bool child_is_well(const struct child *child)
{
	struct pollfd socket = { .fd = child->socket, .events = POLLIN };
	return poll(&socket, 1, 0) == 0;
}

static enum verifier_result result_of(enum frame_result result)
{
	switch (result) {
	case FRAME_DONE:
		return VERIFIER_ANSWERED;
	case FRAME_LATE:
		return VERIFIER_TIMED_OUT;
	case FRAME_ENDED:
	case FRAME_MALFORMED:
		return VERIFIER_CRASHED;
	}
	return VERIFIER_CRASHED;
}

enum verifier_result child_ask(struct child *child, enum verifier_operation operation, const struct record *request, int64_t until_ms, struct record **ret_answer)
{
	uint32_t word = 0;
	g_autoptr(record_t) answer = NULL;
	child->messages++;
	const enum frame_result written = frame_write(child->socket, (uint32_t)operation, request, RECORD_REQUEST_MAX, until_ms);
	if (written == FRAME_MALFORMED)
		return VERIFIER_REFUSED; /* too big, and nothing was sent */
	if (written != FRAME_DONE)
		return result_of(written);
	const enum frame_result read = frame_read(child->socket, RECORD_ANSWER_MAX, until_ms, &word, &answer);
	if (read != FRAME_DONE)
		return result_of(read);
	if (word == FRAME_REFUSED)
		return VERIFIER_REFUSED;
	if (word != FRAME_ANSWERED)
		return VERIFIER_CRASHED;
	*ret_answer = g_steal_pointer(&answer);
	return VERIFIER_ANSWERED;
}
