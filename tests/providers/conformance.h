/* The questions asked of every driver (providers/provider.h lists its duties). A driver's test fills one fixture and runs the list with it.
 *
 * Where the driver asks a password: `known` signs in with `right`; `disabled` and `passwordless` have accounts that may not; `unknown` has none. The
 * fixture counts the work done below the driver: hashes by the hasher's own counter, look-ups (or round trips) by `lookups`. */
#pragma once
#include "lists.h"
#include "providers/provider.h"

struct conformance_fixture {
	const struct provider_driver *driver;
	const char *provider_name;
	const char *settings; /* JSON, as schema_apply would have made it */
	struct provider_loan loan;
	uint64_t lookups;
	void (*count)(struct conformance_fixture *fixture); /* brings `lookups` up to date; NULL: it always is */
	uint64_t lookups_after_right; /* what only a right password costs in addition, such as asking for groups */
	const char *known, *subject, *right, *wrong;
	const char *disabled, *disabled_right, *passwordless, *unknown;
};

extern const struct test_list conformance_list;
extern struct conformance_fixture local_fixture;

/* What one form cost and gave. */
struct asked {
	struct provider_answer answer;
	json_t *checks;
	uint64_t hashes, lookups;
};
void asked_clear(struct asked *asked);
typedef struct asked asked_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(asked_t, asked_clear)

/* Opens the driver, lets it complete `body` (form-encoded, as posted), closes it, and asserts what holds for every answer whatever was asked: ok if and
 * only if there is an identity, a step if and only if more, a reason that fits, no value of the form in the checks. */
struct asked ask_form(struct conformance_fixture *fixture, const char *body);
/* The form of a name and a password. */
struct asked ask(struct conformance_fixture *fixture, const char *username, const char *password);
