/* Which password source a login is asked of, and in which order: domain routing first, then the declared order. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define SOURCES_MAX 32

struct source_facts {
	bool enabled, asks_password, goes_elsewhere;
	const char *const *domains; /* addresses routed here, lower case, NULL-closed; NULL or empty: none */
};

/* Fills `order` (room for `count`) with the indexes of the sources to ask, first to last, and returns how many. A login of the form name@domain goes to the
 * sources that list that domain, and to no other, so that a password never reaches a stranger's directory; where none lists it, and for a login
 * without a domain, the sources are asked in order, those bound to domains only for logins without one. `login_key` is canonical (base/text.h). */
size_t source_order(const struct source_facts *sources, size_t count, const char *login_key, size_t *order);

/* Whether people of this login's domain sign in elsewhere, where the browser is to be sent: the first source that lists the domain decides. *ret is its index. */
bool source_elsewhere(const struct source_facts *sources, size_t count, const char *login_key, size_t *ret);
