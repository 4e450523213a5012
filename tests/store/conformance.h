/* One suite for every store: each verb, with two tenants that hold the same identifiers and digests and must stay blind to each other.
 * A backend's own file gives this struct and is done (sqlite.c is the pattern). */
#pragma once
#include "support.h"

struct backend {
	const char *name;
	/* The same store again when called twice without a wipe between. */
	struct store *(*open)(void);
	void (*wipe)(void);
};

/* An empty store with tenants A and B. */
struct world {
	struct store *store;
};

/* Called once, before the groups below run. */
void conformance_use(const struct backend *backend);
int world_set_up(void **state);
int world_tear_down(void **state);
/* Closes and opens the store again: what is read then comes from the disk. */
void world_reopen(struct world *world);

#define WORLD_TEST(function) cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

/* How many change rows of that kind (and id, unless NULL) there are after `seq`, for a tenant. */
int changes_of(struct store *store, const char *tenant, const char *kind, const char *id);

extern const struct test_group tenant_conformance, account_conformance, client_conformance, browser_conformance, token_conformance, log_conformance,
	purge_conformance;
