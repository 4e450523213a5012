/* An identity provider's metadata (SAML metadata 2.4.3), as a flat list of what the gateway keeps of it. The document's own signature is not looked at: it comes from the
 * operator's file or over TLS from the address he gave. Addresses that are not https, or http on loopback, are left out (SECURITY SM-11): a script's address in a
 * binding has been sent to browsers elsewhere. */
#include "providers/verifier/saml_internal.h"

#include "base/text.h"
#include "base/url.h"
#include "crypto/certificate.h"

#include <string.h>

#define BINDINGS "urn:oasis:names:tc:SAML:2.0:bindings:"
#define CERTIFICATES_MAX 8
#define ENDPOINTS_MAX 32
#define ENTITY_ID_MAX 1024
#define DER_MAX 16384

static const struct binding {
	const char *uri, *name;
} bindings[] = {
	{BINDINGS "HTTP-Redirect", SAML_BINDING_REDIRECT},
	{BINDINGS "HTTP-POST", SAML_BINDING_POST},
	{BINDINGS "SOAP", SAML_BINDING_SOAP},
};

static const char *binding_name(const char *uri)
{
	for (size_t i = 0; uri && i < G_N_ELEMENTS(bindings); i++)
		if (strcmp(uri, bindings[i].uri) == 0)
			return bindings[i].name;
	return NULL;
}

static bool address_is_fit(const char *text)
{
	g_autoptr(url_t) url = text ? url_parse(text, NULL) : NULL;

	if (!url || url->has_userinfo || url->fragment || !*url->host)
		return false;
	return g_ascii_strcasecmp(url->scheme, "https") == 0 || (g_ascii_strcasecmp(url->scheme, "http") == 0 && url_is_loopback(url));
}

static json_t *endpoints_read(const xmlNode *role, const char *name)
{
	json_t *list = json_array();

	for (const xmlNode *node = xml_child(role, NS_METADATA, name); node && json_array_size(list) < ENDPOINTS_MAX; node = xml_next(node)) {
		g_autofree char *uri = xml_attribute(node, "Binding"), *location = xml_attribute(node, "Location"), *answers = xml_attribute(node, "ResponseLocation");
		const char *binding = binding_name(uri);
		if (!binding || !address_is_fit(location))
			continue;
		json_t *endpoint = json_pack("{s:s, s:s}", "binding", binding, "location", location);
		if (endpoint && address_is_fit(answers))
			json_object_set_new(endpoint, "response_location", json_string(answers));
		if (endpoint)
			json_array_append_new(list, endpoint);
	}
	return list;
}

static json_t *certificate_json(const char *text, const uint8_t *der, size_t length)
{
	const char *const one[] = {text, NULL};
	g_autoptr(saml_pins_t) pin = saml_pins_new(one);
	g_auto(certificate_facts_t) facts = {0};

	if (!certificate_read(der, length, &facts))
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "certificate", text, "subject", facts.subject, "key", facts.key, "from_ms", (json_int_t)facts.from_ms, "to_ms", (json_int_t)facts.to_ms,
	                 "fit", pin != NULL);
}

static bool list_has(const json_t *list, const char *certificate)
{
	size_t index;
	json_t *known;

	json_array_foreach(list, index, known) {
		if (g_strcmp0(json_string_at(known, "certificate"), certificate) == 0)
			return true;
	}
	return false;
}

/* A KeyDescriptor without a use is for both. */
static json_t *certificates_read(const xmlNode *role, const char *wanted)
{
	json_t *list = json_array();
	g_autofree uint8_t *der = g_malloc(DER_MAX);

	for (const xmlNode *key = xml_child(role, NS_METADATA, "KeyDescriptor"); key; key = xml_next(key)) {
		g_autofree char *use = xml_attribute(key, "use");
		if (use && strcmp(use, wanted) != 0)
			continue;
		const xmlNode *info = xml_child(key, NS_SIGNATURE, "KeyInfo");
		for (const xmlNode *data = xml_child(info, NS_SIGNATURE, "X509Data"); data; data = xml_next(data)) {
			size_t length = 0;
			g_autofree char *text = xml_base64(xml_child(data, NS_SIGNATURE, "X509Certificate"), der, DER_MAX, &length);
			json_t *certificate = text && json_array_size(list) < CERTIFICATES_MAX && !list_has(list, text) ? certificate_json(text, der, length) : NULL;
			if (certificate)
				json_array_append_new(list, certificate);
		}
	}
	return list;
}

static size_t fit_count(const json_t *certificates)
{
	size_t count = 0, index;
	json_t *certificate;

	json_array_foreach(certificates, index, certificate)
		count += json_is_true(json_object_get(certificate, "fit"));
	return count;
}

/* SAML 2.0 among the protocols of an IDPSSODescriptor. */
static xmlNode *role_of(const xmlNode *entity)
{
	for (xmlNode *role = xml_child(entity, NS_METADATA, "IDPSSODescriptor"); role; role = xml_next(role)) {
		g_autofree char *protocols = xml_attribute(role, "protocolSupportEnumeration");
		g_auto(GStrv) words = g_strsplit(protocols ? protocols : "", " ", 16);
		if (g_strv_contains((const char *const *)words, NS_PROTOCOL))
			return role;
	}
	return NULL;
}

/* The entity that is asked for, or the only identity provider; *ret_found counts them. Federations nest one level in practice; the pre-filter bounds all. */
static xmlNode *entity_find(xmlNode *node, const char *entity_id, size_t *ret_found)
{
	xmlNode *found = NULL;

	if (xml_is(node, NS_METADATA, "EntityDescriptor")) {
		g_autofree char *id = xml_attribute(node, "entityID");
		bool fits = entity_id ? g_strcmp0(id, entity_id) == 0 : role_of(node) != NULL;
		*ret_found += fits;
		return fits ? node : NULL;
	}
	for (xmlNode *child = node->children; child; child = child->next) {
		bool may = xml_is(child, NS_METADATA, "EntityDescriptor") || xml_is(child, NS_METADATA, "EntitiesDescriptor");
		xmlNode *below = may ? entity_find(child, entity_id, ret_found) : NULL;
		found = found ? found : below;
	}
	return found;
}

/* The nearest one wins, of the entity, its role, and the documents around it. INT64_MAX: nobody says. */
static int64_t nearest(const xmlNode *node, const char *attribute, bool (*read)(const char *text, int64_t *ret))
{
	int64_t least = INT64_MAX, one = 0;

	for (; node && node->type == XML_ELEMENT_NODE; node = node->parent) {
		g_autofree char *text = xml_attribute(node, attribute);
		if (read(text, &one))
			least = MIN(least, one);
	}
	return least;
}

static int64_t valid_until(const xmlNode *node)
{
	return nearest(node, "validUntil", xml_time);
}

static int64_t cache_s(const xmlNode *node)
{
	return nearest(node, "cacheDuration", xml_duration);
}

static json_t *formats_read(const xmlNode *role)
{
	json_t *list = json_array();

	for (const xmlNode *node = xml_child(role, NS_METADATA, "NameIDFormat"); node && json_array_size(list) < ENDPOINTS_MAX; node = xml_next(node)) {
		g_autofree char *text = xml_text(node);
		if (text && *text && text_is_plain(text, ENTITY_ID_MAX))
			json_array_append_new(list, json_string(text));
	}
	return list;
}

static bool entity_is_fit(const xmlNode *entity, const xmlNode *role, const json_t *said, int64_t now_ms, struct checks *checks)
{
	const char *id = json_string_at(said, "entity_id");
	g_autofree char *until = xml_attribute(entity, "validUntil");

	return check_advised(checks, "metadata_entity_id", id, "the provider's name", id && *id && text_is_plain(id, ENTITY_ID_MAX), "There: publish metadata with an entityID.") &&
	       check_advised(checks, "metadata_role", role ? "identity provider" : "none", "an IDPSSODescriptor for SAML 2.0", role != NULL,
	                     "Here: give the metadata of an identity provider, not of a service provider.") &&
	       check_advised(checks, "metadata_validity", until, "in the future", valid_until(role) > now_ms,
	                     "There: publish current metadata. Here: load it again: this document is no longer valid.") &&
	       check_advised(checks, "metadata_signing_key", fit_count(json_object_get(said, "signing")) > 0 ? "present" : "none", "an RSA certificate of 2048 bits or more",
	                     fit_count(json_object_get(said, "signing")) > 0, "There: publish a signing certificate; without one nothing that the provider says can be checked.") &&
	       check_advised(checks, "metadata_sso", json_array_size(json_object_get(said, "sso")) > 0 ? "present" : "none", "a SingleSignOnService by redirect or POST, https",
	                     json_array_size(json_object_get(said, "sso")) > 0, "There: publish a SingleSignOnService by redirect or POST at an https address.");
}

static json_t *entity_json(const xmlNode *entity, const xmlNode *role)
{
	g_autofree char *id = xml_attribute(entity, "entityID"), *wants = xml_attribute(role, "WantAuthnRequestsSigned");
	json_t *said = json_object();

	if (id)
		json_object_set_new(said, "entity_id", json_string(id));
	json_object_set_new(said, "wants_signed_requests", json_boolean(wants && (strcmp(wants, "true") == 0 || strcmp(wants, "1") == 0)));
	if (valid_until(role) != INT64_MAX)
		json_object_set_new(said, "valid_until_ms", json_integer(valid_until(role)));
	if (cache_s(role) != INT64_MAX)
		json_object_set_new(said, "cache_s", json_integer(cache_s(role)));
	json_object_set_new(said, "signing", certificates_read(role, "signing"));
	json_object_set_new(said, "encryption", certificates_read(role, "encryption"));
	json_object_set_new(said, "sso", endpoints_read(role, "SingleSignOnService"));
	json_object_set_new(said, "slo", endpoints_read(role, "SingleLogoutService"));
	json_object_set_new(said, "artifact", endpoints_read(role, "ArtifactResolutionService"));
	json_object_set_new(said, "name_id_formats", formats_read(role));
	return said;
}

static bool document_read(const char *bytes, size_t length, xmlDoc **ret, struct checks *checks)
{
	struct prefilter_facts facts;

	if (!prefilter(PREFILTER_METADATA, bytes, length, checks, &facts))
		return false;
	*ret = xml_read(bytes, length);
	return check_advised(checks, "xml_namespaces", *ret ? "well formed" : "not well formed", "well formed", *ret != NULL, "Here: give the metadata as it was published.");
}

json_t *saml_metadata_read(const char *bytes, size_t length, const char *entity_id, int64_t now_ms)
{
	g_autoptr(checks_t) checks = checks_new();
	g_autoptr(xmlDoc) document = NULL;
	size_t found = 0;

	if (!document_read(bytes, length, &document, checks))
		return saml_answer("violation", checks);
	xmlNode *entity = entity_find(xmlDocGetRootElement(document), entity_id, &found), *role = entity ? role_of(entity) : NULL;
	g_autofree char *count = g_strdup_printf("%zu", found);
	if (!check_advised(checks, "metadata_entity", count, "one identity provider", found == 1, "Here: give the metadata of one identity provider, not of a whole federation."))
		return saml_answer("violation", checks);
	g_autoptr(json_t) said = entity_json(entity, role);
	if (!entity_is_fit(entity, role, said, now_ms, checks))
		return saml_answer("violation", checks);
	json_t *answer = saml_answer("ok", checks);
	json_object_update(answer, said);
	return answer;
}
