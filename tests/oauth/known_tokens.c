/* Tokens seen before. An entry past a change is given, but never as fresh: whoever takes it for fresh accepts a token that was revoked. */
#include "gateway/oauth/known_tokens.h"
#include "tests/oauth/tests.h"
#include <pthread.h>
#include <stdatomic.h>

#define CAROL_ID "carolcarolcarolcarolcarola"

static void digest_number(uint64_t number, uint8_t out[DIGEST_SIZE])
{
	digest_sha256(&number, sizeof number, out);
}

static struct live_token *token_of(const char *tenant, uint64_t number)
{
	struct live_token *token = live_token_new();

	digest_number(number, token->digest);
	g_strlcpy(token->tenant, tenant, sizeof token->tenant);
	token->client_id = g_ref_string_new_intern("wiki");
	token->scope = g_ref_string_new_intern("openid profile");
	token->jti = g_strdup_printf("jti-%d", (int)number);
	token->audience = g_new0(char *, 3);
	token->audience[0] = g_ref_string_new_intern("https://api.example");
	token->audience[1] = g_ref_string_new_intern("https://other.example");
	token->claims = json_object();
	return token;
}

static void put(struct known_tokens *known, const char *tenant, uint64_t number)
{
	g_autoptr(live_token_t) token = token_of(tenant, number);

	known_tokens_put(known, token, known_tokens_generation(known, tenant));
}

enum seen { UNKNOWN, STALE, FRESH };

static enum seen look(struct known_tokens *known, const char *tenant, uint64_t number)
{
	uint8_t digest[DIGEST_SIZE];
	bool fresh = false;

	digest_number(number, digest);
	g_autoptr(live_token_t) token = known_tokens_get(known, tenant, digest, &fresh);
	if (!token)
		return UNKNOWN;
	assert_memory_equal(token->digest, digest, DIGEST_SIZE);
	assert_string_equal(token->tenant, tenant);
	return fresh ? FRESH : STALE;
}

static void change(struct known_tokens *known, const char *tenant, const char *kind)
{
	g_autofree char *of_kind = g_strdup(kind);
	struct change change = { .kind = of_kind };

	g_strlcpy(change.tenant, tenant, sizeof change.tenant);
	known_tokens_changed(&change, known);
}

static int known_setup(void **state)
{
	*state = known_tokens_new(64 * 8);
	return 0;
}

static int known_teardown(void **state)
{
	known_tokens_free(*state);
	return 0;
}

static void test_known_again(void **state)
{
	assert_int_equal(look(*state, ACME_ID, 1), UNKNOWN);
	put(*state, ACME_ID, 1);
	assert_int_equal(look(*state, ACME_ID, 1), FRESH);
	assert_int_equal(look(*state, ACME_ID, 1), FRESH);
	assert_int_equal(look(*state, ACME_ID, 2), UNKNOWN);
}

static void test_a_change_makes_stale(void **state)
{
	static const char *const kinds[] = { "account", "session", "grant", "token", "client", "key", "resource", "tenant", "all", "a later kind" };

	for (uint64_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		put(*state, ACME_ID, i);
		put(*state, GLOBEX_ID, 100 + i);
		change(*state, ACME_ID, kinds[i]);
		if (look(*state, ACME_ID, i) != STALE)
			fail_msg("fresh after a change of kind %s", kinds[i]);
		/* Still what it was, and the other tenant pays nothing. */
		assert_int_equal(look(*state, GLOBEX_ID, 100 + i), FRESH);
	}
	/* Checked again, it is fresh again. */
	put(*state, ACME_ID, 0);
	assert_int_equal(look(*state, ACME_ID, 0), FRESH);
}

static void test_everything_changed(void **state)
{
	put(*state, ACME_ID, 1);
	put(*state, GLOBEX_ID, 2);
	put(*state, "cccccccccccccccccccccccccc", 3);
	change(*state, "", "all");
	assert_int_equal(look(*state, ACME_ID, 1), STALE);
	assert_int_equal(look(*state, GLOBEX_ID, 2), STALE);
	assert_int_equal(look(*state, "cccccccccccccccccccccccccc", 3), STALE);
}

/* The store was asked before the change and answered "alive"; what is kept after it must not be believed. */
static void test_a_change_while_the_store_is_asked(void **state)
{
	g_autoptr(live_token_t) token = token_of(ACME_ID, 1);
	uint64_t generation = known_tokens_generation(*state, ACME_ID);

	change(*state, ACME_ID, "grant");
	known_tokens_put(*state, token, generation);
	assert_int_equal(look(*state, ACME_ID, 1), STALE);
}

static void test_another_tenants_token_is_not_given(void **state)
{
	put(*state, ACME_ID, 1);
	assert_int_equal(look(*state, GLOBEX_ID, 1), UNKNOWN);
	assert_int_equal(look(*state, "", 1), UNKNOWN);
	assert_int_equal(look(*state, ACME_ID, 1), FRESH);
}

static void test_replaced(void **state)
{
	g_autoptr(live_token_t) second = token_of(ACME_ID, 1);
	uint8_t digest[DIGEST_SIZE];
	bool fresh = false;

	digest_number(1, digest);
	put(*state, ACME_ID, 1);
	g_autoptr(live_token_t) held = known_tokens_get(*state, ACME_ID, digest, &fresh);
	change(*state, ACME_ID, "grant");
	second->expires_s = 7;
	known_tokens_put(*state, second, known_tokens_generation(*state, ACME_ID));
	assert_int_equal(known_tokens_count(*state), 1);
	g_autoptr(live_token_t) now = known_tokens_get(*state, ACME_ID, digest, &fresh);
	assert_ptr_equal(now, second);
	assert_true(fresh);
	/* Who had the first one keeps it. */
	assert_ptr_not_equal(held, second);
	assert_string_equal(held->jti, "jti-1");
}

#define ROOM 512 /* of known_setup */

static void test_bounded(void **state)
{
	uint8_t digest[DIGEST_SIZE];
	bool fresh = false;

	put(*state, ACME_ID, 0);
	digest_number(0, digest);
	g_autoptr(live_token_t) held = known_tokens_get(*state, ACME_ID, digest, &fresh);
	for (uint64_t i = 1; i <= 10 * ROOM; i++) {
		put(*state, i % 2 ? ACME_ID : GLOBEX_ID, i);
		assert_true(known_tokens_count(*state) <= ROOM);
		/* What was put last is there. */
		assert_int_equal(look(*state, i % 2 ? ACME_ID : GLOBEX_ID, i), FRESH);
	}
	/* Full, not emptied now and then. */
	assert_int_equal(known_tokens_count(*state), ROOM);
	assert_string_equal(held->jti, "jti-0");
}

/* Through a real store and the cache's refresh, as the gateway has it: a person is shut out, and with more changes than can be named everybody is looked at again. */
static bool disable(struct unit *unit, void *data, GError **error)
{
	(void)data;
	return account_set_disabled(unit, ACME_ID, CAROL_ID, true, NOW_MS, error);
}

static bool change_much(struct unit *unit, void *data, GError **error)
{
	(void)data;
	for (int i = 0; i < 300; i++)
		if (!account_set_disabled(unit, ACME_ID, CAROL_ID, i % 2, NOW_MS, error))
			return false;
	return true;
}

static void test_through_the_store(void **state)
{
	void *place = NULL;

	bench_setup(&place);
	const struct bench *bench = place;
	account_make(bench, bench->acme, CAROL_ID, "carol", NULL, false);
	cache_subscribe(bench->cache, known_tokens_changed, *state);
	bench_refresh(bench);
	put(*state, ACME_ID, 1);
	put(*state, GLOBEX_ID, 2);
	bench_refresh(bench);
	assert_int_equal(look(*state, ACME_ID, 1), FRESH);
	bench_write(bench, disable, NULL);
	bench_refresh(bench);
	assert_int_equal(look(*state, ACME_ID, 1), STALE);
	assert_int_equal(look(*state, GLOBEX_ID, 2), FRESH);
	bench_write(bench, change_much, NULL);
	bench_refresh(bench);
	assert_int_equal(look(*state, GLOBEX_ID, 2), STALE);
	bench_teardown(&place);
}

/* Four threads put and look up while another makes changes; the last change counts for all. The sanitizers watch. */
struct crowd {
	struct known_tokens *known;
	atomic_uint wrong;
};

static void *crowd_run(void *data)
{
	struct crowd *crowd = data;

	for (uint64_t i = 0; i < 2000; i++) {
		uint8_t digest[DIGEST_SIZE];
		bool fresh = false;
		put(crowd->known, ACME_ID, i % 50);
		digest_number(i % 70, digest);
		g_autoptr(live_token_t) token = known_tokens_get(crowd->known, ACME_ID, digest, &fresh);
		if (token && memcmp(token->digest, digest, DIGEST_SIZE) != 0)
			atomic_fetch_add(&crowd->wrong, 1);
	}
	return NULL;
}

static void test_many_at_once(void **state)
{
	struct crowd crowd = { .known = *state };
	pthread_t threads[4];

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, &crowd), 0);
	for (int i = 0; i < 1000; i++)
		change(*state, ACME_ID, "grant");
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.wrong, 0);
	assert_int_equal(known_tokens_count(*state), 50);
	change(*state, ACME_ID, "grant");
	for (uint64_t i = 0; i < 50; i++)
		assert_int_equal(look(*state, ACME_ID, i), STALE);
}

static void test_nothing_is_freed_twice(void **state)
{
	(void)state;
	known_tokens_free(NULL);
	live_token_unref(NULL);
	g_autoptr(live_token_t) bare = live_token_new();
	live_token_unref(live_token_ref(bare));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, known_setup, known_teardown)
static const struct CMUnitTest tests[] = {
	TEST(test_known_again), TEST(test_a_change_makes_stale), TEST(test_everything_changed), TEST(test_a_change_while_the_store_is_asked),
	TEST(test_another_tenants_token_is_not_given), TEST(test_replaced), TEST(test_bounded), TEST(test_through_the_store), TEST(test_many_at_once),
	cmocka_unit_test(test_nothing_is_freed_twice),
};
const struct test_group known_tokens_group = { tests, G_N_ELEMENTS(tests) };
