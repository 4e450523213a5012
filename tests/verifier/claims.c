/* token_check and keys_check as the gateway calls them, through a real child: this program's own (sanitized, if this is) and the one without sanitizers. */
#include "base/clock.h"
#include "providers/verifier/token_check.h"
#include "tests/verifier/minting.h"
#include "tests/verifier/tests.h"
#include <string.h>

#define HEADER "{\"alg\":\"ES256\",\"kid\":\"p256\"}"
#define START  "{\"iss\":\"https://op.example\",\"aud\":\"me\",\"sub\":\"alice\",\"exp\":1800000300,\"iat\":1799999990"

static const char *const issuers[] = { "https://op.example", NULL };
static const char *const programs[] = { NULL, CHILD_PROGRAM };

static enum verifier_result ask(struct verifier *verifier, const char *token, struct token_check_answer *ret)
{
	g_autofree char *keys = mint_jwks("p256", "rsa", NULL);
	const struct token_check_request request = {
		.profile = TOKEN_ID, .token = token, .token_length = strlen(token), .keys = keys, .keys_length = strlen(keys), .issuers = issuers, .client_id = "me",
		.algorithms = TOKEN_ALGORITHMS_ALL, .max_age_s = -1, .clock_skew_s = 60, .now_s = 1800000000,
	};
	return token_check(verifier, &request, clock_monotonic_ms() + 10000, ret);
}

/* Each algorithm once, so that what a library does at its first use is found to be allowed in the cage. */
static void every_algorithm_works_in_the_cage(void **state)
{
	static const char *const rows[][2] = { { "rsa", "RS256" }, { "rsa", "RS384" }, { "rsa", "RS512" }, { "rsa", "PS256" }, { "rsa", "PS384" }, { "rsa", "PS512" },
		{ "p256", "ES256" }, { "p384", "ES384" }, { "p521", "ES512" }, { "ed25519", "EdDSA" } };
	g_autofree char *keys = mint_jwks("rsa", "p256", "p384", "p521", "ed25519", NULL);
	(void)state;
	for (size_t p = 0; p < G_N_ELEMENTS(programs); p++) {
		g_autoptr(verifier_t) verifier = verifier_new(&(struct verifier_options){ .program = programs[p] }, NULL);
		for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
			g_autofree char *header = g_strdup_printf("{\"alg\":\"%s\",\"kid\":\"%s\"}", rows[i][1], rows[i][0]), *token = mint(rows[i][0], rows[i][1], header, START "}");
			const struct token_check_request request = {
				.profile = TOKEN_ID, .token = token, .token_length = strlen(token), .keys = keys, .keys_length = strlen(keys), .issuers = issuers, .client_id = "me",
				.access_token = "at", .algorithms = TOKEN_ALGORITHMS_ALL, .max_age_s = -1, .clock_skew_s = 60, .now_s = 1800000000,
			};
			g_auto(token_check_answer_t) answer = { 0 };
			const enum verifier_result result = token_check(verifier, &request, clock_monotonic_ms() + 10000, &answer);
			if (result != VERIFIER_ANSWERED)
				print_message("# %s in %s: %s\n", rows[i][1], programs[p] ? programs[p] : "this program", verifier_result_name(result));
			assert_int_equal(result, VERIFIER_ANSWERED);
			assert_int_equal(answer.reason, REASON_OK);
		}
		assert_int_equal(verifier_counts(verifier).started, 1);
	}
}

static void claims_come_flat(void **state)
{
	static const char payload[] = START ",\"email_verified\":true,\"groups\":[\"a\",\"b\",7,{}],\"realm_access\":{\"roles\":[\"r\"],\"deep\":{\"er\":{\"est\":1}}},"
		"\"address.country\":\"FR\",\"address\":{\"country\":\"XX\",\"city\":\"Paris\"},\"number\":9007199254740993,\"half\":0.5,\"nothing\":null,"
		"\"name\":\"Zo\\u00eb\",\"evil\":\"a\\u001bb\",\"e\\u0009k\":1,\"\":1,\"empty\":[],\"_claim_names\":{\"groups\":\"src1\"}}";
	static const char expected[] = "{\"iss\":\"https://op.example\",\"aud\":\"me\",\"sub\":\"alice\",\"exp\":1800000300,\"iat\":1799999990,\"email_verified\":true,"
		"\"groups\":[\"a\",\"b\"],\"address.country\":\"FR\",\"number\":9007199254740993,\"name\":\"Zo\xc3\xab\",\"empty\":[],\"realm_access.roles\":[\"r\"],"
		"\"address.city\":\"Paris\",\"_claim_names.groups\":\"src1\"}";
	g_autofree char *token = mint("p256", "ES256", HEADER, payload);
	(void)state;
	for (size_t p = 0; p < G_N_ELEMENTS(programs); p++) {
		g_autoptr(verifier_t) verifier = verifier_new(&(struct verifier_options){ .program = programs[p] }, NULL);
		g_auto(token_check_answer_t) answer = { 0 };
		assert_int_equal(ask(verifier, token, &answer), VERIFIER_ANSWERED);
		assert_true(answer.valid);
		g_autofree char *text = json_text(answer.claims);
		assert_string_equal(text, expected);
		assert_true(answer.rows->len >= 8);
	}
}

/* More than an answer takes is left out, not a reason to fail: a person in 5,000 groups signs in with those that fit. */
static void too_many_claims_are_cut(void **state)
{
	g_autoptr(GString) payload = g_string_new(START ",\"groups\":[\"g\"");
	g_autoptr(verifier_t) verifier = verifier_new(&(struct verifier_options){ .program = CHILD_PROGRAM }, NULL);
	g_auto(token_check_answer_t) answer = { 0 };
	(void)state;
	for (int i = 0; i < 2000; i++)
		g_string_append_printf(payload, ",\"g%d\"", i);
	g_string_append(payload, "]");
	for (int i = 0; i < 2000; i++)
		g_string_append_printf(payload, ",\"c%d\":[\"x\"]", i);
	g_string_append(payload, "}");
	g_autofree char *token = mint("p256", "ES256", HEADER, payload->str);
	assert_int_equal(ask(verifier, token, &answer), VERIFIER_ANSWERED);
	assert_true(answer.valid);
	assert_in_range(json_array_size(json_object_get(answer.claims, "groups")), 300, 400);
	assert_in_range(json_object_size(answer.claims), 100, TOKEN_CLAIMS_MAX);
}

static void a_refusal_tells_the_story(void **state)
{
	g_autofree char *token = mint("p256", "ES256", HEADER, "{\"iss\":\"https://evil.example\\u000d\\u000aX: y\",\"aud\":\"me\",\"sub\":\"alice\",\"exp\":1800000300,\"iat\":1}");
	g_autofree char *unknown = mint("p256", "ES256", "{\"alg\":\"ES256\",\"kid\":\"new\"}", START "}");
	g_autoptr(verifier_t) verifier = verifier_new(&(struct verifier_options){ .program = CHILD_PROGRAM }, NULL);
	g_auto(token_check_answer_t) answer = { 0 }, other = { 0 };
	(void)state;
	assert_int_equal(ask(verifier, token, &answer), VERIFIER_ANSWERED);
	assert_false(answer.valid || answer.unknown_key);
	assert_null(answer.claims);
	assert_int_equal(answer.reason, REASON_TOKEN_ISSUER);
	const struct token_check_row *last = answer.rows->pdata[answer.rows->len - 1];
	assert_string_equal(last->name, "token issuer");
	assert_string_equal(last->seen, "https://evil.example??X: y");
	assert_string_equal(last->expected, "https://op.example");
	assert_false(last->passed);
	assert_int_equal(ask(verifier, unknown, &other), VERIFIER_ANSWERED);
	assert_true(other.unknown_key);
	assert_int_equal(other.reason, REASON_TOKEN_KEY_UNKNOWN);
}

static void no_answer_is_no_claim(void **state)
{
	g_autofree char *token = mint("p256", "ES256", HEADER, START "}");
	g_autoptr(verifier_t) verifier = verifier_new(&(struct verifier_options){ .program = "/bin/true" }, NULL);
	const struct token_check_request request = { .profile = TOKEN_ID, .token = token, .token_length = strlen(token), .keys = "{}", .keys_length = 2, .client_id = "me" };
	g_auto(token_check_answer_t) answer = { 0 };
	(void)state;
	assert_int_equal(token_check(verifier, &request, clock_monotonic_ms() + 20, &answer), VERIFIER_UNAVAILABLE);
	assert_false(answer.valid);
	assert_null(answer.claims);
	assert_int_equal(answer.reason, REASON_BUSY);
}

static void keys_are_told(void **state)
{
	json_t *encryption = mint_jwk("rsa-b"), *bare = mint_jwk("p256");
	json_object_set_new(encryption, "use", json_string("enc"));
	g_autoptr(json_t) document = json_pack("{s:[o, o, o, {s:s, s:s}]}", "keys", mint_jwk("rsa"), encryption, bare, "kty", "oct", "k", "c2VjcmV0");
	g_autofree char *text = json_text(document), *turned = NULL;
	g_autoptr(verifier_t) verifier = verifier_new(&(struct verifier_options){ .program = CHILD_PROGRAM }, NULL);
	g_auto(keys_check_answer_t) answer = { 0 }, again = { 0 }, fewer = { 0 }, garbage = { 0 };
	(void)state;
	const int64_t deadline_ms = clock_monotonic_ms() + 10000;

	assert_int_equal(keys_check(verifier, text, strlen(text), TOKEN_ALGORITHMS_ALL, deadline_ms, &answer), VERIFIER_ANSWERED);
	assert_true(answer.valid);
	assert_int_equal(answer.rows->len, 4);
	const struct keys_check_row *rsa = answer.rows->pdata[0], *enc = answer.rows->pdata[1], *ec = answer.rows->pdata[2], *oct = answer.rows->pdata[3];
	assert_string_equal(rsa->kid, "rsa");
	assert_int_equal(rsa->bits, 2048);
	assert_int_equal(rsa->algorithms, TOKEN_RS256 | TOKEN_RS384 | TOKEN_RS512 | TOKEN_PS256 | TOKEN_PS384 | TOKEN_PS512);
	assert_string_equal(enc->fault, "its use is not sig");
	assert_int_equal(ec->algorithms, TOKEN_ES256);
	assert_int_equal(oct->algorithms, 0);
	assert_non_null(oct->fault);

	/* The digest is of the usable keys, in any order. */
	json_array_remove(json_object_get(document, "keys"), 3);
	json_array_append(json_object_get(document, "keys"), json_array_get(json_object_get(document, "keys"), 0));
	json_array_remove(json_object_get(document, "keys"), 0);
	turned = json_text(document);
	assert_int_equal(keys_check(verifier, turned, strlen(turned), TOKEN_ALGORITHMS_ALL, deadline_ms, &again), VERIFIER_ANSWERED);
	assert_string_equal(answer.digest, again.digest);
	assert_int_equal(keys_check(verifier, turned, strlen(turned), TOKEN_RS256, deadline_ms, &fewer), VERIFIER_ANSWERED);
	assert_string_not_equal(answer.digest, fewer.digest);
	assert_int_equal(keys_check(verifier, "<html>", 6, TOKEN_ALGORITHMS_ALL, deadline_ms, &garbage), VERIFIER_ANSWERED);
	assert_false(garbage.valid);
	assert_non_null(garbage.fault);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_algorithm_works_in_the_cage),
	cmocka_unit_test(claims_come_flat),
	cmocka_unit_test(too_many_claims_are_cut),
	cmocka_unit_test(a_refusal_tells_the_story),
	cmocka_unit_test(no_answer_is_no_claim),
	cmocka_unit_test(keys_are_told),
};

const struct test_list claim_list = { tests, G_N_ELEMENTS(tests) };
