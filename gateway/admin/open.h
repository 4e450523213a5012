/* Opening the store as the configuration says, for `serve` and for every command. */
#pragma once
#include "gateway/admin/command.h"
#include "gateway/store/store.h"

/* Makes the folder a file is to stand in, 0700. */
bool folder_make(const char *file, GError **error);
/* With `create`, a missing store is made, and then (only then) a missing key file beside it: against a store that has data a fresh key would lock
 * everything sealed in it away. The folders are made 0700. The caller closes the store, then frees the keys. False with *error, both untouched. */
bool store_open_configured(const struct command_setting *setting, bool create, struct store **ret_store, struct root_keys **ret_keys, GError **error);
/* The lines of the secret key file, newest first: [{"id", "state": newest, needed or free, "uses": {…}, "needed_for": words}]. Reads the tables through. NULL with
 * *error; caller owns. */
json_t *secret_keys_standing(struct unit *unit, const struct root_keys *keys, GError **error);
