/* From an identity to an account: the link decides, and what the source says of name, address and groups is data. The one door by address is in door.c. */
#include "tests/call/entering.h"
#include "tests/call/tests.h"

#define ALICE_ID "alicealicealicealicealicea"
#define ALICE "{\"username\":\"alice\",\"name\":\"Alice Martin\",\"email\":\"alice@upstream.example\",\"email_verified\":true,\"groups\":[\"staff\"]}"

static char corp_name[] = "corp", other_name[] = "other";
static const struct source corp = { .driver = &upstream_driver, .name = corp_name, .update_always = true };
static const struct source other = { .driver = &upstream_driver, .name = other_name, .update_always = true };

static void test_newcomer_gets_an_account(void **state)
{
	const struct bench *bench = *state;
	char id[IDENTIFIER_SIZE];

	enter_as(bench, bench->acme, &corp, "s-1", ALICE, id);
	g_auto(account_t) account = account_read(bench, bench->acme, id);
	assert_string_equal(account.username, "alice");
	assert_string_equal(account.name, "Alice Martin");
	assert_string_equal(account.email, "alice@upstream.example");
	assert_string_equal(account.email_key, "alice@upstream.example");
	/* The provider says so, but nobody made it the authority for that domain. */
	assert_false(account.email_verified);
	assert_true(json_array_has(account.groups, "staff"));
	assert_false(account.declared);
	assert_false(account.disabled);
	assert_int_equal(account.created_ms, NOW_MS);
	assert_int_equal(account.updated_ms, NOW_MS);
}

static void test_the_link_decides(void **state)
{
	const struct bench *bench = *state;
	char first[IDENTIFIER_SIZE], again[IDENTIFIER_SIZE], colleague[IDENTIFIER_SIZE], elsewhere[IDENTIFIER_SIZE];

	enter_as(bench, bench->acme, &corp, "s-1", ALICE, first);
	/* Everything about her changed, but for what the provider knows her by. */
	enter_as(bench, bench->acme, &corp, "s-1", "{\"username\":\"al\",\"name\":\"A. Durand\",\"email\":\"a@else.example\"}", again);
	assert_string_equal(again, first);
	/* And nothing about these two, but for that. */
	enter_as(bench, bench->acme, &corp, "s-2", ALICE, colleague);
	enter_as(bench, bench->acme, &other, "s-1", ALICE, elsewhere);
	assert_string_not_equal(colleague, first);
	assert_string_not_equal(elsewhere, first);
	assert_string_not_equal(elsewhere, colleague);
	assert_int_equal(account_count(bench, bench->acme), 3);
}

struct linking_try {
	const struct tenant *tenant;
	const struct source *source;
	const char *subject, *account;
	struct linking_facts proof;
	enum reason reason;
};

static bool link_in_unit(struct unit *unit, void *data, GError **error)
{
	struct linking_try *try = data;
	g_autoptr(identity_t) identity = identity_new(try->source->name, try->subject, NULL, NULL);
	const struct provider_answer answer = { .verdict = VERDICT_OK, .identity = identity };
	return provision_link(unit, try->tenant, try->source, &answer, try->account, try->proof, NOW_MS, &try->reason, error);
}

static enum reason link_try(const struct bench *bench, const struct source *source, const char *subject, const char *account, int64_t proof_age_s)
{
	struct linking_try try = { bench->acme, source, subject, account, { .signed_in = true, .same_session = true, .asked_for_this_provider = true,
		.account_proof_age_s = proof_age_s, .identity_proof_age_s = 1 }, REASON_UNDECIDED };
	g_autoptr(GError) error = NULL;
	assert_true(store_write(bench->store, link_in_unit, &try, &error));
	return try.reason;
}

/* Both sides proved just now, and only then; and never what is somebody else's. */
static void test_linking_by_fresh_proof(void **state)
{
	static const struct provider_driver weak_driver = { .name = "weak", .capabilities = CAPABILITY_REDIRECTS | CAPABILITY_WEAK_BINDING };
	static char weak_name[] = "weak";
	const struct source weak = { .driver = &weak_driver, .name = weak_name };
	const struct bench *bench = *state;
	char alice[IDENTIFIER_SIZE], bob[IDENTIFIER_SIZE], opened[IDENTIFIER_SIZE];

	enter_as(bench, bench->acme, &corp, "s-1", ALICE, alice);
	enter_as(bench, bench->acme, &corp, "s-2", "{\"username\":\"bob\"}", bob);
	assert_int_equal(link_try(bench, &other, "o-1", alice, LINKING_FRESH_S + 1), REASON_LINK_STALE);
	assert_int_equal(link_try(bench, &weak, "w-1", alice, 1), REASON_LINK_WEAK);
	assert_int_equal(link_try(bench, &other, "o-1", "nobodynobodynobodynobodyno", 1), REASON_LOGIN_REQUIRED);
	assert_int_equal(link_try(bench, &other, "o-1", alice, 1), REASON_OK);
	assert_int_equal(link_try(bench, &other, "o-1", alice, 1), REASON_OK);
	assert_int_equal(link_try(bench, &other, "o-1", bob, 1), REASON_LINK_TAKEN);
	assert_int_equal(link_try(bench, &other, "o-2", alice, 1), REASON_LINK_SECOND);
	enter_as(bench, bench->acme, &other, "o-1", "{}", opened);
	assert_string_equal(opened, alice);
	assert_int_equal(account_count(bench, bench->acme), 2);
}

/* A subject is bytes: nothing about it is folded or trimmed. */
static void test_subjects_are_exact(void **state)
{
	static const char *const subjects[] = { "s-1", "S-1", "s-1 ", "s-10" };
	const struct bench *bench = *state;
	char id[IDENTIFIER_SIZE];

	for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++) {
		enter_as(bench, bench->acme, &corp, subjects[i], "{}", id);
		assert_int_equal(account_count(bench, bench->acme), i + 1);
	}
}

static void assert_username(const struct bench *bench, const char *id, const char *expected)
{
	g_auto(account_t) account = account_read(bench, bench->acme, id);

	assert_string_equal(account.username, expected);
}

static void test_taken_user_names(void **state)
{
	const struct bench *bench = *state;
	char second[IDENTIFIER_SIZE], third[IDENTIFIER_SIZE];

	account_make(bench, bench->acme, ALICE_ID, "alice", NULL, false);
	enter_as(bench, bench->acme, &corp, "s-1", "{\"username\":\"ALICE\"}", second);
	assert_username(bench, second, "ALICE (corp)");
	enter_as(bench, bench->acme, &corp, "s-2", "{\"username\":\"alice\"}", third);
	g_autofree char *expected = g_strdup_printf("alice (corp %.6s)", third);
	assert_username(bench, third, expected);
	/* The one who was there first is who he was. */
	assert_username(bench, ALICE_ID, "alice");
	assert_int_equal(account_count(bench, bench->acme), 3);
}

static void test_without_a_usable_user_name(void **state)
{
	const struct bench *bench = *state;
	char first[IDENTIFIER_SIZE], second[IDENTIFIER_SIZE];

	enter_as(bench, bench->acme, &corp, "s-1", "{}", first);
	assert_username(bench, first, "s-1");
	enter_as(bench, bench->acme, &corp, "s-2", "{\"username\":\"a\\u202eecila\"}", second);
	assert_username(bench, second, "s-2");
}

#define CHANGED "{\"username\":\"alicia\",\"name\":\"Alice Durand\",\"email\":\"Alice@New.Example\",\"groups\":[\"board\"]}"

static void test_updated_at_every_entry(void **state)
{
	const struct bench *bench = *state;
	char id[IDENTIFIER_SIZE];
	struct entering again = { .tenant = bench->acme, .source = &corp, .subject = "s-1", .claims = CHANGED };

	enter_as(bench, bench->acme, &corp, "s-1", ALICE, id);
	enter(bench, &again, 5000);
	assert_string_equal(again.account.name, "Alice Durand");
	account_clear(&again.account);
	g_auto(account_t) account = account_read(bench, bench->acme, id);
	assert_string_equal(account.name, "Alice Durand");
	assert_string_equal(account.email, "Alice@New.Example");
	assert_string_equal(account.email_key, "alice@new.example");
	assert_true(json_array_has(account.groups, "board"));
	assert_false(json_array_has(account.groups, "staff"));
	/* What somebody logs in with is not the source's to change. */
	assert_string_equal(account.username, "alice");
	assert_int_equal(account.created_ms, NOW_MS);
	assert_int_equal(account.updated_ms, NOW_MS + 5000);
}

static void test_what_is_not_said_stays(void **state)
{
	const struct bench *bench = *state;
	char id[IDENTIFIER_SIZE];
	struct entering silent = { .tenant = bench->acme, .source = &corp, .subject = "s-1", .claims = "{\"groups\":\"board\",\"name\":7}" };

	enter_as(bench, bench->acme, &corp, "s-1", ALICE, id);
	enter(bench, &silent, 5000);
	assert_int_equal(silent.reason, REASON_OK);
	account_clear(&silent.account);
	g_auto(account_t) account = account_read(bench, bench->acme, id);
	assert_string_equal(account.name, "Alice Martin");
	assert_string_equal(account.email, "alice@upstream.example");
	assert_true(json_array_has(account.groups, "staff"));
	assert_int_equal(account.updated_ms, NOW_MS);
}

static void test_updated_at_the_first_entry_only(void **state)
{
	const struct bench *bench = *state;
	struct source first = corp;
	char id[IDENTIFIER_SIZE], again[IDENTIFIER_SIZE];

	first.update_always = false;
	enter_as(bench, bench->acme, &first, "s-1", ALICE, id);
	enter_as(bench, bench->acme, &first, "s-1", CHANGED, again);
	g_auto(account_t) account = account_read(bench, bench->acme, id);
	assert_string_equal(again, id);
	assert_string_equal(account.name, "Alice Martin");
	assert_string_equal(account.email, "alice@upstream.example");
	assert_true(json_array_has(account.groups, "staff"));
}

static bool declare(struct unit *unit, void *data, GError **error)
{
	struct account *account = data;

	account->declared = true;
	return account_update(unit, ACME_ID, account, error);
}

/* What a declaration made stays the declaration's, or a directory could put people into groups that a reviewed file keeps them out of. */
static void test_declared_accounts_are_left_alone(void **state)
{
	const struct bench *bench = *state;
	char id[IDENTIFIER_SIZE], again[IDENTIFIER_SIZE];

	enter_as(bench, bench->acme, &corp, "s-1", ALICE, id);
	g_auto(account_t) before = account_read(bench, bench->acme, id);
	bench_write(bench, declare, &before);
	enter_as(bench, bench->acme, &corp, "s-1", CHANGED, again);
	g_auto(account_t) account = account_read(bench, bench->acme, id);
	assert_string_equal(again, id);
	assert_string_equal(account.name, "Alice Martin");
	assert_string_equal(account.email, "alice@upstream.example");
	assert_true(json_array_has(account.groups, "staff"));
	assert_true(account.declared);
}

/* An address counts as proved only as long as it is the one that was proved. */
static void test_a_new_address_is_not_proved(void **state)
{
	static char domain[] = "acme.example", *domains[] = { domain, NULL };
	const struct bench *bench = *state;
	struct source bound = corp;
	char id[IDENTIFIER_SIZE];

	bound.domains = domains;
	enter_as(bench, bench->acme, &bound, "s-1", "{\"email\":\"alice@acme.example\",\"email_verified\":true}", id);
	g_auto(account_t) proved = account_read(bench, bench->acme, id);
	assert_true(proved.email_verified);
	enter_as(bench, bench->acme, &bound, "s-1", "{\"email\":\"ceo@acme.example\"}", id);
	g_auto(account_t) unproved = account_read(bench, bench->acme, id);
	assert_string_equal(unproved.email, "ceo@acme.example");
	assert_false(unproved.email_verified);
}

static void test_disabled_accounts_are_refused(void **state)
{
	const struct bench *bench = *state;
	char id[IDENTIFIER_SIZE];
	struct entering entering = { .tenant = bench->acme, .source = &corp, .subject = "s-1", .claims = CHANGED };

	enter_as(bench, bench->acme, &corp, "s-1", ALICE, id);
	account_disable(bench, bench->acme, id);
	enter(bench, &entering, 5000);
	assert_true(entering.done);
	assert_int_equal(entering.reason, REASON_ACCOUNT_DISABLED);
	account_clear(&entering.account);
	g_auto(account_t) account = account_read(bench, bench->acme, id);
	assert_true(account.disabled);
	assert_string_equal(account.name, "Alice Martin");
	assert_int_equal(account_count(bench, bench->acme), 1);
}

static void assert_turned_away(const struct bench *bench, enum provisioning provisioning)
{
	struct source source = corp;
	struct entering entering = { .tenant = bench->acme, .source = &source, .subject = "s-1", .claims = ALICE };

	source.provisioning = provisioning;
	enter(bench, &entering, 0);
	assert_true(entering.done);
	assert_int_equal(entering.reason, REASON_NOT_PROVISIONED);
	assert_string_equal(entering.account.id, "");
	assert_string_equal(entering.linked, "");
	assert_int_equal(account_count(bench, bench->acme), 0);
}

static void test_strangers_are_turned_away(void **state)
{
	assert_turned_away(*state, PROVISIONING_EXISTING);
	assert_turned_away(*state, PROVISIONING_LINK);
}

static void test_who_has_a_link_comes_in_under_every_rule(void **state)
{
	const struct bench *bench = *state;
	struct source source = corp;
	char id[IDENTIFIER_SIZE], again[IDENTIFIER_SIZE];

	enter_as(bench, bench->acme, &corp, "s-1", ALICE, id);
	source.provisioning = PROVISIONING_EXISTING;
	enter_as(bench, bench->acme, &source, "s-1", ALICE, again);
	assert_string_equal(again, id);
	source.provisioning = PROVISIONING_LINK;
	enter_as(bench, bench->acme, &source, "s-1", ALICE, again);
	assert_string_equal(again, id);
}

/* The same provider's name and the same subject at two tenants are two people. */
static void test_tenants_are_blind_to_each_other(void **state)
{
	const struct bench *bench = *state;
	struct source existing = corp;
	char here[IDENTIFIER_SIZE], there[IDENTIFIER_SIZE];

	enter_as(bench, bench->acme, &corp, "s-1", ALICE, here);
	existing.provisioning = PROVISIONING_EXISTING;
	struct entering stranger = { .tenant = bench->globex, .source = &existing, .subject = "s-1", .claims = ALICE };
	enter(bench, &stranger, 0);
	assert_int_equal(stranger.reason, REASON_NOT_PROVISIONED);
	enter_as(bench, bench->globex, &corp, "s-1", CHANGED, there);
	assert_string_not_equal(here, there);
	assert_int_equal(account_count(bench, bench->acme), 1);
	assert_int_equal(account_count(bench, bench->globex), 1);
	g_auto(account_t) account = account_read(bench, bench->acme, here);
	assert_string_equal(account.name, "Alice Martin");
	/* Shut at one, she still comes in at the other. */
	account_disable(bench, bench->acme, here);
	enter_as(bench, bench->globex, &corp, "s-1", ALICE, there);
}

/* Broken is not missing: it makes no second account. */
static void test_a_broken_store_lets_nobody_in(void **state)
{
	const struct bench *bench = *state;
	struct source existing = corp;
	char id[IDENTIFIER_SIZE];
	struct entering entering = { .tenant = bench->acme, .source = &corp, .subject = "s-1", .claims = ALICE };
	struct entering known = { .tenant = bench->acme, .source = &existing, .subject = "s-1", .claims = ALICE };

	existing.provisioning = PROVISIONING_EXISTING;
	enter_as(bench, bench->acme, &corp, "s-1", ALICE, id);
	bench_tamper(bench, "ALTER TABLE link RENAME TO link_gone");
	enter(bench, &entering, 0);
	assert_false(entering.done);
	account_clear(&entering.account);
	/* Nor does anybody hear that he is not known. */
	enter(bench, &known, 0);
	assert_false(known.done);
	account_clear(&known.account);
	assert_int_equal(account_count(bench, bench->acme), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)
static const struct CMUnitTest tests[] = {
	TEST(test_newcomer_gets_an_account), TEST(test_the_link_decides), TEST(test_linking_by_fresh_proof), TEST(test_subjects_are_exact), TEST(test_taken_user_names),
	TEST(test_without_a_usable_user_name), TEST(test_updated_at_every_entry), TEST(test_what_is_not_said_stays),
	TEST(test_updated_at_the_first_entry_only), TEST(test_declared_accounts_are_left_alone), TEST(test_a_new_address_is_not_proved),
	TEST(test_disabled_accounts_are_refused), TEST(test_strangers_are_turned_away), TEST(test_who_has_a_link_comes_in_under_every_rule),
	TEST(test_tenants_are_blind_to_each_other), TEST(test_a_broken_store_lets_nobody_in),
};
const struct test_group provision_group = { tests, G_N_ELEMENTS(tests) };
