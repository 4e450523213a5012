/* Fuzz targets: one a parser, one a file, each a function that is given any bytes and asserts what must hold for all of them. libFuzzer calls one
 * (entry.c); the ordinary test run calls all of them on the seeds and on everything ever found (replay.c). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TARGET(name, function) void function(const uint8_t *bytes, size_t length);
#include "tests/fuzz/targets.def"
#undef TARGET

/* The bytes as a C string in a block of its own size, so that the sanitizer sees the first byte read behind its end. Bytes after a NUL are dropped. */
static inline char *fuzz_text(const uint8_t *bytes, size_t length)
{
	return g_strndup((const char *)bytes, length);
}
