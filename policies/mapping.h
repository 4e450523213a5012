/* From what a provider says of a person to the fields of an account (CONTRACT section 3: claims, group_map, unmapped_groups, username). Pure: the settings
 * and the provider's words go in, a claims object comes out. */
#pragma once
#include "base/json.h"

/* What becomes of a group that group_map does not name. The zero value lets none in. */
enum unmapped_groups { UNMAPPED_DROP = 0, UNMAPPED_PREFIX, UNMAPPED_KEEP };

struct mapping {
	const char *provider;
	const json_t *claims;    /* account field -> upstream name, or a list of them of which the first that is there counts. NULL: nothing is mapped */
	const json_t *group_map; /* upstream group -> ours, or a list of ours. NULL: empty */
	enum unmapped_groups unmapped_groups;
	const char *username;    /* template such as "{email}"; NULL: the username that `claims` maps */
};

/* "prefix", "keep" or "drop"; anything else, and NULL, drops. */
enum unmapped_groups unmapped_groups_named(const char *name);
/* `upstream` is an object: name -> a text, boolean or number, or a list of texts. A group may also be an object {"id": …, "name": …}: group_map is asked for the
 * id, then for the name, and an unmapped group goes by its name. A driver whose ids are not names gives both the ids and the keys of group_map that are ids a
 * control character in front, so that nobody can give a group the name of another one's id. Gives an object with username, name, email, email_verified and groups, as far as they are
 * there: email_verified always (false unless a mapped claim says true), groups always. Text that no account may hold (control characters, too long, no address)
 * is left out, never mended. Caller owns. */
json_t *mapping_apply(const struct mapping *mapping, const json_t *upstream);
/* The groups alone: a list without repeats, at most 1,000. Caller owns. */
json_t *mapping_groups(const struct mapping *mapping, const json_t *upstream_groups);
/* "{email}" with the fields of `claims` in place of their names; NULL where one is missing, unknown, or the template is malformed. Caller frees. */
char *mapping_username(const char *template, const json_t *claims);
/* Whether a template is one that mapping_username can fill. */
bool mapping_template_is_fit(const char *template);
