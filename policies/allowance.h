/* An allowance: so many at once, then so many a second (a token bucket). For what costs us something and nobody has paid for with a password yet. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct allowance_rules {
	int64_t burst;        /* at once */
	int64_t each_second;  /* regained */
};

/* All zero for whoever was never seen: the whole burst is theirs. */
struct allowance {
	int64_t spent_milli;  /* thousandths of one */
	int64_t at_ms;        /* when that was so */
};

/* Takes one at `now_ms`; false when nothing is left, which costs nothing more. A clock that jumps back regains nothing. */
bool allowance_take(const struct allowance_rules *rules, struct allowance *allowance, int64_t now_ms);
