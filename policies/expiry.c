/* The stages before something runs out (expiry.h). */
#include "policies/expiry.h"

#define DAY_MS (86400 * INT64_C(1000))

enum expiry_stage expiry_stage_of(int64_t at_ms, int64_t now_ms)
{
	int64_t left_ms = at_ms - now_ms;

	if (left_ms <= 0)
		return EXPIRY_OVER;
	return left_ms <= 3 * DAY_MS ? EXPIRY_IN_3_DAYS : left_ms <= 14 * DAY_MS ? EXPIRY_IN_14_DAYS : left_ms <= 30 * DAY_MS ? EXPIRY_IN_30_DAYS : EXPIRY_FAR;
}

int64_t expiry_days_left(int64_t at_ms, int64_t now_ms)
{
	return at_ms > now_ms ? (at_ms - now_ms) / DAY_MS : 0;
}
