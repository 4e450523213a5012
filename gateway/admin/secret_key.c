/* `passerelle secret-key`: the gateway's secret key file, and what of the store stands under which of its lines.
 *
 *   rotate   a new newest line; servers take it up by themselves as soon as they meet something under it
 *   reseal   everything sealed is moved under the newest line, while servers run
 *   list     what still needs which line: one that nothing needs may be taken out of the file
 */
#include "gateway/admin/open.h"
#include "gateway/admin/verbs.h"

static json_t *uses_json(const struct key_uses *uses)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "providers", (json_int_t)uses->providers, "signing_keys", (json_int_t)uses->signing_keys,
	                 "saml_keys", (json_int_t)uses->saml_keys, "links", (json_int_t)uses->links, "sessions", (json_int_t)uses->sessions, "log_anchors", (json_int_t)uses->log_anchors, "flows", (json_int_t)uses->flows,
	                 "passwords", (json_int_t)uses->passwords);
}

json_t *secret_keys_standing(struct unit *unit, const struct root_keys *keys, GError **error)
{
	g_autoptr(json_t) list = json_array();
	const char *id;
	for (unsigned i = 0; (id = root_keys_id(keys, i)); i++) {
		struct key_uses uses;
		if (!store_key_uses(unit, id, &uses, error))
			return NULL;
		g_autofree char *words = key_uses_words(&uses);
		json_t *line = json_pack("{s:s, s:s, s:o, s:s}", "id", id, "state", i == 0 ? "newest" : words ? "needed" : "free", "uses", uses_json(&uses), "needed_for",
		                         words ? words : "nothing");
		json_array_append_new(list, line);
	}
	return g_steal_pointer(&list);
}

static const char *const columns[] = { "id", "state", "needed_for", NULL };

static bool list_run(struct command *command, GError **error)
{
	struct unit *unit = command_reader(command, error);
	g_autoptr(json_t) list = unit ? secret_keys_standing(unit, command->keyring_file, error) : NULL;
	if (list)
		print_list(command, list, columns);
	return list;
}

/* The new line is there before the store knows of it: killed in between, the next command or server that opens the store makes it known. */
static bool rotate_run(struct command *command, GError **error)
{
	const char *path = command->setting->secret_key_file;
	g_autofree char *id = NULL;
	guint tenants = 0;
	if (!command_open(command, false, error) || !root_keys_rotate(path, &id, error))
		return false;
	struct root_keys *fresh = root_keys_read(path, error);
	if (!fresh || !store_keys_settle(command->store, fresh, error)) {
		root_keys_free(fresh);
		return false;
	}
	root_keys_replace(command->keyring_file, fresh);
	g_autoptr(json_t) report = json_pack("{s:s, s:s}", "id", id, "secret_key_file", path);
	if (!tenants_note(command, command->store, EVENT_SECRET_KEY_ROTATE, report, &tenants, error))
		return false;
	print_object(command, report);
	fputs("passerelle: keep a copy of the secret key file where the old one is kept; `passerelle secret-key reseal` moves what is sealed under the older keys\n", stderr);
	return true;
}

static bool reseal_run(struct command *command, GError **error)
{
	struct progress progress = { .what = "sealing anew" };
	const struct store_progress steps = { progress_step, &progress };
	int64_t written = 0;
	if (!command_open(command, false, error))
		return false;
	bool done = store_reseal(command->store, &steps, &written, error);
	progress_end(&progress);
	struct unit *unit = done ? command_reader(command, error) : NULL;
	g_autoptr(json_t) list = unit ? secret_keys_standing(unit, command->keyring_file, error) : NULL;
	if (!list)
		return false;
	g_autoptr(json_t) report = json_pack("{s:s, s:I}", "key", root_keys_current(command->keyring_file), "resealed", (json_int_t)written);
	if (command->json)
		json_object_set(report, "keys", list);
	print_object(command, report);
	if (!command->json)
		print_list(command, list, columns);
	return true;
}

const struct verb secret_key_verbs[] = {
	{ .object = "secret-key", .name = "list", .run = list_run, .summary = "the lines of the secret key file, and what in the store needs each" },
	{ .object = "secret-key", .name = "rotate", .run = rotate_run, .summary = "add a new newest line to the secret key file; the server may run" },
	{ .object = "secret-key", .name = "reseal", .run = reseal_run, .summary = "move what is sealed under older lines to the newest; the server may run" },
	{ 0 },
};
