/* Hashes brought from elsewhere: vectors made by other programs, bounds, and replacement. */
#include "base/clock.h"
#include "crypto/password_internal.h"
#include "crypto_tests.h"

/* Made with Perl's crypt (libxcrypt) and Python's hashlib; the bcrypt one of "U*U" is from crypt_blowfish's own tests, the one of
 * "password" from passlib's documentation. */
static const struct {
	const char *stored;
	const char *password;
} known[] = {
	{ "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U" },
	{ "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U" },
	{ "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", "correct horse" },
	{ "$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44", "password" },
	{ "$pbkdf2-sha512$1000$AAECAwQFBgcICQoLDA0ODw$Xpx07WjVx4vCIvrmBRj8uOoVVtGqJqtUv2J5bhizSQs7osCteF7W4A61dZDqSIqQjO.dxO6p5FT/Uy7QRBXSXA",
	  "correct horse" },
	{ "$pbkdf2-sha256$i=1000$AAECAwQFBgcICQoLDA0ODw==$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQVykgYqFUkGDPSqmamlmDo91gX1JZ69LgWiJuFkmT+UQ==",
	  "correct horse" },
	{ "$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ", "correct horse" },
	{ "{SSHA}N5AvglyQgpuw+E6FIPXO/4H4ClROYUNsMTIzNA==", "correct horse" },
	{ "{ssha}N5AvglyQgpuw+E6FIPXO/4H4ClROYUNsMTIzNA==", "correct horse" },
};

static void known_hashes_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		g_autoptr(secret_t) right = secret_of(known[i].password);
		g_autofree char *longer = g_strconcat(known[i].password, "x", NULL);
		g_autoptr(secret_t) wrong = secret_of(longer);
		g_autoptr(secret_t) nothing = secret_of("");
		assert_true(foreign_is_usable(known[i].stored));
		assert_true(password_stored_is_usable(known[i].stored));
		assert_int_equal(foreign_verify(known[i].stored, right), PASSWORD_MATCH);
		assert_int_equal(foreign_verify(known[i].stored, wrong), PASSWORD_MISMATCH);
		assert_int_equal(foreign_verify(known[i].stored, nothing), PASSWORD_MISMATCH);
	}
}

static void match_is_replaced_by_ours(void **state)
{
	(void)state;
	struct root_keys *keys = root_keys_of("k1", 7);
	struct password_hasher *hasher = password_hasher_of_any_cost(keys, (struct password_cost){ 64, 1, 1 }, 1);
	int64_t deadline = clock_monotonic_ms() + 60000;
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		g_autoptr(secret_t) right = secret_of(known[i].password);
		g_autoptr(secret_t) wrong = secret_of("wrong");
		char *replacement = NULL;
		assert_int_equal(password_verify(hasher, known[i].stored, wrong, deadline, &replacement), PASSWORD_MISMATCH);
		assert_null(replacement);
		assert_int_equal(password_verify(hasher, known[i].stored, right, deadline, &replacement), PASSWORD_MATCH_REHASH);
		assert_true(g_str_has_prefix(replacement, "$argon2id$"));
		assert_int_equal(password_verify(hasher, replacement, right, deadline, NULL), PASSWORD_MATCH);
		g_free(replacement);
	}
	password_hasher_free(hasher);
	root_keys_free(keys);
}

static void nul_does_not_shorten_bcrypt(void **state)
{
	(void)state;
	g_autoptr(secret_t) tail = secret_new("U*U\0tail", 8);
	assert_int_equal(foreign_verify(known[0].stored, tail), PASSWORD_MISMATCH);
}

static void malformed_and_costly_ones_are_unusable(void **state)
{
	(void)state;
	static const char *const stored[] = {
		"",
		/* Costs of minutes and hours, a broken variant, other schemes of crypt. */
		"$2b$15$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
		"$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
		"$2b$99$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
		"$2b$03$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
		"$2b$4$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6eab",
		"$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
		"$2$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6ea",
		"$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6",
		"$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6ee",
		"$2b$04$abcdefghijklmnopqrstuujydOTSfIH:d5oUHpsygqV5X9xJLQc6e",
		"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1",
		"$1$etNnh7FA$OlM7eljE/B7F1J4XYNnk81",
		"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
		/* PBKDF2: iterations of none and of minutes (two blocks count twice), short tag, no salt, another digest, what is left over. */
		"$pbkdf2-sha256$0$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ",
		"$pbkdf2-sha256$2000001$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ",
		"$pbkdf2-sha256$4294967296$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ",
		"$pbkdf2-sha256$i=1000001$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQVykgYqFUkGDPSqmamlmDo91gX1JZ69LgWiJuFkmT+UQ",
		"$pbkdf2-sha256$-1$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ",
		"$pbkdf2-sha256$i=$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ",
		"$pbkdf2-sha256$$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ",
		"$pbkdf2-sha256$1000$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G",
		"$pbkdf2-sha256$1000$AAECAwQFBgcICQoLDA0ODw$",
		"$pbkdf2-sha256$1000$AAECAwQFBgcICQoLDA0ODw",
		"$pbkdf2-sha256$1000$$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ",
		"$pbkdf2-sha256$1000$=$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ",
		"$pbkdf2-sha256$1000",
		"$pbkdf2-sha256$1000,l=",
		"$pbkdf2-sha256$",
		"$pbkdf2$1000$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ",
		"$pbkdf2-sha256$1000$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ$x",
		/* {SSHA} without a salt is {SHA}; not base64; another scheme. */
		"{SSHA}N5AvglyQgpuw+E6FIPXO/4H4ClQ=",
		"{SSHA}N5AvglyQgpuw+E6FIPXO",
		"{SSHA}",
		"{SSHA}N5AvglyQgpuw+E6FIPXO/4H4ClROYUNsMTIzNA",
		"{SSHA}!!!!",
		"{SHA}N5AvglyQgpuw+E6FIPXO/4H4ClQ=",
		"{MD5}N5AvglyQgpuw+E6FIPXO",
		"{CLEARTEXT}correct horse",
	};
	g_autoptr(secret_t) password = secret_of("correct horse");
	for (size_t i = 0; i < G_N_ELEMENTS(stored); i++) {
		if (foreign_is_usable(stored[i]))
			fail_msg("usable: %s", stored[i]);
		assert_false(password_stored_is_usable(stored[i]));
		assert_int_equal(foreign_verify(stored[i], password), PASSWORD_UNUSABLE);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(known_hashes_verify),
	cmocka_unit_test(match_is_replaced_by_ours),
	cmocka_unit_test(nul_does_not_shorten_bcrypt),
	cmocka_unit_test(malformed_and_costly_ones_are_unusable),
};
TEST_GROUP(password_foreign_group, tests);
