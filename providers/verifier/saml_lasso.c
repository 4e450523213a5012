/* Lasso's word on a Response that xmlsec and our table have found good: it processes the same message, with the IdP's certificates in a metadata document of our own
 * making, signature checks forced, and the request restored, so that it enforces InResponseTo in its own way. Two implementations must agree.
 *
 * It comes last: its mapping of XML to objects, where its own holes were (SECURITY 0, finding 2), then meets only what the configured provider has signed.
 * A LassoServer costs 100 ms to build and some hundred kilobytes to keep: a few are kept, for as long as the pins they were made of stay the same. */
#include "providers/verifier/saml_internal.h"

#include "base/encoding.h"
#include "crypto/digest.h"

#include <lasso/lasso.h>
#include <string.h>

#define SERVERS_MAX 16

struct server {
	uint8_t made_of[DIGEST_SIZE];
	LassoServer *lasso;
	uint64_t used;
};

static struct server servers[SERVERS_MAX];
static uint64_t uses;

static void metadata_open(GString *out, const char *entity_id, const char *role)
{
	g_autofree char *id = g_markup_escape_text(entity_id, -1);

	g_string_printf(out, "<md:EntityDescriptor xmlns:md=\"" NS_METADATA "\" entityID=\"%s\"><md:%s protocolSupportEnumeration=\"" NS_PROTOCOL "\">", id, role);
}

/* The IdP as far as Lasso must know it: its name and the keys it may sign with. */
static char *idp_metadata(const struct saml_trust *trust)
{
	g_autoptr(GString) out = g_string_new(NULL);

	metadata_open(out, trust->idp_entity_id, "IDPSSODescriptor");
	for (size_t i = 0; trust->certificates[i]; i++)
		g_string_append_printf(out, "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"" NS_SIGNATURE "\"><ds:X509Data><ds:X509Certificate>%s"
		                            "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>", trust->certificates[i]);
	g_string_append(out, "<md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://idp.invalid/\"/>"
	                     "</md:IDPSSODescriptor></md:EntityDescriptor>");
	return g_string_free(g_steal_pointer(&out), FALSE);
}

static char *sp_metadata(const struct saml_response_question *question)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *acs_url = g_markup_escape_text(question->acs_url, -1);

	metadata_open(out, question->trust.entity_id, "SPSSODescriptor");
	g_string_append_printf(out, "<md:AssertionConsumerService index=\"0\" isDefault=\"true\" Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"%s\"/>"
	                            "</md:SPSSODescriptor></md:EntityDescriptor>", acs_url);
	return g_string_free(g_steal_pointer(&out), FALSE);
}

static LassoServer *server_new(const struct saml_response_question *question, const char *idp)
{
	g_autofree char *ours = sp_metadata(question);
	LassoServer *server = lasso_server_new_from_buffers(ours, NULL, NULL, NULL);

	/* No ca_cert_chain, ever: with one and without keys Lasso verifies everything (LIBRARIES 4.2, hole 4). */
	if (server && lasso_server_add_provider_from_buffer(server, LASSO_PROVIDER_ROLE_IDP, idp, NULL, NULL) != 0)
		g_clear_object(&server);
	return server;
}

/* The entry of that provider and exactly those pins, or the one longest unused, emptied. */
static struct server *server_slot(const uint8_t made_of[DIGEST_SIZE])
{
	struct server *oldest = &servers[0];

	for (size_t i = 0; i < SERVERS_MAX; i++) {
		if (servers[i].lasso && memcmp(servers[i].made_of, made_of, DIGEST_SIZE) == 0)
			return &servers[i];
		if (servers[i].used < oldest->used)
			oldest = &servers[i];
	}
	g_clear_object(&oldest->lasso);
	return oldest;
}

/* Borrowed from the cache; NULL where Lasso cannot read what we wrote. */
static LassoServer *server_of(const struct saml_response_question *question)
{
	g_autofree char *idp = idp_metadata(&question->trust);
	struct digest_parts *parts = digest_parts_new("saml lasso server");
	uint8_t made_of[DIGEST_SIZE];

	digest_parts_add_text(parts, question->trust.provider);
	digest_parts_add_text(parts, question->trust.entity_id);
	digest_parts_add_text(parts, question->acs_url);
	digest_parts_add_text(parts, idp);
	digest_parts_finish(parts, made_of);
	struct server *server = server_slot(made_of);
	if (!server->lasso)
		server->lasso = server_new(question, idp);
	memcpy(server->made_of, made_of, DIGEST_SIZE);
	server->used = ++uses;
	return server->lasso;
}

/* The message as base64, as Lasso wants it. Where the assertion came encrypted it is put in clear into its place; the Response's signature, which covered the
 * ciphertext, goes: the assertion's own is what Lasso then checks. */
static char *plain_message(const struct saml_response_question *question, const xmlNode *decrypted)
{
	if (!decrypted)
		return base64_encode(question->bytes, question->length);
	g_autoptr(xmlDoc) document = xml_read(question->bytes, question->length);
	xmlNode *root = xmlDocGetRootElement(document), *encrypted = xml_child(root, NS_ASSERTION, "EncryptedAssertion");
	xmlNode *signature = xml_child(root, NS_SIGNATURE, "Signature");
	xmlNode *copy = encrypted ? xmlDocCopyNode((xmlNode *)(uintptr_t)decrypted, document, 1) : NULL;
	if (!copy)
		return NULL;
	xmlFreeNode(xmlReplaceNode(encrypted, copy));
	if (signature) {
		xmlUnlinkNode(signature);
		xmlFreeNode(signature);
	}
	xmlChar *bytes = NULL;
	int length = 0;
	xmlDocDumpMemory(document, &bytes, &length);
	char *text = base64_encode(bytes, (size_t)length);
	xmlFree(bytes);
	return text;
}

/* A login as lasso_login_dump left it once the request was sent: only a restored one makes Lasso look at InResponseTo. */
static LassoLogin *login_new(LassoServer *server, const char *request_id)
{
	g_autofree char *id = request_id ? g_markup_escape_text(request_id, -1) : NULL;
	g_autofree char *dump = g_strdup_printf("<Login xmlns=\"" LASSO_LASSO_HREF "\" LoginDumpVersion=\"2\"><RequestID>%s</RequestID></Login>", id ? id : "");

	return request_id ? lasso_login_new_from_dump(server, dump) : lasso_login_new(server);
}

/* FORCE wants a signature on the Response and one on the assertion. Where there is one only, MAYBE wants one of the two that is good, and refuses a message without
 * any; the hint that ignores signatures stands nowhere in this program. */
bool saml_lasso_agrees(const xmlNode *decrypted, bool both_signed, const struct saml_response_question *question, struct checks *checks)
{
	LassoServer *server = server_of(question);
	g_autofree char *message = plain_message(question, decrypted);
	LassoLogin *login = server && message ? login_new(server, question->request_id) : NULL;
	int result = LASSO_ERROR_UNDEFINED;

	if (login) {
		lasso_profile_set_signature_verify_hint(LASSO_PROFILE(login), both_signed ? LASSO_PROFILE_SIGNATURE_VERIFY_HINT_FORCE : LASSO_PROFILE_SIGNATURE_VERIFY_HINT_MAYBE);
		result = lasso_login_process_authn_response_msg(login, message);
		if (result == 0 && g_strcmp0(LASSO_PROFILE(login)->remote_providerID, question->trust.idp_entity_id) != 0)
			result = LASSO_PROFILE_ERROR_UNKNOWN_PROVIDER;
		g_object_unref(login);
	}
	return check_advised(checks, "lasso", result == 0 ? "agrees" : lasso_strerror(result), "agrees", result == 0,
	                     "The second reader refuses what the first one took: somebody may have forged this. If the provider always sends it, show it to its maker and to us.");
}
