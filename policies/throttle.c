/* One throttling bucket.
 *
 *	open ──(attempt)──> open, failures + 1 ──(the limit is reached)──> locked, for twice as long as the time before
 *	  ^                      │ success gives its attempt back             │ the lock ends: failures start again, the row of locks is remembered
 *	  └──(window is over)────┘<───────────────────────────────────────────┘ until a day has passed without one
 *
 * While a lock that these failures closed holds, and after it, failures stay at what closed it and locked_until_ms keeps its end.
 */
#include "policies/throttle.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

static int64_t lock_length_ms(const struct throttle_rules *rules, int64_t locks)
{
	int64_t length = rules->lock_ms > 0 && rules->lock_ms < DAY_MS ? rules->lock_ms : DAY_MS;

	for (int64_t i = 1; i < locks && length < DAY_MS; i++)
		length *= 2;
	return length < DAY_MS ? length : DAY_MS;
}

/* The lock, present or past, was closed by the failures now counted. */
static bool lock_is_of_window(const struct throttle_state *state)
{
	return state->locked_until_ms > state->window_start_ms;
}

static void window_open_if_due(const struct throttle_rules *rules, struct throttle_state *state, int64_t now_ms)
{
	if (state->locks > 0 && now_ms - state->locked_until_ms >= DAY_MS) {
		state->locks = 0;
		state->locked_until_ms = 0;
	}
	if (state->failures > 0 && !lock_is_of_window(state) && now_ms - state->window_start_ms < rules->window_ms)
		return;
	state->window_start_ms = now_ms;
	state->failures = 0;
}

enum reason throttle_count(const struct throttle_rules *rules, struct throttle_state *state, int64_t now_ms)
{
	/* Rules that were never read lock. */
	if (rules->failures == 0)
		return REASON_LOCKED;
	/* A lock that ends later than any lock can was made before the clock was set back: it may not last for years. */
	if (state->locked_until_ms > now_ms + DAY_MS)
		state->locked_until_ms = now_ms + DAY_MS;
	if (state->locked_until_ms > now_ms)
		return REASON_LOCKED;
	window_open_if_due(rules, state, now_ms);
	state->failures++;
	if (state->failures >= rules->failures) {
		state->locks++;
		state->locked_until_ms = now_ms + lock_length_ms(rules, state->locks);
	}
	return REASON_OK;
}

/* One attempt, not the bucket: an attacker with an account of his own would wipe his address's failures with every ninth sign-in. */
void throttle_forgive(struct throttle_state *state)
{
	if (state->failures > 0)
		state->failures--;
	if (!lock_is_of_window(state))
		return;
	/* Without this attempt the limit is not reached. The end of the lock before is no longer known; the window began after it. */
	state->locks = state->locks > 0 ? state->locks - 1 : 0;
	state->locked_until_ms = state->locks > 0 ? state->window_start_ms : 0;
}
