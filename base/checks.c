/* The recorder of checks. It is bounded twice, in rows and in bytes a row, because what it keeps is chosen by whoever sends the answer that is
 * checked. Most of it is never read, since most requests succeed: texts lie one behind the other, and become JSON when they are asked for. */
#include "base/checks.h"

#include <string.h>

#define CHECKS_MAX 64
#define VALUE_BYTES_MAX 256
#define USUAL_BYTES 512

/* Where its texts begin; 0: there is none. `remark` is the name of the sentence, where there is one. */
struct row {
	size_t name, seen, expected, sentence;
	const char *remark;
	bool passed;
};

struct checks {
	GString *texts; /* each ends with a NUL; so does the one at 0, which is nobody's */
	size_t count, dropped, rows_max;
	struct row rows[];
};

struct checks *checks_new_of(size_t rows)
{
	struct checks *checks = g_malloc(sizeof *checks + rows * sizeof checks->rows[0]);
	checks->texts = g_string_sized_new(USUAL_BYTES);
	g_string_append_c(checks->texts, '\0');
	checks->count = checks->dropped = 0;
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
	g_string_free(checks->texts, TRUE);
	g_free(checks);
}

/* Cut at a character's edge. */
static size_t text_keep(struct checks *checks, const char *text)
{
	if (!text)
		return 0;
	size_t length = strnlen(text, VALUE_BYTES_MAX), place = checks->texts->len;
	if (text[length] != '\0')
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	g_string_append_len(checks->texts, text, (gssize)length);
	g_string_append_c(checks->texts, '\0');
	return place;
}

static bool row_add(struct checks *checks, const char *name, const char *seen, const char *expected, bool passed, const char *remark, const char *sentence)
{
	if (!checks)
		return passed;
	if (checks->count == checks->rows_max) {
		checks->dropped++;
		return passed;
	}
	checks->rows[checks->count++] = (struct row){
		.name = text_keep(checks, name),
		.seen = text_keep(checks, seen),
		.expected = text_keep(checks, expected),
		.sentence = remark ? text_keep(checks, sentence) : 0,
		.remark = remark,
		.passed = passed,
	};
	return passed;
}

bool check(struct checks *checks, const char *name, const char *seen, const char *expected, bool passed)
{
	return row_add(checks, name, seen, expected, passed, NULL, NULL);
}

bool check_advised(struct checks *checks, const char *name, const char *seen, const char *expected, bool passed, const char *advice)
{
	return row_add(checks, name, seen, expected, passed, passed ? NULL : "advice", advice);
}

void check_skipped(struct checks *checks, const char *name, const char *seen, const char *why)
{
	row_add(checks, name, seen, NULL, true, "skipped", why);
}

void check_warned(struct checks *checks, const char *name, const char *seen, const char *expected, const char *advice)
{
	row_add(checks, name, seen, expected, true, "warning", advice);
}

static json_t *text_json(const struct checks *checks, size_t place)
{
	const char *text = checks->texts->str + place;
	if (!place)
		return json_null();
	json_t *value = json_string(text); /* NULL: not UTF-8 */
	if (value)
		return value;
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	return json_string(valid);
}

json_t *checks_json(const struct checks *checks)
{
	json_t *list = json_array();
	for (size_t i = 0; checks && i < checks->count; i++) {
		const struct row *row = &checks->rows[i];
		json_t *object = json_object();
		json_object_set_new_nocheck(object, "check", text_json(checks, row->name));
		json_object_set_new_nocheck(object, "seen", text_json(checks, row->seen));
		json_object_set_new_nocheck(object, "expected", text_json(checks, row->expected));
		json_object_set_new_nocheck(object, "passed", json_boolean(row->passed));
		if (row->sentence)
			json_object_set_new_nocheck(object, row->remark, text_json(checks, row->sentence));
		json_array_append_new(list, object);
	}
	if (checks && checks->dropped > 0)
		json_array_append_new(list, json_pack("{s:s, s:I}", "check", "(more)", "dropped", (json_int_t)checks->dropped));
	return list;
}
