/* What a child takes from itself before it reads its first byte. Order: sandbox_begin, the libraries' own start, sandbox_close. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SANDBOX_SOCKET 3 /* the one descriptor that stays */

struct sandbox_limits {
	uint64_t memory_bytes; /* beyond what is mapped when the door closes */
};

/* Privileges, core dumps, other descriptors, the environment, and dying with the parent. */
bool sandbox_begin(GError **error);
/* Limits, Landlock, seccomp. *ret_level is what was put on, the caller's. False where the filter cannot be had: the child must not work then. */
bool sandbox_close(const struct sandbox_limits *limits, char **ret_level, GError **error);
/* From here, processor time of this process beyond cpu_ms is death; 0: no limit. */
void sandbox_allow_cpu(int64_t cpu_ms);
