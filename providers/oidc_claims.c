/* From a checked token to an identity: the vendor's own rules, the immutable subject, the mapping. An address is never identity, and it is verified only where the
 * provider says so with a boolean that this vendor's row lets count (SECURITY OP-6, OP-8, ID-1).
 */
#include "providers/oidc_internal.h"

#include <string.h>

#define SUBJECT_BYTES_MAX 255
#define SID_BYTES_MAX 255
#define TOKEN_KEPT_MAX 16384

/* Authentication methods by RFC 8176; other words of an upstream are its own and mean nothing here. */
static const char *const methods[] = { "face", "fpt", "geo", "hwk", "iris", "kba", "mca", "mfa", "otp", "pin", "pop", "pwd", "rba", "retina", "sc", "sms", "swk",
	"tel", "user", "vbm", "wia", NULL };

static GPtrArray *amr_of(const json_t *claims)
{
	const json_t *said = json_object_get(claims, "amr");
	GPtrArray *amr = g_ptr_array_new();
	for (size_t i = 0; i < json_array_size(said) && amr->len < 8; i++) {
		const char *method = json_string_value(json_array_get(said, i));
		if (method && g_strv_contains(methods, method))
			g_ptr_array_add(amr, (void *)(uintptr_t)method);
	}
	g_ptr_array_add(amr, NULL);
	return amr;
}

static void email_judge(const struct oidc *oidc, json_t *claims)
{
	bool verified = json_is_true(json_object_get(claims, "email_verified")) && !oidc->vendor->email_proves_nothing;
	json_object_set_new(claims, "email_verified", json_boolean(verified));
}

/* email_verified is about `email`. An address that the declaration takes from elsewhere, preferred_username say, is proved by nothing unless it also says where
 * its proof stands. */
static json_t *account_of(const struct oidc *oidc, const json_t *claims)
{
	json_t *account = mapping_apply(&oidc->mapping, claims);
	const char *address = json_string_at(account, "email"), *meant = json_string_at(claims, "email");
	bool declared = json_object_get(json_object_get(oidc->settings, "claims"), "email_verified") != NULL;
	if (account && !declared && (!address || !meant || g_ascii_strcasecmp(address, meant) != 0))
		json_object_set_new(account, "email_verified", json_false());
	return account;
}

static char *subject_of(const struct oidc *oidc, const json_t *claims)
{
	return oidc->vendor->subject ? oidc->vendor->subject(claims) : g_strdup(json_string_at(claims, "sub"));
}

static struct secret *keep_pair(const char *name, const char *value, const char *sub)
{
	g_autoptr(json_t) kept = json_pack("{s:s, s:s*}", name, value, "sub", sub);
	char *text = json_text(kept);
	struct secret *keep = secret_new(text, strlen(text));
	wipe(text, strlen(text));
	g_free(text);
	return keep;
}

/* What the provider said of its own session, for its logout and for asking again. */
static void session_note(const struct oidc_exchange *exchange, const struct oidc_tokens *tokens, const json_t *claims)
{
	struct upstream_session *session = &exchange->answer->session;
	const char *sid = json_string_at(claims, "sid"), *sub = json_string_at(claims, "sub");
	int64_t auth_time_s = 0;
	if (sid && *sid && strlen(sid) <= SID_BYTES_MAX)
		session->sid = g_strdup(sid);
	session->acr = g_strdup(json_string_at(claims, "acr"));
	/* Never later than now: a clock that is ahead must not make our session younger than it is. */
	if (json_integer_at(claims, "auth_time", &auth_time_s) && auth_time_s > 0)
		session->auth_time_ms = MIN(auth_time_s, exchange->now_ms / 1000) * 1000;
	if (exchange->oidc->end_session && tokens->id_token && strlen(tokens->id_token) <= TOKEN_KEPT_MAX)
		session->logout_keep = keep_pair("id_token", tokens->id_token, sub);
	if (exchange->oidc->offline && tokens->refresh_token && strlen(tokens->refresh_token) <= TOKEN_KEPT_MAX)
		session->refresh_keep = keep_pair("refresh_token", tokens->refresh_token, sub);
}

static bool groups_complete(const struct oidc_exchange *exchange, const struct oidc_tokens *tokens, json_t *claims)
{
	const struct oidc *oidc = exchange->oidc;
	return !oidc->vendor->groups_elsewhere || oidc->vendor->groups_elsewhere(oidc, claims, tokens->access_token, exchange->deadline_ms, exchange->checks)
		|| oidc_refuse(exchange->answer, VERDICT_UNAVAILABLE, REASON_PROVIDER_UNAVAILABLE);
}

void oidc_conclude(const struct oidc_exchange *exchange, const struct oidc_tokens *tokens, json_t *claims)
{
	const struct oidc *oidc = exchange->oidc;
	struct provider_answer *answer = exchange->answer;
	email_judge(oidc, claims);
	if (oidc->vendor->examine && !oidc->vendor->examine(oidc, claims, exchange->checks, answer))
		return;
	g_autofree char *subject = subject_of(oidc, claims);
	if (!check(exchange->checks, "subject", subject && *subject ? "there" : "none", "an identifier of at most 255 bytes",
			subject && *subject && strlen(subject) <= SUBJECT_BYTES_MAX)) {
		oidc_refuse(answer, VERDICT_VIOLATION, REASON_TOKEN_SUBJECT);
		return;
	}
	if (!groups_complete(exchange, tokens, claims))
		return;
	g_autoptr(GPtrArray) amr = amr_of(claims);
	answer->identity = identity_new(oidc->name, subject, (const char *const *)amr->pdata, account_of(oidc, claims));
	if (!answer->identity) {
		oidc_refuse(answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
		return;
	}
	answer->verdict = VERDICT_OK;
	answer->reason = REASON_OK;
	session_note(exchange, tokens, claims);
}
