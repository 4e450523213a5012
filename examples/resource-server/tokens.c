/* The two ways of tokens.h on liboauth2, each with what the library leaves to its user. */
#include "examples/resource-server/tokens.h"
#include "examples/resource-server/claims.h"
#include "examples/resource-server/keys.h"

#include <glib.h>
#include <oauth2/mem.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_MAX 8192
#define CALL_TIMEOUT_S 5

struct tokens {
	struct token_setting setting;
	oauth2_log_t *log;
	oauth2_cfg_endpoint_auth_t *auth;
	struct keys *keys;
};

/* Warnings and errors only: from INFO on, and above all at DEBUG, the library prints tokens and secrets. */
static void log_line(oauth2_log_sink_t *sink, const char *file, unsigned long line, const char *function, oauth2_log_level_t level, const char *text)
{
	(void)sink, (void)file, (void)line;
	g_autofree char *escaped = g_strescape(text, NULL);
	fprintf(stderr, "resource-server: %s: liboauth2 %s: %s\n", level == OAUTH2_LOG_ERROR ? "error" : "warning", function, escaped);
}

static bool report(char *fault, const char *what)
{
	if (fault == NULL)
		return true;
	fprintf(stderr, "resource-server: %s: %s\n", what, fault);
	oauth2_mem_free(fault);
	return false;
}

static bool authentication_set(struct tokens *tokens)
{
	oauth2_nv_list_t *parameters = oauth2_nv_list_init(tokens->log);
	oauth2_nv_list_set(tokens->log, parameters, "client_id", tokens->setting.client_id);
	oauth2_nv_list_set(tokens->log, parameters, "client_secret", tokens->setting.client_secret);
	tokens->auth = oauth2_cfg_endpoint_auth_init(tokens->log);
	char *fault = oauth2_cfg_set_endpoint_auth(tokens->log, tokens->auth, "client_secret_basic", parameters, NULL);
	oauth2_nv_list_free(tokens->log, parameters);
	return report(fault, "client authentication");
}

struct tokens *tokens_new(const struct token_setting *setting)
{
	struct tokens *tokens = g_new0(struct tokens, 1);
	tokens->setting = *setting;
	tokens->log = oauth2_init(OAUTH2_LOG_WARN, oauth2_log_sink_create(OAUTH2_LOG_WARN, log_line, NULL));
	/* A cache must exist, or the library makes a shared default one. Nothing is ever kept in it: see VERIFY_OPTIONS in keys.c. */
	if (!report(oauth2_cfg_set_cache(tokens->log, NULL, "shm", "name=resource-server-jwks&max_entries=16"), "cache") || !authentication_set(tokens)) {
		tokens_free(tokens);
		return NULL;
	}
	tokens->keys = keys_new(tokens->log, tokens->setting.jwks_uri);
	return tokens;
}

void tokens_free(struct tokens *tokens)
{
	if (tokens == NULL)
		return;
	keys_free(tokens->keys);
	if (tokens->auth != NULL)
		oauth2_cfg_endpoint_auth_free(tokens->log, tokens->auth);
	oauth2_shutdown(tokens->log);
	g_free(tokens);
}

static enum token_answer answer_of(enum claim_verdict verdict)
{
	switch (verdict) {
	case CLAIMS_GOOD:
		return TOKEN_GOOD;
	case CLAIMS_SCOPE_MISSING:
		return TOKEN_SCOPE_MISSING;
	case CLAIMS_REFUSED:
		return TOKEN_REFUSED;
	}
	return TOKEN_REFUSED;
}

static enum token_answer check_by_jwks(struct tokens *tokens, const char *token, json_t **ret_claims, const char **ret_why)
{
	struct token_header header;
	if (!token_header_read(token, &header, ret_why))
		return TOKEN_REFUSED;
	switch (keys_verify(tokens->keys, token, header.kid, header.alg, ret_claims, ret_why)) {
	case KEYS_GOOD:
		return TOKEN_GOOD;
	case KEYS_UNAVAILABLE:
		return TOKEN_UNAVAILABLE;
	case KEYS_REFUSED:
		return TOKEN_REFUSED;
	}
	return TOKEN_REFUSED;
}

/* RFC 7662. The call is made here and not by the library's `introspect`, which cannot be given a time limit and keeps an answer for five minutes: a
 * revoked token went on being accepted. */
static json_t *introspect(struct tokens *tokens, const char *token)
{
	oauth2_log_t *log = tokens->log;
	oauth2_http_call_ctx_t *call = oauth2_http_call_ctx_init(log);
	oauth2_http_call_ctx_timeout_set(log, call, CALL_TIMEOUT_S);
	oauth2_http_call_ctx_ssl_verify_set(log, call, true);
	oauth2_nv_list_t *form = oauth2_nv_list_init(log);
	oauth2_nv_list_add(log, form, "token", token);
	oauth2_nv_list_add(log, form, "token_type_hint", "access_token");
	char *text = NULL;
	oauth2_http_status_code_t status = 0;
	json_t *answer = NULL;
	if (oauth2_http_ctx_auth_add(log, call, tokens->auth, form) &&
	    oauth2_http_post_form(log, tokens->setting.introspection_endpoint, form, call, &text, &status) && status == 200 && text != NULL)
		answer = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (text != NULL)
		oauth2_mem_free(text);
	oauth2_nv_list_free(log, form);
	oauth2_http_call_ctx_free(log, call);
	return answer;
}

static enum token_answer check_by_introspection(struct tokens *tokens, const char *token, json_t **ret_claims, const char **ret_why)
{
	json_t *answer = introspect(tokens, token);
	const json_t *active = json_object_get(answer, "active");
	if (!json_is_boolean(active)) {
		json_decref(answer);
		*ret_why = "introspection gave no answer";
		return TOKEN_UNAVAILABLE;
	}
	if (!json_is_true(active)) {
		json_decref(answer);
		*ret_why = "not active";
		return TOKEN_REFUSED;
	}
	*ret_claims = answer;
	return TOKEN_GOOD;
}

enum token_answer token_check(struct tokens *tokens, enum token_way way, const char *token, int64_t now_s, json_t **ret_claims, const char **ret_why)
{
	json_t *claims = NULL;
	if (strlen(token) > TOKEN_MAX) {
		*ret_why = "too long";
		return TOKEN_REFUSED;
	}
	enum token_answer answer =
		way == BY_JWKS ? check_by_jwks(tokens, token, &claims, ret_why) : check_by_introspection(tokens, token, &claims, ret_why);
	if (answer == TOKEN_GOOD) {
		const struct claim_rules rules = {.issuer = tokens->setting.issuer, .audience = tokens->setting.audience, .scope = tokens->setting.scope,
			.now_s = now_s, .from_jwt = way == BY_JWKS};
		answer = answer_of(claims_judge(claims, &rules, ret_why));
	}
	if (answer == TOKEN_GOOD)
		*ret_claims = claims;
	else
		json_decref(claims);
	return answer;
}
