/* What root_keys.c (keys in memory) and root_keys_file.c (their file) share. */
#pragma once
#include "crypto/root_keys.h"

#define ROOT_KEY_SIZE 32

struct root_keys *root_keys_empty(void);
/* False when the id is malformed or known already. */
bool root_keys_add(struct root_keys *keys, const char *id, const uint8_t bytes[ROOT_KEY_SIZE]);
/* [A-Za-z0-9-]: the id stands between dots in sealed values and between commas in password strings. */
bool root_key_id_is_valid(const char *id);
