/* Claims flattened for the answer: any payload that our parser takes can be answered, within the bounds. */
#include "providers/verifier/token_internal.h"
#include "tests/fuzz/fuzz.h"

void fuzz_token_claims(const uint8_t *bytes, size_t length)
{
	g_autoptr(json_t) payload = json_parse((const char *)bytes, length, TOKEN_BYTES_MAX, NULL);
	if (!json_is_object(payload))
		return;
	g_autoptr(record_t) answer = record_new();
	token_claims_write(payload, answer);
	size_t names = 0;
	for (size_t i = 0; i < record_size(answer); i++)
		names += strcmp(record_field(answer, i)->name, "claim") == 0;
	g_autoptr(GByteArray) encoded = record_encode(answer, RECORD_ANSWER_MAX);
	g_assert(encoded && names <= TOKEN_CLAIMS_MAX);
}
