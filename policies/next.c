/* What a login needs next. Asked again after every step, with the facts as they are then; it ends because each demand is met by something that the
 * step it sends to makes true: a sign-in of the flow, a consent given in the flow. */
#include "policies/next.h"

static struct next_step refuse(enum reason reason)
{
	return (struct next_step){NEXT_REFUSE, reason};
}

static struct next_step go(enum next next)
{
	return (struct next_step){next, REASON_OK};
}

static bool is_too_old(const struct next_facts *facts)
{
	/* max_age=0 asks for a sign-in now, whatever second it is */
	return facts->max_age_s == 0 || (facts->max_age_s > 0 && facts->now_s - facts->auth_time_s > facts->max_age_s);
}

static bool sign_in_is_due(const struct next_facts *facts)
{
	if (!facts->has_session)
		return true;
	if (facts->signed_in_here)
		return false;
	return facts->prompt_login || facts->prompt_select_account || facts->hinted_account_differs || facts->named_account_differs || facts->acr_unmet
		|| is_too_old(facts);
}

struct next_step next_decide(const struct next_facts *facts)
{
	if (sign_in_is_due(facts))
		return facts->prompt_none ? refuse(REASON_LOGIN_REQUIRED) : go(NEXT_SIGN_IN);
	if (facts->named_account_differs)
		return refuse(REASON_LOGIN_REQUIRED);
	if (facts->acr_unmet)
		return refuse(REASON_ACR_UNMET);
	if (!facts->account_may_use_client)
		return refuse(REASON_GROUP_NOT_ALLOWED);
	if ((facts->consent_explicit || facts->prompt_consent) && !facts->consent_given)
		return facts->prompt_none ? refuse(REASON_CONSENT_REQUIRED) : go(NEXT_CONSENT);
	return go(NEXT_GRANT);
}
