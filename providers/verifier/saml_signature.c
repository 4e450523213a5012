/* xmlsec, held short: one enabled kind of reference, the transforms and digests of SECURITY SM-7 and no others, a key that is set and never looked for. */
#include "providers/verifier/saml_signature.h"

#include "base/encoding.h"
#include "crypto/digest.h"

#include <string.h>
#include <xmlsec/buffer.h>
#include <xmlsec/crypto.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlenc.h>
#include <xmlsec/xmlsec.h>
#include <xmlsec/xmltree.h>

#define PINS_MAX 8
#define ADVICE_REFERENCE "There: sign the whole element by its ID, enveloped, with exclusive canonicalisation. If the provider always does, somebody has altered or forged this."
#define CERTIFICATE_MAX 16384
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

struct saml_pins {
	xmlSecKey *keys[PINS_MAX];
	size_t count;
};

static xmlSecKey *pin_read(const char *certificate)
{
	g_autofree uint8_t *der = g_malloc(CERTIFICATE_MAX);
	size_t length = 0;

	if (!base64_decode(certificate, strlen(certificate), der, CERTIFICATE_MAX, &length))
		return NULL;
	xmlSecKey *key = xmlSecCryptoAppKeyLoadMemory(der, (xmlSecSize)length, xmlSecKeyDataFormatCertDer, NULL, NULL, NULL);
	xmlSecKeyData *value = key ? xmlSecKeyGetValue(key) : NULL;
	xmlSecSize bits = value && xmlSecKeyDataCheckId(value, xmlSecKeyDataRsaId) ? xmlSecKeyDataGetSize(value) : 0;
	if (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX)
		return key;
	if (key)
		xmlSecKeyDestroy(key);
	return NULL;
}

struct saml_pins *saml_pins_new(const char *const *certificates)
{
	struct saml_pins *pins = g_new0(struct saml_pins, 1);

	for (size_t i = 0; certificates && certificates[i] && pins->count < PINS_MAX; i++) {
		pins->keys[pins->count] = pin_read(certificates[i]);
		pins->count += pins->keys[pins->count] != NULL;
	}
	if (pins->count == 0)
		g_clear_pointer(&pins, saml_pins_free);
	return pins;
}

void saml_pins_free(struct saml_pins *pins)
{
	if (!pins)
		return;
	for (size_t i = 0; i < pins->count; i++)
		xmlSecKeyDestroy(pins->keys[i]);
	g_free(pins);
}

static bool context_restrict(xmlSecDSigCtx *context)
{
	/* xmlSecTransform…Id are calls, so these are no constant tables. */
	const xmlSecTransformId shared[] = {xmlSecTransformExclC14NId, xmlSecTransformSha256Id, xmlSecTransformSha384Id, xmlSecTransformSha512Id};
	const xmlSecTransformId signatures[] = {xmlSecTransformRsaSha256Id, xmlSecTransformRsaSha384Id, xmlSecTransformRsaSha512Id};
	bool done = xmlSecDSigCtxEnableReferenceTransform(context, xmlSecTransformEnvelopedId) == 0;

	for (size_t i = 0; i < G_N_ELEMENTS(shared); i++)
		done &= xmlSecDSigCtxEnableReferenceTransform(context, shared[i]) == 0 && xmlSecDSigCtxEnableSignatureTransform(context, shared[i]) == 0;
	for (size_t i = 0; i < G_N_ELEMENTS(signatures); i++)
		done &= xmlSecDSigCtxEnableSignatureTransform(context, signatures[i]) == 0;
	context->enabledReferenceUris = xmlSecTransformUriTypeSameDocument;
	context->flags |= XMLSEC_DSIG_FLAGS_STORE_SIGNEDINFO_REFERENCES | XMLSEC_DSIG_FLAGS_IGNORE_MANIFESTS;
	return done;
}

/* The bytes that went into the digest of the one Reference; NULL: this key did not sign. */
static xmlDoc *verify_with(xmlNode *signature, const xmlSecKey *key)
{
	xmlSecDSigCtx *context = xmlSecDSigCtxCreate(NULL);
	xmlDoc *read = NULL;

	if (!context)
		return NULL;
	context->signKey = context_restrict(context) ? xmlSecKeyDuplicate((xmlSecKey *)(uintptr_t)key) : NULL;
	if (context->signKey && xmlSecDSigCtxVerify(context, signature) == 0 && context->status == xmlSecDSigStatusSucceeded &&
	    xmlSecPtrListGetSize(&context->signedInfoReferences) == 1) {
		xmlSecDSigReferenceCtx *reference = xmlSecPtrListGetItem(&context->signedInfoReferences, 0);
		xmlSecBuffer *bytes = reference->status == xmlSecDSigStatusSucceeded ? xmlSecDSigReferenceCtxGetPreDigestBuffer(reference) : NULL;
		/* Canonicalisation that failed has been taken for an empty text elsewhere: what signed nothing is no signature. */
		if (bytes && xmlSecBufferGetSize(bytes) > 0)
			read = xml_read((const char *)xmlSecBufferGetData(bytes), xmlSecBufferGetSize(bytes));
	}
	xmlSecDSigCtxDestroy(context);
	return read;
}

static bool transforms_are_fit(const xmlNode *reference)
{
	const xmlNode *transforms = xml_child(reference, NS_SIGNATURE, "Transforms");
	const xmlNode *first = xml_child(transforms, NS_SIGNATURE, "Transform"), *second = first ? xml_next(first) : NULL;
	g_autofree char *enveloped = xml_attribute(first, "Algorithm"), *canonical = xml_attribute(second, "Algorithm");

	return xml_count(reference, NS_SIGNATURE, "Transforms") == 1 && enveloped && canonical && !xml_next(second) &&
	       strcmp(enveloped, "http://www.w3.org/2000/09/xmldsig#enveloped-signature") == 0 &&
	       strcmp(canonical, "http://www.w3.org/2001/10/xml-exc-c14n#") == 0;
}

/* Where the message brings keys of its own, nobody is to meet them. KeyInfo is inside the enveloped signature, so no digest covers it. */
static void keys_drop(xmlNode *signature)
{
	for (xmlNode *info = xml_child(signature, NS_SIGNATURE, "KeyInfo"); info; info = xml_child(signature, NS_SIGNATURE, "KeyInfo")) {
		xmlUnlinkNode(info);
		xmlFreeNode(info);
	}
}

/* For whoever has to find out why no key fits: the certificate that the message says it was signed by, as its SHA-256. It decides nothing. */
static char *refusal_text(const xmlNode *signature)
{
	const xmlNode *data = xml_child(xml_child(signature, NS_SIGNATURE, "KeyInfo"), NS_SIGNATURE, "X509Data");
	g_autofree uint8_t *der = g_malloc(CERTIFICATE_MAX);
	uint8_t digest[DIGEST_SIZE];
	char hex[2 * DIGEST_SIZE + 1];
	size_t length = 0;
	g_autofree char *text = xml_base64(xml_child(data, NS_SIGNATURE, "X509Certificate"), der, CERTIFICATE_MAX, &length);

	if (!text)
		return g_strdup("not made by a configured key; the message does not say by which");
	digest_sha256(der, length, digest);
	hex_encode(digest, DIGEST_SIZE, hex);
	return g_strconcat("not made by a configured key; the message says by that of the certificate ", hex, NULL);
}

static bool id_register(xmlNode *element, const char *id)
{
	xmlAttr *attribute = xmlHasProp(element, (const xmlChar *)"ID"), *known = xmlGetID(element->doc, (const xmlChar *)id);

	return attribute && (known == attribute || (!known && xmlAddID(NULL, element->doc, (const xmlChar *)id, attribute)));
}

static bool same_element(const xmlNode *read, const xmlNode *element, const char *id)
{
	g_autofree char *read_id = xml_attribute(read, "ID");

	return xml_is(read, (const char *)element->ns->href, (const char *)element->name) && g_strcmp0(read_id, id) == 0;
}

xmlDoc *saml_signature_verify(xmlNode *element, const struct saml_pins *pins, const char *prefix, struct checks *checks)
{
	g_autofree char *reference_name = g_strconcat(prefix, "_reference", NULL), *signature_name = g_strconcat(prefix, "_signature", NULL);
	g_autofree char *id = xml_attribute(element, "ID"), *expected = g_strconcat("#", id, NULL);
	xmlNode *signature = xml_child(element, NS_SIGNATURE, "Signature");
	const xmlNode *reference = xml_child(xml_child(signature, NS_SIGNATURE, "SignedInfo"), NS_SIGNATURE, "Reference");
	g_autofree char *uri = xml_attribute(reference, "URI");
	bool refers = xml_count(element, NS_SIGNATURE, "Signature") == 1 && id && uri && strcmp(uri, expected) == 0;
	g_autoptr(xmlDoc) read = NULL;

	if (!check_advised(checks, reference_name, uri, expected, refers, ADVICE_REFERENCE))
		return NULL;
	if (!check_advised(checks, reference_name, transforms_are_fit(reference) ? "enveloped, exclusive C14N" : "other transforms", "enveloped, exclusive C14N",
	                   transforms_are_fit(reference), ADVICE_REFERENCE) ||
	    !id_register(element, id))
		return NULL;
	g_autofree char *refusal = refusal_text(signature);
	keys_drop(signature);
	for (size_t i = 0; i < pins->count && !read; i++)
		read = verify_with(signature, pins->keys[i]);
	bool good = read && same_element(xmlDocGetRootElement(read), element, id);
	if (!check_advised(checks, signature_name, good ? "made by a configured key" : refusal, "made by a configured key", good,
	                   "Here: load the provider's metadata again: its signing certificate may have changed. If it has not, the message was altered on its way."))
		return NULL;
	return g_steal_pointer(&read);
}

/* The URI names the algorithm; SHA-1 and DSA have none here. */
static xmlSecTransformId query_transform(const char *algorithm)
{
	if (strcmp(algorithm, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256") == 0)
		return xmlSecTransformRsaSha256Id;
	if (strcmp(algorithm, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384") == 0)
		return xmlSecTransformRsaSha384Id;
	if (strcmp(algorithm, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512") == 0)
		return xmlSecTransformRsaSha512Id;
	return xmlSecTransformIdUnknown;
}

static bool query_verify_with(xmlSecTransformId id, const xmlSecKey *key, const char *bytes, size_t length, const uint8_t *signature, size_t signature_length)
{
	xmlSecTransform *transform = xmlSecTransformCreate(id);
	xmlSecTransformCtx *context = xmlSecTransformCtxCreate();
	bool good = false;

	if (transform && context) {
		transform->operation = xmlSecTransformOperationVerify;
		good = xmlSecTransformSetKey(transform, (xmlSecKey *)(uintptr_t)key) == 0 &&
		       xmlSecTransformPushBin(transform, (const xmlSecByte *)bytes, (xmlSecSize)length, 1, context) == 0 &&
		       xmlSecTransformVerify(transform, signature, (xmlSecSize)signature_length, context) == 0 && transform->status == xmlSecTransformStatusOk;
	}
	if (transform)
		xmlSecTransformDestroy(transform);
	if (context)
		xmlSecTransformCtxDestroy(context);
	return good;
}

bool saml_query_verify(const char *bytes, size_t length, const char *algorithm, const uint8_t *signature, size_t signature_length, const struct saml_pins *pins)
{
	xmlSecTransformId id = query_transform(algorithm);
	bool good = false;

	for (size_t i = 0; id != xmlSecTransformIdUnknown && i < pins->count && !good; i++)
		good = query_verify_with(id, pins->keys[i], bytes, length, signature, signature_length);
	return good;
}

static struct secret *decrypt_node(xmlNode *node, xmlEncCtxMode mode, xmlSecKey *key)
{
	xmlSecEncCtx *context = key ? xmlSecEncCtxCreate(NULL) : NULL;
	struct secret *plain = NULL;

	if (!context)
		return NULL;
	context->mode = mode;
	context->encKey = key;
	const xmlSecBuffer *bytes = xmlSecEncCtxDecryptToBuffer(context, node);
	if (bytes && xmlSecBufferGetSize((xmlSecBuffer *)(uintptr_t)bytes) > 0)
		plain = secret_new(xmlSecBufferGetData((xmlSecBuffer *)(uintptr_t)bytes), xmlSecBufferGetSize((xmlSecBuffer *)(uintptr_t)bytes));
	xmlSecEncCtxDestroy(context);
	return plain;
}

static xmlNode *key_node(const xmlNode *encrypted, const xmlNode *data)
{
	const xmlNode *info = xml_child(data, NS_SIGNATURE, "KeyInfo"), *holder = xml_child(info, NS_ENCRYPTION, "EncryptedKey") ? info : encrypted;

	return xml_count(holder, NS_ENCRYPTION, "EncryptedKey") == 1 ? xml_child(holder, NS_ENCRYPTION, "EncryptedKey") : NULL;
}

struct secret *saml_decrypt(xmlNode *encrypted, struct secret *const *keys, size_t key_count)
{
	xmlNode *data = xml_child(encrypted, NS_ENCRYPTION, "EncryptedData"), *wrapped = key_node(encrypted, data);

	if (xml_count(encrypted, NS_ENCRYPTION, "EncryptedData") != 1 || !wrapped)
		return NULL;
	for (size_t i = 0; i < key_count; i++) {
		xmlSecKey *ours = xmlSecCryptoAppKeyLoadMemory(secret_bytes(keys[i]), (xmlSecSize)secret_length(keys[i]), xmlSecKeyDataFormatDer, NULL, NULL, NULL);
		g_autoptr(secret_t) session = decrypt_node(wrapped, xmlEncCtxModeEncryptedKey, ours);
		size_t length = session ? secret_length(session) : 0;
		if (length != 16 && length != 24 && length != 32)
			continue;
		xmlSecKey *key = xmlSecKeyReadMemory(xmlSecKeyDataAesId, secret_bytes(session), (xmlSecSize)length);
		return decrypt_node(data, xmlEncCtxModeEncryptedData, key);
	}
	return NULL;
}
