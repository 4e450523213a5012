/* Changes: what caches must drop. Their numbers have no gaps and are given under the write lock, so a reader that sees a gap knows that rows were purged. */
#include "gateway/store/unit.h"

static const char head_raise[] = "UPDATE meta SET number = number + 1 WHERE name = 'change' RETURNING number";
static const char head_find[] = "SELECT number FROM meta WHERE name = 'change'";
static const char change_insert[] = "INSERT INTO change (tenant, seq, kind, id) VALUES ($1, $2, $3, $4)";
static const char changes_after[] = "SELECT seq, tenant, kind, id FROM change WHERE seq > $1 ORDER BY seq";

bool change_head(struct unit *unit, int64_t *ret_seq, GError **error)
{
	return unit_integer(unit, ret_seq, error, head_find, NULL, 0) == FOUND;
}

bool change_add(struct unit *unit, const char *tenant, const char *kind, const char *id, GError **error)
{
	int64_t seq;
	enum found raised = unit_integer(unit, &seq, error, head_raise, NULL, 0);
	if (raised == MISSING)
		return fail(error, ERROR_INTERNAL, "the row that numbers changes is gone");
	if (raised != FOUND || !unit_run(unit, NULL, error, change_insert, VALUES(value_text(tenant), value_integer(seq), value_text(kind), value_text(id))))
		return false;
	unit->changed = true;
	return true;
}

static bool ids_collect(struct unit *unit, GPtrArray *ids, GError **error, const char *sql, const struct value *values, size_t count)
{
	g_auto(cursor_t) cursor = cursor_open(unit, sql, values, count);
	enum step_result result;
	while ((result = cursor_step(&cursor, error)) == STEP_ROW)
		if (ids->len <= CHANGES_EACH_MAX)
			g_ptr_array_add(ids, column_copy(&cursor, 0));
	return result == STEP_DONE;
}

bool change_add_returned(struct unit *unit, const char *tenant, const char *kind, GError **error, const char *sql, const struct value *values, size_t count)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	if (!ids_collect(unit, ids, error, sql, values, count))
		return false;
	if (ids->len > CHANGES_EACH_MAX)
		return change_add(unit, tenant, "all", "", error);
	for (guint i = 0; i < ids->len; i++)
		if (!change_add(unit, tenant, kind, ids->pdata[i], error))
			return false;
	return true;
}

bool change_list(struct unit *unit, int64_t seq, bool (*each)(const struct change *change, void *data), void *data, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, changes_after, VALUES(value_integer(seq)));
	enum step_result result;
	bool more = true;
	while (more && (result = cursor_step(&cursor, error)) != STEP_DONE) {
		if (result == STEP_BROKEN)
			return false;
		g_autofree char *kind = column_copy(&cursor, 2), *id = column_copy(&cursor, 3);
		struct change change = { .seq = column_integer(&cursor, 0), .kind = kind, .id = id };
		column_identifier(&cursor, 1, change.tenant);
		more = each(&change, data);
	}
	return true;
}
