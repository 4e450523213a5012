/* What the crypto tests share: the groups that main.c runs, and a few short hands. */
#pragma once
#include "base/errors.h"
#include "crypto/jose.h"
#include "crypto/root_keys.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct test_group {
	const struct CMUnitTest *tests;
	size_t count;
};

#define TEST_GROUP(name, list) const struct test_group name = { list, sizeof list / sizeof list[0] }

extern const struct test_group certificate_group, digest_group, jose_key_group, jwk_set_group, jws_group, jws_attack_group, keyring_group, password_group, password_foreign_group,
    password_slot_group, random_group, root_keys_group, seal_group;

/* Bytes of an even number of hex digits. */
static inline void bytes_of_hex(const char *hex, uint8_t *out)
{
	for (size_t i = 0; hex[2 * i]; i++)
		out[i] = (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) * 16 + g_ascii_xdigit_value(hex[2 * i + 1]));
}

static inline struct secret *secret_of(const char *text)
{
	return secret_new(text, strlen(text));
}

static inline struct root_keys *root_keys_of(const char *id, uint8_t filling)
{
	uint8_t bytes[32];
	memset(bytes, filling, sizeof bytes);
	return root_keys_from_bytes(id, bytes);
}

static inline struct jose_key *key_of_jwk(enum jose_algorithm algorithm, const char *text)
{
	g_autoptr(json_t) jwk = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(jwk);
	return jose_key_from_jwk(algorithm, jwk, NULL);
}

#define assert_fails_with(error, code) \
	do { \
		assert_non_null(error); \
		assert_int_equal(error_code_of(error), (code)); \
		g_clear_error(&(error)); \
	} while (0)
