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

/* Most texts are short, so they are written where there is room already; a longer one is written twice. jansson calls back for every quote and comma,
 * and says 0 for what it cannot write. */
char *json_text(const json_t *value)
{
	char room[2048];
	size_t length = json_dumpb(value, room, sizeof room, JSON_COMPACT | JSON_ENCODE_ANY);
	if (length == 0)
		return NULL;
	char *text = g_malloc(length + 1);
	if (length <= sizeof room)
		memcpy(text, room, length);
	else
		json_dumpb(value, text, length, JSON_COMPACT | JSON_ENCODE_ANY);
	wipe(room, MIN(length, sizeof room)); /* tokens pass here */
	text[length] = '\0';
	return text;
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
