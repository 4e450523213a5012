/* What the tests of call, oauth and login stand on: a real SQLite store in a folder of its own, with two tenants. acme owns acme.example, globex owns
 * globex.example; their identifiers are fixed, so that no test depends on how they hash. */
#pragma once
#include "base/errors.h"
#include "gateway/store/cache.h"
#include "gateway/store/store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is a function */
#undef fail_msg
#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

struct test_group {
	const struct CMUnitTest *tests;
	size_t count;
};
/* Runs all groups of a program as one TAP stream. */
int groups_run(const char *name, const struct test_group *const *groups, size_t count);

#define NOW_MS INT64_C(1795000000123)
#define ACME_ID "aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define GLOBEX_ID "bbbbbbbbbbbbbbbbbbbbbbbbbb"

struct bench {
	char *folder, *database;
	struct root_keys *keys;
	struct store *store;
	struct cache *cache;
	struct tenant *acme, *globex;
};
int bench_setup(void **state);
int bench_teardown(void **state);

/* A transaction that must go through. `work` may not assert: it runs on the writer's thread. */
void bench_write(const struct bench *bench, bool (*work)(struct unit *unit, void *data, GError **error), void *data);
/* One that must fail, which undoes it. */
void bench_write_undone(const struct bench *bench, bool (*work)(struct unit *unit, void *data, GError **error), void *data);
struct unit *bench_reader(const struct bench *bench);
/* Takes in what changed, as the gateway does before every request. */
void bench_refresh(const struct bench *bench);
/* Runs SQL on the database behind the store's back. */
void bench_tamper(const struct bench *bench, const char *sql);

/* Text that must be JSON. */
json_t *json_of(const char *text);
/* A tenant as it stands in acme's or globex's place, with other settings; it is not stored. */
struct tenant *tenant_with(const char *id, const char *name, const char *settings);
/* Stores a provider of the tenant, and clears the record. */
void provider_make(const struct bench *bench, const struct tenant *tenant, struct provider_record *record);
/* An account of the tenant, in a transaction of its own. email may be NULL. */
void account_make(const struct bench *bench, const struct tenant *tenant, const char *id, const char *username, const char *email, bool verified);
void account_disable(const struct bench *bench, const struct tenant *tenant, const char *id);
/* The stored account, which must be there; the caller clears it. */
struct account account_read(const struct bench *bench, const struct tenant *tenant, const char *id);
size_t account_count(const struct bench *bench, const struct tenant *tenant);
