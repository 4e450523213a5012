/* Conformance: accounts, passwords, links. */
#include "conformance.h"

static void both_have_alice(struct world *world)
{
	struct unit *unit = write_begin(world->store);
	const char *const tenants[] = { TENANT_A, TENANT_B };
	for (size_t i = 0; i < 2; i++) {
		g_auto(account_t) account = account_of(ACCOUNT_1, "Alice", i == 0 ? "Alice@acme.example" : "alice@bolt.example");
		g_auto(session_t) session = session_of(SESSION_1, 1, ACCOUNT_1);
		g_auto(grant_t) grant = grant_of(GRANT_1, ACCOUNT_1, "wiki", SESSION_1, true);
		GOOD(account_insert(unit, tenants[i], &account, &error) && session_insert(unit, tenants[i], &session, &error));
		GOOD(grant_insert(unit, tenants[i], &grant, &error));
		GOOD(credential_set(unit, tenants[i], ACCOUNT_1, i == 0 ? "hash-a" : "hash-b", 0, &error));
		struct link link = { .provider = (char *)(uintptr_t)"okta", .subject = (char *)(uintptr_t)"s-1", .account = ACCOUNT_1, .created_ms = NOW };
		struct throttle_state bucket = { 0 };
		GOOD(link_insert(unit, tenants[i], &link, &error) && throttle_put(unit, tenants[i], digest_of(1), ACCOUNT_1, &bucket, NOW + DAY, &error));
	}
	write_commit();
}

static bool ended(struct world *world, const char *tenant)
{
	g_auto(session_t) session = { 0 };
	g_auto(grant_t) grant = { 0 };
	FOUND_IS(FOUND, session_find_id(reader_of(world->store), tenant, SESSION_1, &session, &error));
	FOUND_IS(FOUND, grant_find(reader_of(world->store), tenant, GRANT_1, &grant, &error));
	assert_int_equal(session.ended_ms, grant.revoked_ms);
	return session.ended_ms != 0;
}

static void accounts_come_back_as_they_went(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	g_auto(account_t) full = account_of(ACCOUNT_1, "Alice", "Alice@acme.example"), bare = { .username = g_strdup("b"), .username_key = g_strdup("b") };
	g_strlcpy(bare.id, ACCOUNT_2, sizeof(bare.id));
	full.credentials_changed_ms = NOW + 2;
	GOOD(account_insert(unit, TENANT_A, &full, &error) && account_insert(unit, TENANT_A, &bare, &error));
	write_commit();
	world_reopen(world);
	g_auto(account_t) seen = { 0 }, seen_bare = { 0 };
	FOUND_IS(FOUND, account_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &seen, &error));
	assert_string_equal(seen.id, full.id);
	assert_string_equal(seen.username, "Alice");
	assert_string_equal(seen.username_key, "alice");
	assert_string_equal(seen.email, "Alice@acme.example");
	assert_string_equal(seen.email_key, "alice@acme.example");
	assert_true(seen.email_verified && seen.declared && !seen.disabled);
	assert_string_equal(seen.name, "Alice Martin");
	assert_string_equal(seen.locale, "fr");
	assert_true(json_equal(seen.groups, full.groups));
	assert_true(seen.created_ms == NOW && seen.updated_ms == NOW + 1 && seen.credentials_changed_ms == NOW + 2);
	FOUND_IS(FOUND, account_find(reader_of(world->store), TENANT_A, ACCOUNT_2, &seen_bare, &error));
	assert_true(!seen_bare.email && !seen_bare.email_key && !seen_bare.name && !seen_bare.groups && !seen_bare.email_verified);
}

static void accounts_of_one_tenant_are_unseen_by_another(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	g_auto(account_t) alice = account_of(ACCOUNT_1, "alice", "alice@acme.example"), other = account_of(ACCOUNT_1, "other", NULL);
	GOOD(account_insert(unit, TENANT_A, &alice, &error) && credential_set(unit, TENANT_A, ACCOUNT_1, "hash", 0, &error));
	struct link link = { .provider = (char *)(uintptr_t)"okta", .subject = (char *)(uintptr_t)"s-1", .account = ACCOUNT_1, .created_ms = NOW };
	GOOD(link_insert(unit, TENANT_A, &link, &error));
	REFUSED(ERROR_NOT_FOUND, account_update(unit, TENANT_B, &other, &error));
	REFUSED(ERROR_NOT_FOUND, account_remove(unit, TENANT_B, ACCOUNT_1, &error));
	REFUSED(ERROR_NOT_FOUND, account_set_disabled(unit, TENANT_B, ACCOUNT_1, true, NOW, &error));
	REFUSED(ERROR_NOT_FOUND, credential_set(unit, TENANT_B, ACCOUNT_1, "stolen", NOW, &error));
	REFUSED(ERROR_NOT_FOUND, credential_set(unit, TENANT_B, ACCOUNT_1, NULL, NOW, &error));
	write_commit();
	unit = reader_of(world->store);
	g_auto(account_t) seen = { 0 }, unseen = { 0 };
	struct link found_link = { 0 };
	g_autofree char *stored = NULL, *not_stored = NULL;
	FOUND_IS(MISSING, account_find(unit, TENANT_B, ACCOUNT_1, &unseen, &error));
	FOUND_IS(MISSING, account_find_login(unit, TENANT_B, "alice", &unseen, &error));
	FOUND_IS(MISSING, account_find_login(unit, TENANT_B, "alice@acme.example", &unseen, &error));
	FOUND_IS(MISSING, credential_find(unit, TENANT_B, ACCOUNT_1, &not_stored, &error));
	FOUND_IS(MISSING, link_find(unit, TENANT_B, "okta", "s-1", &found_link, &error));
	FOUND_IS(FOUND, account_find(unit, TENANT_A, ACCOUNT_1, &seen, &error));
	FOUND_IS(FOUND, credential_find(unit, TENANT_A, ACCOUNT_1, &stored, &error));
	FOUND_IS(FOUND, link_find(unit, TENANT_A, "okta", "s-1", &found_link, &error));
	assert_string_equal(seen.username, "alice");
	assert_false(seen.disabled);
	assert_string_equal(stored, "hash");
	assert_string_equal(found_link.account, ACCOUNT_1);
	link_clear(&found_link);
}

static void names_and_identifiers_are_given_once(void **state)
{
	struct world *world = *state;
	both_have_alice(world);
	struct unit *unit = write_begin(world->store);
	g_auto(account_t) same_name = account_of(ACCOUNT_2, "ALICE", NULL), same_id = account_of(ACCOUNT_1, "bob", NULL), bob = account_of(ACCOUNT_2, "bob", NULL);
	REFUSED(ERROR_CONFLICT, account_insert(unit, TENANT_A, &same_name, &error));
	REFUSED(ERROR_CONFLICT, account_insert(unit, TENANT_A, &same_id, &error));
	GOOD(account_insert(unit, TENANT_A, &bob, &error));
	REFUSED(ERROR_CONFLICT, account_update(unit, TENANT_A, &same_name, &error));
	GOOD(account_remove(unit, TENANT_A, ACCOUNT_1, &error));
	REFUSED(ERROR_NOT_FOUND, account_remove(unit, TENANT_A, ACCOUNT_1, &error));
	REFUSED(ERROR_CONFLICT, account_insert(unit, TENANT_A, &same_id, &error));
	/* A's bob is nobody's business in B, and neither is the identifier A gave away. */
	GOOD(account_update(unit, TENANT_B, &same_id, &error) && account_insert(unit, TENANT_B, &same_name, &error));
	write_commit();
	g_auto(account_t) still = { 0 }, gone = { 0 };
	g_auto(session_t) session = { 0 };
	g_auto(grant_t) grant = { 0 };
	g_autofree char *stored = NULL;
	FOUND_IS(MISSING, account_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &gone, &error));
	FOUND_IS(MISSING, session_find(reader_of(world->store), TENANT_A, digest_of(1), &session, &error));
	FOUND_IS(MISSING, grant_find(reader_of(world->store), TENANT_A, GRANT_1, &grant, &error));
	FOUND_IS(MISSING, credential_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &stored, &error));
	FOUND_IS(FOUND, account_find(reader_of(world->store), TENANT_B, ACCOUNT_1, &still, &error));
	assert_false(ended(world, TENANT_B));
	struct link link = { 0 };
	struct throttle_state bucket;
	FOUND_IS(MISSING, link_find(reader_of(world->store), TENANT_A, "okta", "s-1", &link, &error));
	FOUND_IS(MISSING, throttle_find(reader_of(world->store), TENANT_A, digest_of(1), &bucket, &error));
	FOUND_IS(FOUND, link_find(reader_of(world->store), TENANT_B, "okta", "s-1", &link, &error));
	FOUND_IS(FOUND, throttle_find(reader_of(world->store), TENANT_B, digest_of(1), &bucket, &error));
	FOUND_IS(FOUND, credential_find(reader_of(world->store), TENANT_B, ACCOUNT_1, &stored, &error));
	link_clear(&link);
	assert_int_equal(changes_of(world->store, TENANT_A, "account", ACCOUNT_1), 1);
	assert_int_equal(changes_of(world->store, TENANT_A, "session", SESSION_1), 1);
	assert_int_equal(changes_of(world->store, TENANT_A, "grant", GRANT_1), 1);
}

/* An address opens an account only where it is one account's; a user name always comes first. */
static void login_by_name_else_by_an_address_of_one_account(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	g_auto(account_t) alice = account_of(ACCOUNT_1, "alice", "a@acme.example"), bob = account_of(ACCOUNT_2, "b@acme.example", "shared@acme.example");
	g_auto(account_t) carol = account_of(SESSION_1, "carol", "b@acme.example"), dave = account_of(SESSION_2, "dave", "shared@acme.example");
	GOOD(account_insert(unit, TENANT_A, &alice, &error) && account_insert(unit, TENANT_A, &bob, &error));
	GOOD(account_insert(unit, TENANT_A, &carol, &error) && account_insert(unit, TENANT_A, &dave, &error));
	/* The same addresses in the other tenant, on accounts that sort before and after. */
	g_auto(account_t) before = account_of("aaaaaaaaaaaaaaaaaaaaaaaaaa", "alice", "a@acme.example"), after = account_of("zzzzzzzzzzzzzzzzzzzzzzzzzz", "z", "b@acme.example");
	GOOD(account_insert(unit, TENANT_B, &before, &error) && account_insert(unit, TENANT_B, &after, &error));
	write_commit();
	unit = reader_of(world->store);
	g_auto(account_t) by_name = { 0 }, by_address = { 0 }, name_first = { 0 }, shared = { 0 };
	FOUND_IS(FOUND, account_find_login(unit, TENANT_A, "alice", &by_name, &error));
	FOUND_IS(FOUND, account_find_login(unit, TENANT_A, "a@acme.example", &by_address, &error));
	FOUND_IS(FOUND, account_find_login(unit, TENANT_A, "b@acme.example", &name_first, &error));
	FOUND_IS(MISSING, account_find_login(unit, TENANT_A, "shared@acme.example", &shared, &error));
	FOUND_IS(MISSING, account_find_login(unit, TENANT_A, "", &shared, &error));
	assert_string_equal(by_name.id, ACCOUNT_1);
	assert_string_equal(by_address.id, ACCOUNT_1);
	assert_string_equal(name_first.id, ACCOUNT_2);
	g_auto(account_t) in_b = { 0 };
	FOUND_IS(FOUND, account_find_login(unit, TENANT_B, "b@acme.example", &in_b, &error));
	assert_string_equal(in_b.id, after.id);
}

static void disabling_ends_everything_of_that_account(void **state)
{
	struct world *world = *state;
	both_have_alice(world);
	uint64_t counter = store_counter(world->store);
	struct unit *unit = write_begin(world->store);
	GOOD(account_set_disabled(unit, TENANT_A, ACCOUNT_1, true, NOW + 5, &error));
	write_commit();
	assert_true(ended(world, TENANT_A));
	assert_false(ended(world, TENANT_B));
	assert_true(store_counter(world->store) > counter);
	assert_int_equal(changes_of(world->store, TENANT_A, "account", ACCOUNT_1), 1);
	assert_int_equal(changes_of(world->store, TENANT_A, "session", SESSION_1), 1);
	assert_int_equal(changes_of(world->store, TENANT_A, "grant", GRANT_1), 1);
	g_auto(account_t) a = { 0 }, b = { 0 }, again = { 0 };
	FOUND_IS(FOUND, account_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &a, &error));
	FOUND_IS(FOUND, account_find(reader_of(world->store), TENANT_B, ACCOUNT_1, &b, &error));
	assert_true(a.disabled && !b.disabled);
	FOUND_IS(MISSING, account_still(reader_of(world->store), TENANT_A, ACCOUNT_1, &error));
	FOUND_IS(FOUND, account_still(reader_of(world->store), TENANT_B, ACCOUNT_1, &error));
	FOUND_IS(MISSING, account_still(reader_of(world->store), TENANT_B, ACCOUNT_2, &error));
	/* A profile that was read before and is written back now must not enable it. */
	a.disabled = false;
	unit = write_begin(world->store);
	GOOD(account_update(unit, TENANT_A, &a, &error));
	write_commit();
	FOUND_IS(FOUND, account_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &again, &error));
	assert_true(again.disabled);
	unit = write_begin(world->store);
	GOOD(account_set_disabled(unit, TENANT_A, ACCOUNT_1, false, NOW + 6, &error));
	write_commit();
	account_clear(&again);
	FOUND_IS(FOUND, account_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &again, &error));
	assert_false(again.disabled);
}

/* Of another provider's grants, those that live without a session stay. */
static void a_provider_ends_what_came_by_it(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *id, *provider;
		bool offline, ends;
	} rows[] = { { GRANT_2, "okta", true, true }, { "ggggggggggggggggggggggggg3", "other", true, false }, { "ggggggggggggggggggggggggg4", "other", false, true } };
	both_have_alice(world);
	struct unit *unit = write_begin(world->store);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(grant_t) one = grant_of(rows[i].id, ACCOUNT_1, "wiki", SESSION_1, rows[i].offline), other = grant_of(rows[i].id, ACCOUNT_1, "wiki", SESSION_1, rows[i].offline);
		g_free(one.provider);
		g_free(other.provider);
		one.provider = g_strdup(rows[i].provider);
		other.provider = g_strdup(rows[i].provider);
		GOOD(grant_insert(unit, TENANT_A, &one, &error) && grant_insert(unit, TENANT_B, &other, &error));
	}
	GOOD(account_end_provider(unit, TENANT_A, ACCOUNT_1, "okta", NOW + 5, &error));
	write_commit();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(grant_t) here = { 0 }, there = { 0 };
		FOUND_IS(FOUND, grant_find(reader_of(world->store), TENANT_A, rows[i].id, &here, &error));
		FOUND_IS(FOUND, grant_find(reader_of(world->store), TENANT_B, rows[i].id, &there, &error));
		assert_int_equal(here.revoked_ms != 0, rows[i].ends);
		assert_int_equal(there.revoked_ms, 0);
	}
	g_auto(session_t) session = { 0 }, theirs = { 0 };
	FOUND_IS(FOUND, session_find_id(reader_of(world->store), TENANT_A, SESSION_1, &session, &error));
	FOUND_IS(FOUND, session_find_id(reader_of(world->store), TENANT_B, SESSION_1, &theirs, &error));
	assert_int_equal(session.ended_ms, NOW + 5);
	assert_int_equal(theirs.ended_ms, 0);
	assert_int_equal(changes_of(world->store, TENANT_A, "session", SESSION_1), 1);
	assert_int_equal(changes_of(world->store, TENANT_A, "grant", GRANT_2), 1);
}

static void a_new_password_ends_everything_and_a_rehash_nothing(void **state)
{
	struct world *world = *state;
	both_have_alice(world);
	struct unit *unit = write_begin(world->store);
	GOOD(credential_set(unit, TENANT_A, ACCOUNT_1, "rehashed", 0, &error));
	write_commit();
	assert_false(ended(world, TENANT_A));
	assert_int_equal(changes_of(world->store, TENANT_A, "account", NULL), 0);
	unit = write_begin(world->store);
	GOOD(credential_set(unit, TENANT_A, ACCOUNT_1, "new", NOW + 7, &error));
	write_commit();
	assert_true(ended(world, TENANT_A));
	assert_false(ended(world, TENANT_B));
	g_auto(account_t) account = { 0 };
	g_autofree char *a = NULL, *b = NULL, *none = NULL;
	FOUND_IS(FOUND, account_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &account, &error));
	assert_int_equal(account.credentials_changed_ms, NOW + 7);
	assert_int_equal(changes_of(world->store, TENANT_A, "account", ACCOUNT_1), 1);
	FOUND_IS(FOUND, credential_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &a, &error));
	FOUND_IS(FOUND, credential_find(reader_of(world->store), TENANT_B, ACCOUNT_1, &b, &error));
	assert_string_equal(a, "new");
	assert_string_equal(b, "hash-b");
	unit = write_begin(world->store);
	GOOD(credential_set(unit, TENANT_A, ACCOUNT_1, NULL, NOW + 8, &error));
	write_commit();
	FOUND_IS(MISSING, credential_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &none, &error));
	g_auto(account_t) elsewhere = { 0 };
	g_autofree char *still = NULL;
	FOUND_IS(FOUND, account_find(reader_of(world->store), TENANT_B, ACCOUNT_1, &elsewhere, &error));
	FOUND_IS(FOUND, credential_find(reader_of(world->store), TENANT_B, ACCOUNT_1, &still, &error));
	assert_int_equal(elsewhere.credentials_changed_ms, 0);
	assert_string_equal(still, "hash-b");
}

/* A password set while an old one was being rehashed must stay. */
static void a_rehash_replaces_only_what_it_was_made_from(void **state)
{
	struct world *world = *state;
	both_have_alice(world);
	struct unit *unit = write_begin(world->store);
	GOOD(credential_set(unit, TENANT_B, ACCOUNT_1, "hash-a", 0, &error));
	GOOD(credential_rehash(unit, TENANT_A, ACCOUNT_1, "hash-old", "stale", &error));
	GOOD(credential_rehash(unit, TENANT_A, ACCOUNT_2, "hash-a", "nobody's", &error));
	write_commit();
	g_autofree char *kept = NULL, *replaced = NULL, *elsewhere = NULL, *none = NULL;
	FOUND_IS(FOUND, credential_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &kept, &error));
	FOUND_IS(MISSING, credential_find(reader_of(world->store), TENANT_A, ACCOUNT_2, &none, &error));
	assert_string_equal(kept, "hash-a");
	unit = write_begin(world->store);
	GOOD(credential_rehash(unit, TENANT_A, ACCOUNT_1, "hash-a", "hash-new", &error));
	write_commit();
	FOUND_IS(FOUND, credential_find(reader_of(world->store), TENANT_A, ACCOUNT_1, &replaced, &error));
	FOUND_IS(FOUND, credential_find(reader_of(world->store), TENANT_B, ACCOUNT_1, &elsewhere, &error));
	assert_string_equal(replaced, "hash-new");
	assert_string_equal(elsewhere, "hash-a");
	assert_false(ended(world, TENANT_A));
	assert_int_equal(changes_of(world->store, TENANT_A, "account", NULL), 0);
}

static void a_link_is_found_from_its_account(void **state)
{
	struct world *world = *state;
	both_have_alice(world);
	struct link younger = { .provider = (char *)(uintptr_t)"okta", .subject = (char *)(uintptr_t)"s-0", .account = ACCOUNT_1, .created_ms = NOW + 1 };
	struct link elsewhere = { .provider = (char *)(uintptr_t)"okta", .subject = (char *)(uintptr_t)"s-b", .account = ACCOUNT_2, .created_ms = NOW };
	struct unit *unit = write_begin(world->store);
	GOOD(link_insert(unit, TENANT_A, &younger, &error) && link_insert(unit, TENANT_B, &elsewhere, &error));
	write_commit();
	struct link a = { 0 }, none = { 0 };
	FOUND_IS(FOUND, link_find_account(reader_of(world->store), TENANT_A, "okta", ACCOUNT_1, &a, &error));
	FOUND_IS(MISSING, link_find_account(reader_of(world->store), TENANT_A, "okta", ACCOUNT_2, &none, &error));
	FOUND_IS(MISSING, link_find_account(reader_of(world->store), TENANT_A, "other", ACCOUNT_1, &none, &error));
	assert_string_equal(a.subject, "s-1");
	link_clear(&a);
}

/* What a driver keeps of a link opens again for that link of that tenant, and goes with it. */
static void a_link_keeps_what_its_driver_needs(void **state)
{
	struct world *world = *state;
	both_have_alice(world);
	g_autoptr(secret_t) keep = secret_new("refresh", 7), read = NULL, none = NULL;
	struct unit *unit = write_begin(world->store);
	GOOD(link_keep_set(unit, TENANT_A, "okta", "s-1", keep, &error));
	REFUSED(ERROR_NOT_FOUND, link_keep_set(unit, TENANT_A, "okta", "s-2", keep, &error));
	write_commit();
	world_reopen(world);
	FOUND_IS(FOUND, link_keep_find(reader_of(world->store), TENANT_A, "okta", "s-1", &read, &error));
	FOUND_IS(MISSING, link_keep_find(reader_of(world->store), TENANT_B, "okta", "s-1", &none, &error));
	assert_memory_equal(secret_bytes(read), "refresh", 7);
	unit = write_begin(world->store);
	GOOD(link_keep_set(unit, TENANT_A, "okta", "s-1", NULL, &error));
	write_commit();
	FOUND_IS(MISSING, link_keep_find(reader_of(world->store), TENANT_A, "okta", "s-1", &none, &error));
}

static void a_subject_is_linked_once_a_tenant(void **state)
{
	struct world *world = *state;
	struct link first = { .provider = (char *)(uintptr_t)"okta", .subject = (char *)(uintptr_t)"s-1", .account = ACCOUNT_1, .created_ms = NOW }, second = first;
	g_strlcpy(second.account, ACCOUNT_2, sizeof(second.account));
	struct unit *unit = write_begin(world->store);
	GOOD(link_insert(unit, TENANT_A, &first, &error));
	REFUSED(ERROR_CONFLICT, link_insert(unit, TENANT_A, &second, &error));
	GOOD(link_insert(unit, TENANT_B, &second, &error));
	write_commit();
	struct link a = { 0 }, b = { 0 }, none = { 0 };
	FOUND_IS(FOUND, link_find(reader_of(world->store), TENANT_A, "okta", "s-1", &a, &error));
	FOUND_IS(FOUND, link_find(reader_of(world->store), TENANT_B, "okta", "s-1", &b, &error));
	FOUND_IS(MISSING, link_find(reader_of(world->store), TENANT_A, "okta", "S-1", &none, &error));
	FOUND_IS(MISSING, link_find(reader_of(world->store), TENANT_A, "other", "s-1", &none, &error));
	assert_string_equal(a.account, ACCOUNT_1);
	assert_string_equal(b.account, ACCOUNT_2);
	assert_int_equal(a.created_ms, NOW);
	link_clear(&a);
	link_clear(&b);
}

struct names {
	GString *text;
	int left;
};

static bool name_collect(const struct account *account, void *data)
{
	struct names *names = data;
	g_string_append_printf(names->text, "%s ", account->username);
	return --names->left > 0;
}

static void lists_hold_one_tenant_and_stop_when_told(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	g_auto(account_t) alice = account_of(ACCOUNT_1, "alice", NULL), bob = account_of(ACCOUNT_2, "bob", NULL), eve = account_of(ACCOUNT_1, "eve", NULL);
	GOOD(account_insert(unit, TENANT_A, &bob, &error) && account_insert(unit, TENANT_A, &alice, &error) && account_insert(unit, TENANT_B, &eve, &error));
	write_commit();
	g_autoptr(GString) all = g_string_new(""), one = g_string_new("");
	GOOD(account_list(reader_of(world->store), TENANT_A, name_collect, &(struct names){ all, 10 }, &error));
	GOOD(account_list(reader_of(world->store), TENANT_A, name_collect, &(struct names){ one, 1 }, &error));
	assert_string_equal(all->str, "alice bob ");
	assert_string_equal(one->str, "alice ");
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(accounts_come_back_as_they_went),
	WORLD_TEST(accounts_of_one_tenant_are_unseen_by_another),
	WORLD_TEST(names_and_identifiers_are_given_once),
	WORLD_TEST(login_by_name_else_by_an_address_of_one_account),
	WORLD_TEST(disabling_ends_everything_of_that_account),
	WORLD_TEST(a_provider_ends_what_came_by_it),
	WORLD_TEST(a_new_password_ends_everything_and_a_rehash_nothing),
	WORLD_TEST(a_rehash_replaces_only_what_it_was_made_from),
	WORLD_TEST(a_link_is_found_from_its_account),
	WORLD_TEST(a_link_keeps_what_its_driver_needs),
	WORLD_TEST(a_subject_is_linked_once_a_tenant),
	WORLD_TEST(lists_hold_one_tenant_and_stop_when_told),
};
TEST_GROUP(account_conformance, tests);
