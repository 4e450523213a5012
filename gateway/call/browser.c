/* The browser's session at this tenant. A cookie is good only where it was set: the name carries the tenant and the look-up names it (SECURITY SE-6). */
#include "gateway/call/browser.h"
#include "base/encoding.h"
#include "gateway/call/cookies.h"
#include "policies/session.h"

#define VALUE_BYTES 32
#define VALUE_TEXT 43

char *browser_session_value(uint8_t digest[DIGEST_SIZE])
{
	uint8_t bytes[VALUE_BYTES];
	random_bytes(bytes, sizeof bytes);
	char *text = base64url_encode(bytes, sizeof bytes);
	wipe(bytes, sizeof bytes);
	digest_sha256(text, strlen(text), digest);
	return text;
}

static enum reason judge(struct call *call, const struct session *session, const struct account *account)
{
	const struct tenant_policy *policy = &call->tenant->policy;
	return session_decide(&(struct session_facts){
		.ended = session->ended_ms != 0, .account_disabled = account->disabled, .created_ms = session->created_ms, .last_seen_ms = session->last_seen_ms,
		.now_ms = request_time_ms(call->request), .idle_ms = policy->session.idle_s * 1000, .absolute_ms = policy->session.absolute_s * 1000,
		.credentials_changed_ms = account->credentials_changed_ms, .auth_time_ms = session->auth_time_ms, .ends_ms = session->ends_ms });
}

/* `found` is of the session; what is not alive is not there. */
static enum found judge_found(struct call *call, struct unit *unit, enum found found, struct session *ret_session, struct account *ret_account, GError **error)
{
	if (found == FOUND)
		found = account_find(unit, call->tenant->id, ret_session->account, ret_account, error);
	if (found == FOUND && judge(call, ret_session, ret_account) != REASON_OK)
		found = MISSING;
	if (found != FOUND) {
		session_clear(ret_session);
		account_clear(ret_account);
	}
	return found;
}

enum found browser_session(struct call *call, struct session *ret_session, struct account *ret_account, GError **error)
{
	uint8_t digest[DIGEST_SIZE];
	const char *value = call_cookie_get(call, COOKIE_SESSION);
	if (!value || strlen(value) != VALUE_TEXT)
		return MISSING;
	struct unit *unit = store_reader(call->gateway->store, error);
	if (!unit)
		return BROKEN;
	digest_sha256(value, VALUE_TEXT, digest);
	return judge_found(call, unit, session_find(unit, call->tenant->id, digest, ret_session, error), ret_session, ret_account, error);
}

enum found browser_session_by_id(struct call *call, const char *session, struct session *ret_session, struct account *ret_account, GError **error)
{
	struct unit *unit = store_reader(call->gateway->store, error);
	if (!unit)
		return BROKEN;
	return judge_found(call, unit, session_find_id(unit, call->tenant->id, session, ret_session, error), ret_session, ret_account, error);
}

void browser_sid(const char *session, const struct client *client, char out[IDENTIFIER_SIZE])
{
	uint8_t digest[DIGEST_SIZE];
	char text[64];
	/* Both are 128 random bits that no client ever sees; a key would change it at a rotation, in the middle of a session. */
	struct digest_parts *parts = digest_parts_new("sid");
	digest_parts_add_text(parts, session);
	digest_parts_add_text(parts, client->incarnation);
	digest_parts_finish(parts, digest);
	base32_encode(digest, 16, text);
	g_strlcpy(out, text, IDENTIFIER_SIZE);
}
