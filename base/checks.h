/* What was looked at, in order: every check a driver or endpoint makes goes through one recorder. It feeds the reason in the connection log,
 * `passerelle log show REF` and `passerelle provider test`. Values are cut at 256 bytes; never pass a secret. */
#pragma once
#include "base/json.h"

struct checks;

struct checks *checks_new(void);
/* The same with room for so many rows: a diagnosis has more steps than a sign-in. */
struct checks *checks_new_of(size_t rows);
void checks_free(struct checks *checks);
/* Records one check and returns `passed`, so that code reads: if (!check(c, "audience", seen, expected, ok)) return …. seen and expected may be NULL.
 * `checks` may be NULL: nothing is recorded. At most 64 are kept; later ones are counted only. */
bool check(struct checks *checks, const char *name, const char *seen, const char *expected, bool passed);
/* The same with a sentence for whoever mends it, kept as "advice" where the check failed: what to change, and on which side. */
bool check_advised(struct checks *checks, const char *name, const char *seen, const char *expected, bool passed, const char *advice);
/* Two kinds of passed rows. What was not judged, with the sentence that says why, kept as "skipped"; and what is in order today but will not stay so, or need not be as it
 * is, with the sentence that says what to do, kept as "warning". */
void check_skipped(struct checks *checks, const char *name, const char *seen, const char *why);
void check_warned(struct checks *checks, const char *name, const char *seen, const char *expected, const char *advice);
/* [{"check":…,"seen":…,"expected":…,"passed":…}, …]. Caller owns. */
json_t *checks_json(const struct checks *checks);
