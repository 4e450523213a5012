/* Text forms of bytes: base64url without padding (RFC 4648 section 5, as RFC 7515 uses it), base64, lower-case base32 and hex. All strict: a
 * character outside the alphabet, wrong padding or non-zero trailing bits is an error, so that one value has one text. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Caller frees (g_free). */
char *base64url_encode(const void *bytes, size_t length);
/* Decodes into `out` (room for `capacity` bytes). False when malformed or too long; `out` is then undefined. */
bool base64url_decode(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *ret_length);
/* With padding required (RFC 4648 section 4), as in HTTP Basic. */
bool base64_decode(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *ret_length);
char *base64_encode(const void *bytes, size_t length);
/* RFC 4648 section 6 alphabet in lower case (a-z2-7), no padding. `out` has room for (length*8+4)/5 + 1 characters, NUL included. */
void base32_encode(const uint8_t *bytes, size_t length, char *out);
void hex_encode(const uint8_t *bytes, size_t length, char *out);
