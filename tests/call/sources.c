/* A tenant's sources: which, in what order, and for how long a list is believed. */
#include "gateway/call/sources.h"
#include "tests/call/tests.h"

/* libldap loses one priority list with each TLS context it makes; the driver makes one a CA file. Any other leak is ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:gnutls_priority_init\n";
}

struct fixture {
	struct bench *bench;
	struct sources *sources;
};

static int fixture_setup(void **state)
{
	struct fixture *fixture = g_new0(struct fixture, 1);
	void *bench = NULL;

	bench_setup(&bench);
	fixture->bench = bench;
	fixture->sources = sources_new(fixture->bench->store, &(struct provider_place){ 0 }, 2);
	cache_subscribe(fixture->bench->cache, sources_changed, fixture->sources);
	bench_refresh(fixture->bench);
	*state = fixture;
	return 0;
}

static int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	void *bench = fixture->bench;

	sources_free(fixture->sources);
	bench_teardown(&bench);
	g_free(fixture);
	return 0;
}

/* A provider with what a directory needs to be opened, and `more` beside it. */
static void declare(const struct fixture *fixture, const struct tenant *tenant, const char *name, const char *type, int position, bool enabled, const char *more)
{
	struct provider_record record = { .name = g_strdup(name), .type = g_strdup(type), .enabled = enabled, .position = position,
		.settings = json_of("{\"url\":[\"ldap://127.0.0.1:9\"],\"start_tls\":false,\"base_dn\":\"dc=acme,dc=example\",\"connections\":1,"
			"\"connect_timeout\":1,\"timeout\":1}") };
	g_autoptr(json_t) settings = json_of(more);

	json_object_update(record.settings, settings);
	provider_make(fixture->bench, tenant, &record);
}

static struct source_list *list_of(const struct fixture *fixture, const struct tenant *tenant)
{
	g_autoptr(GError) error = NULL;
	struct source_list *list = sources_of(fixture->sources, tenant, &error);

	if (!list)
		fail_msg("%s", error->message);
	return list;
}

/* The names, in order, with a space between. */
static void assert_names(const struct source_list *list, const char *expected)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (size_t i = 0; i < list->count; i++)
		g_string_append_printf(names, "%s%s", i ? " " : "", list->sources[i].name);
	assert_string_equal(names->str, expected);
}

static void assert_sources(const struct fixture *fixture, const struct tenant *tenant, const char *expected)
{
	g_autoptr(source_list_t) list = list_of(fixture, tenant);

	assert_names(list, expected);
}

static void test_own_accounts_come_first(void **state)
{
	const struct fixture *fixture = *state;

	assert_sources(fixture, fixture->bench->globex, "local");
	declare(fixture, fixture->bench->acme, "second", "ldap", 2, true, "{}");
	declare(fixture, fixture->bench->acme, "first", "ldap", 1, true, "{}");
	assert_sources(fixture, fixture->bench->acme, "local first second");
	/* And none of it is the other tenant's. */
	assert_sources(fixture, fixture->bench->globex, "local");
}

static void test_declared_own_accounts_keep_their_place(void **state)
{
	const struct fixture *fixture = *state;

	declare(fixture, fixture->bench->acme, "directory", "ldap", 1, true, "{}");
	declare(fixture, fixture->bench->acme, "people", "local", 2, true, "{}");
	assert_sources(fixture, fixture->bench->acme, "directory people");
}

/* Who declares their own accounts as switched off does not get them back by default. */
static void test_own_accounts_switched_off(void **state)
{
	const struct fixture *fixture = *state;

	declare(fixture, fixture->bench->acme, "directory", "ldap", 1, true, "{}");
	declare(fixture, fixture->bench->acme, "people", "local", 2, false, "{}");
	assert_sources(fixture, fixture->bench->acme, "directory");
	g_autoptr(tenant_t) globex = tenant_with(GLOBEX_ID, "globex", "{\"issuer\":\"https://globex.example\",\"policy\":{\"password\":{\"local\":false}}}");
	assert_sources(fixture, globex, "");
}

static void test_disabled_providers_are_left_out(void **state)
{
	const struct fixture *fixture = *state;

	declare(fixture, fixture->bench->acme, "off", "ldap", 1, false, "{}");
	declare(fixture, fixture->bench->acme, "on", "ldap", 2, true, "{}");
	g_autoptr(source_list_t) list = list_of(fixture, fixture->bench->acme);
	assert_names(list, "local on");
	assert_null(source_named(list, "off"));
	assert_null(source_named(list, "On"));
	assert_null(source_named(list, ""));
	assert_ptr_equal(source_named(list, "on"), &list->sources[1]);
}

/* One provider of a kind this version does not have takes none of the others with it. */
static void test_unusable_providers_are_left_out(void **state)
{
	const struct fixture *fixture = *state;

	declare(fixture, fixture->bench->acme, "later", "a-later-kind", 1, true, "{}");
	declare(fixture, fixture->bench->acme, "directory", "ldap", 2, true, "{}");
	assert_sources(fixture, fixture->bench->acme, "local directory");
}

static void test_settings_are_read(void **state)
{
	const struct fixture *fixture = *state;

	declare(fixture, fixture->bench->acme, "plain", "ldap", 1, true, "{}");
	declare(fixture, fixture->bench->acme, "full", "ldap", 2, true, "{\"display_name\":\"Acme\",\"provisioning\":\"link\",\"update\":\"first\","
		"\"link_by_verified_email\":true,\"domains\":[\"Acme.Example\"]}");
	declare(fixture, fixture->bench->acme, "odd", "ldap", 3, true, "{\"provisioning\":\"existing\",\"link_by_verified_email\":\"true\",\"domains\":\"acme.example\"}");
	g_autoptr(source_list_t) list = list_of(fixture, fixture->bench->acme);
	const struct source *plain = source_named(list, "plain"), *full = source_named(list, "full"), *odd = source_named(list, "odd");
	assert_string_equal(plain->display_name, "plain");
	assert_int_equal(plain->provisioning, PROVISIONING_CREATE);
	assert_true(plain->update_always);
	assert_false(plain->link_by_verified_email);
	assert_null(plain->domains[0]);
	assert_string_equal(full->display_name, "Acme");
	assert_int_equal(full->provisioning, PROVISIONING_LINK);
	assert_false(full->update_always);
	assert_true(full->link_by_verified_email);
	assert_string_equal(full->domains[0], "acme.example");
	assert_int_equal(odd->provisioning, PROVISIONING_EXISTING);
	assert_false(odd->link_by_verified_email);
	assert_null(odd->domains[0]);
}

/* A change is seen by whoever asks after it; who had the list before keeps it, drivers and all. */
static void test_dropped_on_a_change(void **state)
{
	const struct fixture *fixture = *state;

	declare(fixture, fixture->bench->acme, "directory", "ldap", 1, true, "{}");
	bench_refresh(fixture->bench);
	g_autoptr(source_list_t) before = list_of(fixture, fixture->bench->acme);
	g_autoptr(source_list_t) same = list_of(fixture, fixture->bench->acme);
	assert_ptr_equal(same, before);
	declare(fixture, fixture->bench->acme, "directory", "ldap", 1, false, "{}");
	bench_refresh(fixture->bench);
	assert_sources(fixture, fixture->bench->acme, "local");
	assert_names(before, "local directory");
	struct provider_answer answer = { 0 };
	struct provider_begin begin = { .callback_url = "https://acme.example/cb", .now_ms = NOW_MS };
	before->sources[1].driver->begin(before->sources[1].state, &begin, &answer);
	assert_int_equal(answer.verdict, VERDICT_MORE);
	provider_answer_clear(&answer);
}

/* Whether a change makes the next one who asks load acme's list anew. */
static bool is_dropped_by(const struct fixture *fixture, const char *tenant, const char *kind)
{
	g_autoptr(source_list_t) before = list_of(fixture, fixture->bench->acme);
	g_autofree char *of_kind = g_strdup(kind);
	struct change change = { .kind = of_kind };

	g_strlcpy(change.tenant, tenant, sizeof change.tenant);
	sources_changed(&change, fixture->sources);
	g_autoptr(source_list_t) after = list_of(fixture, fixture->bench->acme);
	return before != after;
}

static void test_which_changes_drop(void **state)
{
	const struct fixture *fixture = *state;

	assert_true(is_dropped_by(fixture, ACME_ID, "provider"));
	assert_true(is_dropped_by(fixture, ACME_ID, "tenant"));
	assert_true(is_dropped_by(fixture, ACME_ID, "all"));
	assert_true(is_dropped_by(fixture, "", "all"));
	assert_false(is_dropped_by(fixture, ACME_ID, "session"));
	assert_false(is_dropped_by(fixture, GLOBEX_ID, "provider"));
	assert_false(is_dropped_by(fixture, GLOBEX_ID, "all"));
}

/* Broken is not empty: without its providers a tenant would fall back on passwords. And it is not remembered. */
static void test_a_broken_store_has_no_list(void **state)
{
	const struct fixture *fixture = *state;
	g_autoptr(GError) error = NULL;

	bench_tamper(fixture->bench, "ALTER TABLE provider RENAME TO provider_gone");
	assert_null(sources_of(fixture->sources, fixture->bench->acme, &error));
	assert_non_null(error);
	bench_tamper(fixture->bench, "ALTER TABLE provider_gone RENAME TO provider");
	assert_sources(fixture, fixture->bench->acme, "local");
}

/* Only an identity lets in, whatever verdict and reason an answer carries. */
static void test_the_reason_of_an_answer(void **state)
{
	g_autoptr(identity_t) identity = identity_new("corp", "s-1", NULL, NULL);

	assert_int_equal(source_reason(&(struct provider_answer){ 0 }), REASON_PROVIDER_VIOLATION);
	assert_int_equal(source_reason(&(struct provider_answer){ .verdict = VERDICT_OK }), REASON_PROVIDER_VIOLATION);
	assert_int_equal(source_reason(&(struct provider_answer){ .verdict = VERDICT_OK, .reason = REASON_OK }), REASON_PROVIDER_VIOLATION);
	assert_int_equal(source_reason(&(struct provider_answer){ .verdict = VERDICT_OK, .identity = identity }), REASON_OK);
	assert_int_equal(source_reason(&(struct provider_answer){ .verdict = VERDICT_MORE }), REASON_PROVIDER_VIOLATION);
	assert_int_equal(source_reason(&(struct provider_answer){ .verdict = VERDICT_MISMATCH }), REASON_WRONG_PASSWORD);
	assert_int_equal(source_reason(&(struct provider_answer){ .verdict = VERDICT_DISABLED, .reason = REASON_LOCKED_UPSTREAM }), REASON_LOCKED_UPSTREAM);
	for (int verdict = VERDICT_VIOLATION; verdict <= VERDICT_UNAVAILABLE; verdict++)
		if (verdict != VERDICT_OK)
			assert_false(reason_allows(source_reason(&(struct provider_answer){ .verdict = (enum verdict)verdict, .identity = identity })));
	(void)state;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
static const struct CMUnitTest tests[] = {
	TEST(test_own_accounts_come_first), TEST(test_declared_own_accounts_keep_their_place), TEST(test_own_accounts_switched_off),
	TEST(test_disabled_providers_are_left_out), TEST(test_unusable_providers_are_left_out), TEST(test_settings_are_read), TEST(test_dropped_on_a_change),
	TEST(test_which_changes_drop), TEST(test_a_broken_store_has_no_list), cmocka_unit_test(test_the_reason_of_an_answer),
};
const struct test_group sources_group = { tests, G_N_ELEMENTS(tests) };
