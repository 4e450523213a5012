/* Is this access token good for this service? Asked in one of two ways: by the issuer's published keys, without a call (a revoked token
 * lives on until it expires), or by introspection, one call each time (revocation counts at once; opaque tokens work too). */
#pragma once
#include <jansson.h>
#include <stdint.h>

struct token_setting {
	const char *issuer, *jwks_uri, *introspection_endpoint, *client_id, *client_secret, *audience;
	const char *scope; /* NULL: any */
};

enum token_way { BY_JWKS, BY_INTROSPECTION };
enum token_answer { TOKEN_REFUSED = 0, TOKEN_GOOD, TOKEN_SCOPE_MISSING, TOKEN_UNAVAILABLE };

struct tokens;

/* Borrows the setting. To be made before threads are: liboauth2 sets up its lists without a lock. NULL: said on standard error. */
struct tokens *tokens_new(const struct token_setting *setting);
void tokens_free(struct tokens *tokens);
/* TOKEN_GOOD gives the claims, to be freed by json_decref; anything else a constant reason for the log. */
enum token_answer token_check(struct tokens *tokens, enum token_way way, const char *token, int64_t now_s, json_t **ret_claims, const char **ret_why);
