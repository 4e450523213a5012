/* authorization_code (RFC 6749 section 4.1.3, RFC 7636 section 4.5): a code becomes tokens, once.
 *
 * A code's fields never change, so they are checked on a reader first: whoever stole a code but not its verifier cannot even spend it. Then one transaction
 * claims the code by one atomic statement, stores what it gives and writes the record. Whoever comes second, with the right client and verifier, revokes
 * what the first one got (RFC 9700 section 4.5).
 */
#include "base/encoding.h"
#include "crypto/compare.h"
#include "crypto/opaque_token.h"
#include "gateway/oauth/grants.h"
#include "gateway/oauth/width.h"
#include "policies/pkce.h"
#include "policies/scope.h"

struct exchange {
	struct call *call;
	const struct client *client;
	struct code code;
	struct grant grant;
	struct account account;
	struct width width;
	struct access access;
	char *id_token;
	char refresh[OPAQUE_TOKEN_SIZE]; /* "" when none is given */
	enum reason outcome;             /* of the transaction: OK, CODE_REPLAYED or GRANT_REVOKED */
};

static void exchange_clear(struct exchange *exchange)
{
	code_clear(&exchange->code);
	grant_clear(&exchange->grant);
	account_clear(&exchange->account);
	width_clear(&exchange->width);
	access_clear(&exchange->access);
	g_free(exchange->id_token);
	wipe(exchange->refresh, sizeof exchange->refresh);
}

/* RFC 7636 section 4.6: whether the verifier fits the challenge. */
static enum reason check_verifier(const struct code *code, const char *verifier)
{
	uint8_t digest[DIGEST_SIZE];
	g_autofree char *transformed = NULL;
	if (verifier) {
		digest_sha256(verifier, strlen(verifier), digest);
		transformed = base64url_encode(digest, sizeof digest);
	}
	return pkce_decide_verifier(code->code_challenge, verifier, transformed);
}

/* The checks in the order of the specification. REASON_OK, or why not. */
static enum reason check_code(struct exchange *exchange, const struct form *form)
{
	struct call *call = exchange->call;
	const struct code *code = &exchange->code;
	const char *redirect = form_value(form, "redirect_uri");
	if (!call_check(call, "client", exchange->client->client_id, code->client_id, strcmp(code->client_id, exchange->client->client_id) == 0))
		return REASON_CODE_UNKNOWN;
	if (!call_check(call, "redirect_uri", redirect, code->redirect_uri, g_strcmp0(redirect, code->redirect_uri) == 0))
		return REASON_REDIRECT_CHANGED;
	enum reason pkce = check_verifier(code, form_value(form, "code_verifier"));
	if (!call_check(call, "code_verifier", pkce == REASON_OK ? "fits" : "missing, unrequested or wrong", "fits code_challenge", pkce == REASON_OK))
		return pkce;
	if (code->used_ms)
		return REASON_OK; /* the transaction says what a second use means */
	if (!call_check(call, "expiry", "past", "within the code's life", request_time_ms(call->request) < code->expires_ms))
		return REASON_CODE_EXPIRED;
	return REASON_OK;
}

static enum found find_code(struct exchange *exchange, const char *text, GError **error)
{
	uint8_t digest[DIGEST_SIZE];
	struct call *call = exchange->call;
	struct unit *unit = store_reader(call->gateway->store, error);
	if (!unit)
		return BROKEN;
	code_digest(text, digest);
	enum found found = code_find(unit, call->tenant->id, digest, &exchange->code, error);
	if (found == FOUND)
		found = grant_find(unit, call->tenant->id, exchange->code.grant, &exchange->grant, error);
	if (found == FOUND)
		found = account_find(unit, call->tenant->id, exchange->grant.account, &exchange->account, error);
	return found;
}

static bool store_refresh(struct unit *unit, struct exchange *exchange, GError **error)
{
	struct call *call = exchange->call;
	int64_t now_ms = request_time_ms(call->request);
	struct refresh_token token = { .client_id = exchange->grant.client_id, .created_ms = now_ms,
		.idle_expires_ms = now_ms + call->tenant->policy.tokens.refresh_idle_s * 1000 };
	if (!exchange->refresh[0])
		return true;
	digest_sha256(exchange->refresh, strlen(exchange->refresh), token.digest);
	g_strlcpy(token.grant, exchange->grant.id, sizeof token.grant);
	return refresh_insert(unit, call->tenant->id, &token, error);
}

static bool store_tokens(struct unit *unit, struct exchange *exchange, GError **error)
{
	const char *tenant = exchange->call->tenant->id;
	return store_refresh(unit, exchange, error) && (!exchange->access.opaque || access_insert(unit, tenant, &exchange->access.record, error));
}

/* Claims, and either gives or revokes. The grant is looked at again inside: a revocation that came meanwhile wins. */
static bool claim_in_unit(struct unit *unit, void *data, GError **error)
{
	struct exchange *exchange = data;
	struct call *call = exchange->call;
	const char *tenant = call->tenant->id;
	int64_t now_ms = request_time_ms(call->request);
	int64_t used_ms;
	g_autoptr(json_t) detail = NULL;
	enum found found = code_claim(unit, tenant, exchange->code.digest, now_ms, &used_ms, error);
	enum found granted = found == BROKEN ? BROKEN : grant_still(unit, tenant, exchange->grant.id, error);
	if (granted == BROKEN)
		return false;
	exchange->outcome = found == MISSING ? REASON_CODE_UNKNOWN : used_ms ? REASON_CODE_REPLAYED
		: granted == MISSING ? REASON_GRANT_REVOKED : REASON_OK;
	if (exchange->outcome == REASON_CODE_REPLAYED && !grant_revoke(unit, tenant, exchange->grant.id, now_ms, error))
		return false;
	if (exchange->outcome == REASON_OK && !store_tokens(unit, exchange, error))
		return false;
	struct audit_facts facts = call_facts(call, exchange->outcome == REASON_OK ? EVENT_TOKEN_ISSUE : EVENT_TOKEN_REFUSE, exchange->outcome, &detail);
	return audit_append(unit, call->gateway->store, call->tenant, &facts, true, error);
}

/* Signs before the commit, so that a failing signature spends nothing. */
static bool make_tokens(struct exchange *exchange, GError **error)
{
	struct call *call = exchange->call;
	struct issue issue = { .client = exchange->client, .grant = &exchange->grant, .account = &exchange->account, .scope = exchange->width.scope,
		.resources = (const char *const *)exchange->width.resources, .now_ms = request_time_ms(call->request) };
	if (!issue_access(call, &issue, &exchange->access, error))
		return false;
	if (scope_has(issue.scope, "openid") && !(exchange->id_token = issue_id_token(call, &issue, exchange->access.token, error)))
		return false;
	if (exchange->client->grant_types & GRANT_TYPE_REFRESH_TOKEN)
		opaque_token_make(OPAQUE_REFRESH_PREFIX, exchange->refresh);
	return true;
}

static void answer(struct exchange *exchange)
{
	g_autoptr(json_t) body = issue_answer(&exchange->access, exchange->width.scope);
	if (exchange->refresh[0])
		json_object_set_new(body, "refresh_token", json_string(exchange->refresh));
	if (exchange->id_token)
		json_object_set_new(body, "id_token", json_string(exchange->id_token));
	reply_json(exchange->call->reply, 200, body);
}

static void redeem(struct exchange *exchange, const struct form *form)
{
	struct call *call = exchange->call;
	GError *error = NULL;
	call->facts.account = exchange->account.id;
	call->facts.username = exchange->account.username;
	call->facts.session = exchange->grant.session[0] ? exchange->grant.session : NULL;
	enum reason reason = check_code(exchange, form);
	if (reason == REASON_OK)
		reason = width_find(exchange->client, &exchange->grant, &exchange->account, form, NULL, &exchange->width);
	if (reason != REASON_OK)
		grant_refuse(call, grant_error(reason), reason, NULL);
	else if (!make_tokens(exchange, &error) || !store_write(call->gateway->store, claim_in_unit, exchange, &error))
		grant_fail(call, error);
	else if (exchange->outcome != REASON_OK)
		call_fail_json(call, ERROR_INVALID_GRANT, NULL);
	else
		answer(exchange);
}

void grant_authorization_code(struct call *call, const struct client *client, const struct form *form)
{
	struct exchange exchange = { .call = call, .client = client };
	GError *error = NULL;
	const char *text = form_value(form, "code");
	enum found found = text ? find_code(&exchange, text, &error) : MISSING;
	if (!text)
		grant_refuse(call, ERROR_INVALID_REQUEST, REASON_REQUEST_INVALID, "The parameter code is missing.");
	else if (found == BROKEN)
		call_fail_error(call, error);
	else if (found == MISSING)
		grant_refuse(call, ERROR_INVALID_GRANT, REASON_CODE_UNKNOWN, NULL);
	else
		redeem(&exchange, form);
	exchange_clear(&exchange);
	call->facts.account = call->facts.username = call->facts.session = NULL;
}
