/* Between verifier.c and verifier_child.c only: one child as its parent holds it. */
#pragma once
#include "providers/verifier/frame.h"
#include "providers/verifier/verifier.h"
#include <sys/types.h>

struct child {
	struct child *next;      /* in the stack of idle ones */
	pid_t process;
	int socket;              /* non-blocking */
	unsigned messages;
	int64_t idle_since_ms;
};

/* Starts one and waits for its first frame. *ret_sandbox as it says. From a thread that outlives the child: the kernel ends a child with the thread that
 * made it. NULL with *error. */
struct child *child_start(const struct verifier_options *options, char **ret_sandbox, GError **error);
/* Kills, waits for the end, frees. The wait status. */
int child_end(struct child *child);
/* Whether an idle one is still there and silent. */
bool child_is_well(const struct child *child);
enum verifier_result child_ask(struct child *child, enum verifier_operation operation, const struct record *request, int64_t until_ms, struct record **ret_answer);
