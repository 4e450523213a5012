/* `passerelle check`: the configuration, the key file and the store, in the order `serve` would meet them. It changes nothing: an empty folder is fine,
 * because `serve` makes what is missing there; a key file without its store is fine too; a store without its key file is not. */
#include "gateway/check.h"

#include "base/json.h"
#include "gateway/admin/command.h"
#include "gateway/admin/open.h"
#include "gateway/config.h"

#include <stdio.h>

struct seen {
	bool is_new;         /* there is no store yet */
	int64_t tenants;
	json_t *secret_keys; /* which lines of the secret key file are needed; NULL: it has one */
};

static bool tenant_count(const struct tenant *tenant, void *data)
{
	(void)tenant;
	((struct seen *)data)->tenants++;
	return true;
}

static bool store_look(const struct command_setting *setting, struct seen *seen, GError **error)
{
	struct store *store = NULL;
	struct root_keys *keys = NULL;
	if (!store_open_configured(setting, false, &store, &keys, error))
		return false;
	struct unit *unit = store_reader(store, error);
	bool done = unit && tenant_list(unit, tenant_count, seen, error) &&
	            (!root_keys_id(keys, 1) || (seen->secret_keys = secret_keys_standing(unit, keys, error)));
	store_close(store);
	root_keys_free(keys);
	return done;
}

/* What can be wrong in an empty folder: a key file that is there and unreadable. */
static bool key_file_look(const char *path, GError **error)
{
	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return true;
	struct root_keys *keys = root_keys_read(path, error);
	root_keys_free(keys);
	return keys;
}

static bool look(const struct config *config, struct seen *seen, GError **error)
{
	const struct command_setting setting = {
		.store = config->store,
		.secret_key_file = config->secret_key_file,
		.base_url = config->base_url,
		.password_hash = config->password_hash,
	};
	if (!http_certificates_check(config->tls, config->tls_count, error))
		return false;
	enum found found = store_exists(config->store, error);
	if (found == BROKEN)
		return false;
	seen->is_new = found == MISSING;
	return seen->is_new ? key_file_look(config->secret_key_file, error) : store_look(&setting, seen, error);
}

static void found_print(const struct config *config, const struct seen *seen, bool json)
{
	if (json) {
		g_autoptr(json_t) object = json_pack("{s:s?, s:s, s:s, s:s, s:b, s:I}", "config", config->file, "base_url", config->base_url, "store",
		                                     config->store, "secret_key_file", config->secret_key_file, "new", seen->is_new, "tenants", (json_int_t)seen->tenants);
		if (seen->secret_keys)
			json_object_set(object, "secret_keys", seen->secret_keys);
		g_autofree char *text = json_text(object);
		puts(text);
		return;
	}
	printf("config           %s\n", config->file ? config->file : "built-in defaults (no file found)");
	printf("base_url         %s\n", config->base_url);
	printf("store            %s%s\n", config->store, seen->is_new ? " (not there yet: serve or apply makes it)" : "");
	printf("secret_key_file  %s\n", config->secret_key_file);
	if (!seen->is_new)
		printf("tenants          %" G_GINT64_FORMAT "\n", seen->tenants);
	size_t i;
	json_t *key;
	json_array_foreach(seen->secret_keys, i, key)
		printf("secret key       %s: %s, needed for %s\n", json_string_at(key, "id"), json_string_at(key, "state"), json_string_at(key, "needed_for"));
	puts("all in order");
}

int check_run(const char *config_path, bool json)
{
	g_autoptr(GError) error = NULL;
	struct config *config = config_load(config_path, &error);
	struct seen seen = { 0 };
	bool fine = config && look(config, &seen, &error);
	if (fine)
		found_print(config, &seen, json);
	else
		fprintf(stderr, "%s\n", error->message);
	json_decref(seen.secret_keys);
	config_free(config);
	return fine ? EXIT_DONE : EXIT_FAILED_COMMAND;
}
