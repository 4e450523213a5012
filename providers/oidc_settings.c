/* The keys of an OpenID provider's declaration, and what `open` makes of them. Nothing is asked of anybody here. */
#include "providers/oidc_internal.h"

#include "base/encoding.h"
#include "base/errors.h"
#include "base/url.h"
#include "crypto/certificate.h"
#include "policies/scope.h"

#include <string.h>

bool oidc_scope_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "words with openid among them";
	return json_string_value(value) && scope_has(json_string_value(value), "openid");
}

/* --- the address of the metadata --- */

static char *discovery_default(const char *issuer)
{
	return g_strconcat(issuer, g_str_has_suffix(issuer, "/") ? "" : "/", ".well-known/openid-configuration", NULL);
}

static bool addresses_choose(struct oidc *oidc, GError **error)
{
	const char *issuer = json_string_at(oidc->settings, "issuer"), *discovery = json_string_at(oidc->settings, "discovery_url");
	if (oidc->vendor->prepare && !oidc->vendor->prepare(oidc, error))
		return false;
	if (!oidc->issuer)
		oidc->issuer = g_strdup(oidc->vendor->issuer ? oidc->vendor->issuer : issuer);
	if (!oidc->discovery_url)
		oidc->discovery_url = discovery ? g_strdup(discovery)
			: oidc->vendor->discovery_url ? g_strdup(oidc->vendor->discovery_url) : discovery_default(oidc->issuer);
	g_autoptr(url_t) url = url_parse(oidc->discovery_url, error);
	if (!url)
		return false;
	oidc->declared_host = g_strdup(url->host);
	return true;
}

/* --- our authentication there --- */

static bool key_open(struct oidc *oidc, GError **error)
{
	const char *pem = json_string_at(oidc->settings, "private_key"), *file = json_string_at(oidc->settings, "certificate_file");
	const char *algorithm = json_string_at(oidc->settings, "token_endpoint_auth_signing_alg");
	g_autofree char *certificate = NULL;
	uint8_t digest[DIGEST_SIZE];
	gsize length = 0;
	if (!pem)
		return fail(error, ERROR_MALFORMED, "private_key: missing, expected a private key (PEM) for private_key_jwt");
	oidc->key = jose_key_import_pem(jose_algorithm_named(algorithm), pem, strlen(pem), error);
	if (!oidc->key) {
		g_prefix_error(error, "private_key: ");
		return false;
	}
	if (!file)
		return true;
	if (!g_file_get_contents(file, &certificate, &length, NULL) || !certificate_thumbprint(certificate, length, digest))
		return fail(error, ERROR_MALFORMED, "certificate_file: %s holds no certificate in PEM form", file);
	oidc->thumbprint = base64url_encode(digest, sizeof digest);
	return true;
}

static bool authentication_choose(struct oidc *oidc, GError **error)
{
	const char *method = json_string_at(oidc->settings, "token_endpoint_auth_method");
	oidc->client_secret = json_string_at(oidc->settings, "client_secret");
	oidc->auth_method = method ? method : oidc->vendor->auth_method;
	if (!method && json_string_at(oidc->settings, "private_key"))
		oidc->auth_method = "private_key_jwt";
	if (g_strcmp0(oidc->auth_method, "private_key_jwt") == 0)
		return key_open(oidc, error);
	if (g_strcmp0(oidc->auth_method, "none") != 0 && !oidc->client_secret)
		return fail(error, ERROR_MALFORMED, "client_secret: missing, expected our secret there, or token_endpoint_auth_method: none or private_key_jwt");
	/* Without a secret a code is worth something to whoever sees it. */
	return oidc->client_secret || oidc->pkce || fail(error, ERROR_MALFORMED, "pkce: false, expected true with token_endpoint_auth_method: none");
}

/* --- what is asked and taken --- */

static bool flag_at(const json_t *settings, const char *name, bool standard)
{
	const json_t *value = json_object_get(settings, name);
	return value ? json_is_true(value) : standard;
}

/* offline_access is a wish of ours; a vendor may have another word for it. */
static void scope_choose(struct oidc *oidc)
{
	const char *scope = json_string_at(oidc->settings, "scope");
	oidc->scope = scope ? scope : oidc->vendor->scope;
	oidc->offline = scope_has(oidc->scope, "offline_access");
}

static void issuers_choose(struct oidc *oidc)
{
	size_t count = 0;
	while (oidc->vendor->issuers && oidc->vendor->issuers[count])
		count++;
	oidc->issuers = g_new0(const char *, count + 2);
	for (size_t i = 0; i < count; i++)
		oidc->issuers[i] = oidc->vendor->issuers[i];
	if (!count)
		oidc->issuers[0] = oidc->issuer;
}

static void mapping_choose(struct oidc *oidc)
{
	const struct oidc_vendor *vendor = oidc->vendor;
	const char *field;
	json_t *names;
	oidc->claims = json_pack("{s:[s, s], s:s, s:s, s:s, s:s}", "username", vendor->username ? vendor->username : "preferred_username", "email", "name",
		vendor->name ? vendor->name : "name", "email", "email", "email_verified", "email_verified", "groups", vendor->groups ? vendor->groups : "groups");
	json_object_foreach(json_object_get(oidc->settings, "claims"), field, names)
		json_object_set(oidc->claims, field, names);
	oidc->mapping = (struct mapping){ .provider = oidc->name, .claims = oidc->claims, .group_map = json_object_get(oidc->settings, "group_map"),
		.unmapped_groups = unmapped_groups_named(json_string_at(oidc->settings, "unmapped_groups")), .username = json_string_at(oidc->settings, "username") };
}

static void rules_choose(struct oidc *oidc)
{
	const json_t *settings = oidc->settings;
	oidc->client_id = json_string_at(settings, "client_id");
	oidc->clock_skew_s = 60;
	json_integer_at(settings, "clock_skew", &oidc->clock_skew_s);
	oidc->clock_skew_s = MIN(oidc->clock_skew_s, 300);
	oidc->pkce = flag_at(settings, "pkce", !oidc->vendor->no_pkce);
	oidc->userinfo = flag_at(settings, "userinfo", oidc->vendor->userinfo);
	oidc->end_session = flag_at(settings, "end_session", true) && !oidc->vendor->no_logout;
	oidc->form_post = g_strcmp0(json_string_at(settings, "response_mode"), "form_post") == 0;
	oidc->acr_values = json_strings(json_object_get(settings, "acr_values"));
	scope_choose(oidc);
	mapping_choose(oidc);
}

bool oidc_open(const struct oidc_vendor *vendor, const struct provider_place *place, const json_t *settings, void **ret_state, GError **error)
{
	struct oidc *oidc = g_new0(struct oidc, 1);
	*oidc = (struct oidc){ .vendor = vendor, .tenant = g_strdup(place->tenant), .name = g_strdup(place->name),
		.owner = g_strconcat(place->tenant ? place->tenant : "", "/", place->name, NULL), .settings = settings, .fetcher = place->fetcher,
		.documents = place->documents, .verifier = place->verifier };
	pthread_mutex_init(&oidc->lock, NULL);
	rules_choose(oidc);
	if (!addresses_choose(oidc, error) || !authentication_choose(oidc, error)) {
		oidc_close(oidc);
		return false;
	}
	issuers_choose(oidc);
	*ret_state = oidc;
	return true;
}

void oidc_close(void *state)
{
	struct oidc *oidc = state;
	if (oidc->documents)
		document_forget(oidc->documents, oidc->owner);
	g_free(oidc->tenant);
	g_free(oidc->name);
	g_free(oidc->owner);
	g_free(oidc->issuer);
	g_free(oidc->discovery_url);
	g_free(oidc->declared_host);
	g_free(oidc->issuers);
	g_free(oidc->thumbprint);
	g_free(oidc->endpoints_seen);
	g_strfreev(oidc->listed);
	g_strfreev(oidc->acr_values);
	jose_key_free(oidc->key);
	json_decref(oidc->claims);
	pthread_mutex_destroy(&oidc->lock);
	g_free(oidc);
}
