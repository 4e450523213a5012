/* What the pre-filter knows of SAML, XML Signature and XML Encryption: which elements and algorithms may stand where, and how many of them. */
#include "providers/verifier/prefilter_internal.h"

#include <string.h>

#define ID_LENGTH_MAX 255
#define NAMESPACE_LENGTH_MAX 255
#define ENCRYPTED_KEYS_MAX 2 /* the assertion's and, inside it, the name's */

static const struct prefilter_limits message_limits = {PREFILTER_MESSAGE_MAX, DEPTH_MAX, 2000, 4000, false};
static const struct prefilter_limits metadata_limits = {PREFILTER_METADATA_MAX, DEPTH_MAX, 20000, 40000, true};

const struct prefilter_limits *prefilter_limits(enum prefilter_kind kind)
{
	return kind == PREFILTER_METADATA ? &metadata_limits : &message_limits;
}

/* An element of this local name stands directly in one of that name; with no parent named, nowhere. Elements not listed may stand anywhere, where the
 * tree's reader does not look for them. */
static const struct placement {
	const char *element, *parents; /* '|' between */
} placements[] = {
	/* What makes xmlsec fetch, transform or trust something of the sender's choice. */
	{"CipherReference", NULL}, {"RetrievalMethod", NULL}, {"KeyInfoReference", NULL}, {"Object", NULL}, {"Manifest", NULL}, {"SignatureProperties", NULL},
	{"XPath", NULL}, {"stylesheet", NULL}, {"HMACOutputLength", NULL}, {"OAEPparams", NULL}, {"OAEPParams", NULL}, {"MGF", NULL}, {"ReferenceList", NULL},
	{"Advice", NULL},
	{"Signature", "Response|Assertion|LogoutRequest|LogoutResponse"},
	{"SignedInfo", "Signature"}, {"SignatureValue", "Signature"}, {"CanonicalizationMethod", "SignedInfo"}, {"SignatureMethod", "SignedInfo"},
	{"Reference", "SignedInfo"}, {"Transforms", "Reference"}, {"DigestValue", "Reference"}, {"DigestMethod", "Reference|EncryptionMethod"},
	{"Transform", "Transforms"}, {"InclusiveNamespaces", "Transform|CanonicalizationMethod"},
	{"KeyInfo", "Signature|EncryptedData|EncryptedKey"},
	{"EncryptedData", "EncryptedAssertion|EncryptedID"}, {"EncryptedKey", "KeyInfo|EncryptedAssertion|EncryptedID"},
	{"EncryptionMethod", "EncryptedData|EncryptedKey"}, {"CipherData", "EncryptedData|EncryptedKey"}, {"CipherValue", "CipherData"},
	{"Assertion", "Response"}, {"EncryptedAssertion", "Response"}, {"EncryptedID", "Subject|LogoutRequest"},
	{"Conditions", "Assertion"}, {"Subject", "Assertion"}, {"AuthnStatement", "Assertion"}, {"AttributeStatement", "Assertion"},
	{"Response", ""}, {"LogoutRequest", "Body"}, {"LogoutResponse", "Body"}, {"Envelope", ""}, {"Body", "Envelope"},
};

#define SIG "http://www.w3.org/2001/04/xmldsig-more#"
#define ENC "http://www.w3.org/2001/04/xmlenc#"
#define ENC11 "http://www.w3.org/2009/xmlenc11#"
#define EXCLUSIVE "http://www.w3.org/2001/10/xml-exc-c14n#"

/* RSA with SHA-256 or better, exclusive canonicalisation, the enveloped signature; AES and RSA-OAEP. SHA-1 only inside OAEP, whose safety does not hang on
 * collisions and whose usual form names it. */
static const struct algorithm {
	const char *element, *parent, *uri;
} algorithms[] = {
	{"SignatureMethod", "SignedInfo", SIG "rsa-sha256"}, {"SignatureMethod", "SignedInfo", SIG "rsa-sha384"}, {"SignatureMethod", "SignedInfo", SIG "rsa-sha512"},
	{"CanonicalizationMethod", "SignedInfo", EXCLUSIVE}, {"Transform", "Transforms", EXCLUSIVE},
	{"Transform", "Transforms", "http://www.w3.org/2000/09/xmldsig#enveloped-signature"},
	{"DigestMethod", "Reference", ENC "sha256"}, {"DigestMethod", "Reference", SIG "sha384"}, {"DigestMethod", "Reference", ENC "sha512"},
	{"DigestMethod", "EncryptionMethod", "http://www.w3.org/2000/09/xmldsig#sha1"}, {"DigestMethod", "EncryptionMethod", ENC "sha256"},
	{"EncryptionMethod", "EncryptedData", ENC11 "aes128-gcm"}, {"EncryptionMethod", "EncryptedData", ENC11 "aes192-gcm"},
	{"EncryptionMethod", "EncryptedData", ENC11 "aes256-gcm"}, {"EncryptionMethod", "EncryptedData", ENC "aes128-cbc"},
	{"EncryptionMethod", "EncryptedData", ENC "aes192-cbc"}, {"EncryptionMethod", "EncryptedData", ENC "aes256-cbc"},
	{"EncryptionMethod", "EncryptedKey", ENC "rsa-oaep-mgf1p"},
};

static const char *const roots[] = {
	[PREFILTER_RESPONSE] = "Response",
	[PREFILTER_ASSERTION] = "Assertion",
	[PREFILTER_NAME] = "NameID",
	[PREFILTER_LOGOUT] = "LogoutRequest|LogoutResponse|Envelope",
	[PREFILTER_METADATA] = "EntityDescriptor|EntitiesDescriptor",
};

static bool is_one_of(struct span name, const char *list)
{
	for (const char *at = list; *at; at += strcspn(at, "|"), at += *at == '|')
		if (name.length == strcspn(at, "|") && memcmp(name.start, at, name.length) == 0)
			return true;
	return false;
}

static bool check_placement(struct scan *scan)
{
	struct span name = scan->tag.name.local, parent = scan->depth > 0 ? scan->open[scan->depth - 1].name.local : (struct span){"", 0};

	if (scan->depth == 0)
		return is_one_of(name, roots[scan->kind]) || prefilter_refuse(scan, "xml_root", name.start, name.length, roots[scan->kind]);
	if (scan->kind == PREFILTER_METADATA)
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(placements); i++) {
		const struct placement *placement = &placements[i];
		if (!span_is(name, placement->element))
			continue;
		if (!placement->parents)
			return prefilter_refuse(scan, "xml_forbidden_element", name.start, name.length, "no such element");
		if (!is_one_of(parent, placement->parents))
			return prefilter_refuse(scan, "xml_misplaced_element", name.start, name.length, *placement->parents ? placement->parents : "the root only");
	}
	return true;
}

static bool check_algorithm(struct scan *scan, struct span value)
{
	struct span name = scan->tag.name.local, parent = scan->depth > 0 ? scan->open[scan->depth - 1].name.local : (struct span){"", 0};

	for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++)
		if (span_is(name, algorithms[i].element) && span_is(parent, algorithms[i].parent) && span_is(value, algorithms[i].uri)) {
			scan->facts.cbc |= g_str_has_suffix(algorithms[i].uri, "-cbc");
			return true;
		}
	return prefilter_refuse(scan, "xml_algorithm", value.start, value.length, "RSA with SHA-256 or better, exclusive C14N, AES, RSA-OAEP");
}

/* An ID under a prefix (xml:id, wsu:Id) makes some readers find another element than others do. */
static bool check_id(struct scan *scan, const struct attribute *attribute)
{
	struct span value = attribute->value;

	if (attribute->name.prefix.length > 0)
		return prefilter_refuse(scan, "xml_prefixed_id", attribute->name.whole.start, attribute->name.whole.length, "ID without a prefix");
	g_autofree char *id = g_strndup(value.start, value.length);
	if (value.length == 0 || value.length > ID_LENGTH_MAX || strspn(id, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-") != value.length)
		return prefilter_refuse(scan, "xml_id", value.start, value.length, "letters, digits, . _ - only");
	if (!g_hash_table_add(scan->ids, g_steal_pointer(&id)))
		return prefilter_refuse(scan, "xml_duplicate_id", value.start, value.length, "each ID once");
	return true;
}

/* Relative names are what void canonicalisation feeds on: C14N has no answer for them. */
static bool check_namespace(struct scan *scan, const struct attribute *attribute)
{
	struct span value = attribute->value;
	bool is_default = attribute->name.prefix.length == 0;

	if (value.length == 0 && is_default)
		return true;
	g_autofree char *text = g_strndup(value.start, value.length);
	const char *colon = strchr(text, ':');
	bool absolute = colon && colon > text && strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "+.-") == (size_t)(colon - text) && g_ascii_isalpha(*text);
	if (!absolute || value.length > NAMESPACE_LENGTH_MAX || strpbrk(text, "& \t\r\n") || strstr(text, "/../") ||
	    span_is(value, "http://www.w3.org/XML/1998/namespace") || span_is(value, "http://www.w3.org/2000/xmlns/"))
		return prefilter_refuse(scan, "xml_namespace", value.start, value.length, "an absolute namespace name");
	if (!is_default && is_one_of(attribute->name.local, "xml|xmlns"))
		return prefilter_refuse(scan, "xml_namespace", attribute->name.whole.start, attribute->name.whole.length, "no other meaning for xml and xmlns");
	return true;
}

static bool check_reference_uri(struct scan *scan, struct span value)
{
	if (value.length < 2 || value.start[0] != '#' || memchr(value.start, '(', value.length) || memchr(value.start, '&', value.length))
		return prefilter_refuse(scan, "xml_reference", value.start, value.length, "#ID of the element that is signed");
	return true;
}

static bool check_attribute(struct scan *scan, const struct attribute *attribute)
{
	struct span name = attribute->name.local;
	bool of_namespaces = span_is(attribute->name.prefix, "xmlns") || span_is(attribute->name.whole, "xmlns");

	if (of_namespaces)
		return check_namespace(scan, attribute);
	if (name.length == 2 && g_ascii_strncasecmp(name.start, "id", 2) == 0)
		return check_id(scan, attribute);
	if (scan->kind == PREFILTER_METADATA)
		return true;
	if (span_is(attribute->name.whole, "xml:base"))
		return prefilter_refuse(scan, "xml_base", attribute->value.start, attribute->value.length, "no xml:base");
	if (span_is(name, "Algorithm"))
		return check_algorithm(scan, attribute->value);
	if (span_is(name, "URI") && span_is(scan->tag.name.local, "Reference"))
		return check_reference_uri(scan, attribute->value);
	return true;
}

/* An element that is defined by its algorithm must name one: a missing attribute would leave the choice to the library. */
static bool check_algorithm_given(struct scan *scan)
{
	bool needs = false, uri_needed = span_is(scan->tag.name.local, "Reference"), given = false, uri = false;

	for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++)
		needs |= span_is(scan->tag.name.local, algorithms[i].element);
	for (size_t i = 0; i < scan->tag.count; i++) {
		given |= span_is(scan->tag.attributes[i].name.whole, "Algorithm");
		uri |= span_is(scan->tag.attributes[i].name.whole, "URI");
	}
	if ((needs && !given) || (uri_needed && !uri))
		return prefilter_refuse(scan, "xml_algorithm", scan->tag.name.whole.start, scan->tag.name.whole.length, "an Algorithm, and a Reference's URI");
	return true;
}

static bool refuse_repeated(struct scan *scan)
{
	return prefilter_refuse(scan, "xml_repeated_element", scan->tag.name.whole.start, scan->tag.name.whole.length, "one only");
}

/* One assertion, one signature for each element that may be signed, one SignedInfo and one Reference for each signature. */
static bool count_element(struct scan *scan)
{
	struct span name = scan->tag.name.local;
	struct open_element *parent = scan->depth > 0 ? &scan->open[scan->depth - 1] : NULL;

	if (span_is(name, "Assertion") || span_is(name, "EncryptedAssertion")) {
		if (++scan->assertions > 1)
			return prefilter_refuse(scan, "one_assertion", "a second one", 12, "one assertion, plain or encrypted");
		scan->facts.encrypted |= span_is(name, "EncryptedAssertion");
	}
	if (span_is(name, "EncryptedKey") && ++scan->encrypted_keys > ENCRYPTED_KEYS_MAX)
		return refuse_repeated(scan);
	scan->facts.encrypted |= span_is(name, "EncryptedData");
	if (!parent)
		return true;
	if (span_is(name, "Signature")) {
		bool of_assertion = span_is(parent->name.local, "Assertion");
		scan->facts.assertion_signed |= of_assertion;
		scan->facts.message_signed |= !of_assertion;
		return ++parent->signatures == 1 || refuse_repeated(scan);
	}
	if (span_is(name, "SignedInfo"))
		return ++parent->signed_infos == 1 || refuse_repeated(scan);
	if (span_is(name, "SignatureValue"))
		return ++parent->signature_values == 1 || refuse_repeated(scan);
	if (span_is(name, "Reference"))
		return ++parent->references == 1 || prefilter_refuse(scan, "one_reference", "a second one", 12, "one Reference in a signature");
	return true;
}

bool prefilter_element(struct scan *scan)
{
	if (!check_placement(scan))
		return false;
	for (size_t i = 0; i < scan->tag.count; i++)
		if (!check_attribute(scan, &scan->tag.attributes[i]))
			return false;
	return scan->kind == PREFILTER_METADATA || (check_algorithm_given(scan) && count_element(scan));
}

bool prefilter_close(struct scan *scan)
{
	const struct open_element *element = &scan->open[--scan->depth];

	if (scan->kind == PREFILTER_METADATA)
		return true;
	if (span_is(element->name.local, "Signature") && (element->signed_infos != 1 || element->signature_values != 1))
		return prefilter_refuse(scan, "xml_signature", "Signature", 9, "one SignedInfo and one SignatureValue");
	if (span_is(element->name.local, "SignedInfo") && element->references != 1)
		return prefilter_refuse(scan, "one_reference", "none", 4, "one Reference in a signature");
	return true;
}

bool prefilter_document(struct scan *scan)
{
	return !scan->refused;
}
