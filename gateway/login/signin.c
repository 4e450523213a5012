/* Signing in: the form, and what is posted to it, through the provider interface like any other source.
 *
 *   form ─→ form token ─→ name looked up ─→ attempt counted (commit) ─→ driver's complete (one hash, whatever happens) ─→ settle (commit) ─→ hub
 */
#include "base/clock.h"
#include "base/text.h"
#include "gateway/login/endpoints.h"
#include "gateway/login/settle.h"
#include "gateway/login/steps.h"

#define STEP "sign in"

/* --- the page --- */

void signin_show(struct login *login, const char *problem, const char *username)
{
	struct call *call = login->call;
	g_autofree char *token = flow_form_token(login, STEP), *action = flow_url(login, "/login"), *origin = flow_end_origin(login);
	struct page_sign_in facts = { .frame = call_frame(call), .action = action, .form_token = token, .username = username, .problem = problem,
		.client_name = login->client ? login->client->client_name : NULL,
		.may_cancel = login->client != NULL };
	const char *asked = flow_parameter(login, "ui_locales");
	if (asked)
		facts.frame.language = page_language(asked, request_header(call->request, "Accept-Language", NULL), call->tenant->locale);
	bool busy = g_strcmp0(problem, "busy") == 0;
	if (busy)
		reply_header(call->reply, "Retry-After", "1");
	call_page(call, busy ? 503 : 200, page_sign_in(&facts), origin);
}

/* --- what the driver borrows --- */

/* Lends the credential of the account the name led to; nobody's when the attempt is throttled, so that a hash is done all the same. */
static bool lend_credential(void *data, const char *login_key, struct credential *ret, GError **error)
{
	struct { struct call *call; struct attempt *attempt; } *loan = data;
	const char *tenant = loan->call->tenant->id;
	struct unit *unit = store_reader(loan->call->gateway->store, error);
	g_auto(account_t) account = { 0 };
	g_autofree char *stored = NULL;
	(void)login_key; /* the name was looked up when the attempt was counted */
	if (!unit || account_find(unit, tenant, loan->attempt->account, &account, error) == BROKEN
	    || credential_find(unit, tenant, loan->attempt->account, &stored, error) == BROKEN)
		return false;
	if (loan->attempt->throttled != REASON_OK || !account.id[0])
		return true;
	memcpy(ret->account, account.id, sizeof ret->account);
	ret->disabled = account.disabled;
	ret->stored = g_steal_pointer(&stored);
	return true;
}

static void complete(struct login *login, const struct provider_driver *driver, struct attempt *attempt, struct provider_answer *answer)
{
	struct call *call = login->call;
	struct { struct call *call; struct attempt *attempt; } lent = { call, attempt };
	struct provider_loan loan = { .data = &lent, .find_credential = lend_credential, .hasher = call->gateway->hasher };
	g_autoptr(GError) error = NULL;
	void *state = NULL;
	g_autoptr(json_t) settings = json_object();
	if (!call->checks)
		call->checks = checks_new();
	if (!driver->open(attempt->provider, settings, &state, &error)) {
		answer->verdict = VERDICT_UNAVAILABLE;
		return;
	}
	driver->complete(state, &(struct provider_complete){ .reply = request_form(call->request), .loan = &loan, .now_ms = request_time_ms(call->request),
		.deadline_ms = request_deadline_ms(call->request), .checks = call->checks }, answer);
	driver->close(state);
}

/* --- one attempt --- */

static bool find_account(struct call *call, struct attempt *attempt, GError **error)
{
	g_auto(account_t) account = { 0 };
	struct unit *unit = store_reader(call->gateway->store, error);
	attempt->login_key = text_login_key(attempt->username);
	enum found found = unit ? account_find_login(unit, call->tenant->id, attempt->login_key ? attempt->login_key : "", &account, error) : BROKEN;
	if (found == FOUND)
		memcpy(attempt->account, account.id, sizeof attempt->account);
	return found != BROKEN;
}

static bool is_busy(enum reason reason)
{
	return reason == REASON_BUSY || reason == REASON_PROVIDER_UNAVAILABLE;
}

static void attempt_sign_in(struct login *login, struct attempt *attempt)
{
	struct call *call = login->call;
	struct provider_answer answer = { 0 };
	GError *error = NULL;
	enum reason reason = REASON_STORE_BROKEN;
	if (find_account(call, attempt, &error)) {
		attempt->buckets = buckets_of(call, attempt->account, attempt->login_key);
		attempt->throttled = buckets_count(call, &attempt->buckets, &error);
		call_check(call, "throttle", reason_name(attempt->throttled), "not locked", attempt->throttled == REASON_OK);
	}
	if (!error) {
		complete(login, provider_driver_named("local"), attempt, &answer);
		reason = login_settle(login, attempt, &answer, &error);
	}
	provider_answer_clear(&answer);
	if (reason == REASON_STORE_BROKEN)
		call_fail_error(call, error);
	else if (reason == REASON_OK)
		flow_continue(login, PLACE_SIGN_IN);
	else
		signin_show(login, is_busy(reason) ? "busy" : "wrong", attempt->username);
}

static void post_sign_in(struct login *login)
{
	const struct form *form = request_form(login->call->request);
	struct attempt attempt = { .provider = "local", .username = form_get(form, "username") };
	if (!flow_form_proved(login, STEP))
		return;
	if (form_value(form, "cancel")) {
		flow_refuse(login, ERROR_ACCESS_DENIED, REASON_CANCELLED, "The person cancelled.");
		return;
	}
	if (!attempt.username)
		attempt.username = "";
	attempt_sign_in(login, &attempt);
	g_free(attempt.login_key);
}

/* A person who comes by himself: a flow without an application, which ends at /account. */
static void start_alone(struct call *call)
{
	g_auto(login_t) login = { .call = call };
	login.flow.request = json_object();
	login.flow.created_ms = request_time_ms(call->request);
	login.flow.expires_ms = login.flow.created_ms + FLOW_LIFE_MS;
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
	if (login_load(&login, call)) {
		if (posted)
			post_sign_in(&login);
		else
			flow_continue(&login, PLACE_SIGN_IN);
	}
	call->facts = (struct audit_facts){ 0 };
}
