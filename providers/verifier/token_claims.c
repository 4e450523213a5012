/* The claims of a good token, flattened for the answer: texts, whole numbers, booleans, lists of texts. Objects inside become names with a dot between, to depth three
 * ("realm_access.roles"), after the names of the top, so that an object can never stand in for a claim of that name. What does not fit a record's bounds
 * is left out: a mapping that asks for it finds nothing. */
#include "providers/verifier/token_internal.h"
#include <string.h>

#define DEPTH_MAX      3
#define NAME_BYTES_MAX 256
#define TEXT_BYTES_MAX 4096
#define ITEMS_MAX      400  /* of all lists together: about 250 groups and some */

struct writer {
	struct record *answer;
	GHashTable *names; /* that were written */
	unsigned items;
};

/* Text as a record takes it, and not longer than is any use. Unlike record_put_seen this changes nothing: a claim is taken as it is or not at all. */
static bool text_fits(const json_t *value)
{
	const size_t length = json_string_length(value);
	return json_is_string(value) && length <= TEXT_BYTES_MAX && record_takes_text(json_string_value(value), length);
}

static bool item_write(struct writer *writer, const json_t *item)
{
	if (!text_fits(item) || writer->items >= ITEMS_MAX)
		return false;
	writer->items++;
	record_put_text(writer->answer, "item", json_string_value(item));
	return true;
}

static void list_write(struct writer *writer, const json_t *list)
{
	size_t index;
	const json_t *item;
	record_put_integer(writer->answer, "list", 1);
	json_array_foreach(list, index, item)
		item_write(writer, item);
}

static bool name_fits(struct writer *writer, const char *name)
{
	const size_t length = strlen(name);
	return length > 0 && length <= NAME_BYTES_MAX && record_takes_text(name, length) && g_hash_table_size(writer->names) < TOKEN_CLAIMS_MAX && !g_hash_table_contains(writer->names, name);
}

static void value_write(struct writer *writer, const char *name, const json_t *value)
{
	const bool writable = json_is_integer(value) || json_is_boolean(value) || json_is_array(value) || text_fits(value);
	if (!writable || !name_fits(writer, name))
		return;
	g_hash_table_add(writer->names, g_strdup(name));
	record_put_text(writer->answer, "claim", name);
	if (json_is_integer(value))
		record_put_integer(writer->answer, "number", json_integer_value(value));
	else if (json_is_boolean(value))
		record_put_integer(writer->answer, "truth", json_is_true(value));
	else if (json_is_array(value))
		list_write(writer, value);
	else
		record_put_text(writer->answer, "text", json_string_value(value));
}

static void object_write(struct writer *writer, const char *above, json_t *object, unsigned depth)
{
	const char *key;
	json_t *value;
	/* Twice over: a name of this level wins over one that an object inside makes up. */
	for (int inside = 0; inside < 2; inside++)
		json_object_foreach(object, key, value) {
			g_autofree char *name = *above ? g_strdup_printf("%s.%s", above, key) : g_strdup(key);
			if (!inside && !json_is_object(value))
				value_write(writer, name, value);
			else if (inside && json_is_object(value) && depth < DEPTH_MAX && strlen(name) <= NAME_BYTES_MAX)
				object_write(writer, name, value, depth + 1);
		}
}

void token_claims_write(const json_t *payload, struct record *answer)
{
	g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(json_t) walked = json_copy((json_t *)(uintptr_t)payload); /* jansson walks only what is not const */
	struct writer writer = { .answer = answer, .names = names };
	object_write(&writer, "", walked, 1);
}
