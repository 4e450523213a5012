/* Proof Key for Code Exchange (RFC 7636), S256 only (RFC 9700 section 2.1.1). */
#pragma once
#include "policies/decision.h"

/* 43 base64url characters: the form of an S256 challenge. */
bool pkce_challenge_well_formed(const char *challenge);
/* 43 to 128 unreserved characters. */
bool pkce_verifier_well_formed(const char *verifier);
/* At /authorize: NULL stands for "not sent". `required` from the client. */
enum reason pkce_decide_request(bool required, const char *challenge, const char *method);
/* At /token: `challenge` as stored (NULL: none), `verifier` as sent (NULL: none), `verifier_s256` its S256 transform (NULL when no verifier).
 * A verifier nobody asked for is refused too (the downgrade attack of RFC 9700 section 4.8). */
enum reason pkce_decide_verifier(const char *challenge, const char *verifier, const char *verifier_s256);
