/* What a login needs next: the one question the hub asks. OpenID Connect Core section 3.1.2.1 for prompt and max_age. */
#pragma once
#include "policies/decision.h"
#include <stdint.h>

enum next { NEXT_REFUSE = 0, NEXT_SIGN_IN, NEXT_CONSENT, NEXT_GRANT };

struct next_facts {
	bool prompt_none, prompt_login, prompt_consent, prompt_select_account;
	int64_t max_age_s;          /* -1: not asked */
	bool has_session;           /* a live session of this tenant in this browser */
	bool signed_in_here;        /* … which began, or was renewed, by a sign-in of this very flow */
	int64_t auth_time_s;        /* of that session */
	bool hinted_account_differs; /* login_hint names somebody else than the session: ask, and take whoever comes */
	bool named_account_differs;  /* id_token_hint does: ask, and take nobody else */
	bool acr_unmet;              /* a class of authentication was demanded, and this session has none of those */
	bool account_may_use_client; /* allowed_groups */
	bool consent_explicit;      /* the client's setting */
	bool consent_given;         /* in this flow, or remembered for at least these scopes; with prompt=consent in this flow only */
	int64_t now_s;
};

struct next_step {
	enum next next;
	enum reason reason; /* for NEXT_REFUSE: LOGIN_REQUIRED, CONSENT_REQUIRED, ACR_UNMET, GROUP_NOT_ALLOWED, … */
};

/* prompt=login, prompt=select_account and max_age are met by a sign-in of this flow, not by one of the same second before it: that is what makes the hub end.
 * An account that id_token_hint names and that did not come is login_required (OpenID Connect Core section 3.1.2.1). */
struct next_step next_decide(const struct next_facts *facts);
