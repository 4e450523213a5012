/* Signatures and encryption of SAML messages, by xmlsec with keys that the caller pins; whatever a message says of its own keys is thrown away. */
#pragma once
#include "base/secret.h"
#include "base/checks.h"
#include "providers/verifier/saml_xml.h"

/* The identity provider's signing certificates, as configured. */
struct saml_pins;
/* `certificates`: base64 of DER, NULL-closed. Those that are no RSA key of 2048 to 8192 bits are left out; NULL where none remains. */
struct saml_pins *saml_pins_new(const char *const *certificates);
void saml_pins_free(struct saml_pins *pins);
typedef struct saml_pins saml_pins_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(saml_pins_t, saml_pins_free)

/* Verifies the one signature that is `element`'s child over `element` itself. On success the bytes that were digested, parsed again: nothing else of the
 * message is to be believed (SECURITY SM-2). Each look is recorded under `prefix`, "response" or "assertion". NULL: refused. */
xmlDoc *saml_signature_verify(xmlNode *element, const struct saml_pins *pins, const char *prefix, struct checks *checks);
/* A signature of the redirect binding: over `length` bytes of the query as it came. `algorithm` is SigAlg's value, decoded. */
bool saml_query_verify(const char *bytes, size_t length, const char *algorithm, const uint8_t *signature, size_t signature_length, const struct saml_pins *pins);

/* The plaintext of an EncryptedAssertion or EncryptedID; NULL without a word of why, so that nobody learns from it (SECURITY 4.3(2)). The bytes have
 * passed no filter. `keys`: the tenant's decryption keys, PKCS#8 in DER. */
struct secret *saml_decrypt(xmlNode *encrypted, struct secret *const *keys, size_t key_count);
