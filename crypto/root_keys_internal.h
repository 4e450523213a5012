/* What root_keys.c (keys in memory) and root_keys_file.c (their file) share. */
#pragma once
#include "crypto/root_keys.h"

#include <sys/stat.h>

#define ROOT_KEY_SIZE 32

/* Where keys were read from, and what that file was then. */
struct root_keys_file {
	char *path; /* NULL: nowhere */
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};
struct root_keys_file *root_keys_file_of(struct root_keys *keys);
/* Whether there is another file now, or it was written to. */
bool root_keys_file_changed(const struct root_keys_file *file);

struct root_keys *root_keys_empty(void);
/* False when the id is malformed or known already. */
bool root_keys_add(struct root_keys *keys, const char *id, const uint8_t bytes[ROOT_KEY_SIZE]);
/* [A-Za-z0-9-]: the id stands between dots in sealed values and between commas in password strings. */
bool root_key_id_is_valid(const char *id);
