/* Between schema.c, schema_value.c and schema_words.c only: the walk that collects mistakes, and the conversion of one value that is not
 * an object. */
#pragma once
#include "base/schema.h"

struct schema_walk {
	const struct document *document;
	GArray *mistakes; /* struct schema_mistake */
	size_t count;     /* of all mistakes, also those above the number kept */
};

/* The value being looked at: `where` is the prefix of its object, `line` the line of its key. */
struct schema_place {
	struct schema_walk *walk;
	const char *where;
	const struct key_rule *rule;
	int line;
	bool given; /* false for a default of the table */
};

/* Adds "file:line: where+name: text". */
void schema_mistake_add(struct schema_walk *walk, int line, const char *where, const char *name, const char *format, ...) G_GNUC_PRINTF(5, 6);
/* Adds "seen …, expected …" for a value that does not fit its rule; a secret is never shown. Returns NULL. */
json_t *schema_refuse(const struct schema_place *place, const json_t *value);
/* The same with other words for what was expected. */
json_t *schema_refuse_expecting(const struct schema_place *place, const json_t *value, const char *expected);
/* Takes over `converted` (NULL: a mistake was already added) and gives it back if the rule's own check takes it. */
json_t *schema_pass_check(const struct schema_place *place, json_t *converted);
/* A text in one line, cut to 60 characters, without what could forge a line. Caller frees. */
char *schema_shown(const char *text);
/* True where the value is one of the words in `choices`. */
bool schema_is_choice(const json_t *value, const char *choices);
/* Whether a number lies in the rule's bounds. */
bool schema_in_bounds(const struct key_rule *rule, int64_t number);
/* Checks and converts a value of any type but KEY_OBJECT, KEY_OBJECTS and KEY_NOT_YET. Caller owns; NULL with a mistake added. */
json_t *schema_convert(const struct schema_place *place, json_t *value);
