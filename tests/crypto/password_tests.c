/* Password hashes of ours: what is stored, what verifies, what is replaced, and that every answer costs the same. */
#include "crypto/password.h"
#include "base/clock.h"
#include "crypto/password_internal.h"
#include "crypto_tests.h"

static const struct password_cost cheap = { .memory_kib = 64, .iterations = 2, .parallelism = 1 };

struct bench {
	struct root_keys *keys;
	struct password_hasher *hasher;
	struct secret *right, *wrong;
};

static int bench_make(void **state)
{
	struct bench *bench = g_new0(struct bench, 1);
	bench->keys = root_keys_of("k1", 7);
	bench->hasher = password_hasher_of_any_cost(bench->keys, cheap, 1);
	bench->right = secret_of("correct horse");
	bench->wrong = secret_of("incorrect horse");
	*state = bench;
	return bench->hasher ? 0 : -1;
}

static int bench_free(void **state)
{
	struct bench *bench = *state;
	password_hasher_free(bench->hasher);
	root_keys_free(bench->keys);
	secret_free(bench->right);
	secret_free(bench->wrong);
	g_free(bench);
	return 0;
}

static enum password_verdict verify(struct password_hasher *hasher, const char *stored, const struct secret *password, char **ret_replacement)
{
	return password_verify(hasher, stored, password, clock_monotonic_ms() + 60000, ret_replacement);
}

static char *hash(struct password_hasher *hasher, const struct secret *password)
{
	char *stored = password_hash(hasher, password, clock_monotonic_ms() + 60000, NULL);
	assert_non_null(stored);
	return stored;
}

/* RFC 9106 section 5.3, secret and associated data included, through the door that every hash takes. */
static void rfc9106_vector(void **state)
{
	(void)state;
	uint8_t password[32], salt[16], secret[8], data[12], tag[32], expected[32];
	memset(password, 1, sizeof password);
	memset(salt, 2, sizeof salt);
	memset(secret, 3, sizeof secret);
	memset(data, 4, sizeof data);
	const struct argon2_input input = { .password = password, .password_length = sizeof password, .salt = salt, .salt_length = sizeof salt,
		                            .secret = secret, .secret_length = sizeof secret, .data = data, .data_length = sizeof data,
		                            .cost = { .memory_kib = 32, .iterations = 3, .parallelism = 4 } };
	struct slot_pool *pool = slot_pool_new(1, 32 * 1024);
	struct slot *slot = slot_take(pool, 0);
	bytes_of_hex("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659", expected);
	for (int again = 0; again < 2; again++) {
		assert_true(argon2id_compute(slot, &input, tag, sizeof tag));
		assert_memory_equal(tag, expected, sizeof tag);
	}
	slot_give_back(pool, slot);
	slot_pool_free(pool);
}

static void stored_form(void **state)
{
	const struct bench *bench = *state;
	g_autofree char *one = hash(bench->hasher, bench->right);
	g_autofree char *two = hash(bench->hasher, bench->right);
	static const char start[] = "$argon2id$v=19$m=64,t=2,p=1,keyid=k1$";
	assert_int_equal(strncmp(one, start, strlen(start)), 0);
	assert_string_not_equal(one, two);
	/* 16 bytes of salt, 32 of tag, in base64 without padding. */
	assert_int_equal(strlen(one), strlen(start) + 22 + 1 + 43);
	assert_true(password_stored_is_usable(one));
}

static void right_and_wrong(void **state)
{
	const struct bench *bench = *state;
	g_autofree char *stored = hash(bench->hasher, bench->right);
	char *replacement = NULL;
	assert_int_equal(verify(bench->hasher, stored, bench->right, &replacement), PASSWORD_MATCH);
	assert_int_equal(verify(bench->hasher, stored, bench->wrong, &replacement), PASSWORD_MISMATCH);
	assert_int_equal(verify(bench->hasher, NULL, bench->right, &replacement), PASSWORD_MISMATCH);
	assert_null(replacement);
}

/* PW-5: nothing is truncated, and a NUL ends nothing. */
static void every_byte_counts(void **state)
{
	const struct bench *bench = *state;
	char text[1024];
	memset(text, 'x', sizeof text);
	g_autoptr(secret_t) whole = secret_new(text, sizeof text);
	g_autoptr(secret_t) shorter = secret_new(text, sizeof text - 1);
	text[sizeof text - 1] = 'y';
	g_autoptr(secret_t) other_end = secret_new(text, sizeof text);
	g_autofree char *stored = hash(bench->hasher, whole);
	assert_int_equal(verify(bench->hasher, stored, whole, NULL), PASSWORD_MATCH);
	assert_int_equal(verify(bench->hasher, stored, shorter, NULL), PASSWORD_MISMATCH);
	assert_int_equal(verify(bench->hasher, stored, other_end, NULL), PASSWORD_MISMATCH);
	g_autoptr(secret_t) with_nul = secret_new("a\0b", 3);
	g_autoptr(secret_t) cut = secret_new("a", 1);
	g_autofree char *stored_nul = hash(bench->hasher, with_nul);
	assert_int_equal(verify(bench->hasher, stored_nul, with_nul, NULL), PASSWORD_MATCH);
	assert_int_equal(verify(bench->hasher, stored_nul, cut, NULL), PASSWORD_MISMATCH);
}

static void inputs_are_left_alone(void **state)
{
	const struct bench *bench = *state;
	g_autofree char *stored = hash(bench->hasher, bench->right);
	assert_int_equal(verify(bench->hasher, stored, bench->right, NULL), PASSWORD_MATCH);
	assert_int_equal(secret_length(bench->right), 13);
	assert_memory_equal(secret_bytes(bench->right), "correct horse", 13);
}

/* PW-4: a database without the secret key file verifies nothing. */
static void pepper_is_needed(void **state)
{
	const struct bench *bench = *state;
	struct root_keys *stolen = root_keys_of("k1", 8), *other_id = root_keys_of("k2", 7);
	struct password_hasher *thief = password_hasher_of_any_cost(stolen, cheap, 1), *stranger = password_hasher_of_any_cost(other_id, cheap, 1);
	g_autofree char *stored = hash(bench->hasher, bench->right);
	assert_int_equal(verify(thief, stored, bench->right, NULL), PASSWORD_MISMATCH);
	assert_int_equal(verify(stranger, stored, bench->right, NULL), PASSWORD_UNUSABLE);
	/* Taking the key id off does not take the pepper off. */
	g_autofree char *stripped = g_strconcat("$argon2id$v=19$m=64,t=2,p=1", strstr(stored, ",keyid=k1") + strlen(",keyid=k1"), NULL);
	assert_int_equal(verify(bench->hasher, stripped, bench->right, NULL), PASSWORD_MISMATCH);
	password_hasher_free(thief);
	password_hasher_free(stranger);
	root_keys_free(stolen);
	root_keys_free(other_id);
}

static void replaced_when_old(void **state, const struct root_keys *keys, struct password_cost cost, const char *old)
{
	const struct bench *bench = *state;
	struct password_hasher *hasher = password_hasher_of_any_cost(keys, cost, 1);
	char *replacement = NULL;
	assert_int_equal(verify(hasher, old, bench->wrong, &replacement), PASSWORD_MISMATCH);
	assert_null(replacement);
	assert_int_equal(verify(hasher, old, bench->right, NULL), PASSWORD_MATCH_REHASH);
	assert_int_equal(verify(hasher, old, bench->right, &replacement), PASSWORD_MATCH_REHASH);
	assert_non_null(replacement);
	assert_int_equal(verify(hasher, replacement, bench->right, NULL), PASSWORD_MATCH);
	assert_int_equal(verify(hasher, replacement, bench->wrong, NULL), PASSWORD_MISMATCH);
	g_free(replacement);
	password_hasher_free(hasher);
}

static void old_cost_is_replaced(void **state)
{
	const struct bench *bench = *state;
	g_autofree char *old = hash(bench->hasher, bench->right);
	replaced_when_old(state, bench->keys, (struct password_cost){ 128, 2, 1 }, old);
	replaced_when_old(state, bench->keys, (struct password_cost){ 64, 3, 1 }, old);
	replaced_when_old(state, bench->keys, (struct password_cost){ 64, 2, 2 }, old);
	/* Downwards too: the operator's word holds. */
	replaced_when_old(state, bench->keys, (struct password_cost){ 32, 1, 1 }, old);
}

static void old_pepper_is_replaced(void **state)
{
	const struct bench *bench = *state;
	g_autofree char *folder = g_dir_make_tmp("passerelle-pepper-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "secret.key", NULL);
	static const char rotated[] = "k2 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nk1 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";
	assert_true(g_file_set_contents_full(path, rotated, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
	struct root_keys *keys = root_keys_read(path, NULL);
	assert_non_null(keys);
	g_autofree char *old = hash(bench->hasher, bench->right);
	replaced_when_old(state, keys, cheap, old);
	root_keys_free(keys);
	remove(path);
	remove(folder);
}

/* A reload: the next hash costs what is asked for now, in a block that fits; what was stored verifies, and is replaced. */
static void the_cost_may_change_while_hashes_are_made(void **state)
{
	const struct bench *bench = *state;
	const struct password_cost dear = { .memory_kib = 19456, .iterations = 2, .parallelism = 1 };
	GError *error = NULL;
	g_autofree char *old = hash(bench->hasher, bench->right);
	assert_false(password_hasher_adjust(bench->hasher, (struct password_cost){ 1 << 30, 1, 1 }, &error));
	assert_fails_with(error, ERROR_MALFORMED);
	assert_int_equal(verify(bench->hasher, old, bench->right, NULL), PASSWORD_MATCH);
	assert_true(password_hasher_adjust(bench->hasher, dear, &error));
	assert_int_equal(verify(bench->hasher, old, bench->right, NULL), PASSWORD_MATCH_REHASH);
	g_autofree char *fresh = hash(bench->hasher, bench->right);
	assert_true(g_str_has_prefix(fresh, "$argon2id$v=19$m=19456,t=2,p=1,"));
	assert_int_equal(verify(bench->hasher, fresh, bench->right, NULL), PASSWORD_MATCH);
	assert_int_equal(verify(bench->hasher, fresh, bench->wrong, NULL), PASSWORD_MISMATCH);
}

/* The file is exchanged under a running hasher: what it cannot know any more is unusable, not a crash. */
static void a_pepper_that_is_given_up_is_unusable(void **state)
{
	const struct bench *bench = *state;
	g_autofree char *old = hash(bench->hasher, bench->right);
	root_keys_replace(bench->keys, root_keys_of("k2", 9));
	assert_int_equal(verify(bench->hasher, old, bench->right, NULL), PASSWORD_UNUSABLE);
	g_autofree char *fresh = hash(bench->hasher, bench->right);
	assert_non_null(strstr(fresh, ",keyid=k2$"));
	assert_int_equal(verify(bench->hasher, fresh, bench->right, NULL), PASSWORD_MATCH);
}

static void plain_argon2id_is_replaced(void **state)
{
	const struct bench *bench = *state;
	/* Made by libargon2's own argon2id_hash_encoded: a short salt, four lanes, a short tag. */
	static const char *const stored[] = {
		"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$fLt8E4+7dSflhjsop8bmjfO8MTJnuO5l4Q0XrDUBECY",
		"$argon2id$v=19$m=128,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$OSTBQ4u90PMLt3vHhEDtvWaIr96WgcBuWA6QVAg5rUE",
		"$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$YOFfoFCP/LuJgEgcVZ/ATw",
	};
	for (size_t i = 0; i < G_N_ELEMENTS(stored); i++) {
		assert_true(password_stored_is_usable(stored[i]));
		replaced_when_old(state, bench->keys, cheap, stored[i]);
	}
}

static const char *const unusable[] = {
	"",
	"!",
	"*",
	"x",
	"correct horse",
	"$argon2id$",
	"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA",
	"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$",
	"$argon2id$v=19$m=64,t=2,p=1$$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64,t=2,p=1$c2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3A",
	"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxp",
	"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ=",
	"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ$",
	"$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA==$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64,t=2,p=1,data=AAAA$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64,t=2,p=1,keyid=$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64,t=2,p=1,keyid=k1,keyid=k1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=16$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2d$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$t=2,m=64,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=064,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=+64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=-64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64, t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	/* Out of argon2's bounds, and over ours: 4 GiB, 2^32 + 64, 17 iterations, 5 lanes, 1 GiB sixteen times. */
	"$argon2id$v=19$m=7,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64,t=2,p=0$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=4294967360,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=99999999999999999999999999,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64,t=17,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64,t=4294967295,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=64,t=2,p=5$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	"$argon2id$v=19$m=1048576,t=16,p=1$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
};

/* A row with 4 GiB would take some 19 s; the whole list takes a decoy of 64 KiB each. */
static void unusable_rows_cost_a_decoy(void **state)
{
	const struct bench *bench = *state;
	int64_t start = clock_monotonic_ms();
	for (size_t i = 0; i < G_N_ELEMENTS(unusable); i++) {
		uint64_t before = password_hasher_count(bench->hasher);
		if (password_stored_is_usable(unusable[i]))
			fail_msg("usable: %s", unusable[i]);
		assert_int_equal(verify(bench->hasher, unusable[i], bench->right, NULL), PASSWORD_UNUSABLE);
		assert_int_equal(password_hasher_count(bench->hasher) - before, 1);
	}
	assert_true(clock_monotonic_ms() - start < 5000);
	g_autofree char *endless = g_strnfill(100000, '$');
	assert_int_equal(verify(bench->hasher, endless, bench->right, NULL), PASSWORD_UNUSABLE);
	assert_false(password_stored_is_usable(NULL));
}

static void hashes_counted(struct password_hasher *hasher, const char *stored, const struct secret *password, bool replace, unsigned expected)
{
	char *replacement = NULL;
	uint64_t before = password_hasher_count(hasher);
	verify(hasher, stored, password, replace ? &replacement : NULL);
	assert_int_equal(password_hasher_count(hasher) - before, expected);
	g_free(replacement);
}

/* Who is not there costs what is there: one hash for each outcome. */
static void every_outcome_costs_one_hash(void **state)
{
	const struct bench *bench = *state;
	static const char unknown_pepper[] = "$argon2id$v=19$m=64,t=2,p=1,keyid=k9$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ";
	static const char ssha[] = "{SSHA}N5AvglyQgpuw+E6FIPXO/4H4ClROYUNsMTIzNA==";
	g_autofree char *stored = hash(bench->hasher, bench->right);
	for (int replace = 0; replace < 2; replace++) {
		hashes_counted(bench->hasher, stored, bench->right, replace, 1);
		hashes_counted(bench->hasher, stored, bench->wrong, replace, 1);
		hashes_counted(bench->hasher, NULL, bench->right, replace, 1);
		hashes_counted(bench->hasher, "!", bench->right, replace, 1);
		hashes_counted(bench->hasher, unknown_pepper, bench->right, replace, 1);
		hashes_counted(bench->hasher, ssha, bench->right, replace, 1);
		hashes_counted(bench->hasher, ssha, bench->wrong, replace, 1);
	}
}

/* After the cost was raised, a row of the old one is made up to today's work: whole passes first, a smaller last one for the rest. */
static void cheaper_rows_are_made_up(void **state)
{
	const struct bench *bench = *state;
	g_autofree char *old = hash(bench->hasher, bench->right); /* 64 KiB, 2 passes */
	static const struct {
		struct password_cost today;
		unsigned hashes;
	} cases[] = {
		{ { 64, 3, 1 }, 2 }, { { 128, 1, 1 }, 1 }, { { 128, 2, 1 }, 2 }, { { 100, 2, 1 }, 2 },
		{ { 100, 3, 1 }, 3 }, { { 66, 2, 1 }, 1 },  { { 32, 1, 1 }, 1 },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct password_hasher *hasher = password_hasher_of_any_cost(bench->keys, cases[i].today, 1);
		hashes_counted(hasher, old, bench->wrong, true, cases[i].hashes);
		hashes_counted(hasher, NULL, bench->wrong, true, 1);
		password_hasher_free(hasher);
	}
}

/* PW-1, PW-2. */
static void cost_has_a_floor_and_a_ceiling(void **state)
{
	(void)state;
	static const struct {
		struct password_cost cost;
		bool with_floor, without_floor;
	} cases[] = {
		{ { 19456, 2, 1 }, true, true },     { { 47104, 1, 1 }, true, true },    { { 65536, 3, 4 }, true, true },   { { 19455, 2, 1 }, false, true },
		{ { 19456, 1, 1 }, false, true },    { { 1024, 16, 1 }, false, true },   { { 8, 1, 1 }, false, true },      { { 7, 1, 1 }, false, false },
		{ { 0, 0, 0 }, false, false },       { { 19456, 2, 0 }, false, false },  { { 19456, 0, 1 }, false, false }, { { 19456, 2, 5 }, false, false },
		{ { 19456, 17, 1 }, false, false },  { { 1048576, 2, 1 }, true, true },  { { 1048576, 3, 1 }, false, false },
		{ { 1048577, 1, 1 }, false, false }, { { 4294967295u, 1, 1 }, false, false },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		GError *error = NULL;
		assert_int_equal(password_cost_check(&cases[i].cost, true, &error), cases[i].with_floor);
		assert_int_equal(error == NULL, cases[i].with_floor);
		g_clear_error(&error);
		assert_int_equal(password_cost_check(&cases[i].cost, false, NULL), cases[i].without_floor);
	}
}

static void hasher_refuses_a_cost_under_the_floor(void **state)
{
	const struct bench *bench = *state;
	GError *error = NULL;
	struct password_hasher *hasher = password_hasher_new(bench->keys, (struct password_cost){ 1024, 2, 1 }, 1, &error);
#ifdef PASSERELLE_TEST_BUILD
	assert_non_null(hasher);
	assert_null(error);
#else
	assert_null(hasher);
	assert_fails_with(error, ERROR_MALFORMED);
#endif
	password_hasher_free(hasher);
}

#define with_bench(test) cmocka_unit_test_setup_teardown(test, bench_make, bench_free)
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(rfc9106_vector),
	with_bench(stored_form),
	with_bench(right_and_wrong),
	with_bench(every_byte_counts),
	with_bench(inputs_are_left_alone),
	with_bench(pepper_is_needed),
	with_bench(old_cost_is_replaced),
	with_bench(old_pepper_is_replaced),
	with_bench(the_cost_may_change_while_hashes_are_made),
	with_bench(a_pepper_that_is_given_up_is_unusable),
	with_bench(plain_argon2id_is_replaced),
	with_bench(unusable_rows_cost_a_decoy),
	with_bench(every_outcome_costs_one_hash),
	with_bench(cheaper_rows_are_made_up),
	cmocka_unit_test(cost_has_a_floor_and_a_ceiling),
	with_bench(hasher_refuses_a_cost_under_the_floor),
};
TEST_GROUP(password_group, tests);
