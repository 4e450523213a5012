/* Bytes that must not leak: wiped when freed, never printable by accident, compared only by crypto/compare.h. */
#pragma once
#include <glib.h>
#include <stdint.h>

struct secret;

/* Copies `length` bytes (at most 1 MiB). The copy is kept NUL-terminated for C calls; the NUL is not counted. */
struct secret *secret_new(const void *bytes, size_t length);
/* Room of that length, zeroed, to be filled through secret_writable. */
struct secret *secret_new_empty(size_t length);
const uint8_t *secret_bytes(const struct secret *secret);
uint8_t *secret_writable(struct secret *secret);
size_t secret_length(const struct secret *secret);
/* Wipes and frees; takes NULL. */
void secret_free(struct secret *secret);
typedef struct secret secret_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(secret_t, secret_free) /* g_autoptr(secret_t) s = … */

/* Wipes memory that is about to be given back; the compiler may not drop it. */
void wipe(void *bytes, size_t length);
