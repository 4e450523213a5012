/* Leaves a server alone that failed three times in a row:
 *
 *	closed ──three failures in a row──> open for a pause ──> one trial ──answered──> closed
 *	                                         ^────────────────────failed──┘
 *
 * No lock and no clock of its own: both are its holder's. Zeroed, it is closed. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct breaker {
	unsigned failures;
	int64_t shut_until_ms; /* monotonic; it is open until then */
};

/* Whether the server may be tried; the first after a pause is the trial, others wait for its outcome, or for the next pause to end. */
bool breaker_admits(struct breaker *breaker, int64_t now_ms, int64_t pause_ms);
void breaker_succeeded(struct breaker *breaker);
void breaker_failed(struct breaker *breaker, int64_t now_ms, int64_t pause_ms);
