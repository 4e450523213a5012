/* A row as CONTRACT section 7 shows it: names and order to the letter. */
#include "tests.h"
#include <string.h>

static const char contract[] = "id node seq time tenant event result reason account username provider client session ip user_agent device os browser acr amr ref actor prev_hash hash";

static bool keep_json(const struct log_row *row, void *data)
{
	const struct { const struct tenant *tenant; json_t **ret; } *out = data;

	json_decref(*out->ret);
	*out->ret = audit_row_json(out->tenant, row);
	return true;
}

static json_t *last_json(const struct bench *bench, const struct tenant *tenant)
{
	json_t *object = NULL;
	struct { const struct tenant *tenant; json_t **ret; } out = { tenant, &object };

	bench_list(bench, tenant, keep_json, &out);
	return object;
}

static void test_names_and_order(void **state)
{
	const struct bench *bench = *state;
	struct audit_facts facts = bench_facts();
	g_autoptr(GString) names = g_string_new(NULL);
	const char *name;
	json_t *value;

	bench_write(bench, bench->acme, &facts, true);
	g_autoptr(json_t) object = last_json(bench, bench->acme);
	json_object_foreach(object, name, value)
		g_string_append_printf(names, "%s%s", names->len ? " " : "", name);
	assert_string_equal(names->str, contract);
}

static void test_values(void **state)
{
	const struct bench *bench = *state;
	struct audit_facts facts = bench_facts();

	bench_write(bench, bench->acme, &facts, true);
	g_autoptr(json_t) object = last_json(bench, bench->acme);
	assert_string_equal(json_string_at(object, "time"), "2026-11-18T11:06:40.123Z");
	assert_string_equal(json_string_at(object, "tenant"), "acme");
	assert_string_equal(json_string_at(object, "node"), "n1");
	assert_string_equal(json_string_at(object, "event"), "login");
	assert_string_equal(json_string_at(object, "result"), "ok");
	assert_string_equal(json_string_at(object, "reason"), "ok");
	assert_string_equal(json_string_at(object, "account"), facts.account);
	assert_string_equal(json_string_at(object, "ip"), "192.0.2.7");
	assert_string_equal(json_string_at(object, "user_agent"), facts.user_agent);
	assert_string_equal(json_string_at(object, "device"), "desktop");
	assert_string_equal(json_string_at(object, "os"), "Linux");
	assert_string_equal(json_string_at(object, "browser"), "Firefox 128");
	assert_int_equal(json_integer_value(json_object_get(object, "seq")), 1);
	assert_true(json_is_null(json_object_get(object, "actor")));
	assert_int_equal(strlen(json_string_at(object, "id")), 26);
	assert_int_equal(strlen(json_string_at(object, "hash")), 64);
	assert_int_equal(strspn(json_string_at(object, "prev_hash"), "0"), 64);
}

/* A command line acts without browser, session or client: those are null, not "unknown". */
static void test_unset_is_null(void **state)
{
	static const char *const unset[] = { "account", "username", "provider", "client", "session", "ip", "user_agent", "device", "os", "browser", "acr", "amr", "ref" };
	const struct bench *bench = *state;

	bench_write(bench, bench->acme, &(struct audit_facts) { .event = EVENT_TENANT_UPDATE, .result = AUDIT_OK, .reason = REASON_OK, .actor = "cli:root" }, false);
	g_autoptr(json_t) object = last_json(bench, bench->acme);
	for (size_t i = 0; i < G_N_ELEMENTS(unset); i++)
		assert_true(json_is_null(json_object_get(object, unset[i])));
	assert_string_equal(json_string_at(object, "actor"), "cli:root");
	assert_string_equal(json_string_at(object, "time"), "1970-01-01T00:00:00.000Z");
}

/* One line of output stays one line, whatever a browser calls itself. */
static void test_no_injection(void **state)
{
	const struct bench *bench = *state;
	struct audit_facts facts = bench_facts();

	facts.user_agent = "x\r\n{\"event\":\"login\"}\x1b[2J\xe2\x80\xa8\xff";
	facts.client = "=cmd|' /C calc'!A0\n";
	bench_write(bench, bench->acme, &facts, true);
	g_autoptr(json_t) object = last_json(bench, bench->acme);
	g_autofree char *text = json_text(object);
	assert_null(strchr(text, '\n'));
	assert_null(strchr(text, '\x1b'));
	assert_null(strstr(text, "\xe2\x80\xa8"));
	assert_true(g_utf8_validate(text, -1, NULL));
	g_autoptr(json_t) again = json_parse(text, strlen(text), 65536, NULL);
	assert_non_null(again);
}

/* Bytes that are not UTF-8 in the file do not make a name vanish. */
static void test_damaged_row_keeps_its_names(void **state)
{
	const struct bench *bench = *state;
	struct log_row row = { .node = (char[]) { "n1" }, .client = (char[]) { "\xff" }, .acr = (char[]) { "" } };

	g_autoptr(json_t) object = audit_row_json(bench->acme, &row);
	assert_int_equal(json_object_size(object), 24);
	assert_true(json_is_null(json_object_get(object, "client")));
	assert_true(json_is_null(json_object_get(object, "acr")));
}

static bool keep_detail(const struct log_row *row, void *data)
{
	*(json_t **)data = json_deep_copy(row->detail);
	return true;
}

/* The checks made travel beside the row, also where nobody waits for it. */
static void test_detail_is_kept(void **state)
{
	const struct bench *bench = *state;
	struct audit_facts facts = bench_facts();
	g_autoptr(json_t) detail = json_pack("[{s:s, s:b}]", "check", "redirect_uri", "passed", 0);
	g_autoptr(json_t) kept = NULL;

	facts.detail = detail;
	bench_write(bench, bench->acme, &facts, true);
	bench_list(bench, bench->acme, keep_detail, &kept);
	assert_true(json_equal(kept, detail));
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

static const struct CMUnitTest tests[] = {
	WITH_BENCH(test_names_and_order), WITH_BENCH(test_values), WITH_BENCH(test_unset_is_null), WITH_BENCH(test_no_injection), WITH_BENCH(test_damaged_row_keeps_its_names),
	WITH_BENCH(test_detail_is_kept),
};

const struct test_group json_group = { tests, sizeof tests / sizeof tests[0] };
