/* Groups: by attribute and by search, nested in a loop, mapped. */
#include "ldap_tests.h"

#include "providers/drivers.h"

#include <string.h>

#define ALICE_PASSWORD "caf\xc3\xa9 tractor moon 7"

static int compare(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* Sorted, with spaces between. */
static char *groups_text(const struct tried *tried)
{
	const json_t *groups = json_object_get(identity_claims(tried->answer.identity), "groups");
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (size_t i = 0; i < json_array_size(groups); i++)
		g_ptr_array_add(names, (char *)(uintptr_t)json_string_value(json_array_get(groups, i)));
	g_ptr_array_sort(names, compare);
	g_ptr_array_add(names, NULL);
	return g_strjoinv(" ", (char **)names->pdata);
}

#define SEARCHED "\"groups\":{\"base_dn\":\"" RIG_GROUPS "\",\"filter\":\"(member={dn})\",\"name_attribute\":\"cn\",\"nested\":"
#define KEEP ",\"unmapped_groups\":\"keep\""

static void groups_table(void **state)
{
	static const struct {
		const char *more, *login, *password, *groups;
	} rows[] = {
		{"\"unmapped_groups\":\"keep\"", "alice", ALICE_PASSWORD, "staff"},
		{SEARCHED "false}" KEEP, "alice", ALICE_PASSWORD, "staff"},
		{SEARCHED "true}" KEEP, "alice", ALICE_PASSWORD, "everybody staff wiki"},
		{SEARCHED "true}" KEEP, "space", "password of space 1", "everybody staff wiki"},
		{SEARCHED "true}" KEEP, "quote", "password of quote 1", "everybody staff wiki"},
		{SEARCHED "true}" KEEP, "hash", "password of hash 1", "R&D, \xc3\x89quipe"},
		{SEARCHED "true}" KEEP, "zo\xc3\xa9", "password of zoe 1", "R&D, \xc3\x89quipe plain"},
		{SEARCHED "true}" KEEP, "janna", "password of janna 1", ""},
		{"\"groups\":{\"base_dn\":\"" RIG_GROUPS "\"}" KEEP, "alice", ALICE_PASSWORD, "staff"},
		/* no base, no filter: the attribute, and then each group's own */
		{"\"groups\":{\"nested\":true}" KEEP, "alice", ALICE_PASSWORD, "everybody staff wiki"},
		/* a base that memberOf's values are not under */
		{"\"preset\":\"active_directory\",\"groups\":{\"base_dn\":\"ou=other," RIG_BASE "\"}" KEEP, "alice", ALICE_PASSWORD, ""},
		{"\"preset\":\"active_directory\",\"groups\":{\"base_dn\":\"OU=Groups, DC=ACME, dc=example\"}" KEEP, "alice", ALICE_PASSWORD, "staff"},
		/* slapd does not know the rule: nothing, and no error */
		{"\"preset\":\"active_directory\",\"groups\":{\"base_dn\":\"" RIG_GROUPS "\",\"nested\":true}" KEEP, "alice", ALICE_PASSWORD, ""},
		{"\"preset\":\"active_directory\",\"groups\":{\"base_dn\":\"" RIG_GROUPS "\",\"filter\":\"(member={dn})\",\"nested\":true}" KEEP, "alice", ALICE_PASSWORD,
		 "everybody staff wiki"},
		{"\"unmapped_groups\":\"drop\"", "alice", ALICE_PASSWORD, ""},
		{"\"unmapped_groups\":\"prefix\"", "alice", ALICE_PASSWORD, "directory:staff"},
		{SEARCHED "true},\"unmapped_groups\":\"drop\",\"group_map\":{\"wiki\":[\"editors\",\"readers\"],\"CN=Staff, OU=Groups, DC=acme, DC=example\":\"people\"}", "alice",
		 ALICE_PASSWORD, "editors people readers"},
		{"\"group_map\":{\"cn=R\\\\26D\\\\2c \xc3\xa9quipe," RIG_GROUPS "\":\"rnd\"},\"unmapped_groups\":\"drop\"", "zo\xc3\xa9", "password of zoe 1", "rnd"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(tried_t) tried = ldap_try_once(rows[i].more, rows[i].login, rows[i].password);
		verdict_is(&tried, VERDICT_OK);
		g_autofree char *groups = groups_text(&tried);
		if (strcmp(groups, rows[i].groups) != 0)
			fail_msg("%zu %s %s: %s", i, rows[i].more, rows[i].login, groups);
	}
}

/* A group whose name is another group's DN, or its id as the driver writes it, is not that group. */
static void names_are_no_ids(void **state)
{
	struct slapd slapd = {.with_people = true};

	(void)state;
	slapd_start(&slapd);
	slapd_modify(&slapd, "dn: cn=cn\\3dstaff\\2cou\\3dgroups\\2cdc\\3dacme\\2cdc\\3dexample," RIG_GROUPS "\nobjectClass: groupOfNames\nmember: cn=Carol," RIG_PEOPLE "\n"
	                     "member:: Y249R3JhY2Usb3U9cGVvcGxlLGRjPWFjbWUsZGM9ZXhhbXBsZQ==\n\n"
	                     "dn: cn=\\01cn\\3dstaff\\2cou\\3dgroups\\2cdc\\3dacme\\2cdc\\3dexample," RIG_GROUPS "\nobjectClass: groupOfNames\nmember: cn=Grace," RIG_PEOPLE "\n\n");
	g_autofree char *more = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"],\"group_map\":{\"cn=staff," RIG_GROUPS "\":\"admins\"},\"unmapped_groups\":\"drop\"", slapd.port);
	g_auto(tried_t) grace = ldap_try_once(more, "grace", "password of grace 1"), alice = ldap_try_once(more, "alice", ALICE_PASSWORD);
	slapd_stop(&slapd);
	verdict_is(&grace, VERDICT_OK);
	verdict_is(&alice, VERDICT_OK);
	g_autofree char *hers = groups_text(&grace), *admins = groups_text(&alice);
	assert_string_equal(hers, "");
	assert_string_equal(admins, "admins");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(groups_table),
	cmocka_unit_test(names_are_no_ids),
};
const struct test_list ldap_groups_list = {tests, TEST_COUNT(tests)};
