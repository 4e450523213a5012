/* Opening, checking and closing; the readers; the shared counter.
 *
 * A reader is lent for one statement, and the one that came back last goes out first: every commit empties the readers' caches, and few that are always in use
 * are warm where one for each thread would be cold. There are never more than statements were once read at the same time.
 *
 * The counter is eight bytes in a file beside the database, mapped by every process. Whoever commits a change raises it after the commit and before
 * anybody is told, so that "the counter has not moved" means "nothing in memory is out of date". A process killed between the two is made good at the
 * next opening, which always raises it; its own caller was never answered.
 */
#include "gateway/store/store.h"
#include "gateway/store/migrations.h"
#include "gateway/store/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMIT_WAIT_MS 1000

struct reader {
	struct unit unit; /* first: what is lent out is the unit */
	struct reader *next;
};

struct store {
	const struct driver *driver;
	char *location; /* the address without its scheme */
	char *node;
	const struct root_keys *keys;
	struct writer *writer;
	_Atomic uint64_t *counter;
	int counter_file; /* kept open: its shared lock says that somebody has the store open */
	struct unit reading; /* stands for whichever reader is lent */
	pthread_mutex_t readers_lock;
	struct reader *idle_readers;
};

const struct driver *driver_for(const char *address, const char **ret_location, GError **error)
{
	static const struct driver *const drivers[] = { &sqlite_driver, NULL };
	for (size_t i = 0; drivers[i]; i++)
		if (g_str_has_prefix(address, drivers[i]->scheme)) {
			*ret_location = address + strlen(drivers[i]->scheme);
			return drivers[i];
		}
	if (g_str_has_prefix(address, "postgresql:") || g_str_has_prefix(address, "postgres:"))
		fail(error, ERROR_NOT_SUPPORTED, "a store on PostgreSQL is not built yet; use sqlite:/absolute/path");
	else
		fail(error, ERROR_MALFORMED, "a store's address is sqlite:/absolute/path");
	return NULL;
}

enum found store_exists(const char *address, GError **error)
{
	const char *path;
	if (!driver_for(address, &path, error))
		return BROKEN;
	/* A first start that was killed may have left all in the write-ahead log. */
	g_autofree char *log = g_strconcat(path, "-wal", NULL);
	const char *const files[] = { path, log };
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		struct stat status;
		bool there = stat(files[i], &status) == 0;
		if (there && status.st_size > 0)
			return FOUND;
		if (!there && errno != ENOENT) {
			fail(error, ERROR_INTERNAL, "%s: %s", files[i], g_strerror(errno));
			return BROKEN;
		}
	}
	return MISSING;
}

int store_lock(const char *location, bool alone, GError **error)
{
	g_autofree char *path = g_strconcat(location, "-counter", NULL);
	int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0) {
		fail(error, ERROR_INTERNAL, "%s: %s", path, g_strerror(errno));
		return -1;
	}
	if (flock(file, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
		return file;
	if (errno != EWOULDBLOCK)
		fail(error, ERROR_INTERNAL, "%s: %s", path, g_strerror(errno));
	else
		fail(error, ERROR_CONFLICT, alone ? "%s: a server or a command has this store open; stop it first" : "%s: a backup is being put in this store's place",
		     location);
	close(file);
	return -1;
}

static bool counter_map(struct store *store, GError **error)
{
	int file = store_lock(store->location, false, error);
	if (file < 0)
		return false;
	store->counter_file = file;
	/* The blocks are reserved here: a mapped page without one would end the process with SIGBUS on a full disk. */
	int failed = posix_fallocate(file, 0, sizeof(*store->counter));
	void *mapped = failed ? MAP_FAILED : mmap(NULL, sizeof(*store->counter), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (!failed && mapped == MAP_FAILED)
		failed = errno;
	if (failed)
		return fail(error, ERROR_INTERNAL, "%s-counter: %s", store->location, g_strerror(failed));
	store->counter = mapped;
	return true;
}

static void counter_raise(struct store *store)
{
	atomic_fetch_add(store->counter, 1);
}

uint64_t store_counter(const struct store *store)
{
	return atomic_load(store->counter);
}

static struct reader *reader_pop(struct store *store)
{
	pthread_mutex_lock(&store->readers_lock);
	struct reader *reader = store->idle_readers;
	if (reader)
		store->idle_readers = reader->next;
	pthread_mutex_unlock(&store->readers_lock);
	return reader;
}

static void reader_push(struct store *store, struct reader *reader)
{
	pthread_mutex_lock(&store->readers_lock);
	reader->next = store->idle_readers;
	store->idle_readers = reader;
	pthread_mutex_unlock(&store->readers_lock);
}

static struct reader *reader_open(struct store *store, GError **error)
{
	struct driver_options options = { .address = store->location, .read_only = true };
	g_autoptr(GError) reason = NULL;
	struct connection *connection = store->driver->open(&options, &reason);
	if (!connection) {
		fail(error, ERROR_UNAVAILABLE, "no reader: %s", reason->message);
		return NULL;
	}
	struct reader *reader = g_new0(struct reader, 1);
	reader->unit = (struct unit){ .store = store, .driver = store->driver, .connection = connection };
	return reader;
}

static void readers_close(struct store *store)
{
	for (struct reader *reader; (reader = reader_pop(store));) {
		store->driver->close(reader->unit.connection);
		g_free(reader);
	}
}

struct unit *reader_take(struct store *store, GError **error)
{
	struct reader *reader = reader_pop(store);
	if (!reader)
		reader = reader_open(store, error);
	return reader ? &reader->unit : NULL;
}

void reader_give_back(struct unit *unit)
{
	struct reader *reader = (struct reader *)unit;
	unit->broken = false;
	reader_push(unit->store, reader);
}

struct unit *store_reader(struct store *store, GError **error)
{
	struct unit *one = reader_take(store, error);
	if (!one)
		return NULL;
	reader_give_back(one);
	return &store->reading;
}

/* Opens the writer's connection, brings the schema up and checks the keys: all before the writer's thread has it. */
static struct connection *connection_prepare(struct store *store, const struct driver_options *options, GError **error)
{
	if (!store->driver->inspect(options, error))
		return NULL;
	struct connection *connection = store->driver->open(options, error);
	if (!connection)
		return NULL;
	struct unit unit = { .store = store, .driver = store->driver, .connection = connection };
	if (migrate(&unit, error) && root_keys_check(&unit, store->keys, error))
		return connection;
	g_prefix_error(error, "%s: ", store->location);
	store->driver->close(connection);
	return NULL;
}

static bool store_start(struct store *store, const struct store_options *options, GError **error)
{
	struct driver_options driver_options = { .address = store->location, .create = options->create };
	struct connection *connection = connection_prepare(store, &driver_options, error);
	if (!connection)
		return false;
	if (!counter_map(store, error)) {
		store->driver->close(connection);
		return false;
	}
	counter_raise(store);
	store->writer = writer_new(&(struct writer_options){
		.store = store,
		.driver = store->driver,
		.connection = connection,
		.wait_ms = options->commit_wait_ms > 0 ? options->commit_wait_ms : COMMIT_WAIT_MS,
		.committed = counter_raise,
	});
	return true;
}

struct store *store_open(const struct store_options *options, GError **error)
{
	const char *location;
	const struct driver *driver = driver_for(options->address, &location, error);
	if (!driver)
		return NULL;
	struct store *store = g_new0(struct store, 1);
	store->driver = driver;
	store->location = g_strdup(location);
	store->counter_file = -1;
	store->reading = (struct unit){ .store = store, .driver = driver };
	pthread_mutex_init(&store->readers_lock, NULL);
	store->node = g_strdup(options->node ? options->node : "");
	store->keys = options->keys;
	if (store_start(store, options, error))
		return store;
	store_close(store);
	return NULL;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	writer_free(store->writer);
	readers_close(store);
	pthread_mutex_destroy(&store->readers_lock);
	if (store->counter)
		munmap((void *)(uintptr_t)store->counter, sizeof(*store->counter));
	if (store->counter_file >= 0)
		close(store->counter_file);
	g_free(store->location);
	g_free(store->node);
	g_free(store);
}

const char *store_node(const struct store *store)
{
	return store->node;
}

const struct root_keys *store_keys(const struct store *store)
{
	return store->keys;
}

bool store_backup(struct store *store, const char *file, const struct store_progress *progress, GError **error)
{
	struct driver_options options = { .address = store->location, .read_only = true };
	if (!store->driver->copy)
		return fail(error, ERROR_NOT_SUPPORTED, "%s is backed up with the database's own tools", store->driver->scheme);
	struct connection *connection = store->driver->open(&options, error);
	if (!connection)
		return false;
	bool done = store->driver->copy(connection, file, progress, error);
	store->driver->close(connection);
	return done;
}

bool store_write(struct store *store, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GError **error)
{
	return writer_run(store->writer, work, data, error);
}

bool store_write_later(struct store *store, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GDestroyNotify release)
{
	return writer_run_later(store->writer, LATER_NEEDED, work, data, release);
}

bool store_write_spare(struct store *store, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GDestroyNotify release)
{
	return writer_run_later(store->writer, LATER_SPARE, work, data, release);
}

struct store_figures store_figures(const struct store *store)
{
	return writer_figures(store->writer);
}
