/* Schema steps, and the check of the root keys (secret_keys.c) at opening. `meta` (name, text, number) holds what both need. */
#include "gateway/store/migrations.h"
#include "gateway/store/secret_keys.h"
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

static bool keys_settle(struct unit *unit, const void *data, GError **error)
{
	return root_keys_settle(unit, data, error);
}

bool root_keys_check(struct unit *unit, const struct root_keys *keys, GError **error)
{
	return in_transaction(unit, keys_settle, keys, error);
}
