/* `provider test` of a SAML provider, with a real verifier: what is said of metadata in order and in disorder, and of responses in a file. */
#include "idp.h"
#include "subjects.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "crypto/certificate.h"
#include "providers/drivers.h"
#include "providers/saml_message.h"
#include "providers/verifier/verifier.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)

static struct verifier *verifier;
static struct certified_key *key;
static const struct certified_key *keys[2];

static int probe_open(void **state)
{
	const struct verifier_options options = {.program = CHILD_PROGRAM, .children = 1, .message_ms = 10000};

	(void)state;
	verifier = verifier_new(&options, NULL);
	keys[0] = key = certified_key_generate("acme", NOW_MS, 10);
	return 0;
}

static int probe_close(void **state)
{
	(void)state;
	certified_key_free(key);
	verifier_free(verifier);
	return 0;
}

struct probed {
	json_t *rows, *claims;
};

static void probed_clear(struct probed *probed)
{
	json_decref(probed->rows);
	json_decref(probed->claims);
}
typedef struct probed probed_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(probed_t, probed_clear)

/* `more`: settings as JSON, or NULL. */
static struct probed probe_at(const struct paper *paper, const char *more, const char *response, int64_t now_ms)
{
	g_autofree char *metadata = idp_metadata(paper);
	g_autoptr(json_t) settings = json_pack("{s:s}", "metadata", metadata), further = json_loads(more ? more : "{}", 0, NULL);
	g_autoptr(GString) input = g_string_new("");
	struct checks *checks = checks_new_of(128);
	struct probed probed = {0};
	void *driver = NULL;

	json_object_update(settings, further);
	const struct provider_place place = {.tenant = "t1", .name = "okta", .verifier = verifier, .saml_signing = keys, .saml_encryption = keys, .saml_decryption = keys};
	assert_true(provider_saml.open(&place, settings, &driver, NULL));
	form_append(input, "callback_url", SP_ACS);
	if (response)
		form_append(input, "response", response);
	g_autoptr(form_t) form = form_parse(input->str, input->len, NULL);
	provider_saml.probe(driver, &(struct provider_probe){.input = form, .now_ms = now_ms, .deadline_ms = clock_monotonic_ms() + 20000, .checks = checks, .ret_claims = &probed.claims});
	provider_saml.close(driver);
	probed.rows = checks_json(checks);
	checks_free(checks);
	return probed;
}

static const json_t *row_named(const struct probed *probed, const char *name)
{
	size_t index;
	json_t *row;

	json_array_foreach(probed->rows, index, row) {
		if (strcmp(json_string_at(row, "check"), name) == 0)
			return row;
	}
	g_autofree char *all = json_text(probed->rows);
	fail_msg("no row %s in %s", name, all);
	return NULL;
}

static const char *seen_of(const struct probed *probed, const char *name)
{
	return json_string_at(row_named(probed, name), "seen");
}

/* "name name": rows that failed, or that have that member. */
static char *rows_with(const struct probed *probed, const char *member)
{
	GString *names = g_string_new("");
	size_t index;
	json_t *row;

	json_array_foreach(probed->rows, index, row) {
		bool counts = member ? json_string_at(row, member) != NULL : !json_is_true(json_object_get(row, "passed"));
		if (counts)
			g_string_append_printf(names, "%s%s", names->len ? ", " : "", json_string_at(row, "check"));
		assert_true(member || json_is_true(json_object_get(row, "passed")) || json_string_at(row, "advice"));
	}
	return g_string_free(names, FALSE);
}

static int64_t certificate_end(enum pair_name name)
{
	g_auto(certificate_facts_t) facts = {0};
	uint8_t der[8192];
	size_t length = 0;

	assert_true(base64_decode(pairs[name].certificate, strlen(pairs[name].certificate), der, sizeof der, &length) && certificate_read(der, length, &facts));
	return facts.to_ms;
}

static void what_to_enter_there_is_told(void **state)
{
	const struct paper paper = {.slo = "https://idp.example/slo"};
	g_auto(probed_t) probed = probe_at(&paper, "{\"claims\": {\"email\": [\"mail\", \"urn:oid:1\"]}}", NULL, certificate_end(PAIR_IDP) - 31 * DAY_MS);
	g_autofree char *failed = rows_with(&probed, NULL), *warned = rows_with(&probed, "warning"), *fingerprint = NULL;

	(void)state;
	assert_string_equal(failed, "");
	assert_string_equal(warned, "");
	assert_string_equal(seen_of(&probed, "to give there: entity ID"), SP_ENTITY);
	assert_string_equal(seen_of(&probed, "to give there: ACS"), SP_ACS);
	assert_string_equal(seen_of(&probed, "to give there: SLO"), SP_SLO);
	assert_string_equal(seen_of(&probed, "to send from there: email"), "mail, urn:oid:1");
	assert_string_equal(seen_of(&probed, "entityID"), IDP_ENTITY);
	assert_string_equal(seen_of(&probed, "sign-in address"), "redirect: https://idp.example/sso");
	assert_string_equal(seen_of(&probed, "logout address"), "redirect: https://idp.example/slo");
	assert_true(g_str_has_prefix(seen_of(&probed, "signing certificate"), "RSA 2048 bits, 20"));
	/* Our own entity ID, as declared. */
	g_auto(probed_t) named = probe_at(&paper, "{\"entity_id\": \"urn:acme\"}", NULL, NOW_MS);
	assert_string_equal(seen_of(&named, "to give there: entity ID"), "urn:acme");
}

static void what_runs_out_is_warned_of(void **state)
{
	static const struct {
		int64_t before_ms;
		const char *says;
	} rows[] = {{31 * DAY_MS, NULL}, {30 * DAY_MS, ": 30 days left"}, {14 * DAY_MS, ": 14 days left"}, {2 * DAY_MS + 1, ": 2 days left"}, {0, ": over"}, {-DAY_MS, ": over"}};
	const struct paper paper = {.keys = {PAIR_IDP}, .key_count = 1};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(probed_t) probed = probe_at(&paper, NULL, NULL, certificate_end(PAIR_IDP) - rows[i].before_ms);
		const json_t *row = row_named(&probed, "signing certificate");
		assert_int_equal(json_string_at(row, "warning") != NULL, rows[i].says != NULL);
		assert_true(json_is_true(json_object_get(row, "passed")));
		if (rows[i].says && !g_str_has_suffix(json_string_at(row, "seen"), rows[i].says))
			fail_msg("row %zu: %s", i, json_string_at(row, "seen"));
	}
	const struct paper soon = {.attributes = "validUntil=\"2026-09-25T00:00:00Z\""}, over = {.attributes = "validUntil=\"2026-09-20T00:00:00Z\""};
	g_auto(probed_t) ends = probe_at(&soon, NULL, NULL, NOW_MS), ended = probe_at(&over, NULL, NULL, NOW_MS);
	g_autofree char *failed = rows_with(&ended, NULL);
	assert_string_equal(seen_of(&ends, "validUntil"), "2026-09-25T00:00:00.000Z: 3 days left");
	assert_string_equal(failed, "metadata_validity");
}

static void disorder_is_told(void **state)
{
	static const char formats[] = "<md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:transient</md:NameIDFormat>";
	const struct paper weak = {.keys = {PAIR_IDP, PAIR_SMALL}, .key_count = 2}, weakest = {.keys = {PAIR_SMALL}, .key_count = 1}, strict = {.wants_signed = true};
	const struct paper choosy = {.formats = formats};
	g_auto(probed_t) two = probe_at(&weak, NULL, NULL, NOW_MS), none = probe_at(&weakest, NULL, NULL, NOW_MS), unsigned_ = probe_at(&strict, "{\"sign_requests\": false}", NULL, NOW_MS);
	g_auto(probed_t) asked = probe_at(&choosy, "{\"name_id_format\": \"urn:x\", \"binding\": \"post\"}", NULL, NOW_MS), pinned = probe_at(&strict, "{\"idp_entity_id\": \"urn:other\"}", NULL, NOW_MS);
	g_autofree char *small = rows_with(&two, "warning"), *no_key = rows_with(&none, NULL), *unsigned_failed = rows_with(&unsigned_, NULL), *wishes = rows_with(&asked, "warning");
	g_autofree char *other = rows_with(&pinned, NULL);

	(void)state;
	assert_true(g_str_has_prefix(small, "signing certificate"));
	assert_string_equal(no_key, "metadata_signing_key");
	assert_string_equal(unsigned_failed, "request signature");
	assert_string_equal(wishes, "request binding, NameIDFormat");
	assert_string_equal(other, "metadata_entity");
}

static char *in_form(const char *xml, bool escaped)
{
	g_autofree char *field = base64_encode(xml, strlen(xml));
	g_autoptr(GString) body = g_string_new("");

	if (!escaped)
		return g_steal_pointer(&field);
	form_append(body, "RelayState", "x");
	form_append(body, "SAMLResponse", field);
	return g_string_free(g_steal_pointer(&body), FALSE);
}

static void a_recorded_response_is_explained(void **state)
{
	const struct paper paper = {0};
	struct shape shape = shape_good(), faults = shape_good();
	g_autofree char *xml = idp_response(&shape), *field = in_form(xml, false), *form = in_form(xml, true), *lines = g_strconcat("\n", field, "\r\n", NULL);
	g_autofree char *percent = g_uri_escape_string(field, NULL, FALSE);
	const char *const ways[] = {xml, field, form, lines, percent};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(ways); i++) {
		g_auto(probed_t) probed = probe_at(&paper, "{\"group_map\": {\"staff\": \"wiki\"}}", ways[i], NOW_MS + 100 * DAY_MS);
		g_autofree char *failed = rows_with(&probed, NULL), *skipped = rows_with(&probed, "skipped");
		if (*failed)
			fail_msg("way %zu: %s", i, failed);
		assert_string_equal(skipped, "in_response_to, one_use");
		assert_string_equal(seen_of(&probed, "person: email"), "alice@acme.example");
		assert_non_null(strstr(seen_of(&probed, "person: groups"), "wiki"));
		assert_string_equal(json_string_at(probed.claims, "NameID"), shape.name);
		assert_string_equal(json_string_at(probed.claims, "AuthnContextClassRef"), shape.context);
		assert_non_null(json_object_get(probed.claims, "attribute urn:oid:0.9.2342.19200300.100.1.3 (mail)"));
	}
	faults.audiences = "<saml:AudienceRestriction><saml:Audience>https://other.example/</saml:Audience></saml:AudienceRestriction>";
	faults.recipient = "https://other.example/acs";
	g_autofree char *bad = idp_response(&faults);
	g_auto(probed_t) probed = probe_at(&paper, NULL, bad, NOW_MS);
	g_autofree char *failed = rows_with(&probed, NULL);
	assert_string_equal(failed, "recipient, audience, response as a whole");
	assert_string_equal(seen_of(&probed, "response as a whole"), "refused: saml_address");
	assert_string_equal(seen_of(&probed, "audience"), "https://other.example/");
	assert_string_equal(json_string_at(row_named(&probed, "audience"), "expected"), SP_ENTITY);
	assert_non_null(strstr(json_string_at(row_named(&probed, "audience"), "advice"), "There: set the audience"));
}

static void what_is_no_response_harms_nobody(void **state)
{
	const struct paper paper = {0};
	g_autofree char *huge = g_strnfill(SAML_MESSAGE_MAX * 2 + 10, 'A'), *huge_xml = g_strconcat("<", huge, NULL), *deep = g_strnfill(200000, '<');
	static const char bomb[] = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><x>&b;</x>";
	const struct {
		const char *text, *failed;
	} rows[] = {
		{"garbage!", "response"}, {"", NULL}, {huge, "response"}, {huge_xml, "response"}, {"SAMLResponse=AAAA&SAMLResponse=AAAA", "response"}, {"SAMLResponse=", "response"},
		{"%zz", "response"}, {"AAAA", "xml_utf8, response as a whole"}, {bomb, "xml_doctype, response as a whole"}, {deep, "xml_well_formed, response as a whole"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(probed_t) probed = probe_at(&paper, NULL, rows[i].text, NOW_MS);
		g_autofree char *failed = rows_with(&probed, NULL);
		if (rows[i].failed && strcmp(failed, rows[i].failed) != 0)
			fail_msg("row %zu: %s", i, failed);
		assert_null(probed.claims);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(what_to_enter_there_is_told, probe_open),
	cmocka_unit_test(what_runs_out_is_warned_of),
	cmocka_unit_test(disorder_is_told),
	cmocka_unit_test(a_recorded_response_is_explained),
	cmocka_unit_test_teardown(what_is_no_response_harms_nobody, probe_close),
};
const struct test_list probe_list = {tests, TEST_COUNT(tests)};
