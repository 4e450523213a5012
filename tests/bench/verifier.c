/* The verifier's children, of the program under test, asked from here as the gateway asks them, one question after another. */
#include "verifier.h"
#include "base/clock.h"
#include "crypto/certified_key.h"
#include "providers/verifier/saml_ask.h"
#include "providers/verifier/token_check.h"
#include "lab.h"
#include "tests/saml/idp.h"
#include "tests/verifier/minting.h"
#include <string.h>

#define DEADLINE_MS 10000

static void ask_empty(struct verifier *verifier)
{
	g_auto(keys_check_answer_t) answer = { 0 };
	if (keys_check(verifier, "{}", 2, TOKEN_ALGORITHMS_ALL, clock_monotonic_ms() + DEADLINE_MS, &answer) != VERIFIER_ANSWERED)
		g_error("the verifier does not answer");
}

static void ask_token(struct verifier *verifier)
{
	static const char *const issuers[] = { "https://op.example", NULL };
	static char *keys, *token;
	if (!token) {
		keys = mint_jwks("rsa", NULL);
		token = mint("rsa", "RS256", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", "{\"iss\":\"https://op.example\",\"aud\":\"me\",\"sub\":\"alice\",\"exp\":1800000300,\"iat\":1799999990,"
			"\"nonce\":\"n\",\"email\":\"alice@op.example\",\"email_verified\":true,\"name\":\"Alice Martin\",\"groups\":[\"staff\",\"wiki\"]}");
	}
	const struct token_check_request request = {
		.profile = TOKEN_ID, .token = token, .token_length = strlen(token), .keys = keys, .keys_length = strlen(keys), .issuers = issuers, .client_id = "me",
		.nonce = "n", .algorithms = TOKEN_ALGORITHMS_ALL, .max_age_s = -1, .clock_skew_s = 60, .now_s = 1800000000,
	};
	g_auto(token_check_answer_t) answer = { 0 };
	if (token_check(verifier, &request, clock_monotonic_ms() + DEADLINE_MS, &answer) != VERIFIER_ANSWERED || !answer.valid)
		g_error("the verifier does not take a good token");
}

static char *response(enum encryption encryption)
{
	struct shape shape = shape_good();
	shape.encryption = encryption;
	return idp_response(&shape);
}

static void ask_saml(struct verifier *verifier, const char *xml)
{
	struct saml_response_question question = question_good(xml);
	g_autoptr(json_t) answer = NULL;
	if (saml_response_ask(verifier, &question, clock_monotonic_ms() + DEADLINE_MS, &answer) != VERIFIER_ANSWERED || strcmp(json_string_at(answer, "result"), "ok") != 0)
		g_error("the verifier does not take a good response");
}

static void ask_response_plain(struct verifier *verifier)
{
	static char *xml;
	ask_saml(verifier, xml = xml ? xml : response(ENCRYPT_NOT));
}

static void ask_response_encrypted(struct verifier *verifier)
{
	static char *xml;
	ask_saml(verifier, xml = xml ? xml : response(ENCRYPT_GCM));
}

/* What a request costs before the browser leaves: the signature, by the parent itself. */
static void sign_request(struct verifier *verifier)
{
	static struct certified_key *key;
	static char text[1500];
	(void)verifier;
	key = key ? key : certified_key_generate("bench", NOW_MS, 1);
	g_free(certified_key_sign(key, text, sizeof text));
}

static double each_us(struct verifier *verifier, void (*ask)(struct verifier *verifier), int64_t measure_ms)
{
	const int64_t start_ns = now_ns();
	uint64_t asked = 0;
	ask(verifier);
	while (now_ns() - start_ns < measure_ms * 1000000) {
		ask(verifier);
		asked++;
	}
	return (double)(now_ns() - start_ns) / 1000 / (double)MAX(asked, 1);
}

/* Once: the messages of every round are of the same keys. */
static void saml_begin(void)
{
	static bool begun;
	if (!begun && !saml_library_start())
		g_error("xmlsec does not start");
	if (!begun)
		pairs_make();
	begun = true;
}

struct verifier_times verifier_measure(const char *program, int64_t measure_ms)
{
	struct verifier_times times = { 0 };
	g_autoptr(verifier_t) verifier = verifier_new(&(struct verifier_options){ .program = program }, NULL);
	times.empty_us = each_us(verifier, ask_empty, measure_ms);
	times.token_us = each_us(verifier, ask_token, measure_ms);
	saml_begin();
	times.saml_sign_us = each_us(verifier, sign_request, measure_ms);
	times.saml_us = each_us(verifier, ask_response_plain, measure_ms);
	times.saml_encrypted_us = each_us(verifier, ask_response_encrypted, measure_ms);
	return times;
}
