/* What this issuer can do (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2, RFC 9207 section 3) and with which keys (RFC 7517). What is not listed is
 * not on: a feature adds its line here when it works. */
#include "gateway/oauth/oauth.h"
#include "policies/acr.h"
#include "policies/scope.h"

static void add_url(json_t *metadata, const struct call *call, const char *name, const char *path)
{
	g_autofree char *url = call_url(call, path);
	json_object_set_new(metadata, name, json_string(url));
}

static void add_endpoints(json_t *metadata, const struct call *call)
{
	json_object_set_new(metadata, "issuer", json_string(call->tenant->issuer));
	add_url(metadata, call, "authorization_endpoint", "/authorize");
	add_url(metadata, call, "token_endpoint", "/token");
	add_url(metadata, call, "userinfo_endpoint", "/userinfo");
	add_url(metadata, call, "jwks_uri", "/jwks");
	add_url(metadata, call, "introspection_endpoint", "/introspect");
	add_url(metadata, call, "revocation_endpoint", "/revoke");
	add_url(metadata, call, "end_session_endpoint", "/logout");
}

/* The algorithms that an active key of this tenant can sign with. */
static json_t *signing_algorithms(const struct keyring *ring)
{
	json_t *list = json_array();
	for (enum jose_algorithm algorithm = JOSE_ES256; algorithm <= JOSE_ED25519; algorithm++)
		if (keyring_algorithms(ring) & (1U << algorithm))
			json_array_append_new(list, json_string(jose_algorithm_name(algorithm)));
	return list;
}

static json_t *list_of(const char *const *texts)
{
	json_t *list = json_array();
	for (size_t i = 0; texts[i]; i++)
		json_array_append_new(list, json_string(texts[i]));
	return list;
}

static void add_abilities(json_t *metadata, const struct keyring *ring)
{
	g_autoptr(json_t) methods = json_pack("[s, s, s, s]", "client_secret_basic", "client_secret_post", "private_key_jwt", "none");
	g_autoptr(json_t) secret_methods = json_pack("[s, s, s]", "client_secret_basic", "client_secret_post", "private_key_jwt");
	g_autoptr(json_t) assertion_algorithms = json_pack("[s, s, s, s, s]", "ES256", "RS256", "PS256", "Ed25519", "EdDSA");
	json_object_set_new(metadata, "scopes_supported", list_of(scope_standard));
	json_object_set_new(metadata, "response_types_supported", json_pack("[s]", "code"));
	json_object_set_new(metadata, "response_modes_supported", json_pack("[s, s]", "query", "form_post"));
	json_object_set_new(metadata, "grant_types_supported", json_pack("[s, s, s]", "authorization_code", "refresh_token", "client_credentials"));
	json_object_set_new(metadata, "subject_types_supported", json_pack("[s]", "public"));
	json_object_set_new(metadata, "id_token_signing_alg_values_supported", signing_algorithms(ring));
	json_object_set_new(metadata, "userinfo_signing_alg_values_supported", signing_algorithms(ring));
	json_object_set(metadata, "token_endpoint_auth_methods_supported", methods);
	json_object_set(metadata, "revocation_endpoint_auth_methods_supported", methods);
	json_object_set(metadata, "introspection_endpoint_auth_methods_supported", secret_methods);
	static const char *const endpoints[] = { "token", "revocation", "introspection" };
	for (size_t i = 0; i < G_N_ELEMENTS(endpoints); i++) {
		g_autofree char *name = g_strconcat(endpoints[i], "_endpoint_auth_signing_alg_values_supported", NULL);
		json_object_set(metadata, name, assertion_algorithms);
	}
	json_object_set_new(metadata, "code_challenge_methods_supported", json_pack("[s]", "S256"));
	json_object_set_new(metadata, "prompt_values_supported", json_pack("[s, s, s, s]", "none", "login", "consent", "select_account"));
	json_object_set_new(metadata, "claims_supported", json_pack("[s, s, s, s, s, s, s, s, s, s, s, s, s, s, s]", "sub", "iss", "aud", "auth_time", "acr",
		"amr", "sid", "idp", "name", "preferred_username", "email", "email_verified", "groups", "locale", "updated_at"));
	json_object_set_new(metadata, "acr_values_supported", list_of(acr_supported));
	json_object_set_new(metadata, "ui_locales_supported", json_pack("[s, s]", "en", "fr"));
}

static void add_answers(json_t *metadata)
{
	json_object_set_new(metadata, "authorization_response_iss_parameter_supported", json_true());
	json_object_set_new(metadata, "claims_parameter_supported", json_true());
	json_object_set_new(metadata, "backchannel_logout_supported", json_true());
	json_object_set_new(metadata, "backchannel_logout_session_supported", json_true());
	json_object_set_new(metadata, "request_parameter_supported", json_false());
	json_object_set_new(metadata, "request_uri_parameter_supported", json_false());
}

static struct keyring *keyring_of(struct call *call)
{
	GError *error = NULL;
	struct keyring *ring = NULL;
	if (cache_keyring(call->gateway->cache, call->tenant->id, &ring, &error) == BROKEN)
		call_fail_error(call, error);
	return ring;
}

static void make_public(struct call *call)
{
	reply_header(call->reply, "Cache-Control", "public, max-age=300");
}

void discovery_endpoint(struct call *call)
{
	g_autoptr(keyring_t) ring = keyring_of(call);
	if (!ring)
		return;
	g_autoptr(json_t) metadata = json_object();
	add_endpoints(metadata, call);
	add_abilities(metadata, ring);
	add_answers(metadata);
	reply_json(call->reply, 200, metadata);
	make_public(call);
}

void jwks_endpoint(struct call *call)
{
	size_t length;
	g_autoptr(keyring_t) ring = keyring_of(call);
	if (!ring)
		return;
	const char *jwks = keyring_jwks(ring, &length);
	reply_status(call->reply, 200);
	reply_body(call->reply, "application/jwk-set+json", jwks, length);
	make_public(call);
}
