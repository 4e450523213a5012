/* The one clock. Nothing below the edge reads it: time arrives as an argument, in Unix milliseconds unless the name says otherwise. */
#pragma once
#include <stdint.h>

/* Wall clock, UTC, Unix milliseconds. A test build (PASSERELLE_TEST_BUILD) adds the offset found in the file that
 * $PASSERELLE_TEST_CLOCK names: eight bytes, a native int64 of milliseconds, mapped once and read at each call. */
int64_t clock_now_ms(void);
/* Monotonic milliseconds, for deadlines inside the process. Never shifted. */
int64_t clock_monotonic_ms(void);
/* The same clock, for measuring. */
int64_t clock_monotonic_ns(void);

#define CLOCK_TEXT_SIZE 25
/* RFC 3339, UTC, milliseconds: "2026-11-24T13:41:11.042Z". Years 0 to 9999. */
void clock_format(int64_t unix_ms, char out[CLOCK_TEXT_SIZE]);
