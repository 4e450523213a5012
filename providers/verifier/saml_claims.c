/* Our own claim table (SECURITY SM-9, 4.3(4)): Lasso checks none of this at a sign-in. It reads the tree, where nothing an object mapping does not know gets lost, and an
 * element that is not understood where its meaning could matter refuses the assertion. */
#include "providers/verifier/saml_internal.h"

#include "base/clock.h"

#include <string.h>

#define METHOD_BEARER "urn:oasis:names:tc:SAML:2.0:cm:bearer"

int64_t saml_skew_ms(const struct saml_trust *trust)
{
	return CLAMP(trust->skew_ms, 0, SKEW_MAX_MS);
}

bool saml_check_equal(struct checks *checks, const char *name, const char *seen, const char *expected, const char *advice)
{
	return check_advised(checks, name, seen, expected, seen && expected && strcmp(seen, expected) == 0, advice);
}

bool saml_check_version(const xmlNode *node, const char *name, struct checks *checks)
{
	g_autofree char *version = xml_attribute(node, "Version");

	return saml_check_equal(checks, name, version, "2.0", "There: let the provider speak SAML 2.0.");
}

bool saml_check_issuer(const xmlNode *node, const char *name, const struct saml_trust *trust, struct checks *checks)
{
	const xmlNode *issuer = xml_child(node, NS_ASSERTION, "Issuer");
	g_autofree char *text = xml_text(issuer), *format = xml_attribute(issuer, "Format");
	bool entity = !format || strcmp(format, FORMAT_ENTITY) == 0;

	return saml_check_equal(checks, name, text, trust->idp_entity_id, "Here: give the metadata of the provider that sends this. There: look which of its entity IDs it signs people in by.") &&
	       (entity || check_advised(checks, name, format, FORMAT_ENTITY, false, "There: name the issuer by its entity ID."));
}

bool saml_check_time(const xmlNode *node, const char *attribute, const char *name, enum time_rule rule, bool required, const struct saml_trust *trust,
                     struct checks *checks)
{
	g_autofree char *text = xml_attribute(node, attribute);
	char bound[CLOCK_TEXT_SIZE];
	int64_t time_ms = 0, skew_ms = saml_skew_ms(trust), bound_ms = trust->now_ms + (rule == TIME_IN_PAST ? skew_ms : -skew_ms);

	if (!text && !required)
		return true;
	clock_format(bound_ms, bound);
	g_autofree char *expected = g_strconcat(rule == TIME_IN_PAST ? "not after " : "after ", bound, NULL);
	bool right = xml_time(text, &time_ms) && (rule == TIME_IN_PAST ? time_ms <= bound_ms : time_ms > bound_ms);
	return check_advised(checks, name, text, expected, right, "If the sign-in was not simply too slow: There and here: set both clocks (NTP). Here: clock_skew allows up to 5 minutes.");
}

/* The claim table, in the order of SECURITY SM-9. A row looks at one part of the assertion; where that is missing the row above it has said so. */
enum part { PART_ASSERTION, PART_SUBJECT, PART_CONFIRMATION, PART_DATA, PART_CONDITIONS, PART_STATEMENT, PART_COUNT };
typedef bool claim_holds(const xmlNode *part, const struct saml_response_question *question, struct checks *checks);

static bool one_of(const xmlNode *parent, const char *element, const char *name, struct checks *checks)
{
	size_t count = xml_count(parent, NS_ASSERTION, element);

	return check_advised(checks, name, count == 0 ? "none" : count == 1 ? "one" : "several", "one", count == 1, "There: let the provider send assertions as SAML's web sign-in has them.");
}

static bool version_holds(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks)
{
	(void)question;
	return saml_check_version(assertion, "assertion_version", checks);
}

static bool issuer_holds(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks)
{
	return saml_check_issuer(assertion, "assertion_issuer", &question->trust, checks);
}

static bool issue_instant_holds(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks)
{
	return saml_check_time(assertion, "IssueInstant", "issue_instant", TIME_IN_PAST, true, &question->trust, checks);
}

static bool subject_is_one(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks)
{
	(void)question;
	return one_of(assertion, "Subject", "subject", checks);
}

static bool confirmation_is_one(const xmlNode *subject, const struct saml_response_question *question, struct checks *checks)
{
	(void)question;
	return one_of(subject, "SubjectConfirmation", "subject_confirmation", checks);
}

static bool confirmation_is_bearer(const xmlNode *confirmation, const struct saml_response_question *question, struct checks *checks)
{
	g_autofree char *method = xml_attribute(confirmation, "Method");

	(void)question;
	return saml_check_equal(checks, "confirmation_method", method, METHOD_BEARER, "There: set the subject confirmation method to bearer.");
}

static bool data_is_one(const xmlNode *confirmation, const struct saml_response_question *question, struct checks *checks)
{
	(void)question;
	return one_of(confirmation, "SubjectConfirmationData", "confirmation_data", checks);
}

static bool recipient_holds(const xmlNode *data, const struct saml_response_question *question, struct checks *checks)
{
	g_autofree char *recipient = xml_attribute(data, "Recipient");

	return saml_check_equal(checks, "recipient", recipient, question->acs_url, "There: set the assertion consumer service (ACS, reply, recipient) address to the expected one.");
}

static bool confirmation_is_in_time(const xmlNode *data, const struct saml_response_question *question, struct checks *checks)
{
	return saml_check_time(data, "NotOnOrAfter", "confirmation_not_on_or_after", TIME_IN_FUTURE, true, &question->trust, checks);
}

/* NotBefore has no place in a bearer's confirmation (SAML profiles 4.1.4.2). */
static bool confirmation_has_no_start(const xmlNode *data, const struct saml_response_question *question, struct checks *checks)
{
	g_autofree char *not_before = xml_attribute(data, "NotBefore");

	(void)question;
	return check_advised(checks, "confirmation_not_before", not_before, NULL, !not_before, "There: leave NotBefore out of SubjectConfirmationData.");
}

static bool confirmation_answers(const xmlNode *data, const struct saml_response_question *question, struct checks *checks)
{
	g_autofree char *answered = xml_attribute(data, "InResponseTo");

	if (!question->request_id)
		return check_advised(checks, "confirmation_in_response_to", answered, NULL, !answered, "There: an answer that nobody asked for must not name a request.");
	return saml_check_equal(checks, "confirmation_in_response_to", answered, question->request_id, "The answer belongs to another sign-in: the person starts again.");
}

static bool conditions_are_one(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks)
{
	(void)question;
	return one_of(assertion, "Conditions", "conditions", checks);
}

/* A condition that is not understood makes the assertion invalid (SAML core 2.5.1.1). */
static bool conditions_are_understood(const xmlNode *conditions, const struct saml_response_question *question, struct checks *checks)
{
	(void)question;
	for (const xmlNode *node = conditions->children; node; node = node->next) {
		bool known = node->type == XML_TEXT_NODE || xml_is(node, NS_ASSERTION, "AudienceRestriction") || xml_is(node, NS_ASSERTION, "OneTimeUse") ||
			     xml_is(node, NS_ASSERTION, "ProxyRestriction");
		if (!known)
			return check_advised(checks, "conditions", (const char *)node->name, "conditions that are understood", false, "There: leave this condition out of assertions for us.");
	}
	return true;
}

static bool not_before_holds(const xmlNode *conditions, const struct saml_response_question *question, struct checks *checks)
{
	return saml_check_time(conditions, "NotBefore", "not_before", TIME_IN_PAST, false, &question->trust, checks);
}

static bool not_on_or_after_holds(const xmlNode *conditions, const struct saml_response_question *question, struct checks *checks)
{
	return saml_check_time(conditions, "NotOnOrAfter", "not_on_or_after", TIME_IN_FUTURE, false, &question->trust, checks);
}

static bool restriction_names(const xmlNode *restriction, const char *entity_id, GString *seen)
{
	bool named = false;

	for (const xmlNode *audience = xml_child(restriction, NS_ASSERTION, "Audience"); audience; audience = xml_next(audience)) {
		g_autofree char *text = xml_text(audience);
		named |= text && strcmp(text, entity_id) == 0;
		g_string_append_printf(seen, "%s%s", seen->len > 0 ? " " : "", text ? text : "?");
	}
	return named;
}

/* Every restriction must name us (they are AND-ed; the audiences inside one are OR-ed), and there must be one. */
static bool audience_holds(const xmlNode *conditions, const struct saml_response_question *question, struct checks *checks)
{
	g_autoptr(GString) seen = g_string_new(NULL);
	bool all = true;
	size_t count = 0;

	for (const xmlNode *restriction = xml_child(conditions, NS_ASSERTION, "AudienceRestriction"); restriction; restriction = xml_next(restriction), count++)
		all &= restriction_names(restriction, question->trust.entity_id, seen);
	return check_advised(checks, "audience", count > 0 ? seen->str : NULL, question->trust.entity_id, count > 0 && all,
	                     "There: set the audience (SP entity ID, identifier) to the expected one. Or here: set entity_id to the one seen.");
}

static bool statement_is_one(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks)
{
	(void)question;
	return one_of(assertion, "AuthnStatement", "authn_statement", checks);
}

static bool authn_instant_holds(const xmlNode *statement, const struct saml_response_question *question, struct checks *checks)
{
	return saml_check_time(statement, "AuthnInstant", "authn_instant", TIME_IN_PAST, true, &question->trust, checks);
}

static bool session_holds(const xmlNode *statement, const struct saml_response_question *question, struct checks *checks)
{
	return saml_check_time(statement, "SessionNotOnOrAfter", "session_not_on_or_after", TIME_IN_FUTURE, false, &question->trust, checks);
}

static bool context_holds(const xmlNode *statement, const struct saml_response_question *question, struct checks *checks)
{
	g_autofree char *context = xml_child_text(xml_child(statement, NS_ASSERTION, "AuthnContext"), NS_ASSERTION, "AuthnContextClassRef");
	g_autofree char *asked = question->contexts ? g_strjoinv(" ", (char **)(uintptr_t)question->contexts) : NULL;
	bool any = !question->contexts || !*question->contexts;

	return check_advised(checks, "authn_context", context, asked, any || (context && g_strv_contains(question->contexts, context)),
	                     "There: let the provider sign people in as authn_context asks. Or here: add the class seen to authn_context.");
}

/* A sign-in made since the request was. */
static bool sign_in_is_fresh(const xmlNode *statement, const struct saml_response_question *question, struct checks *checks)
{
	g_autofree char *instant = xml_attribute(statement, "AuthnInstant");
	int64_t instant_ms = 0;

	if (question->authenticated_after_ms == 0)
		return true;
	if (question->recorded) {
		check_skipped(checks, "authn_fresh", instant, "When the request was made is not known any more.");
		return true;
	}
	bool fresh = xml_time(instant, &instant_ms) && instant_ms + saml_skew_ms(&question->trust) >= question->authenticated_after_ms;
	return check_advised(checks, "authn_fresh", instant, "a sign-in since it was asked for", fresh, "There: the provider ignored ForceAuthn; let it ask the person anew.");
}

static const struct {
	enum part of;
	claim_holds *holds;
} claims[] = {
	{PART_ASSERTION, version_holds}, {PART_ASSERTION, issuer_holds}, {PART_ASSERTION, issue_instant_holds},
	{PART_ASSERTION, subject_is_one}, {PART_SUBJECT, confirmation_is_one}, {PART_CONFIRMATION, confirmation_is_bearer}, {PART_CONFIRMATION, data_is_one},
	{PART_DATA, recipient_holds}, {PART_DATA, confirmation_is_in_time}, {PART_DATA, confirmation_has_no_start}, {PART_DATA, confirmation_answers},
	{PART_ASSERTION, conditions_are_one}, {PART_CONDITIONS, conditions_are_understood}, {PART_CONDITIONS, not_before_holds}, {PART_CONDITIONS, not_on_or_after_holds},
	{PART_CONDITIONS, audience_holds},
	{PART_ASSERTION, statement_is_one}, {PART_STATEMENT, authn_instant_holds}, {PART_STATEMENT, session_holds}, {PART_STATEMENT, context_holds},
	{PART_STATEMENT, sign_in_is_fresh},
};

bool saml_claims_hold(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks)
{
	const xmlNode *subject = xml_child(assertion, NS_ASSERTION, "Subject"), *confirmation = xml_child(subject, NS_ASSERTION, "SubjectConfirmation");
	const xmlNode *parts[PART_COUNT] = {
		[PART_ASSERTION] = assertion, [PART_SUBJECT] = subject, [PART_CONFIRMATION] = confirmation,
		[PART_DATA] = xml_child(confirmation, NS_ASSERTION, "SubjectConfirmationData"), [PART_CONDITIONS] = xml_child(assertion, NS_ASSERTION, "Conditions"),
		[PART_STATEMENT] = xml_child(assertion, NS_ASSERTION, "AuthnStatement"),
	};
	bool all = true;

	for (size_t i = 0; i < G_N_ELEMENTS(claims) && (all || question->recorded); i++)
		all &= parts[claims[i].of] && claims[i].holds(parts[claims[i].of], question, checks);
	return all;
}
