/* What a database driver does for the store. Private to gateway/store; sqlite.c is the first implementation.
 *
 * The SQL that verbs hand down is written once, in the dialect SQLite and PostgreSQL share: parameters are $1 … $n, bound by name (SQLite numbers
 * $2,$1 by appearance), every SQL text is a constant whose address names it in the driver's statement cache, a conflict is met with ON CONFLICT and
 * never by a failing statement (that would spoil a PostgreSQL transaction), and no type is named outside the migrations.
 * A connection is used by one thread at a time.
 */
#pragma once
#include "base/errors.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct rows;
struct store_progress;

enum value_kind { VALUE_NULL = 0, VALUE_TEXT, VALUE_BYTES, VALUE_INTEGER };

/* One parameter. The bytes are borrowed until the rows are finished. */
struct value {
	enum value_kind kind;
	const void *bytes;
	size_t length;
	int64_t integer;
};

#define VALUES_MAX 32

enum step_result { STEP_BROKEN = 0, STEP_DONE, STEP_ROW };

enum control {
	CONTROL_BEGIN,       /* takes the write lock now, so that no later statement can lose it */
	CONTROL_SAVEPOINT,
	CONTROL_RELEASE,     /* keeps what was done since the savepoint */
	CONTROL_UNDO,        /* undoes it, and the savepoint with it */
	CONTROL_COMMIT,
	CONTROL_ROLLBACK,
};

struct driver_options {
	const char *address; /* what stands after "sqlite:" */
	bool create;
	bool read_only;      /* a statement that writes fails */
};

struct driver {
	const char *scheme;  /* "sqlite:" */
	/* Stand for {int}, {bytes}, {table} and {wide} in migrations. */
	const char *type_int, *type_bytes, *table_suffix, *wide_suffix;
	/* Checks a database before anything opens it: there, ours, readable, owned by this user. */
	bool (*inspect)(const struct driver_options *options, GError **error);
	struct connection *(*open)(const struct driver_options *options, GError **error);
	void (*close)(struct connection *connection);
	/* Runs a text of several statements, without parameters: for migrations. */
	bool (*script)(struct connection *connection, const char *sql, GError **error);
	/* ERROR_UNAVAILABLE where another process holds the lock; CONTROL_BEGIN waits for it up to `wait_ms`. */
	bool (*control)(struct connection *connection, enum control control, int wait_ms, GError **error);
	/* False after a failure that undid the whole transaction by itself. */
	bool (*in_transaction)(struct connection *connection);
	/* Starts a statement; values are $1 … $count, every one of which must stand in the text. NULL with *error. */
	struct rows *(*query)(struct connection *connection, const char *sql, const struct value *values, size_t count, GError **error);
	/* STEP_BROKEN with *error: ERROR_CONFLICT for a constraint, ERROR_UNAVAILABLE for a lock, else ERROR_INTERNAL. */
	enum step_result (*step)(struct rows *rows, GError **error);
	/* Columns of the row stood on, counted from 0; text and bytes are borrowed until the next step. NULL for SQL's NULL. */
	const char *(*text)(struct rows *rows, int column);
	const void *(*bytes)(struct rows *rows, int column, size_t *ret_length);
	int64_t (*integer)(struct rows *rows, int column);
	/* Rows that the finished statement inserted, changed or deleted. */
	int64_t (*affected)(struct rows *rows);
	void (*finish)(struct rows *rows); /* takes NULL */
	/* Copies everything, as it is at one moment, into a file of its own: written beside `to` for this user only, checked whole, made durable, and then given
	 * the name. What stands there already is replaced only where it is such a file too. Others read and write meanwhile. May be NULL: the database has tools
	 * for that. `connection` is read only and does nothing else. */
	bool (*copy)(struct connection *connection, const char *to, const struct store_progress *progress, GError **error);
};

extern const struct driver sqlite_driver;
