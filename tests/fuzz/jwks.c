/* Key documents: whatever is fetched can be judged and told, and a key that is said to be usable has all that the library below is given. */
#include "providers/verifier/token_internal.h"
#include "tests/fuzz/fuzz.h"

void fuzz_jwks(const uint8_t *bytes, size_t length)
{
	g_autoptr(record_t) question = record_new(), answer = record_new();
	g_autoptr(json_t) document = NULL;
	const char *fault = NULL;
	record_put_bytes(question, "keys", bytes, length);
	record_put_integer(question, "algorithms", TOKEN_ALGORITHMS_ALL);
	g_assert(keys_judge(question, answer));
	g_autoptr(GByteArray) encoded = record_encode(answer, RECORD_ANSWER_MAX);
	g_assert(encoded);
	g_autoptr(GArray) keys = token_keys_read((const char *)bytes, length, TOKEN_ALGORITHMS_ALL, &document, &fault);
	g_assert(!keys == !!fault);
	for (guint i = 0; keys && i < keys->len; i++) {
		const struct token_key *key = &g_array_index(keys, struct token_key, i);
		g_assert((key->algorithms == 0) == (key->fault != NULL));
		g_autofree char *members = key->algorithms ? token_key_public(key) : NULL;
		g_assert(!key->algorithms || members);
	}
}
