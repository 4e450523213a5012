/* Reading declarations: what is filled in, what is taken out, what is told apart. The table of mistakes is in cli_test.py. */
#include "tests.h"

#include "gateway/admin/declaration_keys.h"

#include <string.h>

static struct declaration *declaration_of_text(const char *text)
{
	struct place *place = place_new();
	g_autofree char *path = place_write(place, "d.yaml", text);
	struct declaration *declaration = declaration_read(path, "https://sso.example", NULL);
	place_free(place);
	assert_non_null(declaration);
	return declaration;
}

static const struct declared_tenant *tenant_at(const struct declaration *declaration, guint index)
{
	assert_true(index < declaration->tenants->len);
	return g_ptr_array_index(declaration->tenants, index);
}

static void defaults_that_follow_from_others(void **state)
{
	(void)state;
	g_autoptr(declaration_t) declaration = declaration_of_text(
		"tenants:\n- name: acme\n  domains: [a.example, { name: b.example, verified: operator }]\n  clients:\n"
		"  - { client_id: web, redirect_uris: https://a.example/cb, id_token_signed_response_alg: EdDSA }\n"
		"  - { client_id: phone, redirect_uris: [https://a.example/cb], token_endpoint_auth_method: none }\n"
		"  - { client_id: batch, grant_types: [client_credentials] }\n"
		"  - { client_id: asks, introspects: resource }\n");
	const struct declared_tenant *tenant = tenant_at(declaration, 0);
	assert_string_equal(declaration->mistakes->str, "");
	assert_string_equal(json_string_at(tenant->settings, "issuer"), "https://sso.example/t/acme");
	assert_string_equal(json_string_at(tenant->settings, "display_name"), "acme");
	assert_true(json_array_has(json_object_get(tenant->settings, "domains"), "a.example"));
	assert_true(json_array_has(json_object_get(tenant->settings, "domains"), "b.example"));
	assert_null(json_object_get(tenant->settings, "clients"));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json_object_get(tenant->settings, "policy"), "tokens"), "access")), 600);
	const struct declared_client *web = g_ptr_array_index(tenant->clients, 0), *phone = g_ptr_array_index(tenant->clients, 1);
	const struct declared_client *batch = g_ptr_array_index(tenant->clients, 2);
	const struct declared_client *asks = g_ptr_array_index(tenant->clients, 3);
	assert_int_equal(json_array_size(json_object_get(asks->settings, "grant_types")), 0);
	assert_true(json_array_has(json_object_get(web->settings, "grant_types"), "authorization_code"));
	assert_string_equal(json_string_at(web->settings, "id_token_signed_response_alg"), "Ed25519");
	assert_string_equal(json_string_at(web->settings, "scope"), "openid");
	assert_string_equal(json_string_at(batch->settings, "scope"), "");
	assert_true(json_is_false(json_object_get(web->settings, "refresh_token_rotation")));
	assert_true(json_is_true(json_object_get(phone->settings, "refresh_token_rotation")));
	assert_true(json_is_true(json_object_get(web->settings, "require_pkce")));
}

static void secrets_leave_the_settings(void **state)
{
	static const char secret[] = "0123456789abcdef0123456789abcdef";
	(void)state;
	g_autofree char *text = g_strdup_printf("tenants:\n- name: acme\n  clients:\n  - { client_id: a, grant_types: [client_credentials], client_secret: %s }\n"
	                                        "  - { client_id: b, grant_types: [client_credentials], client_secret_hash: "
	                                        "'sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }\n"
	                                        "  users:\n  - { username: u, password: 'e\xcc\x81 long phrase of words' }\n", secret);
	g_autoptr(declaration_t) declaration = declaration_of_text(text);
	const struct declared_tenant *tenant = tenant_at(declaration, 0);
	const struct declared_client *a = g_ptr_array_index(tenant->clients, 0), *b = g_ptr_array_index(tenant->clients, 1);
	const struct declared_user *user = g_ptr_array_index(tenant->users, 0);
	uint8_t digest[DIGEST_SIZE], zero[DIGEST_SIZE] = { 0 };
	digest_sha256(secret, strlen(secret), digest);
	assert_string_equal(declaration->mistakes->str, "");
	assert_null(json_object_get(a->settings, "client_secret"));
	assert_null(json_object_get(b->settings, "client_secret_hash"));
	assert_true(a->secret_given && b->secret_given);
	assert_memory_equal(a->secret, digest, DIGEST_SIZE);
	assert_memory_equal(b->secret, zero, DIGEST_SIZE);
	/* NFC: one accented letter, not two characters. */
	assert_memory_equal(secret_bytes(user->password), "\xc3\xa9 long", 7);
}

static void an_object_with_a_mistake_stays_known(void **state)
{
	(void)state;
	g_autoptr(declaration_t) declaration = declaration_of_text(
		"tenants:\n- name: acme\n  resources:\n  - { identifier: 'https://r.example', scopes: [r.read], colour: red }\n"
		"  clients:\n  - { client_id: c, redirect_uris: [https://a.example/cb], scope: openid r.read, resources: ['https://r.example'] }\n");
	assert_true(declaration_cross_check(declaration, NULL, NULL, NULL));
	g_autoptr(GError) error = NULL;
	assert_false(declaration_is_sound(declaration, &error));
	assert_non_null(strstr(error->message, "colour"));
	assert_null(strchr(error->message, '\n'));
}

static void shapes_that_are_not_declarations(void **state)
{
	static const char *const texts[] = {
		"", "[]", "text", "tenants: 1", "tenants: {}", "tenants: [1]", "tenants: [[]]", "tenants: [{}]", "tenants: [{ name: 1 }]", "other: []",
		"tenants: [{ name: a, users: {} }]", "tenants: [{ name: a, users: [1] }]", "tenants: [{ name: a, clients: [null] }]",
		"tenants: [{ name: a, resources: text }]", "tenants: [{ name: a, providers: [[]] }]", "tenants: [{ name: a, domains: text }]",
		"tenants: [{ name: a, domains: [1] }]", "tenants: [{ name: a, domains: [{}] }]", "tenants: [{ name: a, domains: [{ name: a.example, more: 1 }] }]",
		"tenants: [{ name: a, domains: [a.example, a.example] }]", "tenants: [{ name: a, policy: [] }]", "tenants: [{ name: a, providers: [{ name: x, type: 1 }] }]",
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(declaration_t) declaration = declaration_of_text(texts[i]);
		assert_true(declaration_cross_check(declaration, NULL, NULL, NULL));
		if (declaration_is_sound(declaration, NULL))
			fail_msg("taken: %s", texts[i]);
	}
}

static void forms(void **state)
{
	uint8_t digest[DIGEST_SIZE];
	(void)state;
	assert_true(name_is_plain("a-1") && name_is_plain("0"));
	assert_false(name_is_plain("") || name_is_plain("A") || name_is_plain("a_b") || name_is_plain("a.b"));
	g_autofree char *long_name = g_strnfill(63, 'a'), *longer = g_strnfill(64, 'a');
	assert_true(name_is_plain(long_name));
	assert_false(name_is_plain(longer));
	assert_true(identifier_is_account("abcdefghijklmnopqrstuvwxyz"));
	assert_false(identifier_is_account("abcdefghijklmnopqrstuvwxy") || identifier_is_account("abcdefghijklmnopqrstuvwxyza") ||
	             identifier_is_account("abcdefghijklmnopqrstuvwxy1") || identifier_is_account("ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
	assert_true(domain_is_plain("a.example"));
	assert_false(domain_is_plain("example") || domain_is_plain(".example.org") || domain_is_plain("a..example") || domain_is_plain("A.example") ||
	             domain_is_plain("a.example.") || domain_is_plain("a@b.example") || domain_is_plain("-a.example"));
	assert_true(secret_hash_read("sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", digest));
	assert_false(secret_hash_read("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", digest) || secret_hash_read("sha256:", digest) ||
	             secret_hash_read("sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", digest) ||
	             secret_hash_read("sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", digest));
}

const struct CMUnitTest declaration_tests[] = {
	cmocka_unit_test(defaults_that_follow_from_others),
	cmocka_unit_test(secrets_leave_the_settings),
	cmocka_unit_test(an_object_with_a_mistake_stays_known),
	cmocka_unit_test(shapes_that_are_not_declarations),
	cmocka_unit_test(forms),
};
const size_t declaration_count = G_N_ELEMENTS(declaration_tests);
