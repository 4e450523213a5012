/* Revocation (RFC 7009). A refresh token takes its whole family with it; an access token goes alone. Unknown tokens, and those of another client, are
 * answered 200 and left alone: the caller learns nothing (section 2.2). A store that fails is an error, never a 200 (SECURITY AS-14). */
#include "gateway/oauth/client_auth.h"
#include "gateway/oauth/oauth.h"
#include "gateway/oauth/resolve.h"
#include "crypto/opaque_token.h"

struct revocation {
	struct call *call;
	const struct client *client;
	const char *text;
	const struct live_token *access; /* NULL: a refresh token */
	enum reason reason;
	struct grant grant;              /* whose token it was, for the record */
	struct account account;
};

static void revocation_clear(struct revocation *revocation)
{
	grant_clear(&revocation->grant);
	account_clear(&revocation->account);
	revocation->call->facts = (struct audit_facts){ 0 };
}

/* The person the token was for. A client's own token has no grant. */
static bool find_person(struct unit *unit, struct revocation *revocation, const char *grant, GError **error)
{
	struct call *call = revocation->call;
	enum found found = *grant ? grant_find(unit, call->tenant->id, grant, &revocation->grant, error) : MISSING;
	if (found == FOUND)
		found = account_find(unit, call->tenant->id, revocation->grant.account, &revocation->account, error);
	if (found != FOUND)
		return found == MISSING;
	call->facts.account = revocation->account.id;
	call->facts.username = revocation->account.username;
	call->facts.session = revocation->grant.session[0] ? revocation->grant.session : NULL;
	return true;
}

/* FOUND: a refresh token of this client. */
static enum found find_own(struct unit *unit, const struct revocation *revocation, struct refresh_token *ret, GError **error)
{
	uint8_t digest[DIGEST_SIZE];
	digest_sha256(revocation->text, strlen(revocation->text), digest);
	enum found found = refresh_find(unit, revocation->call->tenant->id, digest, ret, error);
	return found == FOUND && strcmp(ret->client_id, revocation->client->client_id) != 0 ? MISSING : found;
}

static bool revoke_refresh(struct unit *unit, struct revocation *revocation, GError **error)
{
	struct call *call = revocation->call;
	g_auto(refresh_token_t) token = { 0 };
	enum found found = find_own(unit, revocation, &token, error);
	if (found == BROKEN)
		return false;
	revocation->reason = found == FOUND ? REASON_OK : REASON_REFRESH_UNKNOWN;
	return found == MISSING || (find_person(unit, revocation, token.grant, error)
		&& grant_revoke(unit, call->tenant->id, token.grant, request_time_ms(call->request), error));
}

static bool revoke_access(struct unit *unit, struct revocation *revocation, GError **error)
{
	const struct live_token *token = revocation->access;
	const char *tenant = revocation->call->tenant->id;
	revocation->reason = REASON_OK;
	if (!find_person(unit, revocation, token->grant, error))
		return false;
	return token->kid ? jti_revoke(unit, tenant, token->jti, token->expires_s * 1000, error)
		: access_revoke(unit, tenant, token->digest, request_time_ms(revocation->call->request), error);
}

static bool revoke_in_unit(struct unit *unit, void *data, GError **error)
{
	struct revocation *revocation = data;
	struct call *call = revocation->call;
	g_autoptr(json_t) detail = NULL;
	if (!(revocation->access ? revoke_access : revoke_refresh)(unit, revocation, error))
		return false;
	struct audit_facts facts = call_facts(call, EVENT_TOKEN_REVOKE, revocation->reason, &detail);
	return audit_append(unit, call->gateway->store, call->tenant, &facts, true, error);
}

static void write_revocation(struct call *call, struct revocation *revocation)
{
	GError *error = NULL;
	if (store_write(call->gateway->store, revoke_in_unit, revocation, &error))
		reply_status(call->reply, 200);
	else
		call_fail_error(call, error);
	revocation_clear(revocation);
}

static void refuse(struct call *call, enum reason reason)
{
	call_audit(call, EVENT_TOKEN_REFUSE, reason);
	reply_status(call->reply, 200);
}

/* Looked up before anything is written: a public client's name is enough to get here, and a stranger's guesses must cost no commit. */
static void revoke_refresh_text(struct call *call, struct revocation *revocation)
{
	GError *error = NULL;
	g_auto(refresh_token_t) token = { 0 };
	struct unit *unit = store_reader(call->gateway->store, &error);
	enum found found = unit ? find_own(unit, revocation, &token, &error) : BROKEN;
	if (found == BROKEN)
		call_fail_error(call, error);
	else if (found == MISSING)
		refuse(call, REASON_REFRESH_UNKNOWN);
	else
		write_revocation(call, revocation);
}

static void revoke_text(struct call *call, const struct client *client, const char *text)
{
	GError *error = NULL;
	enum reason reason;
	struct revocation revocation = { .call = call, .client = client, .text = text };
	if (opaque_token_well_formed(OPAQUE_REFRESH_PREFIX, text)) {
		revoke_refresh_text(call, &revocation);
		return;
	}
	g_autoptr(live_token_t) token = token_resolve(call, text, &reason, &error);
	if (!token && reason == REASON_STORE_BROKEN) {
		call_fail_error(call, error);
	} else if (!token || strcmp(token->client_id, client->client_id) != 0) {
		refuse(call, token ? REASON_TOKEN_NOT_YOURS : reason);
	} else {
		revocation.access = token;
		write_revocation(call, &revocation);
	}
}

void revoke_endpoint(struct call *call)
{
	const struct form *form = call_parameters(call);
	if (!form)
		return;
	g_autoptr(client_t) client = client_authenticate(call, form, true);
	if (!client)
		return;
	if (form_repeated(form, NULL))
		call_fail_json(call, ERROR_INVALID_REQUEST, "A parameter stands more than once.");
	else if (!form_value(form, "token"))
		call_fail_json(call, ERROR_INVALID_REQUEST, "The parameter token is missing.");
	else
		revoke_text(call, client, form_value(form, "token"));
}
