/* Signatures of foreigners: cjose (liboauth2's JOSE layer) for RSA and ECDSA, OpenSSL for Ed25519, which cjose does not know.
 *
 * Only a token whose algorithm has been found to fit the key's kind and curve comes here (token_judge.c): cjose ties neither curve nor kind to the algorithm, and
 * reads past the end of the key where HMAC meets a public one. It is given a key rebuilt from the public members alone. Its plain text is not used: the payload was
 * taken from the same bytes by our own parser.
 */
#include "base/encoding.h"
#include "providers/verifier/token_internal.h"
#include <cjose/cjose.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#define ED25519_KEY 32

static bool eddsa_holds(const struct token *token, const struct token_key *key)
{
	uint8_t point[ED25519_KEY];
	size_t size = 0;
	const char *x = json_string_at(key->jwk, "x");
	if (!base64url_decode(x, strlen(x), point, sizeof point, &size) || size != sizeof point)
		return false;
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, point, sizeof point);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const bool holds = pkey && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
		EVP_DigestVerify(context, token->signed_bytes, token->signed_length, (const uint8_t *)token->text, token->input_length) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(pkey);
	return holds;
}

static bool cjose_holds(const struct token *token, const struct token_key *key)
{
	cjose_err fault;
	g_autofree char *text = token_key_public(key);
	cjose_jwk_t *jwk = text ? cjose_jwk_import(text, strlen(text), &fault) : NULL;
	cjose_jws_t *jws = jwk ? cjose_jws_import(token->text, token->length, &fault) : NULL;
	const bool holds = jws && cjose_jws_verify(jws, jwk, &fault);
	if (jws)
		cjose_jws_release(jws);
	if (jwk)
		cjose_jwk_release(jwk);
	return holds;
}

bool token_signature_holds(const struct token *token, const struct token_key *key)
{
	if ((token->algorithm & key->algorithms) == 0)
		return false;
	const bool holds = token->algorithm == TOKEN_EDDSA ? eddsa_holds(token, key) : cjose_holds(token, key);
	ERR_clear_error();
	return holds;
}

/* Ed25519 has no digest of its own name; implementations take the one it uses inside. */
static const EVP_MD *digest_of(unsigned algorithm)
{
	if (algorithm & (TOKEN_RS256 | TOKEN_PS256 | TOKEN_ES256))
		return EVP_sha256();
	return algorithm & (TOKEN_RS384 | TOKEN_PS384 | TOKEN_ES384) ? EVP_sha384() : EVP_sha512();
}

char *token_half_digest(unsigned algorithm, const char *text)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	if (EVP_Digest(text, strlen(text), digest, &size, digest_of(algorithm), NULL) != 1)
		return NULL;
	return base64url_encode(digest, size / 2);
}

/* Published keys of the standards (RFC 7515 A.2 and A.3, RFC 8037 A.2), and the generators of P-384 and P-521, which are points like any other. */
static const char warm_keys[] =
	"{\"keys\":["
	"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs"
	"D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7"
	"aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"},"
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
	"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3\","
	"\"y\":\"NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f\"},"
	"{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AMaFjga3BATpzZ4-y2YjlbRCnGSBOQU_tSH4KK9ga009uqFLXnfv51ko_h3BJ6L_qN4zSLPBhWpCm_l-fjHC5b1m\","
	"\"y\":\"ARg5KWp4mjvABFyKX7QsfRvZmPVESVebRGgXr70XJz5mLJfucple9CZAxVC5AT-tB2E1PHCGonLCQIi-lHaf0WZQ\"},"
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static const char *const warm_algorithms[] = { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA" };

static void warm_up(const struct token_key *key, const char *algorithm)
{
	g_autofree char *header_json = g_strdup_printf("{\"alg\":\"%s\"}", algorithm), *header = base64url_encode(header_json, strlen(header_json));
	g_autofree uint8_t *zeros = g_malloc0(256);
	const size_t size = key->bits ? 256 : strcmp(algorithm, "ES384") == 0 ? 96 : strcmp(algorithm, "ES512") == 0 ? 132 : 64;
	memset(zeros, 1, size);
	g_autofree char *third = base64url_encode(zeros, size), *text = g_strdup_printf("%s.e30.%s", header, third), *half = NULL;
	g_auto(token_t) token = { 0 };
	enum reason reason;
	const char *fault;
	if (token_parse(text, strlen(text), &token, &reason, &fault) && (token.algorithm & key->algorithms)) {
		g_warn_if_fail(!token_signature_holds(&token, key));
		half = token_half_digest(token.algorithm, "warm");
	}
}

/* Everything that OpenSSL looks up or opens at its first use is looked up here, while the cage is still open; its configuration file is not read at all. */
void token_signature_start(void)
{
	g_autoptr(json_t) document = NULL;
	const char *fault = NULL;
	uint8_t seed[16];
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
	g_warn_if_fail(RAND_bytes(seed, sizeof seed) == 1);
	json_object_seed(0);
	g_autoptr(GArray) keys = token_keys_read(warm_keys, sizeof warm_keys - 1, TOKEN_ALGORITHMS_ALL, &document, &fault);
	for (guint i = 0; keys && i < keys->len; i++)
		for (size_t a = 0; a < G_N_ELEMENTS(warm_algorithms); a++)
			warm_up(&g_array_index(keys, struct token_key, i), warm_algorithms[a]);
}
