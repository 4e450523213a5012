/* Whether a browser's session is alive (SECURITY SE-4). */
#pragma once
#include "policies/decision.h"
#include <stdint.h>

struct session_facts {
	bool ended, account_disabled;
	int64_t created_ms, last_seen_ms, now_ms;
	int64_t idle_ms, absolute_ms;
	int64_t credentials_changed_ms; /* sessions older than this are over; 0: never */
	int64_t auth_time_ms;
	int64_t ends_ms;                /* the provider's own limit (SAML SessionNotOnOrAfter); 0: none */
};

enum reason session_decide(const struct session_facts *facts);
