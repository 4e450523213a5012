/* Throttling of sign-ins, per bucket (account from unknown devices, account from a known device, address). Locks are soft: they end by themselves and
 * double each time (SECURITY LG-2, LG-3). An attempt is counted as a failure before the hash; success gives it back. */
#pragma once
#include "policies/decision.h"
#include <stdint.h>

struct throttle_rules {
	unsigned failures;
	int64_t window_ms, lock_ms;
};

/* One bucket as stored; all zero for a new one. */
struct throttle_state {
	int64_t window_start_ms;
	int64_t failures;
	int64_t locked_until_ms;
	int64_t locks; /* in a row, for the doubling */
};

/* Counts one attempt at `now_ms`: returns OK when it may go on, LOCKED otherwise; *state is what to store either way. The attempt that reaches
 * the limit still goes on and closes the lock behind it. A lock is at most 24 h; the row of locks is forgotten after a quiet day. */
enum reason throttle_count(const struct throttle_rules *rules, struct throttle_state *state, int64_t now_ms);
/* After a right password: what to store. */
void throttle_forgive(struct throttle_state *state);
