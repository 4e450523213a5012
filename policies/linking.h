/* Whether an identity may be linked to an account that somebody is signed in to (SECURITY ID-3): fresh proof of both sides, in one browser session, and the proof
 * names the exact provider and subject. An address is no part of it. */
#pragma once
#include "policies/decision.h"
#include <stdint.h>

/* How old either proof may be. */
#define LINKING_FRESH_S 300

struct linking_facts {
	bool signed_in;               /* this browser has a live session … */
	bool same_session;            /* … and it is the one in which the link was asked for */
	bool account_disabled;
	int64_t account_proof_age_s;  /* since the account's own sign-in */
	bool provider_proves;         /* false for a vendor whose binding is too weak to link by (SECURITY OP-5) */
	bool asked_for_this_provider; /* the proof came from the provider that the person chose to link */
	int64_t identity_proof_age_s; /* since the sign-in there, as the provider says it, else since its answer */
	bool linked_to_this;          /* (provider, subject) opens this very account already */
	bool linked_to_another;
	bool account_linked_here;     /* the account has another subject of this provider */
};

/* OK: link, or it is linked already. Else LOGIN_REQUIRED, ACCOUNT_DISABLED, LINK_STALE, LINK_WEAK, LINK_TAKEN, LINK_SECOND, STATE_INVALID. */
enum reason linking_decide(const struct linking_facts *facts);
