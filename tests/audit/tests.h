/* The groups of this program, one a file, and the store they share. */
#pragma once
#include "gateway/audit/audit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct test_group {
	const struct CMUnitTest *tests;
	size_t count;
};

extern const struct test_group chain_group, coalesce_group, device_group, event_group, json_group, username_group;

/* A real SQLite store in a folder of its own, with two tenants: acme owns acme.example, globex owns globex.example. */
struct bench {
	char *folder, *database;
	struct root_keys *keys;
	struct store *store;
	struct tenant *acme, *globex;
};
int bench_setup(void **state);
int bench_teardown(void **state);
/* Runs SQL on the database behind the store's back, as somebody with the file would. */
void bench_tamper(const struct bench *bench, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* One column of one row, as text. Caller frees. */
char *bench_value(const struct bench *bench, const char *sql);
/* Facts of an ordinary sign-in. */
struct audit_facts bench_facts(void);
void bench_write(const struct bench *bench, const struct tenant *tenant, const struct audit_facts *facts, bool username_known);
/* Whether the tenant's chain verifies; *ret_rows as audit_verify gives it, *ret_message (may be NULL) what it found. */
bool bench_verify(const struct bench *bench, const struct tenant *tenant, int64_t *ret_rows, char **ret_message);
/* Calls `each` for the tenant's rows, oldest first. */
void bench_list(const struct bench *bench, const struct tenant *tenant, bool (*each)(const struct log_row *row, void *data), void *data);
