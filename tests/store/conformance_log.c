/* Conformance: the connection log, changes, and what the purge takes and leaves. */
#include "conformance.h"
#include "gateway/store/unit.h"

static void log_put(struct world *world, const char *tenant, const char *node, int64_t seq, int64_t time_ms, const char *event, const char *account)
{
	g_auto(log_row_t) row = log_row_of(node, seq, time_ms, event);
	g_free(row.account);
	row.account = g_strdup(account);
	struct unit *unit = write_begin(world->store);
	GOOD(log_insert(unit, tenant, &row, &error));
	write_commit();
}

static bool row_collect(const struct log_row *row, void *data)
{
	g_string_append_printf(data, "%s%" G_GINT64_FORMAT " ", row->node, row->seq);
	return true;
}

static void assert_log(struct world *world, const char *tenant, const struct log_filter *filter, const char *expected)
{
	g_autoptr(GString) seen = g_string_new("");
	GOOD(log_list(reader_of(world->store), tenant, filter, row_collect, seen, &error));
	assert_string_equal(seen->str, expected);
}

static void rows_are_listed_by_filter_and_order(void **state)
{
	struct world *world = *state;
	log_put(world, TENANT_A, "n", 1, 1000, "login", ACCOUNT_1);
	log_put(world, TENANT_A, "n", 2, 2000, "token", NULL);
	log_put(world, TENANT_A, "n", 3, 1500, "login", ACCOUNT_2); /* a clock went back */
	log_put(world, TENANT_A, "m", 1, 1700, "login", ACCOUNT_1);
	log_put(world, TENANT_B, "n", 1, 1000, "login", ACCOUNT_1);
	assert_log(world, TENANT_A, &(struct log_filter){ 0 }, "n2 m1 n3 n1 ");
	assert_log(world, TENANT_A, &(struct log_filter){ .oldest_first = true }, "m1 n1 n2 n3 ");
	assert_log(world, TENANT_A, &(struct log_filter){ .oldest_first = true, .since_ms = 1500 }, "n3 m1 n2 ");
	assert_log(world, TENANT_A, &(struct log_filter){ .limit = 2 }, "n2 m1 ");
	assert_log(world, TENANT_A, &(struct log_filter){ .event = "login" }, "m1 n3 n1 ");
	assert_log(world, TENANT_A, &(struct log_filter){ .account = ACCOUNT_1 }, "m1 n1 ");
	assert_log(world, TENANT_A, &(struct log_filter){ .account = ACCOUNT_1, .event = "token" }, "");
	assert_log(world, TENANT_A, &(struct log_filter){ .ref = "ref2" }, "n2 ");
	assert_log(world, TENANT_A, &(struct log_filter){ .ref = "ref1", .account = ACCOUNT_1, .oldest_first = true }, "n1 m1 ");
	assert_log(world, TENANT_A, &(struct log_filter){ .ref = "ref2", .account = ACCOUNT_1 }, "");
	assert_log(world, TENANT_B, &(struct log_filter){ 0 }, "n1 ");
	assert_log(world, TENANT_B, &(struct log_filter){ .ref = "ref2" }, "");
}

struct checking {
	const struct log_row *expected;
	int rows;
};

static bool row_check(const struct log_row *row, void *data)
{
	struct checking *checking = data;
	const struct log_row *expected = checking->expected;
	checking->rows++;
	assert_string_equal(row->id, expected->id);
	const char *const seen_texts[] = { row->node, row->event, row->result, row->reason, row->account, row->username, row->provider, row->client, row->session,
	                                   row->ip, row->user_agent, row->device, row->os, row->browser, row->acr, row->amr, row->ref, row->actor };
	const char *const texts[] = { expected->node, expected->event, expected->result, expected->reason, expected->account, expected->username,
	                              expected->provider, expected->client, expected->session, expected->ip, expected->user_agent, expected->device,
	                              expected->os, expected->browser, expected->acr, expected->amr, expected->ref, expected->actor };
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		assert_true(g_strcmp0(seen_texts[i], texts[i]) == 0);
	assert_true(row->seq == expected->seq && row->time_ms == expected->time_ms);
	assert_memory_equal(row->personal_salt, expected->personal_salt, sizeof(row->personal_salt));
	assert_memory_equal(row->personal, expected->personal, DIGEST_SIZE);
	assert_memory_equal(row->prev_hash, expected->prev_hash, DIGEST_SIZE);
	assert_memory_equal(row->hash, expected->hash, DIGEST_SIZE);
	assert_true(json_equal(row->detail, expected->detail));
	return true;
}

static void a_row_comes_back_as_it_went(void **state)
{
	struct world *world = *state;
	g_auto(log_row_t) row = log_row_of("n", 1, NOW, "login");
	/* Every text another, so that a column read from its neighbour is seen. */
	char **const texts[] = { &row.provider, &row.client, &row.session, &row.user_agent, &row.device, &row.os, &row.browser, &row.acr, &row.amr, &row.actor };
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		*texts[i] = g_strdup_printf("text-%zu", i);
	g_free(row.reason);
	row.reason = g_strdup("because");
	struct unit *unit = write_begin(world->store);
	GOOD(log_insert(unit, TENANT_A, &row, &error));
	write_commit();
	world_reopen(world);
	struct checking checking = { &row, 0 };
	GOOD(log_list(reader_of(world->store), TENANT_A, &(struct log_filter){ 0 }, row_check, &checking, &error));
	assert_int_equal(checking.rows, 1);
}

static void chains_are_per_tenant_and_node(void **state)
{
	struct world *world = *state;
	struct log_tip tip;
	GOOD(log_last(reader_of(world->store), TENANT_A, "n", &tip, &error));
	assert_int_equal(tip.seq, 0);
	assert_memory_equal(tip.hash, digest_of(0), DIGEST_SIZE);
	log_put(world, TENANT_A, "n", 1, NOW, "login", NULL);
	log_put(world, TENANT_A, "n", 2, NOW, "login", NULL);
	GOOD(log_last(reader_of(world->store), TENANT_A, "n", &tip, &error));
	assert_int_equal(tip.seq, 2);
	assert_memory_equal(tip.hash, digest_of(2), DIGEST_SIZE);
	GOOD(log_last(reader_of(world->store), TENANT_A, "m", &tip, &error));
	assert_int_equal(tip.seq, 0);
	GOOD(log_last(reader_of(world->store), TENANT_B, "n", &tip, &error));
	assert_int_equal(tip.seq, 0);
	/* The same number twice would fork the chain. */
	g_auto(log_row_t) again = log_row_of("n", 2, NOW, "login");
	struct unit *unit = write_begin(world->store);
	REFUSED(ERROR_CONFLICT, log_insert(unit, TENANT_A, &again, &error));
	write_undo();
}

static bool purge_all(struct world *world, int64_t now_ms, int64_t limit)
{
	bool more = true;
	struct unit *unit = write_begin(world->store);
	GOOD(store_purge(unit, now_ms, limit, &more, &error));
	write_commit();
	return more;
}

static void retention_cuts_the_old_end_and_leaves_an_anchor(void **state)
{
	struct world *world = *state;
	int64_t old = NOW - 400 * DAY;
	for (int64_t seq = 1; seq <= 5; seq++)
		log_put(world, TENANT_A, "n", seq, seq <= 3 ? old : NOW, "login", NULL);
	log_put(world, TENANT_A, "m", 1, old, "login", NULL);
	log_put(world, TENANT_B, "n", 1, NOW, "login", NULL);
	while (purge_all(world, NOW, 2))
		continue;
	assert_log(world, TENANT_A, &(struct log_filter){ .oldest_first = true }, "n4 n5 ");
	assert_log(world, TENANT_B, &(struct log_filter){ .oldest_first = true }, "n1 ");
	struct log_tip tip;
	FOUND_IS(FOUND, log_anchor_find(reader_of(world->store), TENANT_A, "n", &tip, &error));
	assert_int_equal(tip.seq, 3);
	assert_memory_equal(tip.hash, digest_of(3), DIGEST_SIZE);
	FOUND_IS(MISSING, log_anchor_find(reader_of(world->store), TENANT_B, "n", &tip, &error));
	/* A chain that is gone to the last row goes on where it was. */
	GOOD(log_last(reader_of(world->store), TENANT_A, "m", &tip, &error));
	assert_int_equal(tip.seq, 1);
	assert_memory_equal(tip.hash, digest_of(1), DIGEST_SIZE);
}

static void the_purge_takes_what_expired_and_nothing_else(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	const char *const tenants[] = { TENANT_A, TENANT_B };
	for (size_t i = 0; i < 2; i++) {
		/* A's things end at NOW - 10 days, B's are alive. */
		int64_t end = i == 0 ? NOW - 10 * DAY : NOW + 10 * DAY;
		g_auto(flow_t) flow = flow_of(1);
		g_auto(code_t) code = code_of(1, GRANT_1);
		g_auto(refresh_token_t) refresh = refresh_of(1, GRANT_1);
		g_auto(access_token_t) access = access_of(1, GRANT_1);
		g_auto(grant_t) grant = grant_of(GRANT_1, ACCOUNT_1, "wiki", SESSION_1, true);
		g_auto(session_t) session = session_of(SESSION_1, 1, ACCOUNT_1);
		struct throttle_state bucket = { 0 };
		flow.expires_ms = code.expires_ms = refresh.idle_expires_ms = access.expires_ms = grant.absolute_expires_ms = end;
		session.created_ms = end - 30 * DAY;
		GOOD(flow_insert(unit, tenants[i], &flow, &error) && code_insert(unit, tenants[i], &code, &error));
		GOOD(refresh_insert(unit, tenants[i], &refresh, &error) && access_insert(unit, tenants[i], &access, &error));
		GOOD(grant_insert(unit, tenants[i], &grant, &error) && session_insert(unit, tenants[i], &session, &error));
		GOOD(throttle_put(unit, tenants[i], digest_of(1), "", &bucket, end, &error) && jti_revoke(unit, tenants[i], "j", end, &error));
	}
	write_commit();
	int slices = 1;
	while (purge_all(world, NOW, 3))
		slices++;
	assert_int_equal(slices, 3); /* 8 rows, 3 at a time */
	for (size_t i = 0; i < 2; i++) {
		enum found expected = i == 0 ? MISSING : FOUND;
		g_auto(flow_t) flow = { 0 };
		g_auto(code_t) code = { 0 };
		g_auto(refresh_token_t) refresh = { 0 };
		g_auto(access_token_t) access = { 0 };
		g_auto(grant_t) grant = { 0 };
		g_auto(session_t) session = { 0 };
		struct throttle_state bucket;
		unit = reader_of(world->store);
		FOUND_IS(expected, flow_find(unit, tenants[i], digest_of(1), &flow, &error));
		FOUND_IS(expected, code_find(unit, tenants[i], digest_of(1), &code, &error));
		FOUND_IS(expected, refresh_find(unit, tenants[i], digest_of(1), &refresh, &error));
		FOUND_IS(expected, access_find(unit, tenants[i], digest_of(1), &access, &error));
		FOUND_IS(expected, grant_find(unit, tenants[i], GRANT_1, &grant, &error));
		FOUND_IS(expected, session_find(unit, tenants[i], digest_of(1), &session, &error));
		FOUND_IS(expected, throttle_find(unit, tenants[i], digest_of(1), &bucket, &error));
		FOUND_IS(expected, jti_revoked(unit, tenants[i], "j", &error));
	}
}

/* How long an unended session is kept is its own tenant's. */
static void sessions_leave_by_their_tenants_absolute_life(void **state)
{
	struct world *world = *state;
	g_autoptr(json_t) brief_a = json_of("{\"issuer\":\"https://acme.example\",\"policy\":{\"session\":{\"absolute\":60}}}");
	g_autoptr(json_t) brief_c = json_of("{\"issuer\":\"https://c.example\",\"policy\":{\"session\":{\"absolute\":60}}}");
	g_autoptr(tenant_t) a = tenant_new(TENANT_A, "acme", brief_a, NOW), c = tenant_new("cccccccccccccccccccccccccc", "c", brief_c, NOW);
	g_auto(session_t) of_a = session_of(SESSION_1, 1, ACCOUNT_1), of_b = session_of(SESSION_1, 1, ACCOUNT_1), gone = { 0 }, left = { 0 };
	struct unit *unit = write_begin(world->store);
	GOOD(tenant_update(unit, a, &error) && tenant_insert(unit, c, &error));
	GOOD(session_insert(unit, TENANT_A, &of_a, &error) && session_insert(unit, TENANT_B, &of_b, &error));
	write_commit();
	purge_all(world, NOW + 60001, 100);
	FOUND_IS(MISSING, session_find(reader_of(world->store), TENANT_A, digest_of(1), &gone, &error));
	FOUND_IS(FOUND, session_find(reader_of(world->store), TENANT_B, digest_of(1), &left, &error));
}

/* A used code is kept a day past its end: shown again, it must still revoke what it gave. */
static void a_spent_code_is_remembered_for_a_day(void **state)
{
	struct world *world = *state;
	g_auto(code_t) code = code_of(1, GRANT_1), seen = { 0 }, gone = { 0 };
	struct unit *unit = write_begin(world->store);
	GOOD(code_insert(unit, TENANT_A, &code, &error));
	write_commit();
	purge_all(world, code.expires_ms + DAY - 1, 100);
	FOUND_IS(FOUND, code_find(reader_of(world->store), TENANT_A, digest_of(1), &seen, &error));
	purge_all(world, code.expires_ms + DAY + 1, 100);
	FOUND_IS(MISSING, code_find(reader_of(world->store), TENANT_A, digest_of(1), &gone, &error));
}

static bool kid_note(const struct signing_key *key, void *data)
{
	g_string_append_printf(data, "%s ", key->kid);
	return true;
}

/* Keys that signed long ago leave, and whoever has them in memory is told; those that sign or will sign stay, however old. */
static void old_keys_leave_and_live_ones_stay(void **state)
{
	struct world *world = *state;
	static const struct { const char *kid; enum key_state state; int64_t over_ms; } keys[] = {
		{ "next", KEY_STATE_NEXT, 0 }, { "active", KEY_STATE_ACTIVE, 0 }, { "retired-lately", KEY_STATE_RETIRED, NOW - 32 * DAY },
		{ "retired", KEY_STATE_RETIRED, NOW - 32 * DAY - 1 }, { "revoked", KEY_STATE_REVOKED, NOW - 32 * DAY - 1 },
	};
	struct unit *unit = write_begin(world->store);
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		struct signing_key key = { .kid = g_strdup(keys[i].kid), .algorithm = JOSE_ES256, .state = keys[i].state, .pkcs8 = secret_new("x", 1),
			.created_ms = 1, .activated_ms = 1, .retired_ms = keys[i].over_ms };
		GOOD(key_insert(unit, TENANT_A, &key, &error) && (i != 3 || key_insert(unit, TENANT_B, &key, &error)));
		signing_key_clear(&key);
	}
	write_commit();
	assert_true(purge_all(world, NOW, 2));
	purge_all(world, NOW, 100);
	g_autoptr(GString) left = g_string_new(NULL);
	GOOD(key_list(reader_of(world->store), TENANT_A, kid_note, left, &error) && key_list(reader_of(world->store), TENANT_B, kid_note, left, &error));
	assert_string_equal(left->str, "active next retired-lately ");
	assert_int_equal(changes_of(world->store, TENANT_A, "key", "revoked"), 2); /* made, and gone */
	assert_int_equal(changes_of(world->store, TENANT_B, "key", "retired"), 2);
}

/* A tenant with more rows than one transaction should delete: gone at once for look-ups by name, swept in slices. */
static void a_large_tenant_is_swept_in_slices(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	for (int i = 0; i < 20100; i++) {
		uint8_t bucket[DIGEST_SIZE] = { (uint8_t)i, (uint8_t)(i >> 8) };
		struct throttle_state zero = { 0 };
		GOOD(throttle_put(unit, TENANT_A, bucket, "", &zero, NOW + DAY, &error));
	}
	GOOD(throttle_put(unit, TENANT_B, digest_of(0), "", &(struct throttle_state){ 0 }, NOW + DAY, &error));
	write_commit();
	unit = write_begin(world->store);
	GOOD(tenant_remove(unit, TENANT_A, &error));
	write_commit();
	g_autoptr(tenant_t) gone = NULL;
	FOUND_IS(MISSING, tenant_find(reader_of(world->store), TENANT_A, &gone, &error));
	int64_t left = -1;
	static const char count[] = "SELECT count(*) FROM throttle";
	FOUND_IS(FOUND, unit_integer(reader_of(world->store), &left, &error, count, NULL, 0));
	assert_int_equal(left, 101);
	while (purge_all(world, NOW, 60))
		continue;
	FOUND_IS(FOUND, unit_integer(reader_of(world->store), &left, &error, count, NULL, 0));
	assert_int_equal(left, 1);
}

/* With two being swept, the first one's end must not forget the second. */
static void two_removed_tenants_are_both_swept(void **state)
{
	struct world *world = *state;
	static const char count[] = "SELECT count(*) FROM throttle", announce[] = "INSERT INTO tenant_gone (tenant) VALUES ($1)";
	struct unit *unit = write_begin(world->store);
	for (uint8_t i = 0; i < 6; i++)
		GOOD(throttle_put(unit, i < 3 ? TENANT_A : TENANT_B, digest_of(i), "", &(struct throttle_state){ 0 }, NOW + DAY, &error));
	GOOD(unit_run(unit, NULL, &error, announce, VALUES(value_text(TENANT_A))) && unit_run(unit, NULL, &error, announce, VALUES(value_text(TENANT_B))));
	write_commit();
	int slices = 1;
	while (purge_all(world, NOW, 4))
		slices++;
	int64_t left = -1;
	FOUND_IS(FOUND, unit_integer(reader_of(world->store), &left, &error, count, NULL, 0));
	assert_int_equal(left, 0);
	assert_int_equal(slices, 2);
}

static bool seq_collect(const struct change *change, void *data)
{
	g_array_append_val((GArray *)data, change->seq);
	return true;
}

static void changes_are_numbered_without_gaps_and_undone_with_their_transaction(void **state)
{
	struct world *world = *state;
	int64_t before;
	GOOD(change_head(reader_of(world->store), &before, &error));
	uint64_t counter = store_counter(world->store);
	struct unit *unit = write_begin(world->store);
	GOOD(jti_revoke(unit, TENANT_A, "undone", NOW, &error));
	write_undo();
	assert_int_equal(store_counter(world->store), counter);
	unit = write_begin(world->store);
	GOOD(jti_revoke(unit, TENANT_A, "1", NOW, &error) && jti_revoke(unit, TENANT_B, "2", NOW, &error));
	write_commit();
	g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GOOD(change_list(reader_of(world->store), before, seq_collect, seen, &error));
	assert_int_equal(seen->len, 2);
	assert_int_equal(g_array_index(seen, int64_t, 0), before + 1);
	assert_int_equal(g_array_index(seen, int64_t, 1), before + 2);
	assert_int_equal(changes_of(world->store, TENANT_A, "token", "undone"), 0);
}

static void many_ends_at_once_are_one_change(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	for (int i = 0; i < CHANGES_EACH_MAX + 1; i++) {
		char id[IDENTIFIER_SIZE];
		random_identifier(id);
		g_auto(grant_t) grant = grant_of(id, ACCOUNT_1, "wiki", SESSION_1, false);
		GOOD(grant_insert(unit, TENANT_A, &grant, &error));
	}
	GOOD(session_end(unit, TENANT_A, SESSION_1, NOW, &error));
	write_commit();
	assert_int_equal(changes_of(world->store, TENANT_A, "grant", NULL), 0);
	assert_int_equal(changes_of(world->store, TENANT_A, "all", ""), 1);
}

static const struct CMUnitTest log_tests[] = {
	WORLD_TEST(rows_are_listed_by_filter_and_order),
	WORLD_TEST(a_row_comes_back_as_it_went),
	WORLD_TEST(chains_are_per_tenant_and_node),
	WORLD_TEST(changes_are_numbered_without_gaps_and_undone_with_their_transaction),
	WORLD_TEST(many_ends_at_once_are_one_change),
};
TEST_GROUP(log_conformance, log_tests);

static const struct CMUnitTest purge_tests[] = {
	WORLD_TEST(retention_cuts_the_old_end_and_leaves_an_anchor),
	WORLD_TEST(the_purge_takes_what_expired_and_nothing_else),
	WORLD_TEST(sessions_leave_by_their_tenants_absolute_life),
	WORLD_TEST(a_spent_code_is_remembered_for_a_day),
	WORLD_TEST(old_keys_leave_and_live_ones_stay),
	WORLD_TEST(a_large_tenant_is_swept_in_slices),
	WORLD_TEST(two_removed_tenants_are_both_swept),
};
TEST_GROUP(purge_conformance, purge_tests);
