/* How wide a token may be now. The grant is what was given once, the client what it is now, the request what is asked. */
#include "gateway/oauth/width.h"
#include "tests/oauth/tests.h"

#define API "https://api.example"
#define WIKI "https://wiki.example"
#define GRANTED "openid profile read write"

struct wish {
	const char *what;
	const char *client_scope, *client_resources; /* now; resources with spaces between */
	const char *grant_scope, *grant_resources;
	const char *scope; /* asked; NULL: none */
	const char *form;
	enum reason expected;
	const char *ret_scope, *ret_resources;
};

static const struct wish wishes[] = {
	/* nothing changed */
	{ "as granted", GRANTED, API " " WIKI, GRANTED, API " " WIKI, NULL, "", REASON_OK, GRANTED, API " " WIKI },
	{ "less scope asked", GRANTED, API, GRANTED, API, "openid read", "", REASON_OK, "openid read", API },
	{ "one resource asked", GRANTED, API " " WIKI, GRANTED, API " " WIKI, NULL, "resource=" WIKI, REASON_OK, GRANTED, WIKI },
	{ "one resource asked twice", GRANTED, API " " WIKI, GRANTED, API " " WIKI, NULL, "resource=" WIKI "&resource=" WIKI, REASON_OK, GRANTED, WIKI },
	{ "no resources at all", GRANTED, "", GRANTED, "", NULL, "", REASON_OK, GRANTED, "" },
	/* never wider than the grant, whatever the client may have by now */
	{ "the client got more", GRANTED " admin", API " " WIKI, GRANTED, API, NULL, "", REASON_OK, GRANTED, API },
	{ "more scope asked", GRANTED " admin", API, GRANTED, API, "openid admin", "", REASON_SCOPE_REFUSED, NULL, NULL },
	{ "another resource asked", GRANTED, API " " WIKI, GRANTED, API, NULL, "resource=" WIKI, REASON_TARGET_REFUSED, NULL, NULL },
	{ "one good, one not", GRANTED, API " " WIKI, GRANTED, API, NULL, "resource=" API "&resource=" WIKI, REASON_TARGET_REFUSED, NULL, NULL },
	{ "an empty resource is none (RFC 6749 section 3.2)", GRANTED, API, GRANTED, API, NULL, "resource=", REASON_OK, GRANTED, API },
	{ "a resource of another spelling", GRANTED, API, GRANTED, API, NULL, "resource=" API "/", REASON_TARGET_REFUSED, NULL, NULL },
	{ "a resource where none was granted", GRANTED, API, GRANTED, "", NULL, "resource=" API, REASON_TARGET_REFUSED, NULL, NULL },
	{ "a malformed scope", GRANTED, API, GRANTED, API, "openid  read", "", REASON_SCOPE_REFUSED, NULL, NULL },
	{ "scope words are whole words", GRANTED, API, GRANTED, API, "openi", "", REASON_SCOPE_REFUSED, NULL, NULL },
	/* what was taken from the client falls away … */
	{ "scope taken", "openid read", API, GRANTED, API, NULL, "", REASON_OK, "openid read", API },
	{ "all scope taken", "", API, GRANTED, API, NULL, "", REASON_OK, "", API },
	{ "one resource taken", GRANTED, WIKI, GRANTED, API " " WIKI, NULL, "", REASON_OK, GRANTED, WIKI },
	/* … unless the request insists on it */
	{ "scope taken and asked", "openid read", API, GRANTED, API, "openid write", "", REASON_SCOPE_REFUSED, NULL, NULL },
	{ "resource taken and asked", GRANTED, WIKI, GRANTED, API " " WIKI, NULL, "resource=" API, REASON_TARGET_REFUSED, NULL, NULL },
	/* A token for nothing in particular would be wider than one for what is gone. */
	{ "all resources taken", GRANTED, "", GRANTED, API, NULL, "", REASON_GRANT_REVOKED, NULL, NULL },
	{ "all resources taken, others given", GRANTED, WIKI, GRANTED, API, NULL, "", REASON_GRANT_REVOKED, NULL, NULL },
	{ "all resources taken, others asked", GRANTED, WIKI, GRANTED, API, NULL, "resource=" WIKI, REASON_GRANT_REVOKED, NULL, NULL },
};

static json_t *list_json(const char *words)
{
	json_t *list = json_array();
	g_auto(GStrv) parts = g_strsplit(words, " ", -1);

	for (size_t i = 0; words[0] && parts[i]; i++)
		json_array_append_new(list, json_string(parts[i]));
	return list;
}

/* `groups` NULL: the client is everybody's. */
static struct client *client_of(const char *scope, const char *resources, const char *groups)
{
	g_autoptr(json_t) settings = json_pack("{s:s, s:o}", "scope", scope, "resources", list_json(resources));

	if (groups)
		json_object_set_new(settings, "allowed_groups", list_json(groups));
	return client_new("wiki", settings);
}

static enum reason find(const struct client *client, const struct wish *wish, const struct account *account, struct width *ret)
{
	g_autoptr(form_t) form = form_parse(wish->form, strlen(wish->form), NULL);
	g_autofree char *scope = g_strdup(wish->grant_scope);
	g_auto(GStrv) resources = g_strsplit(wish->grant_resources, " ", -1);
	const struct grant grant = { .scope = scope, .resources = wish->grant_resources[0] ? resources : NULL };

	assert_non_null(form);
	return width_find(client, &grant, account, form, wish->scope, ret);
}

static void assert_wish(const struct wish *wish)
{
	g_autoptr(client_t) client = client_of(wish->client_scope, wish->client_resources, NULL);
	const struct account account = { .username = NULL };
	struct width width = { 0 };

	enum reason seen = find(client, wish, &account, &width);
	if (seen != wish->expected)
		fail_msg("%s: %s instead of %s", wish->what, reason_name(seen), reason_name(wish->expected));
	g_autofree char *resources = width.resources ? g_strjoinv(" ", width.resources) : NULL;
	if (g_strcmp0(width.scope, wish->ret_scope) != 0)
		fail_msg("%s: scope '%s' instead of '%s'", wish->what, width.scope, wish->ret_scope);
	if (g_strcmp0(resources, wish->ret_resources) != 0)
		fail_msg("%s: resources '%s' instead of '%s'", wish->what, resources, wish->ret_resources);
	width_clear(&width);
	assert_null(width.scope);
	assert_null(width.resources);
}

static void test_wishes(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(wishes); i++)
		assert_wish(&wishes[i]);
}

/* Who left the group, or was shut out, gets nothing more, and is told so before anything about what was asked. */
static void test_the_person_as_he_is_now(void **state)
{
	const struct wish *as_granted = &wishes[0];
	g_autoptr(client_t) client = client_of(GRANTED, API " " WIKI, "staff board");
	g_autoptr(json_t) staff = list_json("guests staff"), guests = list_json("guests");
	struct width width = { 0 };

	assert_int_equal(find(client, as_granted, &(struct account){ .groups = staff }, &width), REASON_OK);
	width_clear(&width);
	assert_int_equal(find(client, as_granted, &(struct account){ .groups = guests }, &width), REASON_GROUP_NOT_ALLOWED);
	assert_int_equal(find(client, as_granted, &(struct account){ .groups = NULL }, &width), REASON_GROUP_NOT_ALLOWED);
	assert_int_equal(find(client, as_granted, &(struct account){ .groups = staff, .disabled = true }, &width), REASON_ACCOUNT_DISABLED);
	struct wish more = *as_granted;
	more.scope = "admin";
	assert_int_equal(find(client, &more, &(struct account){ .groups = guests }, &width), REASON_GROUP_NOT_ALLOWED);
	assert_null(width.scope);
	assert_null(width.resources);
	(void)state;
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(test_wishes), cmocka_unit_test(test_the_person_as_he_is_now) };
const struct test_group width_group = { tests, G_N_ELEMENTS(tests) };
