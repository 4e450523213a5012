/* The root keys in memory, and the keys of the purposes by HKDF. The file is root_keys_file.c's.
 *
 * A list of keys is never changed once it is shared: another file means another list, put in its place. The lists before it are kept until all go, since ids are
 * borrowed from them and nobody counts who still reads.
 */
#include "crypto/root_keys.h"
#include "base/encoding.h"
#include "crypto/compare.h"
#include "crypto/root_keys_internal.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct root_key {
	char id[ROOT_KEY_ID_MAX + 1];
	struct secret *bytes;
};

struct root_keys {
	_Atomic(GArray *) list;  /* of struct root_key, newest first, as in the file */
	GPtrArray *lists;        /* this one and all before it */
	pthread_mutex_t lock;    /* of what follows, and for putting a list in place */
	struct root_keys_file file;
};

static void root_key_clear(void *data)
{
	struct root_key *key = data;
	secret_free(key->bytes);
}

static GArray *list_new(void)
{
	GArray *list = g_array_new(FALSE, TRUE, sizeof(struct root_key));
	g_array_set_clear_func(list, root_key_clear);
	return list;
}

static void list_free(void *list)
{
	g_array_unref(list);
}

struct root_keys *root_keys_empty(void)
{
	struct root_keys *keys = g_new0(struct root_keys, 1);
	GArray *list = list_new();
	keys->lists = g_ptr_array_new_with_free_func(list_free);
	g_ptr_array_add(keys->lists, list);
	atomic_init(&keys->list, list);
	pthread_mutex_init(&keys->lock, NULL);
	return keys;
}

void root_keys_free(struct root_keys *keys)
{
	if (!keys)
		return;
	g_ptr_array_unref(keys->lists);
	pthread_mutex_destroy(&keys->lock);
	g_free(keys->file.path);
	g_free(keys);
}

static const GArray *list_of(const struct root_keys *keys)
{
	return atomic_load_explicit(&((struct root_keys *)(uintptr_t)keys)->list, memory_order_acquire);
}

static const struct root_key *list_at(const GArray *list, unsigned index)
{
	return &g_array_index(list, struct root_key, index);
}

static const struct root_key *list_find(const GArray *list, const char *id)
{
	for (unsigned i = 0; i < list->len; i++)
		if (strcmp(list_at(list, i)->id, id) == 0)
			return list_at(list, i);
	return NULL;
}

bool root_key_id_is_valid(const char *id)
{
	size_t length = strlen(id);
	if (length == 0 || length > ROOT_KEY_ID_MAX)
		return false;
	for (const char *c = id; *c; c++)
		if (!g_ascii_isalnum(*c) && *c != '-')
			return false;
	return true;
}

bool root_keys_add(struct root_keys *keys, const char *id, const uint8_t bytes[ROOT_KEY_SIZE])
{
	GArray *list = atomic_load(&keys->list);
	if (!root_key_id_is_valid(id) || list_find(list, id))
		return false;
	struct root_key key = { .bytes = secret_new(bytes, ROOT_KEY_SIZE) };
	g_strlcpy(key.id, id, sizeof key.id);
	g_array_append_val(list, key);
	return true;
}

struct root_keys *root_keys_from_bytes(const char *id, const uint8_t bytes[32])
{
	struct root_keys *keys = root_keys_empty();
	if (!root_keys_add(keys, id, bytes))
		g_clear_pointer(&keys, root_keys_free);
	return keys;
}

struct root_keys_file *root_keys_file_of(struct root_keys *keys)
{
	return &keys->file;
}

/* --- another file --- */

/* Whether `list` has every key of `before`, the same bytes under the same id. */
static bool list_holds(const GArray *list, const GArray *before)
{
	for (unsigned i = 0; i < before->len; i++) {
		const struct root_key *old = list_at(before, i), *now = list_find(list, old->id);
		if (!now || !secrets_equal(secret_bytes(now->bytes), ROOT_KEY_SIZE, secret_bytes(old->bytes), ROOT_KEY_SIZE))
			return false;
	}
	return true;
}

static bool list_same(const GArray *a, const GArray *b)
{
	for (unsigned i = 0; i < a->len && a->len == b->len; i++)
		if (strcmp(list_at(a, i)->id, list_at(b, i)->id) != 0)
			return false;
	return a->len == b->len && list_holds(a, b);
}

/* With the lock. A file that says the same changes nothing, so that reading it often keeps nothing more. */
static void list_put(struct root_keys *keys, struct root_keys *fresh)
{
	if (!list_same(list_of(keys), list_of(fresh))) {
		GArray *list = g_ptr_array_steal_index(fresh->lists, 0);
		g_ptr_array_add(keys->lists, list);
		atomic_store_explicit(&keys->list, list, memory_order_release);
	}
	g_free(keys->file.path);
	keys->file = fresh->file;
	fresh->file.path = NULL;
}

void root_keys_replace(struct root_keys *keys, struct root_keys *fresh)
{
	pthread_mutex_lock(&keys->lock);
	list_put(keys, fresh);
	pthread_mutex_unlock(&keys->lock);
	root_keys_free(fresh);
}

/* Somebody sealed with a key that we do not have: a line was added meanwhile. Only additions are taken over so; that a line is gone takes effect where it is
 * checked that nothing needs it. */
static void look_again(struct root_keys *keys)
{
	pthread_mutex_lock(&keys->lock);
	struct root_keys *fresh = keys->file.path && root_keys_file_changed(&keys->file) ? root_keys_read(keys->file.path, NULL) : NULL;
	if (fresh && list_holds(list_of(fresh), list_of(keys)))
		list_put(keys, fresh);
	pthread_mutex_unlock(&keys->lock);
	root_keys_free(fresh);
}

static const struct root_key *root_key_find(const struct root_keys *keys, const char *id)
{
	const struct root_key *key = list_find(list_of(keys), id);
	if (key)
		return key;
	look_again((struct root_keys *)(uintptr_t)keys);
	return list_find(list_of(keys), id);
}

/* --- deriving --- */

static void derive(const struct root_key *key, const char *purpose, uint8_t out[DERIVED_KEY_SIZE])
{
	digest_hkdf(secret_bytes(key->bytes), secret_length(key->bytes), purpose, out, DERIVED_KEY_SIZE);
}

const char *root_keys_current(const struct root_keys *keys)
{
	return list_at(list_of(keys), 0)->id;
}

const char *root_keys_id(const struct root_keys *keys, unsigned index)
{
	const GArray *list = list_of(keys);
	return index < list->len ? list_at(list, index)->id : NULL;
}

const char *root_keys_derive_current(const struct root_keys *keys, const char *purpose, uint8_t out[DERIVED_KEY_SIZE])
{
	const struct root_key *key = list_at(list_of(keys), 0);
	derive(key, purpose, out);
	return key->id;
}

bool root_keys_derive(const struct root_keys *keys, const char *id, const char *purpose, uint8_t out[DERIVED_KEY_SIZE])
{
	const struct root_key *key = root_key_find(keys, id);
	if (key)
		derive(key, purpose, out);
	return key;
}

bool root_keys_fingerprint(const struct root_keys *keys, const char *id, char out[17])
{
	uint8_t derived[DERIVED_KEY_SIZE];
	if (!root_keys_derive(keys, id, "fingerprint", derived))
		return false;
	hex_encode(derived, 8, out);
	return true;
}

static void mac_make(const struct root_key *key, const char *purpose, const uint8_t digest[DIGEST_SIZE], uint8_t out[DIGEST_SIZE])
{
	uint8_t derived[DERIVED_KEY_SIZE];
	derive(key, purpose, derived);
	digest_hmac(derived, sizeof derived, digest, DIGEST_SIZE, out);
	wipe(derived, sizeof derived);
}

void root_keys_mac(const struct root_keys *keys, const char *purpose, struct digest_parts *parts, uint8_t out[DIGEST_SIZE])
{
	uint8_t digest[DIGEST_SIZE];
	digest_parts_finish(parts, digest);
	mac_make(list_at(list_of(keys), 0), purpose, digest, out);
}

bool root_keys_mac_holds(const struct root_keys *keys, const char *purpose, struct digest_parts *parts, const uint8_t *shown, size_t length)
{
	const GArray *list = list_of(keys);
	uint8_t digest[DIGEST_SIZE], mac[DIGEST_SIZE];
	bool holds = false;
	digest_parts_finish(parts, digest);
	for (unsigned i = 0; i < list->len && length >= ROOT_KEYS_MAC_MIN && length <= sizeof mac; i++) {
		mac_make(list_at(list, i), purpose, digest, mac);
		holds = secrets_equal(mac, length, shown, length) || holds;
	}
	return holds;
}
