/* SQLite's registration with the conformance suite: all that a backend needs. */
#include "sqlite.h"

static char *folder;
static struct root_keys *keys;

static void sqlite_wipe(void)
{
	if (folder)
		folder_remove(folder);
	root_keys_free(keys);
	folder = NULL;
	keys = NULL;
}

static struct store *sqlite_open(void)
{
	if (!folder) {
		folder = folder_make();
		keys = keys_of(1);
	}
	g_autofree char *address = address_in(folder);
	struct store *store = NULL;
	GOOD((store = store_at(address, keys, &error)));
	return store;
}

const struct backend sqlite_backend = { "sqlite", sqlite_open, sqlite_wipe };
