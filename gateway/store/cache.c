/* The front's memory of tenants, clients, resources and keyrings.
 *
 * One table under a reader-writer lock; entries leave oldest first. A refresh reads the counter before the rows, so whatever the counter had announced is
 * among them; it drops what they name and raises the generation. A value is kept only if no refresh dropped anything since its load began: else a load
 * from before a change could be put in after the change's row has been read, and would stay wrong for ever.
 */
#include "gateway/store/cache.h"
#include "base/counters.h"
#include "base/url.h"
#include "gateway/store/unit.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* More changes than this at once: dropping everything is cheaper than looking for each. */
#define CHANGES_NAMED_MAX 256

enum kind { KIND_TENANT_BY_ISSUER, KIND_TENANT_BY_NAME, KIND_CLIENT, KIND_RESOURCE, KIND_KEYRING };

struct entry {
	enum kind kind;
	const char *tenant, *id; /* what it is looked up by; `tenant` is "" for tenants themselves */
	void *value;             /* one reference */
	GList *place;            /* in `order` */
};

struct subscriber {
	void (*changed)(const struct change *change, void *data);
	void *data;
};

struct cache {
	struct store *store;
	size_t entries_max;
	pthread_rwlock_t lock;  /* guards entries, order, hosts, generation */
	GHashTable *entries;    /* struct entry, by kind, tenant and id */
	GQueue order;           /* newest first */
	GHashTable *hosts;
	uint64_t generation;
	pthread_mutex_t refreshing; /* guards all below, but `seen` is read without it */
	_Atomic uint64_t seen;  /* the counter's value that memory is up to date with */
	bool started;
	int64_t seq;            /* the last change that was read */
	GArray *subscribers;
};

/* What differs between kinds. */
static void *value_ref(enum kind kind, void *value)
{
	switch (kind) {
	case KIND_TENANT_BY_ISSUER:
	case KIND_TENANT_BY_NAME:
		return tenant_ref(value);
	case KIND_CLIENT:
		return client_ref(value);
	case KIND_RESOURCE:
		return resource_ref(value);
	case KIND_KEYRING:
		return keyring_ref(value);
	}
	return NULL;
}

static void value_unref(enum kind kind, void *value)
{
	switch (kind) {
	case KIND_TENANT_BY_ISSUER:
	case KIND_TENANT_BY_NAME:
		tenant_unref(value);
		return;
	case KIND_CLIENT:
		client_unref(value);
		return;
	case KIND_RESOURCE:
		resource_unref(value);
		return;
	case KIND_KEYRING:
		keyring_free(value);
		return;
	}
}

struct ring_reading {
	struct keyring *ring;
	GError *error;
};

static bool ring_add(const struct signing_key *stored, void *data)
{
	struct ring_reading *reading = data;
	struct jose_key *key = jose_key_import(stored->algorithm, stored->pkcs8, &reading->error);
	if (key)
		keyring_add(reading->ring, key, stored->state);
	return key != NULL;
}

static enum found ring_load(struct unit *unit, const char *tenant, void **ret, GError **error)
{
	struct ring_reading reading = { .ring = keyring_new() };
	if (key_list(unit, tenant, ring_add, &reading, error) && !reading.error) {
		keyring_close(reading.ring);
		*ret = reading.ring;
		return FOUND;
	}
	if (reading.error)
		g_propagate_error(error, reading.error);
	keyring_free(reading.ring);
	return BROKEN;
}

static enum found value_load(struct unit *unit, const struct entry *wanted, void **ret, GError **error)
{
	struct tenant *tenant = NULL;
	struct client *client = NULL;
	struct resource *resource = NULL;
	enum found found = BROKEN;
	switch (wanted->kind) {
	case KIND_TENANT_BY_ISSUER:
		found = tenant_find_issuer(unit, wanted->id, &tenant, error);
		*ret = tenant;
		break;
	case KIND_TENANT_BY_NAME:
		found = tenant_find_named(unit, wanted->id, &tenant, error);
		*ret = tenant;
		break;
	case KIND_CLIENT:
		found = client_find(unit, wanted->tenant, wanted->id, &client, error);
		*ret = client;
		break;
	case KIND_RESOURCE:
		found = resource_find(unit, wanted->tenant, wanted->id, &resource, error);
		*ret = resource;
		break;
	case KIND_KEYRING:
		found = ring_load(unit, wanted->tenant, ret, error);
		break;
	}
	return found;
}

static guint entry_hash(gconstpointer data)
{
	const struct entry *entry = data;
	return (g_str_hash(entry->tenant) * 31 + g_str_hash(entry->id)) * 31 + (guint)entry->kind;
}

static gboolean entry_equal(gconstpointer a_data, gconstpointer b_data)
{
	const struct entry *a = a_data, *b = b_data;
	return a->kind == b->kind && strcmp(a->tenant, b->tenant) == 0 && strcmp(a->id, b->id) == 0;
}

static void entry_free(void *data)
{
	struct entry *entry = data;
	value_unref(entry->kind, entry->value);
	g_free((char *)(uintptr_t)entry->tenant);
	g_free((char *)(uintptr_t)entry->id);
	g_free(entry);
}

struct cache *cache_new(struct store *store, size_t entries_max)
{
	struct cache *cache = g_new0(struct cache, 1);
	cache->store = store;
	cache->entries_max = entries_max;
	pthread_rwlock_init(&cache->lock, NULL);
	pthread_mutex_init(&cache->refreshing, NULL);
	cache->entries = g_hash_table_new_full(entry_hash, entry_equal, entry_free, NULL);
	g_queue_init(&cache->order);
	cache->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	cache->subscribers = g_array_new(FALSE, FALSE, sizeof(struct subscriber));
	return cache;
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	g_hash_table_destroy(cache->entries);
	g_queue_clear(&cache->order);
	g_hash_table_destroy(cache->hosts);
	g_array_free(cache->subscribers, TRUE);
	pthread_mutex_destroy(&cache->refreshing);
	pthread_rwlock_destroy(&cache->lock);
	g_free(cache);
}

void cache_subscribe(struct cache *cache, void (*changed)(const struct change *change, void *data), void *data)
{
	struct subscriber subscriber = { changed, data };
	g_array_append_val(cache->subscribers, subscriber);
}

/* Called with the lock held for writing, like all that drops. */
static void entry_drop(struct cache *cache, struct entry *entry)
{
	g_queue_delete_link(&cache->order, entry->place);
	g_hash_table_remove(cache->entries, entry);
}

static void drop_named(struct cache *cache, enum kind kind, const char *tenant, const char *id)
{
	struct entry *entry = g_hash_table_lookup(cache->entries, &(struct entry){ .kind = kind, .tenant = tenant, .id = id });
	if (entry)
		entry_drop(cache, entry);
}

static bool entry_is_of(const struct entry *entry, const char *tenant)
{
	if (entry->kind == KIND_TENANT_BY_ISSUER || entry->kind == KIND_TENANT_BY_NAME)
		return strcmp(((const struct tenant *)entry->value)->id, tenant) == 0;
	return strcmp(entry->tenant, tenant) == 0;
}

static void drop_tenant(struct cache *cache, const char *tenant)
{
	for (GList *at = cache->order.head, *next; at; at = next) {
		next = at->next;
		if (entry_is_of(at->data, tenant))
			entry_drop(cache, at->data);
	}
}

static void drop_all(struct cache *cache)
{
	g_queue_clear(&cache->order);
	g_hash_table_remove_all(cache->entries);
}

static void drop(struct cache *cache, const struct change *change)
{
	if (strcmp(change->kind, "tenant") == 0)
		drop_tenant(cache, change->tenant);
	else if (strcmp(change->kind, "client") == 0)
		drop_named(cache, KIND_CLIENT, change->tenant, change->id);
	else if (strcmp(change->kind, "resource") == 0)
		drop_named(cache, KIND_RESOURCE, change->tenant, change->id);
	else if (strcmp(change->kind, "key") == 0)
		drop_named(cache, KIND_KEYRING, change->tenant, "");
	else if (strcmp(change->kind, "all") == 0)
		drop_all(cache);
	/* The rest (provider, account, session, grant, token) is held by subscribers. */
}

/* What a refresh has read, before any of it is applied. */
struct news {
	GPtrArray *changes; /* struct change */
	int64_t head;
	bool everything;    /* rows were purged, or there are too many */
	bool tenants;       /* the set of hosts may be another */
	GHashTable *hosts;
};

static void change_free(void *data)
{
	struct change *change = data;
	g_free(change->kind);
	g_free(change->id);
	g_free(change);
}

static void news_clear(struct news *news)
{
	g_clear_pointer(&news->changes, g_ptr_array_unref);
	g_clear_pointer(&news->hosts, g_hash_table_unref);
}
typedef struct news news_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(news_t, news_clear)

static bool news_add(const struct change *change, void *data)
{
	struct news *news = data;
	/* Numbers have no gaps: one that does not follow says that rows were purged before we read them. */
	if (change->seq != news->head + 1 || news->changes->len >= CHANGES_NAMED_MAX) {
		news->everything = true;
		return false;
	}
	news->head = change->seq;
	struct change *copy = g_new0(struct change, 1);
	copy->seq = change->seq;
	memcpy(copy->tenant, change->tenant, sizeof(copy->tenant));
	copy->kind = g_strdup(change->kind);
	copy->id = g_strdup(change->id);
	g_ptr_array_add(news->changes, copy);
	news->tenants |= strcmp(change->kind, "tenant") == 0;
	return true;
}

static bool host_add(const char *issuer, void *data)
{
	g_autoptr(url_t) url = url_parse(issuer, NULL);
	g_autofree char *origin = url ? url_origin(url) : NULL;
	const char *authority = origin ? strstr(origin, "://") : NULL;
	if (authority)
		g_hash_table_add(data, g_strdup(authority + 3));
	return true;
}

static bool news_read(struct cache *cache, struct news *news, GError **error)
{
	struct unit *unit = store_reader(cache->store, error);
	int64_t head;
	if (!unit || !change_head(unit, &head, error))
		return false;
	news->everything = !cache->started;
	if (!news->everything && !change_list(unit, cache->seq, news_add, news, error))
		return false;
	/* Purged to the last row, or a database that was put back from a backup. */
	if (news->head < head || head < cache->seq)
		news->everything = true;
	if (news->everything)
		news->head = head;
	if (!news->everything && !news->tenants)
		return true;
	news->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return tenant_issuers(unit, host_add, news->hosts, error);
}

static void news_apply(struct cache *cache, struct news *news)
{
	pthread_rwlock_wrlock(&cache->lock);
	cache->generation++;
	if (news->everything)
		drop_all(cache);
	for (guint i = 0; i < news->changes->len && !news->everything; i++)
		drop(cache, news->changes->pdata[i]);
	if (news->hosts) {
		g_hash_table_unref(cache->hosts);
		cache->hosts = g_steal_pointer(&news->hosts);
	}
	pthread_rwlock_unlock(&cache->lock);
}

static void news_tell(struct cache *cache, const struct news *news)
{
	static char kind[] = "all", none[] = "";
	struct change everything = { .seq = news->head, .kind = kind, .id = none };
	for (guint i = 0; i < cache->subscribers->len; i++) {
		const struct subscriber *subscriber = &g_array_index(cache->subscribers, struct subscriber, i);
		if (news->everything)
			subscriber->changed(&everything, subscriber->data);
		for (guint j = 0; j < news->changes->len && !news->everything; j++)
			subscriber->changed(news->changes->pdata[j], subscriber->data);
	}
}

/* Called with `refreshing` held. */
static bool refresh(struct cache *cache, GError **error)
{
	uint64_t counter = store_counter(cache->store); /* before the rows are read: they hold all it announced */
	if (cache->started && counter == atomic_load(&cache->seen))
		return true;
	g_auto(news_t) news = { .changes = g_ptr_array_new_with_free_func(change_free), .head = cache->seq };
	if (!news_read(cache, &news, error))
		return false;
	news_apply(cache, &news);
	news_tell(cache, &news);
	cache->seq = news.head;
	cache->started = true;
	atomic_store(&cache->seen, counter);
	return true;
}

bool cache_refresh(struct cache *cache, GError **error)
{
	if (atomic_load(&cache->seen) == store_counter(cache->store))
		return true;
	/* Whoever comes meanwhile waits: its answer must not be given from what is about to be dropped. */
	pthread_mutex_lock(&cache->refreshing);
	bool good = refresh(cache, error);
	pthread_mutex_unlock(&cache->refreshing);
	return good;
}

static void *lookup(struct cache *cache, const struct entry *wanted, uint64_t *ret_generation)
{
	pthread_rwlock_rdlock(&cache->lock);
	const struct entry *entry = g_hash_table_lookup(cache->entries, wanted);
	void *value = entry ? value_ref(wanted->kind, entry->value) : NULL;
	*ret_generation = cache->generation;
	pthread_rwlock_unlock(&cache->lock);
	return value;
}

static void keep(struct cache *cache, const struct entry *wanted, void *value, uint64_t generation)
{
	pthread_rwlock_wrlock(&cache->lock);
	if (cache->generation == generation && cache->entries_max > 0 && !g_hash_table_contains(cache->entries, wanted)) {
		while (cache->order.length >= cache->entries_max)
			entry_drop(cache, g_queue_peek_tail(&cache->order));
		struct entry *entry = g_new0(struct entry, 1);
		*entry = (struct entry){ .kind = wanted->kind, .tenant = g_strdup(wanted->tenant), .id = g_strdup(wanted->id) };
		entry->value = value_ref(wanted->kind, value);
		g_queue_push_head(&cache->order, entry);
		entry->place = cache->order.head;
		g_hash_table_add(cache->entries, entry);
	}
	pthread_rwlock_unlock(&cache->lock);
}

/* One reference to what is wanted, from memory or from the store; NULL unless FOUND. */
static enum found get(struct cache *cache, const struct entry *wanted, void **ret, GError **error)
{
	uint64_t generation;
	*ret = lookup(cache, wanted, &generation);
	counter_add(*ret ? COUNTER_CACHE_HIT : COUNTER_CACHE_LOAD);
	if (*ret)
		return FOUND;
	struct unit *unit = store_reader(cache->store, error);
	enum found found = unit ? value_load(unit, wanted, ret, error) : BROKEN;
	if (found == FOUND)
		keep(cache, wanted, *ret, generation);
	return found;
}

enum found cache_tenant_by_issuer(struct cache *cache, const char *issuer, struct tenant **ret, GError **error)
{
	void *value;
	enum found found = get(cache, &(struct entry){ .kind = KIND_TENANT_BY_ISSUER, .tenant = "", .id = issuer }, &value, error);
	if (found == FOUND)
		*ret = value;
	return found;
}

enum found cache_tenant_by_name(struct cache *cache, const char *name, struct tenant **ret, GError **error)
{
	void *value;
	enum found found = get(cache, &(struct entry){ .kind = KIND_TENANT_BY_NAME, .tenant = "", .id = name }, &value, error);
	if (found == FOUND)
		*ret = value;
	return found;
}

bool cache_host_known(struct cache *cache, const char *authority)
{
	pthread_rwlock_rdlock(&cache->lock);
	bool known = g_hash_table_contains(cache->hosts, authority);
	pthread_rwlock_unlock(&cache->lock);
	return known;
}

enum found cache_client(struct cache *cache, const char *tenant, const char *client_id, struct client **ret, GError **error)
{
	void *value;
	enum found found = get(cache, &(struct entry){ .kind = KIND_CLIENT, .tenant = tenant, .id = client_id }, &value, error);
	if (found == FOUND)
		*ret = value;
	return found;
}

enum found cache_resource(struct cache *cache, const char *tenant, const char *identifier, struct resource **ret, GError **error)
{
	void *value;
	enum found found = get(cache, &(struct entry){ .kind = KIND_RESOURCE, .tenant = tenant, .id = identifier }, &value, error);
	if (found == FOUND)
		*ret = value;
	return found;
}

enum found cache_keyring(struct cache *cache, const char *tenant, struct keyring **ret, GError **error)
{
	void *value;
	enum found found = get(cache, &(struct entry){ .kind = KIND_KEYRING, .tenant = tenant, .id = "" }, &value, error);
	if (found == FOUND)
		*ret = value;
	return found;
}
