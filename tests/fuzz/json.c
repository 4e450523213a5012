/* JSON: what was read, written again, is the same value, and the text of that is the same text. No tree is deeper than its limit. */
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

enum { JSON_BYTES_MAX = 64 * 1024, DEPTH_MAX = 32 };

static void check_depth(json_t *value, int above)
{
	const char *key;
	json_t *member;
	size_t index;
	g_assert(above < DEPTH_MAX || !(json_is_object(value) || json_is_array(value)));
	json_object_foreach(value, key, member)
		check_depth(member, above + 1);
	json_array_foreach(value, index, member)
		check_depth(member, above + 1);
}

void fuzz_json(const uint8_t *bytes, size_t length)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) value = json_parse((const char *)bytes, length, JSON_BYTES_MAX, &error), again = NULL;
	g_assert(!value == !!error);
	if (!value)
		return;
	check_depth(value, 0);
	g_autofree char *text = json_text(value);
	g_assert(length <= JSON_BYTES_MAX && text && g_utf8_validate(text, -1, NULL));
	again = json_parse(text, strlen(text), SIZE_MAX, NULL);
	g_assert(again && json_equal(value, again));
	g_autofree char *text_again = json_text(again);
	g_assert(strcmp(text, text_again) == 0);
}
