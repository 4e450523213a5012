/* Signing in: the form, and what is posted to it, through the provider interface like any other source.
 *
 *   form ─→ form token ─→ name looked up ─→ attempt counted (commit) ─→ sources in order ─→ settle (commit) ─→ hub
 *
 * Sources are asked in the order that policies/source gives. Only "unknown" goes on to the next: a wrong password, a disabled account or a directory that
 * does not answer ends it, so that no other source ever sees a password meant for this one.
 */
#include "base/clock.h"
#include "base/encoding.h"
#include "base/text.h"
#include "gateway/login/endpoints.h"
#include "gateway/login/settle.h"
#include "gateway/login/steps.h"
#include "policies/source.h"

/* --- what the driver borrows --- */

struct loan {
	struct call *call;
	struct attempt *attempt;
};

/* Passwords brought from elsewhere (bcrypt, PBKDF2) cost more than ours until their owners sign in. So a name that has no password is answered at the cost of some
 * account's, drawn by the name: whatever share of a tenant's people answers slower, the same share of made-up names does, each time it is tried (SECURITY LG-1). */
static bool lend_decoy(const struct loan *loan, struct unit *unit, const char *login_key, struct credential *ret, GError **error)
{
	const struct call *call = loan->call;
	uint8_t mac[DIGEST_SIZE];
	char near[IDENTIFIER_SIZE];
	struct digest_parts *parts = digest_parts_new("decoy");
	digest_parts_add_text(parts, call->tenant->id);
	digest_parts_add_text(parts, login_key);
	root_keys_mac(call->gateway->keys, "throttle", parts, mac);
	base32_encode(mac, 16, near);
	return credential_sample(unit, call->tenant->id, near, &ret->decoy, error) != BROKEN;
}

/* Lends the credential of the account the name led to. Nobody's when the attempt is throttled, with what it has as the decoy: the same work is done all the same. */
static bool lend_credential(void *data, const char *login_key, struct credential *ret, GError **error)
{
	struct loan *loan = data;
	struct attempt *attempt = loan->attempt;
	const char *tenant = loan->call->tenant->id;
	struct unit *unit = store_reader(loan->call->gateway->store, error);
	g_auto(account_t) account = { 0 };
	g_autofree char *stored = NULL;
	/* the name was looked up when the attempt was counted */
	if (!unit || account_find(unit, tenant, attempt->account.id, &account, error) == BROKEN
	    || credential_find(unit, tenant, attempt->account.id, &stored, error) == BROKEN)
		return false;
	if (!stored && !lend_decoy(loan, unit, login_key, ret, error))
		return false;
	if (attempt->throttled != REASON_OK || !account.id[0]) {
		if (stored)
			ret->decoy = g_steal_pointer(&stored);
		return true;
	}
	memcpy(ret->account, account.id, sizeof ret->account);
	ret->disabled = account.disabled;
	attempt->stored = g_strdup(stored);
	ret->stored = g_steal_pointer(&stored);
	return true;
}

static bool is_hashed_here(const struct source *source)
{
	return !(source->driver->capabilities & (CAPABILITY_REFRESHES | CAPABILITY_REDIRECTS));
}

/* Room for a hash is held only while our own accounts are asked: a directory that hangs must not take it from other tenants. */
static void leave_hasher(struct call *call, struct attempt *attempt)
{
	if (attempt->admitted)
		password_hasher_leave(call->gateway->hasher);
	attempt->admitted = false;
}

static void ask_source(struct call *call, struct attempt *attempt, struct provider_answer *answer)
{
	struct loan lent = { call, attempt };
	struct provider_loan loan = { .data = &lent, .find_credential = lend_credential, .hasher = call->gateway->hasher };
	const struct source *source = attempt->source;
	if (!is_hashed_here(source))
		leave_hasher(call, attempt);
	call_check(call, "source", source->name, NULL, true);
	source->driver->complete(source->state, &(struct provider_complete){ .reply = request_form(call->request), .loan = &loan,
		.now_ms = request_time_ms(call->request), .deadline_ms = request_deadline_ms(call->request), .checks = call->checks }, answer);
}

/* Fills the attempt's sources in the order in which they will be asked. */
static bool order_sources(struct call *call, struct attempt *attempt, GError **error)
{
	struct source_facts facts[SOURCES_MAX];
	attempt->sources = sources_of(call->gateway->sources, call->tenant, error);
	if (!attempt->sources)
		return false;
	size_t count = MIN(attempt->sources->count, SOURCES_MAX);
	for (size_t i = 0; i < count; i++)
		facts[i] = (struct source_facts){ .enabled = true, .domains = (const char *const *)attempt->sources->sources[i].domains,
			.asks_password = attempt->sources->sources[i].driver->capabilities & CAPABILITY_ASKS_PASSWORD };
	attempt->order_count = source_order(facts, count, attempt->login_key, attempt->order);
	return true;
}

/* Room for a hash is asked for where one may be needed, before anything is counted or stored: who is turned away for want of room has tried nothing. */
static bool enter_hasher(struct call *call, struct attempt *attempt)
{
	bool needed = false;
	for (size_t i = 0; i < attempt->order_count && !needed; i++)
		needed = is_hashed_here(&attempt->sources->sources[attempt->order[i]]);
	attempt->admitted = needed && password_hasher_enter(call->gateway->hasher);
	return !needed || attempt->admitted;
}

/* A throttled attempt is shown to our own accounts only, for the hash that it must cost: no directory is bothered, none can be made to lock somebody. */
static bool may_ask(const struct attempt *attempt, const struct source *source)
{
	return attempt->throttled == REASON_OK || is_hashed_here(source);
}

static void ask_sources(struct call *call, struct attempt *attempt, struct provider_answer *answer)
{
	answer->verdict = VERDICT_REFUSED;
	answer->reason = REASON_PROVIDER_UNKNOWN;
	for (size_t i = 0; i < attempt->order_count; i++) {
		const struct source *source = &attempt->sources->sources[attempt->order[i]];
		if (!may_ask(attempt, source))
			continue;
		provider_answer_clear(answer);
		attempt->source = source;
		ask_source(call, attempt, answer);
		if (answer->verdict != VERDICT_UNKNOWN && answer->reason != REASON_NO_PASSWORD)
			return;
	}
}

/* --- one attempt --- */

static bool find_account(struct call *call, struct attempt *attempt, GError **error)
{
	struct unit *unit = store_reader(call->gateway->store, error);
	return unit && account_find_login(unit, call->tenant->id, attempt->login_key ? attempt->login_key : "", &attempt->account, error) != BROKEN;
}

/* What the page says. Expired is told to whoever typed the right password only: directories look at the age last. All else is one text. */
static const char *problem_of(enum reason reason)
{
	if (reason == REASON_BUSY || reason == REASON_PROVIDER_UNAVAILABLE)
		return "busy";
	return reason == REASON_PASSWORD_EXPIRED ? "expired" : "wrong";
}

static void show_sign_in(struct login *login, const struct attempt *attempt, enum reason reason)
{
	if ((reason == REASON_PASSWORD_EXPIRED || attempt->in_grace) && change_password_offer(login, attempt))
		return;
	if (reason == REASON_OK)
		flow_continue(login, PLACE_SIGN_IN);
	else
		signin_show(login, &(struct signin_view){ .problem = problem_of(reason), .username = attempt->username });
}

static void answer_attempt(struct login *login, const struct attempt *attempt, enum reason reason, GError *error)
{
	if (reason == REASON_STORE_BROKEN)
		call_fail_error(login->call, error);
	else if (reason == REASON_FLOW_EXPIRED)
		call_fail_page(login->call, ERROR_FLOW_EXPIRED, NULL);
	else
		attempt->show(login, attempt, reason);
}

/* Counted, asked, settled. */
static void attempt_sign_in(struct login *login, struct attempt *attempt)
{
	struct call *call = login->call;
	struct provider_answer answer = { 0 };
	GError *error = NULL;
	enum reason reason = REASON_STORE_BROKEN;
	attempt->counted = true;
	attempt->throttled = buckets_count(call, &attempt->buckets, &error);
	if (!error) {
		call_check(call, "throttle", reason_name(attempt->throttled), "not locked", attempt->throttled == REASON_OK);
		attempt->ask(call, attempt, &answer);
		reason = login_settle(login, attempt, &answer, &error);
		attempt->in_grace = reason == REASON_OK && answer.in_grace;
		attempt->grace_left = answer.grace_left;
	}
	provider_answer_clear(&answer);
	answer_attempt(login, attempt, reason, error);
}

/* Finds whom the name means and which buckets that is; an address that is locked is turned away unread. */
void attempt_receive(struct login *login, struct attempt *attempt)
{
	struct call *call = login->call;
	GError *error = NULL;
	enum found locked = BROKEN;
	if (find_account(call, attempt, &error)) {
		attempt->buckets = buckets_of(call, &attempt->account, attempt->login_key);
		locked = buckets_address_locked(call, &attempt->buckets, &error);
	}
	switch (locked) {
	case BROKEN:
		call_fail_error(call, error);
		break;
	case MISSING:
		attempt_sign_in(login, attempt);
		break;
	case FOUND:
		call_check(call, "address", "locked", "not locked", false);
		call_audit(call, EVENT_LOGIN_REFUSE, REASON_THROTTLED_ADDRESS);
		reply_header(call->reply, "Retry-After", "60");
		call_fail_page(call, ERROR_TOO_MANY_REQUESTS, NULL);
		break;
	}
}

static void turn_away_busy(struct login *login, const struct attempt *attempt)
{
	call_audit(login->call, EVENT_LOGIN_REFUSE, REASON_BUSY);
	signin_show(login, &(struct signin_view){ .problem = "busy", .username = attempt->username });
}

static void make_attempt(struct login *login, struct attempt *attempt)
{
	struct call *call = login->call;
	GError *error = NULL;
	attempt->login_key = text_login_key(attempt->username);
	if (!order_sources(call, attempt, &error))
		call_fail_error(call, error);
	else if (!enter_hasher(call, attempt))
		turn_away_busy(login, attempt);
	else
		attempt_receive(login, attempt);
	leave_hasher(call, attempt);
	attempt_clear(attempt);
}

static void post_sign_in(struct login *login)
{
	const struct form *form = request_form(login->call->request);
	const char *username = form_get(form, "username");
	struct attempt attempt = { .event = EVENT_LOGIN, .ask = ask_sources, .show = show_sign_in, .username = username ? username : "" };
	if (!flow_form_proved(login, STEP_SIGN_IN))
		return;
	if (form_value(form, "cancel"))
		flow_refuse(login, ERROR_ACCESS_DENIED, REASON_CANCELLED, "The person cancelled.");
	else if (signin_routes(login, attempt.username))
		return;
	else if (!form_get(form, "password"))
		signin_show(login, &(struct signin_view){ .username = username });
	else
		make_attempt(login, &attempt);
}

/* A person who comes by himself: a flow without an application, which ends at /account. */
static void start_alone(struct call *call)
{
	g_auto(login_t) login = { .call = call };
	flow_new_alone(&login);
	if (login_load_session(&login))
		flow_continue(&login, PLACE_AUTHORIZE);
	call->facts = (struct audit_facts){ 0 };
}

void signin_endpoint(struct call *call)
{
	g_auto(login_t) login = { 0 };
	const struct form *query = request_query(call->request);
	bool posted = request_method(call->request) == METHOD_POST;
	if (!posted && query && !form_value(query, "flow")) {
		start_alone(call);
		return;
	}
	if (login_load(&login, call, flow_handle(call))) {
		if (posted)
			post_sign_in(&login);
		else
			flow_continue(&login, PLACE_SIGN_IN);
	}
	call->facts = (struct audit_facts){ 0 };
}
