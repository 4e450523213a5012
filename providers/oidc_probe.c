/* `provider test`: the way of a sign-in, one step at a time, without a person.
 *
 *   address ─> connect ─> TLS ─> discovery: each field ─> keys: each key ─> our authentication, by a code that nobody gave
 *
 * The last step must be answered invalid_grant: whoever answers invalid_client does not know us. No secret is in the checks.
 */
#include "providers/oidc_internal.h"

#include <string.h>

#define DOCUMENT_BYTES_MAX (256 * 1024)

struct probe {
	const struct oidc *oidc;
	struct checks *checks;
	int64_t now_ms, deadline_ms;
	const char *callback_url;
	json_t *metadata;
};

static bool probe_fetch(const struct probe *probe, const char *what, const char *url, struct fetch_reply *reply)
{
	const struct fetch_request request = { .url = url, .declared_host = probe->oidc->declared_host, .accept = "application/json",
		.max_bytes = DOCUMENT_BYTES_MAX, .deadline_ms = probe->deadline_ms, .checks = probe->checks };
	enum fetch_result result = fetch(probe->oidc->fetcher, &request, reply);
	if (!check_advised(probe->checks, what, result == FETCH_OK ? url : reply->trouble, "an answer", result == FETCH_OK,
			"Here: correct the address, or `outbound` in passerelle.yaml. There: look whether the server is up."))
		return false;
	g_autofree char *seen = g_strdup_printf("status %d", reply->status);
	return check_advised(probe->checks, what, seen, "status 200", reply->status == 200,
		reply->status >= 300 && reply->status < 400 ? "Here: write the address to which it redirects; redirects are not followed."
			: "Here: correct issuer or discovery_url.");
}

/* --- metadata, field by field --- */

static const struct {
	const char *name;
	bool required;
	const char *advice;
} fields[] = {
	{ "authorization_endpoint", true, "There: this is no OpenID provider, or its metadata is broken." },
	{ "token_endpoint", true, "There: this is no OpenID provider, or its metadata is broken." },
	{ "jwks_uri", true, "There: this is no OpenID provider, or its metadata is broken." },
	{ "userinfo_endpoint", false, "Here: set userinfo: false." },
	{ "end_session_endpoint", false, NULL },
};

static void list_check(const struct probe *probe, const char *name, const char *wanted, bool when_absent, const char *advice)
{
	const json_t *list = json_object_get(probe->metadata, name);
	g_autofree char *seen = list ? json_text(list) : g_strdup("not stated");
	check_advised(probe->checks, name, seen, wanted, list ? json_array_has(list, wanted) : when_absent, advice);
}

static void metadata_fields(const struct probe *probe)
{
	const struct oidc *oidc = probe->oidc;
	const char *stated = oidc_stated_issuer(probe->metadata);
	g_autofree char *expected = g_strjoinv(" or ", (char **)(uintptr_t)oidc->issuers);
	check_advised(probe->checks, "issuer", stated ? stated : "not stated", expected, stated && g_strv_contains(oidc->issuers, stated),
		"Here: write issuer exactly as the provider states it, down to the last slash.");
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		const char *seen = json_string_at(probe->metadata, fields[i].name);
		bool required = fields[i].required || (oidc->userinfo && strcmp(fields[i].name, "userinfo_endpoint") == 0);
		check_advised(probe->checks, fields[i].name, seen ? seen : "not stated", required ? "an https address" : "an https address, or none", seen || !required,
			fields[i].advice);
	}
	list_check(probe, "response_types_supported", "code", true, "There: allow the authorization code flow.");
	if (oidc->pkce)
		list_check(probe, "code_challenge_methods_supported", "S256", true, "Here: set pkce: false if the provider refuses sign-ins because of it.");
	if (oidc->form_post)
		list_check(probe, "response_modes_supported", "form_post", true, "Here: set response_mode: query.");
	if (oidc->auth_method)
		list_check(probe, "token_endpoint_auth_methods_supported", oidc->auth_method, true,
			"Here: set token_endpoint_auth_method to one of those. There: set the application's authentication method.");
	check(probe->checks, "authorization_response_iss_parameter_supported",
		json_is_true(json_object_get(probe->metadata, "authorization_response_iss_parameter_supported")) ? "true: its answers must carry iss" : "false", NULL, true);
}

static bool probe_metadata(struct probe *probe)
{
	g_auto(fetch_reply_t) reply = { 0 };
	g_autoptr(GError) malformed = NULL;
	if (!probe_fetch(probe, "discovery", probe->oidc->discovery_url, &reply))
		return false;
	probe->metadata = json_parse(reply.body, reply.length, DOCUMENT_BYTES_MAX, &malformed);
	if (!check_advised(probe->checks, "discovery", json_is_object(probe->metadata) ? "an object" : malformed ? malformed->message : "no object", "a JSON object",
			json_is_object(probe->metadata), "Here: correct issuer or discovery_url: what is there is no metadata."))
		return false;
	metadata_fields(probe);
	return true;
}

/* --- keys --- */

static void key_describe(const struct probe *probe, const struct keys_check_row *row)
{
	g_autofree char *name = g_strdup_printf("key %s", row->kid ? row->kid : "without kid");
	g_autofree char *seen = g_strdup_printf("%s%s%s%s%s", row->kty ? row->kty : "?", row->crv ? " " : "", row->crv ? row->crv : "", row->fault ? ": " : "",
		row->fault ? row->fault : "");
	check(probe->checks, name, seen, NULL, true);
}

static void probe_keys(const struct probe *probe)
{
	g_auto(fetch_reply_t) reply = { 0 };
	g_auto(keys_check_answer_t) answer = { 0 };
	const char *url = json_string_at(probe->metadata, "jwks_uri");
	if (!url || !probe_fetch(probe, "jwks_uri", url, &reply))
		return;
	enum verifier_result result = keys_check(probe->oidc->verifier, reply.body, reply.length, TOKEN_ALGORITHMS_ALL, probe->deadline_ms, &answer);
	for (guint i = 0; answer.rows && i < answer.rows->len; i++)
		key_describe(probe, g_ptr_array_index(answer.rows, i));
	check_advised(probe->checks, "keys", result != VERIFIER_ANSWERED ? verifier_result_name(result) : answer.valid ? "usable" : answer.fault,
		"at least one usable key", result == VERIFIER_ANSWERED && answer.valid, "There: publish a signing key of RSA (2048 bits), P-256 or Ed25519.");
}

/* --- our authentication --- */

static void probe_authentication(const struct probe *probe)
{
	struct provider_answer answer = { 0 };
	g_auto(oidc_tokens_t) tokens = { 0 };
	const struct oidc_exchange exchange = { .oidc = probe->oidc, .metadata = probe->metadata, .now_ms = probe->now_ms, .deadline_ms = probe->deadline_ms,
		.answer = &answer };
	GString *body = g_string_new("");
	form_append(body, "grant_type", "authorization_code");
	form_append(body, "code", "a-code-that-nobody-gave");
	form_append(body, "redirect_uri", probe->callback_url);
	if (probe->oidc->pkce)
		form_append(body, "code_verifier", "0123456789012345678901234567890123456789012");
	bool given = oidc_token_request(&exchange, body, &tokens);
	check_advised(probe->checks, "our authentication", given ? "tokens for a code that nobody gave" : reason_name(answer.reason), "provider_code: only the code is refused",
		!given && answer.reason == REASON_PROVIDER_CODE,
		answer.reason == REASON_PROVIDER_CLIENT ? "Here: correct client_id, client_secret or token_endpoint_auth_method. There: look at the application's authentication."
			: "There: look at the token endpoint; it did not answer as RFC 6749 section 5.2 has it.");
	provider_answer_clear(&answer);
}

void oidc_probe(void *state, const struct provider_probe *input)
{
	const char *callback_url = form_value(input->input, "callback_url");
	struct probe probe = { .oidc = state, .checks = input->checks, .now_ms = input->now_ms, .deadline_ms = input->deadline_ms,
		.callback_url = callback_url ? callback_url : "" };
	if (callback_url)
		check(probe.checks, "to register there", callback_url, "as a redirect URI of the application", true);
	if (probe_metadata(&probe)) {
		probe_keys(&probe);
		if (json_string_at(probe.metadata, "token_endpoint"))
			probe_authentication(&probe);
	}
	json_decref(probe.metadata);
}
