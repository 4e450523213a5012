/* Changing a password at its provider, where signing in showed that it has expired, must be changed, or will soon be of no use.
 *
 *   sign-in: right password, expired ─→ page ─→ form token of that provider and name ─→ counted as any attempt ─→ driver ─→ settle ─→ hub
 *
 * The page is reached only by having typed the right password: its form's token is over the provider and the name, so that nobody brings another name or another
 * provider's password here. No password is kept between the two requests: the old one is typed again.
 */
#include "base/text.h"
#include "gateway/login/endpoints.h"
#include "gateway/login/settle.h"
#include "gateway/login/steps.h"

#include <string.h>

static bool may_change(const struct source *source)
{
	return source && source->driver->change_password && json_is_true(json_object_get(source->settings, "password_change"));
}

/* A provider's name has no space in it. */
static char *step_of(const char *provider, const char *username)
{
	return g_strconcat("change password ", provider ? provider : "", " ", username, NULL);
}

static const struct { enum reason reason; const char *problem; } problems[] = {
	{ REASON_PASSWORD_EXPIRED, "expired" }, { REASON_PASSWORD_NOT_REPEATED, "differ" }, { REASON_PASSWORD_TOO_SHORT, "short" },
	{ REASON_PASSWORD_REUSED, "reused" }, { REASON_PASSWORD_TOO_YOUNG, "young" }, { REASON_PASSWORD_REJECTED, "rejected" },
	{ REASON_PASSWORD_FIXED, "fixed" }, { REASON_BUSY, "busy" }, { REASON_PROVIDER_UNAVAILABLE, "busy" },
};

static const char *problem_of(enum reason reason)
{
	for (size_t i = 0; i < G_N_ELEMENTS(problems); i++)
		if (problems[i].reason == reason)
			return problems[i].problem;
	return "wrong";
}

static void show_page(struct login *login, const struct attempt *attempt, const char *problem)
{
	struct call *call = login->call;
	g_autofree char *step = step_of(attempt->source->name, attempt->username), *token = flow_form_token(login, step);
	g_autofree char *action = flow_url(login, "/password"), *later = flow_url(login, "/login"), *origin = flow_end_origin(login);
	bool grace = strcmp(problem, "grace") == 0, busy = strcmp(problem, "busy") == 0;
	struct page_change_password facts = { .frame = call_frame(call), .action = action, .form_token = token, .provider = attempt->source->name,
		.username = attempt->username, .client_name = login->client ? login->client->client_name : NULL, .problem = problem,
		/* the hub knows whether it goes on without */
		.later_url = login->flow.session ? later : NULL, .last_time = grace && attempt->grace_left == 0, .may_cancel = login->client != NULL };
	const char *asked = flow_parameter(login, "ui_locales");
	if (asked)
		facts.frame.language = page_language(asked, request_header(call->request, "Accept-Language", NULL), call->tenant->locale);
	if (busy)
		reply_header(call->reply, "Retry-After", "1");
	call_page(call, busy ? 503 : 200, page_change_password(&facts), origin);
}

bool change_password_offer(struct login *login, const struct attempt *attempt)
{
	if (!may_change(attempt->source))
		return false;
	show_page(login, attempt, attempt->in_grace ? "grace" : "expired");
	return true;
}

/* --- what is posted --- */

static void show_outcome(struct login *login, const struct attempt *attempt, enum reason reason)
{
	if (reason == REASON_OK)
		flow_continue(login, PLACE_SIGN_IN);
	else
		show_page(login, attempt, problem_of(reason));
}

/* A throttled attempt reaches no directory, as at signing in. */
static void ask_change(struct call *call, struct attempt *attempt, struct provider_answer *answer)
{
	const struct source *source = attempt->source;
	answer->verdict = VERDICT_REFUSED;
	answer->reason = attempt->throttled;
	if (attempt->throttled != REASON_OK)
		return;
	call_check(call, "source", source->name, NULL, true);
	*answer = (struct provider_answer){ 0 };
	source->driver->change_password(source->state, &(struct provider_complete){ .reply = request_form(call->request),
		.now_ms = request_time_ms(call->request), .deadline_ms = request_deadline_ms(call->request), .checks = call->checks }, answer);
}

static bool is_repeated(const struct form *form)
{
	const char *typed = form_value(form, "new_password");
	return typed && g_strcmp0(typed, form_value(form, "new_password_again")) == 0;
}

/* What needs nobody to be asked is said at once, and costs no attempt. */
static void change(struct login *login, struct attempt *attempt, const struct form *form)
{
	if (is_repeated(form)) {
		attempt_receive(login, attempt);
		return;
	}
	call_check(login->call, "repetition", "another", "the new password once more", false);
	login->call->facts.provider = attempt->source->name;
	call_audit(login->call, EVENT_PASSWORD_CHANGE, REASON_PASSWORD_NOT_REPEATED);
	show_page(login, attempt, problem_of(REASON_PASSWORD_NOT_REPEATED));
}

/* The source may have been switched off, or the change forbidden, since the page was shown. */
static void make_attempt(struct login *login, struct attempt *attempt, const struct form *form)
{
	GError *error = NULL;
	const char *provider = form_value(form, "provider");
	attempt->login_key = text_login_key(attempt->username);
	attempt->sources = sources_of(login->call->gateway->sources, login->call->tenant, &error);
	attempt->source = attempt->sources && provider ? source_named(attempt->sources, provider) : NULL;
	if (!attempt->sources)
		call_fail_error(login->call, error);
	else if (may_change(attempt->source))
		change(login, attempt, form);
	else
		flow_continue(login, PLACE_CHANGE_PASSWORD);
	attempt_clear(attempt);
}

static void post_change(struct login *login)
{
	const struct form *form = request_form(login->call->request);
	const char *username = form_get(form, "username");
	struct attempt attempt = { .event = EVENT_PASSWORD_CHANGE, .ask = ask_change, .show = show_outcome, .username = username ? username : "" };
	g_autofree char *step = step_of(form_value(form, "provider"), attempt.username);
	if (!flow_form_proved(login, step))
		return;
	if (form_value(form, "cancel"))
		flow_refuse(login, ERROR_ACCESS_DENIED, REASON_CANCELLED, "The person cancelled.");
	else
		make_attempt(login, &attempt, form);
}

/* Nobody comes here but from the sign-in: an address that was kept leads back to it. */
void change_password_endpoint(struct call *call)
{
	g_auto(login_t) login = { 0 };
	if (login_load(&login, call, flow_handle(call))) {
		if (request_method(call->request) == METHOD_POST)
			post_change(&login);
		else
			flow_continue(&login, PLACE_CHANGE_PASSWORD);
	}
	call->facts = (struct audit_facts){ 0 };
}
