/* From what the verifier says of a response to an identity, and to the words of the connection log. */
#include "providers/saml_internal.h"

#include "base/clock.h"

#include <string.h>

#define CONTEXT "urn:oasis:names:tc:SAML:2.0:ac:classes:"

/* By the check that decided; the rest is a violation without a finer name. */
static const struct {
	const char *check;
	enum reason reason;
} reasons[] = {
	{"response_signature", REASON_TOKEN_SIGNATURE}, {"assertion_signature", REASON_TOKEN_SIGNATURE}, {"response_reference", REASON_TOKEN_SIGNATURE},
	{"assertion_reference", REASON_TOKEN_SIGNATURE}, {"message_signature", REASON_TOKEN_SIGNATURE}, {"message_reference", REASON_TOKEN_SIGNATURE},
	{"query_signature", REASON_TOKEN_SIGNATURE}, {"xml_algorithm", REASON_TOKEN_ALGORITHM}, {"encryption_algorithm", REASON_TOKEN_ALGORITHM},
	{"issuer", REASON_TOKEN_ISSUER}, {"assertion_issuer", REASON_TOKEN_ISSUER}, {"audience", REASON_TOKEN_AUDIENCE},
	{"in_response_to", REASON_STATE_INVALID}, {"confirmation_in_response_to", REASON_STATE_INVALID}, {"not_before", REASON_TOKEN_NOT_YET},
	{"issue_instant", REASON_TOKEN_NOT_YET}, {"authn_instant", REASON_TOKEN_NOT_YET}, {"not_on_or_after", REASON_TOKEN_OLD},
	{"confirmation_not_on_or_after", REASON_TOKEN_OLD}, {"session_not_on_or_after", REASON_TOKEN_OLD}, {"authn_fresh", REASON_TOKEN_AUTH_TIME},
	{"authn_context", REASON_TOKEN_ACR}, {"name_id", REASON_TOKEN_SUBJECT}, {"name_id_format", REASON_TOKEN_SUBJECT}, {"subject_value", REASON_TOKEN_SUBJECT},
	{"status", REASON_PROVIDER_REFUSED}, {"destination", REASON_SAML_ADDRESS}, {"recipient", REASON_SAML_ADDRESS}, {"decryption", REASON_SAML_DECRYPTION},
	{"name_decryption", REASON_SAML_DECRYPTION}, {"signing_certificate", REASON_METADATA_INVALID},
};

void saml_checks_take(struct checks *checks, const json_t *said)
{
	size_t index;
	json_t *row;

	json_array_foreach(json_object_get(said, "checks"), index, row) {
		if (json_string_at(row, "skipped")) {
			check_skipped(checks, json_string_at(row, "check"), json_string_at(row, "seen"), json_string_at(row, "skipped"));
			continue;
		}
		check_advised(checks, json_string_at(row, "check"), json_string_at(row, "seen"), json_string_at(row, "expected"), json_is_true(json_object_get(row, "passed")),
		              json_string_at(row, "advice"));
	}
}

static const json_t *first_failed(const json_t *rows)
{
	size_t index;
	json_t *row;

	json_array_foreach(rows, index, row) {
		if (!json_is_true(json_object_get(row, "passed")))
			return row;
	}
	return NULL;
}

enum reason saml_reason(const json_t *said)
{
	const json_t *row = first_failed(json_object_get(said, "checks"));
	const char *decided = json_string_at(row, "check");

	if (g_strcmp0(decided, "assertion_signature") == 0 && g_strcmp0(json_string_at(row, "seen"), "none") == 0)
		return REASON_SAML_UNSIGNED;
	for (size_t i = 0; decided && i < G_N_ELEMENTS(reasons); i++)
		if (strcmp(decided, reasons[i].check) == 0)
			return reasons[i].reason;
	return decided && g_str_has_prefix(decided, "xml") ? REASON_SAML_XML : REASON_PROVIDER_VIOLATION;
}

/* What the classes say of how the person signed in, in RFC 8176's words. Only what a class really promises: a "smart card" may be without a PIN. */
static const char *const *amr_of(const char *context)
{
	static const struct {
		const char *class;
		const char *const amr[3];
	} rows[] = {
		{CONTEXT "Password", {"pwd", NULL}}, {CONTEXT "PasswordProtectedTransport", {"pwd", NULL}}, {CONTEXT "X509", {"swk", NULL}},
		{CONTEXT "Smartcard", {"sc", NULL}}, {CONTEXT "SmartcardPKI", {"sc", "pin", NULL}}, {CONTEXT "TimeSyncToken", {"otp", NULL}},
		{"https://refeds.org/profile/mfa", {"mfa", NULL}}, {"http://schemas.microsoft.com/claims/multipleauthn", {"mfa", NULL}},
	};
	static const char *const none[] = {NULL};

	for (size_t i = 0; context && i < G_N_ELEMENTS(rows); i++)
		if (strcmp(context, rows[i].class) == 0)
			return rows[i].amr;
	return none;
}

/* A name that comes twice has all its values. A friendly name gives way to a real one, whoever may choose friendly names. */
static void values_add(json_t *upstream, const char *name, const json_t *values)
{
	json_t *list = json_object_get(upstream, name);

	if (!list)
		json_object_set_new(upstream, name, list = json_array());
	json_array_extend(list, (json_t *)(uintptr_t)values);
}

static json_t *upstream_of(const json_t *said)
{
	json_t *upstream = json_object(), *friendly = json_object(), *attribute, *values;
	const char *name;
	size_t index;

	json_array_foreach(json_object_get(said, "attributes"), index, attribute) {
		values_add(upstream, json_string_at(attribute, "name"), json_object_get(attribute, "values"));
		if (json_string_at(attribute, "friendly_name"))
			values_add(friendly, json_string_at(attribute, "friendly_name"), json_object_get(attribute, "values"));
	}
	json_object_foreach(friendly, name, values)
		if (!json_object_get(upstream, name))
			json_object_set(upstream, name, values);
	json_decref(friendly);
	json_object_set_new(upstream, "nameid", json_string(json_string_at(json_object_get(said, "name_id"), "value")));
	/* An assertion has no standing word for this; only the tenant's domains decide whether an address counts as proved. */
	json_object_del(upstream, "email_verified");
	return upstream;
}

/* A SessionIndex alone names nobody: a provider may give the same one to many people (SAML core 2.7.2). */
char *saml_session_name(const json_t *said, const char *index)
{
	const char *name = json_string_at(json_object_get(said, "name_id"), "value");

	return index && name ? g_strconcat(index, "\n", name, NULL) : NULL;
}

static void session_note(const json_t *said, int64_t now_ms, struct upstream_session *session)
{
	int64_t authenticated_ms = 0;

	session->sid = saml_session_name(said, json_string_at(said, "session_index"));
	session->acr = g_strdup(json_string_at(said, "context"));
	if (json_integer_at(said, "authenticated_ms", &authenticated_ms))
		session->auth_time_ms = MIN(authenticated_ms, now_ms);
	json_integer_at(said, "session_ends_ms", &session->ends_ms);
	session->once = g_strdup(json_string_at(said, "assertion_id"));
	json_integer_at(said, "expires_ms", &session->once_until_ms);
	session->logout_keep = saml_logout_keep(said);
}

json_t *saml_claims_mapped(const struct saml *saml, const json_t *said)
{
	g_autoptr(json_t) upstream = upstream_of(said);

	return mapping_apply(&saml->mapping, upstream);
}

static void told_time(json_t *told, const char *name, const json_t *said, const char *key)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t time_ms = 0;

	if (!json_integer_at(said, key, &time_ms))
		return;
	clock_format(time_ms, text);
	json_object_set_new(told, name, json_string(text));
}

json_t *saml_claims_told(const json_t *said)
{
	const json_t *name_id = json_object_get(said, "name_id");
	json_t *told = json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "NameID", json_string_at(name_id, "value"), "NameID Format", json_string_at(name_id, "format"),
	                         "NameQualifier", json_string_at(name_id, "name_qualifier"), "SPNameQualifier", json_string_at(name_id, "sp_name_qualifier"),
	                         "SessionIndex", json_string_at(said, "session_index"), "AuthnContextClassRef", json_string_at(said, "context"));
	size_t index;
	json_t *attribute;

	told_time(told, "AuthnInstant", said, "authenticated_ms");
	told_time(told, "SessionNotOnOrAfter", said, "session_ends_ms");
	json_array_foreach(json_object_get(said, "attributes"), index, attribute) {
		const char *friendly = json_string_at(attribute, "friendly_name"), *name = json_string_at(attribute, "name");
		g_autofree char *title = friendly && g_strcmp0(friendly, name) != 0 ? g_strdup_printf("attribute %s (%s)", name, friendly) : g_strconcat("attribute ", name, NULL);
		values_add(told, title, json_object_get(attribute, "values"));
	}
	return told;
}

void saml_conclude(const struct saml *saml, const json_t *said, int64_t now_ms, struct provider_answer *answer)
{
	answer->identity = identity_new(saml->name, json_string_at(said, "subject"), amr_of(json_string_at(said, "context")), saml_claims_mapped(saml, said));
	if (!answer->identity) {
		saml_refuse(answer, VERDICT_VIOLATION, REASON_PROVIDER_VIOLATION);
		return;
	}
	answer->verdict = VERDICT_OK;
	answer->reason = REASON_OK;
	session_note(said, now_ms, &answer->session);
	/* The skew was granted to its clock: so long the same assertion could still pass. */
	answer->session.once_until_ms += saml->clock_skew_ms;
}
