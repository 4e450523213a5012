/* A CA and the certificates it should and should not have given, made with libcrypto. */
#include "rig.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define DAY_S 86400L

static const char *const names[] = {[CERTIFICATE_GOOD] = "good", [CERTIFICATE_WRONG_NAME] = "wrong-name", [CERTIFICATE_EXPIRED] = "expired",
                                    [CERTIFICATE_SELF_SIGNED] = "self-signed"};

const char *certificate_name(enum certificate_kind kind)
{
	return names[kind];
}

static void extension_add(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

static void keep(const char *folder, const char *name, X509 *certificate, EVP_PKEY *key)
{
	g_autofree char *pem = g_strdup_printf("%s/%s.pem", folder, name), *key_file = g_strdup_printf("%s/%s.key", folder, name);
	FILE *out = fopen(pem, "w"), *key_out = fopen(key_file, "w");

	assert_true(out && key_out);
	PEM_write_X509(out, certificate);
	PEM_write_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL);
	fclose(out);
	fclose(key_out);
}

/* Signed by `issuer`, or by its own key where that is NULL. */
static X509 *make(const char *common_name, const char *alternative, long from_days, long to_days, X509 *issuer, EVP_PKEY *issuer_key, EVP_PKEY *key)
{
	static long serial = 1;
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(certificate), from_days * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(certificate), to_days * DAY_S);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
	X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
	X509_set_pubkey(certificate, key);
	extension_add(certificate, NID_basic_constraints, alternative ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (alternative)
		extension_add(certificate, NID_subject_alt_name, alternative);
	assert_true(X509_sign(certificate, issuer ? issuer_key : key, EVP_sha256()) > 0);
	return certificate;
}

void certificates_make(const char *folder)
{
	static const struct {
		const char *common_name, *alternative;
		long from_days, to_days;
		bool self_signed;
	} rows[] = {
		[CERTIFICATE_GOOD] = {"directory.acme.example", "IP:127.0.0.1,DNS:directory.acme.example", -1, 30, false},
		[CERTIFICATE_WRONG_NAME] = {"other.example", "DNS:other.example,IP:127.0.0.2", -1, 30, false},
		[CERTIFICATE_EXPIRED] = {"directory.acme.example", "IP:127.0.0.1", -30, -1, false},
		[CERTIFICATE_SELF_SIGNED] = {"directory.acme.example", "IP:127.0.0.1", -1, 30, true},
	};
	EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	X509 *ca = make("The rig's CA", NULL, -60, 60, NULL, NULL, ca_key);

	keep(folder, "ca", ca, ca_key);
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		EVP_PKEY *key = EVP_EC_gen("P-256");
		X509 *made = make(rows[i].common_name, rows[i].alternative, rows[i].from_days, rows[i].to_days, rows[i].self_signed ? NULL : ca, ca_key, key);
		keep(folder, names[i], made, key);
		X509_free(made);
		EVP_PKEY_free(key);
	}
	X509_free(ca);
	EVP_PKEY_free(ca_key);
}
