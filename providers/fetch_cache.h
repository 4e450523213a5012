/* Documents of others that many sign-ins need: discovery, key sets, metadata. Fetched once, kept while their cache headers say (within bounds), shared unchanged.
 *
 * A good copy is never given up for a bad one: where a refresh fails, or brings what the caller's `is_good` does not take, the old copy goes on being served
 * (SECURITY OP-9). Whoever asks while the first fetch of a document is under way waits for that one. Each owner has copies of its own, so that no tenant's provider
 * decides what another tenant sees.
 */
#pragma once
#include "providers/fetch.h"

/* Zeros: the standards. */
struct document_cache_options {
	size_t entries_max;                     /* 2,048 */
	size_t bytes_max;                       /* 64 MiB */
	int64_t fresh_min_ms, fresh_max_ms;     /* 5 min and 24 h: bounds of what the headers say; the lower one where they say nothing */
	int64_t stale_max_ms;                   /* 7 days: how much longer a copy that can not be renewed is served */
	int64_t retry_after_ms;                 /* 60 s, with a copy at hand: pause after a refresh that failed; a twelfth of it without one */
	int64_t forced_pause_ms;                /* 60 s between two document_renew of one document that really ask */
};

struct document_cache;
/* Borrows the fetcher, which must outlive it. `options` may be NULL. */
struct document_cache *document_cache_new(struct fetcher *fetcher, const struct document_cache_options *options);
/* Takes NULL. Nobody may be in it. */
void document_cache_free(struct document_cache *cache);
typedef struct document_cache document_cache_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(document_cache_t, document_cache_free)

/* Immutable, shared, counted. */
struct cached_document {
	const char *body; /* a NUL stands behind the last byte */
	size_t length;
	int64_t fetched_ms; /* clock_monotonic_ms() */
};
const struct cached_document *cached_document_ref(const struct cached_document *document);
void cached_document_unref(const struct cached_document *document);
typedef const struct cached_document cached_document_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(cached_document_t, cached_document_unref)

struct document_request {
	const char *owner;          /* tenant and provider, e.g. "tenant id/provider name": whose copy it is */
	const char *url;
	const char *declared_host;  /* as in fetch.h */
	const char *accept;         /* NULL: application/json */
	size_t max_bytes;
	/* Whether the body is what it should be; called by the asking thread without any lock, only where the status was 200. NULL: any 200 is good. *error says why not. */
	bool (*is_good)(const char *body, size_t length, void *data, GError **error);
	void *data;
	/* How long the body itself says it may be kept, set by is_good, -1: it does not say. The shorter of this and the headers' counts. NULL: the headers' alone. */
	const int64_t *own_fresh_ms;
	int64_t deadline_ms;
	struct checks *checks;      /* with it the document is always fetched: `provider test` */
};

/* FETCH_OK with *ret (caller unrefs), perhaps an old copy; else why there is none: as fetch says, FETCH_MALFORMED also for a status that is not 200 or a bad body.
 * `trouble` (may be NULL) then says it for the log. */
enum fetch_result document_get(struct document_cache *cache, const struct document_request *request, const struct cached_document **ret, char trouble[256]);
/* The copy that document_get would give without asking or waiting, with `old_too` any that it might still serve. Caller unrefs. NULL: there is none. */
const struct cached_document *document_at_hand(struct document_cache *cache, const struct document_request *request, bool old_too);
/* The same for somebody who knows that `seen` is too old, because a key id is not in it. Another copy that came meanwhile is given without asking; else one fetch a
 * minute is made for all who ask. FETCH_OK with *ret == seen (another reference) means: there is nothing newer; `trouble` is then "", or why the last asking failed. */
enum fetch_result document_renew(struct document_cache *cache, const struct document_request *request, const struct cached_document *seen,
                                 const struct cached_document **ret, char trouble[256]);
/* A provider or tenant is gone, or its settings changed. */
void document_forget(struct document_cache *cache, const char *owner);
