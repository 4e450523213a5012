/* What people type, in one canonical form, computed once (SECURITY LG-4, PW-6). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* The key under which a login name or an address is looked up: NFKC, case folded, outer white space trimmed (RFC 8265 UsernameCaseMapped in
 * spirit: full-width, decomposed and ligature forms meet). NULL for text that is empty, over 256 bytes, not UTF-8, or holds control,
 * format or unassigned characters. Caller frees. */
char *text_login_key(const char *typed);
/* RFC 8265 OpaqueString: NFC, other spaces mapped to U+0020, nothing else changed. NULL when empty, not UTF-8, or over `max_bytes`
 * (checked before anything is computed). Caller wipes and frees (secret). */
struct secret *text_password(const char *typed, size_t length, size_t max_bytes);
/* Characters (code points) of a UTF-8 text. */
size_t text_length(const char *text, size_t bytes);
/* True for text that may stand in one line of a page, log or header: UTF-8, no control characters, at most `max_bytes`. */
bool text_is_plain(const char *text, size_t max_bytes);
