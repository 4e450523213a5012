/* Claims: which of an account's data a scope releases (OpenID Connect Core section 5.4). */
#pragma once
#include "base/json.h"

struct claim_facts {
	const char *subject;
	const char *username, *name, *email; /* NULL when unknown */
	bool email_verified;
	const json_t *groups; /* array of strings, NULL when unknown */
	const char *locale;
	int64_t updated_s;
};

/* Adds to `object` (which it does not own) what the scope releases: profile (name, preferred_username, locale, updated_at), email, groups. */
void claims_release(json_t *object, const char *scope, const struct claim_facts *facts);
/* The scope that releases a claim; NULL for one that no scope does. */
const char *claims_scope_of(const char *name);
/* Adds the claims named in `names` (array of strings, NULL: none), as far as `allowed` holds the scope that would release them: asking for a claim by its name must
 * not be a way around the scopes a client may have. */
void claims_release_named(json_t *object, const json_t *names, const char *allowed, const struct claim_facts *facts);
