/* `log show`: one request explained; and that nothing in the log reaches the terminal as a control character. */
#include "tests.h"

#include "base/clock.h"
#include "gateway/admin/log_advice.h"
#include "gateway/admin/verbs.h"
#include "base/checks.h"

#include <string.h>

static void row_write(struct place *place, const char *tenant_name, const char *ref, const char *seen)
{
	g_autoptr(tenant_t) tenant = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) detail = json_pack("[{s:s, s:s, s:b}, {s:s, s:s, s:s, s:b}, {s:s, s:b}]", "check", "client", "seen", "wiki", "passed", 1, "check", "redirect_uri",
	                                     "seen", seen, "expected", "https://wiki.example/cb", "passed", 0, "check", "later", "passed", 0);
	assert_int_equal(tenant_find_named(store_reader(place->store, NULL), tenant_name, &tenant, NULL), FOUND);
	const struct audit_facts facts = {
		.event = EVENT_AUTHORIZE_REFUSE, .result = AUDIT_DENIED, .reason = REASON_REDIRECT_MISMATCH, .client = "wiki", .address = "192.0.2.7", .ref = ref,
		.user_agent = "curl/7.88", .detail = detail, .time_ms = clock_now_ms(),
	};
	if (!audit_write(place->store, tenant, &facts, false, &error))
		fail_msg("%s", error->message);
}

/* Not durable events are written within a second: the row is waited for, by asking. */
static char *shown(struct place *place, const char *ref)
{
	for (int i = 0; i < 200; i++) {
		char *out = NULL;
		g_autofree char *said = NULL;
		if (place_run(place, &out, &said, "log", "show", ref, "--tenant", "acme", NULL) == EXIT_DONE)
			return out;
		g_free(out);
		g_usleep(10000);
	}
	fail_msg("no row with the reference %s", ref);
	return NULL;
}

static void show_explains(void **state)
{
	struct place *place = place_new();
	(void)state;
	place_open(place);
	assert_int_equal(place_apply(place, "tenants: [{ name: acme }, { name: beta }]"), EXIT_DONE);
	row_write(place, "acme", "aaaaaaaaaa", "https://evil.example/\x1b[2Jcb");
	g_autofree char *out = shown(place, "aaaaaaaaaa");
	assert_non_null(strstr(out, "authorization.refuse: denied (redirect_mismatch)"));
	assert_non_null(strstr(out, "✓ client: seen wiki"));
	assert_non_null(strstr(out, "✗ redirect_uri: seen https://evil.example/"));
	assert_non_null(strstr(out, "expected https://wiki.example/cb   <- this decided"));
	assert_null(strstr(strstr(out, "✗ later"), "decided"));
	assert_non_null(strstr(out, reason_sentence(REASON_REDIRECT_MISMATCH)));
	assert_non_null(strstr(out, log_advice(REASON_REDIRECT_MISMATCH)));
	assert_non_null(strstr(out, "192.0.2.7"));
	assert_null(strchr(out, '\x1b'));
	place_free(place);
}

static void show_is_one_object(void **state)
{
	struct place *place = place_new();
	g_autofree char *out = NULL, *said = NULL;
	g_autoptr(json_t) one = NULL;
	g_autoptr(json_t) both = NULL;
	(void)state;
	place_open(place);
	assert_int_equal(place_apply(place, "tenants: [{ name: acme }]"), EXIT_DONE);
	row_write(place, "acme", "aaaaaaaaaa", "x");
	g_free(shown(place, "aaaaaaaaaa"));
	assert_int_equal(place_run(place, &out, &said, "log", "show", "aaaaaaaaaa", "--json", NULL), EXIT_DONE);
	one = json_parse(out, strlen(out), 1 << 20, NULL);
	assert_string_equal(json_string_at(one, "reason"), "redirect_mismatch");
	assert_int_equal(json_array_size(json_object_get(one, "checks")), 3);
	assert_null(json_object_get(one, "records"));
	row_write(place, "acme", "aaaaaaaaaa", "y");
	for (int i = 0; i < 200 && json_array_size(json_object_get(both, "records")) < 2; i++) {
		g_autofree char *text = NULL, *nothing = NULL;
		g_usleep(10000);
		assert_int_equal(place_run(place, &text, &nothing, "log", "show", "aaaaaaaaaa", "--json", NULL), EXIT_DONE);
		json_decref(both);
		both = json_parse(text, strlen(text), 1 << 20, NULL);
	}
	assert_int_equal(json_array_size(json_object_get(both, "records")), 2);
	assert_string_equal(json_string_at(json_array_get(json_object_get(both, "checks"), 1), "seen"), "y");
	place_free(place);
}

static void another_tenants_reference_is_unknown(void **state)
{
	struct place *place = place_new();
	g_autofree char *out = NULL, *said = NULL;
	(void)state;
	place_open(place);
	assert_int_equal(place_apply(place, "tenants: [{ name: acme }, { name: beta }]"), EXIT_DONE);
	row_write(place, "acme", "aaaaaaaaaa", "x");
	row_write(place, "beta", "bbbbbbbbbb", "y");
	g_free(shown(place, "aaaaaaaaaa"));
	assert_int_equal(place_run(place, &out, &said, "log", "show", "bbbbbbbbbb", "--tenant", "acme", NULL), EXIT_FAILED_COMMAND);
	assert_string_equal(out, "");
	assert_non_null(strstr(said, "no record with the reference"));
	place_free(place);
}

static void every_refusal_has_advice(void **state)
{
	static const enum reason all[] = {
#define REASON(name, machine_name, allows, sentence) REASON_##name,
#include "policies/reasons.def"
#undef REASON
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		if (!reason_allows(all[i]) && all[i] != REASON_CANCELLED && !log_advice(all[i]))
			fail_msg("%s", reason_name(all[i]));
}

const struct CMUnitTest log_tests[] = {
	cmocka_unit_test(show_explains),
	cmocka_unit_test(show_is_one_object),
	cmocka_unit_test(another_tenants_reference_is_unknown),
	cmocka_unit_test(every_refusal_has_advice),
};
const size_t log_count = G_N_ELEMENTS(log_tests);
