/* Whether a token is alive, who may look into it, and what a refresh token shown again means.
 *
 *	not rotated ──(client does not rotate)──> KEEP
 *	     └──(client rotates)──> ROTATE ──> rotated ──(within grace, successor unused)──> RETRY: the successor is replaced
 *	                                          └──(later, or successor used)──> REVOKE_FAMILY
 */
#include "policies/token.h"

enum reason token_decide(const struct token_facts *facts)
{
	if (facts->client_gone)
		return REASON_CLIENT_UNKNOWN;
	if (facts->account_disabled)
		return REASON_ACCOUNT_DISABLED;
	if (facts->grant_revoked)
		return REASON_GRANT_REVOKED;
	if (facts->token_revoked)
		return REASON_TOKEN_REVOKED;
	if (facts->session_ended && !facts->offline)
		return REASON_SESSION_ENDED;
	if (facts->now_s >= facts->expires_s)
		return REASON_TOKEN_EXPIRED;
	if (facts->now_s < facts->not_before_s)
		return REASON_TOKEN_INVALID;
	return REASON_OK;
}

enum reason introspection_decide(const struct introspection_facts *facts)
{
	if (facts->issued_to_caller)
		return REASON_OK;
	switch (facts->introspects) {
	case INTROSPECTS_RESOURCE:
		return facts->resource_names_caller ? REASON_OK : REASON_TOKEN_NOT_YOURS;
	case INTROSPECTS_OWN:
		return REASON_TOKEN_NOT_YOURS;
	case INTROSPECTS_TENANT:
		return REASON_OK;
	}
	return REASON_UNDECIDED;
}

static struct refresh_decision refresh(enum refresh_use use, enum reason reason)
{
	return (struct refresh_decision){use, reason};
}

/* An old token. The client may have lost our answer on the wire, which it finds out at once; a thief who comes later, or an owner who comes after
 * the thief, ends the family. Neither the idle limit of the old token nor the client's present setting changes that. */
static struct refresh_decision decide_old(const struct refresh_facts *facts)
{
	int64_t since_ms = facts->now_ms - facts->rotated_ms;

	/* The lower bound: a clock that was set back by an hour does not make the grace an hour longer. */
	if (!facts->successor_used && since_ms < facts->grace_ms && since_ms > -facts->grace_ms)
		return refresh(REFRESH_RETRY, REASON_OK);
	return refresh(REFRESH_REVOKE_FAMILY, REASON_REFRESH_REPLAYED);
}

struct refresh_decision refresh_decide(const struct refresh_facts *facts)
{
	if (facts->grant_revoked)
		return refresh(REFRESH_REFUSE, REASON_GRANT_REVOKED);
	if (facts->now_ms >= facts->absolute_expires_ms)
		return refresh(REFRESH_REFUSE, REASON_REFRESH_EXPIRED);
	if (facts->rotated)
		return decide_old(facts);
	if (facts->now_ms >= facts->idle_expires_ms)
		return refresh(REFRESH_REFUSE, REASON_REFRESH_EXPIRED);
	return refresh(facts->rotates ? REFRESH_ROTATE : REFRESH_KEEP, REASON_OK);
}
