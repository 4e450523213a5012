/* What passes between the gateway and the verifier: a flat, ordered list of named fields with hard bounds, and its one encoding.
 *
 *     record  = count:u16 field*            field = type:u8 name_length:u8 value_length:u32 name value       (big-endian)
 *
 * Both sides read with the same strict reader. The gateway reads what a child wrote that may have been taken over by what it was given to read: texts are
 * UTF-8 without control characters, integers are eight bytes, nothing is left over, and everything has been counted before it is allocated.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_FIELDS_MAX  1024
#define RECORD_NAME_MAX    32             /* [a-z0-9_]+ */
#define RECORD_REQUEST_MAX (512 * 1024)   /* bytes of one encoded request, and of one answer */
#define RECORD_ANSWER_MAX  (256 * 1024)

enum field_type { FIELD_TEXT = 1, FIELD_BYTES, FIELD_INTEGER };

struct field {
	char name[RECORD_NAME_MAX + 1];
	enum field_type type;
	char *value;      /* text and bytes, NUL-terminated behind `length` */
	size_t length;
	int64_t integer;
};

struct record;
struct record *record_new(void);
/* Wipes the values (they hold tokens), then frees. Takes NULL. */
void record_free(struct record *record);
typedef struct record record_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(record_t, record_free)

/* UTF-8 without control characters: what a text field takes. */
bool record_takes_text(const char *text, size_t length);

/* Appends. Names may repeat: that is how lists are written. A NULL text appends nothing. What the reader would refuse (too many fields, control characters)
 * marks the record as broken, and then it does not encode. */
void record_put_text(struct record *record, const char *name, const char *text);
/* One field of that name for each of a NULL-closed list, which may be NULL: what record_texts reads. */
void record_put_texts(struct record *record, const char *name, const char *const *texts);
void record_put_bytes(struct record *record, const char *name, const void *bytes, size_t length);
void record_put_integer(struct record *record, const char *name, int64_t integer);
/* The text with everything that a record's text may not hold replaced by "?", of at most `max_bytes` of it: for what a stranger wrote and an administrator shall see. */
void record_put_seen(struct record *record, const char *name, const char *text, size_t max_bytes);

size_t record_size(const struct record *record);
const struct field *record_field(const struct record *record, size_t index);
/* The first field of that name and type, or NULL. Borrowed. */
const struct field *record_field_named(const struct record *record, const char *name, enum field_type type);
const char *record_text(const struct record *record, const char *name);
/* `standard` where there is none. */
int64_t record_integer(const struct record *record, const char *name, int64_t standard);
/* NULL-closed list of all texts of that name; NULL where there is none. The list is the caller's (g_free), the texts are the record's. */
const char **record_texts(const struct record *record, const char *name);

/* Walks a record field by field: answers are read in their order, and what does not stand where it should makes the whole answer worthless. */
struct record_walk {
	const struct record *record;
	size_t at;
};
/* The next field, where it has that name and type; else NULL, and it stays. Borrowed. */
const struct field *record_walk_next(struct record_walk *walk, const char *name, enum field_type type);

/* NULL where the record is broken or longer than `max_bytes`. Caller owns. */
GByteArray *record_encode(const struct record *record, size_t max_bytes);
/* NULL with *error (ERROR_MALFORMED) for anything but exactly one record of at most `max_bytes`. Caller owns. */
struct record *record_decode(const uint8_t *bytes, size_t length, size_t max_bytes, GError **error);
