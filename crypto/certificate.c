/* Reading certificates with libcrypto (crypto/certificate.h). */
#include "crypto/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#define NAMES_MAX 20

static X509 *certificate_parse(const void *der, size_t length)
{
	const unsigned char *at = der;

	return length <= 65536 ? d2i_X509(NULL, &at, (long)length) : NULL;
}

static char *name_text(const X509_NAME *name)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes = NULL;

	X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	long length = BIO_get_mem_data(out, &bytes);
	char *text = g_utf8_make_valid(bytes, length);
	BIO_free(out);
	return text;
}

static int64_t time_ms(const ASN1_TIME *time)
{
	struct tm parts = {0};

	return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) * 1000 : 0;
}

static void address_append(GString *names, const ASN1_OCTET_STRING *address)
{
	const unsigned char *bytes = ASN1_STRING_get0_data(address);
	int length = ASN1_STRING_length(address);

	if (length == 4)
		g_string_append_printf(names, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
	for (int i = 0; length == 16 && i < 16; i += 2)
		g_string_append_printf(names, "%s%x", i ? ":" : "", bytes[i] << 8 | bytes[i + 1]);
}

static char *names_text(X509 *certificate)
{
	GENERAL_NAMES *found = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	g_autoptr(GString) names = g_string_new(NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(found) && i < NAMES_MAX; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(found, i);
		if (name->type != GEN_DNS && name->type != GEN_IPADD)
			continue;
		if (names->len > 0)
			g_string_append(names, ", ");
		if (name->type == GEN_DNS)
			g_string_append_len(names, (const char *)ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName));
		else
			address_append(names, name->d.iPAddress);
	}
	GENERAL_NAMES_free(found);
	return g_utf8_make_valid(names->str, (gssize)names->len);
}

static char *key_text(X509 *certificate)
{
	const EVP_PKEY *key = X509_get0_pubkey(certificate);
	const char *name = key ? EVP_PKEY_get0_type_name(key) : NULL;

	return name ? g_strdup_printf("%s %d bits", name, EVP_PKEY_get_bits(key)) : g_strdup("a key of an unknown kind");
}

bool certificate_read(const void *der, size_t length, struct certificate_facts *ret)
{
	X509 *certificate = certificate_parse(der, length);

	if (!certificate)
		return false;
	*ret = (struct certificate_facts){
		.subject = name_text(X509_get_subject_name(certificate)),
		.issuer = name_text(X509_get_issuer_name(certificate)),
		.key = key_text(certificate),
		.names = names_text(certificate),
		.from_ms = time_ms(X509_get0_notBefore(certificate)),
		.to_ms = time_ms(X509_get0_notAfter(certificate)),
		.self_issued = X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0,
	};
	X509_free(certificate);
	return true;
}

void certificate_facts_clear(struct certificate_facts *facts)
{
	g_free(facts->subject);
	g_free(facts->issuer);
	g_free(facts->key);
	g_free(facts->names);
	*facts = (struct certificate_facts){0};
}

bool certificate_is_for(const void *der, size_t length, const char *host)
{
	X509 *certificate = certificate_parse(der, length);

	if (!certificate)
		return false;
	bool is = g_hostname_is_ip_address(host) ? X509_check_ip_asc(certificate, host, 0) == 1 : X509_check_host(certificate, host, 0, 0, NULL) == 1;
	X509_free(certificate);
	return is;
}

bool certificate_thumbprint(const char *pem, size_t length, uint8_t digest[DIGEST_SIZE])
{
	BIO *bio = BIO_new_mem_buf(pem, (int)MIN(length, 65536));
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	unsigned char *der = NULL;
	int size = certificate ? i2d_X509(certificate, &der) : 0;

	if (size > 0)
		digest_sha256(der, (size_t)size, digest);
	OPENSSL_free(der);
	X509_free(certificate);
	BIO_free(bio);
	ERR_clear_error();
	return size > 0;
}
