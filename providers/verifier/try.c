/* Test builds only: what code that took a child over would try next. Each of these must be its end, or its answer must show that there was nothing to find. */
#include "providers/verifier/operations.h"
#include "providers/verifier/sandbox.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int64_t environment_found, descriptors_found;

/* What there was before the cage closed: afterwards nobody could look. */
void try_start(void)
{
	extern char **environ;
	for (char **variable = environ; variable && *variable; variable++)
		environment_found += strcmp(*variable, "TZ=UTC0") != 0; /* the one that the child gives itself (saml_library.c) */
	for (int fd = SANDBOX_SOCKET + 1; fd < 1024; fd++)
		descriptors_found += fcntl(fd, F_GETFD) >= 0;
}

static void try_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void try_open(void)
{
	open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void try_exec(void)
{
	char name[] = "true", *const arguments[] = { name, NULL }, *const environment[] = { NULL };
	execve("/bin/true", arguments, environment);
}

static void try_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void try_fork(void)
{
	syscall(SYS_fork);
}

static void try_signal(void)
{
	kill(getppid(), SIGTERM);
}

static void try_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_code_later(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void try_privileges(void)
{
	prctl(PR_SET_DUMPABLE, 1);
}

static void try_other_socket(void)
{
	send(SANDBOX_SOCKET + 1, "x", 1, 0);
}

static void try_crash(void)
{
	abort();
}

static void try_hang(void)
{
	char byte;
	while (read(SANDBOX_SOCKET, &byte, 1) > 0)
		;
}

static void try_spin(void)
{
	for (volatile unsigned turn = 0;; turn++)
		;
}

/* GLib aborts where memory ends. */
static void try_memory(void)
{
	for (;;)
		memset(g_malloc(1 << 20), 1, 1 << 20);
}

/* Half a frame that promises more, or a frame that is too long: the parent must not wait or allocate for it. */
static void try_long_frame(void)
{
	static const uint8_t head[] = { 0xff, 0xff, 0xff, 0xff, 0x61, 0x6e, 0x73, 0x77 };
	send(SANDBOX_SOCKET, head, sizeof head, 0);
	try_hang();
}

static void try_nonsense(void)
{
	static const uint8_t frame[] = { 0, 0, 0, 4, 0x61, 0x6e, 0x73, 0x77, 0, 9, 1, 2 };
	send(SANDBOX_SOCKET, frame, sizeof frame, 0);
	try_hang();
}

static void try_nothing(void)
{
}

static const struct {
	const char *name;
	void (*run)(void);
} tries[] = {
	{ "socket", try_socket }, { "open", try_open }, { "exec", try_exec }, { "ptrace", try_ptrace }, { "fork", try_fork }, { "signal", try_signal },
	{ "code", try_code }, { "code later", try_code_later }, { "privileges", try_privileges }, { "other socket", try_other_socket }, { "crash", try_crash },
	{ "hang", try_hang }, { "spin", try_spin }, { "memory", try_memory }, { "long frame", try_long_frame }, { "nonsense", try_nonsense }, { "nothing", try_nothing },
};

bool try_run(const struct record *question, struct record *answer)
{
	const char *what = record_text(question, "what");
	for (size_t i = 0; what && i < G_N_ELEMENTS(tries); i++)
		if (strcmp(tries[i].name, what) == 0) {
			tries[i].run();
			record_put_integer(answer, "survived", 1);
			record_put_integer(answer, "environment", environment_found);
			record_put_integer(answer, "descriptors", descriptors_found);
			return true;
		}
	return false;
}
