/* The watch over what providers publish: real metadata over HTTPS that changes, and what the logs of two tenants say of it. */
#include "gateway/call/provider_watch.h"
#include "base/clock.h"
#include "crypto/certified_key.h"
#include "gateway/audit/audit.h"
#include "gateway/call/sources.h"
#include "providers/fetch_cache.h"
#include "providers/verifier/verifier.h"
#include "tests/call/tests.h"
#include "tests/providers/fetch_rig.h"

#include <unistd.h>

struct fixture {
	struct bench *bench;
	struct verifier *verifier;
	struct provider_place ways;
	struct sources *sources;
	struct gateway gateway;
	struct provider_watch *watch;
	struct certified_key *keys[2];
	char *url, *said; /* the process log so far, in a file */
	int standard_error;
};

static void declare(const struct fixture *fixture, const struct tenant *tenant, const char *name, bool enabled)
{
	struct provider_record record = { .name = g_strdup(name), .type = g_strdup("saml"), .enabled = enabled,
		.settings = json_pack("{s:s}", "metadata_url", fixture->url) };

	provider_make(fixture->bench, tenant, &record);
}

/* Standard error is the process log: it goes into a file until the end. */
static void log_keep(struct fixture *fixture)
{
	int file = g_file_open_tmp("passerelle-watch-XXXXXX", &fixture->said, NULL);

	fixture->standard_error = dup(STDERR_FILENO);
	assert_true(dup2(file, STDERR_FILENO) >= 0);
	close(file);
}

static int fixture_setup(void **state)
{
	struct fixture *fixture = g_new0(struct fixture, 1);
	void *bench = NULL;

	bench_setup(&bench);
	fetch_rig_open();
	fixture->bench = bench;
	fixture->url = fetch_rig_url("https", "127.0.0.1", "good", "/document");
	fixture->verifier = verifier_new(&(struct verifier_options){ .program = CHILD_PROGRAM, .children = 1, .message_ms = 10000 }, NULL);
	fixture->ways = (struct provider_place){ .fetcher = fetch_rig_fetcher((struct fetch_options){ .retry_after_ms = 1 }), .verifier = fixture->verifier };
	fixture->ways.documents = document_cache_new(fixture->ways.fetcher, &(struct document_cache_options){ .fresh_min_ms = 1, .retry_after_ms = 1 });
	fixture->sources = sources_new(fixture->bench->store, &fixture->ways, 2);
	fixture->gateway = (struct gateway){ .store = fixture->bench->store, .sources = fixture->sources };
	fixture->watch = provider_watch_new(&fixture->gateway, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(fixture->keys); i++)
		fixture->keys[i] = certified_key_generate("idp", clock_now_ms(), 1);
	declare(fixture, fixture->bench->acme, "okta", true);
	declare(fixture, fixture->bench->acme, "off", false);
	declare(fixture, fixture->bench->globex, "okta", true);
	log_keep(fixture);
	*state = fixture;
	return 0;
}

static int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	void *bench = fixture->bench;

	dup2(fixture->standard_error, STDERR_FILENO);
	close(fixture->standard_error);
	unlink(fixture->said);
	provider_watch_free(fixture->watch);
	sources_free(fixture->sources);
	document_cache_free(fixture->ways.documents);
	fetcher_free(fixture->ways.fetcher);
	verifier_free(fixture->verifier);
	for (size_t i = 0; i < G_N_ELEMENTS(fixture->keys); i++)
		certified_key_free(fixture->keys[i]);
	fetch_rig_close();
	bench_teardown(&bench);
	g_free(fixture->url);
	g_free(fixture->said);
	g_free(fixture);
	return 0;
}

static void append_key(GString *out, const struct certified_key *key)
{
	g_string_append_printf(out, "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>",
		certified_key_certificate(key));
}

static void publish(const struct fixture *fixture, const char *entity_id, size_t keys)
{
	g_autoptr(GString) text = g_string_new(NULL);

	g_string_printf(text, "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" entityID=\"%s\">"
		"<md:IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">", entity_id);
	for (size_t i = 0; i < keys; i++)
		append_key(text, fixture->keys[i]);
	g_string_append(text, "<md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://idp.example/sso\"/>"
		"</md:IDPSSODescriptor></md:EntityDescriptor>");
	fetch_rig_ask("document 200 max-age=0 %s", text->str);
}

/* One whole round, whatever its steps take. */
static void look_at_all(const struct fixture *fixture)
{
	for (int i = 0; i < 4; i++) {
		g_usleep(2000); /* the copies' shortest time, one millisecond, is over */
		provider_watch_step(fixture->watch);
	}
}

static size_t lines_with(const struct fixture *fixture, const char *first, const char *second)
{
	g_autofree char *text = NULL;
	size_t count = 0;

	assert_true(g_file_get_contents(fixture->said, &text, NULL, NULL));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		count += strstr(*line, first) && strstr(*line, second) ? 1 : 0;
	return count;
}

static bool row_count(const struct log_row *row, void *data)
{
	json_t *rows = data;

	json_array_append_new(rows, json_pack("{s:s, s:s, s:O}", "provider", row->provider, "actor", row->actor, "detail", row->detail));
	return true;
}

static json_t *rows_of(const struct fixture *fixture, const struct tenant *tenant)
{
	const struct log_filter filter = { .event = audit_event_text(EVENT_PROVIDER_UPDATE) };
	json_t *rows = json_array();

	assert_true(log_list(bench_reader(fixture->bench), tenant->id, &filter, row_count, rows, NULL));
	return rows;
}

static void a_change_is_told_once_to_each_tenant(void **state)
{
	const struct fixture *fixture = *state;
	const struct tenant *const tenants[] = { fixture->bench->acme, fixture->bench->globex };

	publish(fixture, "https://idp.example/", 1);
	look_at_all(fixture);
	publish(fixture, "https://idp.example/", 2);
	look_at_all(fixture);
	look_at_all(fixture);
	for (size_t i = 0; i < G_N_ELEMENTS(tenants); i++) {
		g_autoptr(json_t) rows = rows_of(fixture, tenants[i]);
		g_autofree char *tenant = g_strdup_printf("\"tenant\":\"%s\"", tenants[i]->name);
		const json_t *detail = json_object_get(json_array_get(rows, 0), "detail"), *changes = json_object_get(detail, "changes");
		assert_int_equal(json_array_size(rows), 1);
		assert_string_equal(json_string_at(json_array_get(rows, 0), "provider"), "okta");
		assert_string_equal(json_string_at(json_array_get(rows, 0), "actor"), "gateway");
		assert_string_equal(json_string_at(detail, "change"), "metadata");
		assert_int_equal(json_array_size(changes), 1);
		assert_true(g_str_has_prefix(json_string_value(json_array_get(changes, 0)), "new: signing certificate "));
		assert_int_equal(lines_with(fixture, "provider.metadata_changed", tenant), 1);
	}
}

/* Another entity's metadata is not taken, which is said once a day, not at each look; and a provider that is switched off is left alone. */
static void what_is_refused_is_told_once_a_day(void **state)
{
	const struct fixture *fixture = *state;

	publish(fixture, "https://idp.example/", 1);
	look_at_all(fixture);
	publish(fixture, "https://evil.example/", 1);
	look_at_all(fixture);
	look_at_all(fixture);
	g_autoptr(json_t) rows = rows_of(fixture, fixture->bench->acme);
	assert_int_equal(json_array_size(rows), 0);
	assert_int_equal(lines_with(fixture, "provider.metadata_refused", "\"tenant\":\"acme\""), 1);
	assert_int_equal(lines_with(fixture, "provider.metadata_refused", "https://evil.example/, expected https://idp.example/"), 2);
	assert_int_equal(lines_with(fixture, "provider.", "\"provider\":\"off\""), 0);
	assert_int_equal(lines_with(fixture, "provider.metadata_changed", ""), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(a_change_is_told_once_to_each_tenant, fixture_setup, fixture_teardown),
	cmocka_unit_test_setup_teardown(what_is_refused_is_told_once_a_day, fixture_setup, fixture_teardown),
};
const struct test_group watch_group = { tests, G_N_ELEMENTS(tests) };
