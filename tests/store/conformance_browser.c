/* Conformance: flows and sessions. */
#include "conformance.h"

static void a_flow_is_updated_from_the_version_read_and_consumed_once(void **state)
{
	struct world *world = *state;
	g_auto(flow_t) flow = flow_of(1), read = { 0 }, taken = { 0 }, again = { 0 };
	struct unit *unit = write_begin(world->store);
	GOOD(flow_insert(unit, TENANT_A, &flow, &error));
	REFUSED(ERROR_CONFLICT, flow_insert(unit, TENANT_A, &flow, &error));
	write_commit();
	world_reopen(world);
	FOUND_IS(FOUND, flow_find(reader_of(world->store), TENANT_A, digest_of(1), &read, &error));
	assert_memory_equal(read.digest, flow.digest, DIGEST_SIZE);
	assert_memory_equal(read.browser, flow.browser, DIGEST_SIZE);
	assert_string_equal(read.client_id, "wiki");
	assert_true(json_equal(read.request, flow.request));
	assert_true(!read.provider && !read.sealed && !read.session && !read.consented);
	assert_true(read.created_ms == flow.created_ms && read.expires_ms == flow.expires_ms && read.version == 1);
	read.provider = g_strdup("okta");
	read.sealed = g_strdup("s1.k1.x");
	read.session = g_strdup(SESSION_1);
	read.consented = true;
	unit = write_begin(world->store);
	FOUND_IS(FOUND, flow_update(unit, TENANT_A, &read, &error));
	FOUND_IS(MISSING, flow_update(unit, TENANT_A, &read, &error)); /* the other tab */
	FOUND_IS(FOUND, flow_consume(unit, TENANT_A, digest_of(1), &taken, &error));
	FOUND_IS(MISSING, flow_consume(unit, TENANT_A, digest_of(1), &again, &error));
	FOUND_IS(MISSING, flow_find(unit, TENANT_A, digest_of(1), &again, &error));
	write_commit();
	assert_string_equal(taken.provider, "okta");
	assert_string_equal(taken.sealed, "s1.k1.x");
	assert_string_equal(taken.session, SESSION_1);
	assert_true(taken.consented && taken.version == 2);
	assert_null(again.client_id);
}

static void a_flow_is_its_tenants_alone(void **state)
{
	struct world *world = *state;
	g_auto(flow_t) a = flow_of(1), b = flow_of(1), seen = { 0 }, taken = { 0 };
	struct unit *unit = write_begin(world->store);
	GOOD(flow_insert(unit, TENANT_A, &a, &error));
	FOUND_IS(MISSING, flow_find(unit, TENANT_B, digest_of(1), &seen, &error));
	FOUND_IS(MISSING, flow_update(unit, TENANT_B, &a, &error));
	FOUND_IS(MISSING, flow_consume(unit, TENANT_B, digest_of(1), &seen, &error));
	g_free(b.client_id);
	b.client_id = g_strdup("b's");
	GOOD(flow_insert(unit, TENANT_B, &b, &error));
	FOUND_IS(FOUND, flow_update(unit, TENANT_B, &b, &error));
	FOUND_IS(FOUND, flow_consume(unit, TENANT_B, digest_of(1), &taken, &error));
	FOUND_IS(FOUND, flow_find(unit, TENANT_A, digest_of(1), &seen, &error));
	write_commit();
	assert_string_equal(taken.client_id, "b's");
	assert_string_equal(seen.client_id, "wiki");
	assert_int_equal(seen.version, 1);
}

static void both_have_a_session(struct world *world)
{
	struct unit *unit = write_begin(world->store);
	const char *const tenants[] = { TENANT_A, TENANT_B };
	for (size_t i = 0; i < 2; i++) {
		g_auto(session_t) session = session_of(SESSION_1, 1, ACCOUNT_1);
		g_auto(grant_t) online = grant_of(GRANT_1, ACCOUNT_1, "wiki", SESSION_1, false), offline = grant_of(GRANT_2, ACCOUNT_1, "wiki", SESSION_1, true);
		GOOD(session_insert(unit, tenants[i], &session, &error));
		REFUSED(ERROR_CONFLICT, session_insert(unit, tenants[i], &session, &error));
		GOOD(grant_insert(unit, tenants[i], &online, &error) && grant_insert(unit, tenants[i], &offline, &error));
	}
	write_commit();
}

static void sessions_come_back_as_they_went(void **state)
{
	struct world *world = *state;
	both_have_a_session(world);
	world_reopen(world);
	g_auto(session_t) by_digest = { 0 }, by_id = { 0 }, none = { 0 };
	FOUND_IS(FOUND, session_find(reader_of(world->store), TENANT_A, digest_of(1), &by_digest, &error));
	FOUND_IS(FOUND, session_find_id(reader_of(world->store), TENANT_A, SESSION_1, &by_id, &error));
	FOUND_IS(MISSING, session_find(reader_of(world->store), TENANT_A, digest_of(2), &none, &error));
	FOUND_IS(MISSING, session_find_id(reader_of(world->store), TENANT_A, SESSION_2, &none, &error));
	assert_string_equal(by_digest.id, SESSION_1);
	assert_string_equal(by_digest.account, ACCOUNT_1);
	assert_memory_equal(by_id.digest, digest_of(1), DIGEST_SIZE);
	assert_string_equal(by_id.provider, "local");
	assert_string_equal(by_id.acr, "urn:passerelle:acr:pwd");
	assert_string_equal(by_id.amr, "pwd");
	assert_string_equal(by_id.address, "192.0.2.1");
	assert_string_equal(by_id.user_agent, "curl/7");
	assert_true(by_id.created_ms == NOW && by_id.auth_time_ms == NOW + 1 && by_id.last_seen_ms == NOW + 2 && by_id.ended_ms == 0);
}

static void touching_moves_forward_only_and_in_one_tenant(void **state)
{
	struct world *world = *state;
	both_have_a_session(world);
	struct unit *unit = write_begin(world->store);
	GOOD(session_touch(unit, TENANT_A, SESSION_1, NOW + 50, &error));
	GOOD(session_touch(unit, TENANT_A, SESSION_1, NOW + 40, &error));
	GOOD(session_touch(unit, TENANT_A, SESSION_2, NOW + 40, &error));
	write_commit();
	g_auto(session_t) a = { 0 }, b = { 0 };
	FOUND_IS(FOUND, session_find_id(reader_of(world->store), TENANT_A, SESSION_1, &a, &error));
	FOUND_IS(FOUND, session_find_id(reader_of(world->store), TENANT_B, SESSION_1, &b, &error));
	assert_int_equal(a.last_seen_ms, NOW + 50);
	assert_int_equal(b.last_seen_ms, NOW + 2);
	assert_int_equal(changes_of(world->store, TENANT_A, "session", NULL), 0);
}

/* Signing out ends what was granted without offline_access, of that tenant's session. */
static void ending_a_session_revokes_what_is_not_offline(void **state)
{
	struct world *world = *state;
	both_have_a_session(world);
	uint64_t counter = store_counter(world->store);
	struct unit *unit = write_begin(world->store);
	GOOD(session_end(unit, TENANT_A, SESSION_1, NOW + 60, &error));
	GOOD(session_end(unit, TENANT_A, SESSION_1, NOW + 70, &error));
	GOOD(session_end(unit, TENANT_A, SESSION_2, NOW + 70, &error));
	write_commit();
	assert_true(store_counter(world->store) > counter);
	g_auto(session_t) a = { 0 }, b = { 0 };
	g_auto(grant_t) online = { 0 }, offline = { 0 }, elsewhere = { 0 };
	unit = reader_of(world->store);
	FOUND_IS(FOUND, session_find(unit, TENANT_A, digest_of(1), &a, &error));
	FOUND_IS(FOUND, session_find(unit, TENANT_B, digest_of(1), &b, &error));
	FOUND_IS(FOUND, grant_find(unit, TENANT_A, GRANT_1, &online, &error));
	FOUND_IS(FOUND, grant_find(unit, TENANT_A, GRANT_2, &offline, &error));
	FOUND_IS(FOUND, grant_find(unit, TENANT_B, GRANT_1, &elsewhere, &error));
	assert_true(a.ended_ms == NOW + 60 && b.ended_ms == 0);
	assert_true(online.revoked_ms == NOW + 60 && offline.revoked_ms == 0 && elsewhere.revoked_ms == 0);
	assert_int_equal(changes_of(world->store, TENANT_A, "session", SESSION_1), 1);
	assert_int_equal(changes_of(world->store, TENANT_A, "grant", GRANT_1), 1);
	assert_int_equal(changes_of(world->store, TENANT_A, "grant", GRANT_2), 0);
}

/* The same person again, in the same session: the cookie is another, the old one opens nothing. */
static void a_renewed_session_has_another_cookie(void **state)
{
	struct world *world = *state;
	both_have_a_session(world);
	g_auto(session_t) again = session_of(SESSION_1, 9, ACCOUNT_1), missing = session_of(SESSION_2, 8, ACCOUNT_1), renewed = { 0 }, old = { 0 }, elsewhere = { 0 };
	again.auth_time_ms = NOW + 500;
	g_free(again.acr);
	again.acr = g_strdup("phr");
	struct unit *unit = write_begin(world->store);
	GOOD(session_renew(unit, TENANT_A, &again, &error));
	REFUSED(ERROR_NOT_FOUND, session_renew(unit, TENANT_A, &missing, &error));
	write_commit();
	FOUND_IS(FOUND, session_find(reader_of(world->store), TENANT_A, digest_of(9), &renewed, &error));
	FOUND_IS(MISSING, session_find(reader_of(world->store), TENANT_A, digest_of(1), &old, &error));
	FOUND_IS(FOUND, session_find(reader_of(world->store), TENANT_B, digest_of(1), &elsewhere, &error));
	assert_string_equal(renewed.id, SESSION_1);
	assert_string_equal(renewed.acr, "phr");
	assert_true(renewed.auth_time_ms == NOW + 500 && renewed.created_ms == NOW);
	assert_int_equal(elsewhere.auth_time_ms, NOW + 1);
	/* One that has ended stays ended. */
	unit = write_begin(world->store);
	GOOD(session_end(unit, TENANT_A, SESSION_1, NOW + 600, &error));
	REFUSED(ERROR_NOT_FOUND, session_renew(unit, TENANT_A, &again, &error));
	write_commit();
}

static bool session_collect(const struct session *session, void *data)
{
	g_string_append_printf(data, "%s ", session->id);
	return true;
}

static struct secret *keep_of(const char *text)
{
	return secret_new(text, strlen(text));
}

/* What came from a provider's session is found by that session's digest and its keep opens again, in its own tenant. */
static void an_upstream_session_is_found_again(void **state)
{
	struct world *world = *state;
	g_autoptr(secret_t) keep = keep_of("id token"), read = NULL, none = NULL;
	g_autoptr(GString) here = g_string_new(""), there = g_string_new("");
	g_auto(session_t) session = session_of(SESSION_1, 1, ACCOUNT_1), seen = { 0 };
	session.has_upstream = true;
	session.ends_ms = NOW + 900;
	session_upstream_digest("okta", "their sid", session.upstream);
	struct unit *unit = write_begin(world->store);
	GOOD(session_insert(unit, TENANT_A, &session, &error));
	GOOD(session_keep_set(unit, TENANT_A, SESSION_1, keep, &error));
	REFUSED(ERROR_NOT_FOUND, session_keep_set(unit, TENANT_B, SESSION_1, keep, &error));
	write_commit();
	world_reopen(world);
	unit = reader_of(world->store);
	FOUND_IS(FOUND, session_find(unit, TENANT_A, digest_of(1), &seen, &error));
	assert_true(seen.has_upstream && seen.ends_ms == NOW + 900);
	GOOD(session_list_upstream(unit, TENANT_A, session.upstream, session_collect, here, &error));
	GOOD(session_list_upstream(unit, TENANT_B, session.upstream, session_collect, there, &error));
	assert_string_equal(here->str, SESSION_1 " ");
	assert_string_equal(there->str, "");
	FOUND_IS(FOUND, session_keep_find(unit, TENANT_A, SESSION_1, &read, &error));
	FOUND_IS(MISSING, session_keep_find(unit, TENANT_B, SESSION_1, &none, &error));
	assert_int_equal(secret_length(read), strlen("id token"));
	assert_memory_equal(secret_bytes(read), "id token", strlen("id token"));
	/* Whoever signs in again by other means leaves nothing of the old provider behind. */
	session.has_upstream = false;
	session.ends_ms = 0;
	unit = write_begin(world->store);
	GOOD(session_renew(unit, TENANT_A, &session, &error));
	write_commit();
	g_string_truncate(here, 0);
	GOOD(session_list_upstream(reader_of(world->store), TENANT_A, session.upstream, session_collect, here, &error));
	FOUND_IS(MISSING, session_keep_find(reader_of(world->store), TENANT_A, SESSION_1, &none, &error));
	assert_string_equal(here->str, "");
}

static void upstream_sessions_have_their_providers_name(void **state)
{
	uint8_t one[DIGEST_SIZE], other[DIGEST_SIZE], moved[DIGEST_SIZE];
	(void)state;
	session_upstream_digest("okta", "sid", one);
	session_upstream_digest("okt", "asid", moved);
	session_upstream_digest("google", "sid", other);
	assert_memory_not_equal(one, other, DIGEST_SIZE);
	assert_memory_not_equal(one, moved, DIGEST_SIZE);
}

static void what_is_used_up_is_used_up_in_one_tenant_and_for_one_purpose(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	FOUND_IS(FOUND, once_claim(unit, TENANT_A, "assertion okta", "_1", NOW + 1000, &error));
	FOUND_IS(MISSING, once_claim(unit, TENANT_A, "assertion okta", "_1", NOW + 1000, &error));
	FOUND_IS(FOUND, once_claim(unit, TENANT_A, "assertion adfs", "_1", NOW + 1000, &error));
	FOUND_IS(FOUND, once_claim(unit, TENANT_B, "assertion okta", "_1", NOW + 1000, &error));
	write_commit();
	/* Kept longer than anybody would take it, and no longer. */
	bool more;
	unit = write_begin(world->store);
	GOOD(store_purge(unit, NOW + 999 + 120 * 60 * 1000, 1000, &more, &error));
	FOUND_IS(MISSING, once_claim(unit, TENANT_A, "assertion okta", "_1", NOW + 1000, &error));
	GOOD(store_purge(unit, NOW + 1001 + 120 * 60 * 1000, 1000, &more, &error));
	FOUND_IS(FOUND, once_claim(unit, TENANT_A, "assertion okta", "_1", NOW + 1000, &error));
	write_commit();
}

static void a_flow_stored_for_nobody_is_bound_once(void **state)
{
	struct world *world = *state;
	g_auto(flow_t) bound = flow_of(1), waiting = flow_of(2), seen = { 0 };
	memset(waiting.browser, 0, DIGEST_SIZE);
	struct unit *unit = write_begin(world->store);
	GOOD(flow_insert(unit, TENANT_A, &bound, &error) && flow_insert(unit, TENANT_A, &waiting, &error));
	FOUND_IS(MISSING, flow_bind(unit, TENANT_B, digest_of(2), digest_of(7), &error));
	FOUND_IS(MISSING, flow_bind(unit, TENANT_A, digest_of(1), digest_of(7), &error));
	FOUND_IS(FOUND, flow_bind(unit, TENANT_A, digest_of(2), digest_of(7), &error));
	FOUND_IS(MISSING, flow_bind(unit, TENANT_A, digest_of(2), digest_of(8), &error));
	write_commit();
	FOUND_IS(FOUND, flow_find(reader_of(world->store), TENANT_A, digest_of(2), &seen, &error));
	assert_memory_equal(seen.browser, digest_of(7), DIGEST_SIZE);
}

static void a_flow_may_be_nobodys_request(void **state)
{
	struct world *world = *state;
	g_auto(flow_t) flow = flow_of(1), seen = { 0 };
	g_clear_pointer(&flow.client_id, g_free);
	struct unit *unit = write_begin(world->store);
	GOOD(flow_insert(unit, TENANT_A, &flow, &error));
	write_commit();
	FOUND_IS(FOUND, flow_find(reader_of(world->store), TENANT_A, digest_of(1), &seen, &error));
	assert_null(seen.client_id);
}

static void sessions_are_listed_by_account_or_all(void **state)
{
	struct world *world = *state;
	both_have_a_session(world);
	g_auto(session_t) later = session_of(SESSION_2, 2, ACCOUNT_2);
	later.created_ms = NOW + 5;
	struct unit *unit = write_begin(world->store);
	GOOD(session_insert(unit, TENANT_A, &later, &error));
	write_commit();
	g_autoptr(GString) b = g_string_new("");
	GOOD(session_list(reader_of(world->store), TENANT_B, NULL, session_collect, b, &error));
	assert_string_equal(b->str, SESSION_1 " ");
	g_autoptr(GString) one = g_string_new(""), all = g_string_new(""), other = g_string_new("");
	GOOD(session_list(reader_of(world->store), TENANT_A, ACCOUNT_1, session_collect, one, &error));
	GOOD(session_list(reader_of(world->store), TENANT_A, NULL, session_collect, all, &error));
	GOOD(session_list(reader_of(world->store), TENANT_B, ACCOUNT_2, session_collect, other, &error));
	assert_string_equal(one->str, SESSION_1 " ");
	assert_string_equal(all->str, SESSION_2 " " SESSION_1 " ");
	assert_string_equal(other->str, "");
}

/* A busy front must not be flushed by people signing in. */
static void signing_in_writes_no_change(void **state)
{
	struct world *world = *state;
	uint64_t counter = store_counter(world->store);
	both_have_a_session(world);
	g_auto(flow_t) flow = flow_of(1), taken = { 0 };
	g_auto(code_t) code = code_of(1, GRANT_1);
	int64_t used_ms;
	g_auto(refresh_token_t) refresh = refresh_of(1, GRANT_1);
	g_auto(access_token_t) access = access_of(1, GRANT_1);
	g_auto(log_row_t) row = log_row_of("node-1", 1, NOW, "login");
	g_auto(account_t) account = account_of(ACCOUNT_1, "alice", NULL);
	struct unit *unit = write_begin(world->store);
	GOOD(flow_insert(unit, TENANT_A, &flow, &error) && code_insert(unit, TENANT_A, &code, &error) && refresh_insert(unit, TENANT_A, &refresh, &error));
	GOOD(access_insert(unit, TENANT_A, &access, &error) && log_insert(unit, TENANT_A, &row, &error) && account_insert(unit, TENANT_A, &account, &error));
	FOUND_IS(FOUND, flow_consume(unit, TENANT_A, digest_of(1), &taken, &error));
	FOUND_IS(FOUND, code_claim(unit, TENANT_A, digest_of(1), NOW, &used_ms, &error));
	GOOD(refresh_update(unit, TENANT_A, &refresh, &error) && session_touch(unit, TENANT_A, SESSION_1, NOW + 9, &error));
	write_commit();
	assert_int_equal(store_counter(world->store), counter);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(a_flow_is_updated_from_the_version_read_and_consumed_once),
	WORLD_TEST(a_flow_is_its_tenants_alone),
	WORLD_TEST(sessions_come_back_as_they_went),
	WORLD_TEST(touching_moves_forward_only_and_in_one_tenant),
	WORLD_TEST(ending_a_session_revokes_what_is_not_offline),
	WORLD_TEST(a_renewed_session_has_another_cookie),
	WORLD_TEST(an_upstream_session_is_found_again),
	WORLD_TEST(what_is_used_up_is_used_up_in_one_tenant_and_for_one_purpose),
	cmocka_unit_test(upstream_sessions_have_their_providers_name),
	WORLD_TEST(a_flow_stored_for_nobody_is_bound_once),
	WORLD_TEST(a_flow_may_be_nobodys_request),
	WORLD_TEST(sessions_are_listed_by_account_or_all),
	WORLD_TEST(signing_in_writes_no_change),
};
TEST_GROUP(browser_conformance, tests);
