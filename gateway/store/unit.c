/* What verbs are written with: values, cursors over rows, and the rule that a failed statement spoils its transaction. */
#include "gateway/store/unit.h"
#include <string.h>

#define STORED_JSON_MAX (16 << 20)

struct value value_text(const char *text)
{
	if (!text)
		return (struct value){ .kind = VALUE_NULL };
	return (struct value){ .kind = VALUE_TEXT, .bytes = text, .length = strlen(text) };
}

struct value value_integer(int64_t integer)
{
	return (struct value){ .kind = VALUE_INTEGER, .integer = integer };
}

struct value value_bytes(const void *bytes, size_t length)
{
	return (struct value){ .kind = VALUE_BYTES, .bytes = bytes, .length = length };
}

struct value value_digest(const uint8_t digest[DIGEST_SIZE])
{
	return value_bytes(digest, DIGEST_SIZE);
}

struct value value_json(const json_t *json, char **ret_text)
{
	*ret_text = json ? json_text(json) : NULL;
	return value_text(*ret_text);
}

cursor_t cursor_open(struct unit *unit, const char *sql, const struct value *values, size_t count)
{
	cursor_t cursor = { .unit = unit, .borrowed = !unit->connection };
	if (cursor.borrowed)
		cursor.unit = reader_take(unit->store, &cursor.error);
	if (cursor.unit)
		cursor.rows = cursor.unit->driver->query(cursor.unit->connection, sql, values, count, &cursor.error);
	return cursor;
}

/* A constraint that did not hold undid its own statement only; anything else spoils the transaction. */
enum step_result cursor_step(cursor_t *cursor, GError **error)
{
	enum step_result result = STEP_BROKEN;
	if (cursor->rows)
		result = cursor->unit->driver->step(cursor->rows, &cursor->error);
	if (result != STEP_BROKEN)
		return result;
	if (cursor->unit && error_code_of(cursor->error) != ERROR_CONFLICT)
		cursor->unit->broken = true;
	g_propagate_error(error, cursor->error);
	cursor->error = NULL;
	return STEP_BROKEN;
}

void cursor_close(cursor_t *cursor)
{
	if (cursor->unit)
		cursor->unit->driver->finish(cursor->rows);
	if (cursor->unit && cursor->borrowed)
		reader_give_back(cursor->unit);
	cursor->unit = NULL;
	cursor->rows = NULL;
	g_clear_error(&cursor->error);
}

const char *column_text(cursor_t *cursor, int column)
{
	return cursor->unit->driver->text(cursor->rows, column);
}

char *column_copy(cursor_t *cursor, int column)
{
	return g_strdup(column_text(cursor, column));
}

int64_t column_integer(cursor_t *cursor, int column)
{
	return cursor->unit->driver->integer(cursor->rows, column);
}

bool column_is_null(cursor_t *cursor, int column)
{
	size_t length;
	return !cursor->unit->driver->bytes(cursor->rows, column, &length) && length == 0;
}

bool column_flag(cursor_t *cursor, int column)
{
	return column_integer(cursor, column) != 0;
}

void column_identifier(cursor_t *cursor, int column, char out[IDENTIFIER_SIZE])
{
	const char *text = column_text(cursor, column);
	if (!text || strlen(text) >= IDENTIFIER_SIZE)
		text = "";
	g_strlcpy(out, text, IDENTIFIER_SIZE);
}

bool column_bytes(cursor_t *cursor, int column, uint8_t *out, size_t length)
{
	size_t stored;
	const void *bytes = cursor->unit->driver->bytes(cursor->rows, column, &stored);
	memset(out, 0, length);
	if (!bytes)
		return stored == 0;
	if (stored != length)
		return false;
	memcpy(out, bytes, length);
	return true;
}

bool column_json(cursor_t *cursor, int column, json_t **ret, GError **error)
{
	const char *text = column_text(cursor, column);
	*ret = text ? json_parse(text, strlen(text), STORED_JSON_MAX, error) : NULL;
	return !text || *ret;
}

bool unit_run(struct unit *unit, int64_t *ret_affected, GError **error, const char *sql, const struct value *values, size_t count)
{
	g_auto(cursor_t) cursor = cursor_open(unit, sql, values, count);
	enum step_result result;
	do
		result = cursor_step(&cursor, error);
	while (result == STEP_ROW);
	if (result == STEP_DONE && ret_affected)
		*ret_affected = unit->driver->affected(cursor.rows);
	return result == STEP_DONE;
}

bool unit_run_one(struct unit *unit, const char *what, GError **error, const char *sql, const struct value *values, size_t count)
{
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, sql, values, count))
		return false;
	return affected > 0 || fail(error, ERROR_NOT_FOUND, "there is no such %s", what);
}

/* Stands on the first row. */
static enum found cursor_first(cursor_t *cursor, GError **error)
{
	switch (cursor_step(cursor, error)) {
	case STEP_BROKEN:
		return BROKEN;
	case STEP_DONE:
		return MISSING;
	case STEP_ROW:
		return FOUND;
	}
	return BROKEN;
}

enum found unit_integer(struct unit *unit, int64_t *ret, GError **error, const char *sql, const struct value *values, size_t count)
{
	g_auto(cursor_t) cursor = cursor_open(unit, sql, values, count);
	enum found found = cursor_first(&cursor, error);
	if (found == FOUND)
		*ret = column_integer(&cursor, 0);
	return found;
}

enum found unit_text(struct unit *unit, char **ret, GError **error, const char *sql, const struct value *values, size_t count)
{
	g_auto(cursor_t) cursor = cursor_open(unit, sql, values, count);
	enum found found = cursor_first(&cursor, error);
	if (found == FOUND)
		*ret = column_copy(&cursor, 0);
	return found;
}

enum found unit_sealed(struct unit *unit, const struct seal_context *context, struct secret **ret, GError **error,
                       const char *sql, const struct value *values, size_t count)
{
	g_autofree char *sealed = NULL;
	enum found found = unit_text(unit, &sealed, error, sql, values, count);
	struct secret *opened = found == FOUND ? unseal(store_keys(unit->store), context, sealed, error) : NULL;
	if (found != FOUND || !opened)
		return found == FOUND ? BROKEN : found;
	*ret = opened;
	return FOUND;
}

/* A row that cannot be read (damaged, or sealed with other keys) is broken, never missing. */
static bool record_read(const struct record_type *type, cursor_t *cursor, const char *tenant, void *record, GError **error)
{
	if (type->read(cursor->unit, cursor, tenant, record, error))
		return true;
	type->clear(record);
	cursor->unit->broken = true;
	if (error && !*error)
		fail(error, ERROR_INTERNAL, "a stored record cannot be read");
	return false;
}

enum found record_find(struct unit *unit, const struct record_type *type, const char *tenant, void *ret, GError **error,
                       const char *sql, const struct value *values, size_t count)
{
	g_auto(cursor_t) cursor = cursor_open(unit, sql, values, count);
	g_autofree void *record = g_malloc0(type->size);
	switch (cursor_step(&cursor, error)) {
	case STEP_BROKEN:
		return BROKEN;
	case STEP_DONE:
		return MISSING;
	case STEP_ROW:
		break;
	}
	if (!record_read(type, &cursor, tenant, record, error))
		return BROKEN;
	/* RETURNING has done its work at the first step; stepping to the end only finds failures. */
	if (cursor_step(&cursor, error) == STEP_BROKEN) {
		type->clear(record);
		return BROKEN;
	}
	memcpy(ret, record, type->size);
	return FOUND;
}

bool record_list(struct unit *unit, const struct record_type *type, const char *tenant, bool (*each)(void *record, void *context), void *context,
                 GError **error, const char *sql, const struct value *values, size_t count)
{
	g_auto(cursor_t) cursor = cursor_open(unit, sql, values, count);
	g_autofree void *record = g_malloc0(type->size);
	enum step_result result;
	bool more = true;
	while (more && (result = cursor_step(&cursor, error)) != STEP_DONE) {
		if (result == STEP_BROKEN || !record_read(type, &cursor, tenant, record, error))
			return false;
		more = each(record, context);
		type->clear(record);
		memset(record, 0, type->size);
	}
	return true;
}

char *column_seal(struct unit *unit, const struct seal_context *context, const void *plain, size_t length)
{
	return seal(store_keys(unit->store), context, plain, length);
}
