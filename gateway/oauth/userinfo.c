/* UserInfo (OpenID Connect Core section 5.3): the claims of whoever a live token with scope openid stands for. Bearer in the header (RFC 6750 section 2.1) or
 * in a posted form (section 2.2), one of the two; never in the query. */
#include "gateway/call/own_token.h"
#include "gateway/oauth/oauth.h"
#include "gateway/oauth/resolve.h"
#include "gateway/oauth/issue.h"
#include "policies/scope.h"

static void refuse(struct call *call, enum error_code code, enum reason reason, const char *description)
{
	call_audit(call, EVENT_TOKEN_REFUSE, reason);
	call_fail_json(call, code, description);
}

/* NULL with the reply made. A request without any credentials gets a challenge without an error code (RFC 6750 section 3.1). */
static const char *bearer_token(struct call *call)
{
	bool repeated = false;
	const char *header = request_header(call->request, "Authorization", &repeated);
	const struct form *form = request_form(call->request);
	const char *posted = form ? form_value(form, "access_token") : NULL;
	if (repeated || (header && posted) || (form && form_repeated(form, NULL))) {
		call_fail_json(call, ERROR_INVALID_REQUEST, "The access token is sent more than once.");
		return NULL;
	}
	if (posted)
		return posted;
	if (header && g_ascii_strncasecmp(header, "Bearer ", 7) == 0 && header[7])
		return header + 7;
	call_fail_json(call, ERROR_INVALID_TOKEN, "No access token was sent.");
	g_autofree char *challenge = g_strdup_printf("Bearer realm=\"%s\"", call->tenant->issuer);
	reply_header(call->reply, "WWW-Authenticate", challenge);
	return NULL;
}

/* Section 5.3.2: as JSON, or where the client wants it signed as a JWT that also says from whom and for whom it is. It has no `typ`, so that it passes for no other of
 * our tokens (SECURITY TK-3). */
static void send(struct call *call, const struct client *client, json_t *claims)
{
	GError *error = NULL;
	if (client->userinfo_alg == JOSE_NONE) {
		reply_json(call->reply, 200, claims);
		return;
	}
	json_object_set_new(claims, "iss", json_string(call->tenant->issuer));
	json_object_set_new(claims, "aud", json_string(client->client_id));
	char *jwt = own_token_sign(call->gateway, call->tenant, client->userinfo_alg, NULL, claims, &error);
	if (!jwt) {
		call_fail_error(call, error);
		return;
	}
	reply_status(call->reply, 200);
	reply_body_take(call->reply, "application/jwt", jwt, strlen(jwt));
}

static void answer(struct call *call, const struct live_token *token)
{
	GError *error = NULL;
	g_auto(account_t) account = { 0 };
	g_auto(grant_t) grant = { 0 };
	g_autoptr(client_t) client = NULL;
	struct unit *unit = store_reader(call->gateway->store, &error);
	enum found found = unit ? account_find(unit, call->tenant->id, token->account, &account, &error) : BROKEN;
	if (found == FOUND)
		found = grant_find(unit, call->tenant->id, token->grant, &grant, &error);
	if (found == FOUND)
		found = cache_client(call->gateway->cache, call->tenant->id, token->client_id, &client, &error);
	if (found == BROKEN) {
		call_fail_error(call, error);
		return;
	}
	if (found == MISSING) {
		refuse(call, ERROR_INVALID_TOKEN, REASON_TOKEN_REVOKED, NULL);
		return;
	}
	g_autoptr(json_t) claims = json_pack("{s:s}", "sub", account.id);
	struct claim_facts facts = issue_claim_facts(&account);
	claims_release(claims, token->scope, &facts);
	claims_release_named(claims, json_object_get(grant.claims, "userinfo"), client->scope, &facts);
	send(call, client, claims);
}

void userinfo_endpoint(struct call *call)
{
	GError *error = NULL;
	enum reason reason;
	const char *text = bearer_token(call);
	if (!text)
		return;
	g_autoptr(live_token_t) token = token_resolve(call, text, &reason, &error);
	if (!token && reason == REASON_STORE_BROKEN)
		call_fail_error(call, error);
	else if (!token)
		refuse(call, ERROR_INVALID_TOKEN, reason, NULL);
	else if (!token->account[0] || !scope_has(token->scope, "openid"))
		refuse(call, ERROR_INSUFFICIENT_SCOPE, REASON_SCOPE_REFUSED, "UserInfo needs a person's token with scope openid.");
	else
		answer(call, token);
}
