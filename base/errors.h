/* Error codes: one table (err.def) that says, for each code, the HTTP status, the OAuth name and the sentence a person may read.
 *
 * A failing function sets a GError of domain PASSERELLE_ERROR whose code is an enum error_code and whose message is for the log only:
 * it may hold what was seen and where. What leaves the gateway comes from this table, never from the message.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>

enum error_code {
#define ERROR(name, http_status, oauth_name, public_text) ERROR_##name,
#include "base/err.def"
#undef ERROR
};

#define PASSERELLE_ERROR passerelle_error_quark()
GQuark passerelle_error_quark(void);

/* The HTTP status (400 to 599) an error is answered with. */
unsigned error_http_status(enum error_code code);
/* The name in the vocabulary of RFC 6749, OpenID Connect Core 3.1.2.6, RFC 6750 or RFC 8707, e.g. "invalid_grant". */
const char *error_oauth_name(enum error_code code);
/* One or two plain sentences in ASCII: what happened and what to do. Fit for error_description (RFC 6749 section 5.2). */
const char *error_public_text(enum error_code code);
/* The name in err.def, e.g. "INVALID_GRANT": for the process log. */
const char *error_name(enum error_code code);

/* Sets *error (which may be NULL) and returns false, so that a check reads: return fail(error, ERROR_X, "...", ...).
 * Declared in brackets because cmocka.h has a macro of that name. */
bool (fail)(GError **error, enum error_code code, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The code of any GError: its own in our domain, ERROR_INTERNAL for another domain or NULL. */
enum error_code error_code_of(const GError *error);
