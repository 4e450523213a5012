/* Signing out (OpenID Connect RP-Initiated Logout 1.0). An ID token hint of this very session ends it at once; anybody else is asked first, so that a foreign
 * page cannot sign people out (SECURITY SE-9). The redirect afterwards is one the application registered, to the letter.
 */
#include "base/encoding.h"
#include "base/url.h"
#include "gateway/call/own_token.h"
#include "gateway/call/browser.h"
#include "gateway/call/cookies.h"
#include "gateway/call/mac.h"
#include "gateway/call/sources.h"
#include "gateway/login/endpoints.h"
#include "gateway/login/logout_errand.h"
#include "gateway/login/upstream.h"

struct logout {
	struct call *call;
	const struct form *form;     /* the parameters, by GET or POST */
	struct client *client;       /* who asks, NULL: nobody proved */
	bool hint_names_session;
	enum found signed_in;
	struct session session;
	struct account account;
	struct provider_answer upstream; /* the step that signs out there too, with VERDICT_MORE */
	struct login errand;             /* what waits for its answer, where the provider gives one; no handle: nothing */
};

static void logout_clear(struct logout *logout)
{
	client_unref(logout->client);
	session_clear(&logout->session);
	provider_answer_clear(&logout->upstream);
	login_clear(&logout->errand);
	account_clear(&logout->account);
	logout->call->facts = (struct audit_facts){ 0 };
}

static json_t *read_hint(struct logout *logout)
{
	const char *hint = form_value(logout->form, "id_token_hint");
	return hint ? own_token_read(logout->call, hint, "JWT", NULL, NULL) : NULL;
}

/* The client that client_id or the hint names; with both, they must agree. */
static bool find_client(struct logout *logout, const json_t *hint)
{
	const char *named = form_value(logout->form, "client_id"), *hinted = hint ? json_string_at(hint, "aud") : NULL;
	if (!call_check(logout->call, "client_id", named, hinted, !named || !hinted || strcmp(named, hinted) == 0))
		return false;
	const char *client_id = named ? named : hinted;
	return !client_id || cache_client(logout->call->gateway->cache, logout->call->tenant->id, client_id, &logout->client, NULL) == FOUND;
}

static void match_hint(struct logout *logout, const json_t *hint)
{
	char sid[IDENTIFIER_SIZE];
	const char *hinted_sid = hint ? json_string_at(hint, "sid") : NULL, *subject = hint ? json_string_at(hint, "sub") : NULL;
	if (logout->signed_in != FOUND || !hinted_sid || !subject || !logout->client)
		return;
	browser_sid(logout->session.id, logout->client, sid);
	logout->hint_names_session = strcmp(sid, hinted_sid) == 0 && strcmp(subject, logout->account.id) == 0;
}

/* Where to go afterwards; caller frees. False: the address is not registered, or nobody vouches for it. */
static bool find_return(struct logout *logout, char **ret_url)
{
	const char *url = form_value(logout->form, "post_logout_redirect_uri"), *state = form_value(logout->form, "state");
	if (!url) {
		*ret_url = call_url(logout->call, "/logout/done");
		return true;
	}
	char *const *registered = logout->client ? logout->client->post_logout_redirect_uris : NULL;
	if (!call_check(logout->call, "post_logout_redirect_uri", url, "registered for the client", registered && g_strv_contains((const char *const *)registered, url)))
		return false;
	g_autoptr(GString) query = g_string_new(NULL);
	if (state)
		form_append(query, "state", state);
	*ret_url = g_strconcat(url, query->len ? strchr(url, '?') ? "&" : "?" : "", query->str, NULL);
	return true;
}

static struct digest_parts *form_parts(const struct logout *logout)
{
	struct digest_parts *parts = digest_parts_new("logout form");
	digest_parts_add_text(parts, logout->call->tenant->id);
	digest_parts_add(parts, logout->session.digest, DIGEST_SIZE);
	return parts;
}

static char *form_token(const struct logout *logout)
{
	return call_mac(logout->call, "form", form_parts(logout), DIGEST_SIZE);
}

static bool confirmed(const struct logout *logout)
{
	const struct form *posted = request_form(logout->call->request);
	return call_mac_holds(logout->call, "form", form_parts(logout), DIGEST_SIZE, posted ? form_value(posted, "form_token") : NULL);
}

static bool end_in_unit(struct unit *unit, void *data, GError **error)
{
	struct logout *logout = data;
	struct call *call = logout->call;
	g_autoptr(json_t) detail = NULL;
	struct audit_facts facts = call_facts(call, EVENT_LOGOUT, REASON_OK, &detail);
	bool away = logout->errand.handle && logout->upstream.verdict == VERDICT_MORE;
	return session_end(unit, call->tenant->id, logout->session.id, request_time_ms(call->request), error)
		&& (!away || flow_insert(unit, call->tenant->id, &logout->errand.flow, error))
		&& audit_append(unit, call->gateway->store, call->tenant, &facts, true, error);
}

/* --- and at the provider --- */

/* Where the browser goes on to from /logout/done, with a MAC: only what was checked here comes back as good. */
static struct digest_parts *return_parts(const struct call *call, const char *return_url)
{
	struct digest_parts *parts = digest_parts_new("return after logout");
	digest_parts_add_text(parts, call->tenant->id);
	digest_parts_add_text(parts, return_url);
	return parts;
}

static char *return_state(const struct call *call, const char *return_url)
{
	g_autofree char *seal = call_mac(call, "form", return_parts(call, return_url), DIGEST_SIZE), *text = base64url_encode(return_url, strlen(return_url));
	return g_strconcat(text, ".", seal, NULL);
}

static struct secret *session_keep(struct logout *logout)
{
	struct secret *keep = NULL;
	struct unit *unit = store_reader(logout->call->gateway->store, NULL);
	if (unit)
		session_keep_find(unit, logout->call->tenant->id, logout->session.id, &keep, NULL);
	return keep;
}

/* The person is signed out here whatever comes; that he may still be signed in there is for the log. */
static void note_failure(struct call *call, const struct source *source, const struct provider_answer *answer)
{
	if (answer->verdict != VERDICT_UNAVAILABLE && answer->verdict != VERDICT_VIOLATION)
		return;
	call_check(call, "sign-out at the provider", verdict_name(answer->verdict), verdict_name(VERDICT_OK), false);
	call->facts = (struct audit_facts){ .provider = source->name };
	call_audit(call, EVENT_LOGIN_REFUSE, source_reason(answer));
}

/* Asks the driver of the provider that the session came from how to sign the person out there. Signing out here never waits on it to succeed. */
static void ask_upstream(struct logout *logout, const struct source *source, const char *return_url)
{
	struct call *call = logout->call;
	g_autoptr(secret_t) keep = session_keep(logout);
	if (!keep || !slots_take(source->slots, request_deadline_ms(call->request)))
		return;
	bool answers = source->driver->logout_complete != NULL;
	if (answers)
		logout_errand_make(&logout->errand, source, return_url);
	g_autofree char *back = answers ? upstream_logout_url(call, source) : call_url(call, "/logout/done"), *sealed_return = return_state(call, return_url);
	source->driver->logout(source->state, &(struct provider_logout){ .keep = keep, .return_url = back, .state = answers ? logout->errand.handle : sealed_return,
		.now_ms = request_time_ms(call->request), .deadline_ms = request_deadline_ms(call->request) }, &logout->upstream);
	slots_give_back(source->slots);
	note_failure(call, source, &logout->upstream);
	if (answers)
		logout_errand_keep(&logout->errand, logout->upstream.keep);
}

static void go_on(struct logout *logout, const char *return_url)
{
	struct call *call = logout->call;
	call_cookie_set(call, COOKIE_SESSION, NULL, 0);
	if (logout->upstream.verdict == VERDICT_MORE)
		call_follow(call, logout->session.provider, &logout->upstream.step);
	else
		reply_redirect(call->reply, 303, return_url);
}

static void end_session(struct logout *logout, const char *return_url)
{
	GError *error = NULL;
	struct call *call = logout->call;
	g_autoptr(source_list_t) list = sources_of(call->gateway->sources, call->tenant, NULL);
	const struct source *source = list && logout->session.provider ? source_named(list, logout->session.provider) : NULL;
	if (source && source->driver->logout)
		ask_upstream(logout, source, return_url);
	call->facts = (struct audit_facts){ .account = logout->account.id, .username = logout->account.username, .session = logout->session.id,
		.client = logout->client ? logout->client->client_id : NULL };
	if (store_write(call->gateway->store, end_in_unit, logout, &error))
		go_on(logout, return_url);
	else
		call_fail_error(call, error);
}

/* What goes with the browser when it is sent to /logout again. The hint names the client, and proves no more than before. */
static const char *const carried[] = { "id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales" };

/* /logout with these parameters of the request; caller frees. */
static char *logout_url(struct call *call, const struct form *form)
{
	g_autoptr(GString) query = g_string_new(NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(carried); i++)
		form_append(query, carried[i], form_value(form, carried[i]));
	g_autofree char *base = call_url(call, "/logout");
	return g_strconcat(base, query->len ? "?" : "", query->str, NULL);
}

/* The form's redirect may end at the application: the policy must name its origin, since Chromium holds redirects to form-action. */
static void ask(struct logout *logout, const char *return_url)
{
	bool own = g_str_has_prefix(return_url, logout->call->tenant->issuer);
	g_autoptr(url_t) url = own ? NULL : url_parse(return_url, NULL);
	g_autofree char *origin = url ? url_origin(url) : NULL;
	g_autofree char *action = logout_url(logout->call, logout->form);
	g_autofree char *token = form_token(logout);
	struct page_sign_out facts = { .frame = call_frame(logout->call), .action = action, .form_token = token,
		.account_name = logout->account.name ? logout->account.name : logout->account.username };
	call_page(logout->call, 200, page_sign_out(&facts), origin);
}

static void proceed(struct logout *logout)
{
	struct call *call = logout->call;
	g_autoptr(json_t) hint = read_hint(logout);
	g_autofree char *return_url = NULL;
	bool client_found = find_client(logout, hint);
	match_hint(logout, hint);
	if (!client_found || !find_return(logout, &return_url)) {
		call_audit(call, EVENT_AUTHORIZE_REFUSE, client_found ? REASON_REDIRECT_MISMATCH : REASON_CLIENT_UNKNOWN);
		call_fail_page(call, ERROR_INVALID_REQUEST, client_found ? "post_logout_redirect_uri is not registered for this application."
			: "client_id names no client of this organisation, or another one than id_token_hint.");
	} else if (logout->signed_in == MISSING) {
		reply_redirect(call->reply, 303, return_url);
	} else if (logout->hint_names_session || confirmed(logout)) {
		end_session(logout, return_url);
	} else {
		ask(logout, return_url);
	}
}

/* An application's page may POST (section 2): such a cross-site request carries no SameSite=Lax cookie, so the browser is sent here again by GET. */
static void send_again(struct call *call, const struct form *form)
{
	g_autofree char *url = logout_url(call, form);
	reply_redirect(call->reply, 303, url);
}

void logout_endpoint(struct call *call)
{
	GError *error = NULL;
	struct logout logout = { .call = call, .errand = { .call = call } };
	const struct form *posted = request_form(call->request);
	bool from_our_form = posted && form_value(posted, "form_token");
	if (posted && !from_our_form) {
		send_again(call, posted);
		return;
	}
	logout.form = from_our_form ? request_query(call->request) : call_parameters(call);
	if (!logout.form) {
		if (from_our_form)
			call_fail(call, ERROR_INVALID_REQUEST, "The query is malformed.");
		return;
	}
	logout.signed_in = browser_session(call, &logout.session, &logout.account, &error);
	if (logout.signed_in == BROKEN)
		call_fail_error(call, error);
	else
		proceed(&logout);
	logout_clear(&logout);
}

/* What the state that came back from the provider says, where it is ours. Caller frees; NULL: nothing. */
static char *returned_url(struct call *call)
{
	const struct form *query = request_query(call->request);
	const char *state = query ? form_value(query, "state") : NULL, *dot = state ? strchr(state, '.') : NULL;
	uint8_t bytes[2049];
	size_t length = 0;
	if (!dot || !base64url_decode(state, (size_t)(dot - state), bytes, sizeof bytes - 1, &length))
		return NULL;
	g_autofree char *url = g_strndup((const char *)bytes, length);
	return call_mac_holds(call, "form", return_parts(call, url), DIGEST_SIZE, dot + 1) ? g_steal_pointer(&url) : NULL;
}

void logout_done_endpoint(struct call *call)
{
	struct page_frame frame = call_frame(call);
	g_autofree char *url = returned_url(call), *own = call_url(call, "/logout/done");
	if (url && strcmp(url, own) != 0)
		reply_redirect(call->reply, 303, url);
	else
		call_page(call, 200, page_signed_out(&frame, NULL), NULL);
}
