/* Opaque tokens: a prefix for secret scanners, 43 base64url characters (256 random bits), 6 base62 characters of CRC-32 over what precedes
 * (CONTRACT section 5). The check value lets a mistyped or foreign string be refused without a look-up; it proves nothing. */
#pragma once
#include "crypto/digest.h"
#include <stdbool.h>

#define OPAQUE_ACCESS_PREFIX  "pas_at_"
#define OPAQUE_REFRESH_PREFIX "pas_rt_"
#define OPAQUE_SECRET_PREFIX  "pas_cs_"
#define OPAQUE_CODE_PREFIX    "pas_co_"
#define OPAQUE_TOKEN_SIZE     57

void opaque_token_make(const char *prefix, char out[OPAQUE_TOKEN_SIZE]);
/* True when `text` has this prefix, the right length, alphabet and check value. */
bool opaque_token_well_formed(const char *prefix, const char *text);

/* An authorization code has the same form, but its first 48 bits are the millisecond and 208 are random; its digest begins with those 48 bits too, and has 208
 * of SHA-256. Codes live a minute: kept in the order they were made in, they share the few pages that change. */
void code_make(int64_t now_ms, char out[OPAQUE_TOKEN_SIZE]);
/* Of any text; what has not the form of a code has the digest of none. */
void code_digest(const char *text, uint8_t out[DIGEST_SIZE]);
