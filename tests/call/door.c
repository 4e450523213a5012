/* The narrow door: link_by_verified_email leads a person without a link into an account that has the address, if every one of its conditions holds. Each case
 * takes one of them away; then a source that only links turns the person away, and one that creates makes an account beside the one that is there. */
#include "tests/call/entering.h"
#include "tests/call/tests.h"

#define KNOWN_ID "knownknownknownknownknowna"
#define SECOND_ID "secondsecondsecondseconda2"
#define VERIFIED "{\"username\":\"newcomer\",\"email\":\"alice@acme.example\",\"email_verified\":true}"
#define NOT_SAID "{\"username\":\"newcomer\",\"email\":\"alice@acme.example\"}"

struct door {
	const char *missing;
	const char *claims;      /* NULL: VERIFIED */
	const char *domain;      /* the source's; NULL: acme.example; "": it is bound to none */
	const char *email;       /* the account's; NULL: alice@acme.example */
	const char *second;      /* user name of another account with the same address */
	bool unverified;         /* the account's address was never proved */
	bool shut;               /* the source does not have link_by_verified_email */
	bool no_owner;           /* the tenant owns no domain */
};

static const struct door doors[] = {
	{ "the setting", .shut = true },
	{ "a source bound to a domain", .domain = "" },
	{ "a source bound to this domain", .domain = "other.example" },
	{ "a tenant that owns the domain", .no_owner = true },
	{ "a domain that is the tenant's", .domain = "other.example", .email = "alice@other.example",
	  .claims = "{\"username\":\"newcomer\",\"email\":\"alice@other.example\",\"email_verified\":true}" },
	{ "the domain itself, not one below it", .email = "alice@evil.acme.example",
	  .claims = "{\"username\":\"newcomer\",\"email\":\"alice@evil.acme.example\",\"email_verified\":true}" },
	{ "the domain itself, not one that ends like it", .email = "alice@evilacme.example",
	  .claims = "{\"username\":\"newcomer\",\"email\":\"alice@evilacme.example\",\"email_verified\":true}" },
	{ "the domain behind the last @", .email = "alice@acme.example@evil.example",
	  .claims = "{\"username\":\"newcomer\",\"email\":\"alice@acme.example@evil.example\",\"email_verified\":true}" },
	{ "a word on whether it is verified", .claims = NOT_SAID },
	{ "a yes to that", .claims = "{\"username\":\"newcomer\",\"email\":\"alice@acme.example\",\"email_verified\":false}" },
	{ "a yes that is a boolean", .claims = "{\"username\":\"newcomer\",\"email\":\"alice@acme.example\",\"email_verified\":\"true\"}" },
	{ "an address", .claims = "{\"username\":\"newcomer\",\"email_verified\":true}" },
	{ "an address that is text", .claims = "{\"username\":\"newcomer\",\"email\":[\"alice@acme.example\"],\"email_verified\":true}" },
	{ "an account with that address", .email = "bob@acme.example" },
	{ "an account with that address, proved", .unverified = true },
	{ "one account alone with that address", .second = "second" },
	{ "an account whose user name is not somebody's address", .second = "alice@acme.example" },
};

struct trying {
	char domain[32];
	char *domains[2];
	struct source source;
	struct tenant *tenant;
	struct entering entering;
};

static void trying_init(struct trying *trying, const struct bench *bench, const struct door *door, enum provisioning provisioning)
{
	static char name[] = "corp";

	*trying = (struct trying){ .source = { .driver = &upstream_driver, .name = name, .provisioning = provisioning, .update_always = true,
		.link_by_verified_email = !door->shut } };
	g_strlcpy(trying->domain, door->domain ? door->domain : "acme.example", sizeof trying->domain);
	trying->domains[0] = trying->domain[0] ? trying->domain : NULL;
	trying->source.domains = trying->domains;
	trying->tenant = door->no_owner ? tenant_with(ACME_ID, "acme", "{\"issuer\":\"https://acme.example\"}") : tenant_ref(bench->acme);
	trying->entering = (struct entering){ .tenant = trying->tenant, .source = &trying->source, .subject = "s-1",
		.claims = door->claims ? door->claims : VERIFIED, .undo = true };
}

static void trying_clear(struct trying *trying)
{
	account_clear(&trying->entering.account);
	tenant_unref(trying->tenant);
}

static void assert_not_in(const struct bench *bench, const struct door *door)
{
	struct trying trying;

	trying_init(&trying, bench, door, PROVISIONING_LINK);
	enter(bench, &trying.entering, 0);
	if (!trying.entering.done || trying.entering.reason != REASON_NOT_PROVISIONED || trying.entering.linked[0] || trying.entering.account.id[0])
		fail_msg("without %s a source that only links: %s, link to '%s'", door->missing, reason_name(trying.entering.reason), trying.entering.linked);
	trying_clear(&trying);
}

static void assert_beside(const struct bench *bench, const struct door *door)
{
	struct trying trying;

	trying_init(&trying, bench, door, PROVISIONING_CREATE);
	enter(bench, &trying.entering, 0);
	if (!trying.entering.done || trying.entering.reason != REASON_OK || strcmp(trying.entering.linked, trying.entering.account.id) != 0 ||
	    strcmp(trying.entering.linked, KNOWN_ID) == 0 || strcmp(trying.entering.linked, SECOND_ID) == 0)
		fail_msg("without %s a source that creates: %s, link to '%s'", door->missing, reason_name(trying.entering.reason), trying.entering.linked);
	trying_clear(&trying);
}

static void test_every_condition_counts(void **state)
{
	for (size_t i = 0; i < G_N_ELEMENTS(doors); i++) {
		const struct door *door = &doors[i];
		const char *email = door->email ? door->email : "alice@acme.example";
		void *place = NULL;
		bench_setup(&place);
		const struct bench *bench = place;
		account_make(bench, bench->acme, KNOWN_ID, "alice", email, !door->unverified);
		/* Another address where the user name is the point: then it is the name alone that is taken for the address. */
		if (door->second)
			account_make(bench, bench->acme, SECOND_ID, door->second, strchr(door->second, '@') ? "mallory@acme.example" : email, true);
		assert_not_in(bench, door);
		assert_beside(bench, door);
		bench_teardown(&place);
	}
	(void)state;
}

/* All conditions hold: who comes in is the one who was there, by both kinds of source, and without a change to the account. */
static void test_the_door_opens(void **state)
{
	static const struct door open = { .missing = "nothing" };
	const struct bench *bench = *state;

	account_make(bench, bench->acme, KNOWN_ID, "alice", "Alice@Acme.Example", true);
	for (int i = 0; i < 2; i++) {
		struct trying trying;
		trying_init(&trying, bench, &open, i ? PROVISIONING_CREATE : PROVISIONING_LINK);
		trying.entering.undo = i == 0;
		enter(bench, &trying.entering, 0);
		assert_int_equal(trying.entering.reason, REASON_OK);
		assert_string_equal(trying.entering.account.id, KNOWN_ID);
		assert_string_equal(trying.entering.linked, KNOWN_ID);
		trying_clear(&trying);
	}
	g_auto(account_t) account = account_read(bench, bench->acme, KNOWN_ID);
	assert_string_equal(account.username, "alice");
	assert_string_equal(account.email, "Alice@Acme.Example");
	assert_int_equal(account_count(bench, bench->acme), 1);
}

/* A directory of the domain is the authority for its addresses and need not call them verified. */
static void test_a_directory_need_not_say_verified(void **state)
{
	static const struct door open = { .missing = "nothing", .claims = NOT_SAID };
	const struct bench *bench = *state;
	struct trying trying;

	account_make(bench, bench->acme, KNOWN_ID, "alice", "alice@acme.example", true);
	trying_init(&trying, bench, &open, PROVISIONING_LINK);
	trying.source.driver = provider_driver_named("ldap");
	enter(bench, &trying.entering, 0);
	assert_int_equal(trying.entering.reason, REASON_OK);
	assert_string_equal(trying.entering.linked, KNOWN_ID);
	trying_clear(&trying);
}

/* Its provider may only bring in people whom it brought in before. */
static void test_existing_means_existing(void **state)
{
	static const struct door open = { .missing = "nothing" };
	const struct bench *bench = *state;
	struct trying trying;

	account_make(bench, bench->acme, KNOWN_ID, "alice", "alice@acme.example", true);
	trying_init(&trying, bench, &open, PROVISIONING_EXISTING);
	enter(bench, &trying.entering, 0);
	assert_int_equal(trying.entering.reason, REASON_NOT_PROVISIONED);
	assert_string_equal(trying.entering.linked, "");
	trying_clear(&trying);
}

/* A disabled account does not come back through a provider, nor as a fresh account beside it. */
static void test_a_disabled_account_stays_shut(void **state)
{
	static const struct door open = { .missing = "nothing" };
	const struct bench *bench = *state;

	account_make(bench, bench->acme, KNOWN_ID, "alice", "alice@acme.example", true);
	account_disable(bench, bench->acme, KNOWN_ID);
	for (int i = 0; i < 2; i++) {
		struct trying trying;
		trying_init(&trying, bench, &open, i ? PROVISIONING_CREATE : PROVISIONING_LINK);
		enter(bench, &trying.entering, 0);
		assert_true(trying.entering.done);
		assert_int_equal(trying.entering.reason, REASON_ACCOUNT_DISABLED);
		assert_string_equal(trying.entering.linked, "");
		trying_clear(&trying);
	}
}

/* The account with the address is another tenant's, whatever domains this one says it owns. */
static void test_the_door_leads_to_no_other_tenant(void **state)
{
	static const struct door open = { .missing = "nothing" };
	const struct bench *bench = *state;
	struct trying trying;

	account_make(bench, bench->acme, KNOWN_ID, "alice", "alice@acme.example", true);
	trying_init(&trying, bench, &open, PROVISIONING_LINK);
	g_autoptr(tenant_t) globex = tenant_with(GLOBEX_ID, "globex", "{\"issuer\":\"https://globex.example\",\"domains\":[\"acme.example\"]}");
	trying.entering.tenant = globex;
	enter(bench, &trying.entering, 0);
	assert_int_equal(trying.entering.reason, REASON_NOT_PROVISIONED);
	assert_string_equal(trying.entering.linked, "");
	trying_clear(&trying);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_every_condition_counts), TEST(test_the_door_opens), TEST(test_a_directory_need_not_say_verified),
	TEST(test_existing_means_existing), TEST(test_a_disabled_account_stays_shut), TEST(test_the_door_leads_to_no_other_tenant),
};
const struct test_group door_group = { tests, G_N_ELEMENTS(tests) };
