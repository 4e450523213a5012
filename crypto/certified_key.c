/* Keys and certificates with libcrypto (crypto/certified_key.h). */
#include "crypto/certified_key.h"

#include "base/encoding.h"
#include "base/errors.h"
#include "crypto/broken.h"
#include "crypto/random.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#define RSA_BITS 3072
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define CERTIFICATE_MAX 16384
#define SERIAL_BYTES 16

struct certified_key {
	EVP_PKEY *pkey;
	char *certificate;
};

void certified_key_free(struct certified_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	g_free(key->certificate);
	g_free(key);
}

static void must(int result, const char *what)
{
	if (result <= 0)
		crypto_broken(what);
}

/* Positive, and of 127 random bits (RFC 5280 section 4.1.2.2). */
static void serial_set(X509 *certificate)
{
	uint8_t bytes[SERIAL_BYTES];

	random_bytes(bytes, sizeof bytes);
	bytes[0] &= 0x7f;
	BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
	must(number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL, "a certificate's number");
	BN_free(number);
}

static X509 *certificate_make(EVP_PKEY *pkey, const char *common_name, int64_t now_ms, int years)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_NAME_new();
	time_t now = (time_t)(now_ms / 1000);

	must(certificate && name, "a certificate");
	must(X509_set_version(certificate, X509_VERSION_3), "a certificate");
	serial_set(certificate);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0), "a certificate's name");
	must(X509_set_subject_name(certificate, name) && X509_set_issuer_name(certificate, name), "a certificate's name");
	must(X509_time_adj_ex(X509_getm_notBefore(certificate), -1, 0, &now) != NULL, "a certificate's date");
	must(X509_time_adj_ex(X509_getm_notAfter(certificate), years * 365, 0, &now) != NULL, "a certificate's date");
	must(X509_set_pubkey(certificate, pkey), "a certificate's key");
	must(X509_sign(certificate, pkey, EVP_sha256()), "a certificate's signature");
	X509_NAME_free(name);
	return certificate;
}

struct certified_key *certified_key_generate(const char *common_name, int64_t now_ms, int years)
{
	struct certified_key *key = g_new0(struct certified_key, 1);
	unsigned char *der = NULL;

	key->pkey = EVP_RSA_gen(RSA_BITS);
	must(key->pkey != NULL, "an RSA key");
	/* X.520 has no room for more than 64 characters. */
	g_autofree char *name = g_utf8_substring(common_name, 0, MIN(g_utf8_strlen(common_name, -1), 64));
	X509 *certificate = certificate_make(key->pkey, name, now_ms, years);
	int length = i2d_X509(certificate, &der);
	must(length, "a certificate's form");
	key->certificate = base64_encode(der, (size_t)length);
	OPENSSL_free(der);
	X509_free(certificate);
	return key;
}

static bool belong_together(EVP_PKEY *pkey, const char *certificate)
{
	g_autofree uint8_t *der = g_malloc(CERTIFICATE_MAX);
	size_t length = 0;

	if (!base64_decode(certificate, strlen(certificate), der, CERTIFICATE_MAX, &length))
		return false;
	const unsigned char *at = der;
	X509 *read = d2i_X509(NULL, &at, (long)length);
	bool fit = read && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA && EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN && EVP_PKEY_get_bits(pkey) <= RSA_BITS_MAX &&
	           X509_check_private_key(read, pkey) == 1;
	X509_free(read);
	return fit;
}

struct certified_key *certified_key_import(const struct secret *pkcs8, const char *certificate, GError **error)
{
	const unsigned char *at = secret_bytes(pkcs8);
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &at, (long)secret_length(pkcs8));

	if (!pkey || !belong_together(pkey, certificate)) {
		EVP_PKEY_free(pkey);
		fail(error, ERROR_MALFORMED, "no RSA key of %d to %d bits with its certificate", RSA_BITS_MIN, RSA_BITS_MAX);
		return NULL;
	}
	struct certified_key *key = g_new0(struct certified_key, 1);
	key->pkey = pkey;
	key->certificate = g_strdup(certificate);
	return key;
}

struct secret *certified_key_export(const struct certified_key *key)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
	unsigned char *der = NULL;
	int length = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;

	must(length, "a private key's form");
	struct secret *exported = secret_new(der, (size_t)length);
	OPENSSL_clear_free(der, (size_t)length);
	PKCS8_PRIV_KEY_INFO_free(info);
	return exported;
}

const char *certified_key_certificate(const struct certified_key *key)
{
	return key->certificate;
}

char *certified_key_sign(const struct certified_key *key, const void *bytes, size_t length)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t signature[RSA_BITS_MAX / 8];
	size_t size = sizeof signature;

	must(context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey), "an RSA signature");
	must(EVP_DigestSign(context, signature, &size, bytes, length), "an RSA signature");
	EVP_MD_CTX_free(context);
	return base64_encode(signature, size);
}
