/* PKCE: S256 only, no downgrade in either direction. The pair is RFC 7636 appendix B's. */
#include "policies/pkce.h"

#include "lists.h"

#include <glib.h>
#include <string.h>

#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static void request_table(void **state)
{
	static const struct {
		bool required;
		const char *challenge, *method;
		enum reason reason;
	} rows[] = {
		{true, CHALLENGE, "S256", REASON_OK}, {false, CHALLENGE, "S256", REASON_OK}, {false, NULL, NULL, REASON_OK},
		{true, NULL, NULL, REASON_PKCE_MISSING}, {true, CHALLENGE, "plain", REASON_PKCE_PLAIN}, {true, CHALLENGE, NULL, REASON_PKCE_PLAIN},
		{false, CHALLENGE, "plain", REASON_PKCE_PLAIN}, {true, CHALLENGE, "s256", REASON_PKCE_PLAIN}, {true, CHALLENGE, "", REASON_PKCE_PLAIN},
		{true, NULL, "S256", REASON_REQUEST_INVALID}, {false, NULL, "S256", REASON_REQUEST_INVALID}, {true, "", "S256", REASON_REQUEST_INVALID},
		{false, "", "S256", REASON_REQUEST_INVALID}, {true, VERIFIER "x", "S256", REASON_REQUEST_INVALID},
		{true, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "S256", REASON_REQUEST_INVALID},
		{true, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c=", "S256", REASON_REQUEST_INVALID},
		{true, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM", "S256", REASON_REQUEST_INVALID},
		{true, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c\n", "S256", REASON_REQUEST_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++)
		if (pkce_decide_request(rows[i].required, rows[i].challenge, rows[i].method) != rows[i].reason)
			fail_msg("row %zu", i);
}

static void verifier_table(void **state)
{
	static const struct {
		const char *challenge, *verifier, *transform;
		enum reason reason;
	} rows[] = {
		{CHALLENGE, VERIFIER, CHALLENGE, REASON_OK},
		{NULL, NULL, NULL, REASON_OK},
		/* the challenge was stripped on the way in (RFC 9700 section 4.8.2) */
		{NULL, VERIFIER, CHALLENGE, REASON_PKCE_MISMATCH},
		{NULL, "", NULL, REASON_PKCE_MISMATCH},
		/* the verifier is skipped on the way out */
		{CHALLENGE, NULL, NULL, REASON_PKCE_MISMATCH},
		{CHALLENGE, "", NULL, REASON_PKCE_MISMATCH},
		{CHALLENGE, VERIFIER, NULL, REASON_PKCE_MISMATCH},
		/* the verifier is the challenge: plain by the back door */
		{CHALLENGE, CHALLENGE, "jDJyA4nf1sZ2zqbSJ4Om5sJyGmtYMYjfuRYZG0Z1Nd0", REASON_PKCE_MISMATCH},
		{"", VERIFIER, CHALLENGE, REASON_PKCE_MISMATCH},
		{CHALLENGE, "short", CHALLENGE, REASON_PKCE_MISMATCH},
		{CHALLENGE, VERIFIER " ", CHALLENGE, REASON_PKCE_MISMATCH},
		{CHALLENGE, VERIFIER, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN", REASON_PKCE_MISMATCH},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++)
		if (pkce_decide_verifier(rows[i].challenge, rows[i].verifier, rows[i].transform) != rows[i].reason)
			fail_msg("row %zu", i);
}

static void verifier_form(void **state)
{
	g_autofree char *least = g_strnfill(43, 'a'), *less = g_strnfill(42, 'a'), *most = g_strnfill(128, '~'), *more = g_strnfill(129, 'a');

	(void)state;
	assert_true(pkce_verifier_well_formed(least));
	assert_true(pkce_verifier_well_formed(most));
	assert_false(pkce_verifier_well_formed(less));
	assert_false(pkce_verifier_well_formed(more));
	assert_false(pkce_verifier_well_formed(NULL));
	assert_false(pkce_challenge_well_formed(NULL));
	for (int byte = 1; byte < 256; byte++) {
		least[20] = (char)byte;
		bool unreserved = g_ascii_isalnum(byte) || strchr("-._~", byte) != NULL;
		assert_int_equal(pkce_verifier_well_formed(least), unreserved);
		assert_int_equal(pkce_challenge_well_formed(least), g_ascii_isalnum(byte) || byte == '-' || byte == '_');
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(request_table),
	cmocka_unit_test(verifier_table),
	cmocka_unit_test(verifier_form),
};
const struct test_list pkce_list = {tests, TEST_COUNT(tests)};
