/* The recorder of checks. It is bounded twice, in rows and in bytes a row, because what it keeps is chosen by whoever sends the answer that is
 * checked. */
#include "base/checks.h"

#include <string.h>

#define CHECKS_MAX 64
#define VALUE_BYTES_MAX 256

struct checks {
	json_t *rows;
	size_t rows_max, dropped;
};

struct checks *checks_new_of(size_t rows)
{
	struct checks *checks = g_new0(struct checks, 1);
	checks->rows = json_array();
	checks->rows_max = rows;
	return checks;
}

struct checks *checks_new(void)
{
	return checks_new_of(CHECKS_MAX);
}

void checks_free(struct checks *checks)
{
	if (!checks)
		return;
	json_decref(checks->rows);
	g_free(checks);
}

/* A copy that JSON can hold: UTF-8, cut at a character's edge. */
static json_t *value_of(const char *text)
{
	if (!text)
		return json_null();
	size_t length = strnlen(text, VALUE_BYTES_MAX);
	if (text[length] != '\0')
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	json_t *value = json_stringn(text, length); /* NULL: not UTF-8 */
	if (value)
		return value;
	g_autofree char *valid = g_utf8_make_valid(text, (gssize)length);
	return json_string(valid);
}

bool check(struct checks *checks, const char *name, const char *seen, const char *expected, bool passed)
{
	if (!checks)
		return passed;
	if (json_array_size(checks->rows) >= checks->rows_max) {
		checks->dropped++;
		return passed;
	}
	json_t *row = json_object();
	json_object_set_new_nocheck(row, "check", value_of(name));
	json_object_set_new_nocheck(row, "seen", value_of(seen));
	json_object_set_new_nocheck(row, "expected", value_of(expected));
	json_object_set_new_nocheck(row, "passed", json_boolean(passed));
	json_array_append_new(checks->rows, row);
	return passed;
}

/* One more row with a sentence of that name in it, unless there was no room for the row. */
static bool check_with(struct checks *checks, const char *name, const char *seen, const char *expected, bool passed, const char *key, const char *sentence)
{
	size_t before = checks ? json_array_size(checks->rows) : 0;

	check(checks, name, seen, expected, passed);
	if (checks && key && json_array_size(checks->rows) > before)
		json_object_set_new_nocheck(json_array_get(checks->rows, before), key, value_of(sentence));
	return passed;
}

bool check_advised(struct checks *checks, const char *name, const char *seen, const char *expected, bool passed, const char *advice)
{
	return check_with(checks, name, seen, expected, passed, passed ? NULL : "advice", advice);
}

void check_skipped(struct checks *checks, const char *name, const char *seen, const char *why)
{
	check_with(checks, name, seen, NULL, true, "skipped", why);
}

void check_warned(struct checks *checks, const char *name, const char *seen, const char *expected, const char *advice)
{
	check_with(checks, name, seen, expected, true, "warning", advice);
}

json_t *checks_json(const struct checks *checks)
{
	json_t *rows = checks ? json_copy(checks->rows) : json_array();

	if (checks && checks->dropped > 0)
		json_array_append_new(rows, json_pack("{s:s, s:I}", "check", "(more)", "dropped", (json_int_t)checks->dropped));
	return rows;
}
