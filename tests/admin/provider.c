/* Providers under the command line: the tables of keys, what is a secret and where it may go, the diagnosis as an API will call it. */
#include "tests.h"

#include "base/clock.h"
#include "gateway/admin/diagnosis.h"
#include "gateway/admin/provider_settings.h"

#include <string.h>

/* libldap loses one priority list with each TLS context it makes; any other leak is ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:gnutls_priority_init\n";
}

static bool has_secret(const struct key_rule *keys)
{
	for (const struct key_rule *rule = keys; rule && rule->name; rule++)
		if (rule->type == KEY_SECRET || ((rule->type == KEY_OBJECT || rule->type == KEY_OBJECTS) && has_secret(rule->keys)))
			return true;
	return false;
}

/* Whatever a driver brings later: no key of its own hides a common one, and no secret stands where it would not be carried over. */
static void each_types_table_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; provider_drivers[i]; i++) {
		const struct key_rule *keys = provider_keys_of(provider_drivers[i]->name);
		g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
		assert_non_null(keys);
		for (const struct key_rule *rule = keys; rule->name; rule++) {
			if (!g_hash_table_add(names, (char *)(uintptr_t)rule->name))
				fail_msg("%s: %s twice", provider_drivers[i]->name, rule->name);
			assert_non_null(rule->description);
			assert_false((rule->type == KEY_OBJECT || rule->type == KEY_OBJECTS) && has_secret(rule->keys));
		}
		for (const struct key_rule *rule = provider_drivers[i]->keys; rule->name; rule++)
			assert_true(g_hash_table_contains(names, rule->name));
		assert_true(g_hash_table_contains(names, "enabled") && g_hash_table_contains(names, "domains"));
		assert_int_equal(g_hash_table_contains(names, "group_map"), strcmp(provider_drivers[i]->name, "local") != 0);
	}
	assert_null(provider_keys_of("kerberos"));
	assert_null(provider_keys_of(NULL));
}

static json_t *ldap_settings(const char *url, const char *password)
{
	json_t *settings = json_pack("{s:s, s:s, s:[s], s:b, s:s, s:s, s:b}", "name", "d", "type", "ldap", "url", url, "start_tls", 0, "base_dn", "dc=x", "bind_dn", "cn=a,dc=x",
	                             "enabled", 1);
	if (password)
		json_object_set_new(settings, "bind_password", json_string(password));
	return settings;
}

/* What no table names may be a secret of a version that knows it. */
static void only_what_is_known_to_be_no_secret_is_shown(void **state)
{
	(void)state;
	g_autoptr(json_t) settings = ldap_settings("ldap://127.0.0.1", "canary");
	json_object_set_new(settings, "later_secret", json_string("canary"));
	json_object_set_new(settings, "groups", json_pack("{s:s, s:s}", "base_dn", "ou=g", "later", "canary"));
	const struct key_rule *const tables[] = { provider_keys_of("ldap"), NULL };
	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
		g_autoptr(json_t) shown = settings_without_secrets(settings, tables[i]);
		g_autofree char *text = json_text(shown);
		assert_null(strstr(text, "canary"));
		assert_non_null(strstr(text, "\"enabled\":true"));
		assert_int_equal(strstr(text, "ou=g") != NULL, i == 0);
	}
	g_autoptr(json_t) names = secret_names(settings, provider_keys_of("ldap"));
	g_autofree char *text = json_text(names);
	assert_string_equal(text, "[\"bind_password\"]");
}

static void secrets_are_carried_to_where_they_were_meant_for(void **state)
{
	static const struct { const char *key, *value; const char *moved; } rows[] = {
		{ "display_name", "\"x\"", NULL }, { "base_dn", "\"dc=y\"", NULL }, { "bind_dn", "\"cn=b,dc=x\"", NULL }, { "timeout", "3", NULL },
		{ "url", "[\"ldap://192.0.2.1\"]", "url" }, { "url", "[\"ldap://127.0.0.1\", \"ldap://192.0.2.1\"]", "url" }, { "url", "null", "url" },
		{ "start_tls", "true", "start_tls" }, { "tls_ca_file", "\"/x.pem\"", "tls_ca_file" },
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(json_t) stored = ldap_settings("ldap://127.0.0.1", "kept");
		g_autoptr(json_t) settings = ldap_settings("ldap://127.0.0.1", NULL);
		struct secret_astray astray = { 0 };
		json_object_set_new(settings, rows[i].key, json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
		assert_int_equal(secrets_carry("ldap", settings, stored, &astray), !rows[i].moved);
		if (rows[i].moved) {
			assert_string_equal(astray.secret, "bind_password");
			assert_string_equal(astray.moved, rows[i].moved);
			assert_null(json_object_get(settings, "bind_password"));
		} else {
			assert_string_equal(json_string_at(settings, "bind_password"), "kept");
		}
		/* Given again, it goes wherever it was given for. */
		json_object_set_new(settings, "bind_password", json_string("given"));
		assert_true(secrets_carry("ldap", settings, stored, &astray));
		assert_string_equal(json_string_at(settings, "bind_password"), "given");
	}
	g_autoptr(json_t) stored = ldap_settings("ldap://127.0.0.1", "kept");
	g_autoptr(json_t) anonymous = ldap_settings("ldap://192.0.2.1", NULL);
	struct secret_astray astray = { 0 };
	json_object_del(anonymous, "bind_dn");
	assert_true(secrets_carry("ldap", anonymous, stored, &astray));
	assert_null(json_object_get(anonymous, "bind_password"));
}

static json_t *diagnosed(const char *type, json_t *settings, const char *login, const char *typed)
{
	struct provider_record record = { .name = g_strdup("d"), .type = g_strdup(type), .settings = settings, .enabled = true };
	g_autoptr(secret_t) password = typed ? secret_new(typed, strlen(typed)) : NULL;
	const struct provider_place nowhere = { 0 };
	g_autoptr(json_t) tenant_settings = json_object();
	g_autoptr(tenant_t) tenant = tenant_new("aaaaaaaaaaaaaaaaaaaaaaaaaa", "acme", tenant_settings, 0);
	const struct diagnosis diagnosis = { .ways = &nowhere, .tenant = tenant, .provider = &record, .login = login, .password = password, .deadline_ms = clock_monotonic_ms() + 5000 };
	json_t *found = provider_diagnose(&diagnosis);
	provider_record_clear(&record);
	return found;
}

static const json_t *step_of(const json_t *found, size_t index)
{
	return json_array_get(json_object_get(found, "checks"), index);
}

static void the_diagnosis_passes_only_what_was_asked(void **state)
{
	(void)state;
	g_autoptr(json_t) local = diagnosed("local", json_object(), NULL, NULL);
	assert_true(json_is_true(json_object_get(local, "passed")));
	assert_string_equal(json_string_at(step_of(local, 0), "check"), "settings");
	/* A type of a later version, and settings that do not open: one failed step, with what to change. */
	g_autoptr(json_t) later = diagnosed("saml", json_object(), NULL, NULL);
	assert_true(json_is_false(json_object_get(later, "passed")));
	g_autoptr(json_t) broken = diagnosed("ldap", ldap_settings("ldap://127.0.0.1:1", NULL), NULL, NULL);
	assert_true(json_is_false(json_object_get(broken, "passed")));
	assert_int_equal(json_array_size(json_object_get(broken, "checks")), 1);
	assert_non_null(strstr(json_string_at(step_of(broken, 0), "seen"), "bind_password: missing"));
	assert_non_null(json_string_at(step_of(broken, 0), "advice"));
}

/* Nobody listens on port 1. What a person typed and what is stored are in no row. */
static void the_diagnosis_says_what_failed_and_no_secret(void **state)
{
	(void)state;
	g_autoptr(json_t) found = diagnosed("ldap", ldap_settings("ldap://127.0.0.1:1", "canary"), "a&password=x", "canary & more");
	g_autofree char *text = json_text(found);
	size_t last = json_array_size(json_object_get(found, "checks")) - 1;
	assert_true(json_is_false(json_object_get(found, "passed")));
	assert_string_equal(json_string_at(step_of(found, last), "check"), "connect");
	assert_true(json_is_false(json_object_get(step_of(found, last), "passed")));
	assert_non_null(json_string_at(step_of(found, last), "advice"));
	assert_null(strstr(text, "canary"));
}

const struct CMUnitTest provider_tests[] = {
	cmocka_unit_test(each_types_table_is_whole),
	cmocka_unit_test(only_what_is_known_to_be_no_secret_is_shown),
	cmocka_unit_test(secrets_are_carried_to_where_they_were_meant_for),
	cmocka_unit_test(the_diagnosis_passes_only_what_was_asked),
	cmocka_unit_test(the_diagnosis_says_what_failed_and_no_secret),
};
const size_t provider_count = G_N_ELEMENTS(provider_tests);
