/* How a flow leaves us: back to the application with an answer or an error, `state` and `iss` always beside it (RFC 6749 section 4.1.2, RFC 9207). */
#include "base/url.h"
#include "gateway/login/flow.h"
#include <stdarg.h>

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

void flow_redirect(struct login *login, ...)
{
	const char *redirect = flow_parameter(login, "redirect_uri"), *state = flow_parameter(login, "state"), *name;
	g_autoptr(GString) query = g_string_new(NULL);
	va_list pairs;
	va_start(pairs, login);
	while ((name = va_arg(pairs, const char *)))
		form_append(query, name, va_arg(pairs, const char *));
	va_end(pairs);
	if (state)
		form_append(query, "state", state);
	form_append(query, "iss", login->call->tenant->issuer);
	g_autofree char *url = g_strconcat(redirect, strchr(redirect, '?') ? "&" : "?", query->str, NULL);
	reply_redirect(login->call->reply, 303, url);
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
		flow_redirect(login, "error", error_oauth_name(code), "error_description", description ? description : error_public_text(code), NULL);
	else
		call_fail_page(login->call, code, description);
}
