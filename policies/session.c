/* Whether a browser's session is alive. A limit of zero is over at once, so that a setting that was never read opens nothing. */
#include "policies/session.h"

enum reason session_decide(const struct session_facts *facts)
{
	if (facts->account_disabled)
		return REASON_ACCOUNT_DISABLED;
	if (facts->ended)
		return REASON_SESSION_ENDED;
	if (facts->now_ms - facts->created_ms >= facts->absolute_ms || facts->now_ms - facts->last_seen_ms >= facts->idle_ms)
		return REASON_SESSION_ENDED;
	if (facts->ends_ms && facts->now_ms >= facts->ends_ms)
		return REASON_SESSION_ENDED;
	/* Whoever signed in with the old password is out, the thief it was changed because of among them (PW-8). */
	if (facts->auth_time_ms < facts->credentials_changed_ms)
		return REASON_SESSION_ENDED;
	return REASON_OK;
}
