/* The root keys in memory, and the keys of the purposes by HKDF. The file is root_keys_file.c's. */
#include "crypto/root_keys.h"
#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/root_keys_internal.h"
#include <string.h>

struct root_key {
	char id[ROOT_KEY_ID_MAX + 1];
	struct secret *bytes;
};

/* Newest first, as in the file. */
struct root_keys {
	GArray *list;
};

static void root_key_clear(void *data)
{
	struct root_key *key = data;
	secret_free(key->bytes);
}

struct root_keys *root_keys_empty(void)
{
	struct root_keys *keys = g_new0(struct root_keys, 1);
	keys->list = g_array_new(FALSE, TRUE, sizeof(struct root_key));
	g_array_set_clear_func(keys->list, root_key_clear);
	return keys;
}

void root_keys_free(struct root_keys *keys)
{
	if (!keys)
		return;
	g_array_unref(keys->list);
	g_free(keys);
}

static const struct root_key *root_key_find(const struct root_keys *keys, const char *id)
{
	for (unsigned i = 0; i < keys->list->len; i++) {
		const struct root_key *key = &g_array_index(keys->list, struct root_key, i);
		if (strcmp(key->id, id) == 0)
			return key;
	}
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
	if (!root_key_id_is_valid(id) || root_key_find(keys, id))
		return false;
	struct root_key key = { .bytes = secret_new(bytes, ROOT_KEY_SIZE) };
	g_strlcpy(key.id, id, sizeof key.id);
	g_array_append_val(keys->list, key);
	return true;
}

struct root_keys *root_keys_from_bytes(const char *id, const uint8_t bytes[32])
{
	struct root_keys *keys = root_keys_empty();
	if (!root_keys_add(keys, id, bytes))
		g_clear_pointer(&keys, root_keys_free);
	return keys;
}

const char *root_keys_current(const struct root_keys *keys)
{
	return g_array_index(keys->list, struct root_key, 0).id;
}

bool root_keys_derive(const struct root_keys *keys, const char *id, const char *purpose, uint8_t out[DERIVED_KEY_SIZE])
{
	const struct root_key *key = root_key_find(keys, id);
	if (!key)
		return false;
	digest_hkdf(secret_bytes(key->bytes), secret_length(key->bytes), purpose, out, DERIVED_KEY_SIZE);
	return true;
}

bool root_keys_fingerprint(const struct root_keys *keys, const char *id, char out[17])
{
	uint8_t derived[DERIVED_KEY_SIZE];
	if (!root_keys_derive(keys, id, "fingerprint", derived))
		return false;
	hex_encode(derived, 8, out);
	return true;
}
