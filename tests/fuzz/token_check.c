/* Tokens of identity providers, whole: parser, key, signature, claims. The keys are published ones of the standards whose private halves are published too, but no
 * seed is signed with them for our issuer: nothing may ever be valid, and whatever is found can be said in an answer. */
#include "providers/verifier/token_internal.h"
#include "tests/fuzz/fuzz.h"

static const char keys[] =
	"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"p\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"e\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

void fuzz_token_check(const uint8_t *bytes, size_t length)
{
	static const char *const issuers[] = { "https://op.example", NULL };
	for (enum token_profile profile = TOKEN_ID; profile <= TOKEN_USERINFO; profile++) {
		const struct token_check_request request = {
			.profile = profile, .token = (const char *)bytes, .token_length = length, .keys = keys, .keys_length = sizeof keys - 1, .issuers = issuers,
			.client_id = "me", .nonce = "n", .subject = "alice", .algorithms = TOKEN_ALGORITHMS_ALL, .max_age_s = -1, .clock_skew_s = 60, .now_s = 1800000000,
		};
		g_autoptr(record_t) question = token_question_write(&request), answer = record_new();
		g_assert(token_judge(question, answer));
		g_assert(record_integer(answer, "valid", 1) == 0 && !reason_allows(reason_named(record_text(answer, "reason"))));
		g_autoptr(GByteArray) encoded = record_encode(answer, RECORD_ANSWER_MAX);
		g_assert(encoded);
	}
}
