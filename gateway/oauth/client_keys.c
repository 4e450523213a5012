/* Keys at a client's jwks_uri.
 *
 *   at hand, in force ─────────────────────────────→ verify ──holds──→ claims
 *   else ─→ slot ─→ fetched, or the old copy ─→ verify    └─unknown kid─→ slot ─→ asked once a minute ─→ verify again
 *
 * What this stops: anybody may send an assertion that names a client and a kid that nobody has, so that neither the client's server nor our workers may be his to
 * spend; and what he makes a server say (an error page, an empty set) must not cost the client the keys we know (SECURITY OP-9).
 */
#include "gateway/oauth/client_keys.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/url.h"
#include "providers/fetch_cache.h"

#include <pthread.h>

#define DOCUMENT_BYTES_MAX 65536
#define FETCH_MS 5000
#define HOUR_MS (3600 * INT64_C(1000))

struct client_keys {
	struct document_cache *documents;
	pthread_mutex_t lock;
	unsigned slots, busy;
	GHashTable *tenants; /* tenant -> how many of the busy slots are its own */
};

struct client_keys *client_keys_new(struct fetcher *fetcher, unsigned slots)
{
	/* A key that a client withdrew because it was stolen must not go on for a week, even where the thief keeps us from its server. */
	const struct document_cache_options options = { .bytes_max = 16 << 20, .fresh_max_ms = HOUR_MS, .stale_max_ms = 24 * HOUR_MS };
	struct client_keys *keys = g_new0(struct client_keys, 1);
	keys->documents = document_cache_new(fetcher, &options);
	keys->slots = MAX(slots, 1);
	keys->tenants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	pthread_mutex_init(&keys->lock, NULL);
	return keys;
}

void client_keys_free(struct client_keys *keys)
{
	if (!keys)
		return;
	document_cache_free(keys->documents);
	g_hash_table_unref(keys->tenants);
	pthread_mutex_destroy(&keys->lock);
	g_free(keys);
}

/* --- slots --- */

/* Nobody waits for one: who waited would hold a worker too. */
static bool slot_take(struct client_keys *keys, const char *tenant)
{
	pthread_mutex_lock(&keys->lock);
	unsigned theirs = GPOINTER_TO_UINT(g_hash_table_lookup(keys->tenants, tenant));
	bool taken = keys->busy < keys->slots && theirs < MAX(keys->slots / 2, 1);
	if (taken) {
		keys->busy++;
		g_hash_table_replace(keys->tenants, g_strdup(tenant), GUINT_TO_POINTER(theirs + 1));
	}
	pthread_mutex_unlock(&keys->lock);
	return taken;
}

static void slot_give_back(struct client_keys *keys, const char *tenant)
{
	pthread_mutex_lock(&keys->lock);
	unsigned theirs = GPOINTER_TO_UINT(g_hash_table_lookup(keys->tenants, tenant));
	keys->busy--;
	if (theirs > 1)
		g_hash_table_replace(keys->tenants, g_strdup(tenant), GUINT_TO_POINTER(theirs - 1));
	else
		g_hash_table_remove(keys->tenants, tenant);
	pthread_mutex_unlock(&keys->lock);
}

/* --- fetching --- */

static struct jwk_set *set_parse(const char *body, size_t length, GError **error)
{
	g_autoptr(json_t) document = json_parse(body, length, DOCUMENT_BYTES_MAX, error);
	return document ? jwk_set_read(document, error) : NULL;
}

static bool set_is_good(const char *body, size_t length, void *data, GError **error)
{
	(void)data;
	g_autoptr(jwk_set_t) set = set_parse(body, length, error);
	return set;
}

/* One client's question, and what of the answer the log should hear. */
struct asking {
	struct call *call;
	struct client_keys *keys;
	struct document_request request;
	char trouble[256];
};

static enum fetch_result ask(struct asking *asking, const struct cached_document *seen, const struct cached_document **ret)
{
	struct client_keys *keys = asking->keys;
	const char *tenant = asking->call->tenant->id;
	if (!slot_take(keys, tenant)) {
		g_strlcpy(asking->trouble, "not asked: too many wait for clients' servers already", sizeof asking->trouble);
		return FETCH_UNAVAILABLE;
	}
	asking->request.deadline_ms = clock_monotonic_ms() + FETCH_MS;
	enum fetch_result result = seen ? document_renew(keys->documents, &asking->request, seen, ret, asking->trouble)
		: document_get(keys->documents, &asking->request, ret, asking->trouble);
	slot_give_back(keys, tenant);
	return result;
}

static const struct cached_document *keys_find(struct asking *asking)
{
	const struct cached_document *document = document_at_hand(asking->keys->documents, &asking->request, false);
	if (!document && ask(asking, NULL, &document) != FETCH_OK)
		document = document_at_hand(asking->keys->documents, &asking->request, true);
	return document;
}

/* --- judging --- */

static json_t *verify(const struct cached_document *document, const struct jws *jws, bool *ret_known)
{
	g_autoptr(jwk_set_t) set = set_parse(document->body, document->length, NULL);
	*ret_known = set && jwk_set_has(set, jws_key_id(jws));
	return set ? jwk_set_verify(set, jws, NULL) : NULL;
}

/* A kid that is there and does not verify is a forgery; one that is not there may be of a key made since. Without kid it may be either. */
static json_t *verify_or_renew(struct asking *asking, const struct cached_document *document, const struct jws *jws)
{
	bool known;
	json_t *claims = verify(document, jws, &known);
	if (claims || known)
		return claims;
	g_autoptr(cached_document_t) newer = NULL;
	enum fetch_result result = ask(asking, document, &newer);
	bool changed = result == FETCH_OK && newer != document;
	call_check(asking->call, "jwks_uri", asking->trouble[0] ? asking->trouble : changed ? "read anew" : "nothing newer, or asked less than a minute ago",
		"newer keys, since the kid is unknown", !asking->trouble[0]);
	return changed ? verify(newer, jws, &known) : NULL;
}

json_t *client_keys_verify(struct call *call, const struct client *client, const struct jws *jws, enum reason *ret_reason)
{
	/* No provider's name has a colon, and the cache is another one besides. */
	g_autofree char *owner = g_strdup_printf("%s/client:%s", call->tenant->id, client->client_id);
	g_autoptr(url_t) url = url_parse(client->jwks_uri, NULL);
	struct asking asking = { .call = call, .keys = call->gateway->client_keys, .request = { .owner = owner, .url = client->jwks_uri,
		.declared_host = url ? url->host : NULL, .accept = "application/jwk-set+json, application/json", .max_bytes = DOCUMENT_BYTES_MAX,
		.is_good = set_is_good } };
	g_autoptr(cached_document_t) document = keys_find(&asking);
	if (!document) {
		call_check(call, "jwks_uri", asking.trouble, "the client's keys", false);
		*ret_reason = REASON_CLIENT_KEYS_UNAVAILABLE;
		return NULL;
	}
	*ret_reason = REASON_CLIENT_ASSERTION_WRONG;
	return verify_or_renew(&asking, document, jws);
}
