/* Forty made-up people, some with names that need every rule of RFC 4514, some who may not sign in; and groups that hold each other in a loop. */
#include "rig.h"

#include <string.h>

struct person {
	const char *uid, *rdn, *cn, *password, *more;
};

/* `rdn` as a DN is written, `cn` as it is. The first lines are the ones tests name. */
static const struct person people[] = {
	{"alice", "cn=Martin\\, Alice", "Martin, Alice", "caf\xc3\xa9 tractor moon 7",
	 "entryUUID: 11111111-2222-4333-8444-555555555555\nsAMAccountName: alice\nuserPrincipalName: alice@corp.acme.example\n"
	 "objectGUID:: AAECAwQFBgcICQoLDA0ODw==\nuserAccountControl: 512\naccountExpires: 9223372036854775807\n"},
	{"bruno", "cn=Bruno Petit", "Bruno Petit", "yellow grapefruit 9", "nsAccountLock: TRUE\nsAMAccountName: bruno\nobjectGUID:: EBESExQVFhcYGRobHB0eHw==\n"
	                                                                  "userAccountControl: 514\n"},
	{"carol", "cn=Carol", "Carol", NULL, ""},
	{"plus", "cn=Un\\+Deux", "Un+Deux", "password of plus 1", ""},
	{"quote", "cn=Le \\\"Grand\\\" Jean", "Le \"Grand\" Jean", "password of quote 1", ""},
	{"space", "cn=\\ Espace", " Espace", "password of space 1", ""},
	{"zo\xc3\xa9", "cn=Zo\xc3\xa9 \xc3\x85ngstr\xc3\xb6m", "Zo\xc3\xa9 \xc3\x85ngstr\xc3\xb6m", "password of zoe 1", ""},
	{"janna", "cn=\xd0\x96\xd0\xb0\xd0\xbd\xd0\xbd\xd0\xb0", "\xd0\x96\xd0\xb0\xd0\xbd\xd0\xbd\xd0\xb0", "password of janna 1", ""},
	{"hash", "cn=\\#sharp\\; \\<b\\> a\\=b \\\\ c", "#sharp; <b> a=b \\ c", "password of hash 1", ""},
	{"multi", "cn=Multi+ou=R\\+D", "Multi", "password of multi 1", "ou: R+D\n"},
	{"star*", "cn=Star", "Star", "password of star 1", ""},
	{"locked", "cn=Locked", "Locked", "password of locked 1", "pwdAccountLockedTime: 000001010000Z\n"},
	{"expired", "cn=Expired", "Expired", "password of expired 1", "pwdChangedTime: 20200101000000Z\npwdPolicySubentry: cn=strict,ou=policies," RIG_BASE "\n"},
	{"grace", "cn=Grace", "Grace", "password of grace 1", "pwdChangedTime: 20200101000000Z\npwdPolicySubentry: cn=grace,ou=policies," RIG_BASE "\n"},
	{"reset", "cn=Reset", "Reset", "password of reset 1", "pwdReset: TRUE\npwdPolicySubentry: cn=reset,ou=policies," RIG_BASE "\n"},
	{"fixed", "cn=Fixed", "Fixed", "password of fixed 1", "pwdChangedTime: 20200101000000Z\npwdPolicySubentry: cn=fixed,ou=policies," RIG_BASE "\n"},
	{"young", "cn=Young", "Young", "password of young 1", "pwdPolicySubentry: cn=young,ou=policies," RIG_BASE "\n"},
	{"gone", "cn=Gone", "Gone", "password of gone 1", "accountExpires: 116444736000000001\nsAMAccountName: gone\nobjectGUID:: ICEiIyQlJicoKSorLC0uLw==\n"},
	{"twin1", "cn=Twin One", "Twin One", "password of twins 1", "mail: twins@acme.example\n"},
	{"twin2", "cn=Twin Two", "Twin Two", "password of twins 1", "mail: twins@acme.example\n"},
	{"noguid", "cn=No Guid", "No Guid", "password of noguid 1", "sAMAccountName: noguid\n"},
	{"leaver", "cn=Leaver", "Leaver", "password of leaver 1", "entryUUID: 99999999-2222-4333-8444-555555555555\n"},
};
#define PEOPLE_COUNT 40

static void base64_line(GString *ldif, const char *name, const char *value)
{
	g_autofree char *encoded = g_base64_encode((const guchar *)value, strlen(value));
	g_string_append_printf(ldif, "%s:: %s\n", name, encoded);
}

static void person_add(GString *ldif, const struct person *person)
{
	g_autofree char *dn = g_strdup_printf("%s," RIG_PEOPLE, person->rdn), *mail = g_strdup_printf("%s@acme.example", person->uid);

	base64_line(ldif, "dn", dn);
	g_string_append(ldif, "objectClass: inetOrgPerson\nobjectClass: user\nobjectCategory: person\n");
	base64_line(ldif, "uid", person->uid);
	base64_line(ldif, "cn", person->cn);
	base64_line(ldif, "sn", person->cn);
	base64_line(ldif, "displayName", person->cn);
	if (g_str_is_ascii(mail))
		base64_line(ldif, "mail", mail);
	if (person->password)
		base64_line(ldif, "userPassword", person->password);
	g_string_append_printf(ldif, "%s\n", person->more);
}

static void policy_add(GString *ldif, const char *name, const char *rules)
{
	g_string_append_printf(ldif, "dn: cn=%s,ou=policies," RIG_BASE "\nobjectClass: person\nobjectClass: pwdPolicy\ncn: %s\nsn: %s\n"
	                             "pwdAttribute: userPassword\n%s\n", name, name, name, rules);
}

char *people_ldif(void)
{
	GString *ldif = g_string_new("dn: " RIG_BASE "\nobjectClass: dcObject\nobjectClass: organization\ndc: acme\no: Acme\n\n");

	for (const char *const *unit = (const char *const[]){"people", "groups", "policies", "services", NULL}; *unit; unit++)
		g_string_append_printf(ldif, "dn: ou=%s," RIG_BASE "\nobjectClass: organizationalUnit\nou: %s\n\n", *unit, *unit);
	policy_add(ldif, "default", "pwdLockout: TRUE\npwdMaxFailure: 0\n");
	policy_add(ldif, "strict", "pwdMaxAge: 86400\npwdGraceAuthNLimit: 0\npwdInHistory: 3\npwdCheckQuality: 2\npwdMinLength: 12\n");
	policy_add(ldif, "young", "pwdMinAge: 3600\n");
	policy_add(ldif, "grace", "pwdMaxAge: 86400\npwdGraceAuthNLimit: 1000\n");
	policy_add(ldif, "reset", "pwdMustChange: TRUE\n");
	policy_add(ldif, "fixed", "pwdMaxAge: 86400\npwdGraceAuthNLimit: 1000\npwdAllowUserChange: FALSE\n");
	g_string_append(ldif, "dn: " RIG_SERVICE "\nobjectClass: person\nobjectClass: simpleSecurityObject\ncn: passerelle\nsn: passerelle\nuserPassword: " RIG_SERVICE_PASSWORD "\n\n");
	for (size_t i = 0; i < TEST_COUNT(people); i++)
		person_add(ldif, &people[i]);
	for (size_t i = TEST_COUNT(people); i < PEOPLE_COUNT; i++) {
		g_autofree char *uid = g_strdup_printf("person%02zu", i), *cn = g_strdup_printf("Ren\xc3\xa9 N\xc2\xb0%zu", i), *rdn = g_strdup_printf("cn=%s", cn);
		person_add(ldif, &(struct person){uid, rdn, cn, "password of everybody 1", ""});
	}
	return g_string_free(ldif, FALSE);
}

/* staff ⊂ wiki ⊂ everybody ⊂ staff: a loop; `plain` is in none. The overlay writes memberOf. */
char *groups_ldif(void)
{
	static const struct {
		const char *name, *members[4];
	} groups[] = {
		{"staff", {"cn=Martin\\, Alice," RIG_PEOPLE, "cn=Un\\+Deux," RIG_PEOPLE, "cn=Le \\\"Grand\\\" Jean," RIG_PEOPLE, NULL}},
		{"wiki", {"cn=staff," RIG_GROUPS, "cn=\\ Espace," RIG_PEOPLE, "cn=Leaver," RIG_PEOPLE, NULL}},
		{"everybody", {"cn=wiki," RIG_GROUPS, NULL}},
		{"plain", {"cn=Carol," RIG_PEOPLE, "cn=Zo\xc3\xa9 \xc3\x85ngstr\xc3\xb6m," RIG_PEOPLE, NULL}},
		{"R\\&D\\, \xc3\x89quipe", {"cn=Zo\xc3\xa9 \xc3\x85ngstr\xc3\xb6m," RIG_PEOPLE, "cn=\\#sharp\\; \\<b\\> a\\=b \\\\ c," RIG_PEOPLE, NULL}},
	};
	GString *ldif = g_string_new(NULL);

	for (size_t i = 0; i < TEST_COUNT(groups); i++) {
		g_autofree char *escaped = g_strdup(groups[i].name[0] == 'R' ? "R&D\\, \xc3\x89quipe" : groups[i].name);
		g_autofree char *dn = g_strdup_printf("cn=%s," RIG_GROUPS, escaped);
		base64_line(ldif, "dn", dn);
		g_string_append(ldif, "objectClass: groupOfNames\n");
		base64_line(ldif, "cn", groups[i].name[0] == 'R' ? "R&D, \xc3\x89quipe" : groups[i].name);
		for (size_t m = 0; groups[i].members[m]; m++)
			base64_line(ldif, "member", groups[i].members[m]);
		g_string_append_c(ldif, '\n');
	}
	g_string_append(ldif, "dn: cn=staff," RIG_GROUPS "\nchangetype: modify\nadd: member\nmember: cn=everybody," RIG_GROUPS "\n\n");
	return g_string_free(ldif, FALSE);
}
