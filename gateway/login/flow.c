/* Flows: starting, loading, saving, and the hub. The redirects at a flow's end are in flow_end.c. */
#include "gateway/login/flow.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/compare.h"
#include "gateway/call/cookies.h"
#include "gateway/call/mac.h"
#include "gateway/call/entitlement.h"
#include "gateway/call/browser.h"
#include "gateway/call/trial.h"
#include "gateway/login/flow_gate.h"
#include "gateway/login/logout_errand.h"
#include "gateway/login/steps.h"
#include "policies/acr.h"
#include "policies/next.h"
#include "policies/redirect.h"
#include "policies/scope.h"

#define HANDLE_TEXT 43

void login_clear(struct login *login)
{
	client_unref(login->client);
	flow_clear(&login->flow);
	session_clear(&login->session);
	account_clear(&login->account);
	g_free(login->handle);
	*login = (struct login){ 0 };
}

const char *flow_parameter(const struct login *login, const char *name)
{
	return json_string_at(login->flow.request, name);
}

struct page_frame login_frame(const struct login *login)
{
	struct call *call = login->call;
	struct page_frame frame = call_frame(call);
	const char *asked = flow_parameter(login, "ui_locales");
	if (asked)
		frame.language = page_language(asked, request_header(call->request, "Accept-Language", NULL), call->tenant->locale);
	return frame;
}

/* --- starting and loading --- */

/* The digest of the browser's flow cookie; where it has none, of the one that is returned, to be set. Caller frees. */
static char *browser_of(const struct call *call, uint8_t digest[DIGEST_SIZE])
{
	const char *value = call_cookie_get(call, COOKIE_FLOW);
	if (!value || strlen(value) != HANDLE_TEXT)
		return browser_session_value(digest);
	digest_sha256(value, HANDLE_TEXT, digest);
	return NULL;
}

void flow_bind_browser(struct login *login, bool posts_back)
{
	struct call *call = login->call;
	g_autofree char *made = browser_of(call, login->flow.browser);
	if (posts_back)
		call_cookie_set_cross_site(call, COOKIE_FLOW, made ? made : call_cookie_get(call, COOKIE_FLOW));
	else if (made)
		call_cookie_set(call, COOKIE_FLOW, made, 0);
}

static bool insert_in_unit(struct unit *unit, void *data, GError **error)
{
	struct login *login = data;
	return flow_insert(unit, login->call->tenant->id, &login->flow, error);
}

static bool turn_away(struct call *call)
{
	call_check(call, "flows begun", "too many", "fewer from this address, or at this tenant", false);
	call_audit(call, EVENT_AUTHORIZE_REFUSE, REASON_FLOOD);
	reply_header(call->reply, "Retry-After", "5");
	call_fail_page(call, ERROR_TOO_MANY_REQUESTS, NULL);
	return false;
}

static bool keep_flow(struct login *login)
{
	GError *error = NULL;
	login->handle = browser_session_value(login->flow.digest);
	if (store_write(login->call->gateway->store, insert_in_unit, login, &error))
		return true;
	call_fail_error(login->call, error);
	return false;
}

bool flow_start(struct login *login)
{
	if (!flow_gate_admits(login->call))
		return turn_away(login->call);
	flow_bind_browser(login, false);
	return keep_flow(login);
}

bool flow_park(struct login *login)
{
	return flow_gate_admits(login->call) ? keep_flow(login) : turn_away(login->call);
}

struct saving {
	struct login *login;
	enum found found;
};

static bool update_in_unit(struct unit *unit, void *data, GError **error)
{
	struct saving *saving = data;
	saving->found = flow_update(unit, saving->login->call->tenant->id, &saving->login->flow, error);
	return saving->found != BROKEN;
}

bool flow_save(struct login *login, enum reason stale)
{
	GError *error = NULL;
	struct saving saving = { login, BROKEN };
	if (!store_write(login->call->gateway->store, update_in_unit, &saving, &error)) {
		call_fail_error(login->call, error);
		return false;
	}
	login->flow.version++;
	if (saving.found == FOUND)
		return true;
	call_audit(login->call, EVENT_LOGIN_REFUSE, stale);
	call_fail_page(login->call, ERROR_FLOW_EXPIRED, NULL);
	return false;
}

static bool refuse_flow(struct login *login, enum error_code code, enum reason reason)
{
	call_audit(login->call, EVENT_AUTHORIZE_REFUSE, reason);
	call_fail_page(login->call, code, NULL);
	return false;
}

/* The flow must be there, in time, and this browser's (its cookie's digest is in the row). */
static bool find_flow(struct login *login, const char *handle, GError **error)
{
	struct call *call = login->call;
	uint8_t digest[DIGEST_SIZE], browser[DIGEST_SIZE] = { 0 };
	const char *cookie = call_cookie_get(call, COOKIE_FLOW);
	struct unit *unit = store_reader(call->gateway->store, error);
	digest_sha256(handle, strlen(handle), digest);
	enum found found = unit ? flow_find(unit, call->tenant->id, digest, &login->flow, error) : BROKEN;
	if (found == BROKEN)
		return false;
	if (!call_check(call, "flow", found == FOUND ? "found" : "not found", "a flow under way",
			found == FOUND && login->flow.expires_ms > request_time_ms(call->request)))
		return refuse_flow(login, ERROR_FLOW_EXPIRED, REASON_FLOW_EXPIRED);
	if (cookie)
		digest_sha256(cookie, strlen(cookie), browser);
	if (!call_check(call, "browser", cookie ? "another flow cookie" : "no flow cookie", "the browser that started this flow",
			cookie && secrets_equal(browser, sizeof browser, login->flow.browser, sizeof login->flow.browser)))
		return refuse_flow(login, ERROR_FLOW_FOREIGN, REASON_FLOW_FOREIGN);
	login->handle = g_strdup(handle);
	return true;
}

/* What was checked when the flow began is asked again of the client as it is now: an operator may have taken a redirect URI, a scope, a resource or the whole
 * client away meanwhile. */
static bool still_allowed(const struct login *login)
{
	const struct client *client = login->client;
	const json_t *resources = json_object_get(login->flow.request, "resources");
	if (g_strcmp0(flow_parameter(login, "incarnation"), client->incarnation) != 0
	    || redirect_decide((const char *const *)client->redirect_uris, flow_parameter(login, "redirect_uri")) != REASON_OK
	    || scope_decide(flow_parameter(login, "scope"), client->scope) != REASON_OK)
		return false;
	for (size_t i = 0; i < json_array_size(resources); i++)
		if (!client->resources || !g_strv_contains((const char *const *)client->resources, json_string_value(json_array_get(resources, i))))
			return false;
	return true;
}

static bool find_client(struct login *login, GError **error)
{
	struct call *call = login->call;
	if (!login->flow.client_id)
		return true;
	call->facts.client = login->flow.client_id;
	switch (cache_client(call->gateway->cache, call->tenant->id, login->flow.client_id, &login->client, error)) {
	case FOUND:
		return call_check(call, "client settings", "changed since the request", "still allowing the request", still_allowed(login))
			|| refuse_flow(login, ERROR_FLOW_EXPIRED, REASON_FLOW_EXPIRED);
	case MISSING:
		return refuse_flow(login, ERROR_FLOW_EXPIRED, REASON_CLIENT_UNKNOWN);
	case BROKEN:
		return false;
	}
	return false;
}

bool login_load_session(struct login *login)
{
	GError *error = NULL;
	enum found found = browser_session(login->call, &login->session, &login->account, &error);
	login->has_session = found == FOUND;
	if (found == BROKEN)
		call_fail_error(login->call, error);
	return found != BROKEN;
}

const char *flow_handle(const struct call *call)
{
	const struct form *query = request_query(call->request);
	return query ? form_value(query, "flow") : NULL;
}

void flow_new_alone(struct login *login)
{
	login->flow.request = json_object();
	login->flow.created_ms = request_time_ms(login->call->request);
	login->flow.expires_ms = login->flow.created_ms + FLOW_LIFE_MS;
}

static bool load(struct login *login, struct call *call, const char *handle)
{
	GError *error = NULL;
	login->call = call;
	if (!handle)
		return refuse_flow(login, ERROR_FLOW_EXPIRED, REASON_FLOW_EXPIRED);
	bool loaded = find_flow(login, handle, &error) && find_client(login, &error);
	if (error)
		call_fail_error(call, error);
	return loaded && login_load_session(login);
}

static bool is_of_kind(struct login *login, bool logout)
{
	bool is_logout = flow_is_logout(&login->flow);
	return call_check(login->call, "flow", is_logout ? "a sign-out" : "a sign-in", logout ? "a sign-out" : "a sign-in", is_logout == logout)
		|| refuse_flow(login, ERROR_FLOW_EXPIRED, REASON_FLOW_EXPIRED);
}

bool login_load(struct login *login, struct call *call, const char *handle)
{
	if (!login_load_or_trial(login, call, handle))
		return false;
	if (!trial_provider(&login->flow))
		return true;
	call_check(call, "flow", "a trial of a provider", "a sign-in", false);
	return refuse_flow(login, ERROR_FLOW_EXPIRED, REASON_FLOW_EXPIRED);
}

bool login_load_or_trial(struct login *login, struct call *call, const char *handle)
{
	return load(login, call, handle) && is_of_kind(login, false);
}

bool login_load_logout(struct login *login, struct call *call, const char *handle)
{
	return load(login, call, handle) && is_of_kind(login, true);
}

struct binding {
	const char *tenant;
	uint8_t digest[DIGEST_SIZE], browser[DIGEST_SIZE];
	enum found found;
};

static bool bind_in_unit(struct unit *unit, void *data, GError **error)
{
	struct binding *binding = data;
	binding->found = flow_bind(unit, binding->tenant, binding->digest, binding->browser, error);
	return binding->found != BROKEN;
}

/* Whether a flow of that digest waits for its browser: only then is anything written, since anybody may ask. */
static bool is_parked(struct call *call, const uint8_t digest[DIGEST_SIZE], GError **error)
{
	static const uint8_t nobody[DIGEST_SIZE];
	g_auto(flow_t) flow = { 0 };
	struct unit *unit = store_reader(call->gateway->store, error);
	enum found found = unit ? flow_find(unit, call->tenant->id, digest, &flow, error) : BROKEN;
	return found == FOUND && memcmp(flow.browser, nobody, DIGEST_SIZE) == 0;
}

bool flow_unpark(struct login *login, struct call *call, const char *handle)
{
	GError *error = NULL;
	struct binding binding = { .tenant = call->tenant->id, .found = MISSING };
	digest_sha256(handle, strlen(handle), binding.digest);
	g_autofree char *made = browser_of(call, binding.browser);
	if (is_parked(call, binding.digest, &error) && !store_write(call->gateway->store, bind_in_unit, &binding, &error))
		binding.found = BROKEN;
	if (error) {
		call_fail_error(call, error);
		return false;
	}
	if (binding.found != FOUND)
		return login_load(login, call, handle);
	if (made)
		call_cookie_set(call, COOKIE_FLOW, made, 0);
	login->call = call;
	login->handle = g_strdup(handle);
	return true;
}

/* --- form tokens --- */

/* A consent is one person's: its form is worth nothing once somebody else has signed in. The sign-in form is for whoever comes. */
static const char *for_whom(const struct login *login, const char *step)
{
	return strcmp(step, STEP_SIGN_IN) != 0 && login->has_session ? login->session.id : NULL;
}

static struct digest_parts *form_parts(const struct login *login, const char *step)
{
	struct digest_parts *parts = digest_parts_new("form token");
	digest_parts_add_text(parts, login->call->tenant->id);
	digest_parts_add_text(parts, step);
	digest_parts_add_text(parts, for_whom(login, step));
	digest_parts_add(parts, login->flow.digest, DIGEST_SIZE);
	digest_parts_add(parts, login->flow.browser, DIGEST_SIZE);
	return parts;
}

char *flow_form_token(const struct login *login, const char *step)
{
	return call_mac(login->call, "form", form_parts(login, step), DIGEST_SIZE);
}

bool flow_form_proved(struct login *login, const char *step)
{
	const struct form *form = request_form(login->call->request);
	const char *sent = form ? form_value(form, "form_token") : NULL;
	bool holds = call_mac_holds(login->call, "form", form_parts(login, step), DIGEST_SIZE, sent);
	if (call_check(login->call, "form_token", sent ? "another" : "none", "the token of this form", holds))
		return true;
	return refuse_flow(login, ERROR_FORM_FORGED, REASON_FORM_FORGED);
}

/* --- the hub --- */

static bool hint_differs(const struct login *login)
{
	g_autofree char *key = NULL;
	const char *hint = flow_parameter(login, "login_hint");
	return hint && (key = text_login_key(hint)) && g_strcmp0(key, login->account.username_key) != 0 && g_strcmp0(key, login->account.email_key) != 0;
}

static bool name_differs(const struct login *login)
{
	const char *named = flow_parameter(login, "named_account");
	return named && strcmp(named, login->account.id) != 0;
}

static bool acr_is_unmet(const struct login *login)
{
	const json_t *request = login->flow.request;
	return json_is_true(json_object_get(request, "acr_essential")) && !acr_choose(login->session.acr, json_object_get(request, "acr_values"));
}

/* A public client at a private-use scheme or on loopback may be any program on the device: what was allowed to one is not allowed to the next unasked
 * (RFC 6749 section 10.2, RFC 8252 section 8.6). Who gets an https address proves something by it. */
static bool may_be_an_impostor(const struct login *login)
{
	const char *redirect = flow_parameter(login, "redirect_uri");
	return login->client->auth_method == CLIENT_AUTH_NONE && !(redirect && g_str_has_prefix(redirect, "https://"));
}

static bool find_facts(struct login *login, struct next_facts *facts, GError **error)
{
	const char *prompt = flow_parameter(login, "prompt");
	int64_t max_age_s = -1;
	json_integer_at(login->flow.request, "max_age", &max_age_s);
	*facts = (struct next_facts){
		.prompt_none = prompt && scope_has(prompt, "none"), .prompt_login = prompt && scope_has(prompt, "login"),
		.prompt_consent = prompt && scope_has(prompt, "consent"), .prompt_select_account = prompt && scope_has(prompt, "select_account"),
		.max_age_s = max_age_s, .has_session = login->has_session, .consent_given = login->flow.consented,
		.signed_in_here = login->has_session && g_strcmp0(login->flow.session, login->session.id) == 0,
		.consent_explicit = login->client && login->client->consent_explicit, .now_s = request_time_ms(login->call->request) / 1000 };
	if (!login->has_session)
		return true;
	facts->auth_time_s = login->session.auth_time_ms / 1000;
	facts->hinted_account_differs = hint_differs(login);
	facts->named_account_differs = name_differs(login);
	facts->acr_unmet = acr_is_unmet(login);
	facts->account_may_use_client = !login->client || entitlement(&login->account, login->client) == REASON_OK;
	bool asks_memory = facts->consent_explicit && !facts->consent_given && !facts->prompt_consent && !may_be_an_impostor(login);
	enum found remembered = asks_memory ? consent_remembered(login, error) : MISSING;
	facts->consent_given = facts->consent_given || remembered == FOUND;
	return remembered != BROKEN;
}

/* Shows the step's page when the browser is at its address already, else sends it there. */
static void go_to(struct login *login, bool here, const char *path, void (*show)(struct login *login))
{
	if (here) {
		show(login);
		return;
	}
	if (!login->handle && !flow_start(login))
		return;
	g_autofree char *url = flow_url(login, path);
	reply_redirect(login->call->reply, 303, url);
}

/* Somebody is signed in here already, and the application wants it proved anew: said, or the page looks as if the session had been lost. */
static bool is_asked_again(const struct login *login)
{
	const char *prompt = flow_parameter(login, "prompt");
	return login->has_session && ((prompt && scope_has(prompt, "login")) || json_object_get(login->flow.request, "max_age"))
		&& !hint_differs(login) && !name_differs(login);
}

static void show_signin(struct login *login)
{
	signin_show(login, &(struct signin_view){ .problem = is_asked_again(login) ? "again" : NULL, .username = flow_parameter(login, "login_hint") });
}

static enum error_code refusal_code(enum reason reason)
{
	if (reason == REASON_ACR_UNMET)
		return ERROR_UNMET_AUTHENTICATION;
	return reason == REASON_LOGIN_REQUIRED ? ERROR_LOGIN_REQUIRED : reason == REASON_CONSENT_REQUIRED ? ERROR_CONSENT_REQUIRED : ERROR_ACCESS_DENIED;
}

void flow_continue(struct login *login, enum login_place place)
{
	GError *error = NULL;
	struct next_facts facts;
	if (!find_facts(login, &facts, &error)) {
		call_fail_error(login->call, error);
		return;
	}
	if (login->has_session) {
		login->call->facts.account = login->account.id;
		login->call->facts.username = login->account.username;
		login->call->facts.session = login->session.id;
	}
	struct next_step step = next_decide(&facts);
	switch (step.next) {
	case NEXT_SIGN_IN:
		if (place == PLACE_SIGN_IN || !signin_goes_elsewhere(login))
			go_to(login, place == PLACE_SIGN_IN, "/login", show_signin);
		break;
	case NEXT_CONSENT:
		go_to(login, place == PLACE_CONSENT, "/consent", consent_show);
		break;
	case NEXT_GRANT:
		login_grant(login);
		break;
	case NEXT_REFUSE:
		flow_refuse(login, refusal_code(step.reason), step.reason, reason_sentence(step.reason));
		break;
	}
}
