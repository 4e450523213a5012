/* Schema steps and the check that the root keys are the ones this database was sealed with. `meta` (name, text, number) holds both. */
#include "gateway/store/migrations.h"
#include <string.h>

#define OPEN_WAIT_MS 5000

static const char meta_sql[] = "CREATE TABLE IF NOT EXISTS meta (name TEXT NOT NULL, text TEXT, number {int}, PRIMARY KEY (name)) {table}";
static const char version_find[] = "SELECT number FROM meta WHERE name = 'schema'";
static const char version_put[] = "INSERT INTO meta (name, number) VALUES ('schema', $1) ON CONFLICT (name) DO UPDATE SET number = excluded.number";

static char *dialect(const struct driver *driver, const char *sql)
{
	g_autoptr(GString) text = g_string_new(sql);
	g_string_replace(text, "{int}", driver->type_int, 0);
	g_string_replace(text, "{bytes}", driver->type_bytes, 0);
	g_string_replace(text, "{table}", driver->table_suffix, 0);
	g_string_replace(text, "{wide}", driver->wide_suffix, 0);
	return g_strdup(text->str);
}

static bool script(struct unit *unit, const char *sql, GError **error)
{
	g_autofree char *text = dialect(unit->driver, sql);
	return unit->driver->script(unit->connection, text, error);
}

static bool version_read(struct unit *unit, int64_t *ret, GError **error)
{
	*ret = 0;
	return unit_integer(unit, ret, error, version_find, NULL, 0) != BROKEN;
}

static bool step_in_transaction(struct unit *unit, const struct migration *migration, GError **error)
{
	int64_t version;
	/* Read again under the lock: another process may have made this step meanwhile. */
	if (!version_read(unit, &version, error))
		return false;
	if (version >= migration->number)
		return true;
	return script(unit, migration->sql, error) && unit_run(unit, NULL, error, version_put, VALUES(value_integer(migration->number)));
}

/* Runs `work` between BEGIN and COMMIT. */
static bool in_transaction(struct unit *unit, bool (*work)(struct unit *, const void *, GError **), const void *data, GError **error)
{
	if (!unit->driver->control(unit->connection, CONTROL_BEGIN, OPEN_WAIT_MS, error))
		return false;
	if (work(unit, data, error) && unit->driver->control(unit->connection, CONTROL_COMMIT, 0, error))
		return true;
	unit->driver->control(unit->connection, CONTROL_ROLLBACK, 0, NULL);
	return false;
}

static bool migration_run(struct unit *unit, const void *data, GError **error)
{
	const struct migration *migration = data;
	if (step_in_transaction(unit, migration, error))
		return true;
	g_prefix_error(error, "migration %s: ", migration->name);
	return false;
}

static bool meta_make(struct unit *unit, const void *data G_GNUC_UNUSED, GError **error)
{
	return script(unit, meta_sql, error);
}

bool migrate(struct unit *unit, GError **error)
{
	int64_t version;
	if (!in_transaction(unit, meta_make, NULL, error) || !version_read(unit, &version, error))
		return false;
	int newest = 0;
	for (const struct migration *step = migrations; step->number; step++)
		newest = step->number;
	if (version > newest)
		return fail(error, ERROR_NOT_SUPPORTED, "this database has schema version %" G_GINT64_FORMAT ", made by a later version of passerelle; this one knows %d",
		            version, newest);
	for (const struct migration *step = migrations; step->number; step++)
		if (step->number > version && !in_transaction(unit, migration_run, step, error))
			return false;
	return true;
}

static const char fingerprints_list[] = "SELECT name, text FROM meta WHERE name LIKE 'root-key:%'";
static const char fingerprint_put[] = "INSERT INTO meta (name, text) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";

bool store_key_ids(struct unit *unit, GPtrArray *ids, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, fingerprints_list, NULL, 0);
	enum step_result result;
	while ((result = cursor_step(&cursor, error)) == STEP_ROW)
		g_ptr_array_add(ids, g_strdup(strchr(column_text(&cursor, 0), ':') + 1));
	return result == STEP_DONE;
}

/* Every key that something here may be sealed with must be in the file, and be the same key. */
static bool fingerprints_compare(struct unit *unit, const struct root_keys *keys, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, fingerprints_list, NULL, 0);
	enum step_result result;
	while ((result = cursor_step(&cursor, error)) == STEP_ROW) {
		const char *id = strchr(column_text(&cursor, 0), ':') + 1;
		char seen[17];
		if (!root_keys_fingerprint(keys, id, seen))
			return fail(error, ERROR_FORBIDDEN, "the secret key file has no key \"%s\", and this store is sealed with it: it is another store's file, or a line was lost",
			            id);
		if (g_strcmp0(seen, column_text(&cursor, 1)) != 0)
			return fail(error, ERROR_FORBIDDEN, "the key \"%s\" of the secret key file is not the one this store is sealed with: it is another store's file", id);
	}
	return result == STEP_DONE;
}

static bool fingerprints_keep(struct unit *unit, const void *data, GError **error)
{
	const struct root_keys *keys = data;
	if (!fingerprints_compare(unit, keys, error))
		return false;
	const char *id = root_keys_current(keys);
	char fingerprint[17];
	if (!root_keys_fingerprint(keys, id, fingerprint))
		return fail(error, ERROR_INTERNAL, "the newest root key has no fingerprint");
	g_autofree char *name = g_strconcat("root-key:", id, NULL);
	return unit_run(unit, NULL, error, fingerprint_put, VALUES(value_text(name), value_text(fingerprint)));
}

bool root_keys_check(struct unit *unit, const struct root_keys *keys, GError **error)
{
	return in_transaction(unit, fingerprints_keep, keys, error);
}
