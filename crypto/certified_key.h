/* An RSA key with a certificate of its own making, for peers that pin certificates: SAML's (SECURITY 4.3(2), 4.3(6)). The key signs here and never leaves; only a
 * decryption key is handed out, as bytes, to the verifier for one message. */
#pragma once
#include "base/secret.h"
#include <stdbool.h>

struct certified_key;

/* 3072 bits, valid from now for `years`; `common_name` is for people. Aborts when OpenSSL cannot. */
struct certified_key *certified_key_generate(const char *common_name, int64_t now_ms, int years);
/* PKCS#8 DER, and the certificate's DER in base64, as they were exported. NULL with *error where they do not belong together, or are no RSA key of 2048 to 8192 bits. */
struct certified_key *certified_key_import(const struct secret *pkcs8, const char *certificate, GError **error);
struct secret *certified_key_export(const struct certified_key *key);
/* Base64 of DER, one line: what metadata shows. Borrowed. */
const char *certified_key_certificate(const struct certified_key *key);
void certified_key_free(struct certified_key *key);
typedef struct certified_key certified_key_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(certified_key_t, certified_key_free)

/* RSASSA-PKCS1-v1_5 with SHA-256, in base64. Caller frees. Safe from any thread. Aborts when OpenSSL cannot. */
char *certified_key_sign(const struct certified_key *key, const void *bytes, size_t length);
