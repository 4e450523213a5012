/* The order of the steps of a Response (saml_check.h). What each step believes is what the step before it proved: a signed Response is read again from the bytes
 * that its signature covers before anything in it is looked at, and so is the assertion. */
#include "providers/verifier/saml_internal.h"

#include <string.h>

/* One Response on its way. */
struct reading {
	const struct saml_response_question *question;
	struct checks *checks;
	struct saml_pins *pins;
	struct prefilter_facts facts;
	xmlDoc *message;    /* as it came */
	xmlDoc *response;   /* what the Response's own signature covers; NULL: it has none */
	xmlDoc *decrypted;  /* the assertion that was encrypted */
	xmlDoc *assertion;  /* what the assertion's own signature covers; NULL: it has none */
	bool failed;        /* something did: nothing that is said later makes it good */
	struct saml_response_question then; /* what is asked of a recorded one … */
	char *answered;     /* … and the request that it says it answers; NULL: none */
};

/* Only a recorded answer is looked at any further once something has failed. */
static bool goes_on(struct reading *reading, bool held)
{
	reading->failed |= !held;
	return !reading->failed || reading->question->recorded;
}

static void reading_clear(struct reading *reading)
{
	saml_pins_free(reading->pins);
	xmlFreeDoc(reading->message);
	xmlFreeDoc(reading->response);
	xmlFreeDoc(reading->decrypted);
	xmlFreeDoc(reading->assertion);
	g_free(reading->answered);
}

json_t *saml_answer(const char *result, const struct checks *checks)
{
	json_t *answer = json_object();

	json_object_set_new(answer, "result", json_string(result));
	json_object_set_new(answer, "checks", checks_json(checks));
	return answer;
}

/* The best there is: verified bytes where the Response is signed, else the message, of which nothing is then believed but what agrees with the question. */
static xmlNode *response_of(const struct reading *reading)
{
	return xmlDocGetRootElement(reading->response ? reading->response : reading->message);
}

static bool read_message(struct reading *reading)
{
	const struct saml_response_question *question = reading->question;

	if (!prefilter(PREFILTER_RESPONSE, question->bytes, question->length, reading->checks, &reading->facts))
		return false;
	reading->message = xml_read(question->bytes, question->length);
	const xmlNode *root = reading->message ? xmlDocGetRootElement(reading->message) : NULL;
	return check_advised(reading->checks, "xml_namespaces", root ? (const char *)root->name : "not well formed", "samlp:Response", xml_is(root, NS_PROTOCOL, "Response"),
	                     PREFILTER_ADVICE);
}

/* A key of the provider's must be there: without one Lasso would take every message for verified (LIBRARIES 4.2, hole 4). */
static bool load_pins(struct reading *reading)
{
	reading->pins = saml_pins_new(reading->question->trust.certificates);
	return check_advised(reading->checks, "signing_certificate", reading->pins ? "present" : "none", "an RSA certificate of 2048 bits or more", reading->pins != NULL,
	                     "Here: load the provider's metadata again: it holds no usable signing certificate.");
}

static char *age_text(int64_t age_ms)
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = {{86400000, "days"}, {3600000, "hours"}, {60000, "minutes"}, {1000, "seconds"}};
	size_t i = 0;

	while (i < G_N_ELEMENTS(units) - 1 && age_ms < 2 * units[i].ms)
		i++;
	return g_strdup_printf("%" G_GINT64_FORMAT " %s", MAX(age_ms, 0) / units[i].ms, units[i].name);
}

/* A recorded answer is held against its own moment, and against the request that it names itself. */
static bool look_back(struct reading *reading)
{
	const xmlNode *response = xmlDocGetRootElement(reading->message);
	g_autofree char *instant = xml_attribute(response, "IssueInstant");
	int64_t now_ms = reading->question->trust.now_ms, then_ms = now_ms;
	bool dated = xml_time(instant, &then_ms);
	g_autofree char *age = age_text(now_ms - then_ms), *seen = g_strdup_printf("%s, %s ago: times are judged as they were then", instant, age);

	if (!reading->question->recorded)
		return true;
	reading->then = *reading->question;
	reading->then.trust.now_ms = then_ms;
	reading->then.request_id = reading->answered = xml_attribute(response, "InResponseTo");
	reading->question = &reading->then;
	return check_advised(reading->checks, "response_issue_instant", dated ? seen : instant, "a time that is not to come", dated && then_ms <= now_ms + saml_skew_ms(&reading->then.trust),
	                     "There and here: set both clocks (NTP).");
}

static bool verify_response(struct reading *reading)
{
	if (!reading->facts.message_signed)
		return true;
	reading->response = saml_signature_verify(xmlDocGetRootElement(reading->message), reading->pins, "response", reading->checks);
	return reading->response != NULL;
}

char *saml_status_text(const xmlNode *response, bool *ret_success)
{
	const xmlNode *outer = xml_child(xml_child(response, NS_PROTOCOL, "Status"), NS_PROTOCOL, "StatusCode");
	const xmlNode *inner = xml_child(outer, NS_PROTOCOL, "StatusCode");
	g_autofree char *first = xml_attribute(outer, "Value"), *second = xml_attribute(inner, "Value");

	*ret_success = first && strcmp(first, STATUS_SUCCESS) == 0 && xml_count(response, NS_PROTOCOL, "Status") == 1;
	return first && second ? g_strconcat(first, " / ", second, NULL) : g_steal_pointer(&first);
}

/* Destination: required once the message is signed (SECURITY 4.3(4)), and right wherever it stands. */
static bool check_destination(struct reading *reading, const xmlNode *response)
{
	g_autofree char *destination = xml_attribute(response, "Destination");

	return (!destination && !reading->response) || saml_check_equal(reading->checks, "destination", destination, reading->question->acs_url,
	                                                                "There: set the assertion consumer service (ACS, reply) address to the expected one.");
}

static bool check_answers(struct reading *reading, const xmlNode *response)
{
	const struct saml_response_question *question = reading->question;
	g_autofree char *answered = xml_attribute(response, "InResponseTo");

	if (question->recorded) {
		check_skipped(reading->checks, "in_response_to", answered ? answered : "none: nobody asked for it",
		              "Whether it answers a request of ours is asked when it comes, of the browser that brings it.");
		return true;
	}
	if (!question->request_id)
		return check_advised(reading->checks, "in_response_to", answered, NULL, !answered, "There: an answer that nobody asked for must not name a request.");
	return saml_check_equal(reading->checks, "in_response_to", answered, question->request_id, "The answer belongs to another sign-in: the person starts again.");
}

static bool check_envelope(struct reading *reading)
{
	const xmlNode *response = response_of(reading);

	return goes_on(reading, saml_check_version(response, "version", reading->checks)) &&
	       goes_on(reading, saml_check_issuer(response, "issuer", &reading->question->trust, reading->checks)) &&
	       goes_on(reading, check_destination(reading, response)) && goes_on(reading, check_answers(reading, response));
}

/* AES-CBC has no authentication of its own: without a signature over the ciphertext, whoever may send us messages could use our answers to decrypt. */
static bool check_encryption(struct reading *reading)
{
	const struct saml_response_question *question = reading->question;

	if (!reading->facts.cbc)
		return true;
	return check_advised(reading->checks, "encryption_algorithm", "AES-CBC", "AES-GCM", question->allow_cbc, "There: encrypt with AES-GCM. Or here: set allow_cbc: true.") &&
	       check_advised(reading->checks, "response_signature", reading->response ? "verified" : "none", "verified, around AES-CBC", reading->response != NULL,
	                     "There: sign the response as well: AES-CBC is taken under a signature only.");
}

static xmlNode *decrypt_assertion(struct reading *reading, xmlNode *encrypted)
{
	const struct saml_response_question *question = reading->question;
	g_autoptr(secret_t) plain = saml_decrypt(encrypted, question->decryption_keys, question->decryption_key_count);
	struct prefilter_facts facts = {0};

	if (!check_advised(reading->checks, "decryption", plain ? "decrypted" : "could not be decrypted", "decrypted", plain != NULL,
	                   "There: load our metadata again: the provider may encrypt for an older certificate of ours."))
		return NULL;
	if (!prefilter(PREFILTER_ASSERTION, (const char *)secret_bytes(plain), secret_length(plain), reading->checks, &facts))
		return NULL;
	reading->facts.assertion_signed = facts.assertion_signed;
	reading->facts.cbc |= facts.cbc;
	reading->decrypted = xml_read((const char *)secret_bytes(plain), secret_length(plain));
	xmlNode *root = reading->decrypted ? xmlDocGetRootElement(reading->decrypted) : NULL;
	bool fit = check_advised(reading->checks, "xml_namespaces", root ? (const char *)root->name : "not well formed", "saml:Assertion", xml_is(root, NS_ASSERTION, "Assertion"),
	                         PREFILTER_ADVICE);
	return fit && check_encryption(reading) ? root : NULL;
}

/* The assertion in clear, from the message as it came where it has a signature of its own (that one covers the assertion as it stands there), else from the
 * verified Response. */
static xmlNode *find_assertion(struct reading *reading)
{
	bool own = reading->facts.assertion_signed;
	const xmlNode *response = own ? xmlDocGetRootElement(reading->message) : response_of(reading);
	xmlNode *plain = xml_child(response, NS_ASSERTION, "Assertion"), *encrypted = xml_child(response, NS_ASSERTION, "EncryptedAssertion");
	size_t count = xml_count(response, NS_ASSERTION, "Assertion") + xml_count(response, NS_ASSERTION, "EncryptedAssertion");

	if (!check_advised(reading->checks, "one_assertion", count == 1 ? "one" : "none", "one assertion, plain or encrypted", count == 1, "There: send one assertion with each response."))
		return NULL;
	return encrypted ? check_encryption(reading) ? decrypt_assertion(reading, encrypted) : NULL : check_encryption(reading) ? plain : NULL;
}

/* The element to read: the assertion as its own signature covers it, or as the Response's does (SECURITY 4.3(3)). */
static xmlNode *verify_assertion(struct reading *reading, xmlNode *assertion)
{
	if (reading->facts.assertion_signed) {
		reading->assertion = saml_signature_verify(assertion, reading->pins, "assertion", reading->checks);
		return reading->assertion ? xmlDocGetRootElement(reading->assertion) : NULL;
	}
	bool covered = reading->response && (assertion->doc == reading->response || assertion->doc == reading->decrypted);
	return check_advised(reading->checks, "assertion_signature", covered ? "covered by the response's" : "none", "signed", covered,
	                     "There: sign assertions (Okta: Assertion Signature Signed; Keycloak: Sign assertions; AD FS: -SamlResponseSignature MessageAndAssertion).")
	               ? assertion
	               : NULL;
}

/* Lasso holds no decryption key. Where only the Response is signed, around a ciphertext, or where the name is encrypted, it could not read what was verified
 * before; its word is asked for all other messages. */
static bool lasso_agrees(struct reading *reading, const xmlNode *assertion)
{
	bool both = reading->response && reading->assertion && !reading->decrypted;

	if ((reading->decrypted && !reading->assertion) || xml_child(xml_child(assertion, NS_ASSERTION, "Subject"), NS_ASSERTION, "EncryptedID"))
		return true;
	return saml_lasso_agrees(reading->decrypted ? xmlDocGetRootElement(reading->decrypted) : NULL, both, reading->question, reading->checks);
}

/* What the assertion says, put into the answer: of what was verified, nothing else (SECURITY SM-2). */
static json_t *answer_with(struct reading *reading, const char *result, const json_t *said)
{
	json_t *answer = saml_answer(result, reading->checks);

	json_object_update(answer, (json_t *)(uintptr_t)said);
	json_object_set_new(answer, "issuer", json_string(reading->question->trust.idp_entity_id));
	json_object_set_new(answer, "unsolicited", json_boolean(reading->question->recorded ? !reading->answered : !reading->question->request_id));
	return answer;
}

static json_t *read_assertion(struct reading *reading, xmlNode *found)
{
	xmlNode *proved = verify_assertion(reading, found), *assertion = proved ? proved : found;
	g_autoptr(json_t) said = json_object();

	if (!goes_on(reading, proved != NULL) || !goes_on(reading, saml_claims_hold(assertion, reading->question, reading->checks)) ||
	    !goes_on(reading, saml_assertion_read(assertion, reading->question, reading->checks, said)))
		return NULL;
	if (!reading->failed && lasso_agrees(reading, assertion))
		return answer_with(reading, "ok", said);
	return proved && reading->question->recorded ? answer_with(reading, "violation", said) : NULL;
}

static json_t *read_response(struct reading *reading)
{
	bool success = false;

	if (!read_message(reading) || !goes_on(reading, look_back(reading)) || !load_pins(reading) || !goes_on(reading, verify_response(reading)) || !check_envelope(reading))
		return NULL;
	g_autofree char *status = saml_status_text(response_of(reading), &success);
	if (!check_advised(reading->checks, "status", status, STATUS_SUCCESS, success, "There: the provider's own log says why it signed nobody in."))
		return status && !reading->failed ? saml_answer("refused", reading->checks) : NULL;
	xmlNode *found = find_assertion(reading);
	return found ? read_assertion(reading, found) : NULL;
}

json_t *saml_response_check(const struct saml_response_question *question)
{
	g_autoptr(checks_t) checks = checks_new();
	struct reading reading = {.question = question, .checks = checks};
	json_t *answer = read_response(&reading);

	reading_clear(&reading);
	return answer ? answer : saml_answer("violation", checks);
}
