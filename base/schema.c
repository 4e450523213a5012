/* The walk over objects: unknown keys, required ones, defaults, objects below objects. It goes on after a mistake, so that a person
 * mends a file in one go; the mistakes leave in the order of their lines, at most a hundred of them. */
#include "base/schema.h"
#include "base/errors.h"
#include "base/schema_value.h"
#include "base/text.h"
#include <string.h>

#define MISTAKES_MAX 100
#define NAME_MAX_BYTES 64

struct schema_mistake {
	int line;
	guint order;
	char *text;
};

static json_t *apply_object(struct schema_walk *walk, json_t *value, const struct key_rule *keys, const char *where, int line);

static char *place_words(const struct document *document, int line)
{
	return line > 0 ? g_strdup_printf("%s:%d", document_name(document), line) : g_strdup(document_name(document));
}

void schema_mistake_add(struct schema_walk *walk, int line, const char *where, const char *name, const char *format, ...)
{
	if (walk->count++ >= MISTAKES_MAX)
		return;
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments), *place = place_words(walk->document, line);
	va_end(arguments);
	char *whole = g_strdup_printf("%s: %s%s%s%s", place, where, name, *where || *name ? ": " : "", text);
	struct schema_mistake mistake = { line, walk->mistakes->len, whole };
	g_array_append_val(walk->mistakes, mistake);
}

static int compare_mistakes(const void *left, const void *right)
{
	const struct schema_mistake *one = left, *other = right;
	if (one->line != other->line)
		return one->line < other->line ? -1 : 1;
	return one->order < other->order ? -1 : one->order > other->order;
}

static void clear_mistake(void *mistake)
{
	g_free(((struct schema_mistake *)mistake)->text);
}

static bool report(struct schema_walk *walk, GError **error)
{
	g_autoptr(GString) all = g_string_new(NULL);
	g_array_sort(walk->mistakes, compare_mistakes);
	for (guint i = 0; i < walk->mistakes->len; i++)
		g_string_append_printf(all, "%s%s", i ? "\n" : "", g_array_index(walk->mistakes, struct schema_mistake, i).text);
	if (walk->count > MISTAKES_MAX)
		g_string_append_printf(all, "\n%s: %zu more mistakes", document_name(walk->document), walk->count - MISTAKES_MAX);
	return fail(error, ERROR_MALFORMED, "%s", all->str);
}

/* Levenshtein's distance between two names of at most 64 bytes, in one row. */
static size_t distance(const char *one, const char *other)
{
	size_t row[NAME_MAX_BYTES + 1], length = strlen(other);
	for (size_t i = 0; i <= length; i++)
		row[i] = i;
	for (size_t i = 1; one[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t k = 1; k <= length; k++) {
			size_t above = row[k], replaced = diagonal + (one[i - 1] != other[k - 1]);
			row[k] = MIN(replaced, MIN(above, row[k - 1]) + 1);
			diagonal = above;
		}
	}
	return row[length];
}

/* The name nearest to a mistyped one, where it is near enough to be meant: a third of its length, at least one slip. */
static const char *nearest(const char *typed, const struct key_rule *keys)
{
	const char *best = NULL;
	size_t length = strlen(typed), least = length < 6 ? 2 : length / 3 + 1;
	if (length > NAME_MAX_BYTES)
		return NULL;
	for (const struct key_rule *rule = keys; rule->name; rule++) {
		size_t apart = strlen(rule->name) <= NAME_MAX_BYTES ? distance(typed, rule->name) : least;
		if (apart < least) {
			least = apart;
			best = rule->name;
		}
	}
	return best;
}

static bool is_known(const char *name, const struct key_rule *keys)
{
	for (const struct key_rule *rule = keys; rule->name; rule++)
		if (strcmp(rule->name, name) == 0)
			return true;
	return false;
}

/* The value of an unknown key is not shown: it may be a secret whose name was mistyped. */
static void refuse_unknown(struct schema_walk *walk, json_t *value, const struct key_rule *keys, const char *where)
{
	const char *name;
	json_t *member;
	json_object_foreach(value, name, member) {
		if (is_known(name, keys))
			continue;
		const char *meant = nearest(name, keys);
		g_autofree char *shown = schema_shown(name);
		int line = document_member_line(walk->document, value, name);
		schema_mistake_add(walk, line, where, shown, "unknown key%s%s%s", meant ? ", did you mean " : "", meant ? meant : "", meant ? "?" : "");
	}
}

/* Whether an absent object is made of its defaults: it has some, and nothing in it must be given. */
static bool fills_itself(const struct key_rule *keys)
{
	bool filled = false;
	for (const struct key_rule *rule = keys; rule->name; rule++) {
		if (rule->required && !rule->standard)
			return false;
		if (rule->type != KEY_NOT_YET)
			filled = filled || rule->standard || (rule->type == KEY_OBJECT && fills_itself(rule->keys));
	}
	return filled;
}

/* A default as YAML. Nearly all are plain scalars, which need no parser: a declaration may hold a million users. */
static json_t *read_standard(const char *standard)
{
	if (*standard && !strchr("[{\"'", *standard) && !strstr(standard, ": ") && !strstr(standard, " #"))
		return document_plain_scalar(standard);
	g_autoptr(document_t) document = document_parse("default", standard, strlen(standard), NULL);
	return document ? json_incref(document_root(document)) : NULL;
}

/* "clients[wiki]." where the first key of the table is a text that may be shown, else "clients[3].". Caller frees. */
static char *item_where(const struct schema_place *place, const json_t *item, size_t index)
{
	const struct key_rule *first = place->rule->keys;
	const char *name = first->name && first->type == KEY_STRING ? json_string_at(item, first->name) : NULL;
	if (!name || !*name || !text_is_plain(name, NAME_MAX_BYTES))
		return g_strdup_printf("%s%s[%zu].", place->where, place->rule->name, index);
	return g_strdup_printf("%s%s[%s].", place->where, place->rule->name, name);
}

/* A key with nothing after it is an object with nothing in it: people comment out the last member. */
static json_t *convert_object(const struct schema_place *place, json_t *value)
{
	if (!json_is_object(value) && !json_is_null(value))
		return schema_refuse(place, value);
	g_autofree char *where = g_strdup_printf("%s%s.", place->where, place->rule->name);
	return schema_pass_check(place, apply_object(place->walk, value, place->rule->keys, where, place->line));
}

static json_t *convert_objects(const struct schema_place *place, json_t *value)
{
	if (!json_is_array(value) || !schema_in_bounds(place->rule, (int64_t)json_array_size(value)))
		return schema_refuse(place, value);
	g_autoptr(json_t) list = json_array();
	size_t index;
	json_t *item;
	json_array_foreach(value, index, item) {
		int line = document_line(place->walk->document, item);
		struct schema_place inner = *place;
		inner.line = line > 0 ? line : place->line;
		if (!json_is_object(item)) {
			schema_refuse(&inner, item);
			continue;
		}
		g_autofree char *where = item_where(place, item, index);
		json_t *made = schema_pass_check(&inner, apply_object(place->walk, item, place->rule->keys, where, inner.line));
		if (made)
			json_array_append_new(list, made);
	}
	return g_steal_pointer(&list);
}

/* Repeating the default of what is not built yet asks for nothing, so a file that spells out all defaults passes. */
static json_t *refuse_not_yet(const struct schema_place *place, const json_t *value)
{
	g_autoptr(json_t) standard = place->rule->standard ? read_standard(place->rule->standard) : NULL;
	if (!standard || !json_equal(standard, value))
		schema_mistake_add(place->walk, place->line, place->where, place->rule->name, "not built yet");
	return NULL;
}

static json_t *convert(const struct schema_place *place, json_t *value)
{
	if (place->rule->type == KEY_NOT_YET)
		return refuse_not_yet(place, value);
	if (place->rule->type == KEY_OBJECT && !schema_is_choice(value, place->rule->choices))
		return convert_object(place, value);
	if (place->rule->type == KEY_OBJECTS && !schema_is_choice(value, place->rule->choices))
		return convert_objects(place, value);
	return schema_convert(place, value);
}

static json_t *convert_absent(const struct schema_place *place)
{
	const struct key_rule *rule = place->rule;
	if (rule->type == KEY_NOT_YET)
		return NULL;
	if (rule->standard) {
		g_autoptr(json_t) standard = read_standard(rule->standard);
		if (standard)
			return convert(place, standard);
		schema_mistake_add(place->walk, place->line, place->where, rule->name, "the default in the table is not YAML");
	} else if (rule->required) {
		g_autofree char *expected = schema_expected(rule);
		schema_mistake_add(place->walk, place->line, place->where, rule->name, "missing, expected %s", expected);
	} else if (rule->type == KEY_OBJECT && fills_itself(rule->keys)) {
		return convert_object(place, json_null());
	}
	return NULL;
}

/* `value` is an object, or null for an empty one. Keys stand in the result in the order of the table. */
static json_t *apply_object(struct schema_walk *walk, json_t *value, const struct key_rule *keys, const char *where, int line)
{
	json_t *made = json_object();
	refuse_unknown(walk, value, keys, where);
	for (const struct key_rule *rule = keys; rule->name; rule++) {
		json_t *member = json_object_get(value, rule->name);
		int member_line = member ? document_member_line(walk->document, value, rule->name) : line;
		struct schema_place place = { walk, where, rule, member_line, member != NULL };
		json_t *converted = member ? convert(&place, member) : convert_absent(&place);
		if (!converted)
			continue;
		document_note_line(walk->document, converted, place.line);
		json_object_set_new(made, rule->name, converted);
	}
	document_note_line(walk->document, made, line);
	return made;
}

json_t *schema_apply(const struct document *document, const json_t *value, const struct key_rule *keys, const char *where, GError **error)
{
	struct schema_walk walk = { .document = document, .mistakes = g_array_new(FALSE, FALSE, sizeof(struct schema_mistake)) };
	g_array_set_clear_func(walk.mistakes, clear_mistake);
	int line = value ? MAX(document_line(document, value), 1) : 1;
	/* The tree is only read: jansson's getters give members without const, and members are shared with the result. */
	g_autoptr(json_t) shared = value ? json_incref((json_t *)(uintptr_t)value) : json_null();
	g_autoptr(json_t) made = NULL;
	if (json_is_object(shared) || json_is_null(shared))
		made = apply_object(&walk, shared, keys, where, line);
	else
		schema_mistake_add(&walk, line, where, "", "expected an object");
	bool valid = walk.count == 0 || report(&walk, error);
	g_array_unref(walk.mistakes);
	return valid ? g_steal_pointer(&made) : NULL;
}

bool schema_fail(GError **error, const struct document *document, const json_t *value, const char *where, const char *format, ...)
{
	if (!error)
		return false;
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments), *place = place_words(document, document_line(document, value));
	va_end(arguments);
	g_autofree char *line = g_strdup_printf("%s: %s%s%s", place, where, *where ? ": " : "", text);
	if (!*error)
		return fail(error, ERROR_MALFORMED, "%s", line);
	char *joined = g_strdup_printf("%s\n%s", (*error)->message, line);
	g_free((*error)->message);
	(*error)->message = joined;
	return false;
}
