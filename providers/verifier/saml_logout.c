/* Logout messages: a LogoutRequest of the identity provider, or its LogoutResponse to ours. They are signed, always: by the query's signature with the redirect
 * binding, by an enveloped one with POST and SOAP. Lasso checks neither Destination, NotOnOrAfter nor InResponseTo here (LIBRARIES 4.1); this does, and needs no more of
 * Lasso than the keys' owner. */
#include "providers/verifier/saml_internal.h"

#include "base/text.h"

#include <string.h>

#define SESSIONS_MAX 64
#define INDEX_BYTES_MAX 1024
#define REQUEST_LIFE_MS (5 * 60 * 1000)

static xmlNode *message_of(xmlDoc *document)
{
	xmlNode *root = xmlDocGetRootElement(document);

	if (!xml_is(root, NS_SOAP, "Envelope"))
		return root;
	const xmlNode *body = xml_child(root, NS_SOAP, "Body");
	xmlNode *request = xml_child(body, NS_PROTOCOL, "LogoutRequest"), *response = xml_child(body, NS_PROTOCOL, "LogoutResponse");
	size_t count = xml_count(body, NS_PROTOCOL, "LogoutRequest") + xml_count(body, NS_PROTOCOL, "LogoutResponse");
	return count == 1 && xml_count(root, NS_SOAP, "Body") == 1 ? request ? request : response : NULL;
}

/* The message as its signature covers it. Redirect: the bytes themselves are what the query holds, and the caller took them out of it. */
static xmlNode *verify(xmlNode *message, const struct saml_logout_question *question, const struct saml_pins *pins, struct checks *checks, xmlDoc **ret_verified)
{
	if (strcmp(question->binding, SAML_BINDING_REDIRECT) != 0) {
		*ret_verified = saml_signature_verify(message, pins, "message", checks);
		return *ret_verified ? xmlDocGetRootElement(*ret_verified) : NULL;
	}
	bool given = question->signed_query && question->algorithm && question->signature;
	bool good = given && saml_query_verify(question->signed_query, strlen(question->signed_query), question->algorithm, question->signature, question->signature_length, pins);
	return check_advised(checks, "query_signature", given ? good ? "made by a configured key" : "not made by a configured key" : "none", "made by a configured key", good,
	                     "There: sign logout messages with RSA-SHA256.")
	               ? message
	               : NULL;
}

static void set_sessions(json_t *answer, const xmlNode *message)
{
	json_t *list = json_array();

	for (const xmlNode *node = xml_child(message, NS_PROTOCOL, "SessionIndex"); node && json_array_size(list) < SESSIONS_MAX; node = xml_next(node)) {
		g_autofree char *text = xml_text(node);
		if (text && *text && text_is_plain(text, INDEX_BYTES_MAX))
			json_array_append_new(list, json_string(text));
	}
	json_object_set_new(answer, "session_indexes", list);
}

/* Until when the request may be used, once: as it says itself, else so long after it was made. Without an end somebody's old copy would sign a person out for ever. */
static bool check_age(const xmlNode *message, const struct saml_logout_question *question, struct checks *checks, int64_t *ret_expires_ms)
{
	g_autofree char *expires = xml_attribute(message, "NotOnOrAfter"), *issued = xml_attribute(message, "IssueInstant");
	int64_t issued_ms = 0;

	if (expires)
		return saml_check_time(message, "NotOnOrAfter", "not_on_or_after", TIME_IN_FUTURE, true, &question->trust, checks) && xml_time(expires, ret_expires_ms);
	bool young = xml_time(issued, &issued_ms) && issued_ms + REQUEST_LIFE_MS + saml_skew_ms(&question->trust) > question->trust.now_ms;
	*ret_expires_ms = issued_ms + REQUEST_LIFE_MS;
	return check(checks, "issue_age", issued, "within five minutes, or a NotOnOrAfter", young);
}

static bool read_request(const xmlNode *message, const struct saml_logout_question *question, struct checks *checks, json_t *answer)
{
	g_autoptr(xmlDoc) decrypted = NULL;
	xmlNode *name = NULL;
	int64_t expires_ms = 0;

	if (!check_age(message, question, checks, &expires_ms) || !saml_name_find(message, question->decryption_keys, question->decryption_key_count, checks, &decrypted, &name))
		return false;
	json_t *said = saml_name_json(name);
	if (!check_advised(checks, "name_id", said ? "a name" : "empty or too long", "1 to 255 bytes", said != NULL, "There: let the provider send a NameID of 1 to 255 bytes."))
		return false;
	json_object_set_new(answer, "name_id", said);
	set_sessions(answer, message);
	json_object_set_new(answer, "expires_ms", json_integer(expires_ms));
	return true;
}

static bool read_response(const xmlNode *message, const struct saml_logout_question *question, struct checks *checks, json_t *answer)
{
	g_autofree char *answered = xml_attribute(message, "InResponseTo");
	bool success = false;
	g_autofree char *status = saml_status_text(message, &success);

	if (!saml_check_equal(checks, "in_response_to", answered, question->request_id, "The answer belongs to another logout.") ||
	    !check_advised(checks, "status", status, "a status", status != NULL, "There: let the provider send a status."))
		return false;
	json_object_set_new(answer, "status", json_string(status));
	json_object_set_new(answer, "success", json_boolean(success));
	return true;
}

static bool read_verified(const xmlNode *message, const struct saml_logout_question *question, struct checks *checks, json_t *answer)
{
	bool request = xml_is(message, NS_PROTOCOL, "LogoutRequest");
	g_autofree char *destination = xml_attribute(message, "Destination"), *id = xml_attribute(message, "ID");
	/* SOAP goes to an address of its own accord; with the two others a signed message must say whom it is for (SAML bindings 3.4.5.2, 3.5.5.2). */
	bool needs = strcmp(question->binding, SAML_BINDING_SOAP) != 0;

	if (!saml_check_version(message, "version", checks) || !saml_check_issuer(message, "issuer", &question->trust, checks) ||
	    ((needs || destination) && !saml_check_equal(checks, "destination", destination, question->destination, "There: set the single logout address to the expected one.")) ||
	    !saml_check_time(message, "IssueInstant", "issue_instant", TIME_IN_PAST, true, &question->trust, checks) || !check(checks, "message_id", id, "an ID", id && *id))
		return false;
	json_object_set_new(answer, "id", json_string(id));
	json_object_set_new(answer, "issuer", json_string(question->trust.idp_entity_id));
	json_object_set_new(answer, "kind", json_string(request ? "request" : "response"));
	return request ? read_request(message, question, checks, answer) : read_response(message, question, checks, answer);
}

static bool read_logout(const struct saml_logout_question *question, struct checks *checks, json_t *answer)
{
	struct prefilter_facts facts;
	g_autoptr(xmlDoc) document = NULL, verified = NULL;
	g_autoptr(saml_pins_t) pins = saml_pins_new(question->trust.certificates);

	if (!prefilter(PREFILTER_LOGOUT, question->bytes, question->length, checks, &facts))
		return false;
	document = xml_read(question->bytes, question->length);
	xmlNode *message = document ? message_of(document) : NULL;
	bool known = xml_is(message, NS_PROTOCOL, "LogoutRequest") || xml_is(message, NS_PROTOCOL, "LogoutResponse");
	/* The name is decrypted after the signature was verified, so AES-CBC would do no harm here; but no provider that we know of sends it. */
	if (!check_advised(checks, "xml_namespaces", known ? (const char *)message->name : "none", "samlp:LogoutRequest or samlp:LogoutResponse", known, PREFILTER_ADVICE) ||
	    !check_advised(checks, "signing_certificate", pins ? "present" : "none", "an RSA certificate of 2048 bits or more", pins != NULL,
	                   "Here: load the provider's metadata again: it holds no usable signing certificate.") ||
	    !check_advised(checks, "encryption_algorithm", facts.cbc ? "AES-CBC" : NULL, "AES-GCM", !facts.cbc, "There: encrypt with AES-GCM."))
		return false;
	const xmlNode *believed = verify(message, question, pins, checks, &verified);
	return believed && read_verified(believed, question, checks, answer);
}

json_t *saml_logout_check(const struct saml_logout_question *question)
{
	g_autoptr(checks_t) checks = checks_new();
	g_autoptr(json_t) said = json_object();

	if (!read_logout(question, checks, said))
		return saml_answer("violation", checks);
	json_t *answer = saml_answer("ok", checks);
	json_object_update(answer, said);
	return answer;
}
