/* Messages as strings (providers/saml_message.h). Canonical form means here: attributes in the order of their names, no empty-element tags, a namespace declared on
 * the outermost element that uses its prefix and again where a sibling does, references only where C14N writes them. The tests have xmlsec canonicalise and verify
 * each of them. */
#include "providers/saml_message.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "crypto/digest.h"

#include <string.h>

#define XMLNS_SAML " xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\""
#define XMLNS_SAMLP " xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\""
#define XMLNS_DS " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\""
#define PROTOCOL "urn:oasis:names:tc:SAML:2.0:protocol"
#define BINDINGS "urn:oasis:names:tc:SAML:2.0:bindings:"
#define STATUS "urn:oasis:names:tc:SAML:2.0:status:"
#define EXCLUSIVE "http://www.w3.org/2001/10/xml-exc-c14n#"

/* Canonical XML 1.0 section 2.3. */
static void append_escaped(GString *out, const char *text, bool in_attribute)
{
	for (; *text; text++) {
		if (*text == '&')
			g_string_append(out, "&amp;");
		else if (*text == '<')
			g_string_append(out, "&lt;");
		else if (*text == '\r')
			g_string_append(out, "&#xD;");
		else if (*text == '>' && !in_attribute)
			g_string_append(out, "&gt;");
		else if (*text == '"' && in_attribute)
			g_string_append(out, "&quot;");
		else if ((*text == '\t' || *text == '\n') && in_attribute)
			g_string_append(out, *text == '\t' ? "&#x9;" : "&#xA;");
		else
			g_string_append_c(out, *text);
	}
}

static void attribute(GString *out, const char *name, const char *value)
{
	if (!value)
		return;
	g_string_append_printf(out, " %s=\"", name);
	append_escaped(out, value, true);
	g_string_append_c(out, '"');
}

static void element(GString *out, const char *name, const char *declarations, const char *text)
{
	g_string_append_printf(out, "<%s%s>", name, declarations);
	append_escaped(out, text, false);
	g_string_append_printf(out, "</%s>", name);
}

/* xs:dateTime; some receivers do not take fractions of a second. */
static const char *time_text(int64_t time_ms, char out[CLOCK_TEXT_SIZE])
{
	clock_format(time_ms, out);
	memcpy(out + strlen("2026-11-24T13:41:11"), "Z", 2);
	return out;
}

static char *finish(GString *out)
{
	return g_string_free(out, FALSE);
}

char *saml_authn_request(const struct saml_authn_request *request)
{
	GString *out = g_string_new("<samlp:AuthnRequest" XMLNS_SAMLP);
	char now[CLOCK_TEXT_SIZE];

	attribute(out, "AssertionConsumerServiceURL", request->acs_url);
	attribute(out, "Destination", request->destination);
	attribute(out, "ForceAuthn", request->force ? "true" : NULL);
	attribute(out, "ID", request->id);
	attribute(out, "IsPassive", request->passive ? "true" : NULL);
	attribute(out, "IssueInstant", time_text(request->now_ms, now));
	attribute(out, "ProtocolBinding", BINDINGS "HTTP-POST");
	attribute(out, "Version", "2.0");
	g_string_append_c(out, '>');
	element(out, "saml:Issuer", XMLNS_SAML, request->issuer);
	if (request->name_id_format) {
		g_string_append(out, "<samlp:NameIDPolicy");
		attribute(out, "AllowCreate", "true");
		attribute(out, "Format", request->name_id_format);
		g_string_append(out, "></samlp:NameIDPolicy>");
	}
	if (request->contexts && request->contexts[0]) {
		g_string_append(out, "<samlp:RequestedAuthnContext Comparison=\"exact\">");
		for (size_t i = 0; request->contexts[i]; i++)
			element(out, "saml:AuthnContextClassRef", XMLNS_SAML, request->contexts[i]);
		g_string_append(out, "</samlp:RequestedAuthnContext>");
	}
	g_string_append(out, "</samlp:AuthnRequest>");
	return finish(out);
}

static void append_name(GString *out, const struct saml_name *name)
{
	g_string_append(out, "<saml:NameID" XMLNS_SAML);
	attribute(out, "Format", name->format);
	attribute(out, "NameQualifier", name->name_qualifier);
	attribute(out, "SPNameQualifier", name->sp_name_qualifier);
	g_string_append_c(out, '>');
	append_escaped(out, name->value, false);
	g_string_append(out, "</saml:NameID>");
}

char *saml_logout_request(const struct saml_logout_request *request)
{
	GString *out = g_string_new("<samlp:LogoutRequest" XMLNS_SAMLP);
	char now[CLOCK_TEXT_SIZE], expires[CLOCK_TEXT_SIZE];

	attribute(out, "Destination", request->destination);
	attribute(out, "ID", request->id);
	attribute(out, "IssueInstant", time_text(request->now_ms, now));
	attribute(out, "NotOnOrAfter", time_text(request->expires_ms, expires));
	attribute(out, "Version", "2.0");
	g_string_append_c(out, '>');
	element(out, "saml:Issuer", XMLNS_SAML, request->issuer);
	append_name(out, &request->name);
	for (size_t i = 0; request->session_indexes && request->session_indexes[i]; i++)
		element(out, "samlp:SessionIndex", "", request->session_indexes[i]);
	g_string_append(out, "</samlp:LogoutRequest>");
	return finish(out);
}

char *saml_logout_response(const struct saml_logout_response *response)
{
	GString *out = g_string_new("<samlp:LogoutResponse" XMLNS_SAMLP);
	char now[CLOCK_TEXT_SIZE];

	attribute(out, "Destination", response->destination);
	attribute(out, "ID", response->id);
	attribute(out, "InResponseTo", response->in_response_to);
	attribute(out, "IssueInstant", time_text(response->now_ms, now));
	attribute(out, "Version", "2.0");
	g_string_append_c(out, '>');
	element(out, "saml:Issuer", XMLNS_SAML, response->issuer);
	g_string_append_printf(out, "<samlp:Status><samlp:StatusCode Value=\"" STATUS "%s\">", response->success ? "Success" : "Responder");
	if (response->partial)
		g_string_append(out, "<samlp:StatusCode Value=\"" STATUS "PartialLogout\"></samlp:StatusCode>");
	g_string_append(out, "</samlp:StatusCode></samlp:Status></samlp:LogoutResponse>");
	return finish(out);
}

static void append_keys(GString *out, const char *use, const char *const *certificates)
{
	for (size_t i = 0; certificates && certificates[i]; i++) {
		g_string_append_printf(out, "<md:KeyDescriptor use=\"%s\"><ds:KeyInfo" XMLNS_DS "><ds:X509Data>", use);
		element(out, "ds:X509Certificate", "", certificates[i]);
		g_string_append(out, "</ds:X509Data></ds:KeyInfo>");
		if (strcmp(use, "encryption") == 0) /* what we would rather be sent; AD FS reads it, others do not */
			g_string_append(out, "<md:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"></md:EncryptionMethod>"
			                     "<md:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p\"></md:EncryptionMethod>");
		g_string_append(out, "</md:KeyDescriptor>");
	}
}

static void append_endpoint(GString *out, const char *name, const char *binding, const char *location, bool indexed)
{
	g_string_append_printf(out, "<md:%s", name);
	attribute(out, "Binding", binding);
	attribute(out, "Location", location);
	if (indexed)
		g_string_append(out, " index=\"0\" isDefault=\"true\"");
	g_string_append_printf(out, "></md:%s>", name);
}

char *saml_sp_metadata(const struct saml_sp_metadata *metadata)
{
	GString *out = g_string_new("<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\"");

	attribute(out, "entityID", metadata->entity_id);
	g_string_append(out, "><md:SPSSODescriptor");
	attribute(out, "AuthnRequestsSigned", metadata->signs_requests ? "true" : "false");
	attribute(out, "WantAssertionsSigned", "true");
	attribute(out, "protocolSupportEnumeration", PROTOCOL);
	g_string_append_c(out, '>');
	append_keys(out, "signing", metadata->signing);
	append_keys(out, "encryption", metadata->encryption);
	append_endpoint(out, "SingleLogoutService", BINDINGS "HTTP-Redirect", metadata->slo_url, false);
	append_endpoint(out, "SingleLogoutService", BINDINGS "HTTP-POST", metadata->slo_url, false);
	if (metadata->name_id_format)
		element(out, "md:NameIDFormat", "", metadata->name_id_format);
	append_endpoint(out, "AssertionConsumerService", BINDINGS "HTTP-POST", metadata->acs_url, true);
	g_string_append(out, "</md:SPSSODescriptor></md:EntityDescriptor>");
	return finish(out);
}

/* SignedInfo as its canonical form is, with the declaration that in the document stands on Signature. */
static char *signed_info(const char *message, const char *id, const char *declaration)
{
	GString *out = g_string_new(NULL);
	uint8_t digest[DIGEST_SIZE];

	digest_sha256(message, strlen(message), digest);
	g_autofree char *digest_text = base64_encode(digest, sizeof digest);
	g_string_printf(out, "<ds:SignedInfo%s><ds:CanonicalizationMethod Algorithm=\"" EXCLUSIVE "\"></ds:CanonicalizationMethod>"
	                     "<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></ds:SignatureMethod><ds:Reference", declaration);
	g_autofree char *uri = g_strconcat("#", id, NULL);
	attribute(out, "URI", uri);
	g_string_append_printf(out, "><ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>"
	                            "<ds:Transform Algorithm=\"" EXCLUSIVE "\"></ds:Transform></ds:Transforms>"
	                            "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></ds:Reference></ds:SignedInfo>",
	                       digest_text);
	return finish(out);
}

char *saml_sign(const char *message, const char *id, const struct certified_key *key)
{
	static const char issuer_end[] = "</saml:Issuer>";
	const char *behind = strstr(message, issuer_end) + strlen(issuer_end);
	g_autofree char *canonical = signed_info(message, id, XMLNS_DS), *written = signed_info(message, id, "");
	g_autofree char *signature = certified_key_sign(key, canonical, strlen(canonical));

	return g_strdup_printf("%.*s<ds:Signature" XMLNS_DS ">%s<ds:SignatureValue>%s</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s"
	                       "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>%s",
	                       (int)(behind - message), message, written, signature, certified_key_certificate(key), behind);
}

char *saml_soap(const char *message)
{
	return g_strconcat("<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>", message, "</soap:Body></soap:Envelope>", NULL);
}
