/* What is read out of a verified assertion: who, what of him, and which session. Bounded, since all of it goes to the parent in one record. */
#include "providers/verifier/saml_internal.h"

#include "base/text.h"

#include <string.h>

#define NAME_BYTES_MAX 255   /* of a subject: providers/identity.h */
#define TEXT_BYTES_MAX 1024  /* of attribute names, formats and qualifiers */
#define VALUE_BYTES_MAX 4096
/* In all, so that the answer fits into a record. More groups than that are no sign-in. */
#define ATTRIBUTES_MAX 64
#define VALUES_MAX 500

static void set_text(json_t *object, const char *key, const char *text, size_t max)
{
	if (text && *text && text_is_plain(text, max))
		json_object_set_new(object, key, json_string(text));
}

static void set_attribute(json_t *object, const char *key, const xmlNode *node, const char *attribute)
{
	g_autofree char *text = xml_attribute(node, attribute);

	set_text(object, key, text, TEXT_BYTES_MAX);
}

static void set_time(json_t *object, const char *key, const xmlNode *node, const char *attribute)
{
	g_autofree char *text = xml_attribute(node, attribute);
	int64_t time_ms = 0;

	if (xml_time(text, &time_ms))
		json_object_set_new(object, key, json_integer(time_ms));
}

static xmlDoc *name_decrypt(xmlNode *encrypted, struct secret *const *keys, size_t key_count, struct checks *checks)
{
	g_autoptr(secret_t) plain = saml_decrypt(encrypted, keys, key_count);
	struct prefilter_facts facts;

	if (!check_advised(checks, "name_decryption", plain ? "decrypted" : "could not be decrypted", "decrypted", plain != NULL,
	                   "There: load our metadata again: the provider may encrypt for an older certificate of ours.") ||
	    !prefilter(PREFILTER_NAME, (const char *)secret_bytes(plain), secret_length(plain), checks, &facts))
		return NULL;
	return xml_read((const char *)secret_bytes(plain), secret_length(plain));
}

bool saml_name_find(const xmlNode *holder, struct secret *const *keys, size_t key_count, struct checks *checks, xmlDoc **ret_document, xmlNode **ret_name)
{
	xmlNode *name = xml_child(holder, NS_ASSERTION, "NameID"), *encrypted = xml_child(holder, NS_ASSERTION, "EncryptedID");
	size_t count = xml_count(holder, NS_ASSERTION, "NameID") + xml_count(holder, NS_ASSERTION, "EncryptedID") + xml_count(holder, NS_ASSERTION, "BaseID");
	xmlDoc *document = NULL;

	if (count == 1 && encrypted) {
		document = name_decrypt(encrypted, keys, key_count, checks);
		name = document ? xmlDocGetRootElement(document) : NULL;
	}
	if (!check_advised(checks, "name_id", count == 1 && name ? "present" : "none, several or unreadable", "one NameID", count == 1 && xml_is(name, NS_ASSERTION, "NameID"),
	                   "There: let the provider send one NameID.")) {
		xmlFreeDoc(document);
		return false;
	}
	*ret_document = document;
	*ret_name = name;
	return true;
}

json_t *saml_name_json(const xmlNode *name)
{
	g_autofree char *value = xml_text(name);

	if (!value || !*value || !text_is_plain(value, NAME_BYTES_MAX))
		return NULL;
	json_t *object = json_object();
	json_object_set_new(object, "value", json_string(value));
	set_attribute(object, "format", name, "Format");
	set_attribute(object, "name_qualifier", name, "NameQualifier");
	set_attribute(object, "sp_name_qualifier", name, "SPNameQualifier");
	return object;
}

/* A persistent NameID may also stand inside a value (eduPersonTargetedID): its text is the value. */
static char *value_text(const xmlNode *value)
{
	const xmlNode *name = xml_child(value, NS_ASSERTION, "NameID");

	return xml_text(name ? name : value);
}

static json_t *attribute_json(const xmlNode *attribute, size_t *values)
{
	g_autofree char *name = xml_attribute(attribute, "Name");
	json_t *object = NULL, *list = NULL;

	if (!name || !*name || !text_is_plain(name, TEXT_BYTES_MAX))
		return NULL;
	object = json_object();
	json_object_set_new(object, "name", json_string(name));
	set_attribute(object, "friendly_name", attribute, "FriendlyName");
	json_object_set_new(object, "values", list = json_array());
	for (const xmlNode *value = xml_child(attribute, NS_ASSERTION, "AttributeValue"); value && *values < VALUES_MAX; value = xml_next(value)) {
		g_autofree char *text = value_text(value);
		if (text && *text && strlen(text) <= VALUE_BYTES_MAX) {
			json_array_append_new(list, json_string(text));
			(*values)++;
		}
	}
	return object;
}

json_t *saml_attributes_json(const xmlNode *assertion)
{
	json_t *all = json_array();
	size_t values = 0;

	for (const xmlNode *statement = xml_child(assertion, NS_ASSERTION, "AttributeStatement"); statement; statement = xml_next(statement))
		for (const xmlNode *node = xml_child(statement, NS_ASSERTION, "Attribute"); node && json_array_size(all) < ATTRIBUTES_MAX; node = xml_next(node)) {
			json_t *attribute = attribute_json(node, &values);
			if (attribute)
				json_array_append_new(all, attribute);
		}
	return all;
}

const char *saml_attribute_single(const json_t *attributes, const char *name)
{
	const char *found = NULL;
	size_t index;
	json_t *attribute;

	json_array_foreach(attributes, index, attribute) {
		const char *full = json_string_at(attribute, "name"), *friendly = json_string_at(attribute, "friendly_name");
		const json_t *values = json_object_get(attribute, "values");
		if (g_strcmp0(full, name) != 0 && g_strcmp0(friendly, name) != 0)
			continue;
		/* Two attributes of that name, or two values, could be chosen between by whoever sets the second one. */
		if (found || json_array_size(values) != 1)
			return NULL;
		found = json_string_value(json_array_get(values, 0));
	}
	return found;
}

/* SECURITY 4.3(5): a subject must be the provider's for ever. A transient name is new each time; an address may be given to somebody else. */
static bool name_may_be_subject(const char *format, const struct saml_response_question *question, bool *ret_mutable)
{
	*ret_mutable = !format || strcmp(format, FORMAT_EMAIL) == 0 || strcmp(format, FORMAT_UNSPECIFIED) == 0;
	if (format && strcmp(format, FORMAT_PERSISTENT) == 0)
		return true;
	return *ret_mutable && question->allow_mutable_names;
}

static bool check_name_format(const json_t *name, const struct saml_response_question *question, struct checks *checks, bool *ret_mutable)
{
	const char *format = json_string_at(name, "format"), *asked = question->name_id_format;

	if (asked && strcmp(asked, FORMAT_UNSPECIFIED) != 0 &&
	    !saml_check_equal(checks, "name_id_format", format, asked, "There: set the NameID format to the expected one. Or here: set name_id_format to the one seen."))
		return false;
	if (question->subject_attribute)
		return true;
	return check_advised(checks, "name_id_format", format ? format : FORMAT_UNSPECIFIED, question->allow_mutable_names ? "persistent, emailAddress or unspecified" : FORMAT_PERSISTENT,
	                     name_may_be_subject(format, question, ret_mutable),
	                     "There: send a persistent NameID. Or here: name an attribute that never changes by subject: attribute:NAME; addresses count only for a provider "
	                     "with domains.");
}

static bool read_subject(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks, json_t *answer)
{
	g_autoptr(xmlDoc) decrypted = NULL;
	xmlNode *node = NULL;
	bool changes = false;

	if (!saml_name_find(xml_child(assertion, NS_ASSERTION, "Subject"), question->decryption_keys, question->decryption_key_count, checks, &decrypted, &node))
		return false;
	json_t *name = saml_name_json(node);
	if (!check_advised(checks, "name_id", name ? "a name" : "empty or too long", "1 to 255 bytes", name != NULL, "There: let the provider send a NameID of 1 to 255 bytes."))
		return false;
	json_object_set_new(answer, "name_id", name);
	bool fits = check_name_format(name, question, checks, &changes);
	if (!fits && !question->recorded)
		return false;
	const char *subject = question->subject_attribute ? saml_attribute_single(json_object_get(answer, "attributes"), question->subject_attribute) : json_string_at(name, "value");
	bool fit = subject && *subject && text_is_plain(subject, NAME_BYTES_MAX);
	if (!check_advised(checks, "subject_value", fit ? "a value" : "none, several or too long", "exactly one value", fit,
	                   "There: send the attribute that subject names, once, with one value. Or here: name another one by subject."))
		return false;
	json_object_set_new(answer, "subject", json_string(subject));
	json_object_set_new(answer, "mutable", json_boolean(changes));
	return fits;
}

bool saml_assertion_read(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks, json_t *answer)
{
	const xmlNode *statement = xml_child(assertion, NS_ASSERTION, "AuthnStatement");
	const xmlNode *confirmation = xml_child(xml_child(assertion, NS_ASSERTION, "Subject"), NS_ASSERTION, "SubjectConfirmation");
	g_autofree char *context = xml_child_text(xml_child(statement, NS_ASSERTION, "AuthnContext"), NS_ASSERTION, "AuthnContextClassRef");

	json_object_set_new(answer, "attributes", saml_attributes_json(assertion));
	bool named = read_subject(assertion, question, checks, answer);
	if (!named && !question->recorded)
		return false;
	set_attribute(answer, "assertion_id", assertion, "ID");
	set_time(answer, "expires_ms", xml_child(confirmation, NS_ASSERTION, "SubjectConfirmationData"), "NotOnOrAfter");
	set_attribute(answer, "session_index", statement, "SessionIndex");
	set_time(answer, "session_ends_ms", statement, "SessionNotOnOrAfter");
	set_time(answer, "authenticated_ms", statement, "AuthnInstant");
	set_text(answer, "context", context, TEXT_BYTES_MAX);
	return check_advised(checks, "assertion_id", json_string_at(answer, "assertion_id"), "an ID", json_string_at(answer, "assertion_id") != NULL,
	                     "There: give each assertion an ID.") && named;
}
