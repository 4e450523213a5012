/* The rules of claims.h. Pure functions: no clock, no network. */
#include "examples/resource-server/claims.h"

#include <glib.h>
#include <string.h>

/* Clocks of two machines differ; a minute is what the gateway itself allows. */
#define SKEW_S 60

static const struct {
	const char *alg, *kty, *crv;
} algorithms[] = {
	{"ES256", "EC", "P-256"},
	{"ES384", "EC", "P-384"},
	{"RS256", "RSA", NULL},
	{"PS256", "RSA", NULL},
};

static bool algorithm_known(const char *alg)
{
	for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
		if (strcmp(algorithms[i].alg, alg) == 0)
			return true;
	}
	return false;
}

/* A string member that stands there and is no longer than fits; NUL inside is refused by jansson. */
static const char *string_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static json_t *header_decode(const char *token)
{
	size_t length = strcspn(token, ".");
	if (length == 0 || length > 2048 || strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != length)
		return NULL;
	g_autoptr(GString) base64 = g_string_new_len(token, (gssize)length);
	for (size_t i = 0; i < base64->len; i++) {
		if (base64->str[i] == '-')
			base64->str[i] = '+';
		if (base64->str[i] == '_')
			base64->str[i] = '/';
	}
	while (base64->len % 4 != 0)
		g_string_append_c(base64, '=');
	gsize bytes = 0;
	g_autofree guchar *text = g_base64_decode(base64->str, &bytes);
	return json_loadb((const char *)text, bytes, JSON_REJECT_DUPLICATES, NULL);
}

static bool header_judge(const json_t *header, struct token_header *ret_header, const char **ret_why)
{
	const char *typ = string_of(header, "typ"), *alg = string_of(header, "alg"), *kid = string_of(header, "kid");
	if (typ == NULL || (g_ascii_strcasecmp(typ, "at+jwt") != 0 && g_ascii_strcasecmp(typ, "application/at+jwt") != 0)) {
		*ret_why = "not an access token (typ)"; /* an ID token of the same issuer must not open an API */
		return false;
	}
	if (alg == NULL || !algorithm_known(alg)) {
		*ret_why = "algorithm not accepted"; /* "none", and HS256, whose path in cjose reads past an RSA key's end */
		return false;
	}
	if (json_object_get(header, "crit") != NULL) {
		*ret_why = "critical extension not understood";
		return false;
	}
	if (kid == NULL || *kid == '\0' || strlen(kid) >= sizeof ret_header->kid) {
		*ret_why = "no key id";
		return false;
	}
	g_strlcpy(ret_header->alg, alg, sizeof ret_header->alg);
	g_strlcpy(ret_header->kid, kid, sizeof ret_header->kid);
	return true;
}

bool token_header_read(const char *token, struct token_header *ret_header, const char **ret_why)
{
	json_t *header = header_decode(token);
	*ret_why = "malformed header";
	bool good = json_is_object(header) && header_judge(header, ret_header, ret_why);
	json_decref(header);
	return good;
}

bool jwk_fits(const json_t *jwk, const char *alg)
{
	const char *kty = string_of(jwk, "kty"), *crv = string_of(jwk, "crv"), *own = string_of(jwk, "alg"), *use = string_of(jwk, "use");
	if (kty == NULL || (own != NULL && strcmp(own, alg) != 0) || (use != NULL && strcmp(use, "sig") != 0))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
		if (strcmp(algorithms[i].alg, alg) == 0)
			return strcmp(kty, algorithms[i].kty) == 0 && g_strcmp0(algorithms[i].crv, crv) == 0;
	}
	return false;
}

static bool audience_holds(const json_t *aud, const char *wanted)
{
	if (json_is_string(aud))
		return strcmp(json_string_value(aud), wanted) == 0;
	for (size_t i = 0; i < json_array_size(aud); i++) {
		const char *one = json_string_value(json_array_get(aud, i));
		if (one != NULL && strcmp(one, wanted) == 0)
			return true;
	}
	return false;
}

static bool scope_holds(const char *scopes, const char *wanted)
{
	g_auto(GStrv) list = g_strsplit(scopes ? scopes : "", " ", 256);
	return g_strv_contains((const gchar *const *)list, wanted);
}

/* A time claim: whole seconds. 1e300 and "123" are refused as what they are, not rounded or parsed. */
static bool time_of(const json_t *claims, const char *name, bool required, int64_t *ret_s)
{
	const json_t *value = json_object_get(claims, name);
	if (value == NULL)
		return !required;
	if (!json_is_integer(value) || json_integer_value(value) <= 0)
		return false;
	*ret_s = json_integer_value(value);
	return true;
}

static const char *times_judge(const json_t *claims, const struct claim_rules *rules)
{
	int64_t exp_s = 0, iat_s = 0, nbf_s = 0;
	if (!time_of(claims, "exp", true, &exp_s) || exp_s <= rules->now_s)
		return "expired";
	if (!time_of(claims, "iat", rules->from_jwt, &iat_s) || iat_s > rules->now_s + SKEW_S)
		return "issued in the future";
	if (!time_of(claims, "nbf", false, &nbf_s) || nbf_s > rules->now_s + SKEW_S)
		return "not valid yet";
	return NULL;
}

enum claim_verdict claims_judge(const json_t *claims, const struct claim_rules *rules, const char **ret_why)
{
	const char *iss = string_of(claims, "iss"), *sub = string_of(claims, "sub");
	if (iss == NULL ? rules->from_jwt || json_object_get(claims, "iss") != NULL : strcmp(iss, rules->issuer) != 0) {
		*ret_why = "another issuer";
		return CLAIMS_REFUSED;
	}
	if (!audience_holds(json_object_get(claims, "aud"), rules->audience)) {
		*ret_why = "meant for another service";
		return CLAIMS_REFUSED;
	}
	if ((*ret_why = times_judge(claims, rules)) != NULL)
		return CLAIMS_REFUSED;
	if (sub == NULL || *sub == '\0') {
		*ret_why = "no subject";
		return CLAIMS_REFUSED;
	}
	/* A token bound to a key or certificate is worth nothing without it, and this service asks for neither: accepting it as a bearer
	 * token would undo the binding. */
	if (json_object_get(claims, "cnf") != NULL) {
		*ret_why = "bound to a key that was not shown";
		return CLAIMS_REFUSED;
	}
	if (rules->scope != NULL && !scope_holds(string_of(claims, "scope"), rules->scope)) {
		*ret_why = "scope missing";
		return CLAIMS_SCOPE_MISSING;
	}
	return CLAIMS_GOOD;
}
