/* When a server is left alone, and when it is tried again. */
#include "providers/breaker.h"

#define FAILURES_MAX 3

bool breaker_admits(struct breaker *breaker, int64_t now_ms, int64_t pause_ms)
{
	if (breaker->failures < FAILURES_MAX)
		return true;
	if (now_ms < breaker->shut_until_ms)
		return false;
	breaker->shut_until_ms = now_ms + pause_ms;
	return true;
}

void breaker_succeeded(struct breaker *breaker)
{
	breaker->failures = 0;
}

void breaker_failed(struct breaker *breaker, int64_t now_ms, int64_t pause_ms)
{
	if (breaker->failures < FAILURES_MAX)
		breaker->failures++;
	if (breaker->failures == FAILURES_MAX)
		breaker->shut_until_ms = now_ms + pause_ms;
}
