/* Introspection (RFC 7662): thousands of times a second, so what can be answered from memory is. Inactive is one answer for every reason (section 2.2). */
#include "gateway/oauth/client_auth.h"
#include "gateway/oauth/oauth.h"
#include "gateway/oauth/resolve.h"
#include "crypto/opaque_token.h"
#include "policies/token.h"

#define INACTIVE "{\"active\":false}"

static void answer_inactive(struct call *call)
{
	reply_status(call->reply, 200);
	reply_body(call->reply, "application/json", INACTIVE, sizeof INACTIVE - 1);
}

static void answer_access(struct call *call, const struct client *caller, const char *text)
{
	GError *error = NULL;
	enum reason reason;
	g_autoptr(live_token_t) token = token_resolve(call, text, &reason, &error);
	if (token)
		reason = token_open_to(call, token, caller, &error);
	if (reason == REASON_STORE_BROKEN) {
		call_fail_error(call, error);
	} else if (reason != REASON_OK) {
		answer_inactive(call);
	} else {
		reply_status(call->reply, 200);
		reply_body_shared(call->reply, "application/json", token->introspection);
	}
}

/* A refresh token that its grant still stands behind; shown only to the client it was issued to, or to one that may see the whole tenant. */
static json_t *describe_refresh(struct call *call, struct unit *unit, const struct client *caller, const char *text, GError **error)
{
	uint8_t digest[DIGEST_SIZE];
	g_auto(refresh_token_t) token = { 0 };
	g_auto(grant_t) grant = { 0 };
	g_auto(account_t) account = { 0 };
	int64_t now_ms = request_time_ms(call->request);
	digest_sha256(text, strlen(text), digest);
	if (refresh_find(unit, call->tenant->id, digest, &token, error) != FOUND
	    || grant_find(unit, call->tenant->id, token.grant, &grant, error) != FOUND
	    || account_find(unit, call->tenant->id, grant.account, &account, error) != FOUND)
		return NULL;
	struct introspection_facts who = { .introspects = caller->introspects, .issued_to_caller = strcmp(token.client_id, caller->client_id) == 0 };
	int64_t expires_ms = MIN(token.idle_expires_ms, grant.absolute_expires_ms);
	bool alive = !token.rotated_ms && !grant.revoked_ms && !account.disabled && expires_ms > now_ms;
	if (!alive || introspection_decide(&who) != REASON_OK)
		return NULL;
	return json_pack("{s:b, s:s, s:s, s:s, s:I, s:I, s:s, s:s}", "active", 1, "scope", grant.scope, "client_id", token.client_id, "username",
		account.username, "exp", (json_int_t)(expires_ms / 1000), "iat", (json_int_t)(token.created_ms / 1000), "sub", account.id,
		"iss", call->tenant->issuer);
}

static void answer_refresh(struct call *call, const struct client *caller, const char *text)
{
	GError *error = NULL;
	struct unit *unit = store_reader(call->gateway->store, &error);
	g_autoptr(json_t) answer = unit ? describe_refresh(call, unit, caller, text, &error) : NULL;
	if (error)
		call_fail_error(call, error);
	else if (answer)
		reply_json(call->reply, 200, answer);
	else
		answer_inactive(call);
}

enum plan introspect_plan(const struct call *call)
{
	return client_auth_commits(request_form(call->request)) ? PLAN_WORKER : PLAN_INLINE;
}

void introspect_endpoint(struct call *call)
{
	const struct form *form = call_parameters(call);
	if (!form)
		return;
	g_autoptr(client_t) caller = client_authenticate(call, form, false);
	if (!caller)
		return;
	const char *token = form_value(form, "token");
	if (form_repeated(form, NULL))
		call_fail_json(call, ERROR_INVALID_REQUEST, "A parameter stands more than once.");
	else if (!token)
		call_fail_json(call, ERROR_INVALID_REQUEST, "The parameter token is missing.");
	else if (opaque_token_well_formed(OPAQUE_REFRESH_PREFIX, token))
		answer_refresh(call, caller, token);
	else
		answer_access(call, caller, token);
}
