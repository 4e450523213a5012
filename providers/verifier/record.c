/* Records: the list, the writer, and the one strict reader that faces both ways. The reader allocates nothing for a field before it has seen that the bytes
 * are there, and takes back nothing: the first fault throws the whole record away. */
#include "providers/verifier/record.h"
#include "base/errors.h"
#include "base/secret.h"
#include <string.h>

#define COUNT_BYTES  2
#define FIELD_HEAD 6 /* type, length of the name, length of the value */

struct record {
	GArray *fields; /* struct field */
	bool broken;
};

static void field_clear(void *data)
{
	struct field *field = data;
	if (field->value)
		wipe(field->value, field->length);
	g_free(field->value);
}

struct record *record_new(void)
{
	struct record *record = g_new0(struct record, 1);
	record->fields = g_array_new(FALSE, TRUE, sizeof(struct field));
	g_array_set_clear_func(record->fields, field_clear);
	return record;
}

void record_free(struct record *record)
{
	if (!record)
		return;
	g_array_unref(record->fields);
	g_free(record);
}

static bool name_is_good(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_islower(name[i]) && !g_ascii_isdigit(name[i]) && name[i] != '_')
			return false;
	return length > 0 && length <= RECORD_NAME_MAX;
}

/* Bytes of the control character that stands here: C0, DEL, and C1, which UTF-8 writes with two. 0: none. */
static size_t control_at(const char *text, size_t left)
{
	const unsigned char c = (unsigned char)text[0];
	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && left > 1 && (unsigned char)text[1] < 0xa0 ? 2 : 0;
}

bool record_takes_text(const char *text, size_t length)
{
	if (!g_utf8_validate(text, (gssize)length, NULL))
		return false;
	for (size_t i = 0; i < length; i++)
		if (control_at(text + i, length - i))
			return false;
	return true;
}

static void append(struct record *record, const char *name, enum field_type type, const char *value, size_t length, int64_t integer)
{
	struct field field = { .type = type, .length = length, .integer = integer };
	if (record->fields->len >= RECORD_FIELDS_MAX || length > RECORD_REQUEST_MAX || !name_is_good(name, strlen(name)) ||
	    (type == FIELD_TEXT && !record_takes_text(value, length))) {
		record->broken = true;
		return;
	}
	g_strlcpy(field.name, name, sizeof field.name);
	if (type != FIELD_INTEGER) {
		field.value = g_malloc(length + 1);
		if (length)
			memcpy(field.value, value, length);
		field.value[length] = '\0';
	}
	g_array_append_val(record->fields, field);
}

void record_put_text(struct record *record, const char *name, const char *text)
{
	if (text)
		append(record, name, FIELD_TEXT, text, strlen(text), 0);
}

void record_put_texts(struct record *record, const char *name, const char *const *texts)
{
	for (size_t i = 0; texts && texts[i]; i++)
		record_put_text(record, name, texts[i]);
}

void record_put_bytes(struct record *record, const char *name, const void *bytes, size_t length)
{
	append(record, name, FIELD_BYTES, bytes, length, 0);
}

void record_put_integer(struct record *record, const char *name, int64_t integer)
{
	append(record, name, FIELD_INTEGER, NULL, 0, integer);
}

void record_put_seen(struct record *record, const char *name, const char *text, size_t max_bytes)
{
	if (!text)
		return;
	g_autofree char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, max_bytes));
	const size_t length = strlen(valid);
	g_autoptr(GString) shown = g_string_sized_new(length);
	for (size_t i = 0; i < length; i++) {
		const size_t control = control_at(valid + i, length - i);
		g_string_append_c(shown, control ? '?' : valid[i]);
		i += control ? control - 1 : 0;
	}
	record_put_text(record, name, shown->str);
}

size_t record_size(const struct record *record)
{
	return record->fields->len;
}

const struct field *record_field(const struct record *record, size_t index)
{
	return index < record->fields->len ? &g_array_index(record->fields, struct field, index) : NULL;
}

const struct field *record_field_named(const struct record *record, const char *name, enum field_type type)
{
	for (size_t i = 0; i < record_size(record); i++) {
		const struct field *field = record_field(record, i);
		if (field->type == type && strcmp(field->name, name) == 0)
			return field;
	}
	return NULL;
}

const char *record_text(const struct record *record, const char *name)
{
	const struct field *field = record_field_named(record, name, FIELD_TEXT);
	return field ? field->value : NULL;
}

int64_t record_integer(const struct record *record, const char *name, int64_t standard)
{
	const struct field *field = record_field_named(record, name, FIELD_INTEGER);
	return field ? field->integer : standard;
}

const char **record_texts(const struct record *record, const char *name)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new();
	for (size_t i = 0; i < record_size(record); i++) {
		const struct field *field = record_field(record, i);
		if (field->type == FIELD_TEXT && strcmp(field->name, name) == 0)
			g_ptr_array_add(texts, field->value);
	}
	if (texts->len == 0)
		return NULL;
	g_ptr_array_add(texts, NULL);
	void *list = g_ptr_array_steal(texts, NULL);
	return list;
}

static void put_number(GByteArray *out, uint64_t number, unsigned bytes)
{
	uint8_t big[8];
	for (unsigned i = 0; i < bytes; i++)
		big[i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
	g_byte_array_append(out, big, bytes);
}

static uint64_t number_at(const uint8_t *bytes, unsigned count)
{
	uint64_t number = 0;
	for (unsigned i = 0; i < count; i++)
		number = number << 8 | bytes[i];
	return number;
}

static size_t encoded_size(const struct record *record)
{
	size_t size = COUNT_BYTES;
	for (size_t i = 0; i < record_size(record); i++) {
		const struct field *field = record_field(record, i);
		size += FIELD_HEAD + strlen(field->name) + (field->type == FIELD_INTEGER ? sizeof(int64_t) : field->length);
	}
	return size;
}

const struct field *record_walk_next(struct record_walk *walk, const char *name, enum field_type type)
{
	const struct field *field = record_field(walk->record, walk->at);
	if (!field || field->type != type || strcmp(field->name, name) != 0)
		return NULL;
	walk->at++;
	return field;
}

GByteArray *record_encode(const struct record *record, size_t max_bytes)
{
	const size_t size = encoded_size(record);
	if (record->broken || size > max_bytes)
		return NULL;
	GByteArray *out = g_byte_array_sized_new((guint)size);
	put_number(out, record_size(record), COUNT_BYTES);
	for (size_t i = 0; i < record_size(record); i++) {
		const struct field *field = record_field(record, i);
		const bool is_integer = field->type == FIELD_INTEGER;
		put_number(out, field->type, 1);
		put_number(out, strlen(field->name), 1);
		put_number(out, is_integer ? sizeof(int64_t) : field->length, 4);
		g_byte_array_append(out, (const guint8 *)field->name, (guint)strlen(field->name));
		if (is_integer)
			put_number(out, (uint64_t)field->integer, sizeof(int64_t));
		else if (field->length)
			g_byte_array_append(out, (const guint8 *)field->value, (guint)field->length);
	}
	return out;
}

struct reader {
	const uint8_t *at, *end;
};

static size_t left(const struct reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

static bool field_read(struct reader *reader, struct record *record)
{
	char name[RECORD_NAME_MAX + 1] = "";
	if (left(reader) < FIELD_HEAD)
		return false;
	const unsigned type = reader->at[0];
	const size_t name_length = reader->at[1], length = number_at(reader->at + 2, 4);
	reader->at += FIELD_HEAD;
	if (name_length > RECORD_NAME_MAX || left(reader) < name_length || left(reader) - name_length < length)
		return false;
	memcpy(name, reader->at, name_length);
	const uint8_t *value = reader->at + name_length;
	reader->at = value + length;
	if (!name_is_good(name, name_length))
		return false;
	switch (type) {
	case FIELD_TEXT:
	case FIELD_BYTES:
		append(record, name, type, (const char *)value, length, 0);
		return !record->broken;
	case FIELD_INTEGER:
		if (length != sizeof(int64_t))
			return false;
		record_put_integer(record, name, (int64_t)number_at(value, sizeof(int64_t)));
		return !record->broken;
	}
	return false;
}

struct record *record_decode(const uint8_t *bytes, size_t length, size_t max_bytes, GError **error)
{
	struct reader reader = { .at = bytes + COUNT_BYTES, .end = bytes + length };
	if (length < COUNT_BYTES || length > max_bytes) {
		fail(error, ERROR_MALFORMED, "a record of %zu bytes, expected %d to %zu", length, COUNT_BYTES, max_bytes);
		return NULL;
	}
	g_autoptr(record_t) record = record_new();
	const size_t count = number_at(bytes, COUNT_BYTES);
	for (size_t i = 0; i < count; i++)
		if (count > RECORD_FIELDS_MAX || !field_read(&reader, record)) {
			fail(error, ERROR_MALFORMED, "field %zu of %zu in a record of %zu bytes is malformed", i, count, length);
			return NULL;
		}
	if (left(&reader) > 0) {
		fail(error, ERROR_MALFORMED, "%zu bytes behind the last field of a record", left(&reader));
		return NULL;
	}
	return g_steal_pointer(&record);
}
