/* Opaque tokens: a prefix for secret scanners, 43 base64url characters (256 random bits), 6 base62 characters of CRC-32 over what precedes
 * (CONTRACT section 5). The check value lets a mistyped or foreign string be refused without a look-up; it proves nothing. */
#pragma once
#include <stdbool.h>

#define OPAQUE_ACCESS_PREFIX  "pas_at_"
#define OPAQUE_REFRESH_PREFIX "pas_rt_"
#define OPAQUE_SECRET_PREFIX  "pas_cs_"
#define OPAQUE_CODE_PREFIX    "pas_co_"
#define OPAQUE_TOKEN_SIZE     57

void opaque_token_make(const char *prefix, char out[OPAQUE_TOKEN_SIZE]);
/* True when `text` has this prefix, the right length, alphabet and check value. */
bool opaque_token_well_formed(const char *prefix, const char *text);
