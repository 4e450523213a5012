/* Which claims a scope releases. Written as the JSON a client would see. */
#include "policies/claims.h"

#include "lists.h"

#include <string.h>

static void released_table(void **state)
{
	g_autoptr(json_t) groups = json_pack("[s, s]", "staff", "wiki");
	const struct claim_facts alice = {
		.subject = "aaaaaaaaaaaaaaaaaaaaaaaaaa", .username = "alice", .name = "Alice Martin", .email = "alice@acme.example", .email_verified = true,
		.groups = groups, .locale = "fr", .updated_s = 1700000000,
	};
	const struct claim_facts bare = {.subject = "bbbbbbbbbbbbbbbbbbbbbbbbbb", .email_verified = true};
	const struct claim_facts unverified = {.email = "x@acme.example"};
	const struct {
		const char *scope;
		const struct claim_facts *facts;
		const char *released;
	} rows[] = {
		{"openid", &alice, "{}"},
		{"", &alice, "{}"},
		{NULL, &alice, "{}"},
		{"openid profiles emails group", &alice, "{}"},
		{"openid profile", &alice, "{\"name\":\"Alice Martin\",\"preferred_username\":\"alice\",\"locale\":\"fr\",\"updated_at\":1700000000}"},
		{"openid email", &alice, "{\"email\":\"alice@acme.example\",\"email_verified\":true}"},
		{"openid groups", &alice, "{\"groups\":[\"staff\",\"wiki\"]}"},
		{"email", &unverified, "{\"email\":\"x@acme.example\",\"email_verified\":false}"},
		{"openid profile email groups", &bare, "{}"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autoptr(json_t) object = json_object();
		claims_release(object, rows[i].scope, rows[i].facts);
		g_autofree char *text = json_text(object);
		if (strcmp(text, rows[i].released) != 0)
			fail_msg("%s: %s", rows[i].scope, text);
	}
}

/* A claim never takes the place of what the protocol put there, and what goes out is not the cached record itself. */
static void released_stands_apart(void **state)
{
	g_autoptr(json_t) groups = json_pack("[s]", "staff"), object = json_pack("{s:s, s:s}", "iss", "https://issuer", "sub", "s");
	const struct claim_facts facts = {.subject = "other", .username = "sub", .name = "iss", .email = "e@x", .groups = groups, .locale = "fr", .updated_s = 1};

	(void)state;
	claims_release(object, "openid profile email groups", &facts);
	assert_string_equal(json_string_at(object, "iss"), "https://issuer");
	assert_string_equal(json_string_at(object, "sub"), "s");
	json_array_append_new(json_object_get(object, "groups"), json_string("admins"));
	assert_int_equal(json_array_size(groups), 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(released_table),
	cmocka_unit_test(released_stands_apart),
};
const struct test_list claims_list = {tests, TEST_COUNT(tests)};
