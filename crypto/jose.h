/* JSON Web Keys and Signatures of our own (RFC 7515, 7517, 7518, 7638, 8037, 8725) on OpenSSL EVP.
 *
 * The algorithm is a property of the key, never of the token: a key is made or read for one algorithm, and verification fails unless the header says
 * that very one. HMAC and "none" do not exist here. The compact parser refuses what is not strictly three base64url parts, duplicate members,
 * `crit`, `b64`, `jku`, `jwk`, `x5u`, `x5c` and `zip` (RFC 8725 sections 3.1, 3.10; SECURITY TK-1, TK-2), and more than 16 KiB.
 */
#pragma once
#include "base/json.h"
#include "base/secret.h"

enum jose_algorithm { JOSE_NONE = 0, JOSE_ES256, JOSE_RS256, JOSE_PS256, JOSE_ED25519 };

struct jose_key;

/* "ES256", …; Ed25519 is named "Ed25519" (RFC 9864), and "EdDSA" is read as the same. */
const char *jose_algorithm_name(enum jose_algorithm algorithm);
enum jose_algorithm jose_algorithm_named(const char *name);

/* ES256: P-256; RS256 and PS256: 2048-bit RSA; Ed25519. Aborts when OpenSSL cannot. */
struct jose_key *jose_key_generate(enum jose_algorithm algorithm);
/* PKCS#8 DER, private. For sealing at rest. */
struct secret *jose_key_export(const struct jose_key *key);
struct jose_key *jose_key_import(enum jose_algorithm algorithm, const struct secret *pkcs8, GError **error);
/* From PEM text: one private key without a pass phrase (RFC 7468; PKCS#8 or the older RSA and EC forms). */
struct jose_key *jose_key_import_pem(enum jose_algorithm algorithm, const char *pem, size_t length, GError **error);
/* From a public (or private) JWK; `alg` may be absent and then comes from `algorithm`; kty, crv, size and alg must fit it (RSA of 2048 to 8192 bits,
 * e from 65537), `use` and `key_ops`, where given, must allow signatures. Where private members are unwelcome, the caller refuses them. */
struct jose_key *jose_key_from_jwk(enum jose_algorithm algorithm, const json_t *jwk, GError **error);
/* Reference counted and safe to share between threads. free takes NULL. */
struct jose_key *jose_key_ref(struct jose_key *key);
void jose_key_free(struct jose_key *key);
typedef struct jose_key jose_key_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(jose_key_t, jose_key_free)

enum jose_algorithm jose_key_algorithm(const struct jose_key *key);
/* RFC 7638 thumbprint, SHA-256, base64url: the kid. Borrowed. */
const char *jose_key_id(const struct jose_key *key);
/* Public JWK with kid, use "sig" and alg. Caller owns. */
json_t *jose_key_public_jwk(const struct jose_key *key);

/* Compact serialisation with header {"alg","kid","typ"} in that order. Caller frees. NULL with *error only when OpenSSL fails. */
char *jws_sign(const struct jose_key *key, const char *typ, const char *payload, size_t length, GError **error);
/* As jws_sign, with the SHA-256 of the key's certificate as x5t#S256 in place of the kid (RFC 7515 section 4.1.8). */
char *jws_sign_certified(const struct jose_key *key, const char *thumbprint, const char *typ, const char *payload, size_t length, GError **error);

/* Parsed but unverified. Only for choosing the key. */
struct jws;
struct jws *jws_parse(const char *compact, size_t length, GError **error);
void jws_free(struct jws *jws);
typedef struct jws jws_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(jws_t, jws_free)
const char *jws_key_id(const struct jws *jws);  /* NULL when absent */
const char *jws_type(const struct jws *jws);    /* NULL when absent */
enum jose_algorithm jws_algorithm(const struct jws *jws);
/* What the payload says of itself, where it is a JSON object; else NULL. Nobody has vouched for it: only for finding whose keys to ask. Caller owns. */
json_t *jws_claimed(const struct jws *jws);
/* Checks algorithm and signature, then parses the payload as a JSON object. NULL with *error (ERROR_INVALID_TOKEN) otherwise. Caller owns. */
json_t *jws_verify(const struct jws *jws, const struct jose_key *key, GError **error);
