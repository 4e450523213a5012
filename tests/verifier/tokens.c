/* token_judge, called directly: what is right passes, and everything that differs from it in one thing is refused, for that thing's own reason. */
#include "providers/verifier/token_internal.h"
#include "tests/verifier/minting.h"
#include "tests/verifier/tests.h"
#include <string.h>

#define NOW      1800000000LL
#define ISSUER   "https://op.example"
#define AZURE    "https://login.example/{tenantid}/v2.0"
#define TENANT   "9188040d-6c67-4c5b-b112-36a304b66dad"
#define EVENT    "http://schemas.openid.net/event/backchannel-logout"

static const char *const issuers[] = { ISSUER, NULL }, *const azure[] = { AZURE, NULL }, *const tenants[] = { "0f0f", TENANT, NULL }, *const none[] = { NULL };
static const char *const acrs[] = { "urn:mfa", "phr", NULL };

#define HEADER        "{\"alg\":\"ES256\",\"kid\":\"p256\",\"typ\":\"JWT\"}"
#define ID_TOKEN      "{\"iss\":\"" ISSUER "\",\"aud\":\"me\",\"sub\":\"alice\",\"exp\":1800000300,\"iat\":1799999990,\"nonce\":\"n-0S6_WzA2Mj\"}"
#define LOGOUT_TOKEN  "{\"iss\":\"" ISSUER "\",\"aud\":\"me\",\"sub\":\"alice\",\"exp\":1800000120,\"iat\":1799999990,\"jti\":\"j1\",\"events\":{\"" EVENT "\":{}}}"
#define USERINFO      "{\"iss\":\"" ISSUER "\",\"aud\":\"me\",\"sub\":\"alice\",\"email\":\"alice@op.example\"}"

static const struct token_check_request id_request = {
	.profile = TOKEN_ID, .issuers = issuers, .client_id = "me", .nonce = "n-0S6_WzA2Mj", .algorithms = TOKEN_ALGORITHMS_ALL, .max_age_s = -1, .clock_skew_s = 60,
	.now_s = NOW,
};

static char *jwks;

static enum reason judged(const struct token_check_request *request, const char *token, struct record **ret_answer)
{
	struct token_check_request complete = *request;
	complete.token = token;
	complete.token_length = strlen(token);
	if (!complete.keys) {
		complete.keys = jwks;
		complete.keys_length = strlen(jwks);
	}
	g_autoptr(record_t) question = token_question_write(&complete), answer = record_new();
	g_autoptr(GByteArray) encoded = NULL;
	if (!token_judge(question, answer))
		return REASON_VERIFIER_FAILED;
	encoded = record_encode(answer, RECORD_ANSWER_MAX);
	assert_non_null(encoded); /* whatever a stranger wrote, the answer can be sent */
	const enum reason reason = reason_named(record_text(answer, "reason"));
	assert_int_equal(record_integer(answer, "valid", -1), reason == REASON_OK);
	if (ret_answer)
		*ret_answer = g_steal_pointer(&answer);
	return reason;
}

static enum reason judged_patched(const struct token_check_request *request, const char *header, const char *payload)
{
	g_autofree char *base = g_strdup(request->profile == TOKEN_ID ? ID_TOKEN : request->profile == TOKEN_LOGOUT ? LOGOUT_TOKEN : USERINFO);
	g_autofree char *whole_header = mint_patched(HEADER, header), *whole_payload = mint_patched(base, payload);
	g_autofree char *token = mint("p256", "ES256", whole_header, whole_payload);
	return judged(request, token, NULL);
}

static void every_algorithm_verifies(void **state)
{
	static const struct {
		const char *key, *algorithm;
	} rows[] = {
		{ "rsa", "RS256" }, { "rsa", "RS384" }, { "rsa", "RS512" }, { "rsa", "PS256" }, { "rsa", "PS384" }, { "rsa", "PS512" },
		{ "p256", "ES256" }, { "p384", "ES384" }, { "p521", "ES512" }, { "ed25519", "EdDSA" }, { "ed25519", "Ed25519" },
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *header = g_strdup_printf("{\"alg\":\"%s\",\"kid\":\"%s\"}", rows[i].algorithm, rows[i].key);
		g_autofree char *token = mint(rows[i].key, rows[i].algorithm, header, ID_TOKEN);
		struct token_check_request request = id_request;
		assert_int_equal(judged(&request, token, NULL), REASON_OK);
		request.algorithms &= ~token_algorithm_named(rows[i].algorithm);
		assert_int_equal(judged(&request, token, NULL), REASON_TOKEN_ALGORITHM);
		request.algorithms = TOKEN_ALGORITHMS_ALL;
		/* One bit of the signature, of the payload, of the header. */
		for (size_t at = strlen(token) - 10; at > 10; at = at > 300 ? at - 297 : 0) {
			g_autofree char *bent = g_strdup(token);
			bent[at] = bent[at] == 'A' ? 'B' : 'A';
			assert_int_not_equal(judged(&request, bent, NULL), REASON_OK);
		}
	}
}

/* RFC 8037 A.4, and RFC 7515 A.3: signatures that others made over payloads that are no tokens. Their form is refused; their signatures hold. */
static void published_signatures_hold(void **state)
{
	static const struct {
		const char *jwk, *token;
	} rows[] = {
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		  "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
		  "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
		{ "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6"
		  "b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmou"
		  "dF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
		  "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
		  "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWz"
		  "O75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWk"
		  "WywlVmtVrBp0igcN_IoypGlUPQGe77Rw" },
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *keys = g_strdup_printf("{\"keys\":[%s]}", rows[i].jwk);
		g_autoptr(record_t) answer = NULL;
		struct token_check_request request = id_request;
		request.keys = keys;
		request.keys_length = strlen(keys);
		assert_int_equal(judged(&request, rows[i].token, &answer), REASON_TOKEN_ISSUER); /* joe */
		g_autofree const char **checks = record_texts(answer, "check");
		assert_string_equal(checks[5], "token issuer"); /* so "token signature" passed */
	}
}

struct fault {
	const char *header, *payload; /* patches */
	enum reason reason;
};

static void assert_faults(const struct token_check_request *request, const struct fault *faults, size_t count)
{
	assert_int_equal(judged_patched(request, "{}", "{}"), REASON_OK);
	for (size_t i = 0; i < count; i++) {
		const enum reason reason = judged_patched(request, faults[i].header, faults[i].payload);
		if (reason != faults[i].reason)
			print_message("# %s %s: %s, expected %s\n", faults[i].header, faults[i].payload, reason_name(reason), reason_name(faults[i].reason));
		assert_int_equal(reason, faults[i].reason);
	}
}

static void one_fault_is_one_reason(void **state)
{
	static const struct fault faults[] = {
		{ "{}", "{\"iss\":\"https://evil.example\"}", REASON_TOKEN_ISSUER },
		{ "{}", "{\"iss\":\"https://op.example/\"}", REASON_TOKEN_ISSUER },
		{ "{}", "{\"iss\":null}", REASON_TOKEN_ISSUER },
		{ "{}", "{\"iss\":[\"https://op.example\"]}", REASON_TOKEN_ISSUER },
		{ "{}", "{\"iss\":\"https://op.example\\u000a\"}", REASON_TOKEN_ISSUER },
		{ "{}", "{\"aud\":\"other\"}", REASON_TOKEN_AUDIENCE },
		{ "{}", "{\"aud\":null}", REASON_TOKEN_AUDIENCE },
		{ "{}", "{\"aud\":[]}", REASON_TOKEN_AUDIENCE },
		{ "{}", "{\"aud\":[\"other\",\"another\"]}", REASON_TOKEN_AUDIENCE },
		{ "{}", "{\"aud\":[\"me\",7]}", REASON_TOKEN_AUDIENCE },
		{ "{}", "{\"aud\":{\"me\":1}}", REASON_TOKEN_AUDIENCE },
		{ "{}", "{\"aud\":\"ME\"}", REASON_TOKEN_AUDIENCE },
		{ "{}", "{\"aud\":[\"me\",\"other\"]}", REASON_TOKEN_AZP },
		{ "{}", "{\"aud\":[\"me\",\"other\"],\"azp\":\"other\"}", REASON_TOKEN_AZP },
		{ "{}", "{\"azp\":\"other\"}", REASON_TOKEN_AZP },
		{ "{}", "{\"azp\":[\"me\"]}", REASON_TOKEN_AZP },
		{ "{}", "{\"nonce\":\"another\"}", REASON_TOKEN_NONCE },
		{ "{}", "{\"nonce\":null}", REASON_TOKEN_NONCE },
		{ "{}", "{\"nonce\":\"\"}", REASON_TOKEN_NONCE },
		{ "{}", "{\"nonce\":1}", REASON_TOKEN_NONCE },
		{ "{}", "{\"exp\":1799999940}", REASON_TOKEN_EXPIRED }, /* the skew is over */
		{ "{}", "{\"exp\":0}", REASON_TOKEN_EXPIRED },
		{ "{}", "{\"exp\":null}", REASON_TOKEN_TIMES },
		{ "{}", "{\"exp\":\"1800000300\"}", REASON_TOKEN_TIMES },
		{ "{}", "{\"exp\":1e300}", REASON_TOKEN_TIMES },
		{ "{}", "{\"exp\":1800000300.5}", REASON_TOKEN_TIMES },
		{ "{}", "{\"exp\":-1}", REASON_TOKEN_TIMES },
		{ "{}", "{\"exp\":9223372036854775807}", REASON_TOKEN_TIMES },
		{ "{}", "{\"exp\":true}", REASON_TOKEN_TIMES },
		{ "{}", "{\"nbf\":1800000061}", REASON_TOKEN_NOT_YET },
		{ "{}", "{\"nbf\":\"1799999000\"}", REASON_TOKEN_TIMES },
		{ "{}", "{\"iat\":1800000061}", REASON_TOKEN_NOT_YET },
		{ "{}", "{\"iat\":null}", REASON_TOKEN_TIMES },
		{ "{}", "{\"iat\":1.5}", REASON_TOKEN_TIMES },
		{ "{}", "{\"sub\":null}", REASON_TOKEN_SUBJECT },
		{ "{}", "{\"sub\":\"\"}", REASON_TOKEN_SUBJECT },
		{ "{}", "{\"sub\":7}", REASON_TOKEN_SUBJECT },
		{ "{}", "{\"sub\":\"alice\\u000aroot\"}", REASON_TOKEN_SUBJECT },
		{ "{}", "{\"auth_time\":\"1799999990\"}", REASON_TOKEN_AUTH_TIME },
		{ "{}", "{\"auth_time\":1800000100}", REASON_TOKEN_AUTH_TIME },
		{ "{\"alg\":\"none\"}", "{}", REASON_TOKEN_ALGORITHM },
		{ "{\"alg\":\"None\"}", "{}", REASON_TOKEN_ALGORITHM },
		{ "{\"alg\":\"HS256\"}", "{}", REASON_TOKEN_ALGORITHM },
		{ "{\"alg\":\"es256\"}", "{}", REASON_TOKEN_ALGORITHM },
		{ "{\"alg\":null}", "{}", REASON_TOKEN_ALGORITHM },
		{ "{\"alg\":256}", "{}", REASON_TOKEN_MALFORMED },
		{ "{\"alg\":\"ES384\"}", "{}", REASON_TOKEN_ALGORITHM }, /* the kid's key is of another curve */
		{ "{\"alg\":\"RS256\"}", "{}", REASON_TOKEN_ALGORITHM },
		{ "{\"kid\":\"nobody\"}", "{}", REASON_TOKEN_KEY_UNKNOWN },
		{ "{\"kid\":\"p256-b\"}", "{}", REASON_TOKEN_SIGNATURE },
		{ "{\"kid\":[\"p256\"]}", "{}", REASON_TOKEN_MALFORMED },
		{ "{\"typ\":\"at+jwt\"}", "{}", REASON_TOKEN_TYPE },
		{ "{\"typ\":\"logout+jwt\"}", "{}", REASON_TOKEN_TYPE },
		{ "{\"typ\":\"dpop+jwt\"}", "{}", REASON_TOKEN_TYPE },
		{ "{\"crit\":[\"exp\"]}", "{}", REASON_TOKEN_TYPE },
		{ "{\"crit\":[]}", "{}", REASON_TOKEN_TYPE },
		{ "{\"b64\":true}", "{}", REASON_TOKEN_TYPE },
		{ "{\"jku\":\"https://evil.example/keys\"}", "{}", REASON_TOKEN_TYPE },
		{ "{\"x5u\":\"https://evil.example/\"}", "{}", REASON_TOKEN_TYPE },
		{ "{\"x5c\":[]}", "{}", REASON_TOKEN_TYPE },
		{ "{\"jwk\":{}}", "{}", REASON_TOKEN_TYPE },
		{ "{\"zip\":\"DEF\"}", "{}", REASON_TOKEN_TYPE },
		{ "{\"enc\":\"A128GCM\"}", "{}", REASON_TOKEN_TYPE },
	};
	(void)state;
	assert_faults(&id_request, faults, G_N_ELEMENTS(faults));
	g_autofree char *long_name = g_strnfill(256, 'a'), *patch = g_strdup_printf("{\"sub\":\"%s\"}", long_name);
	assert_int_equal(judged_patched(&id_request, "{}", patch), REASON_TOKEN_SUBJECT);
	patch[8 + 255] = '"', patch[9 + 255] = '}', patch[10 + 255] = '\0'; /* one character less */
	assert_int_equal(judged_patched(&id_request, "{}", patch), REASON_OK);
}

static void what_is_allowed_passes(void **state)
{
	static const struct fault allowed[] = {
		{ "{}", "{\"aud\":[\"me\"]}", REASON_OK },
		{ "{}", "{\"aud\":[\"me\",\"other\"],\"azp\":\"me\"}", REASON_OK },
		{ "{}", "{\"azp\":\"me\"}", REASON_OK },
		{ "{}", "{\"exp\":1799999941}", REASON_OK },
		{ "{}", "{\"iat\":1800000060}", REASON_OK },
		{ "{}", "{\"nbf\":1800000060}", REASON_OK },
		{ "{\"typ\":null}", "{}", REASON_OK },
		{ "{\"typ\":\"jwt\"}", "{}", REASON_OK },
		{ "{\"kid\":null}", "{}", REASON_OK },
		{ "{\"x5t\":\"abc\"}", "{\"at_hash\":\"whatever\"}", REASON_OK }, /* no access token to hold it against */
	};
	(void)state;
	assert_faults(&id_request, allowed, G_N_ELEMENTS(allowed));
}

static void forms_that_are_not_strict(void **state)
{
	g_autofree char *good = mint("p256", "ES256", HEADER, ID_TOKEN);
	(void)state;
	const char *first = strchr(good, '.');
	const char *second = strchr(first + 1, '.');
	char *const texts[] = {
		g_strdup(""), g_strdup("."), g_strdup(".."), g_strdup("a.b"), g_strdup_printf("%s.", good), g_strdup_printf("%s.x", good), g_strdup_printf("%s=", good),
		g_strdup_printf(" %s", good), g_strdup_printf("%s\n", good), g_strndup(good, (gsize)(second - good)), g_strdup_printf("%.*s.", (int)(second - good), good),
		g_strdup_printf("%.*s=%s", (int)(first - good), good, first), g_strdup_printf("e30%s", first),
		mint("p256", "ES256", "{\"alg\":\"ES256\",\"kid\":\"p256\",\"kid\":\"p256\"}", ID_TOKEN),
		mint("p256", "ES256", HEADER, "{\"iss\":\"" ISSUER "\",\"aud\":\"me\",\"aud\":\"me\",\"sub\":\"alice\",\"exp\":1800000300,\"iat\":1799999990,\"nonce\":\"n\"}"),
		mint("p256", "ES256", HEADER, "[" ID_TOKEN "]"), mint("p256", "ES256", HEADER, ID_TOKEN "x"), mint("p256", "ES256", HEADER, "{\"sub\":\"a\\u0000b\"}"),
		mint("p256", "ES256", HEADER " ", "nothing"), mint("p256", "ES256", HEADER, "{\"sub\":\"\xff\"}"), mint("p256", "ES256", "[]", ID_TOKEN),
	};
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		const enum reason reason = judged(&id_request, texts[i], NULL);
		if (reason != REASON_TOKEN_MALFORMED && i != 12)
			print_message("# form %zu: %s\n", i, reason_name(reason));
		assert_int_equal(reason, i == 12 ? REASON_TOKEN_ALGORITHM : REASON_TOKEN_MALFORMED);
		g_free(texts[i]);
	}
	g_autofree char *deep = g_strnfill(40, '['), *nested = g_strdup_printf("{\"a\":%s", deep), *token = mint("p256", "ES256", HEADER, nested);
	assert_int_equal(judged(&id_request, token, NULL), REASON_TOKEN_MALFORMED);
	/* 200 KB, and what is over 64 KiB only by its base64. */
	static const size_t sizes[] = { 200 * 1024, 50 * 1024 };
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autofree char *filling = g_strnfill(sizes[i], 'a'), *patch = g_strdup_printf("{\"a\":\"%s\"}", filling);
		assert_int_equal(judged_patched(&id_request, "{}", patch), REASON_TOKEN_MALFORMED);
	}
}

/* The library below reads past the end of a public key where HMAC meets one: under the sanitizer this would be seen. */
static void hmac_with_the_public_key(void **state)
{
	g_autofree char *pem = mint_pem("rsa");
	g_autofree char *token = mint_hs256(pem, "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", ID_TOKEN), *bare = mint_hs256("", "{\"alg\":\"HS256\"}", ID_TOKEN);
	(void)state;
	assert_int_equal(judged(&id_request, token, NULL), REASON_TOKEN_ALGORITHM);
	assert_int_equal(judged(&id_request, bare, NULL), REASON_TOKEN_ALGORITHM);
}

static void a_foreign_key_under_a_known_kid(void **state)
{
	g_autofree char *token = mint("p256-b", "ES256", HEADER, ID_TOKEN), *unnamed = mint("p384", "ES384", "{\"alg\":\"ES384\"}", ID_TOKEN);
	g_autofree char *only = mint_jwks("p256", "rsa", NULL);
	g_autoptr(record_t) known = NULL, foreign = NULL;
	struct token_check_request request = id_request;
	(void)state;
	assert_int_equal(judged(&request, token, &known), REASON_TOKEN_SIGNATURE);
	assert_int_equal(record_integer(known, "unknown_key", -1), 0); /* a stranger must not make us fetch */
	request.keys = only;
	request.keys_length = strlen(only);
	assert_int_equal(judged(&request, unnamed, &foreign), REASON_TOKEN_KEY_UNKNOWN);
	assert_int_equal(record_integer(foreign, "unknown_key", -1), 1);
}

static void options_of_the_question(void **state)
{
	struct token_check_request request = id_request;
	(void)state;

	request.subject = "alice";
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_OK);
	request.subject = "bruno";
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_TOKEN_SUBJECT);

	request = id_request;
	request.max_age_s = 100;
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_TOKEN_AUTH_TIME);
	assert_int_equal(judged_patched(&request, "{}", "{\"auth_time\":1799999840}"), REASON_OK);
	assert_int_equal(judged_patched(&request, "{}", "{\"auth_time\":1799999839}"), REASON_TOKEN_AUTH_TIME);
	request.max_age_s = 0;
	assert_int_equal(judged_patched(&request, "{}", "{\"auth_time\":1799999939}"), REASON_TOKEN_AUTH_TIME);
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_TOKEN_AUTH_TIME);

	request = id_request;
	request.acr_values = acrs;
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_TOKEN_ACR);
	assert_int_equal(judged_patched(&request, "{}", "{\"acr\":\"pwd\"}"), REASON_TOKEN_ACR);
	assert_int_equal(judged_patched(&request, "{}", "{\"acr\":\"phr\"}"), REASON_OK);
	request.acr_values = none;
	assert_int_equal(judged_patched(&request, "{}", "{\"acr\":\"phr\"}"), REASON_TOKEN_ACR);

	request = id_request;
	request.nonce = NULL; /* LinkedIn: then the age stands in */
	request.issued_within_s = 300;
	assert_int_equal(judged_patched(&request, "{}", "{\"nonce\":null}"), REASON_OK);
	assert_int_equal(judged_patched(&request, "{}", "{\"nonce\":null,\"iat\":1799999640}"), REASON_OK);
	assert_int_equal(judged_patched(&request, "{}", "{\"nonce\":null,\"iat\":1799999639}"), REASON_TOKEN_OLD);

	request = id_request;
	request.issuers = NULL;
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_TOKEN_ISSUER);
	request = id_request;
	request.algorithms = 0;
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_TOKEN_ALGORITHM);
	request = id_request;
	request.clock_skew_s = 301;
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_VERIFIER_FAILED);
	request = id_request;
	request.client_id = "";
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_VERIFIER_FAILED);
}

/* The value of OpenID Connect Core's own example would need its token; computed here by the other side's own hand. */
static void at_hash_binds_the_access_token(void **state)
{
	g_autofree char *right = token_half_digest(TOKEN_ES256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), *patch = g_strdup_printf("{\"at_hash\":\"%s\"}", right);
	struct token_check_request request = id_request;
	(void)state;
	assert_string_equal(right, "77QmUPtjPfzWtF2AnpK9RQ"); /* OpenID Connect Core, appendix A.3 */
	request.access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_OK);
	assert_int_equal(judged_patched(&request, "{}", patch), REASON_OK);
	assert_int_equal(judged_patched(&request, "{}", "{\"at_hash\":\"77QmUPtjPfzWtF2AnpK9RR\"}"), REASON_TOKEN_AT_HASH);
	assert_int_equal(judged_patched(&request, "{}", "{\"at_hash\":7}"), REASON_TOKEN_AT_HASH);
	request.at_hash_required = true;
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_TOKEN_AT_HASH);
	assert_int_equal(judged_patched(&request, "{}", patch), REASON_OK);
	request.access_token = NULL;
	assert_int_equal(judged_patched(&request, "{}", patch), REASON_TOKEN_AT_HASH);
}

static void directories_of_entra(void **state)
{
	struct token_check_request request = id_request;
	(void)state;
	request.issuers = azure;
	request.tenants = tenants;
#define WITH(tid, iss) "{\"tid\":" tid ",\"iss\":\"https://login.example/" iss "/v2.0\"}"
	assert_int_equal(judged_patched(&request, "{}", WITH("\"" TENANT "\"", TENANT)), REASON_OK);
	assert_int_equal(judged_patched(&request, "{}", WITH("\"" TENANT "\"", "0f0f")), REASON_TOKEN_ISSUER);
	assert_int_equal(judged_patched(&request, "{}", WITH("\"evil\"", "evil")), REASON_TOKEN_TENANT);
	assert_int_equal(judged_patched(&request, "{}", WITH("null", TENANT)), REASON_TOKEN_TENANT);
	assert_int_equal(judged_patched(&request, "{}", WITH("[\"" TENANT "\"]", TENANT)), REASON_TOKEN_TENANT);
	assert_int_equal(judged_patched(&request, "{}", WITH("\"" TENANT "\"", "{tenantid}")), REASON_TOKEN_ISSUER);
	request.tenants = none;
	assert_int_equal(judged_patched(&request, "{}", WITH("\"" TENANT "\"", TENANT)), REASON_TOKEN_TENANT);
	request.tenants = NULL; /* nobody said whose: the token may not say it itself */
	assert_int_equal(judged_patched(&request, "{}", WITH("\"" TENANT "\"", TENANT)), REASON_TOKEN_ISSUER);

	/* The key of one directory does not sign for another, whatever the token says. */
	json_t *jwk = mint_jwk("p256");
	json_object_set_new(jwk, "issuer", json_string("https://login.example/0f0f/v2.0"));
	g_autoptr(json_t) document = json_pack("{s:[o]}", "keys", jwk);
	g_autofree char *keys = json_text(document);
	request.tenants = tenants;
	request.keys = keys;
	request.keys_length = strlen(keys);
	assert_int_equal(judged_patched(&request, "{}", WITH("\"" TENANT "\"", TENANT)), REASON_TOKEN_ISSUER);
	assert_int_equal(judged_patched(&request, "{}", WITH("\"0f0f\"", "0f0f")), REASON_OK);
	json_object_set_new(jwk, "issuer", json_string(AZURE));
	g_autofree char *shared = json_text(document);
	request.keys = shared;
	request.keys_length = strlen(shared);
	assert_int_equal(judged_patched(&request, "{}", WITH("\"" TENANT "\"", TENANT)), REASON_OK);
}

static void logout_tokens(void **state)
{
	static const struct fault faults[] = {
		{ "{\"typ\":\"logout+jwt\"}", "{}", REASON_OK },
		{ "{\"typ\":\"at+jwt\"}", "{}", REASON_TOKEN_TYPE },
		{ "{}", "{\"sub\":null,\"sid\":\"s1\"}", REASON_OK },
		{ "{}", "{\"sub\":null}", REASON_TOKEN_EVENT },
		{ "{}", "{\"sid\":\"\"}", REASON_TOKEN_EVENT },
		{ "{}", "{\"jti\":null}", REASON_TOKEN_EVENT },
		{ "{}", "{\"events\":null}", REASON_TOKEN_EVENT },
		{ "{}", "{\"events\":{}}", REASON_TOKEN_EVENT },
		{ "{}", "{\"events\":{\"" EVENT "\":true}}", REASON_TOKEN_EVENT },
		{ "{}", "{\"events\":\"" EVENT "\"}", REASON_TOKEN_EVENT },
		{ "{}", "{\"nonce\":\"n\"}", REASON_TOKEN_NONCE },
		{ "{}", "{\"iat\":null}", REASON_TOKEN_TIMES },
		{ "{}", "{\"exp\":null}", REASON_TOKEN_TIMES },
		{ "{}", "{\"aud\":\"other\"}", REASON_TOKEN_AUDIENCE },
		{ "{}", "{\"iss\":\"https://evil.example\"}", REASON_TOKEN_ISSUER },
	};
	struct token_check_request request = id_request;
	(void)state;
	request.profile = TOKEN_LOGOUT;
	assert_faults(&request, faults, G_N_ELEMENTS(faults));
	/* One is not the other. */
	g_autofree char *logout = mint("p256", "ES256", HEADER, LOGOUT_TOKEN), *id = mint("p256", "ES256", HEADER, ID_TOKEN);
	assert_int_equal(judged(&request, id, NULL), REASON_TOKEN_NONCE);
	assert_int_equal(judged(&id_request, logout, NULL), REASON_TOKEN_NONCE);
}

static void userinfo_answers(void **state)
{
	static const struct fault faults[] = {
		{ "{}", "{\"sub\":\"bruno\"}", REASON_TOKEN_SUBJECT },
		{ "{}", "{\"iss\":null}", REASON_TOKEN_ISSUER },
		{ "{}", "{\"aud\":null}", REASON_TOKEN_AUDIENCE },
		{ "{}", "{\"exp\":1}", REASON_TOKEN_EXPIRED },
		{ "{}", "{\"iat\":1900000000}", REASON_TOKEN_NOT_YET },
	};
	struct token_check_request request = id_request;
	(void)state;
	request.profile = TOKEN_USERINFO;
	request.subject = "alice";
	assert_faults(&request, faults, G_N_ELEMENTS(faults));
	request.subject = NULL;
	assert_int_equal(judged_patched(&request, "{}", "{}"), REASON_TOKEN_SUBJECT);
}

/* Whose keys they are makes them good for nothing: each has one thing wrong, and the token that it really signed is refused. */
static void keys_that_may_not_verify(void **state)
{
	static const struct {
		const char *key, *algorithm, *patch;
	} rows[] = {
		{ "rsa1024", "RS256", "{}" }, { "p256", "ES256", "{\"use\":\"enc\"}" }, { "p256", "ES256", "{\"key_ops\":[\"encrypt\"]}" },
		{ "p256", "ES256", "{\"key_ops\":\"verify\"}" }, { "p256", "ES256", "{\"alg\":\"ES384\"}" }, { "p256", "ES256", "{\"alg\":\"HS256\"}" },
		{ "rsa", "RS256", "{\"alg\":\"PS256\"}" }, { "p256", "ES256", "{\"crv\":\"P-384\"}" }, { "p256", "ES256", "{\"kty\":\"RSA\"}" },
		{ "p256", "ES256", "{\"d\":\"AAAA\"}" }, { "p256", "ES256", "{\"k\":\"AAAA\"}" },
		{ "rsa", "RS256", "{\"e\":\"AQA\"}" }, { "rsa", "RS256", "{\"e\":\"Ag\"}" }, { "rsa", "RS256", "{\"e\":\"AAEAAQ\"}" }, { "rsa", "RS256", "{\"e\":null}" },
		{ "rsa", "RS256", "{\"e\":\"AQ\"}" }, { "p256", "ES256", "{\"x\":\"AAAA\"}" }, { "p256", "ES256", "{\"kid\":7}" }, { "ed25519", "EdDSA", "{\"crv\":\"X25519\"}" },
		{ "ed25519", "EdDSA", "{\"x\":\"\"}" },
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(json_t) jwk = mint_jwk(rows[i].key);
		g_autofree char *plain = json_text(jwk), *bent = mint_patched(plain, rows[i].patch), *keys = g_strdup_printf("{\"keys\":[%s]}", bent);
		g_autofree char *header = g_strdup_printf("{\"alg\":\"%s\"}", rows[i].algorithm), *token = mint(rows[i].key, rows[i].algorithm, header, ID_TOKEN);
		struct token_check_request request = id_request;
		request.keys = keys;
		request.keys_length = strlen(keys);
		const enum reason reason = judged(&request, token, NULL);
		if (reason != REASON_TOKEN_KEY_UNKNOWN)
			print_message("# key %s %s: %s\n", rows[i].key, rows[i].patch, reason_name(reason));
		assert_int_equal(reason, REASON_TOKEN_KEY_UNKNOWN);
	}
	/* A point that is not on the curve is the library's to find; it must not verify either. */
	g_autoptr(json_t) jwk = mint_jwk("p256");
	json_object_set(jwk, "y", json_object_get(jwk, "x"));
	g_autofree char *text = json_text(jwk), *keys = g_strdup_printf("{\"keys\":[%s]}", text), *token = mint("p256", "ES256", HEADER, ID_TOKEN);
	struct token_check_request request = id_request;
	request.keys = keys;
	request.keys_length = strlen(keys);
	assert_int_equal(judged(&request, token, NULL), REASON_TOKEN_SIGNATURE);
}

/* One kid for many keys: four are tried, so that nobody's document makes a token dear. */
static void many_keys_of_one_kid(void **state)
{
	g_autofree char *token = mint("p256", "ES256", HEADER, ID_TOKEN);
	(void)state;
	for (int others = 3; others <= 64; others = others == 3 ? 4 : others * 16) {
		g_autoptr(json_t) list = json_array(), document = json_pack("{s:O}", "keys", list);
		for (int i = 0; i < others; i++) {
			json_t *other = mint_jwk("p256-b");
			json_object_set_new(other, "kid", json_string("p256"));
			json_array_append_new(list, other);
		}
		json_array_append_new(list, mint_jwk("p256"));
		g_autofree char *keys = json_text(document);
		struct token_check_request request = id_request;
		request.keys = keys;
		request.keys_length = strlen(keys);
		assert_int_equal(judged(&request, token, NULL), others == 3 ? REASON_OK : others == 4 ? REASON_TOKEN_SIGNATURE : REASON_TOKEN_KEY_UNKNOWN);
	}
}

static void documents_that_are_no_keys(void **state)
{
	static const char *const documents[] = { "", "{}", "[]", "<html>", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[" };
	g_autofree char *token = mint("p256", "ES256", HEADER, ID_TOKEN);
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(documents); i++) {
		struct token_check_request request = id_request;
		request.keys = documents[i];
		request.keys_length = strlen(documents[i]);
		assert_int_equal(judged(&request, token, NULL), REASON_TOKEN_KEY_UNKNOWN);
	}
}

void token_keys_open(void)
{
	jwks = mint_jwks("rsa", "p256", "p256-b", "p384", "p521", "ed25519", NULL);
}

void token_keys_close(void)
{
	g_free(jwks);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_algorithm_verifies),
	cmocka_unit_test(published_signatures_hold),
	cmocka_unit_test(one_fault_is_one_reason),
	cmocka_unit_test(what_is_allowed_passes),
	cmocka_unit_test(forms_that_are_not_strict),
	cmocka_unit_test(hmac_with_the_public_key),
	cmocka_unit_test(a_foreign_key_under_a_known_kid),
	cmocka_unit_test(options_of_the_question),
	cmocka_unit_test(at_hash_binds_the_access_token),
	cmocka_unit_test(directories_of_entra),
	cmocka_unit_test(logout_tokens),
	cmocka_unit_test(userinfo_answers),
	cmocka_unit_test(keys_that_may_not_verify),
	cmocka_unit_test(many_keys_of_one_kid),
	cmocka_unit_test(documents_that_are_no_keys),
};

const struct test_list token_list = { tests, G_N_ELEMENTS(tests) };
