/* The table of known tokens: shards by the digest's first byte, each with a lock held for one look-up. */
#include "gateway/oauth/known_tokens.h"
#include "base/counters.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define SHARDS 64
#define GENERATIONS 1024

struct entry {
	struct live_token *token;
	uint64_t generation;
};

struct shard {
	pthread_mutex_t lock;
	GHashTable *entries; /* digest -> struct entry */
};

struct known_tokens {
	struct shard shards[SHARDS];
	size_t shard_max;
	_Atomic uint64_t generations[GENERATIONS]; /* tenants share slots by hash: a needless recheck, never a missed one */
};

static void free_live_token(gpointer data)
{
	struct live_token *token = data;
	g_clear_pointer(&token->client_id, g_ref_string_release);
	g_clear_pointer(&token->scope, g_ref_string_release);
	g_clear_pointer(&token->kid, g_ref_string_release);
	g_free(token->jti);
	for (size_t i = 0; token->audience && token->audience[i]; i++)
		g_ref_string_release(token->audience[i]);
	g_free(token->audience);
	json_decref(token->claims);
	g_clear_pointer(&token->introspection, g_bytes_unref);
}

struct live_token *live_token_new(void)
{
	return g_atomic_rc_box_new0(struct live_token);
}

struct live_token *live_token_ref(struct live_token *token)
{
	return g_atomic_rc_box_acquire(token);
}

void live_token_unref(struct live_token *token)
{
	if (token)
		g_atomic_rc_box_release_full(token, free_live_token);
}

static void free_entry(gpointer data)
{
	struct entry *entry = data;
	live_token_unref(entry->token);
	g_free(entry);
}

static guint hash_digest(gconstpointer key)
{
	guint hash;
	memcpy(&hash, (const uint8_t *)key + 4, sizeof hash);
	return hash;
}

static gboolean digests_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, DIGEST_SIZE) == 0; /* digests of what the caller itself sent: nothing to learn from the time */
}

struct known_tokens *known_tokens_new(size_t entries_max)
{
	struct known_tokens *known = g_new0(struct known_tokens, 1);
	known->shard_max = MAX(entries_max / SHARDS, 1);
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&known->shards[i].lock, NULL);
		known->shards[i].entries = g_hash_table_new_full(hash_digest, digests_equal, NULL, free_entry);
	}
	return known;
}

void known_tokens_free(struct known_tokens *known)
{
	if (!known)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		g_hash_table_unref(known->shards[i].entries);
		pthread_mutex_destroy(&known->shards[i].lock);
	}
	g_free(known);
}

static size_t generation_slot(const char *tenant)
{
	return g_str_hash(tenant) % GENERATIONS;
}

void known_tokens_changed(const struct change *change, void *data)
{
	struct known_tokens *known = data;
	if (change->tenant[0]) {
		atomic_fetch_add(&known->generations[generation_slot(change->tenant)], 1);
		return;
	}
	/* Too much changed to be named: nothing is believed any more, at no tenant. */
	for (size_t i = 0; i < GENERATIONS; i++)
		atomic_fetch_add(&known->generations[i], 1);
}

uint64_t known_tokens_generation(const struct known_tokens *known, const char *tenant)
{
	return atomic_load(&known->generations[generation_slot(tenant)]);
}

static struct shard *shard_of(struct known_tokens *known, const uint8_t digest[DIGEST_SIZE])
{
	return &known->shards[digest[0] % SHARDS];
}

struct live_token *known_tokens_get(struct known_tokens *known, const char *tenant, const uint8_t digest[DIGEST_SIZE], bool *ret_fresh)
{
	struct shard *shard = shard_of(known, digest);
	struct live_token *token = NULL;
	pthread_mutex_lock(&shard->lock);
	struct entry *entry = g_hash_table_lookup(shard->entries, digest);
	if (entry && strcmp(entry->token->tenant, tenant) == 0) {
		token = live_token_ref(entry->token);
		*ret_fresh = entry->generation == known_tokens_generation(known, tenant);
	}
	pthread_mutex_unlock(&shard->lock);
	counter_add(token && *ret_fresh ? COUNTER_TOKEN_KNOWN : COUNTER_TOKEN_ASKED);
	return token;
}

/* Makes room by letting one arbitrary entry go: a token that is still in use comes back with its next request. */
static void make_room(struct shard *shard, size_t max)
{
	if (g_hash_table_size(shard->entries) < max)
		return;
	GHashTableIter iterator;
	g_hash_table_iter_init(&iterator, shard->entries);
	if (g_hash_table_iter_next(&iterator, NULL, NULL))
		g_hash_table_iter_remove(&iterator);
}

void known_tokens_put(struct known_tokens *known, struct live_token *token, uint64_t generation)
{
	struct shard *shard = shard_of(known, token->digest);
	struct entry *entry = g_new(struct entry, 1);
	*entry = (struct entry){ live_token_ref(token), generation };
	pthread_mutex_lock(&shard->lock);
	if (!g_hash_table_contains(shard->entries, token->digest))
		make_room(shard, known->shard_max);
	g_hash_table_replace(shard->entries, entry->token->digest, entry);
	pthread_mutex_unlock(&shard->lock);
}

size_t known_tokens_count(struct known_tokens *known)
{
	size_t count = 0;
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_lock(&known->shards[i].lock);
		count += g_hash_table_size(known->shards[i].entries);
		pthread_mutex_unlock(&known->shards[i].lock);
	}
	return count;
}
