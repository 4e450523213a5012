/* The token endpoint (RFC 6749 section 3.2): who calls, which grant, and off to its file. */
#include "gateway/oauth/client_auth.h"
#include "gateway/oauth/grants.h"
#include "gateway/oauth/oauth.h"

struct grant_row {
	const char *name;
	enum grant_type type;
	bool public_clients;
	bool commits; /* always; the others only when they give out an opaque token, which is a row */
	void (*answer)(struct call *call, const struct client *client, const struct form *form);
};

static const struct grant_row grant_rows[] = {
	{ "authorization_code", GRANT_TYPE_AUTHORIZATION_CODE, true, true, grant_authorization_code },
	{ "refresh_token", GRANT_TYPE_REFRESH_TOKEN, true, true, grant_refresh_token },
	{ "client_credentials", GRANT_TYPE_CLIENT_CREDENTIALS, false, false, grant_client_credentials },
};

static const struct grant_row *row_named(const char *name)
{
	for (size_t i = 0; name && i < G_N_ELEMENTS(grant_rows); i++)
		if (strcmp(grant_rows[i].name, name) == 0)
			return &grant_rows[i];
	return NULL;
}

/* Whether the client that the request claims to come from may get an opaque token. When in doubt, a worker. */
static bool gives_opaque_tokens(const struct call *call, const struct form *form)
{
	g_autoptr(client_t) client = client_claimed(call, form);
	bool opaque = !client || client->access_token_format == TOKEN_FORMAT_OPAQUE;
	for (size_t i = 0; !opaque && client->resources && client->resources[i]; i++) {
		g_autoptr(resource_t) resource = NULL;
		enum found found = cache_resource(call->gateway->cache, call->tenant->id, client->resources[i], &resource, NULL);
		opaque = found != FOUND || resource->access_token_format == TOKEN_FORMAT_OPAQUE;
	}
	return opaque;
}

enum plan token_plan(const struct call *call)
{
	const struct form *form = request_form(call->request);
	const struct grant_row *row = form ? row_named(form_value(form, "grant_type")) : NULL;
	if (!row)
		return client_auth_commits(form) ? PLAN_WORKER : PLAN_INLINE;
	return row->commits || client_auth_commits(form) || gives_opaque_tokens(call, form) ? PLAN_WORKER : PLAN_INLINE;
}

void grant_refuse(struct call *call, enum error_code code, enum reason reason, const char *description)
{
	call_audit(call, EVENT_TOKEN_REFUSE, reason);
	call_fail_json(call, code, description);
}

enum error_code grant_error(enum reason reason)
{
	return reason == REASON_SCOPE_REFUSED ? ERROR_INVALID_SCOPE : reason == REASON_TARGET_REFUSED ? ERROR_INVALID_TARGET : ERROR_INVALID_GRANT;
}

void grant_fail(struct call *call, GError *error)
{
	if (g_error_matches(error, PASSERELLE_ERROR, ERROR_INVALID_TARGET)) {
		call_check(call, "resource", error->message, "resources of one format", false);
		grant_refuse(call, ERROR_INVALID_TARGET, REASON_TARGET_REFUSED, NULL);
		g_error_free(error);
	} else {
		call_fail_error(call, error);
	}
}

void token_endpoint(struct call *call)
{
	static const char *const may_repeat[] = { "resource", NULL }; /* RFC 8707 section 2 */
	const struct form *form = call_parameters(call);
	reply_header(call->reply, "Pragma", "no-cache"); /* RFC 6749 section 5.1, beside the no-store that every answer has */
	if (!form)
		return;
	const char *repeated = form_repeated(form, may_repeat), *name = form_value(form, "grant_type");
	const struct grant_row *row = row_named(name);
	if (repeated || !name) {
		call_check(call, "parameters", repeated ? repeated : "no grant_type", "each once, grant_type present", false);
		grant_refuse(call, ERROR_INVALID_REQUEST, REASON_REQUEST_INVALID, repeated ? "A parameter stands more than once." : "grant_type is missing.");
		return;
	}
	g_autoptr(client_t) client = client_authenticate(call, form, row ? row->public_clients : true);
	if (!client)
		return;
	if (!row) {
		call_check(call, "grant_type", name, "authorization_code, refresh_token or client_credentials", false);
		grant_refuse(call, ERROR_UNSUPPORTED_GRANT_TYPE, REASON_GRANT_TYPE_REFUSED, NULL);
	} else if (!(client->grant_types & row->type)) {
		call_check(call, "grant_type", name, "one of the client's grant_types", false);
		grant_refuse(call, ERROR_UNAUTHORIZED_CLIENT, REASON_GRANT_TYPE_REFUSED, NULL);
	} else {
		row->answer(call, client, form);
	}
}
