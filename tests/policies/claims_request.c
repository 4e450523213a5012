/* The claims parameter: what is read of it, what is refused, and that a name is no way around a scope. */
#include "policies/claims_request.h"

#include "lists.h"
#include "policies/claims.h"

#include <string.h>

/* As text: the two lists, subject, acr. */
static char *read_text(const char *claims)
{
	g_auto(claims_request_t) request = {0};
	const char *wrong = NULL;
	if (!claims_request_read(claims, &request, &wrong)) {
		assert_non_null(wrong);
		assert_null(request.id_token);
		return g_strdup("refused");
	}
	g_autofree char *id_token = json_text(request.id_token), *userinfo = json_text(request.userinfo), *acr = request.acr ? json_text(request.acr) : g_strdup("-");
	return g_strdup_printf("%s %s %s %s%s", id_token, userinfo, request.subject ? request.subject : "-", acr, request.acr_essential ? "!" : "");
}

static void read_table(void **state)
{
	static const struct {
		const char *claims, *read;
	} rows[] = {
		{"{}", "[] [] - -"},
		{"{\"userinfo\":null,\"id_token\":null,\"other\":7}", "[] [] - -"},
		{"{\"userinfo\":{\"email\":null,\"picture\":{\"essential\":true},\"groups\":{\"essential\":false}}}", "[] [\"email\",\"groups\"] - -"},
		{"{\"id_token\":{\"name\":{\"essential\":true},\"auth_time\":{\"essential\":true},\"http://x/y\":null}}", "[\"name\"] [] - -"},
		{"{\"id_token\":{\"sub\":{\"value\":\"s1\"}}}", "[] [] s1 -"},
		{"{\"id_token\":{\"sub\":{\"values\":[\"s1\"]}}}", "[] [] s1 -"},
		{"{\"userinfo\":{\"sub\":{\"value\":\"s1\"}}}", "[] [] - -"},
		{"{\"id_token\":{\"acr\":{\"values\":[\"a\",\"b\"],\"essential\":true}}}", "[] [] - [\"a\",\"b\"]!"},
		{"{\"id_token\":{\"acr\":{\"value\":\"a\"}}}", "[] [] - [\"a\"]"},
		{"{\"id_token\":{\"acr\":{\"essential\":true}}}", "[] [] - -"},
		{"{\"id_token\":{\"acr\":null}}", "[] [] - -"},
		{"", "refused"}, {"[]", "refused"}, {"\"x\"", "refused"}, {"{", "refused"}, {"{}x", "refused"}, {"{\"id_token\":{},\"id_token\":{}}", "refused"},
		{"{\"id_token\":[]}", "refused"}, {"{\"userinfo\":\"email\"}", "refused"}, {"{\"userinfo\":{\"email\":true}}", "refused"}, {"{\"userinfo\":{\"x\":[]}}", "refused"},
		{"{\"userinfo\":{\"email\":{\"essential\":\"yes\"}}}", "refused"}, {"{\"userinfo\":{\"email\":{\"values\":\"x\"}}}", "refused"},
		{"{\"userinfo\":{\"email\":{\"value\":\"x\",\"values\":[\"x\"]}}}", "refused"}, {"{\"id_token\":{\"sub\":{\"values\":[\"s1\",\"s2\"]}}}", "refused"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autofree char *read = read_text(rows[i].claims);
		if (strcmp(read, rows[i].read) != 0)
			fail_msg("%s: %s", rows[i].claims, read);
	}
}

static void size_is_bounded(void **state)
{
	g_autofree char *filling = g_strnfill(CLAIMS_REQUEST_MAX - 12, ' '), *fits = g_strdup_printf("{%s}", filling), *long_one = g_strdup_printf("{%s            }", filling);
	g_autofree char *one = read_text(fits), *other = read_text(long_one);

	(void)state;
	assert_string_equal(one, "[] [] - -");
	assert_string_equal(other, "refused");
}

static void a_name_is_no_way_around_a_scope(void **state)
{
	const struct claim_facts alice = {.name = "Alice", .username = "alice", .email = "alice@acme.example", .email_verified = true};
	g_autoptr(json_t) names = json_pack("[s, s, s]", "name", "email", "sub"), object = json_object(), wider = json_object(), none = json_object();

	(void)state;
	claims_release_named(object, names, "openid profile", &alice);
	g_autofree char *text = json_text(object);
	assert_string_equal(text, "{\"name\":\"Alice\"}");
	claims_release_named(wider, names, "openid profile email", &alice);
	assert_int_equal(json_object_size(wider), 2);
	claims_release_named(none, NULL, "openid profile email", &alice);
	assert_int_equal(json_object_size(none), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(read_table),
	cmocka_unit_test(size_is_bounded),
	cmocka_unit_test(a_name_is_no_way_around_a_scope),
};
const struct test_list claims_request_list = {tests, TEST_COUNT(tests)};
