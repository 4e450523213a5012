/* Conformance: grants, codes, refresh and access tokens, revoked JWTs, throttle buckets. */
#include "conformance.h"
#include "base/encoding.h"
#include <pthread.h>
#include <stdatomic.h>

static void grants_come_back_and_are_revoked_alone(void **state)
{
	struct world *world = *state;
	g_auto(grant_t) full = grant_of(GRANT_1, ACCOUNT_1, "wiki", SESSION_1, true), same = grant_of(GRANT_1, ACCOUNT_2, "shop", "", false);
	g_auto(grant_t) a = { 0 }, b = { 0 }, none = { 0 }, revoked = { 0 };
	g_strfreev(g_steal_pointer(&same.resources));
	struct unit *unit = write_begin(world->store);
	GOOD(grant_insert(unit, TENANT_A, &full, &error));
	REFUSED(ERROR_CONFLICT, grant_insert(unit, TENANT_A, &same, &error));
	FOUND_IS(MISSING, grant_find(unit, TENANT_B, GRANT_1, &none, &error));
	GOOD(grant_revoke(unit, TENANT_B, GRANT_1, NOW + 1, &error));
	GOOD(grant_insert(unit, TENANT_B, &same, &error));
	write_commit();
	world_reopen(world);
	FOUND_IS(FOUND, grant_find(reader_of(world->store), TENANT_A, GRANT_1, &a, &error));
	FOUND_IS(FOUND, grant_find(reader_of(world->store), TENANT_B, GRANT_1, &b, &error));
	assert_string_equal(a.account, ACCOUNT_1);
	assert_string_equal(a.client_id, "wiki");
	assert_string_equal(a.scope, "openid profile");
	assert_int_equal(g_strv_length(a.resources), 2);
	assert_string_equal(a.resources[1], "https://other.example");
	assert_string_equal(a.session, SESSION_1);
	assert_string_equal(a.sid, "sidsidsid");
	assert_true(a.offline);
	assert_string_equal(a.nonce, "n-1");
	assert_true(json_array_has(json_object_get(a.claims, "userinfo"), "email"));
	assert_true(a.auth_time_ms == NOW + 1 && a.created_ms == NOW && a.revoked_ms == 0 && a.absolute_expires_ms == NOW + 90 * DAY);
	assert_string_equal(b.account, ACCOUNT_2);
	assert_true(!b.resources && !b.session[0] && !b.offline);
	unit = write_begin(world->store);
	GOOD(grant_revoke(unit, TENANT_B, GRANT_1, NOW + 2, &error) && grant_revoke(unit, TENANT_B, GRANT_1, NOW + 3, &error));
	write_commit();
	grant_clear(&a);
	FOUND_IS(FOUND, grant_find(reader_of(world->store), TENANT_A, GRANT_1, &a, &error));
	FOUND_IS(FOUND, grant_find(reader_of(world->store), TENANT_B, GRANT_1, &revoked, &error));
	assert_true(a.revoked_ms == 0 && revoked.revoked_ms == NOW + 2);
	FOUND_IS(FOUND, grant_still(reader_of(world->store), TENANT_A, GRANT_1, &error));
	FOUND_IS(MISSING, grant_still(reader_of(world->store), TENANT_B, GRANT_1, &error));
	FOUND_IS(MISSING, grant_still(reader_of(world->store), TENANT_A, GRANT_2, &error));
	assert_int_equal(changes_of(world->store, TENANT_B, "grant", GRANT_1), 1);
	assert_int_equal(changes_of(world->store, TENANT_A, "grant", NULL), 0);
}

static void assert_consent(struct world *world, const char *tenant, const char *account, const char *client, const char *expected)
{
	g_autofree char *scope = NULL;
	FOUND_IS(expected ? FOUND : MISSING, consent_find(reader_of(world->store), tenant, account, client, &scope, &error));
	assert_true(g_strcmp0(scope, expected) == 0);
}

/* Remembered beyond sessions and grants, until the client or the account goes. */
static void a_consent_is_remembered_until_the_client_or_account_goes(void **state)
{
	struct world *world = *state;
	g_auto(account_t) a = account_of(ACCOUNT_1, "alice", NULL), b = account_of(ACCOUNT_1, "alice", NULL);
	g_autoptr(json_t) settings = json_object();
	g_autoptr(client_t) wiki = client_new("wiki", settings);
	struct unit *unit = write_begin(world->store);
	GOOD(account_insert(unit, TENANT_A, &a, &error) && account_insert(unit, TENANT_B, &b, &error));
	GOOD(client_put(unit, TENANT_A, wiki, &error) && client_put(unit, TENANT_B, wiki, &error));
	GOOD(consent_put(unit, TENANT_A, ACCOUNT_1, "wiki", "openid", NOW, &error));
	GOOD(consent_put(unit, TENANT_A, ACCOUNT_1, "wiki", "openid email", NOW + 1, &error));
	write_commit();
	assert_consent(world, TENANT_A, ACCOUNT_1, "wiki", "openid email");
	assert_consent(world, TENANT_B, ACCOUNT_1, "wiki", NULL);
	assert_consent(world, TENANT_A, ACCOUNT_2, "wiki", NULL);
	assert_consent(world, TENANT_A, ACCOUNT_1, "shop", NULL);
	unit = write_begin(world->store);
	GOOD(consent_put(unit, TENANT_B, ACCOUNT_1, "wiki", "openid b", NOW, &error));
	GOOD(consent_put(unit, TENANT_A, ACCOUNT_1, "shop", "openid", NOW, &error) && consent_put(unit, TENANT_A, ACCOUNT_2, "shop", "openid 2", NOW, &error));
	GOOD(client_remove(unit, TENANT_A, "wiki", NOW, &error));
	write_commit();
	assert_consent(world, TENANT_A, ACCOUNT_1, "wiki", NULL);
	assert_consent(world, TENANT_A, ACCOUNT_1, "shop", "openid");
	assert_consent(world, TENANT_B, ACCOUNT_1, "wiki", "openid b");
	unit = write_begin(world->store);
	GOOD(account_remove(unit, TENANT_A, ACCOUNT_1, &error));
	write_commit();
	assert_consent(world, TENANT_A, ACCOUNT_1, "shop", NULL);
	assert_consent(world, TENANT_A, ACCOUNT_2, "shop", "openid 2");
	assert_consent(world, TENANT_B, ACCOUNT_1, "wiki", "openid b");
}

static void a_code_is_claimed_once_and_says_when(void **state)
{
	struct world *world = *state;
	g_auto(code_t) code = code_of(1, GRANT_1), same = code_of(1, GRANT_2), stored = { 0 }, other = { 0 }, none = { 0 };
	int64_t first = -1, second = -1, others = -1, nobodys = -1;
	struct unit *unit = write_begin(world->store);
	GOOD(code_insert(unit, TENANT_A, &code, &error));
	REFUSED(ERROR_CONFLICT, code_insert(unit, TENANT_A, &same, &error));
	FOUND_IS(MISSING, code_claim(unit, TENANT_B, digest_of(1), NOW + 1, &nobodys, &error));
	FOUND_IS(MISSING, code_find(unit, TENANT_B, digest_of(1), &none, &error));
	GOOD(code_insert(unit, TENANT_B, &same, &error));
	FOUND_IS(FOUND, code_claim(unit, TENANT_B, digest_of(1), NOW + 1, &others, &error));
	FOUND_IS(FOUND, code_claim(unit, TENANT_A, digest_of(1), NOW + 2, &first, &error));
	FOUND_IS(FOUND, code_claim(unit, TENANT_A, digest_of(1), NOW + 3, &second, &error));
	FOUND_IS(MISSING, code_claim(unit, TENANT_A, digest_of(2), NOW + 3, &nobodys, &error));
	FOUND_IS(FOUND, code_find(unit, TENANT_A, digest_of(1), &stored, &error));
	FOUND_IS(FOUND, code_find(unit, TENANT_B, digest_of(1), &other, &error));
	write_commit();
	assert_true(others == 0 && first == 0 && second == NOW + 2 && nobodys == -1);
	assert_true(stored.used_ms == NOW + 2 && other.used_ms == NOW + 1);
	assert_string_equal(other.grant, GRANT_2);
	assert_string_equal(stored.grant, GRANT_1);
	assert_memory_equal(stored.digest, digest_of(1), DIGEST_SIZE);
	assert_string_equal(stored.client_id, "wiki");
	assert_string_equal(stored.redirect_uri, "https://wiki.example/cb");
	assert_string_equal(stored.code_challenge, "challenge");
	assert_int_equal(stored.expires_ms, NOW + 60000);
}

struct claims {
	struct store *store;
	atomic_int won, lost, broken;
};

static bool claim_one(struct unit *unit, void *data, GError **error)
{
	struct claims *claims = data;
	int64_t used_ms = -1;
	enum found found = code_claim(unit, TENANT_A, digest_of(7), NOW + 1, &used_ms, error);
	if (found == FOUND)
		atomic_fetch_add(used_ms == 0 ? &claims->won : &claims->lost, 1);
	return found == FOUND;
}

static void *claimant(void *data)
{
	struct claims *claims = data;
	if (!store_write(claims->store, claim_one, claims, NULL))
		atomic_fetch_add(&claims->broken, 1);
	return NULL;
}

static void of_a_hundred_claimants_one_wins(void **state)
{
	struct world *world = *state;
	g_auto(code_t) code = code_of(7, GRANT_1);
	struct unit *unit = write_begin(world->store);
	GOOD(code_insert(unit, TENANT_A, &code, &error));
	write_commit();
	struct claims claims = { .store = world->store };
	pthread_t threads[100];
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, claimant, &claims), 0);
	for (size_t i = 0; i < 100; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(claims.won, 1);
	assert_int_equal(claims.lost, 99);
	assert_int_equal(claims.broken, 0);
}

static void refresh_tokens_are_per_tenant(void **state)
{
	struct world *world = *state;
	g_auto(refresh_token_t) a = refresh_of(1, GRANT_1), b = refresh_of(1, GRANT_2), seen = { 0 }, other = { 0 }, none = { 0 };
	struct unit *unit = write_begin(world->store);
	GOOD(refresh_insert(unit, TENANT_A, &a, &error));
	REFUSED(ERROR_CONFLICT, refresh_insert(unit, TENANT_A, &b, &error));
	FOUND_IS(MISSING, refresh_find(unit, TENANT_B, digest_of(1), &none, &error));
	REFUSED(ERROR_NOT_FOUND, refresh_update(unit, TENANT_B, &a, &error));
	GOOD(refresh_insert(unit, TENANT_B, &b, &error));
	a.idle_expires_ms = NOW + 1;
	a.rotated_ms = NOW + 2;
	a.used_ms = NOW + 3;
	memcpy(a.successor, digest_of(9), DIGEST_SIZE);
	GOOD(refresh_update(unit, TENANT_A, &a, &error));
	write_commit();
	world_reopen(world);
	FOUND_IS(FOUND, refresh_find(reader_of(world->store), TENANT_A, digest_of(1), &seen, &error));
	FOUND_IS(FOUND, refresh_find(reader_of(world->store), TENANT_B, digest_of(1), &other, &error));
	assert_string_equal(seen.grant, GRANT_1);
	assert_string_equal(seen.client_id, "wiki");
	assert_memory_equal(seen.digest, digest_of(1), DIGEST_SIZE);
	assert_memory_equal(seen.successor, digest_of(9), DIGEST_SIZE);
	assert_true(seen.created_ms == NOW && seen.idle_expires_ms == NOW + 1 && seen.rotated_ms == NOW + 2 && seen.used_ms == NOW + 3);
	assert_string_equal(other.grant, GRANT_2);
	assert_true(other.rotated_ms == 0 && other.idle_expires_ms == NOW + 14 * DAY);
}

static void access_tokens_are_per_tenant(void **state)
{
	struct world *world = *state;
	g_auto(access_token_t) a = access_of(1, GRANT_1), b = access_of(1, ""), seen = { 0 }, other = { 0 }, none = { 0 };
	struct unit *unit = write_begin(world->store);
	GOOD(access_insert(unit, TENANT_A, &a, &error));
	REFUSED(ERROR_CONFLICT, access_insert(unit, TENANT_A, &b, &error));
	FOUND_IS(MISSING, access_find(unit, TENANT_B, digest_of(1), &none, &error));
	GOOD(access_revoke(unit, TENANT_B, digest_of(1), NOW + 1, &error));
	GOOD(access_insert(unit, TENANT_B, &b, &error));
	GOOD(access_revoke(unit, TENANT_B, digest_of(1), NOW + 2, &error) && access_revoke(unit, TENANT_B, digest_of(1), NOW + 3, &error));
	write_commit();
	world_reopen(world);
	FOUND_IS(FOUND, access_find(reader_of(world->store), TENANT_A, digest_of(1), &seen, &error));
	FOUND_IS(FOUND, access_find(reader_of(world->store), TENANT_B, digest_of(1), &other, &error));
	assert_string_equal(seen.grant, GRANT_1);
	assert_memory_equal(seen.digest, digest_of(1), DIGEST_SIZE);
	assert_string_equal(seen.client_id, "wiki");
	assert_true(json_equal(seen.claims, a.claims));
	assert_true(seen.expires_ms == NOW + 600000 && seen.revoked_ms == 0);
	assert_true(other.grant[0] == '\0' && other.revoked_ms == NOW + 2);
	char hex[2 * DIGEST_SIZE + 1];
	hex_encode(digest_of(1), DIGEST_SIZE, hex);
	assert_int_equal(changes_of(world->store, TENANT_B, "token", hex), 1);
	assert_int_equal(changes_of(world->store, TENANT_A, "token", NULL), 0);
}

static void a_jti_is_revoked_in_one_tenant(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	GOOD(jti_revoke(unit, TENANT_A, "jti-1", NOW + 100, &error) && jti_revoke(unit, TENANT_A, "jti-1", NOW + 50, &error));
	write_commit();
	unit = reader_of(world->store);
	FOUND_IS(FOUND, jti_revoked(unit, TENANT_A, "jti-1", &error));
	FOUND_IS(MISSING, jti_revoked(unit, TENANT_B, "jti-1", &error));
	FOUND_IS(MISSING, jti_revoked(unit, TENANT_A, "jti-2", &error));
	assert_int_equal(changes_of(world->store, TENANT_A, "token", "jti-1"), 2);
	/* Remembered for the longer of the two. */
	bool more;
	unit = write_begin(world->store);
	GOOD(store_purge(unit, NOW + 99 + 5 * 60 * 1000, 1000, &more, &error));
	FOUND_IS(FOUND, jti_revoked(unit, TENANT_A, "jti-1", &error));
	write_commit();
}

static void client_with_settings(struct unit *unit, const char *tenant, const char *client_id, const char *settings)
{
	g_autoptr(json_t) json = json_of(settings);
	g_autoptr(client_t) client = client_new(client_id, json);
	GOOD(client_put(unit, tenant, client, &error));
}

/* Two sessions of one person at two tenants; "wiki" hears of their end, "shop" does not. */
static void sessions_with_clients(struct unit *unit, const char *tenant)
{
	static const char hears[] = "{\"backchannel_logout_uri\":\"https://wiki.example/out\"}";
	g_auto(session_t) one = session_of(SESSION_1, 1, ACCOUNT_1), two = session_of(SESSION_2, 2, ACCOUNT_1);
	g_auto(grant_t) first = grant_of(GRANT_1, ACCOUNT_1, "wiki", SESSION_1, false), second = grant_of("gggggggggggggggggggggggggh", ACCOUNT_1, "wiki", SESSION_1, true);
	g_auto(grant_t) deaf = grant_of("gggggggggggggggggggggggggi", ACCOUNT_1, "shop", SESSION_1, false), other = grant_of("gggggggggggggggggggggggggj", ACCOUNT_1, "wiki", SESSION_2, false);
	client_with_settings(unit, tenant, "wiki", hears);
	client_with_settings(unit, tenant, "shop", "{}");
	GOOD(session_insert(unit, tenant, &one, &error) && session_insert(unit, tenant, &two, &error));
	GOOD(grant_insert(unit, tenant, &first, &error) && grant_insert(unit, tenant, &second, &error) && grant_insert(unit, tenant, &deaf, &error));
	GOOD(grant_insert(unit, tenant, &other, &error));
}

static void assert_claims(struct unit *unit, int64_t now_ms, const char *tenant, const char *session)
{
	g_auto(logout_delivery_t) delivery = { 0 };
	FOUND_IS(tenant ? FOUND : MISSING, logout_delivery_claim(unit, now_ms, now_ms + 100, &delivery, &error));
	if (!tenant)
		return;
	assert_string_equal(delivery.tenant, tenant);
	assert_string_equal(delivery.session, session);
	assert_string_equal(delivery.client_id, "wiki");
	assert_string_equal(delivery.account, ACCOUNT_1);
	assert_string_equal(delivery.sid, "sidsidsid");
}

static void who_hears_of_a_session_is_told_of_its_end_once(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	sessions_with_clients(unit, TENANT_A);
	sessions_with_clients(unit, TENANT_B);
	FOUND_IS(MISSING, logout_delivery_due(unit, NOW + DAY, &error));
	GOOD(session_end(unit, TENANT_A, SESSION_1, NOW, &error) && session_end(unit, TENANT_A, SESSION_1, NOW + 1, &error));
	write_commit();
	world_reopen(world);
	unit = write_begin(world->store);
	FOUND_IS(MISSING, logout_delivery_due(unit, NOW - 1, &error));
	FOUND_IS(FOUND, logout_delivery_due(unit, NOW, &error));
	assert_claims(unit, NOW, TENANT_A, SESSION_1);
	assert_claims(unit, NOW + 99, NULL, NULL); /* somebody has it */
	assert_claims(unit, NOW + 100, TENANT_A, SESSION_1); /* … and died */
	struct logout_delivery told = { .tenant = TENANT_A, .session = SESSION_1, .client_id = (char *)(uintptr_t)"wiki" };
	GOOD(logout_delivery_delay(unit, &told, NOW + 500, &error));
	assert_claims(unit, NOW + 499, NULL, NULL);
	assert_claims(unit, NOW + 500, TENANT_A, SESSION_1);
	GOOD(logout_delivery_remove(unit, &told, &error));
	assert_claims(unit, NOW + DAY, NULL, NULL);
	write_commit();
}

/* An account that is disabled, gets another password or goes: every session of it that was alive, of that tenant. */
static void an_account_takes_all_its_sessions_along(void **state)
{
	struct world *world = *state;
	g_auto(account_t) a = account_of(ACCOUNT_1, "alice", NULL), b = account_of(ACCOUNT_1, "alice", NULL);
	struct unit *unit = write_begin(world->store);
	GOOD(account_insert(unit, TENANT_A, &a, &error) && account_insert(unit, TENANT_B, &b, &error));
	sessions_with_clients(unit, TENANT_A);
	sessions_with_clients(unit, TENANT_B);
	GOOD(session_end(unit, TENANT_A, SESSION_1, NOW, &error));
	assert_claims(unit, NOW, TENANT_A, SESSION_1);
	struct logout_delivery told = { .tenant = TENANT_A, .session = SESSION_1, .client_id = (char *)(uintptr_t)"wiki" };
	GOOD(logout_delivery_remove(unit, &told, &error));
	GOOD(account_set_disabled(unit, TENANT_A, ACCOUNT_1, true, NOW + 1, &error));
	assert_claims(unit, NOW + 1, TENANT_A, SESSION_2); /* the other one was told already */
	assert_claims(unit, NOW + 1, NULL, NULL);
	GOOD(account_remove(unit, TENANT_B, ACCOUNT_1, &error));
	assert_claims(unit, NOW + 1, TENANT_B, SESSION_1);
	assert_claims(unit, NOW + 1, TENANT_B, SESSION_2);
	write_commit();
}

static void throttle_buckets_are_per_tenant(void **state)
{
	struct world *world = *state;
	struct throttle_state one = { NOW, 3, NOW + 5, 2 }, two = { NOW + 1, 9, 0, 0 }, seen = { 0 };
	struct unit *unit = write_begin(world->store);
	GOOD(throttle_put(unit, TENANT_A, digest_of(1), ACCOUNT_1, &two, NOW + DAY, &error));
	GOOD(throttle_put(unit, TENANT_A, digest_of(1), ACCOUNT_1, &one, NOW + DAY, &error));
	FOUND_IS(MISSING, throttle_find(unit, TENANT_B, digest_of(1), &seen, &error));
	GOOD(throttle_put(unit, TENANT_B, digest_of(1), ACCOUNT_1, &two, NOW + DAY, &error));
	GOOD(throttle_put(unit, TENANT_A, digest_of(2), "", &two, NOW + DAY, &error));
	GOOD(throttle_put(unit, TENANT_A, digest_of(3), ACCOUNT_2, &two, NOW + DAY, &error));
	write_commit();
	FOUND_IS(FOUND, throttle_find(reader_of(world->store), TENANT_A, digest_of(1), &seen, &error));
	assert_memory_equal(&seen, &one, sizeof(one));
	unit = write_begin(world->store);
	GOOD(throttle_clear_account(unit, TENANT_A, ACCOUNT_1, &error));
	GOOD(throttle_clear_account(unit, TENANT_A, "", &error));
	FOUND_IS(MISSING, throttle_find(unit, TENANT_A, digest_of(1), &seen, &error));
	FOUND_IS(FOUND, throttle_find(unit, TENANT_A, digest_of(2), &seen, &error));
	FOUND_IS(FOUND, throttle_find(unit, TENANT_A, digest_of(3), &seen, &error));
	FOUND_IS(FOUND, throttle_find(unit, TENANT_B, digest_of(1), &seen, &error));
	write_commit();
	assert_memory_equal(&seen, &two, sizeof(two));
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(grants_come_back_and_are_revoked_alone),
	WORLD_TEST(a_consent_is_remembered_until_the_client_or_account_goes),
	WORLD_TEST(a_code_is_claimed_once_and_says_when),
	WORLD_TEST(of_a_hundred_claimants_one_wins),
	WORLD_TEST(refresh_tokens_are_per_tenant),
	WORLD_TEST(access_tokens_are_per_tenant),
	WORLD_TEST(a_jti_is_revoked_in_one_tenant),
	WORLD_TEST(who_hears_of_a_session_is_told_of_its_end_once),
	WORLD_TEST(an_account_takes_all_its_sessions_along),
	WORLD_TEST(throttle_buckets_are_per_tenant),
};
TEST_GROUP(token_conformance, tests);
