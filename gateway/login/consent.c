/* Consent: what an application that is not the company's own may know, asked once and remembered by the grant. */
#include "gateway/login/endpoints.h"
#include "gateway/login/steps.h"
#include "policies/scope.h"

/* What is shared: the scopes, and those that stand for claims asked for by name. */
static const char *shared_scope(const struct login *login)
{
	const char *scope = flow_parameter(login, "shared_scope");
	return scope ? scope : flow_parameter(login, "scope");
}

enum found consent_remembered(struct login *login, GError **error)
{
	struct call *call = login->call;
	g_autofree char *given = NULL;
	struct unit *unit = store_reader(call->gateway->store, error);
	enum found found = unit ? consent_find(unit, call->tenant->id, login->account.id, login->client->client_id, &given, error) : BROKEN;
	return found == FOUND && scope_decide(shared_scope(login), given) != REASON_OK ? MISSING : found;
}

void consent_show(struct login *login)
{
	g_autofree char *token = flow_form_token(login, STEP_CONSENT), *action = flow_url(login, "/consent"), *origin = flow_end_origin(login);
	g_auto(GStrv) scopes = g_strsplit(shared_scope(login), " ", -1);
	struct page_consent facts = { .frame = login_frame(login), .action = action, .form_token = token, .client_name = login->client->client_name,
		.account_name = login->account.name ? login->account.name : login->account.username, .username = login->account.username,
		.scopes = (const char *const *)scopes };
	call_page(login->call, 200, page_consent(&facts), origin);
}

static bool add_word(const char *word, size_t length, void *data)
{
	GString *scope = data;
	g_autofree char *one = g_strndup(word, length);
	if (!scope_has(scope->str, one))
		g_string_append_printf(scope, "%s%s", scope->len ? " " : "", one);
	return true;
}

/* Remembers it beside what was allowed before, marks the flow, and records it, together. */
static bool approve_in_unit(struct unit *unit, void *data, GError **error)
{
	struct login *login = data;
	struct call *call = login->call;
	g_autofree char *before = NULL;
	g_autoptr(json_t) detail = NULL;
	if (consent_find(unit, call->tenant->id, login->account.id, login->client->client_id, &before, error) == BROKEN)
		return false;
	g_autoptr(GString) scope = g_string_new(before);
	scope_each(shared_scope(login), add_word, scope);
	enum found found = flow_update(unit, call->tenant->id, &login->flow, error);
	if (found != FOUND)
		return found == MISSING && fail(error, ERROR_FLOW_EXPIRED, "the flow was finished in another tab");
	struct audit_facts facts = call_facts(call, EVENT_CONSENT, REASON_OK, &detail);
	return consent_put(unit, call->tenant->id, login->account.id, login->client->client_id, scope->str, request_time_ms(call->request), error)
		&& audit_append(unit, call->gateway->store, call->tenant, &facts, true, error);
}

static void approve(struct login *login)
{
	struct call *call = login->call;
	GError *error = NULL;
	login->flow.consented = true;
	if (!store_write(call->gateway->store, approve_in_unit, login, &error)) {
		call_fail_error(call, error);
		return;
	}
	login->flow.version++;
	flow_continue(login, PLACE_CONSENT);
}

static void post_consent(struct login *login)
{
	const struct form *form = request_form(login->call->request);
	if (!flow_form_proved(login, STEP_CONSENT))
		return;
	login->call->facts.account = login->account.id;
	login->call->facts.username = login->account.username;
	login->call->facts.session = login->session.id;
	if (form_value(form, "approve"))
		approve(login);
	else
		flow_refuse(login, ERROR_ACCESS_DENIED, REASON_CANCELLED, "The person declined.");
}

void consent_endpoint(struct call *call)
{
	g_auto(login_t) login = { 0 };
	if (login_load(&login, call, flow_handle(call))) {
		/* only whoever is signed in may consent, and only for himself */
		if (request_method(call->request) == METHOD_POST && login.has_session && login.client)
			post_consent(&login);
		else
			flow_continue(&login, PLACE_CONSENT);
	}
	call->facts = (struct audit_facts){ 0 };
}
