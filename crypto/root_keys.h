/* The secret key file: the root of every key this gateway makes up. Lines "id base64(32 bytes)", newest first; every purpose has its own key
 * by HKDF-SHA-256 with the purpose's name as info. New values use the first line; old ones name the line they used.
 *
 * A line may be added while others use the file (root_keys_rotate): who meets a value under an id that he does not know reads the file again. A line that is gone is
 * given up by root_keys_replace only. Safe for use by many threads. */
#pragma once
#include "base/secret.h"
#include "crypto/digest.h"
#include <stdbool.h>
#include <stdint.h>

struct root_keys;

#define ROOT_KEY_ID_MAX 32
#define DERIVED_KEY_SIZE 32

/* Reads the file. NULL with *error: ERROR_NOT_FOUND when missing; ERROR_MALFORMED when unreadable, open to others (mode & 077), owned by another
 * user than us or root, malformed, or with an id twice. Ids are of [A-Za-z0-9-], at most 32. */
struct root_keys *root_keys_read(const char *path, GError **error);
/* Makes a file with one new key, mode 0600, fsync'ed, never over an existing file (ERROR_CONFLICT). */
bool root_keys_create(const char *path, GError **error);
/* For tests and tools: one key from 32 given bytes. NULL for a malformed id. */
struct root_keys *root_keys_from_bytes(const char *id, const uint8_t bytes[32]);
/* Takes over what `fresh` holds, and frees it. What was borrowed from `keys` stays good. */
void root_keys_replace(struct root_keys *keys, struct root_keys *fresh);
/* Adds a new line before all others, in a file that takes the place of this one: whoever reads it meanwhile reads the one or the other. ERROR_CONFLICT: another
 * does the same just now. Caller frees *ret_id. */
bool root_keys_rotate(const char *path, char **ret_id, GError **error);
void root_keys_free(struct root_keys *keys);

/* The id of the newest key. Borrowed. */
const char *root_keys_current(const struct root_keys *keys);
/* The id of each, newest first; NULL past the last. Borrowed. */
const char *root_keys_id(const struct root_keys *keys, unsigned index);
/* The newest key for a purpose, and whose it is (borrowed). */
const char *root_keys_derive_current(const struct root_keys *keys, const char *purpose, uint8_t out[DERIVED_KEY_SIZE]);
/* The key for a purpose under a given id. False when there is no such id. */
bool root_keys_derive(const struct root_keys *keys, const char *id, const char *purpose, uint8_t out[DERIVED_KEY_SIZE]);
/* A value that tells this key file from any other, without revealing it: kept in the store to refuse a wrong file at start.
 * One for each id; 16 hex digits. */
bool root_keys_fingerprint(const struct root_keys *keys, const char *id, char out[17]);

#define ROOT_KEYS_MAC_MIN 16
/* The MAC of the parts under the newest key for a purpose: for what a browser brings back. Frees the parts. */
void root_keys_mac(const struct root_keys *keys, const char *purpose, struct digest_parts *parts, uint8_t out[DIGEST_SIZE]);
/* Whether `shown` is that MAC, or its first ROOT_KEYS_MAC_MIN bytes or more, under any key of the file: what was given out before a rotation holds on. Frees the
 * parts. */
bool root_keys_mac_holds(const struct root_keys *keys, const char *purpose, struct digest_parts *parts, const uint8_t *shown, size_t length);
