/* Records, as either side reads what the other wrote: one that is read is written again to the same bytes. */
#include "providers/verifier/record.h"
#include "tests/fuzz/fuzz.h"

void fuzz_record(const uint8_t *bytes, size_t length)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(record_t) record = record_decode(bytes, length, RECORD_ANSWER_MAX, &error);
	g_assert(!record == !!error);
	if (!record)
		return;
	g_autoptr(GByteArray) again = record_encode(record, RECORD_ANSWER_MAX);
	g_assert(again && again->len == length && memcmp(again->data, bytes, length) == 0);
	for (size_t i = 0; i < record_size(record); i++) {
		const struct field *field = record_field(record, i);
		g_assert(record_field_named(record, field->name, field->type));
		g_assert(field->type != FIELD_TEXT || (record_takes_text(field->value, field->length) && strlen(field->value) == field->length));
	}
}
