/* Scopes (RFC 6749 section 3.3): space-separated words, order without meaning, each word once. */
#pragma once
#include "policies/decision.h"
#include <stddef.h>

/* The words OpenID Connect gives a meaning here: openid profile email groups offline_access. NULL-closed. */
extern const char *const scope_standard[];

bool scope_well_formed(const char *scope);
bool scope_has(const char *scope, const char *word);
/* Every word of `asked` is in `allowed`. OK or SCOPE_REFUSED. */
enum reason scope_decide(const char *asked, const char *allowed);
/* Calls `each` for every word, in order, until it returns false; returns what the last call returned (true for no words). */
bool scope_each(const char *scope, bool (*each)(const char *word, size_t length, void *data), void *data);
