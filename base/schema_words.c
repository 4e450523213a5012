/* What is said of a value that does not fit: what was seen, and what its rule asks for. A rule's type alone decides what may be shown:
 * of a secret, and of anything that should have been an object, only the type of what was seen. */
#include "base/schema_value.h"
#include "base/text.h"
#include "base/units.h"
#include <string.h>

#define SHOWN_CHARACTERS 60

char *schema_shown(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, SHOWN_CHARACTERS * 4));
	GString *shown = g_string_new(NULL);
	const char *rest = valid;
	for (int i = 0; *rest && i < SHOWN_CHARACTERS; i++) {
		char character[7] = "";
		int length = g_unichar_to_utf8(g_utf8_get_char(rest), character);
		g_string_append(shown, text_is_plain(character, sizeof character) ? character : "\xef\xbf\xbd");
		rest += length;
	}
	if (*rest)
		g_string_append(shown, "…");
	return g_string_free(shown, FALSE);
}

static const char *type_word(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "text";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	case JSON_NULL:
		return "nothing";
	}
	return "nothing";
}

static bool may_be_shown(enum key_type type)
{
	switch (type) {
	case KEY_SECRET:
	case KEY_OBJECT:
	case KEY_OBJECTS:
	case KEY_MAP:
	case KEY_ANY:
	case KEY_NOT_YET:
		return false;
	case KEY_STRING:
	case KEY_BOOLEAN:
	case KEY_INTEGER:
	case KEY_DURATION:
	case KEY_SIZE:
	case KEY_CHOICE:
	case KEY_STRINGS:
	case KEY_SCOPE:
	case KEY_FILE:
	case KEY_URL:
	case KEY_URLS:
		return true;
	}
	return false;
}

/* A URL with user information holds a password, most likely. */
static char *seen_words(const struct key_rule *rule, const json_t *value)
{
	const char *text = json_string_value(value);
	if (!may_be_shown(rule->type) || (text && strchr(text, '@') && strstr(text, "://")))
		return g_strdup(type_word(value));
	if (text) {
		g_autofree char *shown = schema_shown(text);
		return g_strdup_printf("\"%s\"", shown);
	}
	if (json_is_object(value) || json_is_array(value) || json_is_null(value))
		return g_strdup(type_word(value));
	return json_text(value);
}

static void number_words(enum key_type type, int64_t number, char out[UNIT_TEXT_SIZE])
{
	if (type == KEY_DURATION)
		duration_format(number, out);
	else if (type == KEY_SIZE)
		size_format(number, out);
	else
		g_snprintf(out, UNIT_TEXT_SIZE, "%" G_GINT64_FORMAT, number);
}

static char *bounds_words(const struct key_rule *rule)
{
	char least[UNIT_TEXT_SIZE], most[UNIT_TEXT_SIZE];
	number_words(rule->type, rule->min, least);
	number_words(rule->type, rule->max, most);
	if (rule->min == 0 && rule->max == 0)
		return g_strdup("");
	return rule->max == 0 ? g_strdup_printf(", at least %s", least) : g_strdup_printf(", from %s to %s", least, most);
}

static const char *type_words(enum key_type type)
{
	switch (type) {
	case KEY_STRING:
		return "one line of text";
	case KEY_BOOLEAN:
		return "true or false";
	case KEY_INTEGER:
		return "a whole number";
	case KEY_DURATION:
		return "a duration such as 90s, 15m, 12h or 30d";
	case KEY_SIZE:
		return "a size such as 512B, 64KiB or 1MiB";
	case KEY_CHOICE:
		return "one of";
	case KEY_STRINGS:
		return "a list of texts";
	case KEY_SCOPE:
		return "words with one space between";
	case KEY_SECRET:
		return "a secret: text, ${ENVIRONMENT_VARIABLE} or file:PATH";
	case KEY_FILE:
		return "the path of a file";
	case KEY_URL:
		return "an absolute http or https URL without user name or password";
	case KEY_URLS:
		return "a list of absolute http or https URLs without user name or password";
	case KEY_OBJECT:
		return "an object";
	case KEY_OBJECTS:
		return "a list of objects";
	case KEY_MAP:
		return "an object of texts or lists of texts";
	case KEY_ANY:
	case KEY_NOT_YET:
		return "a value";
	}
	return "a value";
}

char *schema_expected(const struct key_rule *rule)
{
	g_auto(GStrv) words = g_strsplit(rule->choices ? rule->choices : "", "|", -1);
	g_autofree char *choices = g_strjoinv(", ", words), *bounds = bounds_words(rule);
	if (rule->type == KEY_STRINGS && rule->choices)
		return g_strdup_printf("a list of texts%s, each one of %s", bounds, choices);
	if (rule->type == KEY_CHOICE || (rule->type == KEY_STRING && rule->choices))
		return g_strdup_printf("one of %s", choices);
	return g_strdup_printf("%s%s%s%s", type_words(rule->type), bounds, rule->choices ? ", or one of " : "", choices);
}

json_t *schema_refuse_expecting(const struct schema_place *place, const json_t *value, const char *expected)
{
	g_autofree char *seen = seen_words(place->rule, value);
	schema_mistake_add(place->walk, place->line, place->where, place->rule->name, "seen %s, expected %s", seen, expected);
	return NULL;
}

json_t *schema_refuse(const struct schema_place *place, const json_t *value)
{
	g_autofree char *expected = schema_expected(place->rule);
	bool unquoted = place->rule->type == KEY_STRING && (json_is_integer(value) || json_is_boolean(value));
	g_autofree char *advised = g_strdup_printf("%s (in quotes)", expected);
	return schema_refuse_expecting(place, value, unquoted ? advised : expected);
}
