/* What the front reads, in memory: tenants by issuer and name, clients, resources, keyrings, and whether grants, sessions and accounts are still alive.
 *
 * cache_refresh is called once a request: it compares the store's shared counter with the one last seen (one atomic read) and, when it moved, reads the
 * new `change` rows and drops what they name, before anything is answered. So a change made by a command holds for every request accepted afterwards.
 * Misses read inline on SQLite. Every getter returns a reference the caller gives back, or says MISSING or BROKEN. Bounded: the oldest entries leave.
 */
#pragma once
#include "gateway/store/store.h"

struct cache;

struct cache *cache_new(struct store *store, size_t entries_max);
void cache_free(struct cache *cache);
/* False: the store is broken, nothing in memory may be trusted. */
bool cache_refresh(struct cache *cache, GError **error);
/* Called, on the refreshing thread, for every change row; register before the server starts. */
void cache_subscribe(struct cache *cache, void (*changed)(const struct change *change, void *data), void *data);

enum found cache_tenant_by_issuer(struct cache *cache, const char *issuer, struct tenant **ret, GError **error);
enum found cache_tenant_by_name(struct cache *cache, const char *name, struct tenant **ret, GError **error);
/* True when some tenant's issuer has this authority ("host" or "host:port", lower case): else 421. */
bool cache_host_known(struct cache *cache, const char *authority);
enum found cache_client(struct cache *cache, const char *tenant, const char *client_id, struct client **ret, GError **error);
enum found cache_resource(struct cache *cache, const char *tenant, const char *identifier, struct resource **ret, GError **error);
/* Never MISSING: a tenant without keys has an empty ring. */
enum found cache_keyring(struct cache *cache, const char *tenant, struct keyring **ret, GError **error);
