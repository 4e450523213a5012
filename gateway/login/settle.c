/* Settling a sign-in.
 *
 *   verdict ─→ reason ─→ account (policies/account, call/provision) ─→ session: renewed for the same person, new for another ─→ record; one commit
 *
 * The session's identifier in the cookie is new at every sign-in, whatever the browser brought (SECURITY SE-3). The same person signing in again keeps the
 * session's inner id, so that the tokens of other applications live on; another person's session in this browser is ended.
 */
#include "gateway/login/settle.h"
#include "gateway/call/provision.h"
#include "gateway/call/cookies.h"
#include "gateway/call/browser.h"
#include "policies/account.h"
#include "policies/acr.h"

void attempt_clear(struct attempt *attempt)
{
	g_free(attempt->login_key);
	g_free(attempt->stored);
	source_list_unref(attempt->sources);
	account_clear(&attempt->account);
}

struct settling {
	struct login *login;
	const struct attempt *attempt;
	const struct provider_answer *answer;
	struct account account;
	struct session session;
	bool renewed;
	enum reason reason;
};

/* The verdict first, then the throttle: a right password on a locked account is still refused, and the log says it was the lock. */
static enum reason judge(const struct settling *settling)
{
	if (settling->attempt->throttled != REASON_OK)
		return settling->attempt->throttled;
	return source_reason(settling->answer);
}

/* The password that was looked at must be the one that still stands: while a hash takes its time an administrator may have set another. */
static bool check_credential(struct unit *unit, struct settling *settling, GError **error)
{
	g_autofree char *stored = NULL;
	enum found found = credential_find(unit, settling->login->call->tenant->id, settling->account.id, &stored, error);
	if (found != BROKEN && g_strcmp0(stored, settling->attempt->stored) != 0)
		settling->reason = REASON_WRONG_PASSWORD;
	return found != BROKEN;
}

static bool find_own_account(struct unit *unit, struct settling *settling, GError **error)
{
	const char *tenant = settling->login->call->tenant->id, *subject = identity_subject(settling->answer->identity);
	enum found found = account_find(unit, tenant, subject, &settling->account, error);
	struct account_decision decision = account_decide(&(struct account_facts){
		.local = true, .linked = found == FOUND, .disabled = found == FOUND && settling->account.disabled });
	settling->reason = decision.action == ACCOUNT_USE ? REASON_OK : decision.reason;
	return found != BROKEN && (settling->reason != REASON_OK || check_credential(unit, settling, error));
}

/* The account that the identity opens, read inside the transaction: what an administrator disabled meanwhile stays shut. */
static bool find_account(struct unit *unit, struct settling *settling, GError **error)
{
	struct call *call = settling->login->call;
	const struct source *source = settling->attempt->source;
	if (source->driver == provider_driver_named("local"))
		return find_own_account(unit, settling, error);
	return provision(unit, call->tenant, source, settling->answer, request_time_ms(call->request), &settling->account, &settling->reason, error);
}

/* Whether what the provider says of how it asked is passed on: a second factor only where the declaration trusts it, and nobody is to read one out of two methods. */
static bool amr_counts(const struct source *source, const char *const *amr)
{
	bool trusted = source->trust_mfa || source->driver->capabilities & CAPABILITY_ASKS_PASSWORD;
	return trusted || (amr[0] && !amr[1] && strcmp(amr[0], "mfa") != 0);
}

/* What the provider said of its own session. */
static void fill_upstream(struct settling *settling)
{
	const struct upstream_session *upstream = &settling->answer->session;
	struct session *session = &settling->session;
	const char *const *amr = identity_amr(settling->answer->identity);
	bool told = amr_counts(settling->attempt->source, amr);
	session->acr = g_strdup(told && g_strv_contains(amr, "mfa") ? ACR_MFA : ACR_PASSWORD);
	session->amr = told ? g_strjoinv(" ", (char **)(uintptr_t)amr) : NULL;
	session->ends_ms = upstream->ends_ms;
	if (upstream->sid) {
		session->has_upstream = true;
		session_upstream_digest(settling->attempt->source->name, upstream->sid, session->upstream);
	}
	/* An older sign-in there counts as of the account's last change of credentials: before it, every session is over. */
	if (upstream->auth_time_ms)
		session->auth_time_ms = MAX(MIN(upstream->auth_time_ms, session->auth_time_ms), settling->account.credentials_changed_ms);
}

static void fill_session(struct settling *settling)
{
	struct call *call = settling->login->call;
	struct session *session = &settling->session;
	int64_t now_ms = request_time_ms(call->request);
	g_strlcpy(session->account, settling->account.id, sizeof session->account);
	session->provider = g_strdup(identity_provider(settling->answer->identity));
	session->address = g_strdup(request_address(call->request));
	session->user_agent = g_strdup(request_user_agent(call->request));
	session->created_ms = session->auth_time_ms = session->last_seen_ms = now_ms;
	fill_upstream(settling);
}

/* The session that will be: the same person's keeps its inner id and age, anybody else's is new. */
static void choose_session(struct settling *settling)
{
	const struct session *before = &settling->login->session;
	fill_session(settling);
	settling->renewed = settling->login->has_session && strcmp(before->account, settling->account.id) == 0 && !settling->answer->password_changed;
	if (!settling->renewed) {
		random_identifier(settling->session.id);
		return;
	}
	memcpy(settling->session.id, before->id, IDENTIFIER_SIZE);
	settling->session.created_ms = before->created_ms;
}

static bool write_session(struct unit *unit, struct settling *settling, GError **error)
{
	struct login *login = settling->login;
	const char *tenant = login->call->tenant->id;
	if (settling->renewed)
		return session_renew(unit, tenant, &settling->session, error);
	if (login->has_session && !session_end(unit, tenant, login->session.id, settling->session.auth_time_ms, error))
		return false;
	return session_insert(unit, tenant, &settling->session, error);
}

/* For signing out at the provider too. */
static bool write_keep(struct unit *unit, struct settling *settling, GError **error)
{
	const struct secret *keep = settling->answer->session.logout_keep;
	return !keep || session_keep_set(unit, settling->login->call->tenant->id, settling->session.id, keep, error);
}

/* Marks the flow as this session's. A flow that was finished or cancelled in another tab meanwhile is a refusal with a record of its own: a right password must
 * not be told from a wrong one by its absence. */
static bool claim_flow(struct unit *unit, struct settling *settling, GError **error)
{
	struct login *login = settling->login;
	g_free(login->flow.session);
	login->flow.session = g_strdup(settling->session.id);
	login->flow.consented = false; /* what somebody else allowed in this flow is not this person's consent */
	enum found found = flow_update(unit, login->call->tenant->id, &login->flow, error);
	if (found == MISSING)
		settling->reason = REASON_FLOW_EXPIRED;
	return found != BROKEN;
}

/* A changed password ends what was opened with the old one (CONTRACT section 5), and makes every device a stranger. The stored hash, of an account that has one
 * here too, stays. */
static bool end_what_was(struct unit *unit, struct settling *settling, GError **error)
{
	const char *tenant = settling->login->call->tenant->id;
	int64_t now_ms = request_time_ms(settling->login->call->request);
	g_autofree char *stored = NULL;
	settling->account.credentials_changed_ms = now_ms;
	return credential_find(unit, tenant, settling->account.id, &stored, error) != BROKEN
		&& credential_set(unit, tenant, settling->account.id, stored, now_ms, error);
}

static bool write_success(struct unit *unit, struct settling *settling, GError **error)
{
	struct call *call = settling->login->call;
	const char *replacement = settling->answer->replacement_hash, *was = settling->attempt->stored;
	choose_session(settling);
	if (!claim_flow(unit, settling, error) || settling->reason != REASON_OK)
		return settling->reason == REASON_FLOW_EXPIRED;
	if (settling->answer->password_changed && !end_what_was(unit, settling, error))
		return false;
	if (replacement && was && !credential_rehash(unit, call->tenant->id, settling->account.id, was, replacement, error))
		return false;
	return (!settling->attempt->counted || buckets_forgive(unit, call, &settling->attempt->buckets, error)) && write_session(unit, settling, error)
		&& write_keep(unit, settling, error);
}

static bool write_record(struct unit *unit, struct settling *settling, enum audit_event event, enum reason reason, GError **error)
{
	struct call *call = settling->login->call;
	g_autoptr(json_t) detail = NULL;
	struct audit_facts facts = call_facts(call, event, reason, &detail);
	facts.username = settling->attempt->username;
	facts.account = settling->attempt->account.id[0] ? settling->attempt->account.id : NULL;
	facts.provider = settling->attempt->source ? settling->attempt->source->name : NULL;
	if (settling->reason == REASON_OK) {
		facts.account = settling->account.id;
		facts.username = settling->account.username;
		facts.session = settling->session.id;
		facts.acr = settling->session.acr;
		facts.amr = settling->session.amr;
	}
	return audit_append(unit, call->gateway->store, call->tenant, &facts, facts.account != NULL, error);
}

/* A change of the password and the sign-in that follows it are two records: the one may have come about and the other not. */
static bool write_records(struct unit *unit, struct settling *settling, GError **error)
{
	bool changed = settling->answer->password_changed;
	enum audit_event event = settling->attempt->event;
	if (event == EVENT_LOGIN)
		return write_record(unit, settling, EVENT_LOGIN, settling->reason, error);
	return write_record(unit, settling, event, changed ? REASON_OK : settling->reason, error)
		&& (!changed || write_record(unit, settling, EVENT_LOGIN, settling->reason, error));
}

/* The password was right, and has expired, or it was the new one that did not please: no guess, so no failure to sign in. */
static bool is_no_guess(enum reason reason)
{
	return reason == REASON_PASSWORD_EXPIRED || reason == REASON_PASSWORD_TOO_SHORT || reason == REASON_PASSWORD_REUSED || reason == REASON_PASSWORD_TOO_YOUNG
		|| reason == REASON_PASSWORD_REJECTED || reason == REASON_PASSWORD_FIXED;
}

/* Nobody looked at the password: neither the throttle shut it out, nor was a hash slot or the provider there; or it was right. */
static bool no_verdict(const struct settling *settling)
{
	return settling->attempt->throttled == REASON_OK
		&& (settling->reason == REASON_BUSY || settling->reason == REASON_PROVIDER_UNAVAILABLE || is_no_guess(settling->reason));
}

static bool count_outcome(struct unit *unit, struct settling *settling, GError **error)
{
	struct call *call = settling->login->call;
	const struct buckets *buckets = &settling->attempt->buckets;
	if (!settling->attempt->counted || settling->reason == REASON_OK || settling->reason == REASON_FLOW_EXPIRED)
		return true;
	return no_verdict(settling) ? buckets_give_back(unit, call, buckets, error) : buckets_blame(unit, call, buckets, error);
}

/* Some answers must open a session once, whichever gateway sees them (SECURITY SM-10). */
static bool use_up(struct unit *unit, struct settling *settling, GError **error)
{
	const struct upstream_session *upstream = &settling->answer->session;
	if (!upstream->once)
		return true;
	g_autofree char *purpose = g_strconcat("answer of ", settling->attempt->source->name, NULL);
	enum found first = once_claim(unit, settling->login->call->tenant->id, purpose, upstream->once, upstream->once_until_ms, error);
	if (!call_check(settling->login->call, "assertion", first == FOUND ? "new" : "used before", "used once", first != MISSING))
		settling->reason = REASON_ANSWER_REPLAYED;
	return first != BROKEN;
}

static bool settle_in_unit(struct unit *unit, void *data, GError **error)
{
	struct settling *settling = data;
	settling->reason = judge(settling);
	if (settling->reason == REASON_OK && !use_up(unit, settling, error))
		return false;
	if (settling->reason == REASON_OK && !find_account(unit, settling, error))
		return false;
	if (settling->reason == REASON_OK && !write_success(unit, settling, error))
		return false;
	if (!count_outcome(unit, settling, error))
		return false;
	return write_records(unit, settling, error);
}

/* What the transaction wrote becomes the login's, and the browser's. */
static void take_over(struct settling *settling, const char *cookie)
{
	struct login *login = settling->login;
	session_clear(&login->session);
	account_clear(&login->account);
	login->session = settling->session;
	login->account = settling->account;
	login->has_session = true;
	login->flow.version++;
	settling->session = (struct session){ 0 };
	settling->account = (struct account){ 0 };
	call_cookie_set(login->call, COOKIE_SESSION, cookie, 0);
	device_remember(login->call, &login->account);
}

enum reason login_settle(struct login *login, const struct attempt *attempt, const struct provider_answer *answer, GError **error)
{
	struct settling settling = { .login = login, .attempt = attempt, .answer = answer };
	g_autofree char *cookie = browser_session_value(settling.session.digest);
	enum reason reason = store_write(login->call->gateway->store, settle_in_unit, &settling, error) ? settling.reason : REASON_STORE_BROKEN;
	if (reason == REASON_OK)
		take_over(&settling, cookie);
	wipe(cookie, strlen(cookie));
	session_clear(&settling.session);
	account_clear(&settling.account);
	return reason;
}
