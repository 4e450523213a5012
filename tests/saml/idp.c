/* The identity provider of the tests (idp.h). */
#include "idp.h"

#include "base/encoding.h"
#include "providers/verifier/saml_xml.h"

#include <libxml/parser.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include <xmlsec/crypto.h>
#include <xmlsec/templates.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlenc.h>
#include <xmlsec/xmlsec.h>
#include <xmlsec/xmltree.h>

struct pair pairs[PAIR_COUNT];

static struct pair pair_make(const char *name, unsigned bits)
{
	EVP_PKEY *key = EVP_RSA_gen(bits);
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	unsigned char *der = NULL;
	struct pair pair = {0};

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * 30);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, subject);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	int length = i2d_X509(certificate, &der);
	pair.certificate = base64_encode(der, (size_t)length);
	OPENSSL_free(der);
	der = NULL;
	length = i2d_PUBKEY(key, &der);
	pair.spki = base64_encode(der, (size_t)length);
	OPENSSL_free(der);
	der = NULL;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	length = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	pair.pkcs8 = secret_new(der, (size_t)length);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return pair;
}

void pairs_make(void)
{
	static const char *const names[PAIR_COUNT] = {"idp", "idp next", "foreign", "small", "sp"};

	for (size_t i = 0; i < PAIR_COUNT; i++)
		pairs[i] = pair_make(names[i], i == PAIR_SMALL ? 1024 : 2048);
}

void pairs_free(void)
{
	for (size_t i = 0; i < PAIR_COUNT; i++) {
		secret_free(pairs[i].pkcs8);
		g_free(pairs[i].certificate);
		g_free(pairs[i].spki);
	}
}

static xmlSecKey *key_of(enum pair_name name)
{
	return xmlSecCryptoAppKeyLoadMemory(secret_bytes(pairs[name].pkcs8), (xmlSecSize)secret_length(pairs[name].pkcs8), xmlSecKeyDataFormatDer, NULL, NULL, NULL);
}

struct shape shape_good(void)
{
	return (struct shape){
		.version = "2.0", .destination = SP_ACS, .in_response_to = REQUEST_ID, .response_issuer = IDP_ENTITY,
		.status = "urn:oasis:names:tc:SAML:2.0:status:Success", .extensions = "", .response_extra = "",
		.assertion_version = "2.0", .assertion_id = "_assertion1", .assertion_issuer = IDP_ENTITY, .issue_instant = AT_NOW,
		.name_format = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", .name = "7f3c-al\xc3\xaf" "ce", .method = "urn:oasis:names:tc:SAML:2.0:cm:bearer",
		.recipient = SP_ACS, .confirmation_not_on_or_after = AT_SOON, .confirmation_in_response_to = REQUEST_ID, .confirmation_extra = "",
		.not_before = AT_PAST, .not_on_or_after = AT_SOON,
		.audiences = "<saml:AudienceRestriction><saml:Audience>" SP_ENTITY "</saml:Audience></saml:AudienceRestriction>", .conditions_extra = "",
		.authn_instant = AT_PAST, .session_not_on_or_after = "2026-09-21T21:33:20Z", .session_index = "_session1",
		.context = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
		.attributes = "<saml:Attribute Name=\"urn:oid:0.9.2342.19200300.100.1.3\" FriendlyName=\"mail\" NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:uri\">"
		              "<saml:AttributeValue xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:string\">alice@acme.example"
		              "</saml:AttributeValue></saml:Attribute><saml:Attribute Name=\"displayName\"><saml:AttributeValue>Al\xc3\xaf" "ce M\xc3\xa9lanie</saml:AttributeValue></saml:Attribute>"
		              "<saml:Attribute Name=\"groups\"><saml:AttributeValue>staff</saml:AttributeValue><saml:AttributeValue>wiki &amp; docs</saml:AttributeValue></saml:Attribute>",
		.subject_extra = "", .sign_assertion = true, .signer = PAIR_IDP, .encrypt_for = PAIR_SP,
	};
}

static void attribute(GString *out, const char *name, const char *value)
{
	if (value)
		g_string_append_printf(out, " %s=\"%s\"", name, value);
}

char *idp_template(const struct shape *shape, const char *id)
{
	const char *c14n = shape->canonicalization ? shape->canonicalization : "http://www.w3.org/2001/10/xml-exc-c14n#";
	const char *method = shape->signature_method ? shape->signature_method : "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
	const char *digest = shape->digest_method ? shape->digest_method : "http://www.w3.org/2001/04/xmlenc#sha256";
	const char *transforms = shape->transforms ? shape->transforms
	                                           : "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>"
	                                             "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>";
	g_autofree char *usual = g_strdup_printf("<ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo>", pairs[shape->signer].certificate);

	return g_strdup_printf("<ds:Signature xmlns:ds=\"" NS_SIGNATURE "\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"%s\"/><ds:SignatureMethod Algorithm=\"%s\"/>"
	                       "<ds:Reference URI=\"#%s\"><ds:Transforms>%s</ds:Transforms><ds:DigestMethod Algorithm=\"%s\"/><ds:DigestValue/></ds:Reference></ds:SignedInfo>"
	                       "<ds:SignatureValue/>%s</ds:Signature>",
	                       c14n, method, id, transforms, digest, shape->key_info ? shape->key_info : usual);
}

static xmlNode *find_id(xmlNode *node, const char *id)
{
	g_autofree char *own = node->type == XML_ELEMENT_NODE ? xml_attribute(node, "ID") : NULL;

	if (own && strcmp(own, id) == 0)
		return node;
	for (xmlNode *child = node->children; child; child = child->next) {
		xmlNode *found = child->type == XML_ELEMENT_NODE ? find_id(child, id) : NULL;
		if (found)
			return found;
	}
	return NULL;
}

static char *document_text(xmlDoc *document)
{
	xmlBuffer *buffer = xmlBufferCreate();
	xmlNodeDump(buffer, document, xmlDocGetRootElement(document), 0, 0);
	char *text = g_strdup((const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	return text;
}

char *idp_sign(const char *xml, enum pair_name signer, const char *id)
{
	xmlDoc *document = xmlReadMemory(xml, (int)strlen(xml), NULL, NULL, XML_PARSE_NONET);
	assert_non_null(document);
	xmlNode *element = find_id(xmlDocGetRootElement(document), id);
	assert_non_null(element);
	xmlAddID(NULL, document, (const xmlChar *)id, xmlHasProp(element, (const xmlChar *)"ID"));
	xmlSecDSigCtx *context = xmlSecDSigCtxCreate(NULL);
	context->signKey = key_of(signer);
	int signed_ok = xmlSecDSigCtxSign(context, xml_child(element, NS_SIGNATURE, "Signature"));
	assert_int_equal(signed_ok, 0);
	xmlSecDSigCtxDestroy(context);
	char *text = document_text(document);
	xmlFreeDoc(document);
	return text;
}

char *idp_encrypt(const char *plain, enum encryption encryption, enum pair_name encrypt_for)
{
	static const char form[] = "<xenc:EncryptedData xmlns:xenc=\"" NS_ENCRYPTION "\" Type=\"http://www.w3.org/2001/04/xmlenc#Element\"><xenc:EncryptionMethod Algorithm=\"%s\"/>"
				   "<ds:KeyInfo xmlns:ds=\"" NS_SIGNATURE "\"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\"/>"
				   "<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>"
				   "<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>";
	g_autofree char *text = g_strdup_printf(form, encryption == ENCRYPT_CBC ? "http://www.w3.org/2001/04/xmlenc#aes256-cbc" : "http://www.w3.org/2009/xmlenc11#aes256-gcm");
	xmlDoc *document = xmlReadMemory(text, (int)strlen(text), NULL, NULL, XML_PARSE_NONET);
	xmlSecKeysMngr *manager = xmlSecKeysMngrCreate();

	xmlSecCryptoAppDefaultKeysMngrInit(manager);
	xmlSecCryptoAppDefaultKeysMngrAdoptKey(manager, key_of(encrypt_for));
	xmlSecEncCtx *context = xmlSecEncCtxCreate(manager);
	context->encKey = xmlSecKeyGenerate(xmlSecKeyDataAesId, 256, xmlSecKeyDataTypeSession);
	int done = xmlSecEncCtxBinaryEncrypt(context, xmlDocGetRootElement(document), (const xmlSecByte *)plain, (xmlSecSize)strlen(plain));
	assert_int_equal(done, 0);
	xmlSecEncCtxDestroy(context);
	xmlSecKeysMngrDestroy(manager);
	char *encrypted = document_text(document);
	xmlFreeDoc(document);
	return encrypted;
}

static void append_name(GString *out, const struct shape *shape)
{
	g_autoptr(GString) name = g_string_new("<saml:NameID xmlns:saml=\"" NS_ASSERTION "\"");

	if (!shape->name)
		return;
	attribute(name, "Format", shape->name_format);
	g_string_append_printf(name, ">%s</saml:NameID>", shape->name);
	if (shape->name_encryption == ENCRYPT_NOT) {
		g_string_append(out, name->str);
		return;
	}
	g_autofree char *encrypted = idp_encrypt(name->str, shape->name_encryption, shape->encrypt_for);
	g_string_append_printf(out, "<saml:EncryptedID>%s</saml:EncryptedID>", encrypted);
}

static void append_subject(GString *out, const struct shape *shape)
{
	if (shape->no_subject)
		return;
	g_string_append(out, "<saml:Subject>");
	append_name(out, shape);
	if (!shape->no_confirmation) {
		g_string_append(out, "<saml:SubjectConfirmation");
		attribute(out, "Method", shape->method);
		g_string_append(out, "><saml:SubjectConfirmationData");
		attribute(out, "InResponseTo", shape->confirmation_in_response_to);
		attribute(out, "NotBefore", shape->confirmation_not_before);
		attribute(out, "NotOnOrAfter", shape->confirmation_not_on_or_after);
		attribute(out, "Recipient", shape->recipient);
		g_string_append_printf(out, "/></saml:SubjectConfirmation>%s", shape->confirmation_extra);
	}
	g_string_append_printf(out, "%s</saml:Subject>", shape->subject_extra);
}

static void append_conditions(GString *out, const struct shape *shape)
{
	if (shape->no_conditions)
		return;
	g_string_append(out, "<saml:Conditions");
	attribute(out, "NotBefore", shape->not_before);
	attribute(out, "NotOnOrAfter", shape->not_on_or_after);
	g_string_append_printf(out, ">%s%s</saml:Conditions>", shape->audiences, shape->conditions_extra);
}

static void append_authentication(GString *out, const struct shape *shape)
{
	if (shape->no_authn_statement)
		return;
	g_string_append(out, "<saml:AuthnStatement");
	attribute(out, "AuthnInstant", shape->authn_instant);
	attribute(out, "SessionIndex", shape->session_index);
	attribute(out, "SessionNotOnOrAfter", shape->session_not_on_or_after);
	g_string_append_printf(out, "><saml:AuthnContext><saml:AuthnContextClassRef>%s</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>", shape->context);
}

char *idp_assertion(const struct shape *shape)
{
	g_autoptr(GString) out = g_string_new("<saml:Assertion xmlns:saml=\"" NS_ASSERTION "\"");

	attribute(out, "ID", shape->assertion_id);
	attribute(out, "Version", shape->assertion_version);
	attribute(out, "IssueInstant", shape->issue_instant);
	g_string_append(out, ">");
	if (shape->assertion_issuer)
		g_string_append_printf(out, "<saml:Issuer>%s</saml:Issuer>", shape->assertion_issuer);
	if (shape->sign_assertion) {
		g_autofree char *signature = idp_template(shape, shape->assertion_id);
		g_string_append(out, signature);
	}
	append_subject(out, shape);
	append_conditions(out, shape);
	append_authentication(out, shape);
	if (shape->attributes)
		g_string_append_printf(out, "<saml:AttributeStatement>%s</saml:AttributeStatement>", shape->attributes);
	g_string_append(out, "</saml:Assertion>");
	return shape->sign_assertion ? idp_sign(out->str, shape->signer, shape->assertion_id) : g_string_free(g_steal_pointer(&out), FALSE);
}

char *idp_response(const struct shape *shape)
{
	g_autoptr(GString) out = g_string_new("<samlp:Response xmlns:samlp=\"" NS_PROTOCOL "\" xmlns:saml=\"" NS_ASSERTION "\" ID=\"_response1\" IssueInstant=\"" AT_NOW "\"");
	g_autofree char *assertion = idp_assertion(shape);

	attribute(out, "Version", shape->version);
	attribute(out, "Destination", shape->destination);
	attribute(out, "InResponseTo", shape->in_response_to);
	g_string_append(out, ">");
	if (shape->response_issuer)
		g_string_append_printf(out, "<saml:Issuer>%s</saml:Issuer>", shape->response_issuer);
	if (shape->sign_response) {
		g_autofree char *signature = idp_template(shape, "_response1");
		g_string_append(out, signature);
	}
	g_string_append(out, shape->extensions);
	if (shape->status)
		g_string_append_printf(out, "<samlp:Status><samlp:StatusCode Value=\"%s\"/></samlp:Status>", shape->status);
	if (shape->encryption == ENCRYPT_NOT) {
		g_string_append(out, assertion);
	} else {
		g_autofree char *encrypted = idp_encrypt(assertion, shape->encryption, shape->encrypt_for);
		g_string_append_printf(out, "<saml:EncryptedAssertion>%s</saml:EncryptedAssertion>", encrypted);
	}
	g_string_append_printf(out, "%s</samlp:Response>", shape->response_extra);
	return shape->sign_response ? idp_sign(out->str, shape->signer, "_response1") : g_string_free(g_steal_pointer(&out), FALSE);
}

static void append_key(GString *out, enum pair_name name)
{
	g_string_append_printf(out, "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
	                       pairs[name].certificate);
}

char *idp_metadata(const struct paper *paper)
{
	GString *out = g_string_new("<md:EntityDescriptor xmlns:md=\"" NS_METADATA "\" xmlns:ds=\"" NS_SIGNATURE "\"");

	attribute(out, "entityID", paper->entity_id ? paper->entity_id : IDP_ENTITY);
	g_string_append_printf(out, "%s%s><md:IDPSSODescriptor WantAuthnRequestsSigned=\"%s\" protocolSupportEnumeration=\"" NS_PROTOCOL "\">", paper->attributes ? " " : "",
	                       paper->attributes ? paper->attributes : "", paper->wants_signed ? "true" : "false");
	for (size_t i = 0; i < MAX(paper->key_count, (size_t)1); i++)
		append_key(out, paper->key_count ? paper->keys[i] : PAIR_IDP);
	if (paper->slo)
		g_string_append_printf(out, "<md:SingleLogoutService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"%s\"/>", paper->slo);
	g_string_append(out, paper->formats ? paper->formats : "");
	g_string_append_printf(out, "<md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"%s\"/>"
	                            "</md:IDPSSODescriptor></md:EntityDescriptor>", paper->sso ? paper->sso : "https://idp.example/sso");
	return g_string_free(out, FALSE);
}

struct saml_response_question question_good(const char *xml)
{
	static const char *certificates[3];

	certificates[0] = pairs[PAIR_IDP_NEXT].certificate;
	certificates[1] = pairs[PAIR_IDP].certificate;
	return (struct saml_response_question){
		.trust = {.provider = "tenant/okta", .idp_entity_id = IDP_ENTITY, .certificates = certificates, .entity_id = SP_ENTITY, .now_ms = NOW_MS, .skew_ms = 60000},
		.bytes = xml, .length = strlen(xml), .acs_url = SP_ACS, .request_id = REQUEST_ID,
		.decryption_keys = &pairs[PAIR_SP].pkcs8, .decryption_key_count = 1,
	};
}

json_t *ask_response(const struct saml_response_question *question)
{
	json_t *answer = saml_response_check(question);
	const char *result = json_string_at(answer, "result");
	const json_t *checks = json_object_get(answer, "checks");

	assert_non_null(result);
	assert_true(json_array_size(checks) > 0);
	const json_t *last = json_array_get(checks, json_array_size(checks) - 1);
	assert_int_equal(strcmp(result, "ok") == 0, json_is_true(json_object_get(last, "passed")));
	assert_int_equal(strcmp(result, "ok") == 0, json_string_at(answer, "subject") != NULL);
	if (!json_is_true(json_object_get(last, "passed")) && !json_string_at(last, "advice"))
		fail_msg("%s refuses without a remedy", json_string_at(last, "check"));
	return answer;
}

bool answer_is_ok(const json_t *answer, const char **ret_rule)
{
	const json_t *checks = json_object_get(answer, "checks");

	if (ret_rule)
		*ret_rule = json_string_at(json_array_get(checks, json_array_size(checks) - 1), "check");
	return strcmp(json_string_at(answer, "result"), "ok") == 0;
}

void assert_answer_ok(const json_t *answer)
{
	const json_t *checks = json_object_get(answer, "checks");
	g_autofree char *last = json_text(json_array_get(checks, json_array_size(checks) - 1));

	if (!answer_is_ok(answer, NULL))
		fail_msg("%s", last);
}

char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (!at)
		fail_msg("'%s' is not in the message", from);
	return g_strdup_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}
