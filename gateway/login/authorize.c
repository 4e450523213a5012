/* The authorization endpoint (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2): an ordered table of small checks.
 *
 * Until client_id and redirect_uri are proved an error is a page: a redirect would make us an open redirector (RFC 9700 section 4.11). From then on it goes back
 * to the application. A GET goes on to the hub at once; a POST, whose cross-site request carries no SameSite=Lax cookie, is stored and sent to itself by 303:
 * only the GET that follows can tell which browser it is, and that it has one of our cookies already.
 */
#include "gateway/login/endpoints.h"
#include "base/text.h"
#include "base/url.h"
#include "gateway/call/own_token.h"
#include "gateway/login/flow.h"
#include "policies/acr.h"
#include "policies/claims.h"
#include "policies/claims_request.h"
#include "policies/pkce.h"
#include "policies/redirect.h"
#include "policies/scope.h"

#define TEXT_MAX 1024

struct authorization {
	struct login login;
	const struct form *form;
	/* what the failing check says */
	enum error_code code;
	const char *description;
};

static enum reason wrong(struct authorization *authorization, enum reason reason, enum error_code code, const char *description)
{
	authorization->code = code;
	authorization->description = description;
	return reason;
}

static const char *parameter(const struct authorization *authorization, const char *name)
{
	return form_value(authorization->form, name);
}

static void keep(struct authorization *authorization, const char *name)
{
	const char *value = parameter(authorization, name);
	if (value)
		json_object_set_new(authorization->login.flow.request, name, json_string(value));
}

/* --- before the redirect URI is proved: errors are pages --- */

static enum reason check_repeats(struct authorization *authorization)
{
	static const char *const may_repeat[] = { "resource", NULL };
	const char *repeated = form_repeated(authorization->form, may_repeat);
	if (call_check(authorization->login.call, "parameters", repeated, "each at most once", !repeated))
		return REASON_OK;
	return wrong(authorization, REASON_REQUEST_INVALID, ERROR_INVALID_REQUEST, "A parameter stands more than once.");
}

static enum reason check_client(struct authorization *authorization)
{
	struct login *login = &authorization->login;
	struct call *call = login->call;
	const char *client_id = parameter(authorization, "client_id");
	GError *error = NULL;
	enum found found = client_id ? cache_client(call->gateway->cache, call->tenant->id, client_id, &login->client, &error) : MISSING;
	if (found == BROKEN) {
		g_clear_error(&error);
		return wrong(authorization, REASON_STORE_BROKEN, ERROR_UNAVAILABLE, NULL);
	}
	if (!call_check(call, "client_id", client_id, "a client of this tenant", found == FOUND))
		return wrong(authorization, REASON_CLIENT_UNKNOWN, ERROR_INVALID_REQUEST, "client_id is missing or names no client of this organisation.");
	login->flow.client_id = g_strdup(client_id);
	call->facts.client = login->flow.client_id;
	return REASON_OK;
}

static enum reason check_redirect(struct authorization *authorization)
{
	struct login *login = &authorization->login;
	const char *redirect = parameter(authorization, "redirect_uri");
	char *const *registered = login->client->redirect_uris;
	enum reason reason = redirect ? redirect_decide((const char *const *)registered, redirect) : REASON_REDIRECT_MISMATCH;
	if (!call_check(login->call, "redirect_uri", redirect, registered && registered[0] ? registered[0] : "none registered", reason == REASON_OK))
		return wrong(authorization, REASON_REDIRECT_MISMATCH, ERROR_INVALID_REQUEST, "redirect_uri is missing or is not registered for this application.");
	keep(authorization, "redirect_uri");
	json_object_set_new(login->flow.request, "incarnation", json_string(login->client->incarnation));
	return REASON_OK;
}

/* --- from here on errors go back to the application --- */

static enum reason check_state(struct authorization *authorization)
{
	static const char *const bounded[] = { "state", "nonce", "login_hint", "ui_locales", "idp_hint" };
	for (size_t i = 0; i < G_N_ELEMENTS(bounded); i++) {
		const char *value = parameter(authorization, bounded[i]);
		if (!call_check(authorization->login.call, bounded[i], value ? "too long, or with control characters" : NULL, "at most 1024 bytes of text",
				!value || text_is_plain(value, TEXT_MAX)))
			return wrong(authorization, REASON_REQUEST_INVALID, ERROR_INVALID_REQUEST, "state, nonce, login_hint, ui_locales or idp_hint is too long or not text.");
		keep(authorization, bounded[i]);
	}
	return REASON_OK;
}

static enum reason check_unsupported(struct authorization *authorization)
{
	static const struct { const char *name; enum error_code code; } refused[] = {
		{ "request", ERROR_REQUEST_NOT_SUPPORTED }, { "request_uri", ERROR_REQUEST_URI_NOT_SUPPORTED }, { "registration", ERROR_REGISTRATION_NOT_SUPPORTED } };
	for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
		if (!call_check(authorization->login.call, refused[i].name, parameter(authorization, refused[i].name), "absent", !parameter(authorization, refused[i].name)))
			return wrong(authorization, REASON_REQUEST_INVALID, refused[i].code, NULL);
	return REASON_OK;
}

/* query, or form_post where the answer can be posted: an address of a private-use scheme opens a program, which sees no body. */
static bool mode_is_fit(const struct authorization *authorization)
{
	const char *mode = parameter(authorization, "response_mode"), *redirect = parameter(authorization, "redirect_uri");
	return !mode || strcmp(mode, "query") == 0
		|| (strcmp(mode, "form_post") == 0 && (g_str_has_prefix(redirect, "https://") || g_str_has_prefix(redirect, "http://")));
}

static enum reason check_response_type(struct authorization *authorization)
{
	const char *type = parameter(authorization, "response_type"), *mode = parameter(authorization, "response_mode");
	struct call *call = authorization->login.call;
	if (!call_check(call, "response_type", type, "code", g_strcmp0(type, "code") == 0))
		return type ? wrong(authorization, REASON_RESPONSE_TYPE, ERROR_UNSUPPORTED_RESPONSE_TYPE, NULL)
			: wrong(authorization, REASON_REQUEST_INVALID, ERROR_INVALID_REQUEST, "response_type is missing.");
	if (!call_check(call, "response_mode", mode, "query, or form_post to an http address", mode_is_fit(authorization)))
		return wrong(authorization, REASON_REQUEST_INVALID, ERROR_INVALID_REQUEST, "response_mode is neither query nor form_post, or the redirect URI takes no form.");
	keep(authorization, "response_mode");
	if (!call_check(call, "grant_types", NULL, "authorization_code", authorization->login.client->grant_types & GRANT_TYPE_AUTHORIZATION_CODE))
		return wrong(authorization, REASON_GRANT_TYPE_REFUSED, ERROR_UNAUTHORIZED_CLIENT, NULL);
	return REASON_OK;
}

static enum reason check_pkce(struct authorization *authorization)
{
	const char *challenge = parameter(authorization, "code_challenge"), *method = parameter(authorization, "code_challenge_method");
	bool required = authorization->login.client->require_pkce || authorization->login.client->auth_method == CLIENT_AUTH_NONE
		|| !parameter(authorization, "nonce"); /* RFC 9700 section 2.1.1: a confidential client may do with a nonce instead */
	enum reason reason = pkce_decide_request(required, challenge, method);
	if (!call_check(authorization->login.call, "code_challenge", method, "S256 with 43 base64url characters", reason == REASON_OK))
		return wrong(authorization, reason, ERROR_INVALID_REQUEST, "PKCE is required: send code_challenge with code_challenge_method=S256.");
	keep(authorization, "code_challenge");
	return REASON_OK;
}

static enum reason check_scope(struct authorization *authorization)
{
	const char *scope = parameter(authorization, "scope");
	enum reason reason = scope ? scope_decide(scope, authorization->login.client->scope) : REASON_OK;
	if (!call_check(authorization->login.call, "scope", scope, authorization->login.client->scope, reason == REASON_OK))
		return wrong(authorization, REASON_SCOPE_REFUSED, ERROR_INVALID_SCOPE, NULL);
	json_object_set_new(authorization->login.flow.request, "scope", json_string(scope ? scope : ""));
	return REASON_OK;
}

static enum reason check_resources(struct authorization *authorization)
{
	struct login *login = &authorization->login;
	json_t *list = json_array();
	json_object_set_new(login->flow.request, "resources", list);
	g_autofree const char **asked = form_values(authorization->form, "resource");
	for (size_t i = 0; asked[i]; i++) {
		bool open = login->client->resources && g_strv_contains((const char *const *)login->client->resources, asked[i]);
		if (!call_check(login->call, "resource", asked[i], "one of the client's resources", open))
			return wrong(authorization, REASON_TARGET_REFUSED, ERROR_INVALID_TARGET, NULL);
		if (!json_array_has(list, asked[i]))
			json_array_append_new(list, json_string(asked[i]));
	}
	for (size_t i = 0; !asked[0] && login->client->resources && login->client->resources[i]; i++)
		json_array_append_new(list, json_string(login->client->resources[i]));
	return REASON_OK;
}

static bool prompt_word_known(const char *word, size_t length, void *data)
{
	static const char *const known[] = { "none", "login", "consent", "select_account" };
	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (strlen(known[i]) == length && memcmp(known[i], word, length) == 0)
			return true;
	return false;
}

/* OpenID Connect Core section 3.1.2.1: none stands alone. */
static enum reason check_prompt(struct authorization *authorization)
{
	const char *prompt = parameter(authorization, "prompt");
	bool fine = !prompt || (scope_well_formed(prompt) && scope_each(prompt, prompt_word_known, NULL) && (!scope_has(prompt, "none") || strcmp(prompt, "none") == 0));
	if (!call_check(authorization->login.call, "prompt", prompt, "none, or login, consent, select_account", fine))
		return wrong(authorization, REASON_REQUEST_INVALID, ERROR_INVALID_REQUEST, "prompt is unknown or contradicts itself.");
	keep(authorization, "prompt");
	return REASON_OK;
}

static enum reason check_max_age(struct authorization *authorization)
{
	const char *text = parameter(authorization, "max_age");
	guint64 seconds = 0;
	if (!text)
		return REASON_OK;
	if (!call_check(authorization->login.call, "max_age", text, "seconds, 0 to 2147483647", g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT32, &seconds, NULL)))
		return wrong(authorization, REASON_REQUEST_INVALID, ERROR_INVALID_REQUEST, "max_age is not a number of seconds.");
	json_object_set_new(authorization->login.flow.request, "max_age", json_integer((json_int_t)seconds));
	return REASON_OK;
}

/* An ID token of ours, however old, names the account that is meant. */
static enum reason check_id_token_hint(struct authorization *authorization)
{
	struct call *call = authorization->login.call;
	const char *hint = parameter(authorization, "id_token_hint");
	if (!hint)
		return REASON_OK;
	g_autoptr(json_t) claims = own_token_read(call, hint, "JWT", NULL, NULL);
	const char *subject = claims ? json_string_at(claims, "sub") : NULL;
	if (!call_check(call, "id_token_hint", subject ? subject : "not an ID token of this issuer", "an ID token of this issuer", subject != NULL))
		return wrong(authorization, REASON_REQUEST_INVALID, ERROR_INVALID_REQUEST, "id_token_hint is not an ID token of this issuer.");
	json_object_set_new(authorization->login.flow.request, "named_account", json_string(subject));
	return REASON_OK;
}

/* What no scope of the client would release is not asked for either; the scopes of what is left are what consent is about. */
static void keep_claims(struct authorization *authorization, const struct claims_request *claims)
{
	json_t *request = authorization->login.flow.request;
	const char *allowed = authorization->login.client->scope;
	const json_t *const lists[] = { claims->id_token, claims->userinfo };
	g_autoptr(GString) shared = g_string_new(flow_parameter(&authorization->login, "scope"));
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		for (size_t n = 0; n < json_array_size(lists[i]); n++) {
			const char *scope = claims_scope_of(json_string_value(json_array_get(lists[i], n)));
			if (scope_has(allowed, scope) && !scope_has(shared->str, scope))
				g_string_append_printf(shared, " %s", scope);
		}
	json_object_set_new(request, "claims", json_pack("{s:O, s:O}", "id_token", claims->id_token, "userinfo", claims->userinfo));
	json_object_set_new(request, "shared_scope", json_string(shared->str));
}

/* The person whom claims means must be the one whom id_token_hint means. */
static bool keep_subject(struct authorization *authorization, const char *subject)
{
	const char *hinted = flow_parameter(&authorization->login, "named_account");
	if (subject && !hinted)
		json_object_set_new(authorization->login.flow.request, "named_account", json_string(subject));
	return !subject || !hinted || strcmp(subject, hinted) == 0;
}

static enum reason keep_acr(struct authorization *authorization, json_t *wanted, bool essential)
{
	json_t *request = authorization->login.flow.request;
	json_object_set(request, "acr_values", wanted);
	json_object_set_new(request, "acr_essential", json_boolean(essential));
	g_autofree char *asked = json_text(wanted);
	if (call_check(authorization->login.call, "acr", asked, "one that a sign-in here can reach, where it is essential", !essential || acr_within_reach(wanted)))
		return REASON_OK;
	return wrong(authorization, REASON_ACR_UNMET, ERROR_UNMET_AUTHENTICATION, NULL);
}

/* OpenID Connect Core section 5.5; without openid it has no meaning. */
static enum reason check_claims(struct authorization *authorization)
{
	const char *text = parameter(authorization, "claims"), *ill = NULL;
	g_auto(claims_request_t) claims = { 0 };
	if (!text || !scope_has(flow_parameter(&authorization->login, "scope"), "openid"))
		return REASON_OK;
	bool read = claims_request_read(text, &claims, &ill);
	if (!call_check(authorization->login.call, "claims", ill, "a claims request", read))
		return wrong(authorization, REASON_REQUEST_INVALID, ERROR_INVALID_REQUEST, ill);
	if (!call_check(authorization->login.call, "claims sub", claims.subject, flow_parameter(&authorization->login, "named_account"),
			keep_subject(authorization, claims.subject)))
		return wrong(authorization, REASON_REQUEST_INVALID, ERROR_INVALID_REQUEST, "claims and id_token_hint name two people.");
	keep_claims(authorization, &claims);
	return claims.acr ? keep_acr(authorization, claims.acr, claims.acr_essential) : REASON_OK;
}

static bool add_acr(const char *word, size_t length, void *data)
{
	json_array_append_new(data, json_stringn(word, length));
	return true;
}

/* A wish (OpenID Connect Core section 3.1.2.1): the answer says which class it was. The claims parameter's word on it is the more exact one. */
static enum reason check_acr_values(struct authorization *authorization)
{
	const char *values = parameter(authorization, "acr_values");
	bool plain = !values || text_is_plain(values, TEXT_MAX);
	if (!call_check(authorization->login.call, "acr_values", plain ? values : "too long, or with control characters", "at most 1024 bytes of text", plain))
		return wrong(authorization, REASON_REQUEST_INVALID, ERROR_INVALID_REQUEST, "acr_values is too long or not text.");
	if (!values || json_object_get(authorization->login.flow.request, "acr_values"))
		return REASON_OK;
	g_autoptr(json_t) wanted = json_array();
	scope_each(values, add_acr, wanted);
	return keep_acr(authorization, wanted, false);
}

static const struct {
	enum reason (*run)(struct authorization *authorization);
	bool proved; /* the redirect URI is: errors go there */
} checks[] = {
	{ check_repeats, false },
	{ check_client, false },
	{ check_redirect, false },
	{ check_state, true },
	{ check_unsupported, true },
	{ check_response_type, true },
	{ check_pkce, true },
	{ check_scope, true },
	{ check_resources, true },
	{ check_prompt, true },
	{ check_max_age, true },
	{ check_id_token_hint, true },
	{ check_claims, true },
	{ check_acr_values, true },
};

static void refuse(struct authorization *authorization, bool proved, enum reason reason)
{
	struct call *call = authorization->login.call;
	if (proved) {
		keep(authorization, "state");
		if (mode_is_fit(authorization))
			keep(authorization, "response_mode");
		flow_refuse(&authorization->login, authorization->code, reason, authorization->description);
		return;
	}
	call_audit(call, EVENT_AUTHORIZE_REFUSE, reason);
	call_fail_page(call, authorization->code, authorization->description);
}

/* False: the reply is made. */
static bool pass_checks(struct authorization *authorization)
{
	for (size_t i = 0; i < G_N_ELEMENTS(checks); i++) {
		enum reason reason = checks[i].run(authorization);
		if (reason != REASON_OK) {
			refuse(authorization, checks[i].proved, reason);
			return false;
		}
	}
	return true;
}

/* What was posted comes back, now with the browser's cookies. */
static void come_back(struct call *call, const char *handle)
{
	g_auto(login_t) login = { 0 };
	if (flow_unpark(&login, call, handle)) {
		g_autofree char *url = flow_url(&login, "/login");
		reply_redirect(call->reply, 303, url);
	}
	call->facts = (struct audit_facts){ 0 };
}

void authorize_endpoint(struct call *call)
{
	const char *parked = request_method(call->request) == METHOD_POST ? NULL : flow_handle(call);
	if (parked && !form_value(request_query(call->request), "client_id")) {
		come_back(call, parked);
		return;
	}
	struct authorization authorization = { .login = { .call = call }, .form = call_parameters(call) };
	struct login *login = &authorization.login;
	if (!authorization.form)
		return;
	login->flow.request = json_object();
	login->flow.created_ms = request_time_ms(call->request);
	login->flow.expires_ms = login->flow.created_ms + FLOW_LIFE_MS;
	if (!pass_checks(&authorization)) {
		/* answered */
	} else if (request_method(call->request) == METHOD_POST) {
		if (flow_park(login)) {
			g_autofree char *url = flow_url(login, "/authorize");
			reply_redirect(call->reply, 303, url);
		}
	} else if (login_load_session(login)) {
		flow_continue(login, PLACE_AUTHORIZE);
	}
	call->facts = (struct audit_facts){ 0 };
	login_clear(login);
}
