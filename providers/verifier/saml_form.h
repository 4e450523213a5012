/* The flat form of the answers of saml_check.h: one table for each says what may stand in it, and both sides walk the same table. The child writes by it; the gateway,
 * which reads what a child wrote that may have been taken over, takes nothing that is not in it, in its order and in its bounds. */
#pragma once
#include "base/json.h"
#include "providers/verifier/record.h"

enum form_kind {
	FORM_TEXT,     /* one line */
	FORM_INTEGER,
	FORM_TRUTH,
	FORM_TEXTS,    /* a list of lines */
	FORM_VALUES,   /* a list of any UTF-8 texts without NUL */
	FORM_OBJECT,   /* members by `below`, the first of which is always there and a FORM_TEXT */
	FORM_OBJECTS,  /* a list of those */
};
struct form_row {
	const char *key;
	enum form_kind kind;
	size_t max;                    /* bytes of a text, members of a list */
	const struct form_row *below;  /* closed by a row without a key */
};

extern const struct form_row saml_response_form[], saml_logout_form[], saml_metadata_form[];

void saml_form_write(const json_t *answer, const struct form_row *form, struct record *record);
/* NULL for anything else than exactly what the form describes. Caller owns. */
json_t *saml_form_read(const struct record *record, const struct form_row *form);
