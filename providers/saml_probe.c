/* `provider test`: what the provider's metadata says and for how long, what to enter there about us, and with a recorded response every check of a sign-in.
 *
 *   what to give there ─> metadata: each step ─> certificates ─> addresses, and whether their servers answer ─> our requests
 *   recorded response: metadata ─> certificates ─> whose bytes ─> verifier: every check ─> the person, as mapped
 *
 * A recorded response is read by the same process as one that came to sign somebody in; no identity is ever made of it, and nothing is taken for used.
 */
#include "providers/saml_internal.h"

#include "base/clock.h"
#include "base/url.h"
#include "policies/expiry.h"
#include "providers/fetch.h"

#include <string.h>

#define SERVERS_MAX 3
#define SERVER_MS 10000
#define ADVICE_CERTIFICATE "There: publish the next signing certificate beside this one in time; both are taken while both are there. Here, with metadata_file: load the new metadata."

struct probe {
	struct saml *saml;
	const struct provider_probe *input;
	struct checks *checks;
	const char *acs_url;
	json_t *idp;
};

/* --- what to enter there --- */

static void give(const struct probe *probe, const char *name, const char *value, const char *what)
{
	check(probe->checks, name, value, what, true);
}

static void give_keys(const struct probe *probe, const char *name, const struct certified_key *const *keys, const char *without)
{
	if (!keys || !keys[0])
		check_skipped(probe->checks, name, "none", without);
	for (size_t i = 0; keys && keys[i]; i++) {
		g_autofree char *fingerprint = saml_fingerprint(certified_key_certificate(keys[i])), *seen = g_strdup_printf("in our metadata; its SHA-256 is %s", fingerprint);
		give(probe, name, seen, i == 0 ? "as our certificate" : "as our older certificate, until it has left our metadata");
	}
}

static char *names_text(const json_t *names)
{
	GString *text = g_string_new(json_is_string(names) ? json_string_value(names) : "");
	size_t index;
	json_t *name;

	json_array_foreach(names, index, name)
		g_string_append_printf(text, "%s%s", index ? ", " : "", json_string_value(name));
	return g_string_free(text, FALSE);
}

static void give_attributes(const struct probe *probe)
{
	const char *field;
	json_t *names;

	json_object_foreach(probe->saml->claims, field, names) {
		g_autofree char *title = g_strconcat("to send from there: ", field, NULL), *seen = names_text(names);
		give(probe, title, seen, "as an attribute of one of these names; the first that is there counts");
	}
	give(probe, "to send from there: subject", probe->saml->subject_attribute ? probe->saml->subject_attribute : "NameID",
	     probe->saml->subject_attribute ? "an attribute with one value, never another person's" : "a name that is never another person's");
}

static void give_all(const struct probe *probe)
{
	const struct saml *saml = probe->saml;
	g_autofree char *entity_id = saml_entity_id(saml, probe->acs_url), *metadata = saml_address(probe->acs_url, "metadata"), *slo = saml_address(probe->acs_url, "slo");

	give(probe, "to give there: metadata", metadata, "all of what follows, for a provider that reads metadata");
	give(probe, "to give there: entity ID", entity_id, "as entity ID, audience, identifier");
	give(probe, "to give there: ACS", probe->acs_url, "as assertion consumer service, reply or recipient address, by POST");
	give(probe, "to give there: SLO", slo, "as single logout address, by redirect or POST");
	give_keys(probe, "to give there: signing certificate", saml->signing, "The tenant has no SAML keys: requests go unsigned.");
	give_keys(probe, "to give there: encryption certificate", saml->encryption, "The tenant has no SAML keys: nothing may be encrypted.");
	give(probe, "to give there: NameID format", saml->name_id_format ? saml->name_id_format : "persistent",
	     saml->name_id_format ? "asked for by name_id_format" : saml->has_domains ? "or emailAddress, unspecified: this provider has domains" : "the only one that may be a subject");
	give_attributes(probe);
}

/* --- what its metadata says --- */

static void expiry_row(const struct probe *probe, const char *name, const char *seen, int64_t at_ms, const char *advice)
{
	int64_t now_ms = probe->input->now_ms;
	enum expiry_stage stage = expiry_stage_of(at_ms, now_ms);
	g_autofree char *days = g_strdup_printf("%s: %" G_GINT64_FORMAT " days left", seen, expiry_days_left(at_ms, now_ms)), *over = g_strconcat(seen, ": over", NULL);

	if (stage == EXPIRY_FAR)
		check(probe->checks, name, seen, NULL, true);
	else
		check_warned(probe->checks, name, stage == EXPIRY_OVER ? over : days, "more than 30 days left", advice);
}

static void validity_rows(const struct probe *probe)
{
	int64_t until_ms = 0, cache_s = 0;
	char until[CLOCK_TEXT_SIZE];

	if (json_integer_at(probe->idp, "valid_until_ms", &until_ms)) {
		clock_format(until_ms, until);
		/* What is fetched anew in time may be valid for a short time. */
		expiry_row(probe, "validUntil", until, probe->saml->metadata_url && expiry_stage_of(until_ms, probe->input->now_ms) < EXPIRY_IN_3_DAYS ? INT64_MAX : until_ms,
		           "There: publish metadata that is valid for longer. Here, with metadata_file: load it again.");
	} else {
		check(probe->checks, "validUntil", "not stated: without an end", NULL, true);
	}
	if (!probe->saml->metadata_url)
		return;
	bool stated = json_integer_at(probe->idp, "cache_s", &cache_s);
	g_autofree char *duration = g_strdup_printf("%" G_GINT64_FORMAT " s", cache_s);
	check(probe->checks, "cacheDuration", stated ? duration : "not stated", "looked at again after this or what the HTTP headers say: after 5 minutes to 24 hours", true);
}

static void certificate_row(const struct probe *probe, const json_t *certificate)
{
	int64_t from_ms = 0, to_ms = 0;
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	g_autofree char *fingerprint = saml_fingerprint(json_string_at(certificate, "certificate"));

	json_integer_at(certificate, "from_ms", &from_ms);
	json_integer_at(certificate, "to_ms", &to_ms);
	clock_format(from_ms, from);
	clock_format(to_ms, to);
	g_autofree char *seen = g_strdup_printf("%s, %.10s to %.10s, SHA-256 %s", json_string_at(certificate, "key"), from, to, fingerprint);
	if (!json_is_true(json_object_get(certificate, "fit")))
		check_warned(probe->checks, "signing certificate", seen, "RSA, 2048 to 8192 bits", "There: sign with RSA of 2048 bits or more. What this key signs is not taken.");
	else
		expiry_row(probe, "signing certificate", seen, to_ms, ADVICE_CERTIFICATE);
}

static void metadata_rows(const struct probe *probe)
{
	size_t index;
	json_t *certificate;

	check(probe->checks, "entityID", json_string_at(probe->idp, "entity_id"), probe->saml->idp_entity_id, true);
	validity_rows(probe);
	json_array_foreach(json_object_get(probe->idp, "signing"), index, certificate)
		certificate_row(probe, certificate);
}

/* --- its addresses --- */

static char *origin_of(const char *location)
{
	g_autoptr(url_t) url = url_parse(location, NULL);

	return url ? url_origin(url) : NULL;
}

/* The host that the operator may be taken to have named: the one of metadata_url, and any that stands in metadata which he gave himself. */
static char *host_meant(const struct saml *saml, const char *location)
{
	g_autoptr(url_t) url = saml->metadata_url ? NULL : url_parse(location, NULL);

	return g_strdup(url ? url->host : saml->declared_host);
}

static const json_t *step_failed(const json_t *rows)
{
	size_t index;
	json_t *row;

	json_array_foreach(rows, index, row) {
		if (!json_is_true(json_object_get(row, "passed")))
			return row;
	}
	return NULL;
}

/* People's browsers go there, not this machine: what it cannot reach, they may. So it is no failure. */
static void server_row(const struct probe *probe, const char *location, const char *origin)
{
	g_auto(fetch_reply_t) reply = {0};
	struct checks *steps = checks_new();
	g_autofree char *host = host_meant(probe->saml, location);
	const struct fetch_request request = {.url = location, .declared_host = host, .deadline_ms = MIN(probe->input->deadline_ms, clock_monotonic_ms() + SERVER_MS), .checks = steps};
	enum fetch_result result = fetch(probe->saml->fetcher, &request, &reply);
	g_autoptr(json_t) rows = checks_json(steps);
	const json_t *failed = step_failed(rows);
	bool answers = result == FETCH_OK || result == FETCH_TOO_BIG;
	g_autofree char *seen = answers ? g_strdup_printf("%s: status %d", origin, reply.status)
	                                : g_strdup_printf("%s: %s: %s", origin, failed ? json_string_at(failed, "check") : "request", failed ? json_string_at(failed, "seen") : reply.trouble);

	checks_free(steps);
	if (answers)
		check(probe->checks, "server", seen, "an answer, whatever it is", true);
	else
		check_warned(probe->checks, "server", seen, "an answer, whatever it is",
		             "Only people's browsers must get there. There: see whether the server is up. Here: if this machine should reach it, look at `outbound` in passerelle.yaml.");
}

static void servers_rows(const struct probe *probe)
{
	g_autoptr(GPtrArray) origins = g_ptr_array_new_with_free_func(g_free);
	static const char *const lists[] = {"sso", "slo"};

	for (size_t i = 0; probe->saml->fetcher && i < G_N_ELEMENTS(lists); i++) {
		size_t index;
		json_t *endpoint;
		json_array_foreach(json_object_get(probe->idp, lists[i]), index, endpoint) {
			const char *location = json_string_at(endpoint, "location");
			g_autofree char *origin = origin_of(location);
			if (!origin || origins->len >= SERVERS_MAX || g_ptr_array_find_with_equal_func(origins, origin, g_str_equal, NULL))
				continue;
			server_row(probe, location, origin);
			g_ptr_array_add(origins, g_steal_pointer(&origin));
		}
	}
}

static void addresses_rows(const struct probe *probe)
{
	static const struct {
		const char *list, *name;
	} kinds[] = {{"sso", "sign-in address"}, {"slo", "logout address"}};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		const json_t *endpoints = json_object_get(probe->idp, kinds[i].list);
		size_t index;
		json_t *endpoint;
		json_array_foreach(endpoints, index, endpoint) {
			g_autofree char *seen = g_strdup_printf("%s: %s", json_string_at(endpoint, "binding"), json_string_at(endpoint, "location"));
			check(probe->checks, kinds[i].name, seen, NULL, true);
		}
		if (json_array_size(endpoints) == 0)
			check(probe->checks, kinds[i].name, "none: signing out here does not sign out there", NULL, true);
	}
	servers_rows(probe);
}

/* --- our requests --- */

static void requests_rows(const struct probe *probe)
{
	const struct saml *saml = probe->saml;
	const char *format = saml->name_id_format, *binding = json_string_at(saml_endpoint(probe->idp, "sso", saml->binding), "binding");
	const json_t *formats = json_object_get(probe->idp, "name_id_formats");
	bool wants = json_is_true(json_object_get(probe->idp, "wants_signed_requests")), can = saml->sign_requests && saml->signing;

	check_advised(probe->checks, "request signature", can ? "signed" : "unsigned", wants ? "signed: WantAuthnRequestsSigned" : "signed or not", can || !wants,
	              "Here: set sign_requests: true. The provider's metadata asks for signed requests.");
	if (g_strcmp0(binding, saml->binding) == 0)
		check(probe->checks, "request binding", binding, saml->binding, true);
	else
		check_warned(probe->checks, "request binding", binding, saml->binding, "Here: write the binding seen; it is used anyway, since the provider has no other.");
	if (format && json_array_size(formats) > 0 && !json_array_has(formats, format))
		check_warned(probe->checks, "NameIDFormat", format, "one that its metadata lists", "There: offer that format to us. Or here: set name_id_format to one that is listed.");
}

/* --- a recorded response --- */

/* From a form's body, its field alone, percent-encoded or not, or the XML: told apart by characters that the others cannot begin with or have. */
static char *response_bytes(const char *text, size_t *ret_length, const char **ret_kind)
{
	g_autofree char *plain = g_strstrip(g_strdup(text)), *field = NULL;
	bool is_form = g_str_has_prefix(plain, "SAMLResponse=") || strstr(plain, "&SAMLResponse=");

	if (*plain == '<') {
		*ret_kind = "XML";
		*ret_length = strlen(plain);
		return *ret_length <= SAML_MESSAGE_MAX ? g_steal_pointer(&plain) : NULL;
	}
	*ret_kind = is_form ? "a form's body" : "base64";
	if (is_form || strchr(plain, '%')) {
		g_autofree char *body = is_form ? g_steal_pointer(&plain) : g_strconcat("SAMLResponse=", plain, NULL);
		g_autoptr(form_t) form = form_parse(body, strlen(body), NULL);
		field = form && form_count(form, "SAMLResponse") == 1 ? g_strdup(form_get(form, "SAMLResponse")) : NULL;
	} else {
		field = g_steal_pointer(&plain);
	}
	return field ? saml_posted(field, ret_length, NULL) : NULL;
}

static void person_rows(const struct probe *probe, const json_t *said)
{
	static const char *const fields[] = {"username", "email", "name"};
	g_autoptr(json_t) mapped = saml_claims_mapped(probe->saml, said);
	g_autofree char *groups = names_text(json_object_get(mapped, "groups"));

	check(probe->checks, "person: subject", json_string_at(said, "subject"), NULL, true);
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		g_autofree char *title = g_strconcat("person: ", fields[i], NULL);
		g_autofree char *advice = g_strdup_printf("There: send it. Or here: name the attribute that holds it in claims: { %s: … }.", fields[i]);
		const char *value = json_string_at(mapped, fields[i]);
		if (value)
			check(probe->checks, title, value, NULL, true);
		else
			check_warned(probe->checks, title, "none", "a value", advice);
	}
	check(probe->checks, "person: groups", *groups ? groups : "none", "any, as they are after group_map", true);
}

static void said_rows(const struct probe *probe, const json_t *said)
{
	bool ok = strcmp(json_string_at(said, "result"), "ok") == 0;
	g_autofree char *refused = ok ? NULL : g_strdup_printf("refused: %s", reason_name(saml_reason(said)));

	saml_checks_take(probe->checks, said);
	if (json_string_at(said, "assertion_id"))
		check_skipped(probe->checks, "one_use", json_string_at(said, "assertion_id"), "Whether the assertion came before is asked when somebody signs in by it; here nothing is used up.");
	check_advised(probe->checks, "response as a whole", ok ? "taken, if it had come then" : refused, "taken, if it had come then", ok, "See the steps that failed above.");
	if (!json_string_at(said, "subject"))
		return;
	person_rows(probe, said);
	if (probe->input->ret_claims)
		*probe->input->ret_claims = saml_claims_told(said);
}

static void response_probe(const struct probe *probe, const char *text)
{
	const char *kind = NULL;
	size_t length = 0;
	g_autofree char *bytes = response_bytes(text, &length, &kind), *seen = g_strdup_printf("%s, %zu bytes of XML", kind, length);
	g_autoptr(json_t) said = NULL;

	if (!check_advised(probe->checks, "response", bytes ? seen : "not base64, several, or over 256 KiB", "one SAMLResponse: base64, a form's body, or XML", bytes != NULL,
	                   "Here: copy the value of the form field SAMLResponse whole, from the browser's network view of the POST to our ACS."))
		return;
	enum verifier_result result = saml_response_look(probe->saml, probe->idp, probe->acs_url, bytes, length, probe->input->now_ms, probe->input->deadline_ms, &said);
	if (check_advised(probe->checks, "verifier", verifier_result_name(result), verifier_result_name(VERIFIER_ANSWERED), result == VERIFIER_ANSWERED,
	                  "This message is not to be read within bounds: if it is the provider's own, show it to us."))
		said_rows(probe, said);
}

void saml_probe(void *state, const struct provider_probe *input)
{
	const char *acs_url = form_value(input->input, "callback_url"), *response = form_value(input->input, "response");
	struct probe probe = {.saml = state, .input = input, .checks = input->checks, .acs_url = acs_url ? acs_url : ""};

	if (!response)
		give_all(&probe);
	probe.idp = saml_idp_probe(state, input->now_ms, input->deadline_ms, input->checks);
	if (!probe.idp)
		return;
	metadata_rows(&probe);
	if (response) {
		response_probe(&probe, response);
	} else {
		addresses_rows(&probe);
		requests_rows(&probe);
	}
	json_decref(probe.idp);
}
