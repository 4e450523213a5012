/* How a flow leaves us: back to the application with an answer or an error, `state` and `iss` always beside it (RFC 6749 section 4.1.2, RFC 9207). */
#include "base/url.h"
#include "gateway/login/flow.h"

char *flow_url(const struct login *login, const char *path)
{
	g_autofree char *encoded = url_encode(login->handle);
	return g_strconcat(login->call->tenant->issuer, path, "?flow=", encoded, NULL);
}

char *flow_end_origin(const struct login *login)
{
	const char *redirect = flow_parameter(login, "redirect_uri");
	g_autoptr(url_t) url = redirect ? url_parse(redirect, NULL) : NULL;
	if (!url)
		return NULL;
	char *origin = url_origin(url);
	return origin ? origin : g_strconcat(url->scheme, ":", NULL);
}

static void answer_by_redirect(struct login *login, const struct flow_answer *answer)
{
	const char *redirect = flow_parameter(login, "redirect_uri");
	g_autoptr(GString) query = g_string_new(NULL);
	form_append(query, "code", answer->code);
	form_append(query, "error", answer->error);
	form_append(query, "error_description", answer->error_description);
	form_append(query, "state", flow_parameter(login, "state"));
	form_append(query, "iss", login->call->tenant->issuer);
	g_autofree char *url = g_strconcat(redirect, strchr(redirect, '?') ? "&" : "?", query->str, NULL);
	reply_redirect(login->call->reply, 303, url);
}

/* OAuth 2.0 Form Post Response Mode section 2: 200 with a form that sends itself. */
static void answer_by_form(struct login *login, const struct flow_answer *answer)
{
	struct call *call = login->call;
	g_autofree char *origin = flow_end_origin(login), *policy = page_form_post_policy(origin);
	struct page_form_post facts = { .frame = login_frame(login), .action = flow_parameter(login, "redirect_uri"), .client_name = login->client->client_name,
		.code = answer->code, .error = answer->error, .error_description = answer->error_description, .state = flow_parameter(login, "state"),
		.iss = call->tenant->issuer };
	call_page(call, 200, page_form_post(&facts), origin);
	reply_header(call->reply, "Content-Security-Policy", policy);
}

void flow_answer(struct login *login, const struct flow_answer *answer)
{
	if (g_strcmp0(flow_parameter(login, "response_mode"), "form_post") == 0)
		answer_by_form(login, answer);
	else
		answer_by_redirect(login, answer);
}

struct ending {
	struct login *login;
	enum reason reason;
};

/* The flow is taken out and, where we know whom we refuse, the refusal recorded, together. */
static bool end_in_unit(struct unit *unit, void *data, GError **error)
{
	struct ending *ending = data;
	struct call *call = ending->login->call;
	g_auto(flow_t) gone = { 0 };
	g_autoptr(json_t) detail = NULL;
	if (ending->login->handle && flow_consume(unit, call->tenant->id, ending->login->flow.digest, &gone, error) == BROKEN)
		return false;
	if (!ending->login->has_session)
		return true;
	struct audit_facts facts = call_facts(call, EVENT_AUTHORIZE_REFUSE, ending->reason, &detail);
	return audit_append(unit, call->gateway->store, call->tenant, &facts, facts.account != NULL, error);
}

void flow_refuse(struct login *login, enum error_code code, enum reason reason, const char *description)
{
	GError *error = NULL;
	/* A stranger must not cause a commit for every request: his refusals are records that nobody waits for, and counted when they repeat. */
	if ((login->handle || login->has_session) && !store_write(login->call->gateway->store, end_in_unit, &(struct ending){ login, reason }, &error)) {
		call_fail_error(login->call, error);
		return;
	}
	if (!login->has_session)
		call_audit(login->call, EVENT_AUTHORIZE_REFUSE, reason);
	if (login->client)
		flow_answer(login, &(struct flow_answer){ .error = error_oauth_name(code), .error_description = description ? description : error_public_text(code) });
	else
		call_fail_page(login->call, code, description);
}
