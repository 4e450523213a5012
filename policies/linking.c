/* Linking by fresh proof of both sides. The order is that of an attack: somebody else's session first, then an old proof lying about, then what is taken. */
#include "policies/linking.h"

static bool is_fresh(int64_t age_s)
{
	return age_s >= 0 && age_s <= LINKING_FRESH_S;
}

enum reason linking_decide(const struct linking_facts *facts)
{
	if (!facts->signed_in || !facts->same_session)
		return REASON_LOGIN_REQUIRED;
	if (facts->account_disabled)
		return REASON_ACCOUNT_DISABLED;
	/* A proof of one provider must not be spent as another's (CVE-2026-9087). */
	if (!facts->asked_for_this_provider)
		return REASON_STATE_INVALID;
	if (!facts->provider_proves)
		return REASON_LINK_WEAK;
	if (!is_fresh(facts->account_proof_age_s) || !is_fresh(facts->identity_proof_age_s))
		return REASON_LINK_STALE;
	if (facts->linked_to_another)
		return REASON_LINK_TAKEN;
	if (facts->linked_to_this)
		return REASON_OK;
	/* One person has one entry at a provider: a second one is removed first, knowingly. */
	return facts->account_linked_here ? REASON_LINK_SECOND : REASON_OK;
}
