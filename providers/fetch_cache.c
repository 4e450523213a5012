/* Documents kept. An entry, under the cache's lock:
 *
 *	          ┌──────────────── a good answer ───────────────┐
 *	nothing ──flight──> fresh ──time──> old ──flight──> fresh │
 *	   │                                 └──failed──> old, left alone for a while, served
 *	   └──failed──> nothing, the outcome told to all who ask for some seconds
 *
 * One flight an entry at a time. Without a copy everybody waits for it; with an old one only the one who fetches does, and not for long. */
#include "providers/fetch_cache.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define OWNER_ENTRIES_MAX 8
/* What a caller with a copy at hand waits for a newer one, at most. */
#define REFRESH_MS 3000
#define DAY_MS (86400 * INT64_C(1000))

struct document {
	struct cached_document shown; /* first: the address is the same */
	char *body;
	_Atomic unsigned holders;
};

struct entry {
	char *key, *owner;
	unsigned holders;      /* the table is one */
	bool kept;             /* in the table */
	bool flying;
	const struct cached_document *current; /* good; NULL: none */
	int64_t fresh_until_ms, stale_until_ms;
	int64_t pause_until_ms; /* after a failure */
	int64_t forced_ms;      /* when a renewal was last asked for; 0: never */
	uint64_t used;          /* when last asked for, counted in askings: a millisecond holds several */
	enum fetch_result failure; /* the last one */
	char trouble[256];
};

struct document_cache {
	struct fetcher *fetcher;
	struct document_cache_options options;
	pthread_mutex_t lock;
	pthread_cond_t landed;
	GHashTable *entries; /* key -> struct entry */
	size_t bytes;
	uint64_t askings;
};

const struct cached_document *cached_document_ref(const struct cached_document *document)
{
	struct document *held = (struct document *)(uintptr_t)document;

	atomic_fetch_add_explicit(&held->holders, 1, memory_order_relaxed);
	return document;
}

void cached_document_unref(const struct cached_document *document)
{
	struct document *held = (struct document *)(uintptr_t)document;

	if (!document || atomic_fetch_sub_explicit(&held->holders, 1, memory_order_acq_rel) > 1)
		return;
	g_free(held->body);
	g_free(held);
}

static const struct cached_document *document_new(struct fetch_reply *reply)
{
	struct document *made = g_new0(struct document, 1);

	made->body = g_realloc(g_steal_pointer(&reply->body), reply->length + 1);
	made->holders = 1;
	made->shown = (struct cached_document){.body = made->body, .length = reply->length, .fetched_ms = clock_monotonic_ms()};
	return &made->shown;
}

static struct document_cache_options options_fill(const struct document_cache_options *given)
{
	static const struct document_cache_options standard = {.entries_max = 2048, .bytes_max = 64 << 20, .fresh_min_ms = 300000, .fresh_max_ms = DAY_MS,
	                                                       .stale_max_ms = 7 * DAY_MS, .retry_after_ms = 60000, .forced_pause_ms = 60000};
	struct document_cache_options options = given ? *given : standard;

	options.entries_max = options.entries_max ? options.entries_max : standard.entries_max;
	options.bytes_max = options.bytes_max ? options.bytes_max : standard.bytes_max;
	options.fresh_min_ms = options.fresh_min_ms ? options.fresh_min_ms : standard.fresh_min_ms;
	options.fresh_max_ms = options.fresh_max_ms ? options.fresh_max_ms : standard.fresh_max_ms;
	options.stale_max_ms = options.stale_max_ms ? options.stale_max_ms : standard.stale_max_ms;
	options.retry_after_ms = options.retry_after_ms ? options.retry_after_ms : standard.retry_after_ms;
	options.forced_pause_ms = options.forced_pause_ms ? options.forced_pause_ms : standard.forced_pause_ms;
	return options;
}

struct document_cache *document_cache_new(struct fetcher *fetcher, const struct document_cache_options *options)
{
	struct document_cache *cache = g_new0(struct document_cache, 1);
	pthread_condattr_t attributes;

	cache->fetcher = fetcher;
	cache->options = options_fill(options);
	pthread_mutex_init(&cache->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&cache->landed, &attributes);
	pthread_condattr_destroy(&attributes);
	cache->entries = g_hash_table_new(g_str_hash, g_str_equal);
	return cache;
}

static size_t entry_bytes(const struct entry *entry)
{
	return entry->current ? entry->current->length : 0;
}

/* From here on with the lock held, unless said otherwise. */
static void entry_let_go(struct entry *entry)
{
	if (--entry->holders > 0)
		return;
	cached_document_unref(entry->current);
	g_free(entry->key);
	g_free(entry->owner);
	g_free(entry);
}

static void entry_drop(struct document_cache *cache, struct entry *entry)
{
	cache->bytes -= entry_bytes(entry);
	entry->kept = false;
	g_hash_table_remove(cache->entries, entry->key);
	entry_let_go(entry);
}

static void entry_keep(struct document_cache *cache, struct entry *entry, const struct cached_document *document)
{
	size_t before = entry_bytes(entry);

	cached_document_unref(entry->current);
	entry->current = document;
	if (entry->kept)
		cache->bytes += entry_bytes(entry) - before;
}

/* The one used longest ago that nobody is fetching, of this owner or (NULL) of all. */
static struct entry *entry_oldest(const struct document_cache *cache, const char *owner, const struct entry *but, unsigned *ret_count)
{
	struct entry *entry, *oldest = NULL;
	GHashTableIter each;

	*ret_count = 0;
	g_hash_table_iter_init(&each, cache->entries);
	while (g_hash_table_iter_next(&each, NULL, (void **)&entry)) {
		if (owner && strcmp(entry->owner, owner) != 0)
			continue;
		++*ret_count;
		if (entry != but && !entry->flying && (!oldest || entry->used < oldest->used))
			oldest = entry;
	}
	return oldest;
}

/* An owner with many documents pushes out his own first. */
static void cache_trim(struct document_cache *cache, const struct entry *newest)
{
	unsigned count;
	struct entry *oldest = entry_oldest(cache, newest->owner, newest, &count);

	if (count > OWNER_ENTRIES_MAX && oldest)
		entry_drop(cache, oldest);
	while ((g_hash_table_size(cache->entries) > cache->options.entries_max || cache->bytes > cache->options.bytes_max) &&
	       (oldest = entry_oldest(cache, NULL, newest, &count)))
		entry_drop(cache, oldest);
}

static char *entry_key(const struct document_request *request)
{
	return g_strdup_printf("%s\n%s", request->owner, request->url);
}

static struct entry *entry_enter(struct document_cache *cache, const struct document_request *request)
{
	g_autofree char *key = entry_key(request);
	struct entry *entry = g_hash_table_lookup(cache->entries, key);

	if (!entry) {
		entry = g_new0(struct entry, 1);
		entry->key = g_steal_pointer(&key);
		entry->owner = g_strdup(request->owner);
		entry->holders = 1;
		entry->kept = true;
		g_hash_table_insert(cache->entries, entry->key, entry);
		cache_trim(cache, entry);
	}
	entry->holders++;
	entry->used = ++cache->askings;
	return entry;
}

/* Without the lock. FETCH_OK: *ret is a good document. */
static enum fetch_result document_fetch(struct document_cache *cache, const struct document_request *request, int64_t deadline_ms, struct fetch_reply *reply,
                                        const struct cached_document **ret)
{
	const struct fetch_request asked = {.url = request->url, .declared_host = request->declared_host,
	                                    .accept = request->accept ? request->accept : "application/json", .max_bytes = request->max_bytes,
	                                    .deadline_ms = deadline_ms, .checks = request->checks};
	enum fetch_result result = fetch(cache->fetcher, &asked, reply);
	g_autoptr(GError) error = NULL;

	if (result != FETCH_OK)
		return result;
	if (reply->status != 200) {
		g_snprintf(reply->trouble, sizeof reply->trouble, "status %d, expected 200", reply->status);
		return FETCH_MALFORMED;
	}
	if (request->is_good && !request->is_good(reply->body, reply->length, request->data, &error)) {
		g_strlcpy(reply->trouble, error ? error->message : "not the document that was expected", sizeof reply->trouble);
		return FETCH_MALFORMED;
	}
	*ret = document_new(reply);
	return FETCH_OK;
}

/* What the headers say and what the document says of itself, within the bounds. */
static int64_t fresh_for(const struct document_cache *cache, const struct document_request *request, const struct fetch_reply *reply)
{
	int64_t own_ms = request->own_fresh_ms ? *request->own_fresh_ms : -1;
	int64_t said_ms = own_ms < 0 ? reply->fresh_ms : reply->fresh_ms < 0 ? own_ms : MIN(own_ms, reply->fresh_ms);

	return CLAMP(said_ms, cache->options.fresh_min_ms, cache->options.fresh_max_ms);
}

/* Fetches with the lock given up meanwhile, and tells whoever waits. `hurried`: the caller left so little time that a failure says nothing. */
static void entry_fly(struct document_cache *cache, struct entry *entry, const struct document_request *request)
{
	int64_t now_ms = clock_monotonic_ms(), deadline_ms = entry->current ? MIN(request->deadline_ms, now_ms + REFRESH_MS) : request->deadline_ms;
	bool hurried = request->deadline_ms - now_ms < REFRESH_MS;
	const struct cached_document *document = NULL;
	g_auto(fetch_reply_t) reply = {0};

	entry->flying = true;
	pthread_mutex_unlock(&cache->lock);
	enum fetch_result result = document_fetch(cache, request, deadline_ms, &reply, &document);
	pthread_mutex_lock(&cache->lock);
	entry->flying = false;
	now_ms = clock_monotonic_ms();
	entry->failure = result;
	g_strlcpy(entry->trouble, reply.trouble, sizeof entry->trouble);
	if (result == FETCH_OK) {
		entry_keep(cache, entry, document);
		entry->fresh_until_ms = now_ms + fresh_for(cache, request, &reply);
		entry->stale_until_ms = entry->fresh_until_ms + cache->options.stale_max_ms;
		entry->pause_until_ms = 0;
		cache_trim(cache, entry);
	} else if (!hurried) {
		entry->pause_until_ms = now_ms + cache->options.retry_after_ms / (entry->current ? 1 : 12);
	}
	pthread_cond_broadcast(&cache->landed);
}

/* False when the deadline passed. */
static bool landing_await(struct document_cache *cache, int64_t deadline_ms)
{
	const struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = (deadline_ms % 1000) * 1000000};

	return pthread_cond_timedwait(&cache->landed, &cache->lock, &until) != ETIMEDOUT;
}

static enum fetch_result give(const struct cached_document *document, const struct cached_document **ret)
{
	*ret = cached_document_ref(document);
	return FETCH_OK;
}

static enum fetch_result excuse(enum fetch_result result, const char *text, char *trouble)
{
	if (trouble)
		g_strlcpy(trouble, text, 256);
	return result;
}

/* Whether the copy is given without asking anybody: it is fresh, somebody asks already, or asking failed lately. */
static bool entry_serves(const struct entry *entry, int64_t now_ms)
{
	return entry->current && (now_ms < entry->fresh_until_ms || entry->flying || now_ms < entry->pause_until_ms);
}

static enum fetch_result entry_get(struct document_cache *cache, struct entry *entry, const struct document_request *request, const struct cached_document **ret,
                                   char *trouble)
{
	bool flown = false;

	for (;;) {
		int64_t now_ms = clock_monotonic_ms();
		if (entry->current && now_ms >= entry->stale_until_ms)
			entry_keep(cache, entry, NULL);
		if (entry_serves(entry, now_ms) || (entry->current && flown))
			return give(entry->current, ret);
		if (flown || (!entry->flying && now_ms < entry->pause_until_ms))
			return excuse(entry->failure, entry->trouble, trouble);
		if (!entry->flying) {
			entry_fly(cache, entry, request);
			flown = true;
		} else if (!landing_await(cache, request->deadline_ms)) {
			return excuse(FETCH_UNAVAILABLE, "no answer in time to whoever asked first", trouble);
		}
	}
}

static enum fetch_result entry_renew(struct document_cache *cache, struct entry *entry, const struct document_request *request, const struct cached_document *seen,
                                     const struct cached_document **ret, char *trouble)
{
	for (;;) {
		int64_t now_ms = clock_monotonic_ms();
		if (entry->current && entry->current != seen)
			return give(entry->current, ret);
		if (entry->flying && landing_await(cache, request->deadline_ms))
			continue;
		bool asked_lately = entry->forced_ms != 0 && now_ms - entry->forced_ms < cache->options.forced_pause_ms;
		if (entry->flying || asked_lately || now_ms < entry->pause_until_ms) {
			excuse(entry->failure, entry->trouble, trouble);
			return give(seen, ret);
		}
		entry->forced_ms = now_ms;
		entry_fly(cache, entry, request);
	}
}

/* Always asks; a good answer is kept, a bad one changes nothing for the others. */
static enum fetch_result document_probe(struct document_cache *cache, const struct document_request *request, const struct cached_document **ret, char *trouble)
{
	g_auto(fetch_reply_t) reply = {0};
	enum fetch_result result = document_fetch(cache, request, request->deadline_ms, &reply, ret);

	return result == FETCH_OK ? result : excuse(result, reply.trouble, trouble);
}

enum fetch_result document_get(struct document_cache *cache, const struct document_request *request, const struct cached_document **ret, char trouble[256])
{
	if (request->checks)
		return document_probe(cache, request, ret, trouble);
	pthread_mutex_lock(&cache->lock);
	struct entry *entry = entry_enter(cache, request);
	enum fetch_result result = entry_get(cache, entry, request, ret, trouble);
	entry_let_go(entry);
	pthread_mutex_unlock(&cache->lock);
	return result;
}

enum fetch_result document_renew(struct document_cache *cache, const struct document_request *request, const struct cached_document *seen,
                                 const struct cached_document **ret, char trouble[256])
{
	if (!seen || request->checks)
		return document_get(cache, request, ret, trouble);
	pthread_mutex_lock(&cache->lock);
	struct entry *entry = entry_enter(cache, request);
	enum fetch_result result = entry_renew(cache, entry, request, seen, ret, trouble);
	entry_let_go(entry);
	pthread_mutex_unlock(&cache->lock);
	return result;
}

const struct cached_document *document_at_hand(struct document_cache *cache, const struct document_request *request, bool old_too)
{
	g_autofree char *key = entry_key(request);
	const struct cached_document *document = NULL;
	int64_t now_ms = clock_monotonic_ms();

	pthread_mutex_lock(&cache->lock);
	struct entry *entry = g_hash_table_lookup(cache->entries, key);
	if (entry && entry->current && now_ms < entry->stale_until_ms && (old_too || entry_serves(entry, now_ms))) {
		entry->used = ++cache->askings;
		document = cached_document_ref(entry->current);
	}
	pthread_mutex_unlock(&cache->lock);
	return document;
}

void document_forget(struct document_cache *cache, const char *owner)
{
	g_autoptr(GPtrArray) theirs = g_ptr_array_new();
	struct entry *entry;
	GHashTableIter each;

	pthread_mutex_lock(&cache->lock);
	g_hash_table_iter_init(&each, cache->entries);
	while (g_hash_table_iter_next(&each, NULL, (void **)&entry))
		if (strcmp(entry->owner, owner) == 0)
			g_ptr_array_add(theirs, entry);
	for (guint i = 0; i < theirs->len; i++)
		entry_drop(cache, g_ptr_array_index(theirs, i));
	pthread_mutex_unlock(&cache->lock);
}

void document_cache_free(struct document_cache *cache)
{
	struct entry *entry;
	GHashTableIter each;

	if (!cache)
		return;
	g_hash_table_iter_init(&each, cache->entries);
	while (g_hash_table_iter_next(&each, NULL, (void **)&entry))
		entry_let_go(entry);
	g_hash_table_unref(cache->entries);
	pthread_cond_destroy(&cache->landed);
	pthread_mutex_destroy(&cache->lock);
	g_free(cache);
}
