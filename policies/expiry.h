/* How long before something of a provider's runs out people are to hear of it: 30, 14 and 3 days ahead, and when it has. */
#pragma once
#include <stdint.h>

enum expiry_stage { EXPIRY_FAR = 0, EXPIRY_IN_30_DAYS, EXPIRY_IN_14_DAYS, EXPIRY_IN_3_DAYS, EXPIRY_OVER };

/* Unix milliseconds. What ends at `at_ms` is over at that moment. */
enum expiry_stage expiry_stage_of(int64_t at_ms, int64_t now_ms);
/* Whole days left; 0 on the last one and after it. */
int64_t expiry_days_left(int64_t at_ms, int64_t now_ms);
