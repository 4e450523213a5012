/* What a login needs next: the one question the hub asks. OpenID Connect Core section 3.1.2.1 for prompt and max_age. */
#pragma once
#include "policies/decision.h"
#include <stdint.h>

enum next { NEXT_REFUSE = 0, NEXT_SIGN_IN, NEXT_CONSENT, NEXT_GRANT };

struct next_facts {
	bool prompt_none, prompt_login, prompt_consent, prompt_select_account;
	int64_t max_age_s;          /* -1: not asked */
	int64_t flow_started_s;     /* when the authorization request came */
	bool has_session;           /* a live session of this tenant in this browser */
	int64_t auth_time_s;        /* of that session */
	bool hinted_account_differs; /* login_hint or id_token_hint names somebody else than the session */
	bool account_may_use_client; /* allowed_groups */
	bool consent_explicit;      /* the client's setting */
	bool consent_given;         /* in this flow, or remembered for at least these scopes */
	int64_t now_s;
};

struct next_step {
	enum next next;
	enum reason reason; /* for NEXT_REFUSE: LOGIN_REQUIRED, CONSENT_REQUIRED, GROUP_NOT_ALLOWED, … */
};

/* prompt=login, prompt=select_account and max_age are met by a sign-in that happened after the flow started: that is what makes the hub end. */
struct next_step next_decide(const struct next_facts *facts);
