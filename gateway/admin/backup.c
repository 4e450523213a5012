/* `passerelle backup FILE` and `passerelle restore FILE`: the whole store in one file, and back. The secret key file is not in it, by design: who finds a
 * backup can read no secret. Each tenant's log says that its data was taken away, or put back. */
#include "gateway/admin/verbs.h"

#include "base/clock.h"
#include "base/units.h"
#include "gateway/admin/open.h"

#include <glib/gstdio.h>
#include <string.h>

#define TENANTS_AT_ONCE 100 /* records written in one transaction, which the running server waits behind */

/* Records of one administrative act on all tenants. */
struct round {
	GPtrArray *tenants; /* struct tenant */
	guint next;
	struct audit_facts facts;
	struct store *store;
};

static bool tenant_keep(const struct tenant *tenant, void *data)
{
	g_ptr_array_add(data, tenant_ref((struct tenant *)(uintptr_t)tenant));
	return true;
}

static bool round_slice(struct unit *unit, void *data, GError **error)
{
	struct round *round = data;
	for (guint i = 0; i < TENANTS_AT_ONCE && round->next < round->tenants->len; i++)
		if (!audit_append(unit, round->store, round->tenants->pdata[round->next++], &round->facts, true, error))
			return false;
	return true;
}

bool tenants_note(struct command *command, struct store *store, enum audit_event event, const json_t *detail, guint *ret_tenants, GError **error)
{
	g_autoptr(GPtrArray) tenants = g_ptr_array_new_with_free_func((GDestroyNotify)tenant_unref);
	struct round round = {
		.tenants = tenants, .store = store,
		.facts = { .event = event, .result = AUDIT_OK, .reason = REASON_OK, .actor = command->actor, .time_ms = command->now_ms, .detail = detail },
	};
	struct unit *unit = store_reader(store, error);
	if (!unit || !tenant_list(unit, tenant_keep, tenants, error))
		return false;
	while (round.next < tenants->len)
		if (!store_write(store, round_slice, &round, error))
			return false;
	*ret_tenants = tenants->len;
	return true;
}

/* What is printed of a backup, made or put back. The ids name lines of the secret key file. */
static json_t *report_new(const struct command *command, const char *file, guint tenants, struct store *store, GError **error)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	struct unit *unit = store_reader(store, error);
	if (!unit || !store_key_ids(unit, ids, error))
		return NULL;
	json_t *report = json_pack("{s:s, s:i, s:s, s:[]}", "file", file, "tenants", (int)tenants, "secret_key_file", command->setting->secret_key_file, "keys");
	for (guint i = 0; i < ids->len; i++)
		json_array_append_new(json_object_get(report, "keys"), json_string(ids->pdata[i]));
	json_time_set(report, "time", command->now_ms);
	return report;
}

static bool backup_run(struct command *command, GError **error)
{
	const char *file = command_word(command, 0);
	g_autoptr(json_t) detail = json_pack("{s:s}", "read", "backup");
	struct progress progress = { .what = "copying" };
	const struct store_progress steps = { progress_step, &progress };
	guint tenants = 0;
	if (!command_open(command, false, error) || !tenants_note(command, command->store, EVENT_LOG_READ, detail, &tenants, error))
		return false;
	bool made = store_backup(command->store, file, &steps, error);
	progress_end(&progress);
	g_autoptr(json_t) report = made ? report_new(command, file, tenants, command->store, error) : NULL;
	GStatBuf status;
	if (!report)
		return false;
	if (g_stat(file, &status) == 0)
		json_object_set_new(report, "bytes", json_integer(status.st_size));
	print_object(command, report);
	return true;
}

struct putting_back {
	struct command *command;
	json_t *report;
};

static bool restored_note(struct store *store, void *data, GError **error)
{
	struct putting_back *back = data;
	struct command *command = back->command;
	const char *file = command_word(command, 0);
	guint tenants = 0;
	g_autoptr(json_t) detail = json_pack("{s:s}", "file", file);
	if (!tenants_note(command, store, EVENT_STORE_RESTORE, detail, &tenants, error))
		return false;
	back->report = report_new(command, file, tenants, store, error);
	return back->report;
}

/* A new key file beside a restored store would open nothing in it. */
static struct root_keys *keys_read(const struct command *command, GError **error)
{
	const char *path = command->setting->secret_key_file;
	struct root_keys *keys = root_keys_read(path, error);
	if (!keys && error_code_of(*error) == ERROR_NOT_FOUND)
		g_prefix_error(error, "put the secret key file back first: ");
	return keys;
}

static bool restore_run(struct command *command, GError **error)
{
	struct putting_back back = { .command = command };
	struct progress progress = { .what = "copying" };
	g_autofree char *kept = NULL;
	const char *path = strchr(command->setting->store, ':') + 1;
	command->keyring_file = keys_read(command, error);
	if (!command->keyring_file || !folder_make(path, error))
		return false;
	const struct store_restoring restoring = {
		.options = { .address = command->setting->store, .keys = command->keyring_file, .node = g_get_host_name() },
		.file = command_word(command, 0), .progress = { progress_step, &progress }, .finish = restored_note, .data = &back, .now_ms = command->now_ms,
	};
	bool restored = store_restore(&restoring, &kept, error);
	progress_end(&progress);
	if (restored) {
		if (kept)
			json_object_set_new(back.report, "replaced", json_string(kept));
		print_object(command, back.report);
	}
	json_decref(back.report);
	return restored;
}

const struct verb backup_verbs[] = {
	{ .object = "backup", .words = "FILE", .words_min = 1, .words_max = 1, .run = backup_run,
	  .summary = "copy the store, as it is at one moment, into one file; the server may run" },
	{ .object = "restore", .words = "FILE", .words_min = 1, .words_max = 1, .run = restore_run,
	  .summary = "put a backup in the store's place, which is kept beside it; no server may run" },
	{ 0 },
};
