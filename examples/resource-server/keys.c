/* See keys.h. One lock guards the key set and cjose: its keys count their users without atomics. */
#include "examples/resource-server/keys.h"
#include "examples/resource-server/claims.h"

#include <glib.h>
#include <oauth2/mem.h>
#include <pthread.h>
#include <string.h>

#define FETCH_TIMEOUT_S 5
#define FETCH_PAUSE_US (10 * G_USEC_PER_SEC)
#define KEYS_MAX 64

struct key {
	json_t *jwk;
	oauth2_cfg_token_verify_t *verify;
};

struct keys {
	oauth2_log_t *log;
	const char *jwks_uri;
	pthread_mutex_t lock;
	GHashTable *by_id;        /* kid -> struct key */
	gint64 fetched_us;        /* monotonic; 0: never */
	bool last_fetch_good;
};

/* The checks that liboauth2 can make are on, and its cache of results is off: it knows tokens by their text only, would accept
 * one for a while after its end, and would give what one configuration accepted to another. The name keeps this cache from any other's use all the same. */
#define VERIFY_OPTIONS "verify.exp=required&verify.iat=required&verify.cache=resource-server-jwks&expiry=0"

struct keys *keys_new(oauth2_log_t *log, const char *jwks_uri)
{
	struct keys *keys = g_new0(struct keys, 1);
	keys->log = log;
	keys->jwks_uri = jwks_uri;
	pthread_mutex_init(&keys->lock, NULL);
	return keys;
}

static void key_free(gpointer data)
{
	struct key *key = data;
	if (key->verify != NULL)
		oauth2_cfg_token_verify_free(NULL, key->verify);
	json_decref(key->jwk);
	g_free(key);
}

void keys_free(struct keys *keys)
{
	if (keys == NULL)
		return;
	if (keys->by_id != NULL)
		g_hash_table_destroy(keys->by_id);
	pthread_mutex_destroy(&keys->lock);
	g_free(keys);
}

static struct key *key_import(oauth2_log_t *log, json_t *jwk)
{
	char *text = json_dumps(jwk, JSON_COMPACT);
	oauth2_cfg_token_verify_t *verify = NULL;
	char *fault = oauth2_cfg_token_verify_add_options(log, &verify, "jwk", text, VERIFY_OPTIONS);
	free(text);
	if (fault != NULL) {
		oauth2_mem_free(fault); /* EdDSA keys, for one: cjose cannot import them, and tokens signed by them are refused */
		oauth2_cfg_token_verify_free(log, verify);
		return NULL;
	}
	struct key *key = g_new0(struct key, 1);
	key->jwk = json_incref(jwk);
	key->verify = verify;
	return key;
}

static GHashTable *keys_import(oauth2_log_t *log, const char *text)
{
	json_t *set = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *list = json_object_get(set, "keys");
	if (!json_is_array(list) || json_array_size(list) > KEYS_MAX) {
		json_decref(set);
		return NULL;
	}
	GHashTable *by_id = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, key_free);
	size_t i;
	json_t *jwk;
	json_array_foreach(list, i, jwk) {
		const char *kid = json_string_value(json_object_get(jwk, "kid"));
		struct key *key = kid != NULL ? key_import(log, jwk) : NULL;
		if (key != NULL)
			g_hash_table_replace(by_id, g_strdup(kid), key);
	}
	json_decref(set);
	return by_id;
}

/* A failed fetch keeps the keys there are, and is not tried again before the pause is over either. */
static void keys_fetch(struct keys *keys)
{
	keys->fetched_us = g_get_monotonic_time();
	keys->last_fetch_good = false;
	oauth2_http_call_ctx_t *call = oauth2_http_call_ctx_init(keys->log);
	oauth2_http_call_ctx_timeout_set(keys->log, call, FETCH_TIMEOUT_S);
	oauth2_http_call_ctx_ssl_verify_set(keys->log, call, true);
	char *text = NULL;
	oauth2_http_status_code_t status = 0;
	if (oauth2_http_get(keys->log, keys->jwks_uri, NULL, call, &text, &status) && status == 200 && text != NULL) {
		GHashTable *fresh = keys_import(keys->log, text);
		if (fresh != NULL) {
			if (keys->by_id != NULL)
				g_hash_table_destroy(keys->by_id);
			keys->by_id = fresh;
			keys->last_fetch_good = true;
		}
	}
	if (text != NULL)
		oauth2_mem_free(text);
	oauth2_http_call_ctx_free(keys->log, call);
}

static struct key *key_find(struct keys *keys, const char *kid)
{
	struct key *key = keys->by_id != NULL ? g_hash_table_lookup(keys->by_id, kid) : NULL;
	if (key == NULL && (keys->fetched_us == 0 || g_get_monotonic_time() - keys->fetched_us > FETCH_PAUSE_US)) {
		keys_fetch(keys);
		key = keys->by_id != NULL ? g_hash_table_lookup(keys->by_id, kid) : NULL;
	}
	return key;
}

static enum keys_answer verify_locked(struct keys *keys, const char *token, const char *kid, const char *alg, json_t **ret_claims, const char **ret_why)
{
	struct key *key = key_find(keys, kid);
	if (key == NULL && !keys->last_fetch_good) {
		*ret_why = "the issuer's keys could not be fetched";
		return KEYS_UNAVAILABLE;
	}
	if (key == NULL || !jwk_fits(key->jwk, alg)) {
		*ret_why = "no such key";
		return KEYS_REFUSED;
	}
	json_t *claims = NULL;
	if (!oauth2_token_verify(keys->log, NULL, key->verify, token, &claims) || !json_is_object(claims)) {
		json_decref(claims);
		*ret_why = "bad signature, or expired";
		return KEYS_REFUSED;
	}
	*ret_claims = claims;
	return KEYS_GOOD;
}

enum keys_answer keys_verify(struct keys *keys, const char *token, const char *kid, const char *alg, json_t **ret_claims, const char **ret_why)
{
	pthread_mutex_lock(&keys->lock);
	enum keys_answer answer = verify_locked(keys, token, kid, alg, ret_claims, ret_why);
	pthread_mutex_unlock(&keys->lock);
	return answer;
}
