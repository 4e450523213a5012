/* The schema's steps, embedded at build time from migrations/ by tools/embed-sql. Private to gateway/store. */
#pragma once
#include "gateway/store/unit.h"

struct migration {
	int number; /* from 1, without gaps; 0 closes the list */
	const char *name;
	const char *sql;
};
extern const struct migration migrations[];

/* Brings the schema up to the newest version, each step in a transaction of its own, so that a killed start goes on where it stopped. Refuses a
 * database of a later version. */
bool migrate(struct unit *unit, GError **error);
/* Compares the root keys' fingerprints with those this database was sealed with; keeps those of keys that are new. */
bool root_keys_check(struct unit *unit, const struct root_keys *keys, GError **error);
