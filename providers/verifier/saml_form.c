/* The tables of the answers, and the two walks over them (saml_form.h). */
#include "providers/verifier/saml_form.h"

#include "base/text.h"

#include <string.h>

#define TEXT_MAX 1024
#define SEEN_MAX 256
#define CERTIFICATE_MAX 24576 /* base64 */

static const struct form_row check_form[] = {
	{"check", FORM_TEXT, SEEN_MAX, NULL}, {"seen", FORM_TEXT, SEEN_MAX, NULL}, {"expected", FORM_TEXT, SEEN_MAX, NULL}, {"passed", FORM_TRUTH, 0, NULL},
	{"advice", FORM_TEXT, SEEN_MAX, NULL}, {"skipped", FORM_TEXT, SEEN_MAX, NULL}, {0},
};
static const struct form_row name_form[] = {
	{"value", FORM_TEXT, 255, NULL}, {"format", FORM_TEXT, TEXT_MAX, NULL}, {"name_qualifier", FORM_TEXT, TEXT_MAX, NULL}, {"sp_name_qualifier", FORM_TEXT, TEXT_MAX, NULL}, {0},
};
static const struct form_row attribute_form[] = {
	{"name", FORM_TEXT, TEXT_MAX, NULL}, {"friendly_name", FORM_TEXT, TEXT_MAX, NULL}, {"values", FORM_VALUES, 500, NULL}, {0},
};
static const struct form_row certificate_form[] = {
	{"certificate", FORM_TEXT, CERTIFICATE_MAX, NULL}, {"subject", FORM_TEXT, TEXT_MAX, NULL}, {"key", FORM_TEXT, 64, NULL}, {"from_ms", FORM_INTEGER, 0, NULL}, {"to_ms", FORM_INTEGER, 0, NULL},
	{"fit", FORM_TRUTH, 0, NULL}, {0},
};
static const struct form_row endpoint_form[] = {
	{"binding", FORM_TEXT, 16, NULL}, {"location", FORM_TEXT, 2048, NULL}, {"response_location", FORM_TEXT, 2048, NULL}, {0},
};

const struct form_row saml_response_form[] = {
	{"result", FORM_TEXT, 16, NULL}, {"checks", FORM_OBJECTS, 64, check_form},
	{"issuer", FORM_TEXT, TEXT_MAX, NULL}, {"assertion_id", FORM_TEXT, 255, NULL}, {"expires_ms", FORM_INTEGER, 0, NULL}, {"subject", FORM_TEXT, 255, NULL},
	{"mutable", FORM_TRUTH, 0, NULL}, {"unsolicited", FORM_TRUTH, 0, NULL}, {"name_id", FORM_OBJECT, 1, name_form}, {"session_index", FORM_TEXT, TEXT_MAX, NULL},
	{"session_ends_ms", FORM_INTEGER, 0, NULL}, {"authenticated_ms", FORM_INTEGER, 0, NULL}, {"context", FORM_TEXT, TEXT_MAX, NULL},
	{"attributes", FORM_OBJECTS, 64, attribute_form}, {0},
};
const struct form_row saml_logout_form[] = {
	{"result", FORM_TEXT, 16, NULL}, {"checks", FORM_OBJECTS, 64, check_form}, {"kind", FORM_TEXT, 16, NULL}, {"issuer", FORM_TEXT, TEXT_MAX, NULL},
	{"id", FORM_TEXT, 255, NULL}, {"name_id", FORM_OBJECT, 1, name_form}, {"session_indexes", FORM_TEXTS, 64, NULL}, {"expires_ms", FORM_INTEGER, 0, NULL},
	{"status", FORM_TEXT, TEXT_MAX, NULL}, {"success", FORM_TRUTH, 0, NULL}, {0},
};
const struct form_row saml_metadata_form[] = {
	{"result", FORM_TEXT, 16, NULL}, {"checks", FORM_OBJECTS, 64, check_form}, {"entity_id", FORM_TEXT, TEXT_MAX, NULL}, {"valid_until_ms", FORM_INTEGER, 0, NULL},
	{"cache_s", FORM_INTEGER, 0, NULL}, {"wants_signed_requests", FORM_TRUTH, 0, NULL}, {"signing", FORM_OBJECTS, 8, certificate_form},
	{"encryption", FORM_OBJECTS, 8, certificate_form}, {"sso", FORM_OBJECTS, 32, endpoint_form}, {"slo", FORM_OBJECTS, 32, endpoint_form},
	{"artifact", FORM_OBJECTS, 32, endpoint_form}, {"name_id_formats", FORM_TEXTS, 32, NULL}, {0},
};

static void texts_write(const json_t *list, const struct form_row *row, struct record *record)
{
	size_t index;
	json_t *item;

	json_array_foreach(list, index, item) {
		if (row->kind == FORM_TEXTS)
			record_put_text(record, row->key, json_string_value(item));
		else
			record_put_bytes(record, row->key, json_string_value(item), json_string_length(item));
	}
}

/* An object's place in the record is marked by its key, so that it and its members are told from what follows. */
static void object_write(const json_t *object, const struct form_row *row, struct record *record)
{
	record_put_integer(record, row->key, 1);
	saml_form_write(object, row->below, record);
}

static void row_write(const json_t *value, const struct form_row *row, struct record *record)
{
	size_t index;
	json_t *item;

	switch (row->kind) {
	case FORM_TEXT:
		record_put_seen(record, row->key, json_string_value(value), row->max);
		break;
	case FORM_INTEGER:
		record_put_integer(record, row->key, json_integer_value(value));
		break;
	case FORM_TRUTH:
		record_put_integer(record, row->key, json_is_true(value));
		break;
	case FORM_TEXTS:
	case FORM_VALUES:
		texts_write(value, row, record);
		break;
	case FORM_OBJECT:
		object_write(value, row, record);
		break;
	case FORM_OBJECTS:
		json_array_foreach(value, index, item)
			object_write(item, row, record);
		break;
	}
}

void saml_form_write(const json_t *answer, const struct form_row *form, struct record *record)
{
	for (const struct form_row *row = form; row->key; row++) {
		const json_t *value = json_object_get(answer, row->key);
		if (value && !json_is_null(value))
			row_write(value, row, record);
	}
}

static bool value_is_fit(const struct field *field)
{
	return field->length <= 16384 && g_utf8_validate_len(field->value, field->length, NULL);
}

static bool texts_read(struct record_walk *walk, const struct form_row *row, json_t *object)
{
	enum field_type type = row->kind == FORM_TEXTS ? FIELD_TEXT : FIELD_BYTES;
	json_t *list = json_array();

	json_object_set_new(object, row->key, list);
	for (const struct field *field = record_walk_next(walk, row->key, type); field; field = record_walk_next(walk, row->key, type)) {
		if (json_array_size(list) >= row->max || !value_is_fit(field))
			return false;
		json_array_append_new(list, json_stringn(field->value, field->length));
	}
	return true;
}

static bool members_read(struct record_walk *walk, const struct form_row *form, json_t *object);

static json_t *object_read(struct record_walk *walk, const struct form_row *row)
{
	g_autoptr(json_t) object = json_object();

	return members_read(walk, row->below, object) && json_string_at(object, row->below->key) ? json_incref(object) : NULL;
}

static bool objects_read(struct record_walk *walk, const struct form_row *row, json_t *object)
{
	json_t *list = json_array();

	json_object_set_new(object, row->key, list);
	for (const struct field *mark = record_walk_next(walk, row->key, FIELD_INTEGER); mark; mark = record_walk_next(walk, row->key, FIELD_INTEGER)) {
		json_t *item = json_array_size(list) < row->max ? object_read(walk, row) : NULL;
		if (!item)
			return false;
		json_array_append_new(list, item);
	}
	return true;
}

static bool text_read(struct record_walk *walk, const struct form_row *row, json_t *object)
{
	const struct field *field = record_walk_next(walk, row->key, FIELD_TEXT);

	if (field && field->length > row->max)
		return false;
	if (field)
		json_object_set_new(object, row->key, json_stringn(field->value, field->length));
	return true;
}

static bool number_read(struct record_walk *walk, const struct form_row *row, json_t *object)
{
	const struct field *field = record_walk_next(walk, row->key, FIELD_INTEGER);

	if (field && row->kind == FORM_TRUTH && field->integer != 0 && field->integer != 1)
		return false;
	if (field)
		json_object_set_new(object, row->key, row->kind == FORM_TRUTH ? json_boolean(field->integer) : json_integer(field->integer));
	return true;
}

static bool one_object_read(struct record_walk *walk, const struct form_row *row, json_t *object)
{
	if (!record_walk_next(walk, row->key, FIELD_INTEGER))
		return true;
	json_t *item = object_read(walk, row);
	if (item)
		json_object_set_new(object, row->key, item);
	return item != NULL;
}

static bool row_read(struct record_walk *walk, const struct form_row *row, json_t *object)
{
	switch (row->kind) {
	case FORM_TEXT:
		return text_read(walk, row, object);
	case FORM_INTEGER:
	case FORM_TRUTH:
		return number_read(walk, row, object);
	case FORM_TEXTS:
	case FORM_VALUES:
		return texts_read(walk, row, object);
	case FORM_OBJECT:
		return one_object_read(walk, row, object);
	case FORM_OBJECTS:
		return objects_read(walk, row, object);
	}
	return false;
}

static bool members_read(struct record_walk *walk, const struct form_row *form, json_t *object)
{
	for (const struct form_row *row = form; row->key; row++)
		if (!row_read(walk, row, object))
			return false;
	return true;
}

json_t *saml_form_read(const struct record *record, const struct form_row *form)
{
	struct record_walk walk = {.record = record};
	g_autoptr(json_t) answer = json_object();

	return members_read(&walk, form, answer) && walk.at == record_size(record) ? json_incref(answer) : NULL;
}
