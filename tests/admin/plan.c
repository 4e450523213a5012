/* Plans over a store: two at once, and that one which comes late writes nothing at all. */
#include "tests.h"

#include "base/clock.h"
#include "gateway/admin/plan.h"

#include <string.h>

static const char first[] =
	"tenants:\n- name: acme\n  display_name: One\n  resources: [{ identifier: 'https://r.example', scopes: [r.read] }]\n"
	"  providers:\n  - { name: d, type: local }\n"
	"  - { name: l, type: ldap, url: 'ldap://127.0.0.1', start_tls: false, base_dn: dc=x, bind_dn: 'cn=a,dc=x', bind_password: first }\n"
	"  users: [{ username: alice, name: A, links: [{ provider: d, subject: one }] }]\n  clients: [{ client_id: web, redirect_uris: [https://a.example/cb] }]\n- name: beta\n";

static struct plan *plan_of(struct place *place, const char *text, struct declaration **ret_declaration)
{
	g_autofree char *path = place_write(place, "p.yaml", text);
	*ret_declaration = declaration_read(path, place->setting.base_url, NULL);
	assert_non_null(*ret_declaration);
	struct unit *unit = store_reader(place->store, NULL);
	assert_non_null(unit);
	assert_true(declaration_cross_check(*ret_declaration, unit, NULL, NULL));
	g_autoptr(GError) error = NULL;
	if (!declaration_is_sound(*ret_declaration, &error))
		fail_msg("%s", error->message);
	const struct plan_options options = { .declaration = *ret_declaration, .unit = unit, .now_ms = clock_now_ms() + 1 };
	struct plan *plan = plan_make(&options, NULL);
	assert_non_null(plan);
	assert_true(plan_prepare(plan, NULL, NULL));
	return plan;
}

static void tenant_named(struct place *place, const char *name, struct tenant **ret)
{
	struct unit *unit = store_reader(place->store, NULL);
	assert_int_equal(tenant_find_named(unit, name, ret, NULL), FOUND);
}

static int64_t log_length(struct place *place, const char *tenant)
{
	struct log_tip tip = { 0 };
	assert_true(log_last(store_reader(place->store, NULL), tenant, store_node(place->store), &tip, NULL));
	return tip.seq;
}

/* Each of these is planned, then overtaken by `between`, and must then fail whole: the tenant's new name, written before it, is not there either. */
static void a_late_plan_writes_nothing(void **state)
{
	static const struct { const char *late, *between; } rows[] = {
		{ "tenants:\n- name: acme\n  display_name: Late\n", "tenants:\n- name: acme\n  display_name: Two\n" },
		{ "tenants:\n- name: acme\n  display_name: Late\n  users: [{ username: alice, name: Late }]\n",
		  "tenants:\n- name: acme\n  display_name: One\n  users: [{ username: alice, name: B }]\n" },
		{ "tenants:\n- name: acme\n  display_name: Late\n  users: [{ username: carl }]\n",
		  "tenants:\n- name: acme\n  display_name: One\n  users: [{ username: CARL }]\n" },
		{ "tenants:\n- name: acme\n  display_name: Late\n  clients: [{ client_id: web, redirect_uris: [https://late.example/cb] }]\n",
		  "tenants:\n- name: acme\n  display_name: One\n  clients: [{ client_id: web, redirect_uris: [https://b.example/cb] }]\n" },
		{ "tenants:\n- name: acme\n  display_name: Late\n  clients: [{ client_id: new, redirect_uris: [https://late.example/cb] }]\n",
		  "tenants:\n- name: acme\n  display_name: One\n  clients: [{ client_id: new, redirect_uris: [https://b.example/cb] }]\n" },
		{ "tenants:\n- name: acme\n  display_name: Late\n  resources: [{ identifier: 'https://r.example', scopes: [late] }]\n",
		  "tenants:\n- name: acme\n  display_name: One\n  resources: [{ identifier: 'https://r.example', scopes: [b] }]\n" },
		{ "tenants:\n- name: acme\n  display_name: Late\n  providers: [{ name: d, type: local, display_name: Late }]\n",
		  "tenants:\n- name: acme\n  display_name: One\n  providers: [{ name: d, type: local, enabled: false }]\n" },
		{ "tenants:\n- name: acme\n  display_name: Late\n  providers: [{ name: d, type: local }, { name: new, type: local, display_name: Late }]\n",
		  "tenants:\n- name: acme\n  display_name: One\n  providers: [{ name: d, type: local }, { name: new, type: local }]\n" },
		/* The kept password was read with the settings it was meant for; one that came meanwhile must not go where the late plan leads. */
		{ "tenants:\n- name: acme\n  display_name: Late\n  providers: [{ name: d, type: local }, { name: l, type: ldap, url: 'ldap://127.0.0.1', start_tls: false, base_dn: dc=y, "
		  "bind_dn: 'cn=a,dc=x' }]\n",
		  "tenants:\n- name: acme\n  display_name: One\n  providers: [{ name: d, type: local }, { name: l, type: ldap, url: 'ldap://localhost', start_tls: false, base_dn: dc=x, "
		  "bind_dn: 'cn=a,dc=x', bind_password: second }]\n" },
		{ "tenants:\n- name: acme\n  display_name: Late\n  users: [{ username: carl, links: [{ provider: d, subject: two }] }]\n",
		  "tenants:\n- name: acme\n  display_name: One\n  users: [{ username: alice, links: [{ provider: d, subject: two }] }]\n" },
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct place *place = place_new();
		g_autoptr(tenant_t) acme = NULL;
		g_autoptr(tenant_t) after = NULL;
		g_autoptr(GError) error = NULL;
		struct declaration *declaration = NULL;
		place_open(place);
		assert_int_equal(place_apply(place, first), EXIT_DONE);
		struct plan *plan = plan_of(place, rows[i].late, &declaration);
		assert_int_equal(place_apply(place, rows[i].between), EXIT_DONE);
		tenant_named(place, "acme", &acme);
		int64_t length = log_length(place, acme->id);
		if (plan_write(plan, place->store, "cli:test", clock_now_ms(), &error))
			fail_msg("row %zu: written", i);
		assert_int_equal(error_code_of(error), ERROR_CONFLICT);
		tenant_named(place, "acme", &after);
		assert_string_equal(after->display_name, acme->display_name);
		assert_int_equal(log_length(place, acme->id), length);
		plan_free(plan);
		declaration_free(declaration);
		place_free(place);
	}
}

static void a_plan_stays_in_its_tenant(void **state)
{
	struct place *place = place_new();
	struct declaration *declaration = NULL;
	g_autoptr(tenant_t) acme = NULL;
	g_autoptr(tenant_t) beta = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(client_t) client = NULL;
	(void)state;
	place_open(place);
	assert_int_equal(place_apply(place, first), EXIT_DONE);
	tenant_named(place, "acme", &acme);
	tenant_named(place, "beta", &beta);
	int64_t length = log_length(place, acme->id);
	/* The same names in another tenant are other objects. */
	struct plan *plan = plan_of(place, "tenants:\n- name: beta\n  users: [{ username: alice, name: Other }]\n  clients: [{ client_id: web, redirect_uris: [https://b.example/cb] }]\n",
	                            &declaration);
	if (!plan_write(plan, place->store, "cli:test", clock_now_ms(), &error))
		fail_msg("%s", error->message);
	struct unit *unit = store_reader(place->store, NULL);
	assert_int_equal(client_find(unit, acme->id, "web", &client, NULL), FOUND);
	assert_string_equal(client->redirect_uris[0], "https://a.example/cb");
	assert_int_equal(log_length(place, acme->id), length);
	g_auto(account_t) alice = { 0 };
	assert_int_equal(account_find_login(unit, acme->id, "alice", &alice, NULL), FOUND);
	assert_string_equal(alice.name, "A");
	plan_free(plan);
	declaration_free(declaration);
	place_free(place);
}

static void settings_are_compared_both_ways(void **state)
{
	(void)state;
	g_autoptr(json_t) before = json_pack("{s:i, s:s, s:b, s:{s:i}}", "same", 1, "gone", "x", DECLARED_MARK, 1, "deep", "a", 1);
	g_autoptr(json_t) after = json_pack("{s:i, s:s, s:{s:i}}", "same", 1, "new", "y", "deep", "a", 2);
	g_autoptr(json_t) keys = json_array();
	g_autoptr(json_t) was = json_object();
	g_autoptr(json_t) is = json_object();
	settings_compare(before, after, keys, was, is);
	g_autofree char *text = json_text(keys), *was_text = json_text(was), *is_text = json_text(is);
	assert_string_equal(text, "[\"new\",\"deep\",\"gone\"]");
	assert_string_equal(was_text, "{\"deep\":{\"a\":1},\"gone\":\"x\"}");
	assert_string_equal(is_text, "{\"new\":\"y\",\"deep\":{\"a\":2}}");
}

const struct CMUnitTest plan_tests[] = {
	cmocka_unit_test(a_late_plan_writes_nothing),
	cmocka_unit_test(a_plan_stays_in_its_tenant),
	cmocka_unit_test(settings_are_compared_both_ways),
};
const size_t plan_count = G_N_ELEMENTS(plan_tests);
