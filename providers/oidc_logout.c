/* Signing out at the provider (OpenID Connect RP-Initiated Logout 1.0), and being told that somebody was signed out there (Back-Channel Logout 1.0). */
#include "providers/oidc_internal.h"

#include <string.h>

#define NOTICE_MEMORY_MS (10 * 60 * 1000)

void oidc_logout(void *state, const struct provider_logout *input, struct provider_answer *answer)
{
	const struct oidc *oidc = state;
	g_autoptr(json_t) kept = input->keep ? json_parse((const char *)secret_bytes(input->keep), secret_length(input->keep), 65536, NULL) : NULL;
	answer->verdict = VERDICT_REFUSED;
	answer->reason = REASON_PROVIDER_REFUSED;
	if (!oidc->end_session || !kept)
		return;
	g_autoptr(json_t) metadata = oidc_metadata(oidc, input->deadline_ms, NULL, answer);
	const char *endpoint = metadata ? json_string_at(metadata, "end_session_endpoint") : NULL;
	if (!endpoint || (g_ascii_strncasecmp(endpoint, "https://", 8) != 0 && g_ascii_strncasecmp(oidc->discovery_url, "http://", 7) != 0))
		return;
	g_autoptr(GString) query = g_string_new("");
	const char *hint = json_string_at(kept, "id_token");
	if (hint)
		form_append(query, "id_token_hint", hint);
	form_append(query, "client_id", oidc->client_id);
	form_append(query, "post_logout_redirect_uri", input->return_url);
	if (input->state)
		form_append(query, "state", input->state);
	answer->step = (struct step){ .kind = STEP_REDIRECT, .url = g_strconcat(endpoint, strchr(endpoint, '?') ? "&" : "?", query->str, NULL) };
	answer->verdict = VERDICT_MORE;
	answer->reason = REASON_UNDECIDED;
}

static enum verdict notice_refuse(struct logout_notice *ret, enum reason reason)
{
	ret->reason = reason;
	return VERDICT_VIOLATION;
}

static void notice_fill(struct logout_notice *ret, const json_t *claims, int64_t now_ms)
{
	int64_t expires_s = 0;
	const char *sid = json_string_at(claims, "sid");
	ret->sids = sid ? g_strdupv((char *[]){ (char *)(uintptr_t)sid, NULL }) : NULL;
	ret->id = g_strdup(json_string_at(claims, "jti"));
	/* exp came in with this type of token late: without one it is remembered as long as any provider's clock lets it pass. */
	ret->expires_ms = json_integer_at(claims, "exp", &expires_s) ? expires_s * 1000 : now_ms + NOTICE_MEMORY_MS;
	ret->reason = REASON_OK;
}

enum verdict oidc_logout_notice(void *state, const struct provider_complete *input, struct logout_notice *ret)
{
	const struct oidc *oidc = state;
	struct provider_answer answer = { 0 };
	const char *token = form_value(input->reply, "logout_token");
	if (!check(input->checks, "logout_token", token ? "there" : "none", "one", token && form_count(input->reply, "logout_token") == 1))
		return notice_refuse(ret, REASON_TOKEN_MALFORMED);
	g_autoptr(json_t) metadata = oidc_metadata(oidc, input->deadline_ms, input->checks, &answer);
	struct oidc_exchange exchange = { .oidc = oidc, .metadata = metadata, .now_ms = input->now_ms, .deadline_ms = input->deadline_ms, .checks = input->checks,
		.answer = &answer };
	g_autoptr(json_t) claims = metadata ? oidc_token_claims(&exchange, token, &(struct token_check_request){ .profile = TOKEN_LOGOUT, .max_age_s = -1 }) : NULL;
	if (!claims) {
		ret->reason = answer.reason;
		return answer.verdict;
	}
	notice_fill(ret, claims, input->now_ms);
	/* A pairwise `sub` is what the vendor's table makes the subject of, where it can. */
	ret->subject = oidc->vendor->subject ? oidc->vendor->subject(claims) : g_strdup(json_string_at(claims, "sub"));
	return ret->sids || ret->subject ? VERDICT_OK : notice_refuse(ret, REASON_TOKEN_SUBJECT);
}
