/* Signed tokens. Nobody signs with the keys made here, so nothing the fuzzer sends may ever verify. */
#include "crypto/jose.h"
#include "tests/fuzz/fuzz.h"

static const struct jose_key *key_of(enum jose_algorithm algorithm)
{
	static struct jose_key *keys[JOSE_ED25519 + 1];
	if (!keys[algorithm])
		keys[algorithm] = jose_key_generate(algorithm);
	return keys[algorithm];
}

void fuzz_jws(const uint8_t *bytes, size_t length)
{
	static const enum jose_algorithm algorithms[] = { JOSE_ES256, JOSE_ED25519 };
	g_autoptr(GError) error = NULL;
	g_autoptr(jws_t) jws = jws_parse((const char *)bytes, length, &error);
	g_assert(!jws == !!error);
	if (!jws)
		return;
	size_t dots = 0;
	for (size_t i = 0; i < length; i++)
		dots += bytes[i] == '.';
	g_assert(dots == 2 && length <= 16 * 1024 && jws_algorithm(jws) != JOSE_NONE);
	g_assert(!jws_key_id(jws) || g_utf8_validate(jws_key_id(jws), -1, NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++)
		g_assert(!jws_verify(jws, key_of(algorithms[i]), NULL));
}
