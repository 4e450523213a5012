/* How we authenticate at a token endpoint: RFC 6749 section 2.3, and assertions by RFC 7523 and OpenID Connect Core section 9. */
#include "providers/oidc_internal.h"

#include "base/encoding.h"
#include "base/errors.h"
#include "base/form.h"
#include "base/url.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#include <string.h>

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define ASSERTION_LIFE_S 60

static bool offers(const json_t *metadata, const char *method)
{
	return json_array_has(json_object_get(metadata, "token_endpoint_auth_methods_supported"), method);
}

/* Metadata that says nothing means client_secret_basic (RFC 8414 section 2). */
static const char *method_of(const struct oidc *oidc, const json_t *metadata)
{
	if (oidc->auth_method)
		return oidc->auth_method;
	return !offers(metadata, "client_secret_basic") && offers(metadata, "client_secret_post") ? "client_secret_post" : "client_secret_basic";
}

/* Both halves are form-encoded before they are joined (RFC 6749 section 2.3.1). */
static char *basic_header(const struct oidc *oidc)
{
	g_autofree char *id = url_encode(oidc->client_id), *secret = url_encode(oidc->client_secret), *pair = g_strconcat(id, ":", secret, NULL);
	g_autofree char *encoded = base64_encode(pair, strlen(pair));
	char *header = g_strconcat("Authorization: Basic ", encoded, NULL);
	wipe(secret, strlen(secret));
	wipe(pair, strlen(pair));
	wipe(encoded, strlen(encoded));
	return header;
}

/* The audience is the token endpoint: what the vendors ask for, and what OpenID Connect Core section 9 recommends. */
static char *assertion_claims(const struct oidc *oidc, const json_t *metadata, int64_t now_ms)
{
	char id[IDENTIFIER_SIZE];
	random_identifier(id);
	g_autoptr(json_t) claims = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "iss", oidc->client_id, "sub", oidc->client_id, "aud",
		json_string_at(metadata, "token_endpoint"), "jti", id, "iat", (json_int_t)(now_ms / 1000), "nbf", (json_int_t)(now_ms / 1000),
		"exp", (json_int_t)(now_ms / 1000 + ASSERTION_LIFE_S));
	return json_text(claims);
}

static char *assertion_signed(const struct oidc *oidc, const char *claims, GError **error)
{
	if (oidc->thumbprint)
		return jws_sign_certified(oidc->key, oidc->thumbprint, "JWT", claims, strlen(claims), error);
	return jws_sign(oidc->key, "JWT", claims, strlen(claims), error);
}

/* HS256 exists here and nowhere else: we make such a JWT, we never read one. */
static char *assertion_hashed(const struct oidc *oidc, const char *claims)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	uint8_t mac[DIGEST_SIZE];
	g_autofree char *head = base64url_encode(header, strlen(header)), *body = base64url_encode(claims, strlen(claims));
	g_autofree char *input = g_strconcat(head, ".", body, NULL);
	digest_hmac(oidc->client_secret, strlen(oidc->client_secret), input, strlen(input), mac);
	g_autofree char *seal = base64url_encode(mac, sizeof mac);
	return g_strconcat(input, ".", seal, NULL);
}

static bool add_assertion(const struct oidc *oidc, const json_t *metadata, int64_t now_ms, GString *body, GError **error)
{
	g_autofree char *claims = assertion_claims(oidc, metadata, now_ms);
	g_autofree char *assertion = oidc->key ? assertion_signed(oidc, claims, error) : assertion_hashed(oidc, claims);
	if (!assertion)
		return false;
	form_append(body, "client_id", oidc->client_id);
	form_append(body, "client_assertion_type", ASSERTION_TYPE);
	form_append(body, "client_assertion", assertion);
	return true;
}

bool oidc_authenticate(const struct oidc *oidc, const json_t *metadata, int64_t now_ms, GString *body, char **ret_header, GError **error)
{
	const char *method = method_of(oidc, metadata);
	*ret_header = NULL;
	if (g_str_has_suffix(method, "_jwt"))
		return add_assertion(oidc, metadata, now_ms, body, error);
	if (strcmp(method, "client_secret_basic") == 0) {
		*ret_header = basic_header(oidc);
		return true;
	}
	form_append(body, "client_id", oidc->client_id);
	if (strcmp(method, "client_secret_post") == 0)
		form_append(body, "client_secret", oidc->client_secret);
	return true;
}
