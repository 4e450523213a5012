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

	return saml_check_equal(checks, name, version, "2.0", "The identity provider must speak SAML 2.0.");
}

bool saml_check_issuer(const xmlNode *node, const char *name, const struct saml_trust *trust, struct checks *checks)
{
	const xmlNode *issuer = xml_child(node, NS_ASSERTION, "Issuer");
	g_autofree char *text = xml_text(issuer), *format = xml_attribute(issuer, "Format");
	bool entity = !format || strcmp(format, FORMAT_ENTITY) == 0;

	return saml_check_equal(checks, name, text, trust->idp_entity_id, "This came from another identity provider than the configured one: compare its entity ID with the metadata.") &&
	       (entity || check(checks, name, format, FORMAT_ENTITY, false));
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
	return check_advised(checks, name, text, expected, right, "If the sign-in was not simply too slow, compare the two clocks; clock_skew allows up to 5 minutes.");
}

/* Exactly one confirmation, by bearer. NotBefore has no place in one (SAML profiles 4.1.4.2). */
static bool check_confirmation(const xmlNode *subject, const struct saml_response_question *question, struct checks *checks)
{
	const xmlNode *confirmation = xml_child(subject, NS_ASSERTION, "SubjectConfirmation");
	const xmlNode *data = xml_child(confirmation, NS_ASSERTION, "SubjectConfirmationData");
	g_autofree char *method = xml_attribute(confirmation, "Method"), *recipient = xml_attribute(data, "Recipient");
	g_autofree char *not_before = xml_attribute(data, "NotBefore"), *answered = xml_attribute(data, "InResponseTo");

	if (!check(checks, "subject_confirmation", xml_count(subject, NS_ASSERTION, "SubjectConfirmation") == 1 ? "one" : "none or several", "one",
	           xml_count(subject, NS_ASSERTION, "SubjectConfirmation") == 1) ||
	    !saml_check_equal(checks, "confirmation_method", method, METHOD_BEARER, NULL) ||
	    !check(checks, "confirmation_data", data ? "one" : "none", "one", xml_count(confirmation, NS_ASSERTION, "SubjectConfirmationData") == 1) ||
	    !saml_check_equal(checks, "recipient", recipient, question->acs_url, "Set the assertion consumer service (ACS, reply) address at the identity provider to the expected one.") ||
	    !saml_check_time(data, "NotOnOrAfter", "confirmation_not_on_or_after", TIME_IN_FUTURE, true, &question->trust, checks) ||
	    !check(checks, "confirmation_not_before", not_before, NULL, !not_before))
		return false;
	if (!question->request_id)
		return check(checks, "confirmation_in_response_to", answered, NULL, !answered);
	return saml_check_equal(checks, "confirmation_in_response_to", answered, question->request_id, "The answer belongs to another sign-in: start again.");
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
static bool check_audience(const xmlNode *conditions, const struct saml_response_question *question, struct checks *checks)
{
	g_autoptr(GString) seen = g_string_new(NULL);
	bool all = true;
	size_t count = 0;

	for (const xmlNode *restriction = xml_child(conditions, NS_ASSERTION, "AudienceRestriction"); restriction; restriction = xml_next(restriction), count++)
		all &= restriction_names(restriction, question->trust.entity_id, seen);
	return check_advised(checks, "audience", count > 0 ? seen->str : NULL, question->trust.entity_id, count > 0 && all,
	                     "Set the audience (SP entity ID, identifier) at the identity provider to the expected one, or entity_id here to the one seen.");
}

/* A condition that is not understood makes the assertion invalid (SAML core 2.5.1.1). */
static bool check_conditions(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks)
{
	const xmlNode *conditions = xml_child(assertion, NS_ASSERTION, "Conditions");

	if (!check(checks, "conditions", conditions ? "present" : "none", "one", xml_count(assertion, NS_ASSERTION, "Conditions") == 1))
		return false;
	for (const xmlNode *node = conditions->children; node; node = node->next) {
		bool known = node->type == XML_TEXT_NODE || xml_is(node, NS_ASSERTION, "AudienceRestriction") || xml_is(node, NS_ASSERTION, "OneTimeUse") ||
			     xml_is(node, NS_ASSERTION, "ProxyRestriction");
		if (!known)
			return check(checks, "conditions", (const char *)node->name, "conditions that are understood", false);
	}
	return saml_check_time(conditions, "NotBefore", "not_before", TIME_IN_PAST, false, &question->trust, checks) &&
	       saml_check_time(conditions, "NotOnOrAfter", "not_on_or_after", TIME_IN_FUTURE, false, &question->trust, checks) &&
	       check_audience(conditions, question, checks);
}

static bool context_is_asked(const char *context, const char *const *asked)
{
	return !asked || !*asked || (context && g_strv_contains(asked, context));
}

static bool check_authentication(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks)
{
	const xmlNode *statement = xml_child(assertion, NS_ASSERTION, "AuthnStatement");
	g_autofree char *instant = xml_attribute(statement, "AuthnInstant");
	g_autofree char *context = xml_child_text(xml_child(statement, NS_ASSERTION, "AuthnContext"), NS_ASSERTION, "AuthnContextClassRef");
	g_autofree char *asked = question->contexts ? g_strjoinv(" ", (char **)(uintptr_t)question->contexts) : NULL;
	int64_t instant_ms = 0;

	if (!check(checks, "authn_statement", statement ? "present" : "none", "one", xml_count(assertion, NS_ASSERTION, "AuthnStatement") == 1) ||
	    !saml_check_time(statement, "AuthnInstant", "authn_instant", TIME_IN_PAST, true, &question->trust, checks) ||
	    !saml_check_time(statement, "SessionNotOnOrAfter", "session_not_on_or_after", TIME_IN_FUTURE, false, &question->trust, checks) ||
	    !check_advised(checks, "authn_context", context, asked, context_is_asked(context, question->contexts), "The identity provider did not sign the person in the way authn_context asks for."))
		return false;
	if (question->authenticated_after_ms == 0)
		return true;
	bool fresh = xml_time(instant, &instant_ms) && instant_ms + saml_skew_ms(&question->trust) >= question->authenticated_after_ms;
	return check_advised(checks, "authn_fresh", instant, "a sign-in since it was asked for", fresh, "The identity provider ignored ForceAuthn.");
}

bool saml_claims_hold(const xmlNode *assertion, const struct saml_response_question *question, struct checks *checks)
{
	const xmlNode *subject = xml_child(assertion, NS_ASSERTION, "Subject");

	return saml_check_version(assertion, "assertion_version", checks) && saml_check_issuer(assertion, "assertion_issuer", &question->trust, checks) &&
	       saml_check_time(assertion, "IssueInstant", "issue_instant", TIME_IN_PAST, true, &question->trust, checks) &&
	       check(checks, "subject", subject ? "present" : "none", "one", xml_count(assertion, NS_ASSERTION, "Subject") == 1) &&
	       check_confirmation(subject, question, checks) && check_conditions(assertion, question, checks) && check_authentication(assertion, question, checks);
}
