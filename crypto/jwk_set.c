/* JWK Sets. A key without `alg` may be for two algorithms (RSA: RS256 and PS256); it is read once for each, since a key of ours is for one. */
#include "crypto/jwk_set.h"
#include "base/errors.h"
#include <string.h>

struct set_key {
	char *kid; /* as its owner calls it, NULL: not at all */
	struct jose_key *key;
};

struct jwk_set {
	size_t count;
	struct set_key keys[JWK_SET_KEYS_MAX * 2];
};

/* RFC 7518 sections 6.2.2, 6.3.2 and 6.4: members that only a private or a symmetric key has. */
static bool is_secret(const json_t *jwk)
{
	static const char *const members[] = { "d", "k", "p", "q", "dp", "dq", "qi", "oth" };
	for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
		if (json_object_get(jwk, members[i]))
			return true;
	return false;
}

bool jwk_set_has(const struct jwk_set *set, const char *kid)
{
	for (size_t i = 0; kid && i < set->count; i++)
		if (g_strcmp0(set->keys[i].kid, kid) == 0)
			return true;
	return false;
}

static bool key_add(struct jwk_set *set, const json_t *jwk, GError **error)
{
	const char *kid = json_string_at(jwk, "kid");
	if (!json_is_object(jwk) || (json_object_get(jwk, "kid") && !kid))
		return fail(error, ERROR_MALFORMED, "a member of keys is no JWK, or its kid is no text");
	if (is_secret(jwk))
		return fail(error, ERROR_MALFORMED, "a JWK holds private members; it must be made anew, and only its public half given");
	if (jwk_set_has(set, kid))
		return fail(error, ERROR_MALFORMED, "two JWKs have one kid");
	for (enum jose_algorithm algorithm = JOSE_ES256; algorithm <= JOSE_ED25519; algorithm++) {
		struct jose_key *key = jose_key_from_jwk(algorithm, jwk, NULL);
		if (key)
			set->keys[set->count++] = (struct set_key){ g_strdup(kid), key };
	}
	return true;
}

struct jwk_set *jwk_set_read(const json_t *jwks, GError **error)
{
	const json_t *list = json_object_get(jwks, "keys");
	g_autoptr(jwk_set_t) set = g_new0(struct jwk_set, 1);
	if (!json_is_array(list) || json_array_size(list) > JWK_SET_KEYS_MAX) {
		fail(error, ERROR_MALFORMED, "not an object with a list \"keys\" of at most %d JWKs", JWK_SET_KEYS_MAX);
		return NULL;
	}
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!key_add(set, json_array_get(list, i), error))
			return NULL;
	if (set->count == 0) {
		fail(error, ERROR_MALFORMED, "no JWK among keys is a public key for ES256, RS256, PS256 or Ed25519");
		return NULL;
	}
	return g_steal_pointer(&set);
}

void jwk_set_free(struct jwk_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++) {
		g_free(set->keys[i].kid);
		jose_key_free(set->keys[i].key);
	}
	g_free(set);
}

json_t *jwk_set_verify(const struct jwk_set *set, const struct jws *jws, GError **error)
{
	const char *kid = jws_key_id(jws);
	for (size_t i = 0; i < set->count; i++) {
		const struct set_key *key = &set->keys[i];
		if (jose_key_algorithm(key->key) != jws_algorithm(jws) || (kid && g_strcmp0(key->kid, kid) != 0))
			continue;
		json_t *claims = jws_verify(jws, key->key, NULL);
		if (claims)
			return claims;
	}
	fail(error, ERROR_INVALID_TOKEN, "no key of the set for %s%s%s holds the signature", jose_algorithm_name(jws_algorithm(jws)), kid ? " with kid " : "", kid ? kid : "");
	return NULL;
}
