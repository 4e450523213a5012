/* Whose attempts are counted together, and what a stranger can do to somebody else's. Tenants of the bench allow three failures. */
#include "gateway/login/throttling.h"
#include "tests/login/asking.h"
#include "tests/login/tests.h"

#define LIMIT 3
#define ALICE_ID "alicealicealicealicealicea"
#define BOB_ID "bobbobbobbobbobbobbobbobbo"

static const struct account alice = { .id = ALICE_ID, .credentials_changed_ms = 5 };
static const struct account bob = { .id = BOB_ID, .credentials_changed_ms = 5 };
static const struct account nobody = { .id = "" };

enum deed { LOOK, COUNT, FORGIVE, BLAME, GIVE_BACK, REMEMBER };

struct attempt {
	struct tenant *tenant;
	const struct account *account;
	const char *login_key, *cookie, *address;
	enum deed steps[2];
	unsigned times;         /* 0: once */
	/* what came of it */
	struct buckets buckets;
	enum reason reason;     /* of the last COUNT */
	unsigned let_through;   /* how many COUNTs said OK */
	enum found address_locked; /* at the end */
	bool failed;
};

struct settling {
	struct call *call;
	const struct attempt *attempt;
	enum deed step;
};

static bool settle(struct unit *unit, void *data, GError **error)
{
	const struct settling *settling = data;
	const struct buckets *buckets = &settling->attempt->buckets;

	switch (settling->step) {
	case FORGIVE:
		return buckets_forgive(unit, settling->call, buckets, error);
	case BLAME:
		return buckets_blame(unit, settling->call, buckets, error);
	case GIVE_BACK:
		return buckets_give_back(unit, settling->call, buckets, error);
	case LOOK:
	case COUNT:
	case REMEMBER:
		return true;
	}
	return false;
}

static void do_step(struct call *call, struct attempt *attempt, enum deed step)
{
	g_autoptr(GError) error = NULL;

	if (step == COUNT) {
		attempt->reason = buckets_count(call, &attempt->buckets, &error);
		attempt->let_through += attempt->reason == REASON_OK;
	} else if (step == REMEMBER) {
		device_remember(call, attempt->account);
	} else if (step != LOOK && !store_write(call->gateway->store, settle, &(struct settling){ call, attempt, step }, &error)) {
		attempt->failed = true;
	}
}

static void run(struct call *call, void *data)
{
	struct attempt *attempt = data;
	g_autoptr(GError) error = NULL;

	attempt->buckets = buckets_of(call, attempt->account, attempt->login_key);
	for (unsigned i = 0; i < MAX(attempt->times, 1); i++)
		for (size_t j = 0; j < G_N_ELEMENTS(attempt->steps); j++)
			do_step(call, attempt, attempt->steps[j]);
	attempt->address_locked = buckets_address_locked(call, &attempt->buckets, &error);
}

/* Alice at acme from 192.0.2.7, unless said otherwise. The cookie that was set, if any; caller frees. */
static char *attempt_with_cookie(struct asking *asking, struct attempt *attempt)
{
	attempt->tenant = attempt->tenant ? attempt->tenant : asking->bench->acme;
	attempt->account = attempt->account ? attempt->account : &alice;
	const char *address = attempt->address ? attempt->address : "192.0.2.7";
	return ask(asking, &(struct question){ .tenant = attempt->tenant, .cookie = attempt->cookie, .address = address[0] ? address : NULL, .work = run, .data = attempt });
}

static struct attempt attempt(struct asking *asking, struct attempt attempt)
{
	g_autofree char *cookie = attempt_with_cookie(asking, &attempt);

	assert_null(cookie);
	assert_false(attempt.failed);
	return attempt;
}

/* The cookie of a device on which the account signed in; caller frees. */
static char *device_of(struct asking *asking, struct attempt signing_in)
{
	signing_in.steps[0] = REMEMBER;
	char *cookie = attempt_with_cookie(asking, &signing_in);

	assert_non_null(cookie);
	return cookie;
}

static void assert_same_person(const struct attempt *a, const struct attempt *b)
{
	assert_memory_equal(a->buckets.person, b->buckets.person, DIGEST_SIZE);
}

static void assert_other_person(const struct attempt *a, const struct attempt *b)
{
	assert_memory_not_equal(a->buckets.person, b->buckets.person, DIGEST_SIZE);
}

static void test_an_account_locks(void **state)
{
	struct asking *asking = *state;

	for (int i = 0; i < LIMIT; i++)
		assert_int_equal(attempt(asking, (struct attempt){ .steps = { COUNT } }).reason, REASON_OK);
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { COUNT } }).reason, REASON_LOCKED);
	/* From anywhere, by whatever name led to the account. */
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { COUNT }, .address = "198.51.100.1", .login_key = "alice@acme.example" }).reason, REASON_LOCKED);
	/* And nobody else. */
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { COUNT }, .account = &bob }).reason, REASON_OK);
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { COUNT }, .tenant = asking->bench->globex }).reason, REASON_OK);
}

/* An unknown name locks like a known one, or locking would tell which names exist. */
static void test_an_unknown_name_locks(void **state)
{
	struct asking *asking = *state;

	struct attempt locked = attempt(asking, (struct attempt){ .account = &nobody, .login_key = "mallory", .steps = { COUNT }, .times = LIMIT + 1 });
	assert_int_equal(locked.let_through, LIMIT);
	assert_int_equal(locked.reason, REASON_LOCKED);
	assert_string_equal(locked.buckets.account, "");
	assert_int_equal(attempt(asking, (struct attempt){ .account = &nobody, .login_key = "mallory2", .steps = { COUNT } }).reason, REASON_OK);
	/* A name that cannot be one is counted too, */
	struct attempt unnamed = attempt(asking, (struct attempt){ .account = &nobody, .steps = { COUNT }, .times = LIMIT + 1 });
	assert_int_equal(unnamed.let_through, LIMIT);
	/* and one that reads like an account's identifier does not stand for the account. */
	struct attempt named = attempt(asking, (struct attempt){ .account = &nobody, .login_key = ALICE_ID });
	struct attempt account = attempt(asking, (struct attempt){ .steps = { LOOK } });
	assert_other_person(&named, &account);
}

/* The point of known devices: a stranger who hammers does not lock the owner out. */
static void test_a_known_device_has_its_own_count(void **state)
{
	struct asking *asking = *state;
	g_autofree char *laptop = device_of(asking, (struct attempt){ 0 });
	g_autofree char *phone = device_of(asking, (struct attempt){ 0 });

	assert_true(g_str_has_prefix(laptop, "__Host-psr_d_acme=" ALICE_ID "."));
	assert_string_not_equal(laptop, phone);
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { COUNT }, .times = LIMIT + 1 }).reason, REASON_LOCKED);
	struct attempt owner = attempt(asking, (struct attempt){ .cookie = laptop, .steps = { COUNT }, .times = LIMIT + 1 });
	assert_int_equal(owner.let_through, LIMIT);
	assert_int_equal(owner.reason, REASON_LOCKED);
	/* A stolen device locks itself, and neither another device nor an address. */
	assert_int_equal(attempt(asking, (struct attempt){ .cookie = phone, .steps = { COUNT } }).reason, REASON_OK);
	assert_false(owner.buckets.has_address);
	struct attempt blamed = attempt(asking, (struct attempt){ .cookie = phone, .steps = { BLAME }, .times = LIMIT * ADDRESS_FACTOR + 1 });
	assert_int_equal(blamed.address_locked, MISSING);
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { LOOK } }).address_locked, MISSING);
	/* For the log of `user unlock`, the bucket still says whose it is. */
	assert_string_equal(owner.buckets.account, ALICE_ID);
}

static void assert_stranger(struct asking *asking, const char *cookie, const struct account *account, struct tenant *tenant, const char *what)
{
	struct attempt with = attempt(asking, (struct attempt){ .account = account, .tenant = tenant, .cookie = cookie, .login_key = "x" });
	struct attempt without = attempt(asking, (struct attempt){ .account = account, .tenant = tenant, .login_key = "x" });

	if (memcmp(with.buckets.person, without.buckets.person, DIGEST_SIZE) != 0 || !with.buckets.has_address)
		fail_msg("taken for a known device: %s", what);
}

static void test_a_cookie_that_proves_nothing(void **state)
{
	struct asking *asking = *state;
	struct account changed = alice;
	g_autofree char *cookie = device_of(asking, (struct attempt){ 0 }), *bobs = device_of(asking, (struct attempt){ .account = &bob });
	g_auto(GStrv) parts = g_strsplit(cookie, ".", -1), bobs_parts = g_strsplit(bobs, ".", -1);
	size_t last = strlen(parts[2]) - 1;

	assert_int_equal(g_strv_length(parts), 3);
	assert_stranger(asking, bobs, NULL, NULL, "another account's");
	assert_stranger(asking, cookie, &nobody, NULL, "a device where no account was found");
	changed.credentials_changed_ms++;
	assert_stranger(asking, cookie, &changed, NULL, "one from before the password changed");
	g_autofree char *elsewhere = g_strconcat("__Host-psr_d_globex", strchr(cookie, '='), NULL);
	assert_stranger(asking, elsewhere, NULL, asking->bench->globex, "another tenant's, under this one's name");
	assert_stranger(asking, cookie, NULL, asking->bench->globex, "another tenant's");
	g_autofree char *no_mac = g_strconcat(parts[0], ".", parts[1], ".", NULL), *two = g_strconcat(parts[0], ".", parts[1], NULL);
	g_autofree char *four = g_strconcat(cookie, ".", parts[2], NULL), *long_one = g_strdup_printf("%s%0300d", cookie, 0);
	g_autofree char *renamed = g_strconcat("__Host-psr_d_acme=" ALICE_ID ".", bobs_parts[1], ".", bobs_parts[2], NULL);
	g_autofree char *other_random = g_strconcat(parts[0], ".", bobs_parts[1], ".", parts[2], NULL);
	g_autofree char *twice = g_strconcat(cookie, "; ", cookie, NULL), *cut = g_strndup(cookie, strlen(cookie) - 1);
	parts[2][last - 1] = parts[2][last - 1] == 'A' ? 'B' : 'A';
	g_autofree char *forged = g_strjoinv(".", parts);
	assert_stranger(asking, no_mac, NULL, NULL, "one with an empty MAC");
	assert_stranger(asking, two, NULL, NULL, "one without a MAC");
	assert_stranger(asking, four, NULL, NULL, "one with more behind it");
	assert_stranger(asking, long_one, NULL, NULL, "an overlong one");
	assert_stranger(asking, renamed, NULL, NULL, "another account's, renamed");
	assert_stranger(asking, other_random, NULL, NULL, "one with another device's number");
	assert_stranger(asking, twice, NULL, NULL, "one that was sent twice");
	assert_stranger(asking, cut, NULL, NULL, "one that was cut");
	assert_stranger(asking, forged, NULL, NULL, "a forged one");
	/* While the real one does prove it. */
	struct attempt known = attempt(asking, (struct attempt){ .cookie = cookie }), stranger = attempt(asking, (struct attempt){ .steps = { LOOK } });
	assert_other_person(&known, &stranger);
	struct root_keys *others = root_keys_from_bytes("k9", (const uint8_t[32]){ 9 });
	const struct root_keys *ours = asking->gateway.keys;
	asking->gateway.keys = others;
	assert_stranger(asking, cookie, NULL, NULL, "one under another key");
	asking->gateway.keys = ours;
	root_keys_free(others);
}

/* Signing in again on a device keeps its count; whoever has the cookie does not get a fresh one that way. */
static void test_a_device_stays_the_same(void **state)
{
	struct asking *asking = *state;
	struct account changed = alice;
	g_autofree char *first = device_of(asking, (struct attempt){ 0 });
	g_autofree char *again = device_of(asking, (struct attempt){ .cookie = first });
	g_autofree char *of_bob = device_of(asking, (struct attempt){ .cookie = first, .account = &bob });

	assert_string_equal(again, first);
	assert_true(g_str_has_prefix(of_bob, "__Host-psr_d_acme=" BOB_ID "."));
	changed.credentials_changed_ms++;
	g_autofree char *after = device_of(asking, (struct attempt){ .cookie = first, .account = &changed });
	g_auto(GStrv) before_parts = g_strsplit(first, ".", -1), after_parts = g_strsplit(after, ".", -1);
	assert_string_not_equal(before_parts[1], after_parts[1]);
}

static void test_an_address_locks(void **state)
{
	struct asking *asking = *state;

	/* Spread over names that nobody has, so that no bucket but the address's fills up. */
	struct attempt most = attempt(asking, (struct attempt){ .account = &nobody, .login_key = "a", .steps = { BLAME }, .times = LIMIT * ADDRESS_FACTOR - 1 });
	assert_int_equal(most.address_locked, MISSING);
	assert_int_equal(attempt(asking, (struct attempt){ .account = &nobody, .login_key = "b", .steps = { BLAME } }).address_locked, FOUND);
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { LOOK } }).address_locked, FOUND);
	/* Alice is not locked: only this address is. */
	struct attempt elsewhere = attempt(asking, (struct attempt){ .steps = { COUNT }, .address = "192.0.2.8" });
	assert_int_equal(elsewhere.address_locked, MISSING);
	assert_int_equal(elsewhere.reason, REASON_OK);
	assert_int_equal(attempt(asking, (struct attempt){ .tenant = asking->bench->globex }).address_locked, MISSING);
}

static bool same_address(struct asking *asking, const char *a, const char *b)
{
	struct attempt one = attempt(asking, (struct attempt){ .address = a }), other = attempt(asking, (struct attempt){ .address = b });

	assert_true(one.buckets.has_address && other.buckets.has_address);
	return memcmp(one.buckets.address, other.buckets.address, DIGEST_SIZE) == 0;
}

/* Somebody with one IPv6 connection has 2^64 addresses, and all of them are his. */
static void test_what_counts_as_one_address(void **state)
{
	struct asking *asking = *state;

	assert_true(same_address(asking, "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
	assert_false(same_address(asking, "2001:db8:1:2::1", "2001:db8:1:3::1"));
	assert_false(same_address(asking, "192.0.2.7", "192.0.2.6"));
	assert_false(same_address(asking, "::1", "192.0.2.6"));
	/* Two spellings of one address, and not the /64 in which all of IPv4 lies. */
	assert_true(same_address(asking, "::ffff:192.0.2.7", "192.0.2.7"));
	assert_false(same_address(asking, "::ffff:192.0.2.7", "::ffff:198.51.100.1"));
	struct attempt none = attempt(asking, (struct attempt){ .address = "", .steps = { BLAME }, .times = LIMIT * ADDRESS_FACTOR + 1 });
	assert_false(none.buckets.has_address);
	assert_int_equal(none.address_locked, MISSING);
}

struct putting {
	const struct buckets *buckets;
	struct throttle_state state;
};

static bool put_address(struct unit *unit, void *data, GError **error)
{
	const struct putting *putting = data;

	return throttle_put(unit, ACME_ID, putting->buckets->address, "", &putting->state, INT64_MAX, error);
}

static void test_a_lock_ends_by_itself(void **state)
{
	struct asking *asking = *state;
	struct attempt look = attempt(asking, (struct attempt){ .steps = { LOOK } });
	struct putting putting = { .buckets = &look.buckets, .state = { .window_start_ms = 1, .failures = 30, .locks = 1 } };
	int64_t now_ms = g_get_real_time() / 1000;

	putting.state.locked_until_ms = now_ms - 1;
	bench_write(asking->bench, put_address, &putting);
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { LOOK } }).address_locked, MISSING);
	putting.state.locked_until_ms = now_ms + 3600000;
	bench_write(asking->bench, put_address, &putting);
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { LOOK } }).address_locked, FOUND);
}

static void test_a_right_password_forgives(void **state)
{
	struct asking *asking = *state;

	attempt(asking, (struct attempt){ .steps = { COUNT }, .times = LIMIT - 1 });
	attempt(asking, (struct attempt){ .steps = { COUNT, FORGIVE } });
	struct attempt after = attempt(asking, (struct attempt){ .steps = { COUNT }, .times = LIMIT + 1 });
	assert_int_equal(after.let_through, LIMIT);
	/* It forgives the person, not the address: an attacker with an account of his own would wipe it clean every time. */
	attempt(asking, (struct attempt){ .account = &bob, .steps = { BLAME }, .times = LIMIT * ADDRESS_FACTOR - 1 });
	attempt(asking, (struct attempt){ .account = &bob, .steps = { COUNT, FORGIVE } });
	assert_int_equal(attempt(asking, (struct attempt){ .account = &bob, .steps = { BLAME } }).address_locked, FOUND);
}

/* An attempt that came to no verdict is given back, and only that one. */
static void test_given_back(void **state)
{
	struct asking *asking = *state;

	/* Nothing was counted: nothing to give back. */
	attempt(asking, (struct attempt){ .steps = { GIVE_BACK } });
	attempt(asking, (struct attempt){ .steps = { COUNT } });
	struct attempt busy = attempt(asking, (struct attempt){ .steps = { COUNT, GIVE_BACK }, .times = 5 * LIMIT });
	assert_int_equal(busy.let_through, 5 * LIMIT);
	/* The first attempt still counts. */
	struct attempt after = attempt(asking, (struct attempt){ .steps = { COUNT }, .times = LIMIT });
	assert_int_equal(after.let_through, LIMIT - 1);
}

static bool unlock(struct unit *unit, void *data, GError **error)
{
	return throttle_clear_account(unit, ACME_ID, data, error);
}

static void test_unlocking_reaches_all_of_an_account(void **state)
{
	struct asking *asking = *state;
	g_autofree char *laptop = device_of(asking, (struct attempt){ 0 });
	char id[] = ALICE_ID;

	attempt(asking, (struct attempt){ .steps = { COUNT }, .times = LIMIT + 1 });
	attempt(asking, (struct attempt){ .cookie = laptop, .steps = { COUNT }, .times = LIMIT + 1 });
	attempt(asking, (struct attempt){ .account = &bob, .steps = { COUNT }, .times = LIMIT + 1 });
	attempt(asking, (struct attempt){ .tenant = asking->bench->globex, .steps = { COUNT }, .times = LIMIT + 1 });
	attempt(asking, (struct attempt){ .steps = { BLAME }, .times = LIMIT * ADDRESS_FACTOR });
	bench_write(asking->bench, unlock, id);
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { COUNT } }).reason, REASON_OK);
	assert_int_equal(attempt(asking, (struct attempt){ .cookie = laptop, .steps = { COUNT } }).reason, REASON_OK);
	assert_int_equal(attempt(asking, (struct attempt){ .account = &bob, .steps = { COUNT } }).reason, REASON_LOCKED);
	assert_int_equal(attempt(asking, (struct attempt){ .tenant = asking->bench->globex, .steps = { COUNT } }).reason, REASON_LOCKED);
	assert_int_equal(attempt(asking, (struct attempt){ .steps = { LOOK } }).address_locked, FOUND);
}

/* Who reads the table without the key cannot look up whom it is about. */
static void test_buckets_are_keyed(void **state)
{
	struct asking *asking = *state;
	struct attempt before = attempt(asking, (struct attempt){ .steps = { LOOK } }), same = attempt(asking, (struct attempt){ .steps = { LOOK } });

	assert_same_person(&before, &same);
	struct root_keys *others = root_keys_from_bytes("k9", (const uint8_t[32]){ 9 });
	const struct root_keys *ours = asking->gateway.keys;
	asking->gateway.keys = others;
	struct attempt after = attempt(asking, (struct attempt){ .steps = { LOOK } });
	asking->gateway.keys = ours;
	root_keys_free(others);
	assert_other_person(&before, &after);
	assert_memory_not_equal(before.buckets.address, after.buckets.address, DIGEST_SIZE);
}

/* What cannot be counted may not be tried. */
static void test_a_broken_store_counts_nothing(void **state)
{
	struct asking *asking = *state;
	struct attempt broken = { .steps = { COUNT, FORGIVE } };

	bench_tamper(asking->bench, "ALTER TABLE throttle RENAME TO throttle_gone");
	g_autofree char *cookie = attempt_with_cookie(asking, &broken);
	assert_null(cookie);
	assert_int_equal(broken.reason, REASON_STORE_BROKEN);
	assert_int_equal(broken.address_locked, BROKEN);
	assert_true(broken.failed);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, asking_setup, asking_teardown)
static const struct CMUnitTest tests[] = {
	TEST(test_an_account_locks), TEST(test_an_unknown_name_locks), TEST(test_a_known_device_has_its_own_count), TEST(test_a_cookie_that_proves_nothing),
	TEST(test_a_device_stays_the_same), TEST(test_an_address_locks), TEST(test_what_counts_as_one_address), TEST(test_a_lock_ends_by_itself),
	TEST(test_a_right_password_forgives), TEST(test_given_back), TEST(test_unlocking_reaches_all_of_an_account), TEST(test_buckets_are_keyed),
	TEST(test_a_broken_store_counts_nothing),
};
const struct test_group throttling_group = { tests, G_N_ELEMENTS(tests) };
