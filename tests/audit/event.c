/* The table of events: each is "noun.verb" or one plain word, named once; what grants or administers is durable. */
#include "tests.h"
#include <string.h>

static const enum audit_event events[] = {
#define EVENT(name, text, durable, sentence) EVENT_##name,
#include "gateway/audit/events.def"
#undef EVENT
};

static void test_names(void **state)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
		const char *text = audit_event_text(events[i]);
		assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz.-"), strlen(text));
		assert_true(g_hash_table_add(seen, (void *)(uintptr_t)text));
	}
}

static void test_durability(void **state)
{
	(void)state;
	assert_true(audit_event_durable(EVENT_LOGIN));
	assert_true(audit_event_durable(EVENT_TOKEN_ISSUE));
	assert_true(audit_event_durable(EVENT_TOKEN_REFRESH));
	assert_true(audit_event_durable(EVENT_USER_PASSWORD));
	assert_true(audit_event_durable(EVENT_LOG_READ));
	assert_false(audit_event_durable(EVENT_TOKEN_CLIENT));
	assert_false(audit_event_durable(EVENT_CLIENT_AUTH));
	/* What is not in the table waits: nothing is granted without its record. */
	assert_true(audit_event_durable((enum audit_event)9999));
}

static bool keep_result(const struct log_row *row, void *data)
{
	g_free(*(char **)data);
	*(char **)data = g_strdup_printf("%s %s", row->result, row->reason);
	return true;
}

/* Facts that nobody filled in record an error, never a success. */
static void test_zero_facts_are_an_error(void **state)
{
	const struct bench *bench = *state;
	g_autofree char *result = NULL;

	bench_write(bench, bench->acme, &(struct audit_facts) { 0 }, false);
	bench_list(bench, bench->acme, keep_result, &result);
	assert_string_equal(result, "error undecided");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_names), cmocka_unit_test(test_durability), cmocka_unit_test_setup_teardown(test_zero_facts_are_an_error, bench_setup, bench_teardown),
};

const struct test_group event_group = { tests, sizeof tests / sizeof tests[0] };
