/* What the store's tests share: folders of their own, a transaction that a test drives from its own thread, sample records, and checks that say why. */
#pragma once
#include "base/errors.h"
#include "gateway/store/cache.h"
#include "gateway/store/store.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#undef fail /* cmocka's; ours is a function */
#undef fail_msg
#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

struct test_group {
	const struct CMUnitTest *tests;
	size_t count;
};
#define TEST_GROUP(name, array) const struct test_group name = { array, sizeof(array) / sizeof(array[0]) }

#define NOW 1764000000000LL
#define DAY (24 * 3600 * 1000LL)

/* The call uses `&error`. */
#define GOOD(call) \
	do { \
		g_autoptr(GError) error = NULL; \
		if (!(call)) \
			fail_msg("%s: %s", #call, error ? error->message : "(no reason given)"); \
	} while (0)
#define REFUSED(expected_code, call) \
	do { \
		g_autoptr(GError) error = NULL; \
		if (call) \
			fail_msg("%s went through", #call); \
		if (!error) \
			fail_msg("%s: no reason given", #call); \
		if (error_code_of(error) != (expected_code)) \
			fail_msg("%s: %s instead of %s (%s)", #call, error_name(error_code_of(error)), error_name(expected_code), error->message); \
	} while (0)
/* A look-up's result; only BROKEN comes with an error. */
#define FOUND_IS(expected, call) \
	do { \
		g_autoptr(GError) error = NULL; \
		enum found found_ = (call); \
		if (found_ != (expected) || (found_ == BROKEN) != (error != NULL)) \
			fail_msg("%s: %d instead of %d (%s)", #call, (int)found_, (int)(expected), error ? error->message : "no error"); \
	} while (0)

/* A write transaction that the test's own thread drives. One at a time. */
struct unit *write_begin(struct store *store);
void write_commit(void);
/* Undoes it: its function fails. */
void write_undo(void);
/* For tear-downs: a test that failed in the middle left it open, and the store would wait for it. */
void write_abandon(void);

/* The calling thread's reader. */
struct unit *reader_of(struct store *store);

/* A folder that folder_remove takes away with all in it. */
char *folder_make(void);
void folder_remove(char *folder);
char *path_in(const char *folder, const char *name);
char *address_in(const char *folder);
/* Copies a file byte for byte; false when there is none. */
bool file_copy(const char *from, const char *to);

/* The root keys of the tests: one key "k1" of 32 bytes `byte`. */
struct root_keys *keys_of(uint8_t byte);
struct store *store_at(const char *address, const struct root_keys *keys, GError **error);

/* A digest that is `byte` all over. */
const uint8_t *digest_of(uint8_t byte);
json_t *json_of(const char *text);
struct tenant *tenant_of(const char *id, const char *name);
/* A tenant in a transaction of its own. */
void tenant_make(struct store *store, const char *id, const char *name);
/* Sample records; strings are the caller's to free by the record's clear. */
struct account account_of(const char *id, const char *username, const char *email);
struct session session_of(const char *id, uint8_t digest, const char *account);
struct grant grant_of(const char *id, const char *account, const char *client, const char *session, bool offline);
struct flow flow_of(uint8_t digest);
struct code code_of(uint8_t digest, const char *grant);
struct refresh_token refresh_of(uint8_t digest, const char *grant);
struct access_token access_of(uint8_t digest, const char *grant);
struct log_row log_row_of(const char *node, int64_t seq, int64_t time_ms, const char *event);
struct saml_key saml_key_of(const char *kid, enum saml_key_purpose purpose);
struct signing_key key_of(const char *kid);
struct provider_record provider_of(const char *name, const char *secret);

#define TENANT_A "aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TENANT_B "bbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ACCOUNT_1 "accountaccountaccountaaaaa"
#define ACCOUNT_2 "accountaccountaccountbbbbb"
#define SESSION_1 "sessionsessionsessionaaaaa"
#define SESSION_2 "sessionsessionsessionbbbbb"
#define GRANT_1 "grantgrantgrantgrantaaaaaa"
#define GRANT_2 "grantgrantgrantgrantbbbbbb"
