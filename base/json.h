/* Strict JSON on jansson: duplicate keys, NUL, bad UTF-8, trailing text and deep nesting are refused (SECURITY TK-8). */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Parses exactly one JSON value of at most `max_bytes` and depth 32. Caller owns the result; NULL with *error (ERROR_MALFORMED) otherwise. */
json_t *json_parse(const char *text, size_t length, size_t max_bytes, GError **error);
/* Compact text, keys in insertion order; caller frees with g_free. */
char *json_text(const json_t *value);
/* The string at `key`, or NULL when absent or of another type. Borrowed. */
const char *json_string_at(const json_t *object, const char *key);
/* True only where the value at `key` is an integer. */
bool json_integer_at(const json_t *object, const char *key, int64_t *ret_value);
/* True where an array holds that string. NULL and other types hold nothing. */
bool json_array_has(const json_t *array, const char *text);
/* Copies of the strings of an array that holds nothing else, NULL-closed; caller frees with g_strfreev. NULL where it is empty, or no array. */
char **json_strings(const json_t *array);
