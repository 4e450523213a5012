/* Opening the store as the configuration says: what may be made, and what must be there already. */
#include "gateway/admin/open.h"

#include <errno.h>
#include <string.h>

#define COMMIT_WAIT_MS 1000

bool folder_make(const char *file, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(file);
	if (g_mkdir_with_parents(folder, 0700) == 0)
		return true;
	return fail(error, ERROR_MALFORMED, "%s: %s", folder, g_strerror(errno));
}

static const char *store_path(const char *address)
{
	return g_str_has_prefix(address, "sqlite:") ? address + strlen("sqlite:") : NULL;
}

/* A key file is made only where there is no database at all. */
static bool ground_make(const struct command_setting *setting, GError **error)
{
	const char *path = store_path(setting->store);
	if (path && !folder_make(path, error))
		return false;
	if (g_file_test(setting->secret_key_file, G_FILE_TEST_EXISTS))
		return true;
	return folder_make(setting->secret_key_file, error) && root_keys_create(setting->secret_key_file, error);
}

static bool ground_check(const struct command_setting *setting, bool create, GError **error)
{
	enum found found = store_exists(setting->store, error);
	if (found == BROKEN)
		return false;
	if (found == MISSING && !create)
		return fail(error, ERROR_NOT_FOUND, "there is no store at %s yet: `passerelle serve` or `passerelle apply` makes one", setting->store);
	if (found == MISSING)
		return ground_make(setting, error);
	if (!g_file_test(setting->secret_key_file, G_FILE_TEST_EXISTS))
		return fail(error, ERROR_MALFORMED,
		            "%s is missing, and the store %s was sealed with it: put the file back from its backup (no new one is made against a store that has data)",
		            setting->secret_key_file, setting->store);
	return true;
}

bool store_open_configured(const struct command_setting *setting, bool create, struct store **ret_store, struct root_keys **ret_keys, GError **error)
{
	if (!ground_check(setting, create, error))
		return false;
	struct root_keys *keys = root_keys_read(setting->secret_key_file, error);
	if (!keys)
		return false;
	const struct store_options options = {
		.address = setting->store, .keys = keys, .node = g_get_host_name(), .commit_wait_ms = COMMIT_WAIT_MS, .create = create,
	};
	struct store *store = store_open(&options, error);
	if (!store) {
		root_keys_free(keys);
		return false;
	}
	*ret_store = store;
	*ret_keys = keys;
	return true;
}
