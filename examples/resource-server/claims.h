/* What liboauth2 does not look at: the header before it sees a token, the claims after. LIBRARIES.md's table of what its JWT verification lets
 * through (foreign issuer, foreign audience, a not-before in the future, unknown "crit", an expiry that is text) is the reason for each line. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct token_header {
	char alg[8];
	char kid[129];
};

/* Reads the protected header of a compact JWS that may be an access token (RFC 9068): typ at+jwt, an algorithm of ours, a key id, no critical
 * extension. False with *ret_why (a constant) otherwise. */
bool token_header_read(const char *token, struct token_header *ret_header, const char **ret_why);
/* Whether a JWK is made for an algorithm: kty, crv, and its own "alg" and "use" where it has them. */
bool jwk_fits(const json_t *jwk, const char *alg);

struct claim_rules {
	const char *issuer, *audience;
	const char *scope;   /* one scope the token must hold; NULL: any */
	int64_t now_s;
	bool from_jwt;       /* iat is required there; an introspection answer may leave it out, and iss too */
};

enum claim_verdict { CLAIMS_REFUSED = 0, CLAIMS_GOOD, CLAIMS_SCOPE_MISSING };

/* Judges the claims of a token whose signature, or whose "active", was found good. */
enum claim_verdict claims_judge(const json_t *claims, const struct claim_rules *rules, const char **ret_why);
