/* Which sources are asked for which login: domains first, then order; a disabled source, or one that takes no password, never. */
#include "policies/source.h"

#include "lists.h"

#include <string.h>

static const char *const acme[] = { "acme.example", NULL };
static const char *const two[] = { "acme.example", "acme.fr", NULL };
static const char *const none[] = { NULL };

static const struct source_facts sources[] = {
	{ .enabled = true, .asks_password = true },                   /* a: local accounts */
	{ .enabled = true, .asks_password = true, .domains = acme },  /* b */
	{ .enabled = false, .asks_password = true, .domains = acme }, /* c: switched off */
	{ .enabled = true, .asks_password = false, .domains = two },  /* d: redirects */
	{ .enabled = true, .asks_password = true, .domains = none },  /* e */
	{ .enabled = true, .asks_password = true, .domains = two },   /* f */
};

static void order_of_a_login(void **state)
{
	static const struct { const char *login, *order; } rows[] = {
		{ "alice", "abef" },
		{ "", "abef" },
		{ NULL, "abef" },
		{ "alice@acme.example", "bf" },
		{ "alice@acme.fr", "f" },
		{ "alice@elsewhere.example", "ae" },
		{ "alice@", "ae" },
		{ "@acme.example", "bf" },
		{ "alice@evil@acme.example", "bf" },
		{ "alice@acme.example@evil", "ae" },
		{ "alice@sub.acme.example", "ae" },
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		size_t order[TEST_COUNT(sources)];
		char seen[TEST_COUNT(sources) + 1] = "";
		size_t count = source_order(sources, TEST_COUNT(sources), rows[i].login, order);
		for (size_t j = 0; j < count; j++)
			seen[j] = (char)('a' + order[j]);
		if (strcmp(seen, rows[i].order) != 0)
			fail_msg("%s: %s, expected %s", rows[i].login, seen, rows[i].order);
	}
}

static void no_source_no_order(void **state)
{
	size_t order[1];

	(void)state;
	assert_int_equal(source_order(NULL, 0, "alice", order), 0);
	assert_int_equal(source_order(&sources[2], 1, "alice@acme.example", order), 0);
}

/* The first source that lists the domain decides whether its people sign in elsewhere. */
static void a_domain_signs_in_elsewhere_or_here(void **state)
{
	static const char *const both[] = {"acme.example", "globex.example", NULL};
	const struct source_facts mixed[] = {
		{.enabled = true, .asks_password = true},
		{.enabled = false, .goes_elsewhere = true, .domains = both},
		{.enabled = true, .goes_elsewhere = true, .domains = acme},
		{.enabled = true, .asks_password = true, .domains = both},
	};
	size_t found = 9;

	(void)state;
	assert_true(source_elsewhere(mixed, TEST_COUNT(mixed), "alice@acme.example", &found));
	assert_int_equal(found, 2);
	assert_false(source_elsewhere(mixed, TEST_COUNT(mixed), "alice@globex.example", &found));
	assert_false(source_elsewhere(mixed, TEST_COUNT(mixed), "alice@sub.acme.example", &found));
	assert_false(source_elsewhere(mixed, TEST_COUNT(mixed), "acme.example", &found));
	assert_false(source_elsewhere(mixed, TEST_COUNT(mixed), NULL, &found));
	assert_false(source_elsewhere(NULL, 0, "alice@acme.example", &found));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_domain_signs_in_elsewhere_or_here),
	cmocka_unit_test(order_of_a_login),
	cmocka_unit_test(no_source_no_order),
};
const struct test_list source_list = {tests, TEST_COUNT(tests)};
