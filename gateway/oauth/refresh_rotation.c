/* What becomes of a refresh token that is used.
 *
 *   confidential, not rotating: the same token again, its idle time starts anew
 *   rotating: token ─→ successor; the old one may be retried for 30 s while the successor is unused (a lost answer); later it revokes the family
 */
#include "gateway/oauth/refresh.h"
#include "policies/token.h"

#define GRACE_MS 30000
#define LONG_AGO_MS 1 /* rotated, and past every grace */

static bool insert_successor(struct unit *unit, struct refresh *refresh, struct refresh_token *token, GError **error)
{
	struct call *call = refresh->call;
	int64_t now_ms = request_time_ms(call->request);
	struct refresh_token next = { .client_id = token->client_id, .created_ms = now_ms,
		.idle_expires_ms = now_ms + call->tenant->policy.tokens.refresh_idle_s * 1000 };
	opaque_token_make(OPAQUE_REFRESH_PREFIX, refresh->successor);
	digest_sha256(refresh->successor, strlen(refresh->successor), next.digest);
	memcpy(next.grant, token->grant, sizeof next.grant);
	memcpy(token->successor, next.digest, sizeof next.digest);
	return refresh_insert(unit, call->tenant->id, &next, error);
}

static bool rotate(struct unit *unit, struct refresh *refresh, struct refresh_token *token, GError **error)
{
	token->used_ms = token->rotated_ms = request_time_ms(refresh->call->request);
	return insert_successor(unit, refresh, token, error) && refresh_update(unit, refresh->call->tenant->id, token, error);
}

/* The answer was lost: another successor takes the place of the unused one. rotated_ms stays, so the grace is not prolonged. The replaced one stays too, as an
 * old token without grace: should the answer not have been lost but stolen, whoever shows it revokes the family. */
static bool retry(struct unit *unit, struct refresh *refresh, struct refresh_token *token, GError **error)
{
	const char *tenant = refresh->call->tenant->id;
	g_auto(refresh_token_t) replaced = { 0 };
	enum found found = refresh_find(unit, tenant, token->successor, &replaced, error);
	if (found == BROKEN || !insert_successor(unit, refresh, token, error) || !refresh_update(unit, tenant, token, error))
		return false;
	replaced.used_ms = request_time_ms(refresh->call->request);
	replaced.rotated_ms = LONG_AGO_MS;
	memcpy(replaced.successor, token->successor, sizeof replaced.successor);
	return found == MISSING || refresh_update(unit, tenant, &replaced, error);
}

static bool keep(struct unit *unit, struct refresh *refresh, struct refresh_token *token, GError **error)
{
	struct call *call = refresh->call;
	token->used_ms = request_time_ms(call->request);
	token->idle_expires_ms = token->used_ms + call->tenant->policy.tokens.refresh_idle_s * 1000;
	return refresh_update(unit, call->tenant->id, token, error);
}

static bool act(struct unit *unit, struct refresh *refresh, struct refresh_token *token, enum refresh_use use, GError **error)
{
	switch (use) {
	case REFRESH_REFUSE:
		return true;
	case REFRESH_KEEP:
		return keep(unit, refresh, token, error);
	case REFRESH_ROTATE:
		return rotate(unit, refresh, token, error);
	case REFRESH_RETRY:
		return retry(unit, refresh, token, error);
	case REFRESH_REVOKE_FAMILY:
		return grant_revoke(unit, refresh->call->tenant->id, token->grant, request_time_ms(refresh->call->request), error);
	}
	return fail(error, ERROR_INTERNAL, "unknown refresh use");
}

static bool find_facts(struct unit *unit, const struct refresh *refresh, const struct refresh_token *token, struct refresh_facts *facts, GError **error)
{
	const char *tenant = refresh->call->tenant->id;
	g_auto(refresh_token_t) successor = { 0 };
	enum found granted = grant_still(unit, tenant, refresh->grant.id, error);
	enum found person = granted == FOUND ? account_still(unit, tenant, refresh->account.id, error) : granted;
	enum found next = token->rotated_ms ? refresh_find(unit, tenant, token->successor, &successor, error) : MISSING;
	if (granted == BROKEN || person == BROKEN || (token->rotated_ms && next == BROKEN))
		return false;
	*facts = (struct refresh_facts){ .rotates = refresh->client->rotate_refresh_tokens, .rotated = token->rotated_ms != 0, .rotated_ms = token->rotated_ms,
		/* a successor that is gone was purged: as good as used */
		.successor_used = token->rotated_ms && (next == MISSING || successor.used_ms != 0),
		.now_ms = request_time_ms(refresh->call->request), .grace_ms = GRACE_MS, .idle_expires_ms = token->idle_expires_ms,
		.absolute_expires_ms = refresh->grant.absolute_expires_ms, .grant_revoked = granted == MISSING || person == MISSING };
	return true;
}

static bool decide(struct unit *unit, struct refresh *refresh, GError **error)
{
	const char *tenant = refresh->call->tenant->id;
	struct refresh_facts facts;
	g_auto(refresh_token_t) token = { 0 };
	enum found found = refresh_find(unit, tenant, refresh->token.digest, &token, error);
	refresh->outcome = REASON_REFRESH_UNKNOWN;
	if (found != FOUND)
		return found == MISSING;
	if (!find_facts(unit, refresh, &token, &facts, error))
		return false;
	struct refresh_decision decision = refresh_decide(&facts);
	if (decision.reason == REASON_OK && refresh->upstream_reason != REASON_OK) {
		/* his sessions here end too, or the browser would bring him back without a password */
		decision = (struct refresh_decision){ REFRESH_REVOKE_FAMILY, refresh->upstream_reason };
		if (!account_end_provider(unit, tenant, refresh->account.id, refresh->grant.provider, request_time_ms(refresh->call->request), error))
			return false;
	}
	refresh->outcome = decision.reason;
	return act(unit, refresh, &token, decision.use, error);
}

bool refresh_in_unit(struct unit *unit, void *data, GError **error)
{
	struct refresh *refresh = data;
	struct call *call = refresh->call;
	g_autoptr(json_t) detail = NULL;
	if (!decide(unit, refresh, error))
		return false;
	bool given = refresh->outcome == REASON_OK;
	if (given && refresh->access.opaque && !access_insert(unit, call->tenant->id, &refresh->access.record, error))
		return false;
	struct audit_facts facts = call_facts(call, given ? EVENT_TOKEN_REFRESH : EVENT_TOKEN_REFUSE, refresh->outcome, &detail);
	return audit_append(unit, call->gateway->store, call->tenant, &facts, true, error);
}
