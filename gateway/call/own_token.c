/* Signing for a tenant, and reading back. */
#include "gateway/call/own_token.h"

json_t *own_token_read(const struct call *call, const char *text, const char *typ, char **ret_kid, GError **error)
{
	g_autoptr(keyring_t) ring = NULL;
	g_autoptr(jws_t) jws = jws_parse(text, strlen(text), NULL);
	if (!jws || !jws_key_id(jws) || g_strcmp0(jws_type(jws), typ) != 0
	    || cache_keyring(call->gateway->cache, call->tenant->id, &ring, error) == BROKEN)
		return NULL;
	const struct jose_key *key = keyring_find(ring, jws_key_id(jws));
	g_autoptr(json_t) claims = key ? jws_verify(jws, key, NULL) : NULL;
	if (!claims || g_strcmp0(json_string_at(claims, "iss"), call->tenant->issuer) != 0)
		return NULL;
	if (ret_kid)
		*ret_kid = g_strdup(jws_key_id(jws));
	return g_steal_pointer(&claims);
}

char *own_token_sign(const struct gateway *gateway, const struct tenant *tenant, enum jose_algorithm algorithm, const char *typ, const json_t *claims, GError **error)
{
	g_autoptr(keyring_t) ring = NULL;
	if (cache_keyring(gateway->cache, tenant->id, &ring, error) == BROKEN)
		return NULL;
	const struct jose_key *key = keyring_signer(ring, algorithm);
	if (!key) {
		fail(error, ERROR_INTERNAL, "tenant %s has no active %s key; run: passerelle key rotate --tenant %s", tenant->name,
			jose_algorithm_name(algorithm), tenant->name);
		return NULL;
	}
	g_autofree char *payload = json_text(claims);
	return jws_sign(key, typ, payload, strlen(payload), error);
}
