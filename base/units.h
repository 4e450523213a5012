/* Durations ("90s", "15m", "12h", "30d") and sizes ("1MiB", "64KiB", "512B") as configuration writes them. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* False for anything else, for a negative number, and for what does not fit. */
bool duration_parse(const char *text, int64_t *ret_seconds);
bool size_parse(const char *text, int64_t *ret_bytes);
#define UNIT_TEXT_SIZE 32
/* The shortest text that parses back to the same number: "15m", "64KiB". */
void duration_format(int64_t seconds, char out[UNIT_TEXT_SIZE]);
void size_format(int64_t bytes, char out[UNIT_TEXT_SIZE]);
