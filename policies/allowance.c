/* What is kept is what was spent, so that a zeroed record is a full allowance. */
#include "policies/allowance.h"

#define ONE 1000

static int64_t regained_milli(const struct allowance_rules *rules, const struct allowance *allowance, int64_t now_ms)
{
	int64_t passed_ms = now_ms - allowance->at_ms;
	if (passed_ms <= 0)
		return 0;
	/* beyond this everything is regained: no product can overflow */
	int64_t whole_ms = rules->burst * 1000 / (rules->each_second > 0 ? rules->each_second : 1) + 1000;
	return (passed_ms < whole_ms ? passed_ms : whole_ms) * rules->each_second;
}

bool allowance_take(const struct allowance_rules *rules, struct allowance *allowance, int64_t now_ms)
{
	int64_t spent = allowance->spent_milli - regained_milli(rules, allowance, now_ms);
	allowance->spent_milli = spent > 0 ? spent : 0;
	allowance->at_ms = now_ms;
	if (allowance->spent_milli + ONE > rules->burst * ONE)
		return false;
	allowance->spent_milli += ONE;
	return true;
}
