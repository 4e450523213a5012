/* The cage. Three walls, each of which would do alone against most of what an exploit wants:
 *
 *   seccomp    only memory, time and the one socket; everything else kills the process. Mandatory.
 *   Landlock   no file, no TCP, no signal to others, where the kernel has it: a second opinion should the filter have a hole.
 *   limits     no new descriptor, no file growth, no core, no process, bounded memory and processor time.
 *
 * A build with address or thread sanitizer cannot live in it: those map terabytes of shadow memory and read /proc to write their reports. There the memory limit
 * is left out and the filter lets through what they need; sockets, programs, processes and ptrace stay forbidden. The tests of the
 * cage run on a child that is built without sanitizers whatever the build (tests/verifier/meson.build).
 */
#include "providers/verifier/sandbox.h"
#include "base/errors.h"
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* --- Landlock, by raw calls: Debian 12's headers know its first version only --- */

#define LANDLOCK_VERSION_FLAG 1U

struct landlock_handled {
	uint64_t fs, net, scoped;
};

/* What each version of the kernel's interface added. All of it is handled, and no rule allows any. */
static const struct {
	int version;
	struct landlock_handled handled;
	size_t size; /* of the structure as that version knows it */
} landlock_versions[] = {
	{ 1, { .fs = (1ULL << 13) - 1 }, 8 },                                  /* all of the first version's rights on files */
	{ 2, { .fs = 1ULL << 13 }, 8 },                                        /* to move between folders */
	{ 3, { .fs = 1ULL << 14 }, 8 },                                        /* to truncate */
	{ 4, { .net = (1ULL << 2) - 1 }, 16 },                                 /* to bind and connect by TCP */
	{ 5, { .fs = 1ULL << 15 }, 16 },                                       /* device controls */
	{ 6, { .scoped = (1ULL << 2) - 1 }, 24 },                              /* abstract sockets and signals of others */
};

/* The version put on; 0 where the kernel has none. */
static int landlock_close(void)
{
	struct landlock_handled all = { 0 };
	size_t size = 0;
	const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
	for (size_t i = 0; i < G_N_ELEMENTS(landlock_versions) && landlock_versions[i].version <= version; i++) {
		all.fs |= landlock_versions[i].handled.fs;
		all.net |= landlock_versions[i].handled.net;
		all.scoped |= landlock_versions[i].handled.scoped;
		size = landlock_versions[i].size;
	}
	if (version <= 0)
		return 0;
	const int rules = (int)syscall(SYS_landlock_create_ruleset, &all, size, 0);
	const bool closed = rules >= 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	if (rules >= 0)
		close(rules);
	return closed ? (int)version : 0;
}

/* --- seccomp --- */

/* The rule of one system call. More than one of the same call: any of them lets it through. */
struct allowed {
	int call;
	unsigned conditions;
	struct scmp_arg_cmp arguments[3];
};

#define ANYWAY(name)       { .call = SCMP_SYS(name) }
#define WHERE_1(name, a)   { SCMP_SYS(name), 1, { a } }
#define WHERE_2(name, a, b)   { SCMP_SYS(name), 2, { a, b } }
#define ARGUMENT_IS(n, v)  { .arg = (n), .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)(v) }
#define ARGUMENT_WITHOUT(n, bits) { .arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = (scmp_datum_t)(bits), .datum_b = 0 }

/* Memory, but never memory that can be executed; time; the socket. No call here takes a path, an address or a process. Where an argument is a 32-bit
 * descriptor, the kernel looks at its lower half only, while the filter compares all 64 bits: a wrong upper half is refused, which is the safe side. */
static const struct allowed allowed[] = {
	WHERE_1(read, ARGUMENT_IS(0, SANDBOX_SOCKET)),
	WHERE_2(sendto, ARGUMENT_IS(0, SANDBOX_SOCKET), ARGUMENT_IS(4, 0)),
	WHERE_2(mmap, ARGUMENT_WITHOUT(2, PROT_EXEC), ARGUMENT_IS(3, MAP_PRIVATE | MAP_ANONYMOUS)),
	WHERE_2(mmap, ARGUMENT_WITHOUT(2, PROT_EXEC), ARGUMENT_IS(3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)),
	WHERE_1(mprotect, ARGUMENT_WITHOUT(2, PROT_EXEC)),
	ANYWAY(munmap),
	ANYWAY(mremap),
	ANYWAY(madvise),
	ANYWAY(brk),
	ANYWAY(futex),
	ANYWAY(getrandom), ANYWAY(getpid), /* OpenSSL blinds some curves, and its generator asks whether it was forked */
	ANYWAY(clock_gettime),
	ANYWAY(gettimeofday),
	WHERE_1(setitimer, ARGUMENT_IS(0, ITIMER_PROF)),
	ANYWAY(restart_syscall),
	ANYWAY(exit_group),
#if SANITIZED
	ANYWAY(mmap), ANYWAY(write), ANYWAY(writev), ANYWAY(openat), ANYWAY(close), ANYWAY(read), ANYWAY(pread64), ANYWAY(fstat), ANYWAY(newfstatat),
	ANYWAY(readlink), ANYWAY(ioctl), ANYWAY(lseek), ANYWAY(rt_sigaction), ANYWAY(rt_sigprocmask), ANYWAY(rt_sigreturn), ANYWAY(sigaltstack),
	ANYWAY(gettid), ANYWAY(sched_yield), ANYWAY(sched_getaffinity), ANYWAY(getrlimit), ANYWAY(prlimit64), ANYWAY(mprotect), ANYWAY(exit),
	ANYWAY(uname), ANYWAY(nanosleep), ANYWAY(clock_nanosleep),
#endif
};

/* What is told no instead of ending the process: fopen(…, "r") and stat(), which OpenSSL makes for the system's certificate authorities whenever xmlsec sets up a
 * manager of keys, and takes no for an answer. Nothing is opened or looked at; any other way of opening is still the end. */
static const struct allowed told_no[] = {
	WHERE_1(openat, ARGUMENT_IS(2, O_RDONLY)),
	WHERE_1(newfstatat, ARGUMENT_IS(3, 0)),
};

static bool refusals_fill(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < G_N_ELEMENTS(told_no) && !SANITIZED; i++)
		if (seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EACCES), told_no[i].call, told_no[i].conditions, told_no[i].arguments) != 0)
			return false;
	return true;
}

static bool filter_fill(scmp_filter_ctx filter)
{
	if (!refusals_fill(filter))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(allowed); i++)
		if (seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i].call, allowed[i].conditions, allowed[i].arguments) != 0)
			return false;
	return true;
}

static bool seccomp_close(GError **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter || !filter_fill(filter)) {
		seccomp_release(filter);
		return fail(error, ERROR_INTERNAL, "the seccomp filter cannot be built");
	}
	const int outcome = seccomp_load(filter);
	seccomp_release(filter);
	if (outcome != 0)
		return fail(error, ERROR_INTERNAL, "this kernel does not take a seccomp filter (%s)", g_strerror(-outcome));
	return true;
}

/* --- limits --- */

static bool limit(__rlimit_resource_t resource, rlim_t most)
{
	const struct rlimit both = { most, most };
	return setrlimit(resource, &both) == 0;
}

/* Bytes of address space in use. */
static uint64_t mapped_bytes(void)
{
	uint64_t pages = 0;
	char text[128] = "";
	FILE *file = fopen("/proc/self/statm", "re");
	if (file && fgets(text, sizeof text, file))
		pages = g_ascii_strtoull(text, NULL, 10);
	if (file)
		fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool limits_close(const struct sandbox_limits *limits, uint64_t mapped)
{
	if (!SANITIZED && (mapped == 0 || !limit(RLIMIT_AS, mapped + limits->memory_bytes)))
		return false;
	return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0) && limit(RLIMIT_MEMLOCK, 0) && (SANITIZED || limit(RLIMIT_NOFILE, 0));
}

/* --- the order --- */

bool sandbox_begin(GError **error)
{
	struct stat socket_of = { 0 };
	if (fstat(SANDBOX_SOCKET, &socket_of) != 0 || !S_ISSOCK(socket_of.st_mode))
		return fail(error, ERROR_INTERNAL, "descriptor %d is no socket: this verb is the gateway's own", SANDBOX_SOCKET);
	/* A death of the parent between its fork and this line is seen as the end of the socket. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
		return fail(error, ERROR_INTERNAL, "prctl: %s", g_strerror(errno));
	/* The parent has closed all others already. */
	if (close_range(SANDBOX_SOCKET + 1, ~0U, 0) != 0)
		return fail(error, ERROR_INTERNAL, "close_range: %s", g_strerror(errno));
	/* LASSO_FLAG, LDAPNOINIT, OPENSSL_CONF, XML_CATALOG_FILES: the parent passed none, and whoever starts this by hand passes none either. */
	clearenv();
	umask(077);
	return true;
}

bool sandbox_close(const struct sandbox_limits *limits, char **ret_level, GError **error)
{
	const uint64_t mapped = mapped_bytes(); /* behind the first wall there is no /proc, behind the second no descriptor for Landlock */
	const int landlock = landlock_close();
	if (!limits_close(limits, mapped))
		return fail(error, ERROR_INTERNAL, "setrlimit: %s", g_strerror(errno));
	if (!seccomp_close(error))
		return false;
	*ret_level = landlock ? g_strdup_printf("seccomp, landlock %d", landlock) : g_strdup("seccomp");
	return true;
}

void sandbox_allow_cpu(int64_t cpu_ms)
{
	const struct itimerval until = { .it_value = { .tv_sec = cpu_ms / 1000, .tv_usec = cpu_ms % 1000 * 1000 } };
	setitimer(ITIMER_PROF, &until, NULL);
}
