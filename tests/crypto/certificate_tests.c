/* Keys with certificates, and what is read of PEM: what does not belong together, is too weak or is nothing at all is refused. */
#include "base/encoding.h"
#include "crypto/certificate.h"
#include "crypto/certified_key.h"
#include "crypto/digest.h"
#include "crypto_tests.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define NOW_MS INT64_C(1795550000000)

static void a_key_comes_back_with_its_certificate_only(void **state)
{
	g_autoptr(certified_key_t) key = certified_key_generate("acme", NOW_MS, 10), other = certified_key_generate("acme", NOW_MS, 10);
	g_autoptr(secret_t) exported = certified_key_export(key);
	GError *error = NULL;

	(void)state;
	g_autoptr(certified_key_t) again = certified_key_import(exported, certified_key_certificate(key), &error);
	assert_non_null(again);
	assert_string_equal(certified_key_certificate(again), certified_key_certificate(key));
	g_autofree char *one = certified_key_sign(key, "text", 4), *two = certified_key_sign(again, "text", 4);
	assert_string_equal(one, two);
	const char *const wrong[] = { certified_key_certificate(other), "", "bm8gY2VydGlmaWNhdGU=", "not base64!" };
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		assert_null(certified_key_import(exported, wrong[i], &error));
		assert_fails_with(error, ERROR_MALFORMED);
	}
	g_autoptr(secret_t) garbage = secret_of("no key");
	assert_null(certified_key_import(garbage, certified_key_certificate(key), &error));
	assert_fails_with(error, ERROR_MALFORMED);
}

/* A key of our own making, with the certificate that fits it. */
static char *certificate_for(EVP_PKEY *pkey)
{
	X509 *certificate = X509_new();
	unsigned char *der = NULL;

	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, pkey);
	assert_true(X509_sign(certificate, pkey, EVP_sha256()) > 0);
	int size = i2d_X509(certificate, &der);
	char *text = base64_encode(der, (size_t)size);
	OPENSSL_free(der);
	X509_free(certificate);
	return text;
}

static struct certified_key *import_of(EVP_PKEY *pkey, GError **error)
{
	g_autofree char *certificate = certificate_for(pkey);
	unsigned char *der = NULL;
	int size = i2d_PrivateKey(pkey, &der);
	g_autoptr(secret_t) secret = secret_new(der, (size_t)size);

	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	return certified_key_import(secret, certificate, error);
}

static void weak_and_other_keys_are_refused(void **state)
{
	GError *error = NULL;

	(void)state;
	g_autoptr(certified_key_t) least = import_of(EVP_RSA_gen(2048), &error);
	assert_non_null(least);
	assert_null(import_of(EVP_RSA_gen(2040), &error));
	assert_fails_with(error, ERROR_MALFORMED);
	assert_null(import_of(EVP_EC_gen("P-256"), &error));
	assert_fails_with(error, ERROR_MALFORMED);
}

static char *pem_of(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes = NULL;

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	long size = BIO_get_mem_data(bio, &bytes);
	char *text = g_strndup(bytes, (size_t)size);
	BIO_free(bio);
	return text;
}

static void a_private_key_is_read_of_pem(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	g_autofree char *pem = pem_of(pkey);
	GError *error = NULL;

	(void)state;
	EVP_PKEY_free(pkey);
	struct jose_key *key = jose_key_import_pem(JOSE_ES256, pem, strlen(pem), &error);
	assert_non_null(key);
	jose_key_free(key);
	assert_null(jose_key_import_pem(JOSE_RS256, pem, strlen(pem), &error));
	assert_non_null(error);
	g_clear_error(&error);
	assert_null(jose_key_import_pem(JOSE_ES256, pem, strlen(pem) / 2, &error));
	assert_fails_with(error, ERROR_MALFORMED);
	assert_null(jose_key_import_pem(JOSE_ES256, "no key", 6, &error));
	assert_fails_with(error, ERROR_MALFORMED);
}

static void a_thumbprint_is_of_a_certificate_or_not_there(void **state)
{
	g_autoptr(certified_key_t) key = certified_key_generate("acme", NOW_MS, 1);
	const char *text = certified_key_certificate(key);
	uint8_t der[16384], expected[DIGEST_SIZE], digest[DIGEST_SIZE];
	size_t length = 0;
	g_autoptr(GString) pem = g_string_new("-----BEGIN CERTIFICATE-----\n");

	(void)state;
	for (size_t at = 0; at < strlen(text); at += 64)
		g_string_append_printf(pem, "%.64s\n", text + at);
	g_string_append(pem, "-----END CERTIFICATE-----\n");
	assert_true(base64_decode(text, strlen(text), der, sizeof der, &length));
	digest_sha256(der, length, expected);
	assert_true(certificate_thumbprint(pem->str, pem->len, digest));
	assert_memory_equal(digest, expected, DIGEST_SIZE);
	assert_false(certificate_thumbprint(pem->str, pem->len / 2, digest));
	assert_false(certificate_thumbprint("no certificate", 14, digest));
	assert_false(certificate_thumbprint("", 0, digest));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_key_comes_back_with_its_certificate_only),
	cmocka_unit_test(weak_and_other_keys_are_refused),
	cmocka_unit_test(a_private_key_is_read_of_pem),
	cmocka_unit_test(a_thumbprint_is_of_a_certificate_or_not_there),
};
TEST_GROUP(certificate_group, tests);
