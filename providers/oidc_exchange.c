/* What is asked of the provider behind the browser's back: token endpoint, the ID token's check, userinfo. A redirect, HTML, or anything that is not the JSON that was
 * asked for is a violation; no answer in time is "unavailable"; neither says anything about the person.
 */
#include "providers/oidc_internal.h"

#include "base/errors.h"
#include "base/form.h"
#include "crypto/compare.h"

#include <string.h>

#define ANSWER_BYTES_MAX (256 * 1024)

void oidc_tokens_clear(struct oidc_tokens *tokens)
{
	json_decref(tokens->body);
	*tokens = (struct oidc_tokens){ 0 };
}

/* --- one request --- */

static bool is_json(const char *content_type)
{
	return content_type && (g_ascii_strncasecmp(content_type, "application/json", 16) == 0 || strstr(content_type, "+json"));
}

static bool transport_holds(const struct oidc_exchange *exchange, const char *what, enum fetch_result result, const struct fetch_reply *reply)
{
	if (check_advised(exchange->checks, what, result == FETCH_OK ? "answered" : reply->trouble, "an answer in time", result == FETCH_OK,
			"There: look whether the provider has trouble. Here: see `passerelle provider test` and `outbound` in passerelle.yaml."))
		return true;
	return result == FETCH_UNAVAILABLE ? oidc_refuse(exchange->answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE)
		: oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
}

static bool status_holds(const struct oidc_exchange *exchange, const char *what, const struct fetch_reply *reply)
{
	g_autofree char *seen = g_strdup_printf("status %d, %s", reply->status, reply->content_type ? reply->content_type : "no content type");
	bool unavailable = reply->status >= 500 || reply->status == 429;
	if (check(exchange->checks, what, seen, "JSON, status 200 or an OAuth error",
			is_json(reply->content_type) && (reply->status == 200 || reply->status == 400 || reply->status == 401)))
		return true;
	return unavailable ? oidc_refuse(exchange->answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE)
		: oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
}

/* An OAuth error's code, known to be one: what else a stranger writes there is not repeated. */
static const char *error_named(const json_t *body)
{
	static const char *const known[] = { "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"invalid_token", "insufficient_scope", "server_error", "temporarily_unavailable", NULL };
	const char *error = json_string_at(body, "error");
	return error && g_strv_contains(known, error) ? error : "another error";
}

static bool error_refuse(const struct oidc_exchange *exchange, const char *what, const json_t *body)
{
	const char *error = error_named(body);
	bool ours = strcmp(error, "invalid_client") == 0 || strcmp(error, "unauthorized_client") == 0;
	check_advised(exchange->checks, what, error, "no error", false, ours
		? "Here: correct client_id, client_secret and token_endpoint_auth_method. There: look at the application's authentication method."
		: "There: the provider did not take the code: it expired, was used, or the redirect URI registered there is another.");
	if (strcmp(error, "server_error") == 0 || strcmp(error, "temporarily_unavailable") == 0)
		return oidc_refuse(exchange->answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE);
	return oidc_refuse(exchange->answer, VERDICT_REFUSED, ours ? REASON_PROVIDER_CLIENT : REASON_PROVIDER_CODE);
}

json_t *oidc_fetch_object(const struct oidc_exchange *exchange, const char *what, const struct fetch_request *request)
{
	g_auto(fetch_reply_t) reply = { 0 };
	g_autoptr(GError) malformed = NULL;
	enum fetch_result result = fetch(exchange->oidc->fetcher, request, &reply);
	if (!transport_holds(exchange, what, result, &reply) || !status_holds(exchange, what, &reply))
		return NULL;
	g_autoptr(json_t) body = json_parse(reply.body, reply.length, ANSWER_BYTES_MAX, &malformed);
	if (!check(exchange->checks, what, body ? "an object" : malformed ? malformed->message : "no object", "a JSON object", json_is_object(body))) {
		oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
		return NULL;
	}
	if (reply.status != 200 || json_object_get(body, "error")) {
		error_refuse(exchange, what, body);
		return NULL;
	}
	return json_incref(body);
}

/* --- the token endpoint --- */

static json_t *post_form(const struct oidc_exchange *exchange, const GString *body, const char *header)
{
	const char *headers[] = { "Content-Type: application/x-www-form-urlencoded", header, NULL };
	return oidc_fetch_object(exchange, "token endpoint", &(struct fetch_request){ .method = "POST",
		.url = json_string_at(exchange->metadata, "token_endpoint"), .declared_host = exchange->oidc->declared_host, .headers = headers,
		.accept = "application/json", .body = body->str, .length = body->len, .max_bytes = ANSWER_BYTES_MAX, .deadline_ms = exchange->deadline_ms });
}

static void text_wipe(char *text)
{
	if (text)
		wipe(text, strlen(text));
	g_free(text);
}

bool oidc_token_request(const struct oidc_exchange *exchange, GString *body, struct oidc_tokens *ret)
{
	g_autoptr(GError) error = NULL;
	char *header = NULL;
	json_t *given = NULL;
	if (oidc_authenticate(exchange->oidc, exchange->metadata, exchange->now_ms, body, &header, &error))
		given = post_form(exchange, body, header);
	else
		oidc_refuse(exchange->answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_CLIENT);
	text_wipe(header);
	wipe(body->str, body->len);
	g_string_free(body, TRUE);
	if (!given)
		return false;
	const char *type = json_string_at(given, "token_type");
	if (!check(exchange->checks, "token_type", type ? type : "none", "Bearer", type && g_ascii_strcasecmp(type, "Bearer") == 0)) {
		json_decref(given);
		return oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
	}
	*ret = (struct oidc_tokens){ .body = given, .id_token = json_string_at(given, "id_token"), .access_token = json_string_at(given, "access_token"),
		.refresh_token = json_string_at(given, "refresh_token") };
	return true;
}

/* --- the ID token --- */

static void rows_replay(const struct oidc_exchange *exchange, const struct token_check_answer *answer)
{
	for (guint i = 0; answer->rows && i < answer->rows->len; i++) {
		const struct token_check_row *row = g_ptr_array_index(answer->rows, i);
		check(exchange->checks, row->name, row->seen, row->expected, row->passed);
	}
}

static void judge(const struct oidc_exchange *exchange, const char *token, const struct token_check_request *expect, const struct cached_document *keys,
	struct token_check_answer *ret)
{
	const struct oidc *oidc = exchange->oidc;
	struct token_check_request request = *expect;
	request.token = token;
	request.token_length = strlen(token);
	request.keys = keys->body;
	request.keys_length = keys->length;
	request.issuers = oidc->issuers;
	request.tenants = oidc->vendor->lists_tenants ? (const char *const *)oidc->listed : NULL;
	request.client_id = oidc->client_id;
	request.algorithms = TOKEN_ALGORITHMS_ALL;
	request.issued_within_s = oidc->vendor->issued_within_s;
	request.clock_skew_s = oidc->clock_skew_s;
	request.now_s = exchange->now_ms / 1000;
	token_check(oidc->verifier, &request, exchange->deadline_ms, ret);
}

/* A key that we do not know may be a new one: the keys are fetched once more, at most once a minute whoever asks, and the token is judged again. */
static bool judge_again(const struct oidc_exchange *exchange, const char *token, const struct token_check_request *expect, const struct cached_document *seen,
	struct token_check_answer *ret)
{
	g_autoptr(cached_document_t) newer = oidc_keys(exchange->oidc, exchange->metadata, seen, exchange->deadline_ms, exchange->checks, exchange->answer);
	if (!newer || newer == seen)
		return newer != NULL;
	token_check_answer_clear(ret);
	judge(exchange, token, expect, newer, ret);
	return true;
}

json_t *oidc_token_claims(const struct oidc_exchange *exchange, const char *token, const struct token_check_request *expect)
{
	g_auto(token_check_answer_t) judged = { 0 };
	g_autoptr(cached_document_t) keys = oidc_keys(exchange->oidc, exchange->metadata, NULL, exchange->deadline_ms, exchange->checks, exchange->answer);
	if (!keys)
		return NULL;
	judge(exchange, token, expect, keys, &judged);
	if (judged.unknown_key && !judge_again(exchange, token, expect, keys, &judged))
		return NULL;
	rows_replay(exchange, &judged);
	if (!judged.valid) {
		oidc_refuse(exchange->answer, judged.reason == REASON_BUSY ? VERDICT_UNAVAILABLE : VERDICT_VIOLATION, judged.reason);
		return NULL;
	}
	return json_incref(judged.claims);
}

/* --- userinfo --- */

/* Who it is, and how and when he signed in, the signed token alone says. email_verified is about the address beside it: one from here proves none from there. */
static bool is_tokens_own(const json_t *claims, const char *name)
{
	static const char *const own[] = { "iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "auth_time", "acr", "amr", "sid", "tid", "oid", "hd", NULL };
	return g_strv_contains(own, name) || (strcmp(name, "email_verified") == 0 && json_object_get(claims, "email"));
}

static void claims_add(json_t *claims, const json_t *more)
{
	const char *name;
	json_t *value;
	g_autoptr(json_t) token = json_copy(claims);
	json_object_foreach((json_t *)(uintptr_t)more, name, value) {
		if (!json_object_get(token, name) && !is_tokens_own(token, name))
			json_object_set(claims, name, value);
	}
}

bool oidc_userinfo(const struct oidc_exchange *exchange, const char *access_token, json_t *claims)
{
	const char *endpoint = json_string_at(exchange->metadata, "userinfo_endpoint"), *subject = json_string_at(claims, "sub");
	if (!check(exchange->checks, "userinfo endpoint", endpoint && access_token ? "there" : "missing", "there", endpoint && access_token))
		return oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
	char *header = g_strconcat("Authorization: Bearer ", access_token, NULL);
	const char *headers[] = { header, NULL };
	g_autoptr(json_t) said = oidc_fetch_object(exchange, "userinfo", &(struct fetch_request){ .url = endpoint,
		.declared_host = exchange->oidc->declared_host, .headers = headers, .accept = "application/json", .max_bytes = ANSWER_BYTES_MAX,
		.deadline_ms = exchange->deadline_ms });
	text_wipe(header);
	if (!said)
		return false;
	bool same = subject && g_strcmp0(json_string_at(said, "sub"), subject) == 0;
	if (!check(exchange->checks, "userinfo sub", same ? "the token's" : "another", "the token's", same))
		return oidc_refuse(exchange->answer, VERDICT_VIOLATION, REASON_USERINFO_SUBJECT);
	claims_add(claims, said);
	return true;
}
