/* The SQLite driver, and the only user of sqlite3.h.
 *
 * Write-ahead log with synchronous=FULL: a commit that returned survives a power cut. Every connection keeps its prepared statements, found by the
 * address of their text. Connections are opened without SQLite's own mutexes: each belongs to one thread at a time.
 */
#include "gateway/store/driver.h"
#include "base/folder.h"
#include "gateway/store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x50535231 /* "PSR1" */
#define CHECKED_BYTES_MAX (4 << 20)
#define READER_BUSY_MS 1000

/* A prepared statement, and at the same time the rows it gives. */
struct rows {
	struct connection *connection;
	sqlite3_stmt *statement;
	int indexes[VALUES_MAX]; /* of $1, $2, … ; SQLite numbers parameters by appearance */
	int parameters;
	bool busy, cached;
	int64_t affected;
};

struct connection {
	sqlite3 *database;
	GHashTable *statements; /* text's address -> rows */
	char *path;
};

static void sqlite_set_up(void)
{
	/* Memory statistics take a process-wide mutex at every allocation. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_initialize();
}

/* What went wrong, for the log: SQLite's sentence never holds parameter values. */
static bool sqlite_fail(struct connection *connection, const char *what, GError **error)
{
	int code = sqlite3_extended_errcode(connection->database);
	const char *message = sqlite3_errmsg(connection->database);
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return fail(error, ERROR_UNAVAILABLE, "%s: %s: another process holds the database (%s)", connection->path, what, message);
	case SQLITE_CONSTRAINT:
		return fail(error, ERROR_CONFLICT, "%s: %s: %s", connection->path, what, message);
	case SQLITE_NOTADB:
		return fail(error, ERROR_MALFORMED, "%s: %s: this is not an SQLite database, or its header is damaged", connection->path, what);
	case SQLITE_CORRUPT:
		return fail(error, ERROR_INTERNAL, "%s: %s: the database is damaged (%s); restore a backup", connection->path, what, message);
	case SQLITE_FULL:
		return fail(error, ERROR_INTERNAL, "%s: %s: the disk is full (%s)", connection->path, what, message);
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return fail(error, ERROR_INTERNAL, "%s: %s: the file or its folder cannot be written (%s)", connection->path, what, message);
	}
	return fail(error, ERROR_INTERNAL, "%s: %s: %s (%d, system error %d)", connection->path, what, message, code,
	            sqlite3_system_errno(connection->database));
}

static bool execute(struct connection *connection, const char *sql, GError **error)
{
	if (sqlite3_exec(connection->database, sql, NULL, NULL, NULL) == SQLITE_OK)
		return true;
	return sqlite_fail(connection, "statement", error);
}

/* The first column of the first row; 0 when there is none. */
static bool scalar(struct connection *connection, const char *sql, int64_t *ret, GError **error)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(connection->database, sql, -1, &statement, NULL);
	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	bool good = result == SQLITE_ROW || result == SQLITE_DONE;
	if (good)
		*ret = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	else
		sqlite_fail(connection, "check", error);
	sqlite3_finalize(statement);
	return good;
}

/* A database that another user owns is refused: root's WAL and counter files would lock the server's user out of its own store. */
static bool owner_check(const char *path, const struct stat *status, GError **error)
{
	if (status->st_uid == geteuid())
		return true;
	struct passwd record, *found = NULL;
	char buffer[4096];
	if (getpwuid_r(status->st_uid, &record, buffer, sizeof(buffer), &found) == 0 && found)
		return fail(error, ERROR_FORBIDDEN, "%s belongs to the user %s: run this as that user (sudo -u %s …)", path, found->pw_name, found->pw_name);
	return fail(error, ERROR_FORBIDDEN, "%s belongs to the user with the number %u: run this as that user", path, (unsigned)status->st_uid);
}

static bool sqlite_inspect(const struct driver_options *options, GError **error)
{
	const char *path = options->address;
	if (path[0] != '/')
		return fail(error, ERROR_MALFORMED, "%s: a store's address is sqlite: and an absolute path", path);
	struct stat status;
	if (stat(path, &status) != 0) {
		if (errno != ENOENT)
			return fail(error, ERROR_INTERNAL, "%s: %s", path, g_strerror(errno));
		if (!options->create)
			return fail(error, ERROR_NOT_FOUND, "%s: there is no database", path);
		/* Made here and not by SQLite, for its mode: the WAL and shared-memory files take theirs from it. */
		int file = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (file < 0 && errno != EEXIST)
			return fail(error, ERROR_INTERNAL, "%s: cannot be made: %s", path, g_strerror(errno));
		if (file >= 0)
			close(file);
		return true;
	}
	if (!S_ISREG(status.st_mode))
		return fail(error, ERROR_MALFORMED, "%s: this is not a file", path);
	if (!owner_check(path, &status, error))
		return false;
	if (access(path, R_OK | W_OK) != 0)
		return fail(error, ERROR_INTERNAL, "%s: %s", path, g_strerror(errno));
	return true;
}

/* A database is ours by its application_id; one without any table may become ours. */
static bool claim(struct connection *connection, bool create, GError **error)
{
	int64_t id, objects, pages;
	if (!scalar(connection, "PRAGMA application_id", &id, error) || !scalar(connection, "SELECT count(*) FROM sqlite_master", &objects, error) ||
	    !scalar(connection, "PRAGMA page_count", &pages, error))
		return false;
	if (id != APPLICATION_ID && (id != 0 || objects > 0))
		return fail(error, ERROR_MALFORMED, "%s: this is the database of another program", connection->path);
	if (id == APPLICATION_ID) {
		int64_t page_bytes, sound = 1;
		if (!scalar(connection, "PRAGMA page_size", &page_bytes, error))
			return false;
		/* A whole check costs 2 ms a MiB: made where it is free, so that start stays quick. */
		if (pages * page_bytes <= CHECKED_BYTES_MAX && !scalar(connection, "SELECT quick_check = 'ok' FROM pragma_quick_check(1)", &sound, error))
			return false;
		if (!sound)
			return fail(error, ERROR_INTERNAL, "%s: the database is damaged; restore a backup", connection->path);
		return true;
	}
	if (!create)
		return fail(error, ERROR_MALFORMED, "%s: this database is empty", connection->path);
	g_autofree char *sql = g_strdup_printf("PRAGMA application_id = %d", APPLICATION_ID);
	return execute(connection, sql, error);
}

/* SQLite answers with the mode it is in; a file system that cannot share memory keeps the old one. */
static bool write_ahead(struct connection *connection, GError **error)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(connection->database, "PRAGMA journal_mode = WAL", -1, &statement, NULL) != SQLITE_OK)
		return sqlite_fail(connection, "journal_mode", error);
	bool good = sqlite3_step(statement) == SQLITE_ROW;
	if (!good)
		sqlite_fail(connection, "journal_mode", error);
	else if (g_strcmp0((const char *)sqlite3_column_text(statement, 0), "wal") != 0)
		good = fail(error, ERROR_INTERNAL, "%s: this file system cannot hold a write-ahead log", connection->path);
	sqlite3_finalize(statement);
	return good;
}

static void rows_free(void *data)
{
	struct rows *rows = data;
	sqlite3_finalize(rows->statement);
	g_free(rows);
}

static void sqlite_close(struct connection *connection)
{
	if (!connection)
		return;
	g_hash_table_destroy(connection->statements);
	sqlite3_close_v2(connection->database);
	g_free(connection->path);
	g_free(connection);
}

static bool configure(struct connection *connection, const struct driver_options *options, GError **error)
{
	sqlite3 *database = connection->database;
	sqlite3_extended_result_codes(database, 1);
	sqlite3_busy_timeout(database, READER_BUSY_MS);
	sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	/* secure_delete: what was deleted leaves the file's pages too (SECURITY TN-6). Small caches: every worker has a reader. */
	if (!execute(connection, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON;"
	                         "PRAGMA temp_store = MEMORY", error))
		return false;
	if (options->read_only)
		return execute(connection, "PRAGMA cache_size = -512; PRAGMA query_only = ON", error);
	if (!claim(connection, options->create, error) || !write_ahead(connection, error))
		return false;
	return execute(connection, "PRAGMA cache_size = -4096; PRAGMA journal_size_limit = 67108864", error);
}

static struct connection *sqlite_open(const struct driver_options *options, GError **error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, sqlite_set_up);
	struct connection *connection = g_new0(struct connection, 1);
	connection->path = g_strdup(options->address);
	connection->statements = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, rows_free);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	bool good = sqlite3_open_v2(options->address, &connection->database, flags, NULL) == SQLITE_OK;
	if (!good && connection->database)
		sqlite_fail(connection, "open", error);
	else if (!good)
		fail(error, ERROR_INTERNAL, "%s: out of memory", options->address);
	if (good && configure(connection, options, error))
		return connection;
	sqlite_close(connection);
	return NULL;
}

static bool sqlite_script(struct connection *connection, const char *sql, GError **error)
{
	return execute(connection, sql, error);
}

static bool sqlite_in_transaction(struct connection *connection)
{
	return sqlite3_get_autocommit(connection->database) == 0;
}

static struct rows *prepare(struct connection *connection, const char *sql, bool cached, GError **error)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v3(connection->database, sql, -1, cached ? SQLITE_PREPARE_PERSISTENT : 0, &statement, NULL) != SQLITE_OK) {
		sqlite_fail(connection, "prepare", error);
		return NULL;
	}
	struct rows *rows = g_new0(struct rows, 1);
	rows->connection = connection;
	rows->statement = statement;
	rows->cached = cached;
	rows->parameters = sqlite3_bind_parameter_count(statement);
	for (int i = 0; i < VALUES_MAX && i < rows->parameters; i++) {
		char name[16];
		g_snprintf(name, sizeof(name), "$%d", i + 1);
		rows->indexes[i] = sqlite3_bind_parameter_index(statement, name);
	}
	return rows;
}

/* The cached statement; another one while it is still being read, as when a list's callback asks the same question again. */
static struct rows *statement_take(struct connection *connection, const char *sql, GError **error)
{
	struct rows *rows = g_hash_table_lookup(connection->statements, sql);
	if (rows && !rows->busy)
		return rows;
	bool cached = rows == NULL;
	rows = prepare(connection, sql, cached, error);
	if (rows && cached)
		g_hash_table_insert(connection->statements, (gpointer)(uintptr_t)sql, rows);
	return rows;
}

static int bind(sqlite3_stmt *statement, int index, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		return sqlite3_bind_null(statement, index);
	case VALUE_TEXT:
		return sqlite3_bind_text64(statement, index, value->bytes, value->length, SQLITE_STATIC, SQLITE_UTF8);
	case VALUE_BYTES:
		return sqlite3_bind_blob64(statement, index, value->bytes, value->length, SQLITE_STATIC);
	case VALUE_INTEGER:
		return sqlite3_bind_int64(statement, index, value->integer);
	}
	return SQLITE_MISUSE;
}

static void sqlite_finish(struct rows *rows)
{
	if (!rows)
		return;
	sqlite3_reset(rows->statement);
	/* Parameters are borrowed (SQLITE_STATIC): none may stay bound. */
	sqlite3_clear_bindings(rows->statement);
	rows->busy = false;
	if (!rows->cached)
		rows_free(rows);
}

static struct rows *sqlite_query(struct connection *connection, const char *sql, const struct value *values, size_t count, GError **error)
{
	struct rows *rows = statement_take(connection, sql, error);
	if (!rows)
		return NULL;
	rows->busy = true;
	rows->affected = 0;
	bool good = (size_t)rows->parameters == count && count <= VALUES_MAX;
	if (!good)
		fail(error, ERROR_INTERNAL, "%zu values for the %d parameters of: %s", count, rows->parameters, sql);
	for (size_t i = 0; good && i < count; i++) {
		good = rows->indexes[i] > 0 && bind(rows->statement, rows->indexes[i], &values[i]) == SQLITE_OK;
		if (!good)
			fail(error, ERROR_INTERNAL, "parameter $%zu cannot be bound in: %s", i + 1, sql);
	}
	if (good)
		return rows;
	sqlite_finish(rows);
	return NULL;
}

static enum step_result sqlite_step(struct rows *rows, GError **error)
{
	int result = sqlite3_step(rows->statement);
	if (result == SQLITE_ROW)
		return STEP_ROW;
	if (result == SQLITE_DONE) {
		rows->affected = sqlite3_changes64(rows->connection->database);
		return STEP_DONE;
	}
	sqlite_fail(rows->connection, sqlite3_sql(rows->statement), error);
	return STEP_BROKEN;
}

static bool run(struct connection *connection, const char *sql, GError **error)
{
	struct rows *rows = sqlite_query(connection, sql, NULL, 0, error);
	if (!rows)
		return false;
	bool good = sqlite_step(rows, error) == STEP_DONE;
	sqlite_finish(rows);
	return good;
}

static bool sqlite_control(struct connection *connection, enum control control, int wait_ms, GError **error)
{
	static const char begin[] = "BEGIN IMMEDIATE", savepoint[] = "SAVEPOINT one", release[] = "RELEASE one", undo[] = "ROLLBACK TO one",
	                  commit[] = "COMMIT", rollback[] = "ROLLBACK";
	switch (control) {
	case CONTROL_BEGIN:
		sqlite3_busy_timeout(connection->database, wait_ms);
		return run(connection, begin, error);
	case CONTROL_SAVEPOINT:
		return run(connection, savepoint, error);
	case CONTROL_RELEASE:
		return run(connection, release, error);
	case CONTROL_UNDO:
		return run(connection, undo, error) && run(connection, release, error);
	case CONTROL_COMMIT:
		return run(connection, commit, error);
	case CONTROL_ROLLBACK:
		/* A full disk or an I/O error may have rolled back already. */
		return sqlite3_get_autocommit(connection->database) != 0 || run(connection, rollback, error);
	}
	return fail(error, ERROR_INTERNAL, "unknown control");
}

static const char *sqlite_text(struct rows *rows, int column)
{
	return (const char *)sqlite3_column_text(rows->statement, column);
}

static const void *sqlite_bytes(struct rows *rows, int column, size_t *ret_length)
{
	const void *bytes = sqlite3_column_blob(rows->statement, column);
	*ret_length = (size_t)sqlite3_column_bytes(rows->statement, column);
	return bytes;
}

static int64_t sqlite_integer(struct rows *rows, int column)
{
	return sqlite3_column_int64(rows->statement, column);
}

static int64_t sqlite_affected(struct rows *rows)
{
	return rows->affected;
}

/* --- a copy of all of it --- */

#define COPY_PAGES 256 /* a step: 1 MiB */

/* One that this program made can be recognised by its first hundred bytes (the format's header: application id at 68). */
static bool file_is_ours(const char *path)
{
	static const char magic[16] = "SQLite format 3";
	uint8_t head[100];
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0)
		return false;
	bool whole = read(file, head, sizeof(head)) == (ssize_t)sizeof(head);
	close(file);
	uint32_t id = whole ? (uint32_t)head[68] << 24 | (uint32_t)head[69] << 16 | (uint32_t)head[70] << 8 | head[71] : 0;
	return whole && memcmp(head, magic, sizeof(magic)) == 0 && id == APPLICATION_ID;
}

static bool target_check(struct connection *connection, const char *to, GError **error)
{
	struct stat here, there;
	if (stat(to, &there) != 0)
		return errno == ENOENT || fail(error, ERROR_MALFORMED, "%s: %s", to, g_strerror(errno));
	if (stat(connection->path, &here) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino)
		return fail(error, ERROR_CONFLICT, "%s: that is the store itself", to);
	return file_is_ours(to) || fail(error, ERROR_CONFLICT, "%s: it is there already and is no backup of this program; nothing was overwritten", to);
}

/* The snapshot is held by the read transaction that is open: without it, every commit of somebody else would start the copy again. */
static bool pages_copy(struct connection *from, struct connection *to, const struct store_progress *progress, GError **error)
{
	sqlite3_backup *copy = sqlite3_backup_init(to->database, "main", from->database, "main");
	if (!copy)
		return sqlite_fail(to, "copy", error);
	int result;
	do {
		result = sqlite3_backup_step(copy, COPY_PAGES);
		int64_t all = sqlite3_backup_pagecount(copy);
		if (progress->step)
			progress->step(all - sqlite3_backup_remaining(copy), all, progress->data);
	} while (result == SQLITE_OK);
	if (sqlite3_backup_finish(copy) == SQLITE_OK && result == SQLITE_DONE)
		return true;
	/* A reading fault is said of the one, a writing fault of the other. */
	return sqlite_fail(sqlite3_errcode(from->database) & 0xff ? from : to, "copy", error);
}

/* A plain file without companions, whole. */
static bool copy_settle(struct connection *copy, GError **error)
{
	int64_t sound = 0;
	if (!execute(copy, "PRAGMA journal_mode = DELETE", error) ||
	    !scalar(copy, "SELECT integrity_check = 'ok' FROM pragma_integrity_check(1)", &sound, error))
		return false;
	return sound || fail(error, ERROR_INTERNAL, "%s: the copy is damaged, and so is the database it was made of; restore a backup", copy->path);
}

static bool copy_make(struct connection *from, const char *path, const struct store_progress *progress, GError **error)
{
	struct connection *to = g_new0(struct connection, 1);
	int64_t objects;
	to->path = g_strdup(path);
	to->statements = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, rows_free);
	bool good = sqlite3_open_v2(path, &to->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL) == SQLITE_OK;
	if (!good)
		fail(error, ERROR_INTERNAL, "%s: it cannot be opened", path);
	good = good && execute(to, "PRAGMA synchronous = FULL", error) && execute(from, "BEGIN", error);
	if (good) {
		good = scalar(from, "SELECT count(*) FROM sqlite_master", &objects, error) && pages_copy(from, to, progress, error) && copy_settle(to, error);
		execute(from, "COMMIT", NULL);
	}
	sqlite_close(to);
	return good;
}

static bool copy_name(int file, const char *made, const char *to, GError **error)
{
	if (fsync(file) == 0 && rename(made, to) == 0 && folder_sync(to))
		return true;
	return fail(error, ERROR_INTERNAL, "%s: %s", to, g_strerror(errno));
}

static bool sqlite_copy(struct connection *connection, const char *to, const struct store_progress *progress, GError **error)
{
	if (!target_check(connection, to, error))
		return false;
	g_autofree char *made = g_strconcat(to, ".XXXXXX", NULL);
	int file = mkostemp(made, O_CLOEXEC); /* 0600 */
	if (file < 0)
		return fail(error, ERROR_MALFORMED, "%s: %s", to, g_strerror(errno));
	bool good = copy_make(connection, made, progress, error) && copy_name(file, made, to, error);
	if (!good)
		unlink(made);
	close(file);
	return good;
}

const struct driver sqlite_driver = {
	.scheme = "sqlite:",
	.type_int = "INTEGER",
	.type_bytes = "BLOB",
	.table_suffix = "STRICT, WITHOUT ROWID",
	.wide_suffix = "STRICT",
	.inspect = sqlite_inspect,
	.open = sqlite_open,
	.close = sqlite_close,
	.script = sqlite_script,
	.control = sqlite_control,
	.in_transaction = sqlite_in_transaction,
	.query = sqlite_query,
	.step = sqlite_step,
	.text = sqlite_text,
	.bytes = sqlite_bytes,
	.integer = sqlite_integer,
	.affected = sqlite_affected,
	.finish = sqlite_finish,
	.copy = sqlite_copy,
};
