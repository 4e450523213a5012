/* application/x-www-form-urlencoded, strictly (WHATWG URL section 5, narrowed): for query strings and posted bodies. Refused: a `%` that is not
 * followed by two hex digits, an encoded or raw NUL, text that is not UTF-8 after decoding, more pairs than allowed. Replaces
 * libmicrohttpd's post processor, which lets all of that through (LIBRARIES.md section 1). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct form;

#define FORM_PAIRS_MAX 64

/* Parses `length` bytes (none gives an empty form). NULL with *error (ERROR_INVALID_REQUEST) when malformed. */
struct form *form_parse(const char *bytes, size_t length, GError **error);
/* Wipes every value (a body may carry a password or a code), then frees. Takes NULL. */
void form_free(struct form *form);
typedef struct form form_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(form_t, form_free)

/* The first value of a name, or NULL when absent. An empty value is "". Borrowed. */
const char *form_get(const struct form *form, const char *name);
/* As form_get, but a parameter sent without a value counts as omitted (RFC 6749 section 3.1). */
const char *form_value(const struct form *form, const char *name);
size_t form_count(const struct form *form, const char *name);
/* All values of a name that may repeat (RFC 8707 `resource`), in order, without the empty ones; NULL-closed. The caller frees the list, the texts are borrowed. */
const char **form_values(const struct form *form, const char *name);
/* The first name that stands more than once and is not in `allowed` (NULL-closed list, or NULL), else NULL: OAuth refuses repeats
 * (RFC 6749 section 3.1). */
const char *form_repeated(const struct form *form, const char *const *allowed);
/* Number of pairs, and the pair at an index, in the order sent. */
size_t form_size(const struct form *form);
void form_pair(const struct form *form, size_t index, const char **ret_name, const char **ret_value);
/* Decodes one component in place by the same rules; false when malformed. For HTTP Basic halves (RFC 6749 section 2.3.1). */
bool form_decode(char *text, size_t length, size_t *ret_length);

/* Builds a query: appends name=value, percent-encoded, with & between. */
void form_append(GString *query, const char *name, const char *value);
