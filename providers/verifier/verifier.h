/* The verifier: what foreigners signed is read in a child process that can do nothing but read it (DESIGN section 6).
 *
 *     caller ──verifier_ask──> idle child or a place in the queue ──frame──> child: operation ──frame──> answer, read strictly
 *                                                                    └─ crash, hang, full memory: killed, this call has failed, a new child is started
 *
 * Children are this same program, started by a thread of the verifier's own with an empty environment and one socket. Before it reads its first byte a child has
 * taken from itself files, network, new processes and privileges (sandbox.h); it says so in its first frame, and without a seccomp filter it does not work at all.
 * Every call blocks: workers only.
 */
#pragma once
#include "providers/verifier/record.h"

enum verifier_operation {
	OPERATION_NONE = 0,
	OPERATION_TOKEN_CHECK,
	OPERATION_KEYS_CHECK,
	OPERATION_SAML_RESPONSE,
	OPERATION_SAML_LOGOUT,
	OPERATION_SAML_METADATA,
#ifdef PASSERELLE_TEST_BUILD
	OPERATION_TRY, /* the child tries what it may not do: tests only */
#endif
};

enum verifier_result {
	VERIFIER_UNAVAILABLE = 0, /* no child in time, or none can be started here (said in the process log) */
	VERIFIER_ANSWERED,
	VERIFIER_CRASHED,         /* the child died over this message or broke the protocol */
	VERIFIER_TIMED_OUT,       /* the message took longer than the limit, or than the caller's deadline */
	VERIFIER_REFUSED,         /* the request is too big, or the child would not take it */
};
const char *verifier_result_name(enum verifier_result result);

/* Zero: the default. */
struct verifier_options {
	const char *program;     /* /proc/self/exe */
	unsigned children;       /* at most, 4; one is always kept, the others as long as they have work */
	unsigned starts_per_s;   /* 20, after a burst of as many */
	size_t memory_bytes;     /* what one child may take beyond what it has when it is ready: 64 MiB */
	int64_t cpu_ms;          /* processor time of one message: 1,000 */
	int64_t message_ms;      /* wall clock of one message: 2,000 */
};

struct verifier;

/* Starts the thread that starts children, and returns; the first child is ready some 10 ms later. Safe in a process that has threads. NULL with *error where
 * a thread or the program cannot be had. */
struct verifier *verifier_new(const struct verifier_options *options, GError **error);
/* Ends all children. Nobody may be asking. Takes NULL. */
void verifier_free(struct verifier *verifier);
typedef struct verifier verifier_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(verifier_t, verifier_free)

/* Waits for the first child. True with what it has put on ("seccomp, landlock 4") for the line at start; false with *error where children cannot be
 * sandboxed here or do not start. *ret_sandbox is the caller's. */
bool verifier_await(struct verifier *verifier, int64_t deadline_ms, char **ret_sandbox, GError **error);

/* Asks one question, from any thread. *ret_answer with VERIFIER_ANSWERED only; the caller owns it. deadline_ms: monotonic, the queue included. */
enum verifier_result verifier_ask(struct verifier *verifier, enum verifier_operation operation, const struct record *request, int64_t deadline_ms,
                                  struct record **ret_answer);

struct verifier_counts {
	unsigned children, idle, waiting;
	uint64_t started, answered, crashed, timed_out, refused, unavailable;
};
struct verifier_counts verifier_counts(struct verifier *verifier);
#ifdef PASSERELLE_TEST_BUILD
/* The process of an idle child, 0: none. */
int verifier_idle_process(struct verifier *verifier);
#endif

/* The word after the program's name that makes it a verifier's child, and what it then does instead of everything else. Never called by people. */
#define VERIFIER_VERB "verifier-child"
int verifier_main(void);
