/* A tenant's signing keys: see keyring.h. */
#include "crypto/keyring.h"
#include <stdatomic.h>
#include <string.h>

#define ALGORITHMS (JOSE_ED25519 + 1)

struct entry {
	struct jose_key *key;
	enum key_state state;
};

struct keyring {
	atomic_int references;
	GArray *entries;
	const struct jose_key *signers[ALGORITHMS];
	char *jwks;
	size_t jwks_length;
};

static const char *const state_names[] = {
	[KEY_STATE_REVOKED] = "revoked",
	[KEY_STATE_NEXT] = "next",
	[KEY_STATE_ACTIVE] = "active",
	[KEY_STATE_RETIRED] = "retired",
};

const char *key_state_name(enum key_state state)
{
	return state_names[state];
}

enum key_state key_state_named(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(state_names); i++)
		if (g_strcmp0(state_names[i], name) == 0)
			return (enum key_state)i;
	return KEY_STATE_REVOKED;
}

static void entry_clear(void *data)
{
	struct entry *entry = data;
	jose_key_free(entry->key);
}

struct keyring *keyring_new(void)
{
	struct keyring *ring = g_new0(struct keyring, 1);
	atomic_init(&ring->references, 1);
	ring->entries = g_array_new(FALSE, TRUE, sizeof(struct entry));
	g_array_set_clear_func(ring->entries, entry_clear);
	return ring;
}

void keyring_add(struct keyring *ring, struct jose_key *key, enum key_state state)
{
	const struct entry entry = { key, state };
	g_array_append_val(ring->entries, entry);
	if (state == KEY_STATE_ACTIVE && !ring->signers[jose_key_algorithm(key)])
		ring->signers[jose_key_algorithm(key)] = key;
}

static void published_append(const struct keyring *ring, enum key_state state, json_t *list)
{
	for (unsigned i = 0; i < ring->entries->len; i++) {
		const struct entry *entry = &g_array_index(ring->entries, struct entry, i);
		if (entry->state == state)
			json_array_append_new(list, jose_key_public_jwk(entry->key));
	}
}

void keyring_close(struct keyring *ring)
{
	/* A key's life goes from next to active to retired, so this order is newest first whatever order they were added in. */
	g_autoptr(json_t) set = json_object();
	json_t *list = json_array();
	published_append(ring, KEY_STATE_NEXT, list);
	published_append(ring, KEY_STATE_ACTIVE, list);
	published_append(ring, KEY_STATE_RETIRED, list);
	json_object_set_new(set, "keys", list);
	g_free(ring->jwks);
	ring->jwks = json_text(set);
	ring->jwks_length = strlen(ring->jwks);
}

struct keyring *keyring_ref(struct keyring *ring)
{
	atomic_fetch_add_explicit(&ring->references, 1, memory_order_relaxed);
	return ring;
}

void keyring_free(struct keyring *ring)
{
	if (!ring || atomic_fetch_sub_explicit(&ring->references, 1, memory_order_acq_rel) != 1)
		return;
	g_array_unref(ring->entries);
	g_free(ring->jwks);
	g_free(ring);
}

const struct jose_key *keyring_signer(const struct keyring *ring, enum jose_algorithm algorithm)
{
	return ring->signers[algorithm];
}

const struct jose_key *keyring_find(const struct keyring *ring, const char *kid)
{
	for (unsigned i = 0; kid && i < ring->entries->len; i++) {
		const struct entry *entry = &g_array_index(ring->entries, struct entry, i);
		if (entry->state != KEY_STATE_REVOKED && strcmp(jose_key_id(entry->key), kid) == 0)
			return entry->key;
	}
	return NULL;
}

const char *keyring_jwks(const struct keyring *ring, size_t *ret_length)
{
	if (ret_length)
		*ret_length = ring->jwks_length;
	return ring->jwks;
}

unsigned keyring_algorithms(const struct keyring *ring)
{
	unsigned set = 0;
	for (unsigned i = JOSE_ES256; i < ALGORITHMS; i++)
		if (ring->signers[i])
			set |= 1u << i;
	return set;
}
