/* One value against one rule: whether it fits and what it becomes. Files and environment variables are read here, and only where the
 * document may refer to them. */
#include "base/errors.h"
#include "base/schema_value.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/units.h"
#include "base/url.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define STRING_MAX_BYTES 8192
#define SECRET_MAX_BYTES 65536

bool schema_in_bounds(const struct key_rule *rule, int64_t number)
{
	if (rule->min == 0 && rule->max == 0)
		return true;
	return number >= rule->min && (rule->max == 0 || number <= rule->max);
}

bool schema_is_choice(const json_t *value, const char *choices)
{
	const char *text = json_string_value(value);
	if (!text || !choices)
		return false;
	g_auto(GStrv) words = g_strsplit(choices, "|", -1);
	return g_strv_contains((const char *const *)words, text);
}

json_t *schema_pass_check(const struct schema_place *place, json_t *converted)
{
	g_autoptr(json_t) owned = converted;
	const char *expected = "another value";
	if (owned && place->rule->check && !place->rule->check(owned, &expected))
		return schema_refuse_expecting(place, owned, expected);
	return g_steal_pointer(&owned);
}

static json_t *convert_string(const struct schema_place *place, json_t *value)
{
	const char *text = json_string_value(value);
	if (!text || !text_is_plain(text, STRING_MAX_BYTES))
		return schema_refuse(place, value);
	bool may_be_empty = place->rule->standard && strcmp(place->rule->standard, "\"\"") == 0;
	if ((!*text && !may_be_empty) || (*text && !schema_in_bounds(place->rule, (int64_t)text_length(text, strlen(text)))))
		return schema_refuse(place, value);
	return json_incref(value);
}

static json_t *convert_number(const struct schema_place *place, json_t *value)
{
	const char *text = json_string_value(value);
	int64_t number = json_integer_value(value);
	bool read = false;
	if (place->rule->type == KEY_INTEGER)
		read = json_is_integer(value);
	else if (text)
		read = place->rule->type == KEY_SIZE ? size_parse(text, &number) : duration_parse(text, &number);
	return read && schema_in_bounds(place->rule, number) ? json_integer(number) : schema_refuse(place, value);
}

/* RFC 6749 section 3.3: scope-token is %x21 / %x23-5B / %x5D-7E. */
static json_t *convert_scope(const struct schema_place *place, json_t *value)
{
	const char *text = json_string_value(value);
	if (!text || strlen(text) > STRING_MAX_BYTES)
		return schema_refuse(place, value);
	for (const char *c = text; *c; c++) {
		bool space = *c == ' ';
		if ((space && (c == text || c[1] == ' ' || !c[1])) || (!space && (*c < 0x21 || *c > 0x7e || *c == '"' || *c == '\\')))
			return schema_refuse(place, value);
	}
	return json_incref(value);
}

static json_t *convert_url(const struct schema_place *place, json_t *value)
{
	const char *text = json_string_value(value);
	g_autoptr(url_t) url = text ? url_parse(text, NULL) : NULL;
	g_autofree char *origin = url ? url_origin(url) : NULL;
	return origin && !url->has_userinfo ? json_incref(value) : schema_refuse(place, value);
}

static bool may_refer(const struct schema_place *place)
{
	if (!place->given || document_may_refer(place->walk->document))
		return true;
	schema_mistake_add(place->walk, place->line, place->where, place->rule->name,
	                   "files and environment variables are only read for a file given to the command line");
	return false;
}

static json_t *convert_file(const struct schema_place *place, json_t *value)
{
	const char *text = json_string_value(value);
	if (!text || !*text || !text_is_plain(text, STRING_MAX_BYTES))
		return schema_refuse(place, value);
	if (!may_refer(place))
		return NULL;
	g_autofree char *absolute = g_canonicalize_filename(text, document_folder(place->walk->document));
	return json_string(absolute);
}

static json_t *refuse_secret(const struct schema_place *place, const char *source, const char *problem)
{
	g_autofree char *shown = schema_shown(source);
	schema_mistake_add(place->walk, place->line, place->where, place->rule->name, "%s %s", shown, problem);
	return NULL;
}

/* Text of 1 to 64 KiB, without NUL. Where a file ends in one newline, it is not part of the secret. */
static json_t *secret_from_bytes(const struct schema_place *place, const char *source, const char *bytes, size_t length, bool trim)
{
	if (trim && length > 0 && bytes[length - 1] == '\n')
		length -= length > 1 && bytes[length - 2] == '\r' ? 2 : 1;
	if (length == 0)
		return refuse_secret(place, source, "is empty");
	if (length > SECRET_MAX_BYTES)
		return refuse_secret(place, source, "holds more than 64 KiB");
	if (!g_utf8_validate_len(bytes, length, NULL)) /* this one refuses NUL too */
		return refuse_secret(place, source, "does not hold text");
	return json_stringn(bytes, length);
}

static json_t *secret_from_file(const struct schema_place *place, const char *source, const char *path)
{
	if (!*path)
		return refuse_secret(place, source, "names no file");
	g_autofree char *absolute = g_canonicalize_filename(path, document_folder(place->walk->document));
	int file = open(absolute, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return refuse_secret(place, source, g_strerror(errno));
	size_t room = SECRET_MAX_BYTES + 3, length = 0;
	g_autoptr(secret_t) buffer = secret_new_empty(room);
	ssize_t got;
	while (length < room && (got = read(file, secret_writable(buffer) + length, room - length)) != 0) {
		if (got > 0) {
			length += (size_t)got;
		} else if (errno != EINTR) {
			refuse_secret(place, source, g_strerror(errno));
			close(file);
			return NULL;
		}
	}
	close(file);
	return secret_from_bytes(place, source, (const char *)secret_bytes(buffer), length, true);
}

/* The name in "${NAME}", or NULL for any other text. Caller frees. */
static char *environment_name(const char *text)
{
	size_t length = strlen(text);
	if (length < 4 || !g_str_has_prefix(text, "${") || text[length - 1] != '}' || g_ascii_isdigit(text[2]))
		return NULL;
	for (size_t i = 2; i < length - 1; i++)
		if (!g_ascii_isalnum(text[i]) && text[i] != '_')
			return NULL;
	return g_strndup(text + 2, length - 3);
}

/* The messages name the reference, never what it leads to; a literal secret is named by nothing at all. */
static json_t *convert_secret(const struct schema_place *place, json_t *value)
{
	const char *text = json_string_value(value);
	if (!text)
		return schema_refuse(place, value);
	g_autofree char *name = environment_name(text);
	bool from_file = g_str_has_prefix(text, "file:");
	if ((name || from_file) && !may_refer(place))
		return NULL;
	if (from_file)
		return secret_from_file(place, text, text + strlen("file:"));
	if (!name)
		return secret_from_bytes(place, "the secret", text, strlen(text), false);
	const char *held = g_getenv(name);
	if (!held)
		return refuse_secret(place, text, "is not set in the environment");
	return secret_from_bytes(place, text, held, strlen(held), false);
}

static json_t *convert_map(const struct schema_place *place, json_t *value)
{
	if (!json_is_object(value))
		return schema_refuse(place, value);
	const char *name;
	json_t *member;
	json_object_foreach(value, name, member) {
		size_t index;
		json_t *item;
		bool fits = text_is_plain(name, STRING_MAX_BYTES);
		fits = fits && (json_is_array(member) || text_is_plain(json_string_value(member), STRING_MAX_BYTES));
		json_array_foreach(member, index, item)
			fits = fits && text_is_plain(json_string_value(item), STRING_MAX_BYTES);
		if (!fits)
			return schema_refuse(place, value);
	}
	return json_incref(value);
}

static json_t *convert_item(const struct schema_place *list, json_t *item, size_t index)
{
	g_autofree char *name = g_strdup_printf("%s[%zu]", list->rule->name, index);
	struct key_rule rule = *list->rule;
	rule.name = name;
	rule.type = list->rule->type == KEY_URLS ? KEY_URL : KEY_STRING;
	rule.min = rule.max = 0;
	int line = document_line(list->walk->document, item);
	struct schema_place place = { list->walk, list->where, &rule, line > 0 ? line : list->line, list->given };
	return schema_convert(&place, item);
}

static json_t *convert_list(const struct schema_place *place, json_t *value)
{
	size_t size = json_is_array(value) ? json_array_size(value) : 1;
	if ((!json_is_array(value) && !json_is_string(value)) || !schema_in_bounds(place->rule, (int64_t)size))
		return schema_refuse(place, value);
	g_autoptr(json_t) list = json_array();
	for (size_t i = 0; i < size; i++) {
		json_t *item = convert_item(place, json_is_array(value) ? json_array_get(value, i) : value, i);
		if (item)
			json_array_append_new(list, item);
	}
	return g_steal_pointer(&list);
}

/* The items of a list have passed their own check. */
json_t *schema_convert(const struct schema_place *place, json_t *value)
{
	enum key_type type = place->rule->type;
	if (type == KEY_STRING && place->rule->choices)
		type = KEY_CHOICE;
	if (type != KEY_CHOICE && type != KEY_STRINGS && schema_is_choice(value, place->rule->choices))
		return json_incref(value);
	switch (type) {
	case KEY_STRING:
		return schema_pass_check(place, convert_string(place, value));
	case KEY_BOOLEAN:
		return schema_pass_check(place, json_is_boolean(value) ? json_incref(value) : schema_refuse(place, value));
	case KEY_INTEGER:
	case KEY_DURATION:
	case KEY_SIZE:
		return schema_pass_check(place, convert_number(place, value));
	case KEY_CHOICE:
		return schema_pass_check(place, schema_is_choice(value, place->rule->choices) ? json_incref(value) : schema_refuse(place, value));
	case KEY_STRINGS:
	case KEY_URLS:
		return convert_list(place, value);
	case KEY_SCOPE:
		return schema_pass_check(place, convert_scope(place, value));
	case KEY_SECRET:
		return schema_pass_check(place, convert_secret(place, value));
	case KEY_FILE:
		return schema_pass_check(place, convert_file(place, value));
	case KEY_URL:
		return schema_pass_check(place, convert_url(place, value));
	case KEY_MAP:
		return schema_pass_check(place, convert_map(place, value));
	case KEY_ANY:
		return schema_pass_check(place, json_incref(value));
	case KEY_OBJECT:
	case KEY_OBJECTS:
	case KEY_NOT_YET:
		break;
	}
	return schema_refuse(place, value);
}
