/* refresh_token (RFC 6749 section 6, RFC 9700 section 4.14).
 *
 *   read ─→ source upstream asked ─→ width and right checked ─→ signed ─→ one transaction: decided again, acted on, recorded
 *
 * Everything that can be refused is refused before the token is spent. What a token shown again means is decided by policies/token.h:refresh_decide inside the
 * transaction that acts on it (refresh_rotation.c), so that a hundred parallel uses leave exactly one live successor.
 * A person who came from a directory is looked up there first: gone or disabled there is the end of the family here; a directory that does not answer costs
 * the caller a 503 and nothing else.
 */
#include "gateway/oauth/refresh.h"
#include "crypto/opaque_token.h"
#include "gateway/call/provision.h"
#include "policies/scope.h"

static void refresh_clear(struct refresh *refresh)
{
	refresh_token_clear(&refresh->token);
	grant_clear(&refresh->grant);
	account_clear(&refresh->account);
	access_clear(&refresh->access);
	provider_answer_clear(&refresh->upstream);
	source_list_unref(refresh->sources);
	width_clear(&refresh->width);
	g_free(refresh->id_token);
	wipe(refresh->successor, sizeof refresh->successor);
	refresh->call->facts.account = refresh->call->facts.username = refresh->call->facts.session = NULL;
}

/* --- read --- */

static enum found read_token(struct refresh *refresh, const char *text, GError **error)
{
	struct call *call = refresh->call;
	uint8_t digest[DIGEST_SIZE];
	struct unit *unit = store_reader(call->gateway->store, error);
	digest_sha256(text, strlen(text), digest);
	enum found found = unit ? refresh_find(unit, call->tenant->id, digest, &refresh->token, error) : BROKEN;
	if (found == FOUND && strcmp(refresh->token.client_id, refresh->client->client_id) != 0)
		found = MISSING;
	if (found == FOUND)
		found = grant_find(unit, call->tenant->id, refresh->token.grant, &refresh->grant, error);
	if (found == FOUND)
		found = account_find(unit, call->tenant->id, refresh->grant.account, &refresh->account, error);
	if (found != FOUND)
		return found;
	call->facts.account = refresh->account.id;
	call->facts.username = refresh->account.username;
	call->facts.session = refresh->grant.session[0] ? refresh->grant.session : NULL;
	return FOUND;
}

/* --- the source upstream --- */

static bool update_in_unit(struct unit *unit, void *data, GError **error)
{
	struct refresh *refresh = data;
	return provision_update(unit, refresh->call->tenant, refresh->source, &refresh->upstream, request_time_ms(refresh->call->request),
		&refresh->account, error);
}

/* The link by which the account came, when its source can be asked again. MISSING: nobody to ask, or nobody who may vouch for the person any more: then
 * *ret_reason says why. */
static enum found find_upstream(struct refresh *refresh, struct link *ret_link, enum reason *ret_reason, GError **error)
{
	struct call *call = refresh->call;
	refresh->sources = sources_of(call->gateway->sources, call->tenant, error);
	if (!refresh->sources)
		return BROKEN;
	refresh->source = refresh->grant.provider ? source_named(refresh->sources, refresh->grant.provider) : NULL;
	if (!refresh->source)
		*ret_reason = REASON_PROVIDER_UNKNOWN;
	if (!refresh->source || !refresh->source->driver->refresh)
		return MISSING;
	struct unit *unit = store_reader(call->gateway->store, error);
	enum found found = unit ? link_find_account(unit, call->tenant->id, refresh->grant.provider, refresh->account.id, ret_link, error) : BROKEN;
	if (found == MISSING)
		*ret_reason = REASON_NOT_PROVISIONED;
	return found;
}

/* Asks the directory, on this worker and outside any transaction; what it says of the person is written before the token speaks of it. False with *error:
 * the store or the directory is not there. *ret_refused: nobody vouches for the person now, which an administrator may mend; upstream_reason: the directory
 * itself says that he is gone, which ends the family. */
static bool ask_upstream(struct refresh *refresh, enum reason *ret_refused, GError **error)
{
	struct call *call = refresh->call;
	struct link link = { 0 };
	*ret_refused = refresh->upstream_reason = REASON_OK;
	enum found found = find_upstream(refresh, &link, ret_refused, error);
	if (found != FOUND)
		return found == MISSING;
	found = provision_ask(call->gateway->store, call->tenant, refresh->source, &link, request_time_ms(call->request), request_deadline_ms(call->request),
		&refresh->upstream, error);
	link_clear(&link);
	if (found != FOUND) /* a provider that nothing was kept of stands by what it said at the sign-in */
		return found == MISSING;
	if (refresh->upstream.verdict == VERDICT_UNAVAILABLE)
		return fail(error, ERROR_TEMPORARILY_UNAVAILABLE, "the provider %s did not answer", refresh->source->name);
	if (refresh->upstream.verdict == VERDICT_MORE) { /* only the person himself can be asked: he signs in again */
		*ret_refused = REASON_PROVIDER_UNASKED;
		return !call_check(call, "source", "cannot be asked without the person", "still there and enabled", false);
	}
	refresh->upstream_reason = source_reason(&refresh->upstream);
	return !call_check(call, "source", reason_name(refresh->upstream_reason), "still there and enabled", refresh->upstream_reason == REASON_OK)
		|| store_write(call->gateway->store, update_in_unit, refresh, error);
}

/* --- tokens --- */

static bool sign_tokens(struct refresh *refresh, GError **error)
{
	struct call *call = refresh->call;
	struct issue issue = { .client = refresh->client, .grant = &refresh->grant, .account = &refresh->account, .scope = refresh->width.scope,
		.resources = (const char *const *)refresh->width.resources, .now_ms = request_time_ms(call->request) };
	if (!issue_access(call, &issue, &refresh->access, error))
		return false;
	/* OpenID Connect Core section 12.2: same iss, sub, aud and auth_time; no nonce */
	g_clear_pointer(&refresh->grant.nonce, g_free);
	return !scope_has(refresh->width.scope, "openid") || (refresh->id_token = issue_id_token(call, &issue, refresh->access.token, error)) != NULL;
}

static void answer(struct refresh *refresh, const struct form *form)
{
	g_autoptr(json_t) body = issue_answer(&refresh->access, refresh->width.scope);
	json_object_set_new(body, "refresh_token", json_string(refresh->successor[0] ? refresh->successor : form_value(form, "refresh_token")));
	if (refresh->id_token)
		json_object_set_new(body, "id_token", json_string(refresh->id_token));
	reply_json(refresh->call->reply, 200, body);
}

/* Asks, checks, signs. A person whom the source no longer knows gets no tokens made: the transaction will end the family. */
static bool prepare(struct refresh *refresh, const struct form *form, enum reason *ret_reason, GError **error)
{
	if (!ask_upstream(refresh, ret_reason, error))
		return false;
	if (*ret_reason != REASON_OK || refresh->upstream_reason != REASON_OK)
		return true;
	*ret_reason = width_find(refresh->client, &refresh->grant, &refresh->account, form, form_value(form, "scope"), &refresh->width);
	return *ret_reason != REASON_OK || sign_tokens(refresh, error);
}

static void redeem(struct refresh *refresh, const struct form *form)
{
	struct call *call = refresh->call;
	GError *error = NULL;
	enum reason reason;
	if (!prepare(refresh, form, &reason, &error))
		grant_fail(call, error);
	else if (reason != REASON_OK)
		grant_refuse(call, grant_error(reason), reason, NULL);
	else if (!store_write_repeatable(call->gateway->store, refresh_in_unit, refresh, &error))
		grant_fail(call, error);
	else if (refresh->outcome != REASON_OK)
		call_fail_json(call, ERROR_INVALID_GRANT, NULL);
	else
		answer(refresh, form);
}

void grant_refresh_token(struct call *call, const struct client *client, const struct form *form)
{
	GError *error = NULL;
	const char *text = form_value(form, "refresh_token");
	struct refresh refresh = { .call = call, .client = client };
	enum found found = text ? read_token(&refresh, text, &error) : MISSING;
	if (!text)
		grant_refuse(call, ERROR_INVALID_REQUEST, REASON_REQUEST_INVALID, "The parameter refresh_token is missing.");
	else if (found == BROKEN)
		call_fail_error(call, error);
	else if (found == MISSING)
		grant_refuse(call, ERROR_INVALID_GRANT, REASON_REFRESH_UNKNOWN, NULL);
	else
		redeem(&refresh, form);
	refresh_clear(&refresh);
}
