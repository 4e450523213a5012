/* The hostile corpus: everything is made from valid responses of the configured provider, and nothing of it may sign anybody in. Each attack names the check that
 * must refuse it, so that one wall does not hide that another has fallen; after each one a valid response is still read. */
#include "idp.h"
#include "subjects.h"

#include "base/encoding.h"

#include <string.h>

enum base { PLAIN, BOTH, ENVELOPE, SEALED, BASE_COUNT }; /* signed assertion, both signed, response-only, encrypted */
static char *bases[BASE_COUNT];
GPtrArray *corpus;

static int bases_make(void **state)
{
	(void)state;
	corpus = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	for (int base = 0; base < BASE_COUNT; base++) {
		struct shape shape = shape_good();
		shape.sign_assertion = base != ENVELOPE;
		shape.sign_response = base == BOTH || base == ENVELOPE;
		shape.encryption = base == SEALED ? ENCRYPT_GCM : ENCRYPT_NOT;
		bases[base] = idp_response(&shape);
	}
	return 0;
}

static int bases_free(void **state)
{
	(void)state;
	for (int base = 0; base < BASE_COUNT; base++)
		g_free(bases[base]);
	return 0;
}

/* Pasted into `provider test` it does no more: nothing is told but what the provider signed. */
static void explained(const char *name, struct saml_response_question question)
{
	question.recorded = true;
	g_autoptr(json_t) answer = saml_response_check(&question);
	const char *subject = json_string_at(answer, "subject");

	if (subject && strcmp(subject, shape_good().name) != 0)
		fail_msg("%s: %s is told", name, subject);
}

static void refused_bytes(const char *name, const char *xml, size_t length, const char *rule)
{
	struct saml_response_question question = question_good(xml);
	const char *seen = NULL;

	question.length = length;
	g_autoptr(json_t) answer = ask_response(&question);
	if (answer_is_ok(answer, &seen) || (rule && g_strcmp0(rule, seen) != 0))
		fail_msg("%s: expected %s, got %s by %s", name, rule, json_string_at(answer, "result"), seen);
	assert_string_not_equal(json_string_at(answer, "result"), "ok");
	explained(name, question);
	question = question_good(bases[PLAIN]);
	g_autoptr(json_t) still = ask_response(&question);
	assert_answer_ok(still);
	g_ptr_array_add(corpus, g_bytes_new(xml, length));
}

static void refused(const char *name, const char *xml, const char *rule)
{
	refused_bytes(name, xml, strlen(xml), rule);
}

static void refused_after(const char *name, enum base base, const char *from, const char *to, const char *rule)
{
	g_autofree char *xml = replaced(bases[base], from, to);

	refused(name, xml, rule);
}

/* The piece of `xml` from the first `open` to the end of the first `close` behind it. */
static char *piece(const char *xml, const char *open, const char *close)
{
	const char *start = strstr(xml, open), *end = start ? strstr(start, close) : NULL;

	assert_non_null(end);
	return g_strndup(start, (size_t)(end - start) + strlen(close));
}

static char *evil_assertion(const char *id)
{
	struct shape shape = shape_good();

	shape.sign_assertion = false;
	shape.assertion_id = id;
	shape.name = "admin";
	return idp_assertion(&shape);
}

/* Places where readers and canonicalisers have disagreed, times what they disagreed about. */
static void what_hides_in_text(void **state)
{
	static const char *const places[] = {"7f3c-", "<ds:DigestValue>", "<ds:SignatureValue>", "alice@", "<saml:Audience>https", "<saml:Issuer>https", "wiki &amp;", "<saml:Subject>",
	                                     "<samlp:Status>", "<saml:AttributeStatement>"};
	static const struct {
		const char *text, *rule;
	} hidden[] = {
		{"<!---->", "xml_comment"}, {"<!-- x -->", "xml_comment"}, {"<?x y?>", "xml_processing_instruction"}, {"<?xml version=\"1.0\"?>", "xml_processing_instruction"},
		{"<![CDATA[]]>", "xml_cdata"}, {"<![CDATA[.evil]]>", "xml_cdata"}, {"&evil;", "xml_entity"}, {"&#0;", "xml_well_formed"}, {"&#xffff;", "xml_well_formed"},
		{"<!DOCTYPE x>", "xml_doctype"}, {"\x01", "xml_utf8"}, {"\xc3", "xml_utf8"}, {"\xef\xbf\xbe", "xml_utf8"}, {"]]>", "xml_well_formed"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(places); i++)
		for (size_t k = 0; k < TEST_COUNT(hidden); k++) {
			g_autofree char *to = g_strconcat(places[i], hidden[k].text, NULL);
			refused_after(to, i % 2 ? BOTH : PLAIN, places[i], to, hidden[k].rule);
		}
}

static void document_types_and_outside(void **state)
{
	static const struct {
		const char *before, *after, *rule;
	} rows[] = {
		{"<!DOCTYPE Response>", "", "xml_doctype"},
		{"<!DOCTYPE Response [<!ENTITY e \"admin\">]>", "", "xml_doctype"},
		{"<!DOCTYPE Response SYSTEM \"http://127.0.0.1/x.dtd\">", "", "xml_doctype"},
		{"<!DOCTYPE r [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>", "", "xml_doctype"},
		{"<!DOCTYPE r [<!ENTITY % p SYSTEM \"http://127.0.0.1/\">%p;]>", "", "xml_doctype"},
		{"<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>", "", "xml_doctype"},
		{"<!-- c -->", "", "xml_comment"}, {"", "<!-- c -->", "xml_comment"}, {"<?pi?>", "", "xml_processing_instruction"}, {"", "<?pi?>", "xml_processing_instruction"},
		{"x", "", "xml_well_formed"}, {"", "x", "xml_well_formed"}, {"", "<x/>", "xml_well_formed"}, {"\xef\xbb\xbf", "", "xml_well_formed"},
		{"<?xml version=\"1.0\" encoding=\"UTF-16\"?>", "", "xml_encoding"}, {"<?xml version=\"1.0\" encoding=\"UTF-7\"?>", "", "xml_encoding"},
		{"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>", "", "xml_encoding"}, {"<?xml version=\"1.1\"?>", "", "xml_encoding"},
		{"<?xml version=\"1.0\" evil=\"1\"?>", "", "xml_encoding"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autofree char *xml = g_strconcat(rows[i].before, bases[PLAIN], rows[i].after, NULL);
		refused(rows[i].before, xml, rows[i].rule);
	}
}

#define DSIG "http://www.w3.org/2000/09/xmldsig#"
#define MORE "http://www.w3.org/2001/04/xmldsig-more#"

static void algorithms_of_the_attackers_choice(void **state)
{
	static const char *const signatures[] = {DSIG "rsa-sha1", DSIG "dsa-sha1", DSIG "hmac-sha1", MORE "hmac-sha256", MORE "hmac-sha512", MORE "rsa-md5", MORE "rsa-ripemd160",
	                                         MORE "ecdsa-sha256", "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", "", MORE "RSA-SHA256", " " MORE "rsa-sha256", "none"};
	static const char *const digests[] = {DSIG "sha1", MORE "md5", "http://www.w3.org/2001/04/xmlenc#ripemd160", "http://www.w3.org/2007/05/xmldsig-more#sha3-256", "", "x"};
	static const char *const canonicals[] = {"http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
	                                         "http://www.w3.org/2001/10/xml-exc-c14n#WithComments", "http://www.w3.org/2006/12/xml-c14n11", "", "void"};
	static const char *const transforms[] = {"http://www.w3.org/TR/1999/REC-xslt-19991116", "http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/2002/06/xmldsig-filter2",
	                                         DSIG "base64", "http://www.w3.org/2002/07/decrypt#XML", "http://www.w3.org/TR/2001/WD-xptr-20010108", "x"};

	(void)state;
	for (int base = PLAIN; base <= ENVELOPE; base++) {
		for (size_t i = 0; i < TEST_COUNT(signatures); i++) {
			g_autofree char *to = g_strdup_printf("SignatureMethod Algorithm=\"%s\"", signatures[i]);
			refused_after(to, (enum base)base, "SignatureMethod Algorithm=\"" MORE "rsa-sha256\"", to, "xml_algorithm");
		}
		for (size_t i = 0; i < TEST_COUNT(digests); i++) {
			g_autofree char *to = g_strdup_printf("DigestMethod Algorithm=\"%s\"", digests[i]);
			refused_after(to, (enum base)base, "DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"", to, "xml_algorithm");
		}
		for (size_t i = 0; i < TEST_COUNT(canonicals); i++) {
			g_autofree char *to = g_strdup_printf("CanonicalizationMethod Algorithm=\"%s\"", canonicals[i]);
			refused_after(to, (enum base)base, "CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"", to, "xml_algorithm");
		}
		for (size_t i = 0; i < TEST_COUNT(transforms); i++) {
			g_autofree char *to = g_strdup_printf("<ds:Transform Algorithm=\"%s\"/></ds:Transforms>", transforms[i]);
			refused_after(to, (enum base)base, "</ds:Transforms>", to, "xml_algorithm");
		}
	}
	refused_after("no algorithm", PLAIN, "<ds:SignatureMethod Algorithm=\"" MORE "rsa-sha256\"/>", "<ds:SignatureMethod/>", "xml_algorithm");
	refused_after("no digest method", PLAIN, "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>", "<ds:DigestMethod/>", "xml_algorithm");
}

/* What the provider itself signs, but not in the way that is asked of it. */
static void signatures_that_are_valid_and_weak(void **state)
{
	static const struct {
		const char *name, *method, *digest, *canonical, *transforms, *rule;
	} rows[] = {
		{"RSA-SHA1", DSIG "rsa-sha1", NULL, NULL, NULL, "xml_algorithm"},
		{"SHA-1 digest", NULL, DSIG "sha1", NULL, NULL, "xml_algorithm"},
		{"inclusive C14N", NULL, NULL, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", NULL, "xml_algorithm"},
		{"enveloped only", NULL, NULL, NULL, "<ds:Transform Algorithm=\"" DSIG "enveloped-signature\"/>", "assertion_reference"},
		{"twice", NULL, NULL, NULL, "<ds:Transform Algorithm=\"" DSIG "enveloped-signature\"/><ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>"
		                            "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>", "assertion_reference"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct shape shape = shape_good();
		shape.signature_method = rows[i].method;
		shape.digest_method = rows[i].digest;
		shape.canonicalization = rows[i].canonical;
		shape.transforms = rows[i].transforms;
		g_autofree char *xml = idp_response(&shape);
		refused(rows[i].name, xml, rows[i].rule);
	}
	refused_after("the other order", PLAIN, "<ds:Transform Algorithm=\"" DSIG "enveloped-signature\"/><ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
	              "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><ds:Transform Algorithm=\"" DSIG "enveloped-signature\"/>", "assertion_reference");
}

static void keys_of_the_attackers_choice(void **state)
{
	(void)state;
	for (int way = 0; way < 6; way++) {
		struct shape shape = shape_good();
		g_autofree char *info = NULL;
		shape.signer = way < 4 ? PAIR_FOREIGN : way == 4 ? PAIR_SMALL : PAIR_SP;
		shape.sign_response = way & 1;
		if (way & 2) /* the provider's certificate stands there, the attacker's key signed */
			shape.key_info = info = g_strdup_printf("<ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo>", pairs[PAIR_IDP].certificate);
		shape.name = "admin";
		g_autofree char *xml = idp_response(&shape);
		refused("foreign key", xml, shape.sign_response ? "response_signature" : "assertion_signature");
	}
	refused_after("retrieval", PLAIN, "<ds:X509Data>", "<ds:RetrievalMethod URI=\"http://127.0.0.1/key\"/><ds:X509Data>", "xml_forbidden_element");
	refused_after("key info reference", PLAIN, "<ds:X509Data>", "<KeyInfoReference xmlns=\"http://www.w3.org/2009/xmldsig11#\" URI=\"#x\"/><ds:X509Data>", "xml_forbidden_element");
	refused_after("truncated HMAC", PLAIN, "<ds:SignatureMethod Algorithm=\"" MORE "rsa-sha256\"/>",
	              "<ds:SignatureMethod Algorithm=\"" MORE "rsa-sha256\"><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>", "xml_forbidden_element");
}

/* XSW 1 to 8 of Somorovsky et al., "On Breaking SAML", and the places found since: the signed original somewhere, the attacker's where it is read. */
static void wrapping(void **state)
{
	static const char *const homes[][2] = {
		{"<samlp:Extensions>", "</samlp:Extensions>"}, {"<saml:Advice>", "</saml:Advice>"}, {"<ds:Object xmlns:ds=\"" DSIG "\">", "</ds:Object>"},
		{"<x:wrap xmlns:x=\"urn:x\">", "</x:wrap>"}, {"", ""},
	};
	static const char *const ids[] = {"_assertion1", "_evil"};

	(void)state;
	for (int base = PLAIN; base <= ENVELOPE; base++)
		for (size_t i = 0; i < TEST_COUNT(homes); i++)
			for (size_t k = 0; k < TEST_COUNT(ids); k++) {
				g_autofree char *original = piece(bases[base], "<saml:Assertion", "</saml:Assertion>"), *evil = evil_assertion(ids[k]);
				g_autofree char *hidden = g_strconcat(homes[i][0], original, homes[i][1], NULL);
				g_autofree char *evil_around = replaced(evil, "<saml:Subject>", ""), *inner = g_strconcat(hidden, "<saml:Subject>", NULL);
				g_autofree char *nested = replaced(evil, "<saml:Subject>", inner);
				g_autofree char *evil_hidden = g_strconcat(homes[i][0], evil, homes[i][1], NULL);
				g_autofree char *first = g_strconcat(evil, hidden, NULL), *last = g_strconcat(hidden, evil, NULL), *both = g_strconcat(evil_hidden, original, NULL);
				g_autofree char *child = g_strconcat(evil_hidden, "</saml:Assertion>", NULL);
				g_autofree char *a = replaced(bases[base], original, first), *b = replaced(bases[base], original, last), *c = replaced(bases[base], original, nested);
				g_autofree char *d = replaced(bases[base], original, both), *e = replaced(bases[base], "</saml:Assertion>", child);
				refused("evil before the original", a, NULL);
				refused("evil after the original", b, NULL);
				refused("the original inside evil", c, NULL);
				refused("evil hidden", d, NULL);
				refused("evil inside the original", e, NULL);
				const char *const all[] = {a, b, c, d, e};
				for (size_t n = 0; n < TEST_COUNT(all); n++) {
					struct prefilter_facts facts;
					assert_false(prefilter(PREFILTER_RESPONSE, all[n], strlen(all[n]), NULL, &facts)); /* the first wall alone */
				}
			}
}

/* XSW 1 and 2: the Response itself wrapped. And the walls behind the pre-filter: no signature is good for an element it does not stand in. */
static void wrapped_responses(void **state)
{
	g_autofree char *evil = evil_assertion("_evil");
	g_autofree char *original = piece(bases[ENVELOPE], "<saml:Assertion", "</saml:Assertion>");
	g_autofree char *signature = piece(bases[ENVELOPE], "<ds:Signature ", "</ds:Signature>");
	g_autofree char *body = replaced(bases[ENVELOPE], original, evil), *renamed = replaced(body, "ID=\"_response1\"", "ID=\"_evil_response\"");
	g_autofree char *with = g_strconcat("<ds:Signature xmlns:ds=\"" DSIG "\"><ds:Object>", bases[ENVELOPE], "</ds:Object>", NULL);
	g_autofree char *inside = replaced(renamed, "<ds:Signature xmlns:ds=\"" DSIG "\">", with);
	g_autofree char *behind = g_strconcat(bases[ENVELOPE], "</samlp:Response>", NULL), *after = replaced(renamed, "</samlp:Response>", behind);
	g_autofree char *no_signature = replaced(after, signature, "");

	(void)state;
	refused("XSW1", inside, "xml_forbidden_element");
	refused("XSW2", after, NULL);
	refused("XSW2 without its own signature", no_signature, NULL);
	refused("the signature of another response", renamed, "response_reference");
	refused("the content of another response", body, "response_signature");
	g_autoptr(xmlDoc) document = xml_read(inside, strlen(inside));
	g_autoptr(saml_pins_t) pins = saml_pins_new((const char *[]){pairs[PAIR_IDP].certificate, NULL});
	assert_non_null(document);
	assert_null(saml_signature_verify(xmlDocGetRootElement(document), pins, "response", NULL));
}

static void signatures_rearranged(void **state)
{
	g_autofree char *signature = piece(bases[PLAIN], "<ds:Signature ", "</ds:Signature>"), *info = piece(bases[PLAIN], "<ds:SignedInfo>", "</ds:SignedInfo>");
	g_autofree char *reference = piece(bases[PLAIN], "<ds:Reference ", "</ds:Reference>"), *value = piece(bases[PLAIN], "<ds:SignatureValue>", "</ds:SignatureValue>");
	g_autofree char *digest = piece(bases[PLAIN], "<ds:DigestValue>", "</ds:DigestValue>"), *signature_twice = g_strconcat(signature, signature, NULL);
	g_autofree char *info_twice = g_strconcat(info, info, NULL), *reference_twice = g_strconcat(reference, reference, NULL), *value_twice = g_strconcat(value, value, NULL);
	g_autofree char *digest_twice = g_strconcat(digest, digest, NULL), *other_reference = replaced(reference, "#_assertion1", "#_response1");
	g_autofree char *references = g_strconcat(other_reference, reference, NULL), *in_subject = g_strconcat("<saml:Subject>", signature, NULL);
	g_autofree char *stripped = replaced(bases[PLAIN], signature, ""), *moved = replaced(stripped, "<saml:Subject>", in_subject);
	g_autofree char *on_response = g_strconcat(signature, "<samlp:Status>", NULL), *raised = replaced(stripped, "<samlp:Status>", on_response);
	g_autofree char *manifest = g_strconcat("<ds:Object><ds:Manifest>", reference, "</ds:Manifest></ds:Object></ds:Signature>", NULL);

	(void)state;
	refused("stripped", stripped, "assertion_signature");
	refused("moved into the subject", moved, "xml_misplaced_element");
	refused("raised to the response", raised, "response_reference");
	refused_after("two signatures", PLAIN, signature, signature_twice, "xml_repeated_element");
	refused_after("two SignedInfo", PLAIN, info, info_twice, "xml_repeated_element");
	refused_after("two References", PLAIN, reference, reference_twice, "one_reference");
	refused_after("a foreign Reference first", PLAIN, reference, references, "one_reference");
	refused_after("no Reference", PLAIN, reference, "", "one_reference");
	refused_after("no SignedInfo", PLAIN, info, "", "xml_signature");
	refused_after("two SignatureValues", PLAIN, value, value_twice, "xml_repeated_element");
	refused_after("two DigestValues", PLAIN, digest, digest_twice, NULL);
	refused_after("no SignatureValue", PLAIN, value, "", "xml_signature");
	refused_after("a Manifest", PLAIN, "</ds:Signature>", manifest, "xml_forbidden_element");
	refused_after("empty SignatureValue", PLAIN, value, "<ds:SignatureValue/>", "assertion_signature");
	refused_after("empty DigestValue", PLAIN, digest, "<ds:DigestValue/>", "assertion_signature");
	refused_after("an element in DigestValue", PLAIN, "<ds:DigestValue>", "<ds:DigestValue><x/>", NULL);
	refused_after("Signature of another namespace", PLAIN, "<ds:Signature xmlns:ds=\"" DSIG "\">", "<ds:Signature xmlns:ds=\"urn:x\">", "assertion_reference");
	static const char *const uris[] = {"", "#", "#_response1", "#_request0123456789", "#xpointer(/)", "#xpointer(id('_assertion1'))", "http://127.0.0.1/a", "file:///etc/passwd", "_assertion1",
	                                   "#_assertion1 ", "#&#95;assertion1", "#other"};
	for (size_t i = 0; i < TEST_COUNT(uris); i++) {
		g_autofree char *to = g_strdup_printf("URI=\"%s\"", uris[i]);
		refused_after(to, PLAIN, "URI=\"#_assertion1\"", to, NULL);
	}
	refused_after("no URI", PLAIN, " URI=\"#_assertion1\"", "", "xml_algorithm");
}

static void identifiers_and_namespaces(void **state)
{
	(void)state;
	refused_after("xml:id", PLAIN, "<saml:Subject>", "<saml:Subject xml:id=\"_assertion1\">", "xml_prefixed_id");
	refused_after("another prefix", PLAIN, "<saml:Subject>", "<saml:Subject xmlns:x=\"urn:x\" x:ID=\"_assertion1\">", "xml_prefixed_id");
	refused_after("duplicate ID", PLAIN, "<samlp:Status>", "<samlp:Status ID=\"_assertion1\">", "xml_duplicate_id");
	refused_after("duplicate Id", PLAIN, "<samlp:Status>", "<samlp:Status Id=\"_assertion1\">", "xml_duplicate_id");
	refused_after("duplicate id", PLAIN, "<samlp:Status>", "<samlp:Status id=\"_response1\">", "xml_duplicate_id");
	refused_after("two IDs", PLAIN, "ID=\"_assertion1\"", "ID=\"_assertion1\" ID=\"_evil\"", "xml_well_formed");
	refused_after("polluted by case", PLAIN, "ID=\"_assertion1\"", "ID=\"_assertion1\" Id=\"_assertion1\"", "xml_duplicate_id");
	refused_after("an attribute twice by two prefixes", PLAIN, "<saml:Subject>", "<saml:Subject xmlns:a=\"urn:x\" xmlns:b=\"urn:x\" a:y=\"1\" b:y=\"2\">", "xml_namespaces");
	refused_after("relative namespace", PLAIN, "<saml:Subject>", "<saml:Subject xmlns:x=\"1\">", "xml_namespace");
	refused_after("relative namespace by path", PLAIN, "<saml:Subject>", "<saml:Subject xmlns:x=\"../x\">", "xml_namespace");
	refused_after("relative default namespace", BOTH, "<samlp:Status>", "<samlp:Status xmlns=\"x\">", "xml_namespace");
	refused_after("empty prefixed namespace", PLAIN, "<saml:Subject>", "<saml:Subject xmlns:x=\"\">", "xml_namespace");
	refused_after("entity in a namespace", PLAIN, "<saml:Subject>", "<saml:Subject xmlns:x=\"urn:&#120;\">", "xml_namespace");
	refused_after("xml under another name", PLAIN, "<saml:Subject>", "<saml:Subject xmlns:x=\"http://www.w3.org/XML/1998/namespace\">", "xml_namespace");
	refused_after("xmlns redefined", PLAIN, "<saml:Subject>", "<saml:Subject xmlns:xml=\"urn:x\">", "xml_namespace");
	refused_after("undeclared prefix", PLAIN, "<saml:Subject>", "<saml:Subject><nobody:x/>", "xml_namespaces");
	refused_after("xml:base", PLAIN, "<saml:Subject>", "<saml:Subject xml:base=\"http://127.0.0.1/\">", "xml_base");
	refused_after("protocol of another namespace", PLAIN, "xmlns:samlp=\"" NS_PROTOCOL "\"", "xmlns:samlp=\"urn:oasis:names:tc:SAML:1.0:protocol\"", "xml_namespaces");
	refused_after("assertion of another namespace", PLAIN, "<saml:Assertion xmlns:saml=\"" NS_ASSERTION "\"", "<saml:Assertion xmlns:saml=\"urn:x\"", "one_assertion");
	refused_after("prefix rebound below", PLAIN, "<saml:Subject>", "<saml:Subject xmlns:saml=\"urn:x\">", "assertion_signature");
	refused_after("another root", PLAIN, "<samlp:Response", "<samlp:ArtifactResponse", NULL);
}

/* Every text and attribute of a signed message, one at a time. */
static void altered_after_signing(void **state)
{
	static const char *const changes[][2] = {
		{"7f3c-", "admin"}, {"alice@acme.example", "admin@acme.example"}, {"<saml:AttributeValue>staff", "<saml:AttributeValue>admins"}, {"nameid-format:persistent", "nameid-format:entity"},
		{"Name=\"groups\"", "Name=\"mail\""}, {"FriendlyName=\"mail\"", "FriendlyName=\"uid\""}, {"SessionIndex=\"_session1\"", "SessionIndex=\"_session2\""},
		{"SessionNotOnOrAfter=\"2026-09-21T21", "SessionNotOnOrAfter=\"2026-09-21T22"}, {"PasswordProtectedTransport", "X509"}, {"AuthnInstant=\"2026-09-21T13:00", "AuthnInstant=\"2026-09-21T13:01"},
		{"<saml:Conditions ", "<saml:Conditions x=\"1\" "}, {"<saml:Subject>", "<saml:Subject> "},
		{"</saml:AttributeStatement>", "<saml:Attribute Name=\"admin\"><saml:AttributeValue>1</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"},
		{"wiki &amp; docs", "wiki &lt; docs"}, {"NotBefore=\"2026-09-21T13:00:00Z\"", "NotBefore=\"2026-09-21T12:00:00Z\""}, {"ID=\"_assertion1\"", "ID=\"_assertion2\""},
		{"M\xc3\xa9lanie", "Me\xcc\x81lanie"}, {" Name=\"displayName\"", " Name=\"displayName\" NameFormat=\"urn:x\""},
	};

	(void)state;
	for (int base = PLAIN; base <= ENVELOPE; base++)
		for (size_t i = 0; i < TEST_COUNT(changes); i++)
			refused_after(changes[i][0], (enum base)base, changes[i][0], changes[i][1],
			              base != PLAIN ? "response_signature" : strstr(changes[i][0], "ID=") ? "assertion_reference" : "assertion_signature");
}

static void replayed_elsewhere(void **state)
{
	struct saml_response_question question = question_good(bases[PLAIN]);

	(void)state;
	static const struct {
		const char *what, *rule;
	} rows[] = {{"request", "in_response_to"}, {"acs", "destination"}, {"entity", "audience"}, {"idp", "issuer"}, {"later", "confirmation_not_on_or_after"}, {"unsolicited", "in_response_to"}};
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct saml_response_question other = question;
		const char *seen = NULL;
		switch (i) {
		case 0: other.request_id = "_mallory"; break;
		case 1: other.acs_url = "https://login.other.example/saml/okta/acs"; break;
		case 2: other.trust.entity_id = "https://login.other.example/"; break;
		case 3: other.trust.idp_entity_id = "https://other.example/"; break;
		case 4: other.trust.now_ms += 3600000; break;
		case 5: other.request_id = NULL; break;
		}
		g_autoptr(json_t) answer = ask_response(&other);
		assert_false(answer_is_ok(answer, &seen));
		assert_string_equal(seen, rows[i].rule);
	}
}

static char *sealed(const char *plain)
{
	g_autofree char *data = idp_encrypt(plain, ENCRYPT_GCM, PAIR_SP), *original = piece(bases[SEALED], "<xenc:EncryptedData", "</xenc:EncryptedData>");

	return replaced(bases[SEALED], original, data);
}

/* Our decryption certificate is public: anybody may put anything into an EncryptedAssertion. */
static void what_is_inside_encryption(void **state)
{
	g_autofree char *evil = evil_assertion("_evil"), *good = piece(bases[PLAIN], "<saml:Assertion", "</saml:Assertion>");
	static const struct {
		const char *before, *after, *rule;
	} rows[] = {
		{"<!DOCTYPE x [<!ENTITY e \"x\">]>", "", "xml_doctype"}, {"<!-- -->", "", "xml_comment"}, {"<?x?>", "", "xml_processing_instruction"}, {"", "<x/>", "xml_well_formed"},
		{"<saml:Subject xmlns:saml=\"" NS_ASSERTION "\">", "</saml:Subject>", "xml_root"}, {"text", "", "xml_well_formed"}, {"<![CDATA[", "]]>", "xml_cdata"},
	};

	(void)state;
	g_autofree char *unsigned_inside = sealed(evil);
	refused("encrypted but unsigned", unsigned_inside, "assertion_signature");
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autofree char *plain = g_strconcat(rows[i].before, good, rows[i].after, NULL), *xml = sealed(plain);
		refused(rows[i].before, xml, rows[i].rule);
	}
	g_autofree char *commented = replaced(good, "7f3c-", "7f3c-<!---->"), *inside = sealed(commented), *twice = g_strconcat(good, evil, NULL), *two = sealed(twice);
	refused("a comment inside", inside, "xml_comment");
	refused("two inside", two, "xml_well_formed");
	g_autofree char *open = g_strconcat(evil, "<saml:EncryptedAssertion>", NULL), *beside = replaced(bases[SEALED], "<saml:EncryptedAssertion>", open);
	refused("a plain one beside it", beside, "one_assertion");
	refused_after("CipherReference", SEALED, "<xenc:CipherValue>", "<xenc:CipherReference URI=\"http://127.0.0.1/\"/><xenc:CipherValue>", "xml_forbidden_element");
	refused_after("CipherReference to a file", SEALED, "<xenc:CipherData>", "<xenc:CipherData><xenc:CipherReference URI=\"file:///dev/random\"/>", "xml_forbidden_element");
	refused_after("RSA 1.5", SEALED, "rsa-oaep-mgf1p", "rsa-1_5", "xml_algorithm");
	refused_after("Triple DES", SEALED, "http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmlenc#tripledes-cbc", "xml_algorithm");
	refused_after("relabelled as CBC", SEALED, "http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmlenc#aes256-cbc", "encryption_algorithm");
	refused_after("relabelled as 128 bits", SEALED, "aes256-gcm", "aes128-gcm", "decryption");
	refused_after("no key", SEALED, "<xenc:EncryptedKey>", "<xenc:AgreementMethod>", NULL);
	refused_after("altered ciphertext", SEALED, "</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>", "AAAA</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>", "decryption");
	refused_after("another type", SEALED, "Type=\"http://www.w3.org/2001/04/xmlenc#Element\"", "Type=\"x\" ID=\"_response1\"", "xml_duplicate_id");
}

static void too_much(void **state)
{
	g_autoptr(GString) deep = g_string_new(NULL), wide = g_string_new(NULL), attributes = g_string_new("<x "), big = g_string_new(NULL), many = g_string_new(NULL);

	(void)state;
	for (int i = 0; i < 100000; i++)
		g_string_append(deep, "<x>");
	for (int i = 0; i < 3000; i++)
		g_string_append(wide, "<x/>");
	for (int i = 0; i < 3000; i++)
		g_string_append_printf(attributes, "a%d=\"\" ", i);
	g_string_append(attributes, "/>");
	for (int i = 0; i < 20000; i++)
		g_string_append(big, "0123456789abcdef");
	for (int i = 0; i < 1000; i++)
		g_string_append_printf(many, "<x a=\"\" b=\"\" c=\"\" d=\"\" e=\"\"/>");
	GString *const parts[] = {deep, wide, attributes, big, many};
	static const char *const rules[] = {"xml_size", "xml_elements", "xml_attributes", "xml_size", "xml_attributes"};
	for (size_t i = 0; i < TEST_COUNT(parts); i++) {
		g_autofree char *to = g_strconcat("<samlp:Extensions>", parts[i]->str, "</samlp:Extensions><samlp:Status>", NULL);
		g_autofree char *xml = replaced(bases[PLAIN], "<samlp:Status>", to);
		refused("too much", xml, rules[i]);
	}
	g_autofree char *nested = g_strndup(deep->str, 3 * 1000), *to = g_strconcat("<samlp:Status>", nested, NULL);
	refused_after("1,000 deep", PLAIN, "<samlp:Status>", to, "xml_depth");
	refused_bytes("nothing", "", 0, "xml_size");
	refused("garbage", "garbage", "xml_well_formed");
	refused("another message", "<samlp:AuthnRequest xmlns:samlp=\"" NS_PROTOCOL "\"/>", "xml_root");
}

/* Cut at every length: nothing shorter than the whole is a response. */
static void truncated(void **state)
{
	(void)state;
	size_t whole = strlen(bases[PLAIN]);
	for (size_t length = 1; length < whole; length += 1 + whole / 60) {
		g_autofree char *cut = g_strndup(bases[PLAIN], length); /* its own block, for the sanitizer */
		refused_bytes("truncated", cut, length, NULL);
	}
}

static json_t *said_of(json_t *answer)
{
	json_object_del(answer, "checks");
	return answer;
}

/* Bytes changed at random, always the same ones: either it is refused, or it says exactly what the original said (such as a change in the KeyInfo that nobody reads). */
static void changed_bytes_change_nothing(void **state)
{
	static const char alphabet[] = "<>/\"'&;#=! -?[]:abcxyzAI019_\n";
	uint32_t seed = 20261124;

	(void)state;
	for (int base = 0; base < BASE_COUNT; base++) {
		struct saml_response_question question = question_good(bases[base]);
		g_autoptr(json_t) expected = said_of(saml_response_check(&question));
		for (int round = 0; round < 400; round++) {
			g_autofree char *xml = g_strdup(bases[base]);
			for (int k = 0; k <= round % 3; k++) {
				seed = seed * 1664525 + 1013904223;
				xml[(seed >> 8) % strlen(bases[base])] = alphabet[(seed >> 3) % (sizeof alphabet - 1)];
			}
			question.bytes = xml;
			g_autoptr(json_t) answer = said_of(saml_response_check(&question));
			if (strcmp(json_string_at(answer, "result"), "ok") == 0 && !json_equal(answer, expected))
				fail_msg("accepted: %s", xml);
		}
	}
}

/* The switch that makes Lasso believe everything was set before the start (main.c). What Lasso alone says of a message without a signature: */
static void lasso_does_not_believe_unsigned(void **state)
{
	g_autofree char *signature = piece(bases[PLAIN], "<ds:Signature ", "</ds:Signature>"), *stripped = replaced(bases[PLAIN], signature, "");
	g_autofree char *altered = replaced(bases[PLAIN], "7f3c-", "admin");
	struct saml_response_question question = question_good(bases[PLAIN]);

	(void)state;
	assert_true(saml_lasso_agrees(NULL, false, &question, NULL));
	question = question_good(stripped);
	assert_false(saml_lasso_agrees(NULL, false, &question, NULL));
	question = question_good(altered);
	assert_false(saml_lasso_agrees(NULL, false, &question, NULL));
	question = question_good(bases[PLAIN]);
	question.request_id = "_other";
	assert_false(saml_lasso_agrees(NULL, false, &question, NULL));
}

/* One fault of form each, which the first wall must see alone: libxml2 stands behind it, and may think otherwise. */
static void faults_of_form(void **state)
{
	static const char *const rows[][2] = {
		{" Version=\"2.0\"", " Version\"2.0\""}, {" Version=\"2.0\"", " Version x\"2.0\""}, {" Version=\"2.0\"", " Version:\"2.0\""}, {" Version=\"2.0\"", " Version=2.0"},
		{" Version=\"2.0\"", " Version=\"2.0"}, {" Version=\"2.0\"", " Version=\"2<0\""}, {" Version=\"2.0\"", " Version=\"2&nope;0\""}, {" Version=\"2.0\"", " Version=\"2&#0;0\""},
		{" Version=\"2.0\"", " Version=\"2&0\""}, {" Version=\"2.0\"", " Version=\"2.0\" Version=\"2.0\""}, {"</saml:Assertion>", "</saml:Assertion x>"}, {"</saml:Assertion>", "</saml:Assertion\">"},
		{"</saml:Assertion>", "</saml:assertion>"}, {"</saml:Assertion>", "</Assertion>"}, {"</saml:Assertion>", "</>"}, {"</saml:Assertion>", ""},
	};
	struct prefilter_facts facts;

	(void)state;
	assert_true(prefilter(PREFILTER_RESPONSE, bases[PLAIN], strlen(bases[PLAIN]), NULL, &facts));
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autofree char *evil = replaced(bases[PLAIN], rows[i][0], rows[i][1]);
		assert_string_not_equal(evil, bases[PLAIN]);
		if (prefilter(PREFILTER_RESPONSE, evil, strlen(evil), NULL, &facts))
			fail_msg("let through: %s", rows[i][1]);
	}
}

static void corpus_is_large(void **state)
{
	(void)state;
	assert_true(corpus->len >= 400);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(what_hides_in_text, bases_make),
	cmocka_unit_test(document_types_and_outside),
	cmocka_unit_test(algorithms_of_the_attackers_choice),
	cmocka_unit_test(signatures_that_are_valid_and_weak),
	cmocka_unit_test(keys_of_the_attackers_choice),
	cmocka_unit_test(wrapping),
	cmocka_unit_test(wrapped_responses),
	cmocka_unit_test(signatures_rearranged),
	cmocka_unit_test(identifiers_and_namespaces),
	cmocka_unit_test(altered_after_signing),
	cmocka_unit_test(replayed_elsewhere),
	cmocka_unit_test(what_is_inside_encryption),
	cmocka_unit_test(too_much),
	cmocka_unit_test(truncated),
	cmocka_unit_test(faults_of_form),
	cmocka_unit_test(changed_bytes_change_nothing),
	cmocka_unit_test(lasso_does_not_believe_unsigned),
	cmocka_unit_test_teardown(corpus_is_large, bases_free),
};
const struct test_list attack_list = {tests, TEST_COUNT(tests)};
