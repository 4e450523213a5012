/* Redirect URIs: what may be registered, and which request matches (RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 section 2.1). */
#pragma once
#include "policies/decision.h"

/* Whether a URI may be registered. https anywhere, http on loopback only, a private-use scheme with a dot for native clients (RFC 8252 section 7.1);
 * never a fragment, user information, a wildcard, javascript:, data:, file:. On false *ret_expected says what would do. */
bool redirect_registrable(const char *uri, bool native, const char **ret_expected);
/* Byte for byte against the list (NULL-closed); only the port of a loopback literal may vary, and only for plain http. OK or REDIRECT_MISMATCH. */
enum reason redirect_decide(const char *const *registered, const char *requested);
