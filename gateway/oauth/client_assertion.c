/* private_key_jwt.
 *
 *   signature ─→ typ ─→ iss, sub, aud ─→ exp, iat, nbf ─→ jti claimed (commit)
 *
 * The signature comes first, so that nobody but the client makes us write. The audience is the issuer and nothing else, neither a list nor the address of an endpoint:
 * an assertion that another server tricked the client into signing must not fit here (SECURITY AS-9). The jti is kept until the assertion has expired, which
 * is why its life is bounded.
 */
#include "gateway/oauth/client_assertion.h"
#include "gateway/oauth/client_keys.h"

#define LIFE_MAX_S 600
#define SKEW_S 60 /* this far in the future is refused; 8 s, as clocks are, is not */
#define JTI_MAX 256

struct assertion {
	struct call *call;
	const struct client *client;
	const struct jws *jws;
	json_t *claims;
	int64_t now_s, expires_s;
};

static bool check_text(struct assertion *assertion, const char *name, const char *expected)
{
	const json_t *value = json_object_get(assertion->claims, name);
	const char *text = json_string_value(value);
	return call_check(assertion->call, name, text ? text : value ? "not a string" : NULL, expected, g_strcmp0(text, expected) == 0);
}

/* A type of its own is best (RFC 8725 section 3.11); the registered default and none at all are what libraries send. */
static bool check_type(struct assertion *assertion)
{
	const char *typ = jws_type(assertion->jws);
	return call_check(assertion->call, "typ", typ, "client-authentication+jwt, JWT or none",
		!typ || g_ascii_strcasecmp(typ, "JWT") == 0 || g_ascii_strcasecmp(typ, "client-authentication+jwt") == 0);
}

static bool check_expiry(struct assertion *assertion)
{
	bool given = json_integer_at(assertion->claims, "exp", &assertion->expires_s);
	return call_check(assertion->call, "exp", given ? "past, or too far off" : "none", "an integer, at most 10 minutes ahead",
		given && assertion->expires_s > assertion->now_s && assertion->expires_s - assertion->now_s <= LIFE_MAX_S + SKEW_S);
}

/* iat and nbf may be absent; where they are not, they are integers and not in the future. */
static bool check_past(struct assertion *assertion, const char *name)
{
	int64_t seconds = 0;
	bool absent = !json_object_get(assertion->claims, name);
	return call_check(assertion->call, name, "in the future, or no integer", "less than 60 s ahead of our clock",
		absent || (json_integer_at(assertion->claims, name, &seconds) && seconds < assertion->now_s + SKEW_S));
}

static bool check_identifier(struct assertion *assertion)
{
	const char *jti = json_string_at(assertion->claims, "jti");
	return call_check(assertion->call, "jti", jti ? "empty, or too long" : "none", "a string of 1 to 256 bytes", jti && *jti && strlen(jti) <= JTI_MAX);
}

static bool passes(struct assertion *assertion)
{
	const char *client_id = assertion->client->client_id;
	return check_type(assertion) && check_text(assertion, "iss", client_id) && check_text(assertion, "sub", client_id)
		&& check_text(assertion, "aud", assertion->call->tenant->issuer) && check_expiry(assertion) && check_past(assertion, "iat")
		&& check_past(assertion, "nbf") && check_identifier(assertion);
}

struct use {
	const struct assertion *assertion;
	enum found first;
};

static bool use_in_unit(struct unit *unit, void *data, GError **error)
{
	struct use *use = data;
	const struct assertion *assertion = use->assertion;
	g_autofree char *purpose = g_strconcat("client assertion ", assertion->client->client_id, NULL);
	use->first = once_claim(unit, assertion->call->tenant->id, purpose, json_string_at(assertion->claims, "jti"), assertion->expires_s * 1000, error);
	return use->first != BROKEN;
}

static enum reason use_once(const struct assertion *assertion, GError **error)
{
	struct use use = { assertion, BROKEN };
	if (!store_write(assertion->call->gateway->store, use_in_unit, &use, error))
		return REASON_STORE_BROKEN;
	return call_check(assertion->call, "jti", "used before", "used once", use.first == FOUND) ? REASON_OK : REASON_CLIENT_ASSERTION_REPLAYED;
}

static json_t *verified_claims(struct call *call, const struct client *client, const struct jws *jws, enum reason *ret_reason)
{
	if (client->jwks_uri)
		return client_keys_verify(call, client, jws, ret_reason);
	return client->jwks ? jwk_set_verify(client->jwks, jws, NULL) : NULL;
}

enum reason client_assertion_check(struct call *call, const struct client *client, const struct jws *jws, GError **error)
{
	enum reason reason = REASON_CLIENT_ASSERTION_WRONG;
	g_autoptr(json_t) claims = verified_claims(call, client, jws, &reason);
	struct assertion assertion = { .call = call, .client = client, .jws = jws, .claims = claims, .now_s = request_time_ms(call->request) / 1000 };
	if (!call_check(call, "signature", jws_key_id(jws) ? jws_key_id(jws) : jose_algorithm_name(jws_algorithm(jws)), "of a key in the client's jwks", claims != NULL))
		return reason;
	return passes(&assertion) ? use_once(&assertion, error) : REASON_CLIENT_ASSERTION_WRONG;
}
