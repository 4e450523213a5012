/* jansson, called strictly. Its own depth limit is 2,048 and it parses by recursion, so depth is counted over the bytes first; its error
 * texts quote the input, which may be a secret, so only the part before the quotation is kept. */
#include "base/json.h"
#include "base/errors.h"
#include "base/secret.h"
#include <string.h>

#define DEPTH_MAX 32

/* Counts brackets outside strings. On malformed text the count may be off, but never below what the parser would recurse into. */
static bool depth_is_bounded(const char *text, size_t length)
{
	int depth = 0;
	bool inside = false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		if (inside) {
			if (c == '\\')
				i++;
			else if (c == '"')
				inside = false;
		} else if (c == '"') {
			inside = true;
		} else if ((c == '[' || c == '{') && ++depth > DEPTH_MAX) {
			return false;
		} else if (c == ']' || c == '}') {
			depth--;
		}
	}
	return true;
}

json_t *json_parse(const char *text, size_t length, size_t max_bytes, GError **error)
{
	if (length > max_bytes) {
		fail(error, ERROR_MALFORMED, "JSON of %zu bytes, at most %zu", length, max_bytes);
		return NULL;
	}
	if (!depth_is_bounded(text, length)) {
		fail(error, ERROR_MALFORMED, "JSON nested deeper than %d", DEPTH_MAX);
		return NULL;
	}
	json_error_t problem;
	json_t *value = json_loadb(text ? text : "", length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
	if (!value) {
		char *quotation = strstr(problem.text, " near ");
		if (quotation)
			*quotation = '\0';
		fail(error, ERROR_MALFORMED, "JSON, line %d, column %d: %s", problem.line, problem.column, problem.text);
	}
	return value;
}

/* A text being written. Most are short and fit where there is room already; tokens pass here, so whatever is left behind is wiped. */
struct text {
	char *bytes;
	size_t length, room;
	char first[2048];
};

static char *text_room(struct text *text, size_t needed)
{
	if (text->room - text->length < needed) {
		size_t room = 2 * (text->room + needed);
		char *bytes = g_malloc(room);
		memcpy(bytes, text->bytes, text->length);
		wipe(text->bytes, text->length);
		if (text->bytes != text->first)
			g_free(text->bytes);
		text->bytes = bytes;
		text->room = room;
	}
	return text->bytes + text->length;
}

static void text_put(struct text *text, const char *bytes, size_t length)
{
	memcpy(text_room(text, length), bytes, length);
	text->length += length;
}

/* RFC 8259 section 7: what must be escaped. */
static void escape_put(struct text *text, char c)
{
	static const char short_ones[][2] = { { '"', '"' }, { '\\', '\\' }, { '\b', 'b' }, { '\f', 'f' }, { '\n', 'n' }, { '\r', 'r' }, { '\t', 't' } };
	char escape[7];
	for (size_t i = 0; i < G_N_ELEMENTS(short_ones); i++)
		if (short_ones[i][0] == c) {
			text_put(text, (const char[]){ '\\', short_ones[i][1] }, 2);
			return;
		}
	g_snprintf(escape, sizeof escape, "\\u%04X", (unsigned)(unsigned char)c);
	text_put(text, escape, 6);
}

static void string_put(struct text *text, const char *string, size_t length)
{
	text_put(text, "\"", 1);
	for (size_t done = 0; done < length;) {
		size_t plain = done;
		while (plain < length && (unsigned char)string[plain] >= 0x20 && string[plain] != '"' && string[plain] != '\\')
			plain++;
		text_put(text, string + done, plain - done);
		done = plain;
		if (done < length)
			escape_put(text, string[done++]);
	}
	text_put(text, "\"", 1);
}

static void integer_put(struct text *text, json_int_t integer)
{
	char digits[24];
	text_put(text, digits, (size_t)g_snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, integer));
}

/* None is ours: they come from others' documents, and go on as jansson writes them. */
static void real_put(struct text *text, const json_t *real)
{
	size_t length = json_dumpb(real, NULL, 0, JSON_ENCODE_ANY);
	json_dumpb(real, text_room(text, length), length, JSON_ENCODE_ANY);
	text->length += length;
}

static void value_put(struct text *text, const json_t *value);

static void object_put(struct text *text, const json_t *object)
{
	json_t *own = (json_t *)(uintptr_t)object; /* an iterator's type is not const; nothing is changed */
	void *first = json_object_iter(own);
	text_put(text, "{", 1);
	for (void *at = first; at; at = json_object_iter_next(own, at)) {
		const char *key = json_object_iter_key(at);
		text_put(text, ",", at == first ? 0 : 1);
		string_put(text, key, strlen(key));
		text_put(text, ":", 1);
		value_put(text, json_object_iter_value(at));
	}
	text_put(text, "}", 1);
}

static void array_put(struct text *text, const json_t *array)
{
	size_t index;
	const json_t *item;
	text_put(text, "[", 1);
	json_array_foreach(array, index, item) {
		text_put(text, ",", index ? 1 : 0);
		value_put(text, item);
	}
	text_put(text, "]", 1);
}

static void value_put(struct text *text, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: object_put(text, value); return;
	case JSON_ARRAY: array_put(text, value); return;
	case JSON_STRING: string_put(text, json_string_value(value), json_string_length(value)); return;
	case JSON_INTEGER: integer_put(text, json_integer_value(value)); return;
	case JSON_REAL: real_put(text, value); return;
	case JSON_TRUE: text_put(text, "true", 4); return;
	case JSON_FALSE: text_put(text, "false", 5); return;
	case JSON_NULL: text_put(text, "null", 4); return;
	}
}

/* jansson's own writer looks at every character as Unicode and for loops at every object, and calls back for each comma: a third of what a token cost. Its
 * values hold no invalid UTF-8, and ours no loops. */
char *json_text(const json_t *value)
{
	struct text text = { .bytes = text.first, .room = sizeof text.first };
	if (!value)
		return NULL;
	value_put(&text, value);
	char *exact = g_malloc(text.length + 1);
	memcpy(exact, text.bytes, text.length);
	exact[text.length] = '\0';
	wipe(text.bytes, text.length);
	if (text.bytes != text.first)
		g_free(text.bytes);
	return exact;
}

const char *json_string_at(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

bool json_integer_at(const json_t *object, const char *key, int64_t *ret_value)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_integer(value))
		return false;
	*ret_value = json_integer_value(value);
	return true;
}

bool json_array_has(const json_t *array, const char *text)
{
	size_t index;
	const json_t *item;
	json_array_foreach(array, index, item) {
		const char *held = json_string_value(item);
		if (held && strcmp(held, text) == 0)
			return true;
	}
	return false;
}

char **json_strings(const json_t *array)
{
	size_t count = json_array_size(array);
	char **strings = count > 0 ? g_new0(char *, count + 1) : NULL;
	for (size_t i = 0; i < count; i++)
		strings[i] = g_strdup(json_string_value(json_array_get(array, i)));
	return strings;
}
