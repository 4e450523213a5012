/* One validator for everything people declare: passerelle.yaml, declarations, provider settings, the API. A table of keys says name, type,
 * default and one sentence; validation, defaults, the man page and the API's schema all come from it. */
#pragma once
#include "base/document.h"
#include <stdint.h>

enum key_type {
	KEY_STRING,   /* one line of text, not empty unless the default is ""; min..max characters */
	KEY_BOOLEAN,
	KEY_INTEGER,  /* min..max */
	KEY_DURATION, /* min..max seconds; becomes an integer of seconds */
	KEY_SIZE,     /* min..max bytes; becomes an integer of bytes */
	KEY_CHOICE,   /* one of `choices`, '|' between */
	KEY_STRINGS,  /* a list of strings, min..max of them; one string alone counts as a list of one */
	KEY_SCOPE,    /* space-separated words, kept as text */
	KEY_SECRET,   /* a string, not empty, at most 64 KiB; ${ENV} and file:PATH are resolved; never printed */
	KEY_FILE,     /* a path, made absolute from the document's folder */
	KEY_URL,      /* an absolute http or https URL, without a user name or password */
	KEY_URLS,
	KEY_OBJECT,   /* `keys` below it; absent, it holds their defaults, but stays absent where one of them is required or none has a default */
	KEY_OBJECTS,  /* a list of them, min..max; named in messages by the first key of the table */
	KEY_MAP,      /* object of string -> string or list of strings, free names */
	KEY_ANY,      /* left for the caller to check */
	KEY_NOT_YET,  /* declared in the contract, not built: its use is an error that says so, unless it only repeats the default */
};

struct key_rule {
	const char *name;
	enum key_type type;
	const char *description;       /* one sentence */
	const char *standard;          /* the default as written in YAML, NULL: none */
	bool required;
	int64_t min, max;              /* both 0: no bound */
	/* '|' between. KEY_CHOICE and KEY_STRING: the only values; KEY_STRINGS: the only items; other types: words taken as they stand
	 * beside a value of the type, such as "auto" or "none". */
	const char *choices;
	const struct key_rule *keys;   /* closed by a rule without a name */
	/* Further check of one value, after its type, resolved; of each item in a list. *ret_expected says what was expected. NULL: none. */
	bool (*check)(const json_t *value, const char **ret_expected);
};

/* Checks `value` (an object of `document`) against `keys` and returns a new object holding every key that was given or has a default, with
 * durations and sizes as integers, secrets and files resolved. All mistakes are collected, one "file:line: key: seen, expected …" a line, into
 * *error (ERROR_MALFORMED). `where` prefixes key names ("clients[wiki]."), "" at the root. Caller owns the result. */
json_t *schema_apply(const struct document *document, const json_t *value, const struct key_rule *keys, const char *where, GError **error);
/* "file:line: where: text": for the checks between objects that a caller makes on its own. Values that schema_apply returned have their lines too.
 * Where *error holds a mistake already, the new one is added as another line. */
bool schema_fail(GError **error, const struct document *document, const json_t *value, const char *where, const char *format, ...) G_GNUC_PRINTF(5, 6);
/* What a rule asks for, in words: "a whole number, from 8 to 100000". Caller frees. */
char *schema_expected(const struct key_rule *rule);
