/* Putting a backup in the store's place.
 *
 *   locked alone ─→ copied beside ─→ opened: schema brought up, keys compared ─→ finish ─→ closed ─→ the old one kept aside ─→ renamed into its place
 *
 * Until the last step nothing that was there has changed. The place is never empty: a server that a supervisor starts again in between would make a new,
 * empty store there. The old one's write-ahead log leaves before, since SQLite would replay it into the new database: a crash there leaves the old
 * database and no log beside it, and `restore` is to be run again.
 */
#include "base/folder.h"
#include "gateway/store/store.h"
#include "gateway/store/unit.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The copy, what the database keeps beside it, and copies under other names that one who was killed had begun. */
static void ready_remove(const char *ready)
{
	g_autofree char *folder = g_path_get_dirname(ready), *prefix = g_path_get_basename(ready);
	g_autoptr(GDir) entries = g_dir_open(folder, 0, NULL);
	const char *name;
	while (entries && (name = g_dir_read_name(entries))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		if (g_str_has_prefix(name, prefix))
			unlink(path);
	}
}

static bool file_copy(const struct store_restoring *restoring, const struct driver *driver, const char *ready, GError **error)
{
	g_autofree char *file = g_canonicalize_filename(restoring->file, NULL);
	struct driver_options options = { .address = file, .read_only = true };
	if (!driver->copy)
		return fail(error, ERROR_NOT_SUPPORTED, "%s is restored with the database's own tools", driver->scheme);
	if (access(file, R_OK) != 0)
		return fail(error, ERROR_NOT_FOUND, "%s: %s", restoring->file, g_strerror(errno));
	struct connection *connection = driver->open(&options, error);
	if (!connection)
		return false;
	bool done = driver->copy(connection, ready, &restoring->progress, error);
	driver->close(connection);
	return done;
}

/* Opened as it will be: what is wrong with it is found now. */
static bool ready_check(const struct store_restoring *restoring, const char *scheme, const char *ready, GError **error)
{
	struct store_options options = restoring->options;
	g_autofree char *address = g_strconcat(scheme, ready, NULL);
	options.address = address;
	options.create = false;
	struct store *store = store_open(&options, error);
	if (!store)
		return false;
	bool finished = restoring->finish(store, restoring->data, error);
	store_close(store);
	return finished;
}

static bool moved(const char *from, const char *to)
{
	return rename(from, to) == 0 || errno == ENOENT;
}

/* Opening and closing writes the log back into the database, where that is still possible; then there is none to lose. */
static void log_write_back(const struct driver *driver, const char *place)
{
	struct driver_options options = { .address = place };
	struct connection *connection = driver->open(&options, NULL);
	if (connection)
		driver->close(connection);
}

static bool place_take(const struct driver *driver, const char *ready, const char *place, const char *kept, GError **error)
{
	g_autofree char *log = g_strconcat(place, "-wal", NULL), *kept_log = g_strconcat(kept, "-wal", NULL), *shared = g_strconcat(place, "-shm", NULL);
	bool old = access(place, F_OK) == 0;
	if (old)
		log_write_back(driver, place);
	if ((old && link(place, kept) != 0) || !moved(log, kept_log) || (unlink(shared) != 0 && errno != ENOENT) || rename(ready, place) != 0 || !folder_sync(place))
		return fail(error, ERROR_INTERNAL, "%s: %s; run this again", place, g_strerror(errno));
	return true;
}

static bool restore_locked(const struct store_restoring *restoring, const struct driver *driver, const char *place, char **ret_kept, GError **error)
{
	g_autofree char *ready = g_strconcat(place, ".restored", NULL);
	g_autofree char *kept = g_strdup_printf("%s.replaced-%" G_GINT64_FORMAT, place, restoring->now_ms);
	ready_remove(ready); /* left by one that was killed: we are alone here */
	bool old = access(place, F_OK) == 0;
	bool good = file_copy(restoring, driver, ready, error);
	if (good && !ready_check(restoring, driver->scheme, ready, error)) {
		g_prefix_error(error, "%s cannot be put in this store's place: ", restoring->file);
		good = false;
	}
	good = good && place_take(driver, ready, place, kept, error);
	ready_remove(ready);
	if (good && old)
		*ret_kept = g_steal_pointer(&kept);
	return good;
}

bool store_restore(const struct store_restoring *restoring, char **ret_kept, GError **error)
{
	const char *place;
	const struct driver *driver = driver_for(restoring->options.address, &place, error);
	int lock = driver ? store_lock(place, true, error) : -1;
	if (lock < 0)
		return false;
	bool done = restore_locked(restoring, driver, place, ret_kept, error);
	close(lock);
	return done;
}
