/* Identifiers and opaque tokens. */
#include "crypto/random.h"
#include "crypto/opaque_token.h"
#include "crypto_tests.h"
#include <sys/wait.h>
#include <unistd.h>

static void identifiers_have_their_form(void **state)
{
	(void)state;
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (int i = 0; i < 1000; i++) {
		char identifier[IDENTIFIER_SIZE], reference[REFERENCE_SIZE];
		random_identifier(identifier);
		random_reference(reference);
		assert_int_equal(strlen(identifier), 26);
		assert_int_equal(strspn(identifier, "abcdefghijklmnopqrstuvwxyz234567"), 26);
		assert_int_equal(strlen(reference), 10);
		assert_int_equal(strspn(reference, "abcdefghijklmnopqrstuvwxyz234567"), 10);
		assert_true(g_hash_table_add(seen, g_strdup(identifier)));
		assert_true(g_hash_table_add(seen, g_strdup(reference)));
	}
}

/* What was made together begins alike; what was made apart does not; and no two are the same. */
static void timed_ones_begin_with_their_moment(void **state)
{
	(void)state;
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	const int64_t now_ms = INT64_C(1795000000000) & ~INT64_C(63);
	char first[IDENTIFIER_SIZE], named[REFERENCE_SIZE], identifier[IDENTIFIER_SIZE], reference[REFERENCE_SIZE];
	timed_identifier(now_ms, first);
	timed_reference(now_ms, named);
	for (int i = 0; i < 1000; i++) {
		timed_identifier(now_ms, identifier);
		timed_reference(now_ms + i % 64, reference);
		assert_int_equal(strspn(identifier, "abcdefghijklmnopqrstuvwxyz234567"), 26);
		assert_int_equal(strspn(reference, "abcdefghijklmnopqrstuvwxyz234567"), 10);
		assert_memory_equal(identifier, first, 8);
		assert_memory_equal(reference, named, 5);
		assert_true(g_hash_table_add(seen, g_strdup(identifier)) && g_hash_table_add(seen, g_strdup(reference)));
	}
	timed_identifier(now_ms + 1, identifier);
	timed_reference(now_ms + 64, reference);
	assert_memory_not_equal(identifier, first, 8);
	assert_true(strncmp(reference, named, 6) != 0);
}

static void a_code_has_the_form_of_a_token_and_a_digest_of_its_own(void **state)
{
	(void)state;
	char code[OPAQUE_TOKEN_SIZE], later[OPAQUE_TOKEN_SIZE], same[OPAQUE_TOKEN_SIZE];
	uint8_t digest[DIGEST_SIZE], digest_of_later[DIGEST_SIZE], digest_of_same[DIGEST_SIZE], of_none[DIGEST_SIZE] = { 0 };
	code_make(1795000000000, code);
	code_make(1795000000000, same);
	code_make(1795000000001, later);
	assert_true(opaque_token_well_formed(OPAQUE_CODE_PREFIX, code));
	code_digest(code, digest);
	code_digest(same, digest_of_same);
	code_digest(later, digest_of_later);
	assert_memory_equal(digest, ((const uint8_t[]){ 0x01, 0xa1, 0xee, 0x56, 0x5e, 0x00 }), 6); /* the moment, big-endian */
	assert_memory_equal(digest, digest_of_same, 6);
	assert_memory_not_equal(digest + 6, digest_of_same + 6, DIGEST_SIZE - 6);
	assert_true(memcmp(digest, digest_of_later, 6) < 0);
	code[20] = code[20] == 'a' ? 'b' : 'a';
	code_digest(code, digest);
	assert_memory_equal(digest, of_none, DIGEST_SIZE);
	code_digest("", digest);
	assert_memory_equal(digest, of_none, DIGEST_SIZE);
}

/* Every bit must vary: a constant one would be lost entropy. */
static void bytes_vary_in_every_bit(void **state)
{
	(void)state;
	uint8_t ones[64] = { 0 }, zeros[64] = { 0 }, bytes[64];
	for (int i = 0; i < 64; i++) {
		random_bytes(bytes, sizeof bytes);
		for (size_t j = 0; j < sizeof bytes; j++) {
			ones[j] |= bytes[j];
			zeros[j] |= (uint8_t)~bytes[j];
		}
	}
	for (size_t j = 0; j < sizeof bytes; j++)
		assert_true(ones[j] == 0xff && zeros[j] == 0xff);
}

/* Short ones come from a stock: a process that forks must not hand out in both halves what lies in it. */
static void a_child_draws_its_own(void **state)
{
	(void)state;
	uint8_t mine[16], its[16];
	int ends[2], status;
	random_bytes(mine, sizeof mine); /* now the stock is not empty */
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		random_bytes(its, sizeof its);
		_exit(write(ends[1], its, sizeof its) == sizeof its ? 0 : 1);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	assert_int_equal(read(ends[0], its, sizeof its), sizeof its);
	random_bytes(mine, sizeof mine);
	assert_memory_not_equal(mine, its, sizeof mine);
	close(ends[0]);
	close(ends[1]);
}

static void token_has_its_form(void **state)
{
	(void)state;
	char token[OPAQUE_TOKEN_SIZE], other[OPAQUE_TOKEN_SIZE];
	opaque_token_make(OPAQUE_ACCESS_PREFIX, token);
	opaque_token_make(OPAQUE_ACCESS_PREFIX, other);
	assert_int_equal(strlen(token), OPAQUE_TOKEN_SIZE - 1);
	assert_string_not_equal(token, other);
	assert_true(opaque_token_well_formed(OPAQUE_ACCESS_PREFIX, token));
	assert_false(opaque_token_well_formed(OPAQUE_REFRESH_PREFIX, token));
	assert_false(opaque_token_well_formed(OPAQUE_ACCESS_PREFIX, NULL));
	assert_false(opaque_token_well_formed(OPAQUE_ACCESS_PREFIX, ""));
}

/* Made with Python's zlib.crc32: secret scanners must be able to do the same. */
static void token_check_value_is_crc32(void **state)
{
	(void)state;
	assert_true(opaque_token_well_formed("pas_at_", "pas_at_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA3HLR6L"));
}

static void token_changed_is_refused(void **state)
{
	(void)state;
	char token[OPAQUE_TOKEN_SIZE + 1];
	opaque_token_make(OPAQUE_SECRET_PREFIX, token);
	for (size_t i = 0; i < OPAQUE_TOKEN_SIZE - 1; i++) {
		char kept = token[i];
		for (const char *c = "aB0-_=. \n\x7f"; *c; c++) {
			token[i] = *c;
			assert_true(*c == kept || !opaque_token_well_formed(OPAQUE_SECRET_PREFIX, token));
		}
		token[i] = '\0';
		assert_false(opaque_token_well_formed(OPAQUE_SECRET_PREFIX, token));
		token[i] = kept;
	}
	token[OPAQUE_TOKEN_SIZE - 1] = 'a';
	token[OPAQUE_TOKEN_SIZE] = '\0';
	assert_false(opaque_token_well_formed(OPAQUE_SECRET_PREFIX, token));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(identifiers_have_their_form), cmocka_unit_test(timed_ones_begin_with_their_moment),
	cmocka_unit_test(a_code_has_the_form_of_a_token_and_a_digest_of_its_own),
	cmocka_unit_test(bytes_vary_in_every_bit),    cmocka_unit_test(a_child_draws_its_own),
	cmocka_unit_test(token_has_its_form),            cmocka_unit_test(token_check_value_is_crc32), cmocka_unit_test(token_changed_is_refused),
};
TEST_GROUP(random_group, tests);
