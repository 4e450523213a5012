/* The way of one sign-in (OpenID Connect Core section 3.1, RFC 7636, RFC 9207, RFC 9700).
 *
 *   begin ──> metadata ──> authorization request ──(browser away and back)──> complete
 *   complete ──> whose answer (iss)? error? ──> code for tokens ──> ID token (verifier) ──> userinfo ──> vendor's rules ──> identity
 *
 * What `begin` keeps (nonce, code verifier, what was asked) comes back sealed; the gateway has proved that the answer is this browser's, this provider's, this
 * attempt's, and the first one.
 */
#include "providers/oidc_internal.h"

#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "policies/scope.h"

#include <string.h>

#define CODE_BYTES_MAX 4096

static char *random_text(void)
{
	uint8_t bytes[32];
	random_bytes(bytes, sizeof bytes);
	char *text = base64url_encode(bytes, sizeof bytes);
	wipe(bytes, sizeof bytes);
	return text;
}

/* --- begin --- */

static void append_if(GString *query, const char *name, const char *value)
{
	if (value && *value)
		form_append(query, name, value);
}

struct kept_word {
	GString *text;
	const char *left_out;
};

static bool keep_word(const char *word, size_t length, void *data)
{
	struct kept_word *kept = data;
	if (strlen(kept->left_out) != length || strncmp(word, kept->left_out, length) != 0)
		g_string_append_printf(kept->text, "%s%.*s", kept->text->len ? " " : "", (int)length, word);
	return true;
}

static void append_scope(const struct oidc *oidc, GString *query)
{
	struct kept_word kept = { g_string_new(""), oidc->vendor->offline_by_parameter ? "offline_access" : "" };
	scope_each(oidc->scope, keep_word, &kept);
	form_append(query, "scope", kept.text->str);
	g_string_free(kept.text, TRUE);
}

/* A fresh sign-in is demanded by prompt=login, and proved by auth_time: whoever takes the prompt out of the address on the way gains nothing. */
static int64_t max_age_asked(const struct provider_begin *input)
{
	return input->prompt && scope_has(input->prompt, "login") ? 0 : input->max_age_s;
}

/* Of our client's prompt what is the provider's to do: `none` never comes so far, `consent` is to us. */
static void append_prompt(const struct oidc *oidc, const struct provider_begin *input, GString *query)
{
	bool login = input->prompt && scope_has(input->prompt, "login"), select = input->prompt && scope_has(input->prompt, "select_account");
	bool consent = oidc->offline;
	g_autofree char *prompt = g_strdup_printf("%s%s%s", login ? "login " : "", select ? "select_account " : "", consent ? "consent" : "");
	append_if(query, "prompt", g_strchomp(prompt));
}

static void append_asked(const struct oidc *oidc, const struct provider_begin *input, GString *query)
{
	g_autofree char *acr = oidc->acr_values ? g_strjoinv(" ", oidc->acr_values) : g_strdup(input->acr_values);
	int64_t max_age_s = max_age_asked(input);
	append_prompt(oidc, input, query);
	if (max_age_s >= 0) {
		g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, max_age_s);
		form_append(query, "max_age", text);
	}
	append_if(query, "login_hint", input->login_hint);
	append_if(query, "acr_values", acr);
	append_if(query, "ui_locales", input->ui_locales);
}

static char *request_url(const struct oidc *oidc, const json_t *metadata, const struct provider_begin *input, const char *nonce, const char *verifier)
{
	const char *endpoint = json_string_at(metadata, "authorization_endpoint");
	g_autoptr(GString) query = g_string_new("");
	uint8_t challenge[DIGEST_SIZE];
	form_append(query, "response_type", "code");
	form_append(query, "client_id", oidc->client_id);
	form_append(query, "redirect_uri", input->callback_url);
	append_scope(oidc, query);
	form_append(query, "state", input->state);
	form_append(query, "nonce", nonce);
	if (verifier) {
		digest_sha256(verifier, strlen(verifier), challenge);
		g_autofree char *text = base64url_encode(challenge, sizeof challenge);
		form_append(query, "code_challenge", text);
		form_append(query, "code_challenge_method", "S256");
	}
	if (oidc->form_post)
		form_append(query, "response_mode", "form_post");
	append_asked(oidc, input, query);
	if (oidc->vendor->authorize)
		oidc->vendor->authorize(oidc, query);
	return g_strconcat(endpoint, strchr(endpoint, '?') ? "&" : "?", query->str, NULL);
}

static struct secret *keep_make(const struct provider_begin *input, const char *nonce, const char *verifier)
{
	g_autoptr(json_t) kept = json_pack("{s:s, s:s*, s:I, s:I}", "nonce", nonce, "verifier", verifier, "max_age", (json_int_t)max_age_asked(input), "begun",
		(json_int_t)(input->now_ms / 1000));
	char *text = json_text(kept);
	struct secret *keep = secret_new(text, strlen(text));
	wipe(text, strlen(text));
	g_free(text);
	return keep;
}

void oidc_begin(void *state, const struct provider_begin *input, struct provider_answer *answer)
{
	const struct oidc *oidc = state;
	if (!check(input->checks, "fresh sign-in", "asked for", "not asked for, as this vendor cannot promise it",
			!oidc->vendor->no_fresh_login || max_age_asked(input) < 0)) {
		oidc_refuse(answer, VERDICT_REFUSED, REASON_NO_FRESH_LOGIN);
		return;
	}
	g_autoptr(json_t) metadata = oidc_metadata(oidc, input->deadline_ms, input->checks, answer);
	if (!metadata)
		return;
	g_autofree char *nonce = random_text(), *verifier = oidc->pkce ? random_text() : NULL;
	answer->verdict = VERDICT_MORE;
	answer->step = (struct step){ .kind = STEP_REDIRECT, .url = request_url(oidc, metadata, input, nonce, verifier), .posts_back = oidc->form_post };
	answer->keep = keep_make(input, nonce, verifier);
	if (verifier)
		wipe(verifier, strlen(verifier));
}

/* --- complete --- */

/* RFC 9207 section 2.4: where the provider says that it sends iss, an answer without it is somebody else's. */
static bool issuer_holds(const struct oidc_exchange *exchange, const struct form *reply)
{
	const char *iss = form_value(reply, "iss"), *stated = oidc_stated_issuer(exchange->metadata);
	bool promised = json_is_true(json_object_get(exchange->metadata, "authorization_response_iss_parameter_supported"));
	if (check(exchange->checks, "iss parameter", iss ? iss : "none", promised || iss ? stated : "none needed", iss ? g_strcmp0(iss, stated) == 0 : !promised))
		return true;
	return oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_ISS_PARAMETER);
}

/* What an upstream may answer instead of a code (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6), and whose fault it is. */
static const struct {
	const char *error;
	enum verdict verdict;
	enum reason reason;
	const char *advice;
} errors[] = {
	{ "access_denied", VERDICT_REFUSED, REASON_PROVIDER_REFUSED, "There: the person declined, or is not assigned to this application." },
	{ "consent_required", VERDICT_REFUSED, REASON_PROVIDER_REFUSED, "There: an administrator must consent to this application." },
	{ "login_required", VERDICT_REFUSED, REASON_PROVIDER_REFUSED, NULL },
	{ "interaction_required", VERDICT_REFUSED, REASON_PROVIDER_REFUSED, NULL },
	{ "account_selection_required", VERDICT_REFUSED, REASON_PROVIDER_REFUSED, NULL },
	{ "user_cancelled_login", VERDICT_REFUSED, REASON_PROVIDER_REFUSED, NULL },
	{ "user_cancelled_authorize", VERDICT_REFUSED, REASON_PROVIDER_REFUSED, NULL },
	{ "invalid_scope", VERDICT_VIOLATION, REASON_PROVIDER_CLIENT, "Here: correct `scope`. There: allow these scopes for this application." },
	{ "invalid_request", VERDICT_VIOLATION, REASON_PROVIDER_CLIENT, "There: compare the registered redirect URI and PKCE settings with ours." },
	{ "unauthorized_client", VERDICT_VIOLATION, REASON_PROVIDER_CLIENT, "There: allow this application the authorization code grant." },
	{ "unsupported_response_type", VERDICT_VIOLATION, REASON_PROVIDER_CLIENT, "There: allow this application the response type code." },
	{ "server_error", VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE, NULL },
	{ "temporarily_unavailable", VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE, NULL },
};

static bool error_taken(const struct oidc_exchange *exchange, const char *error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
		if (strcmp(errors[i].error, error) != 0)
			continue;
		check_advised(exchange->checks, "authorization response", error, "a code", false, errors[i].advice);
		return oidc_refuse(exchange->answer, errors[i].verdict, errors[i].reason);
	}
	check(exchange->checks, "authorization response", "an error without a known name", "a code", false);
	return oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
}

static const char *code_of(const struct oidc_exchange *exchange, const struct form *reply)
{
	const char *code = form_value(reply, "code"), *error = form_value(reply, "error"), *repeated = form_repeated(reply, NULL);
	if (!check(exchange->checks, "parameters", repeated ? repeated : "each once", "each once", !repeated)) {
		oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
		return NULL;
	}
	if (!issuer_holds(exchange, reply) || (error && !error_taken(exchange, error)))
		return NULL;
	if (check(exchange->checks, "code", code ? "there" : "none", "a code of at most 4 KiB", code && strlen(code) <= CODE_BYTES_MAX))
		return code;
	oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
	return NULL;
}

static bool redeem(const struct oidc_exchange *exchange, const char *code, const json_t *kept, const char *callback_url, struct oidc_tokens *tokens)
{
	GString *body = g_string_new("");
	form_append(body, "grant_type", "authorization_code");
	form_append(body, "code", code);
	form_append(body, "redirect_uri", callback_url);
	append_if(body, "code_verifier", json_string_at(kept, "verifier"));
	if (!oidc_token_request(exchange, body, tokens))
		return false;
	if (check(exchange->checks, "id_token", tokens->id_token ? "there" : "none", "there", tokens->id_token != NULL))
		return true;
	return oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
}

/* The allowed age grows by the time that the person took for the sign-in itself. */
static int64_t max_age_left(const json_t *kept, int64_t now_ms)
{
	int64_t max_age_s = -1, begun_s = 0;
	json_integer_at(kept, "max_age", &max_age_s);
	json_integer_at(kept, "begun", &begun_s);
	return max_age_s < 0 ? -1 : max_age_s + MAX(0, now_ms / 1000 - begun_s);
}

/* Where a vendor sends no nonce back, one that does come must still be ours. */
static bool stray_nonce_holds(const struct oidc_exchange *exchange, const json_t *claims, const json_t *kept)
{
	const json_t *nonce = json_object_get(claims, "nonce");
	bool same = !nonce || g_strcmp0(json_string_value(nonce), json_string_at(kept, "nonce")) == 0;
	if (check(exchange->checks, "token nonce", !nonce ? "none" : same ? "ours" : "another", "none, or the one that was sent", same))
		return true;
	return oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_TOKEN_NONCE);
}

static json_t *claims_of(const struct oidc_exchange *exchange, const struct oidc_tokens *tokens, const json_t *kept)
{
	const struct oidc *oidc = exchange->oidc;
	g_autoptr(json_t) claims = oidc_token_claims(exchange, tokens->id_token, &(struct token_check_request){ .profile = TOKEN_ID,
		.nonce = oidc->vendor->no_nonce ? NULL : json_string_at(kept, "nonce"), .access_token = tokens->access_token,
		.max_age_s = max_age_left(kept, exchange->now_ms), .acr_values = (const char *const *)oidc->acr_values });
	if (claims && oidc->vendor->no_nonce && !stray_nonce_holds(exchange, claims, kept))
		return NULL;
	return g_steal_pointer(&claims);
}

static void complete_exchange(const struct oidc_exchange *exchange, const struct provider_complete *input, const json_t *kept)
{
	g_auto(oidc_tokens_t) tokens = { 0 };
	const char *code = code_of(exchange, input->reply);
	if (!code || !redeem(exchange, code, kept, input->callback_url, &tokens))
		return;
	g_autoptr(json_t) claims = claims_of(exchange, &tokens, kept);
	bool complete = claims && (!exchange->oidc->userinfo || oidc_userinfo(exchange, tokens.access_token, claims));
	if (claims && input->ret_claims)
		*input->ret_claims = json_deep_copy(claims);
	if (complete)
		oidc_conclude(exchange, &tokens, claims);
}

void oidc_complete(void *state, const struct provider_complete *input, struct provider_answer *answer)
{
	const struct oidc *oidc = state;
	g_autoptr(json_t) kept = input->sealed ? json_parse(input->sealed, input->sealed_length, 4096, NULL) : NULL;
	if (!check(input->checks, "attempt", kept ? "one of ours" : "none", "one of ours", kept != NULL)) {
		oidc_refuse(answer, VERDICT_VIOLATION, REASON_STATE_INVALID);
		return;
	}
	g_autoptr(json_t) metadata = oidc_metadata(oidc, input->deadline_ms, input->checks, answer);
	struct oidc_exchange exchange = { .oidc = oidc, .metadata = metadata, .now_ms = input->now_ms, .deadline_ms = input->deadline_ms, .checks = input->checks,
		.answer = answer };
	if (metadata)
		complete_exchange(&exchange, input, kept);
}

/* --- refresh --- */

/* Asks the provider for new tokens with the refresh token that the sign-in left (OpenID Connect Core section 12): whether the person is still there, and which
 * groups now. A provider that sends no ID token then is asked for userinfo. */
static json_t *refreshed_claims(const struct oidc_exchange *exchange, const struct oidc_tokens *tokens, const char *sub)
{
	if (tokens->id_token)
		return oidc_token_claims(exchange, tokens->id_token, &(struct token_check_request){ .profile = TOKEN_ID, .max_age_s = -1, .subject = sub });
	json_t *claims = json_pack("{s:s}", "sub", sub);
	if (oidc_userinfo(exchange, tokens->access_token, claims))
		return claims;
	json_decref(claims);
	return NULL;
}

static void refresh_exchange(const struct oidc_exchange *exchange, const json_t *kept, const char *subject)
{
	g_auto(oidc_tokens_t) tokens = { 0 };
	GString *body = g_string_new("");
	form_append(body, "grant_type", "refresh_token");
	append_if(body, "refresh_token", json_string_at(kept, "refresh_token"));
	if (!oidc_token_request(exchange, body, &tokens))
		return;
	if (!tokens.refresh_token)
		tokens.refresh_token = json_string_at(kept, "refresh_token");
	g_autoptr(json_t) claims = refreshed_claims(exchange, &tokens, json_string_at(kept, "sub"));
	if (claims && (!exchange->oidc->userinfo || !tokens.id_token || oidc_userinfo(exchange, tokens.access_token, claims)))
		oidc_conclude(exchange, &tokens, claims);
	if (exchange->answer->identity && strcmp(identity_subject(exchange->answer->identity), subject) != 0) {
		provider_answer_clear(exchange->answer);
		oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_TOKEN_SUBJECT);
	}
}

void oidc_refresh(void *state, const char *subject, const struct secret *keep, int64_t now_ms, int64_t deadline_ms, struct provider_answer *answer)
{
	const struct oidc *oidc = state;
	g_autoptr(json_t) kept = keep ? json_parse((const char *)secret_bytes(keep), secret_length(keep), 65536, NULL) : NULL;
	if (!kept) {
		oidc_refuse(answer, VERDICT_REFUSED, REASON_PROVIDER_REFUSED);
		return;
	}
	g_autoptr(json_t) metadata = oidc_metadata(oidc, deadline_ms, NULL, answer);
	struct oidc_exchange exchange = { .oidc = oidc, .metadata = metadata, .now_ms = now_ms, .deadline_ms = deadline_ms, .answer = answer };
	if (metadata)
		refresh_exchange(&exchange, kept, subject);
	/* A refresh token that is not taken any more: the person's sign-in there is over, or he is gone. */
	if (answer->reason == REASON_PROVIDER_CODE)
		oidc_refuse(answer, VERDICT_REFUSED, REASON_PROVIDER_REFUSED);
}

/* --- any provider --- */

static const struct oidc_vendor oidc_any = { .type = "oidc", .scope = "openid email profile" };

static const struct key_rule oidc_keys_any[] = {
	{ .name = "issuer", .type = KEY_URL, .required = true, .description = "Its issuer, byte for byte as its tokens carry it." },
	OIDC_COMMON_KEYS,
	{ 0 },
};

static bool any_open(const struct provider_place *place, const json_t *settings, void **ret_state, GError **error)
{
	return oidc_open(&oidc_any, place, settings, ret_state, error);
}

const struct provider_driver provider_oidc = { .name = "oidc", .keys = oidc_keys_any, OIDC_DRIVER(any, 0) };
