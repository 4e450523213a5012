/* The end of a flow that went well: a grant and its code, the flow consumed and the record written, in one commit; then back to the application. */
#include "crypto/opaque_token.h"
#include "gateway/call/browser.h"
#include "gateway/login/steps.h"
#include "policies/acr.h"
#include "policies/scope.h"

struct granting {
	struct login *login;
	struct grant grant;
	struct code code;
	char text[OPAQUE_TOKEN_SIZE]; /* the code */
};

static char **read_resources(const struct login *login)
{
	const json_t *list = json_object_get(login->flow.request, "resources");
	g_autoptr(GPtrArray) resources = g_ptr_array_new();
	for (size_t i = 0; i < json_array_size(list); i++)
		g_ptr_array_add(resources, g_strdup(json_string_value(json_array_get(list, i))));
	g_ptr_array_add(resources, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&resources), FALSE);
}

static void fill_grant(struct granting *granting)
{
	struct login *login = granting->login;
	struct grant *grant = &granting->grant;
	int64_t now_ms = request_time_ms(login->call->request);
	timed_identifier(now_ms, grant->id);
	memcpy(grant->account, login->account.id, IDENTIFIER_SIZE);
	memcpy(grant->session, login->session.id, IDENTIFIER_SIZE);
	browser_sid(login->session.id, login->client, grant->sid);
	grant->client_id = g_strdup(login->client->client_id);
	grant->scope = g_strdup(flow_parameter(login, "scope"));
	grant->resources = read_resources(login);
	grant->offline = scope_has(grant->scope, "offline_access");
	/* told in the application's words where it asked and they are met (RFC 9470 section 5) */
	const char *acr = acr_choose(login->session.acr, json_object_get(login->flow.request, "acr_values"));
	grant->acr = g_strdup(acr ? acr : login->session.acr);
	grant->claims = json_incref(json_object_get(login->flow.request, "claims"));
	grant->amr = g_strdup(login->session.amr);
	grant->provider = g_strdup(login->session.provider);
	grant->nonce = g_strdup(flow_parameter(login, "nonce"));
	grant->auth_time_ms = login->session.auth_time_ms;
	grant->created_ms = now_ms;
	grant->absolute_expires_ms = now_ms + login->call->tenant->policy.tokens.refresh_absolute_s * 1000;
}

static void fill_code(struct granting *granting)
{
	struct login *login = granting->login;
	code_make(granting->grant.created_ms, granting->text);
	code_digest(granting->text, granting->code.digest);
	memcpy(granting->code.grant, granting->grant.id, IDENTIFIER_SIZE);
	granting->code.client_id = g_strdup(login->client->client_id);
	granting->code.redirect_uri = g_strdup(flow_parameter(login, "redirect_uri"));
	granting->code.code_challenge = g_strdup(flow_parameter(login, "code_challenge"));
	granting->code.expires_ms = granting->grant.created_ms + login->call->tenant->policy.tokens.code_s * 1000;
}

/* A stored flow is taken out, once: of two tabs that finish together one gets the code. */
static bool consume_flow(struct unit *unit, struct login *login, GError **error)
{
	g_auto(flow_t) gone = { 0 };
	enum found found = login->handle ? flow_consume(unit, login->call->tenant->id, login->flow.digest, &gone, error) : FOUND;
	if (found == MISSING)
		return fail(error, ERROR_FLOW_EXPIRED, "the flow was finished in another tab");
	return found == FOUND;
}

static bool touch_session(struct unit *unit, struct login *login, GError **error)
{
	int64_t now_ms = request_time_ms(login->call->request);
	return now_ms - login->session.last_seen_ms < SESSION_TOUCH_MS || session_touch(unit, login->call->tenant->id, login->session.id, now_ms, error);
}

/* What was read when the request began is read again: a password changed, an account disabled, a session or client ended meanwhile wins. */
static bool still_good(struct unit *unit, struct login *login, GError **error)
{
	const char *tenant = login->call->tenant->id;
	g_auto(session_t) session = { 0 };
	g_auto(account_t) account = { 0 };
	enum found signed_in = session_find(unit, tenant, login->session.digest, &session, error);
	enum found known = signed_in == FOUND ? account_find(unit, tenant, session.account, &account, error) : signed_in;
	enum found registered = known == FOUND ? client_still(unit, tenant, login->client->client_id, login->client->incarnation, error) : known;
	if (registered == BROKEN)
		return false;
	bool good = registered == FOUND && !session.ended_ms && !account.disabled && strcmp(account.id, login->account.id) == 0
		&& account.credentials_changed_ms <= session.auth_time_ms;
	return good || fail(error, ERROR_FLOW_EXPIRED, "the session, account or client ended while the code was being made");
}

static bool grant_in_unit(struct unit *unit, void *data, GError **error)
{
	struct granting *granting = data;
	struct login *login = granting->login;
	struct call *call = login->call;
	g_autoptr(json_t) detail = NULL;
	if (!consume_flow(unit, login, error) || !still_good(unit, login, error) || !grant_insert(unit, call->tenant->id, &granting->grant, error)
	    || !code_insert(unit, call->tenant->id, &granting->code, error) || !touch_session(unit, login, error))
		return false;
	struct audit_facts facts = call_facts(call, EVENT_AUTHORIZE, REASON_OK, &detail);
	facts.provider = login->session.provider;
	facts.acr = login->session.acr;
	facts.amr = login->session.amr;
	return audit_append(unit, call->gateway->store, call->tenant, &facts, true, error);
}

static bool consume_in_unit(struct unit *unit, void *data, GError **error)
{
	return consume_flow(unit, data, error);
}

/* Nobody asked: the person came to see his account, or from a portal to an application, which then asks by itself (OpenID Connect Core section 4). */
static char *url_alone(struct login *login)
{
	const char *client_id = flow_parameter(login, FLOW_INITIATES);
	g_autoptr(client_t) client = NULL;
	bool found = client_id && cache_client(login->call->gateway->cache, login->call->tenant->id, client_id, &client, NULL) == FOUND;
	const char *uri = found ? json_string_at(client->settings, "initiate_login_uri") : NULL;
	if (!uri)
		return call_url(login->call, "/account");
	g_autoptr(GString) query = g_string_new(NULL);
	form_append(query, "iss", login->call->tenant->issuer);
	return g_strconcat(uri, strchr(uri, '?') ? "&" : "?", query->str, NULL);
}

static void end_alone(struct login *login)
{
	GError *error = NULL;
	g_autofree char *url = url_alone(login);
	if (!login->handle || store_write(login->call->gateway->store, consume_in_unit, login, &error))
		reply_redirect(login->call->reply, 303, url);
	else
		call_fail_error(login->call, error);
}

void login_grant(struct login *login)
{
	GError *error = NULL;
	struct granting granting = { .login = login };
	if (!login->client) {
		end_alone(login);
		return;
	}
	fill_grant(&granting);
	fill_code(&granting);
	if (store_write(login->call->gateway->store, grant_in_unit, &granting, &error))
		flow_answer(login, &(struct flow_answer){ .code = granting.text });
	else
		call_fail_error(login->call, error);
	wipe(granting.text, sizeof granting.text);
	grant_clear(&granting.grant);
	code_clear(&granting.code);
}
