/* Signing in at somebody else's: away to the provider and back, through the provider interface like any other source.
 *
 *   GET /login/{provider} ─→ driver's begin ─→ what it keeps, sealed into the flow ─→ browser away
 *   /callback/{provider}  ─→ state: this provider's, this attempt's ─→ this browser's ─→ taken, once ─→ driver's complete ─→ settle (commit) ─→ hub
 *
 * The state is the flow's handle and a MAC over tenant, provider, flow, browser and the flow's version: each attempt has its own, an answer uses it up, and one of
 * another provider, browser or tenant is nobody's (SECURITY OP-1, OP-3). Whoever has it without the flow cookie has nothing.
 */
#include "gateway/login/upstream.h"
#include "base/encoding.h"
#include "base/url.h"
#include "crypto/seal.h"
#include "gateway/call/browser.h"
#include "gateway/call/cookies.h"
#include "gateway/call/mac.h"
#include "gateway/login/endpoints.h"
#include "gateway/login/settle.h"
#include "gateway/login/steps.h"
#include "gateway/login/trial_steps.h"
#include "gateway/call/trial.h"

#include <string.h>

#define MAC_BYTES 16
#define HANDLE_TEXT 43
#define STATE_TEXT (HANDLE_TEXT + 1 + 22) /* the MAC in base64url */
#define KEPT_BYTES_MAX 65536

/* --- state --- */

static struct digest_parts *state_parts(const struct login *login, const char *provider, int64_t version)
{
	struct digest_parts *parts = digest_parts_new("upstream state");
	digest_parts_add_text(parts, login->call->tenant->id);
	digest_parts_add_text(parts, provider);
	digest_parts_add(parts, login->flow.digest, DIGEST_SIZE);
	digest_parts_add(parts, login->flow.browser, DIGEST_SIZE);
	digest_parts_add_integer(parts, version);
	return parts;
}

/* At most 80 bytes: SAML allows a RelayState no more. */
static char *state_of(const struct login *login, const char *provider, int64_t version)
{
	g_autofree char *text = call_mac(login->call, "form", state_parts(login, provider, version), MAC_BYTES);
	return g_strconcat(login->handle, ".", text, NULL);
}

/* --- what waits in the flow --- */

static struct seal_context kept_context(const struct login *login, const char row[2 * DIGEST_SIZE + 1])
{
	return (struct seal_context){ .tenant = login->call->tenant->id, .table = "flow", .row = row, .column = "sealed" };
}

/* The driver's bytes, and whose session the browser had: an answer that is posted from another site comes without that cookie. */
static char *kept_seal(const struct login *login, const struct secret *keep)
{
	char row[2 * DIGEST_SIZE + 1];
	g_autofree char *bytes = keep ? base64url_encode(secret_bytes(keep), secret_length(keep)) : NULL;
	g_autoptr(json_t) kept = json_pack("{s:s*, s:s*}", "keep", bytes, "session", login->has_session ? login->session.id : NULL);
	g_autofree char *text = json_text(kept);
	hex_encode(login->flow.digest, DIGEST_SIZE, row);
	struct seal_context context = kept_context(login, row);
	char *sealed = seal(login->call->gateway->keys, &context, text, strlen(text));
	wipe(text, strlen(text));
	return sealed;
}

static json_t *kept_open(const struct login *login, GError **error)
{
	char row[2 * DIGEST_SIZE + 1];
	hex_encode(login->flow.digest, DIGEST_SIZE, row);
	struct seal_context context = kept_context(login, row);
	g_autoptr(secret_t) text = unseal(login->call->gateway->keys, &context, login->flow.sealed, error);
	return text ? json_parse((const char *)secret_bytes(text), secret_length(text), 2 * KEPT_BYTES_MAX, error) : NULL;
}

static struct secret *kept_bytes(const json_t *kept)
{
	const char *text = json_string_at(kept, "keep");
	size_t length = 0;
	struct secret *bytes = secret_new_empty(text ? strlen(text) : 0);
	if (text && base64url_decode(text, strlen(text), secret_writable(bytes), strlen(text), &length)) {
		struct secret *fit = secret_new(secret_bytes(bytes), length);
		secret_free(bytes);
		return fit;
	}
	secret_free(bytes);
	return NULL;
}

/* --- which provider --- */

static bool goes_away(const struct source *source)
{
	return source && source->driver->capabilities & CAPABILITY_REDIRECTS;
}

/* Borrowed from *ret_list. NULL: the reply is an error. */
static const struct source *find_source(struct call *call, struct source_list **ret_list)
{
	GError *error = NULL;
	*ret_list = sources_of(call->gateway->sources, call->tenant, &error);
	const struct source *source = *ret_list ? source_named(*ret_list, call->argument) : NULL;
	if (!*ret_list)
		call_fail_error(call, error);
	else if (!goes_away(source)) {
		call_check(call, "provider", call->argument, "an enabled provider that is signed in to elsewhere", false);
		call_audit(call, EVENT_LOGIN_REFUSE, REASON_PROVIDER_UNKNOWN);
		call_fail_page(call, ERROR_NOT_FOUND, NULL);
	}
	return goes_away(source) ? source : NULL;
}

/* A provider that keeps many waiting is treated as one that does not answer: the workers are everybody's. */
static bool enter(struct call *call, const struct source *source, struct provider_answer *answer)
{
	if (call_check(call, "provider slots", "all taken", "one free", slots_take(source->slots, request_deadline_ms(call->request))))
		return true;
	answer->verdict = VERDICT_UNAVAILABLE;
	answer->reason = REASON_PROVIDER_UNAVAILABLE;
	return false;
}

/* --- how it ended, on the sign-in page --- */

static const struct { enum reason reason; const char *problem; } problems[] = {
	{ REASON_PROVIDER_UNAVAILABLE, "unavailable" }, { REASON_BUSY, "unavailable" }, { REASON_PROVIDER_REFUSED, "refused" },
	{ REASON_NOT_PROVISIONED, "not_allowed" }, { REASON_HOSTED_DOMAIN, "not_allowed" }, { REASON_TOKEN_TENANT, "not_allowed" },
	{ REASON_ACCOUNT_DISABLED, "disabled" },
};

static const char *problem_of(enum reason reason)
{
	for (size_t i = 0; i < G_N_ELEMENTS(problems); i++)
		if (problems[i].reason == reason)
			return problems[i].problem;
	return "failed";
}

static void show_end(struct login *login, const struct attempt *attempt, enum reason reason)
{
	if (reason == REASON_OK)
		flow_continue(login, PLACE_SIGN_IN);
	else if (reason == REASON_NO_FRESH_LOGIN)
		flow_refuse(login, ERROR_LOGIN_REQUIRED, reason, "This provider cannot promise a fresh sign-in.");
	else
		signin_show(login, &(struct signin_view){ .problem = problem_of(reason), .provider = attempt->source->display_name });
}

/* `claims`: with a trial, what was said; NULL. */
static void settle(struct login *login, struct attempt *attempt, const struct provider_answer *answer, const json_t *claims)
{
	GError *error = NULL;
	if (trial_provider(&login->flow)) {
		trial_end(login, attempt->source, answer, claims);
		return;
	}
	enum reason reason = login_settle(login, attempt, answer, &error);
	if (reason == REASON_STORE_BROKEN)
		call_fail_error(login->call, error);
	else if (reason == REASON_FLOW_EXPIRED)
		call_fail_page(login->call, ERROR_FLOW_EXPIRED, NULL);
	else
		show_end(login, attempt, reason);
}

/* --- away --- */

static void depart(struct login *login, const struct source *source, const struct provider_answer *answer)
{
	struct call *call = login->call;
	g_free(login->flow.provider);
	g_free(login->flow.sealed);
	login->flow.provider = g_strdup(source->name);
	login->flow.sealed = kept_seal(login, answer->keep);
	if (!flow_save(login, REASON_FLOW_EXPIRED))
		return;
	if (answer->step.posts_back)
		flow_bind_browser(login, true);
	call_follow(call, source->display_name, &answer->step);
}

/* Space-separated; caller frees, NULL where nothing was asked. */
static char *acr_asked(const struct login *login)
{
	const json_t *wanted = json_object_get(login->flow.request, "acr_values");
	GString *text = json_array_size(wanted) ? g_string_new("") : NULL;
	for (size_t i = 0; i < json_array_size(wanted); i++)
		g_string_append_printf(text, "%s%s", i ? " " : "", json_string_value(json_array_get(wanted, i)));
	return text ? g_string_free(text, FALSE) : NULL;
}

static void begin(struct login *login, const struct source *source)
{
	struct call *call = login->call;
	struct provider_answer answer = { 0 };
	g_autofree char *callback_url = upstream_callback_url(call, source), *state = state_of(login, source->name, login->flow.version + 1), *acr = acr_asked(login);
	struct provider_begin input = { .callback_url = callback_url, .state = state, .login_hint = flow_parameter(login, "login_hint"),
		.prompt = flow_parameter(login, "prompt"), .acr_values = acr, .ui_locales = flow_parameter(login, "ui_locales"),
		.max_age_s = -1, .now_ms = request_time_ms(call->request), .deadline_ms = request_deadline_ms(call->request) };
	const char *hint = form_value(request_query(call->request), "login_hint");
	if (hint)
		input.login_hint = hint;
	json_integer_at(login->flow.request, "max_age", &input.max_age_s);
	call_check(call, "source", source->name, NULL, true);
	input.checks = call->checks;
	if (enter(call, source, &answer)) {
		source->driver->begin(source->state, &input, &answer);
		slots_give_back(source->slots);
	}
	if (answer.verdict == VERDICT_MORE && (answer.step.kind == STEP_REDIRECT || answer.step.kind == STEP_POST_FORM))
		depart(login, source, &answer);
	else
		settle(login, &(struct attempt){ .event = EVENT_LOGIN, .source = source, .throttled = REASON_OK }, &answer, NULL);
	provider_answer_clear(&answer);
}

/* A trial is of one provider, and once it is over nothing begins with it again. */
static bool may_begin(struct login *login, const struct source *source)
{
	const char *trial = trial_provider(&login->flow);
	if (call_check(login->call, "trial", trial, source->name, !trial || (strcmp(trial, source->name) == 0 && !trial_is_closed(&login->flow))))
		return true;
	call_audit(login->call, EVENT_LOGIN_REFUSE, REASON_FLOW_EXPIRED);
	call_fail_page(login->call, ERROR_FLOW_EXPIRED, NULL);
	return false;
}

/* A flow that is not stored yet has no cookie to come back with: it is stored, and the browser sent here again. */
void upstream_go(struct login *login, const struct source *source, const char *login_hint)
{
	g_autofree char *path = g_strconcat("/login/", source->name, NULL), *hint = login_hint ? url_encode(login_hint) : NULL;
	if (!login->handle && !flow_start(login))
		return;
	g_autofree char *base = flow_url(login, path), *url = g_strconcat(base, hint ? "&login_hint=" : NULL, hint, NULL);
	if (request_method(login->call->request) == METHOD_POST)
		call_leave(login->call, source->display_name, url);
	else
		reply_redirect(login->call->reply, 303, url);
}

/* Who came from a company's portal ends at the application that the tile was for (OpenID Connect Core section 4). False: the reply is an error. */
static bool initiator_note(struct login *login, const char *client_id)
{
	struct call *call = login->call;
	g_autoptr(client_t) client = NULL;
	if (!client_id)
		return true;
	enum found found = cache_client(call->gateway->cache, call->tenant->id, client_id, &client, NULL);
	const char *uri = found == FOUND ? json_string_at(client->settings, "initiate_login_uri") : NULL;
	if (uri) {
		json_object_set_new(login->flow.request, FLOW_INITIATES, json_string(client_id));
		return true;
	}
	call_check(call, "client_id", client_id, "a client with initiate_login_uri", false);
	call_audit(call, EVENT_LOGIN_REFUSE, REASON_CLIENT_UNKNOWN);
	call_fail_page(call, ERROR_INVALID_REQUEST, "client_id names no application here that a sign-in can be started at.");
	return false;
}

void upstream_begin_endpoint(struct call *call)
{
	g_auto(login_t) login = { .call = call };
	g_autoptr(source_list_t) list = NULL;
	const struct form *query = request_query(call->request);
	const struct source *source = query ? find_source(call, &list) : NULL;
	if (!query)
		call_fail(call, ERROR_INVALID_REQUEST, "The query is malformed.");
	else if (source && form_value(query, "trial")) {
		trial_open(call, source, form_value(query, "trial"));
	} else if (source && !form_value(query, "flow")) {
		flow_new_alone(&login);
		if (initiator_note(&login, form_value(query, "client_id")))
			upstream_go(&login, source, form_value(query, "login_hint"));
	} else if (source && login_load_or_trial(&login, call, form_value(query, "flow")) && may_begin(&login, source)) {
		begin(&login, source);
	}
	call->facts = (struct audit_facts){ 0 };
}

/* --- and back --- */

static bool refuse_state(struct call *call, const char *seen)
{
	call_check(call, "state", seen, "of this provider, this browser and this attempt", false);
	call_audit(call, EVENT_LOGIN_REFUSE, REASON_STATE_INVALID);
	call_fail_page(call, ERROR_FLOW_EXPIRED, NULL);
	return false;
}

/* Loads the flow that the state names, and takes what waits in it: an answer comes once. */
static bool take_attempt(struct login *login, struct call *call, const struct source *source, const char *state, json_t **ret_kept)
{
	GError *error = NULL;
	g_autofree char *handle = upstream_state_is_ours(state) ? g_strndup(state, HANDLE_TEXT) : NULL;
	if (!handle)
		return refuse_state(call, state ? "malformed" : "none");
	if (!login_load_or_trial(login, call, handle))
		return false;
	bool ours = call_mac_holds(call, "form", state_parts(login, source->name, login->flow.version), MAC_BYTES, state + HANDLE_TEXT + 1);
	if (!login->flow.sealed || g_strcmp0(login->flow.provider, source->name) != 0 || !ours)
		return refuse_state(call, login->flow.sealed ? "another's" : "used before");
	json_t *kept = kept_open(login, &error);
	if (!kept) {
		call_fail_error(call, error);
		return false;
	}
	g_clear_pointer(&login->flow.sealed, g_free);
	if (!flow_save(login, REASON_STATE_INVALID)) {
		json_decref(kept);
		return false;
	}
	*ret_kept = kept;
	return true;
}

/* The session that the browser had when it left; the flow is this browser's, so its session is. */
static bool find_session(struct login *login, const json_t *kept)
{
	GError *error = NULL;
	const char *id = json_string_at(kept, "session");
	if (login->has_session || !id)
		return true;
	enum found found = browser_session_by_id(login->call, id, &login->session, &login->account, &error);
	login->has_session = found == FOUND;
	if (found == BROKEN)
		call_fail_error(login->call, error);
	return found != BROKEN;
}

void upstream_complete(struct call *call, const struct source *source, const struct form *reply, const char *state)
{
	g_auto(login_t) login = { .call = call };
	g_autoptr(json_t) kept = NULL, claims = NULL;
	struct provider_answer answer = { 0 };
	if (!take_attempt(&login, call, source, state, &kept) || !find_session(&login, kept))
		return;
	g_autoptr(secret_t) keep = kept_bytes(kept);
	g_autofree char *callback_url = upstream_callback_url(call, source);
	call_check(call, "source", source->name, NULL, true);
	if (enter(call, source, &answer)) {
		source->driver->complete(source->state, &(struct provider_complete){ .sealed = keep ? secret_bytes(keep) : NULL,
			.sealed_length = keep ? secret_length(keep) : 0, .callback_url = callback_url, .reply = reply, .now_ms = request_time_ms(call->request),
			.deadline_ms = request_deadline_ms(call->request), .checks = call->checks, .ret_claims = trial_provider(&login.flow) ? &claims : NULL }, &answer);
		slots_give_back(source->slots);
	}
	settle(&login, &(struct attempt){ .event = EVENT_LOGIN, .source = source, .throttled = REASON_OK }, &answer, claims);
	provider_answer_clear(&answer);
	call->facts = (struct audit_facts){ 0 };
}

char *upstream_callback_url(const struct call *call, const struct source *source)
{
	return source->driver->describe ? g_strconcat(call->tenant->issuer, "/saml/", source->name, "/acs", NULL)
		: g_strconcat(call->tenant->issuer, "/callback/", source->name, NULL);
}

char *upstream_logout_url(const struct call *call, const struct source *source)
{
	return g_strconcat(call->tenant->issuer, "/saml/", source->name, "/slo", NULL);
}

bool upstream_state_is_ours(const char *state)
{
	return state && strlen(state) == STATE_TEXT && state[HANDLE_TEXT] == '.';
}

void upstream_callback_endpoint(struct call *call)
{
	g_autoptr(source_list_t) list = NULL;
	const struct form *reply = call_parameters(call);
	const struct source *source = reply ? find_source(call, &list) : NULL;
	if (source)
		upstream_complete(call, source, reply, form_count(reply, "state") == 1 ? form_value(reply, "state") : NULL);
}
