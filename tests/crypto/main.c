/* The unit tests of the crypto floor, as one TAP stream. */
#include "crypto_tests.h"

static const struct test_group *const groups[] = { &digest_group,   &random_group,          &root_keys_group,     &seal_group,
	                                           &jose_key_group, &jws_group,             &jws_attack_group,    &keyring_group,
	                                           &password_group, &password_foreign_group, &password_slot_group, &jwk_set_group, &certificate_group };

int main(void)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct CMUnitTest));
	for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
		g_array_append_vals(all, groups[i]->tests, (unsigned)groups[i]->count);
	/* cmocka's macro takes an array of known size; this is what it calls. */
	return _cmocka_run_group_tests("crypto", (const struct CMUnitTest *)(const void *)all->data, all->len, NULL, NULL);
}
