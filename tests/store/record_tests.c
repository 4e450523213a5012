/* Records: what settings become, their defaults (CONTRACT section 3), and that nonsense denies. */
#include "tests.h"

static void a_bare_tenant_has_the_contracts_policy(void **state)
{
	(void)state;
	g_autoptr(json_t) settings = json_object();
	g_autoptr(tenant_t) tenant = tenant_new(TENANT_A, "acme", settings, NOW);
	const struct tenant_policy *policy = &tenant->policy;
	assert_true(policy->password.min_length == 15 && policy->password.min_length_with_second_factor == 8 && policy->password.max_length == 256);
	assert_true(policy->password.refuse_common && policy->password.local);
	assert_true(policy->throttle.failures == 10 && policy->throttle.window_s == 900 && policy->throttle.lock_s == 900);
	assert_true(policy->session.idle_s == 8 * 3600 && policy->session.absolute_s == 30 * 86400);
	assert_true(policy->tokens.code_s == 60 && policy->tokens.access_s == 600 && policy->tokens.id_s == 600);
	assert_true(policy->tokens.refresh_idle_s == 14 * 86400 && policy->tokens.refresh_absolute_s == 90 * 86400);
	assert_int_equal(policy->log_retention_s, 365 * 86400);
	assert_string_equal(tenant->display_name, "acme");
	assert_null(tenant->issuer);
}

static void a_tenants_policy_is_read(void **state)
{
	(void)state;
	g_autoptr(json_t) settings = json_of(
		"{\"issuer\":\"https://a.example\",\"display_name\":\"A\",\"locale\":\"fr\",\"policy\":{"
		"\"password\":{\"min_length\":16,\"min_length_with_second_factor\":9,\"max_length\":99,\"blocklist\":\"none\",\"local\":false},"
		"\"throttle\":{\"failures\":3,\"window\":1,\"lock\":2},\"session\":{\"idle\":3,\"absolute\":4},"
		"\"tokens\":{\"code\":5,\"access\":6,\"id\":7,\"refresh_idle\":8,\"refresh_absolute\":9},\"log_retention\":10}}");
	g_autoptr(tenant_t) tenant = tenant_new(TENANT_A, "acme", settings, NOW);
	const struct tenant_policy *policy = &tenant->policy;
	assert_true(policy->password.min_length == 16 && policy->password.min_length_with_second_factor == 9 && policy->password.max_length == 99);
	assert_true(!policy->password.refuse_common && !policy->password.local);
	assert_true(policy->throttle.failures == 3 && policy->throttle.window_s == 1 && policy->throttle.lock_s == 2);
	assert_true(policy->session.idle_s == 3 && policy->session.absolute_s == 4);
	assert_true(policy->tokens.code_s == 5 && policy->tokens.access_s == 6 && policy->tokens.id_s == 7);
	assert_true(policy->tokens.refresh_idle_s == 8 && policy->tokens.refresh_absolute_s == 9 && policy->log_retention_s == 10);
	assert_string_equal(tenant->issuer, "https://a.example");
	assert_string_equal(tenant->display_name, "A");
	assert_string_equal(tenant->locale, "fr");
}

static void a_bare_client_has_the_contracts_defaults(void **state)
{
	(void)state;
	g_autoptr(json_t) settings = json_object();
	g_autoptr(client_t) client = client_new("wiki", settings);
	assert_int_equal(client->auth_method, CLIENT_AUTH_BASIC);
	assert_int_equal(client->grant_types, GRANT_TYPE_AUTHORIZATION_CODE);
	assert_null(client->redirect_uris[0]);
	assert_null(client->resources[0]);
	assert_null(client->allowed_groups);
	assert_string_equal(client->scope, "");
	assert_true(client->access_token_format == TOKEN_FORMAT_JWT && client->id_token_alg == JOSE_RS256 && client->introspects == INTROSPECTS_RESOURCE);
	assert_true(!client->consent_explicit && client->require_pkce && !client->claims_in_id_token && !client->rotate_refresh_tokens && !client->native);
	assert_int_equal(client->secret_count, 0);
}

static void a_client_is_read(void **state)
{
	(void)state;
	g_autoptr(json_t) settings = json_of(
		"{\"client_name\":\"Wiki\",\"token_endpoint_auth_method\":\"none\",\"grant_types\":[\"refresh_token\",\"client_credentials\",\"unheard_of\"],"
		"\"redirect_uris\":[\"https://a/cb\",\"https://b/cb\"],\"post_logout_redirect_uris\":\"https://a/\",\"resources\":[\"https://api\"],"
		"\"allowed_groups\":[\"staff\"],\"scope\":\"openid\",\"access_token_format\":\"opaque\",\"id_token_signed_response_alg\":\"ES256\","
		"\"introspects\":\"tenant\",\"consent\":\"explicit\",\"require_pkce\":false,\"claims_in_id_token\":true,\"application_type\":\"native\","
		"\"access_token_lifetime\":30}");
	g_autoptr(client_t) client = client_new("wiki", settings);
	assert_true(client->auth_method == CLIENT_AUTH_NONE && client->rotate_refresh_tokens); /* public clients rotate */
	assert_int_equal(client->grant_types, GRANT_TYPE_REFRESH_TOKEN | GRANT_TYPE_CLIENT_CREDENTIALS);
	assert_string_equal(client->redirect_uris[1], "https://b/cb");
	assert_null(client->redirect_uris[2]);
	assert_string_equal(client->post_logout_redirect_uris[0], "https://a/");
	assert_string_equal(client->resources[0], "https://api");
	assert_string_equal(client->allowed_groups[0], "staff");
	assert_true(client->access_token_format == TOKEN_FORMAT_OPAQUE && client->id_token_alg == JOSE_ES256 && client->introspects == INTROSPECTS_TENANT);
	assert_true(client->consent_explicit && !client->require_pkce && client->claims_in_id_token && client->native);
	assert_int_equal(client->access_token_lifetime_s, 30);
}

/* Settings pass the schema before they are stored; what is unreadable all the same must not open anything. */
static void nonsense_denies(void **state)
{
	(void)state;
	g_autoptr(json_t) settings = json_of(
		"{\"token_endpoint_auth_method\":\"NONE\",\"allowed_groups\":7,\"redirect_uris\":{},\"grant_types\":\"all\",\"introspects\":\"everything\","
		"\"consent\":\"none\",\"require_pkce\":\"no\",\"id_token_signed_response_alg\":\"none\",\"access_token_lifetime\":-5}");
	g_autoptr(client_t) client = client_new("wiki", settings);
	assert_int_equal(client->auth_method, CLIENT_AUTH_UNKNOWN);
	assert_non_null(client->allowed_groups);
	assert_null(client->allowed_groups[0]);
	assert_null(client->redirect_uris[0]);
	assert_int_equal(client->grant_types, 0);
	assert_true(client->introspects == INTROSPECTS_OWN && client->consent_explicit && client->require_pkce && client->id_token_alg == JOSE_NONE);
	assert_int_equal(client->access_token_lifetime_s, 0);
}

static void a_resource_is_read(void **state)
{
	(void)state;
	g_autoptr(json_t) bare = json_object(), full = json_of("{\"scopes\":\"a b\",\"access_token_format\":\"opaque\",\"access_token_signed_response_alg\":\"PS256\"}");
	g_autoptr(resource_t) standard = resource_new("https://api", bare), resource = resource_new("https://api", full);
	assert_true(standard->access_token_format == TOKEN_FORMAT_JWT && standard->signed_response_alg == JOSE_ES256);
	assert_string_equal(standard->scopes, "");
	assert_null(standard->introspection_clients[0]);
	assert_string_equal(resource->scopes, "a b");
	assert_true(resource->access_token_format == TOKEN_FORMAT_OPAQUE && resource->signed_response_alg == JOSE_PS256);
}

static void clearing_takes_null_empty_and_twice(void **state)
{
	(void)state;
	account_clear(NULL);
	flow_clear(NULL);
	session_clear(NULL);
	grant_clear(NULL);
	code_clear(NULL);
	refresh_token_clear(NULL);
	access_token_clear(NULL);
	log_row_clear(NULL);
	signing_key_clear(NULL);
	link_clear(NULL);
	provider_record_clear(NULL);
	tenant_unref(NULL);
	client_unref(NULL);
	resource_unref(NULL);
	struct account account = account_of(ACCOUNT_1, "alice", NULL), zero = { 0 };
	account_clear(&account);
	account_clear(&account);
	assert_memory_equal(&account, &zero, sizeof(zero));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_bare_tenant_has_the_contracts_policy),
	cmocka_unit_test(a_tenants_policy_is_read),
	cmocka_unit_test(a_bare_client_has_the_contracts_defaults),
	cmocka_unit_test(a_client_is_read),
	cmocka_unit_test(nonsense_denies),
	cmocka_unit_test(a_resource_is_read),
	cmocka_unit_test(clearing_takes_null_empty_and_twice),
};
TEST_GROUP(record_tests, tests);
