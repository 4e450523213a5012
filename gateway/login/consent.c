/* Consent: what an application that is not the company's own may know, asked once and remembered by the grant. */
#include "gateway/login/endpoints.h"
#include "gateway/login/steps.h"
#include "policies/scope.h"

#define STEP "consent"

enum found consent_remembered(struct login *login, GError **error)
{
	struct call *call = login->call;
	g_auto(grant_t) grant = { 0 };
	struct unit *unit = store_reader(call->gateway->store, error);
	if (!unit)
		return BROKEN;
	enum found found = grant_find_consent(unit, call->tenant->id, login->account.id, login->client->client_id, &grant, error);
	if (found == FOUND && scope_decide(flow_parameter(login, "scope"), grant.scope) != REASON_OK)
		return MISSING;
	return found;
}

void consent_show(struct login *login)
{
	g_autofree char *token = flow_form_token(login, STEP), *action = flow_url(login, "/consent"), *origin = flow_end_origin(login);
	g_auto(GStrv) scopes = g_strsplit(flow_parameter(login, "scope"), " ", -1);
	struct page_consent facts = { .frame = call_frame(login->call), .action = action, .form_token = token, .client_name = login->client->client_name,
		.account_name = login->account.name ? login->account.name : login->account.username, .username = login->account.username,
		.scopes = (const char *const *)scopes };
	call_page(login->call, 200, page_consent(&facts), origin);
}

static void post_consent(struct login *login)
{
	const struct form *form = request_form(login->call->request);
	if (!flow_form_proved(login, STEP))
		return;
	if (!form_value(form, "approve")) {
		flow_refuse(login, ERROR_ACCESS_DENIED, REASON_CANCELLED, "The person declined.");
		return;
	}
	login->flow.consented = true;
	if (flow_save(login))
		flow_continue(login, PLACE_CONSENT);
}

void consent_endpoint(struct call *call)
{
	g_auto(login_t) login = { 0 };
	if (login_load(&login, call)) {
		/* only whoever is signed in may consent, and only for himself */
		if (request_method(call->request) == METHOD_POST && login.has_session && login.client)
			post_consent(&login);
		else
			flow_continue(&login, PLACE_CONSENT);
	}
	call->facts = (struct audit_facts){ 0 };
}
