/* Authentication context classes (OpenID Connect Core section 2, RFC 9470 section 5): what is said of how strongly somebody signed in. */
#pragma once
#include "base/json.h"

#define ACR_PASSWORD "urn:passerelle:acr:pwd"
#define ACR_MFA      "urn:passerelle:acr:mfa"

/* Those that a sign-in of today can reach, weakest first; NULL-closed. */
extern const char *const acr_supported[];

/* Whether who signed in as `have` meets `wanted`: the same class, or a weaker one of ours. An unknown class is met by itself only. */
bool acr_meets(const char *have, const char *wanted);
/* The first of `wanted` (an array of strings, in the application's order) that `have` meets; NULL: none. Borrowed from `wanted`. */
const char *acr_choose(const char *have, const json_t *wanted);
/* Whether a sign-in here can meet any of them. */
bool acr_within_reach(const json_t *wanted);
