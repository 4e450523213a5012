/* From a provider's words to an account's fields: tables of JSON in, JSON out. */
#include "policies/mapping.h"

#include "lists.h"

#include <string.h>

static json_t *parsed(const char *text)
{
	json_t *value = text ? json_parse(text, strlen(text), 65536, NULL) : NULL;

	assert_true(!text || value);
	return value;
}

static void mapping_table(void **state)
{
	static const struct {
		const char *claims, *upstream, *username, *mapped;
	} rows[] = {
		{NULL, "{\"uid\":\"alice\"}", NULL, "{\"email_verified\":false,\"groups\":[]}"},
		{"{\"username\":\"uid\"}", "{\"uid\":\"alice\"}", NULL, "{\"username\":\"alice\",\"email_verified\":false,\"groups\":[]}"},
		{"{\"username\":\"uid\"}", "{\"uid\":[\"alice\",\"al\"]}", NULL, "{\"username\":\"alice\",\"email_verified\":false,\"groups\":[]}"},
		{"{\"email\":[\"mail\",\"other\"]}", "{\"mail\":[],\"other\":\"a@x.example\"}", NULL, "{\"email\":\"a@x.example\",\"email_verified\":false,\"groups\":[]}"},
		{"{\"email\":[\"mail\",\"other\"]}", "{\"mail\":\"\",\"other\":null}", NULL, "{\"email_verified\":false,\"groups\":[]}"},
		{"{\"email\":[\"mail\",\"other\"]}", "{\"mail\":\"b@x.example\",\"other\":\"a@x.example\"}", NULL,
		 "{\"email\":\"b@x.example\",\"email_verified\":false,\"groups\":[]}"},
		/* verified only where something says so, and never without an address */
		{"{\"email\":\"e\",\"email_verified\":\"v\"}", "{\"e\":\"a@x.example\",\"v\":true}", NULL, "{\"email\":\"a@x.example\",\"email_verified\":true,\"groups\":[]}"},
		{"{\"email\":\"e\",\"email_verified\":\"v\"}", "{\"e\":\"a@x.example\",\"v\":[\"TRUE\"]}", NULL, "{\"email\":\"a@x.example\",\"email_verified\":true,\"groups\":[]}"},
		{"{\"email\":\"e\",\"email_verified\":\"v\"}", "{\"e\":\"a@x.example\",\"v\":\"yes\"}", NULL, "{\"email\":\"a@x.example\",\"email_verified\":false,\"groups\":[]}"},
		{"{\"email\":\"e\",\"email_verified\":\"v\"}", "{\"e\":\"a@x.example\",\"v\":1}", NULL, "{\"email\":\"a@x.example\",\"email_verified\":false,\"groups\":[]}"},
		{"{\"email\":\"e\",\"email_verified\":\"v\"}", "{\"v\":true}", NULL, "{\"email_verified\":false,\"groups\":[]}"},
		{"{\"email\":\"e\"}", "{\"e\":\"a@x.example\",\"email_verified\":true}", NULL, "{\"email\":\"a@x.example\",\"email_verified\":false,\"groups\":[]}"},
		/* text that no account may hold */
		{"{\"email\":\"e\"}", "{\"e\":\"alice\"}", NULL, "{\"email_verified\":false,\"groups\":[]}"},
		{"{\"email\":\"e\"}", "{\"e\":\"a@x.example, b@y.example\"}", NULL, "{\"email_verified\":false,\"groups\":[]}"},
		{"{\"email\":\"e\"}", "{\"e\":\"a@b@x.example\"}", NULL, "{\"email_verified\":false,\"groups\":[]}"},
		{"{\"name\":\"n\",\"username\":\"u\"}", "{\"n\":\"a\\nb\",\"u\":\"al\\u202eice\"}", NULL, "{\"email_verified\":false,\"groups\":[]}"},
		{"{\"name\":\"n\"}", "{\"n\":{\"a\":\"b\"}}", NULL, "{\"email_verified\":false,\"groups\":[]}"},
		{"{\"name\":[1,\"n\"]}", "{\"n\":\"Alice\"}", NULL, "{\"name\":\"Alice\",\"email_verified\":false,\"groups\":[]}"},
		/* only our five fields */
		{"{\"subject\":\"s\",\"account\":\"s\",\"name\":\"n\"}", "{\"s\":\"root\",\"n\":\"Alice\"}", NULL, "{\"name\":\"Alice\",\"email_verified\":false,\"groups\":[]}"},
		/* the template */
		{"{\"email\":\"e\",\"username\":\"u\"}", "{\"e\":\"a@x.example\",\"u\":\"alice\"}", "{email}",
		 "{\"email\":\"a@x.example\",\"email_verified\":false,\"groups\":[],\"username\":\"a@x.example\"}"},
		{"{\"username\":\"u\"}", "{\"u\":\"alice\"}", "{email}", "{\"email_verified\":false,\"groups\":[]}"},
		{"{\"username\":\"u\"}", "{\"u\":\"alice\"}", "corp-{username}", "{\"email_verified\":false,\"groups\":[],\"username\":\"corp-alice\"}"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autoptr(json_t) claims = parsed(rows[i].claims), upstream = parsed(rows[i].upstream);
		const struct mapping mapping = {.provider = "p", .claims = claims, .username = rows[i].username};
		g_autoptr(json_t) mapped = mapping_apply(&mapping, upstream);
		g_autofree char *text = json_text(mapped);
		if (strcmp(text, rows[i].mapped) != 0)
			fail_msg("%s %s: %s", rows[i].claims, rows[i].upstream, text);
	}
}

static void groups_table(void **state)
{
	static const struct {
		const char *map;
		enum unmapped_groups unmapped;
		const char *upstream, *groups;
	} rows[] = {
		{NULL, UNMAPPED_DROP, "[\"a\",\"b\"]", "[]"},
		{NULL, UNMAPPED_KEEP, "[\"a\",\"b\",\"a\"]", "[\"a\",\"b\"]"},
		{NULL, UNMAPPED_PREFIX, "[\"a\",\"b\"]", "[\"p:a\",\"p:b\"]"},
		{NULL, UNMAPPED_KEEP, "\"alone\"", "[\"alone\"]"},
		{NULL, UNMAPPED_KEEP, "null", "[]"},
		{NULL, UNMAPPED_KEEP, "[1,true,{},[\"a\"],\"\",\"a\\nb\"]", "[]"},
		{"{\"a\":\"x\"}", UNMAPPED_PREFIX, "[\"a\",\"b\"]", "[\"x\",\"p:b\"]"},
		{"{\"a\":[\"x\",\"y\"],\"b\":\"x\"}", UNMAPPED_DROP, "[\"a\",\"b\"]", "[\"x\",\"y\"]"},
		{"{\"a\":[]}", UNMAPPED_KEEP, "[\"a\"]", "[]"},
		/* case tells groups apart */
		{"{\"Admins\":\"x\"}", UNMAPPED_DROP, "[\"admins\",\"ADMINS\"]", "[]"},
		/* an id before a name; a name is no id */
		{"{\"\\u0001one\":\"x\",\"two\":\"y\"}", UNMAPPED_KEEP, "[{\"id\":\"\\u0001one\",\"name\":\"two\"}]", "[\"x\"]"},
		{"{\"\\u0001one\":\"x\",\"two\":\"y\"}", UNMAPPED_KEEP, "[{\"id\":\"\\u0001other\",\"name\":\"two\"}]", "[\"y\"]"},
		{"{\"\\u0001one\":\"x\"}", UNMAPPED_KEEP, "[{\"id\":\"\\u0001other\",\"name\":\"\\u0001one\"}]", "[]"},
		{"{\"\\u0001one\":\"x\"}", UNMAPPED_KEEP, "[\"\\u0001one\",\"one\"]", "[\"one\"]"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autoptr(json_t) map = parsed(rows[i].map), wrapped = NULL;
		g_autofree char *text = g_strdup_printf("{\"g\":%s}", rows[i].upstream);
		wrapped = parsed(text);
		const struct mapping mapping = {.provider = "p", .group_map = map, .unmapped_groups = rows[i].unmapped};
		g_autoptr(json_t) groups = mapping_groups(&mapping, json_object_get(wrapped, "g"));
		g_autofree char *found = json_text(groups);
		if (strcmp(found, rows[i].groups) != 0)
			fail_msg("%s %s: %s", rows[i].map ? rows[i].map : "-", rows[i].upstream, found);
	}
}

static void groups_are_bounded(void **state)
{
	g_autoptr(json_t) many = json_array();
	const struct mapping mapping = {.provider = "p", .unmapped_groups = UNMAPPED_KEEP};

	(void)state;
	for (int i = 0; i < 3000; i++)
		json_array_append_new(many, json_sprintf("g%d", i));
	g_autoptr(json_t) groups = mapping_groups(&mapping, many);
	assert_int_equal(json_array_size(groups), 1000);
}

static void templates_are_strict(void **state)
{
	static const char *const fit[] = {"{email}", "{username}", "x-{name}-{username}"};
	static const char *const unfit[] = {"", "fixed", "{", "}", "{}", "{mail}", "{email", "email}", "{{email}}", "{email}}", "{groups}"};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(fit); i++)
		assert_true(mapping_template_is_fit(fit[i]));
	for (size_t i = 0; i < TEST_COUNT(unfit); i++)
		assert_false(mapping_template_is_fit(unfit[i]));
	assert_false(mapping_template_is_fit(NULL));
	assert_int_equal(unmapped_groups_named("keep"), UNMAPPED_KEEP);
	assert_int_equal(unmapped_groups_named("prefix"), UNMAPPED_PREFIX);
	assert_int_equal(unmapped_groups_named("drop"), UNMAPPED_DROP);
	assert_int_equal(unmapped_groups_named("Keep"), UNMAPPED_DROP);
	assert_int_equal(unmapped_groups_named(NULL), UNMAPPED_DROP);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(mapping_table),
	cmocka_unit_test(groups_table),
	cmocka_unit_test(groups_are_bounded),
	cmocka_unit_test(templates_are_strict),
};
const struct test_list mapping_list = {tests, TEST_COUNT(tests)};
