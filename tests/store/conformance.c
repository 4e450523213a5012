/* The world that every conformance test starts from, and the verbs of tenants. */
#include "conformance.h"
#include "gateway/store/unit.h"

static const struct backend *used;

void conformance_use(const struct backend *backend)
{
	used = backend;
}

int world_set_up(void **state)
{
	used->wipe();
	struct world *world = g_new0(struct world, 1);
	world->store = used->open();
	tenant_make(world->store, TENANT_A, "acme");
	tenant_make(world->store, TENANT_B, "bolt");
	*state = world;
	return 0;
}

int world_tear_down(void **state)
{
	struct world *world = *state;
	write_abandon();
	store_close(world->store);
	used->wipe();
	g_free(world);
	return 0;
}

void world_reopen(struct world *world)
{
	store_close(world->store);
	world->store = used->open();
}

struct counting {
	const char *tenant, *kind, *id;
	int count;
};

static bool change_count(const struct change *change, void *data)
{
	struct counting *counting = data;
	if (strcmp(change->tenant, counting->tenant) == 0 && strcmp(change->kind, counting->kind) == 0 &&
	    (!counting->id || strcmp(change->id, counting->id) == 0))
		counting->count++;
	return true;
}

int changes_of(struct store *store, const char *tenant, const char *kind, const char *id)
{
	struct counting counting = { tenant, kind, id, 0 };
	GOOD(change_list(reader_of(store), 0, change_count, &counting, &error));
	return counting.count;
}

static bool name_collect(const struct tenant *tenant, void *data)
{
	g_string_append_printf(data, "%s ", tenant->name);
	return true;
}

static void tenants_are_found_by_id_name_and_issuer(void **state)
{
	struct world *world = *state;
	world_reopen(world);
	struct unit *unit = reader_of(world->store);
	g_autoptr(tenant_t) by_id = NULL, by_name = NULL, by_issuer = NULL, nobody = NULL;
	FOUND_IS(FOUND, tenant_find(unit, TENANT_A, &by_id, &error));
	FOUND_IS(FOUND, tenant_find_named(unit, "acme", &by_name, &error));
	FOUND_IS(FOUND, tenant_find_issuer(unit, "https://acme.example", &by_issuer, &error));
	assert_string_equal(by_id->name, "acme");
	assert_string_equal(by_name->id, TENANT_A);
	assert_string_equal(by_issuer->id, TENANT_A);
	assert_int_equal(by_id->created_ms, NOW);
	assert_int_equal(by_id->policy.password.min_length, 15);
	FOUND_IS(MISSING, tenant_find(unit, "cccccccccccccccccccccccccc", &nobody, &error));
	FOUND_IS(MISSING, tenant_find_named(unit, "ACME", &nobody, &error));
	FOUND_IS(MISSING, tenant_find_issuer(unit, "https://acme.example/", &nobody, &error));
	assert_null(nobody);
	g_autoptr(GString) names = g_string_new("");
	GOOD(tenant_list(unit, name_collect, names, &error));
	assert_string_equal(names->str, "acme bolt ");
}

static void tenants_share_no_name_issuer_or_domain(void **state)
{
	struct world *world = *state;
	g_autoptr(tenant_t) same_name = tenant_of("cccccccccccccccccccccccccc", "acme");
	g_autoptr(json_t) issuer = json_of("{\"issuer\":\"https://acme.example\"}"), domain = json_of("{\"issuer\":\"https://c.example\",\"domains\":[{\"name\":\"ACME.example\"}]}");
	g_autoptr(json_t) none = json_object(), own = json_of("{\"issuer\":\"https://c.example\",\"domains\":[\"c.example\"]}");
	g_autoptr(tenant_t) same_issuer = tenant_new("cccccccccccccccccccccccccc", "other", issuer, NOW);
	g_autoptr(tenant_t) same_domain = tenant_new("cccccccccccccccccccccccccc", "other", domain, NOW);
	g_autoptr(tenant_t) no_issuer = tenant_new("cccccccccccccccccccccccccc", "other", none, NOW);
	g_autoptr(tenant_t) fine = tenant_new("cccccccccccccccccccccccccc", "other", own, NOW);
	g_autoptr(tenant_t) taking_name = tenant_new(TENANT_B, "acme", own, NOW), taking_issuer = tenant_new(TENANT_B, "bolt", issuer, NOW);
	struct unit *unit = write_begin(world->store);
	REFUSED(ERROR_CONFLICT, tenant_insert(unit, same_name, &error));
	REFUSED(ERROR_CONFLICT, tenant_insert(unit, same_issuer, &error));
	REFUSED(ERROR_MALFORMED, tenant_insert(unit, no_issuer, &error));
	REFUSED(ERROR_CONFLICT, tenant_update(unit, taking_name, &error));
	REFUSED(ERROR_CONFLICT, tenant_update(unit, taking_issuer, &error));
	REFUSED(ERROR_NOT_FOUND, tenant_update(unit, fine, &error));
	write_commit();
	unit = write_begin(world->store);
	REFUSED(ERROR_CONFLICT, tenant_insert(unit, same_domain, &error));
	write_undo();
	unit = write_begin(world->store);
	GOOD(tenant_insert(unit, fine, &error));
	write_commit();
}

static void a_tenant_is_updated_alone(void **state)
{
	struct world *world = *state;
	g_autoptr(json_t) settings = json_of("{\"issuer\":\"https://new.example\",\"locale\":\"en\",\"domains\":[],\"policy\":{\"tokens\":{\"access\":30}}}");
	g_autoptr(tenant_t) changed = tenant_new(TENANT_A, "acme", settings, NOW), a = NULL, b = NULL;
	int before = changes_of(world->store, TENANT_A, "tenant", TENANT_A);
	struct unit *unit = write_begin(world->store);
	GOOD(tenant_update(unit, changed, &error));
	write_commit();
	FOUND_IS(FOUND, tenant_find(reader_of(world->store), TENANT_A, &a, &error));
	FOUND_IS(FOUND, tenant_find(reader_of(world->store), TENANT_B, &b, &error));
	assert_string_equal(a->issuer, "https://new.example");
	assert_int_equal(a->policy.tokens.access_s, 30);
	assert_string_equal(b->issuer, "https://bolt.example");
	assert_int_equal(changes_of(world->store, TENANT_A, "tenant", TENANT_A), before + 1);
	/* The domain it gave up is free for another. */
	g_autoptr(json_t) taking = json_of("{\"issuer\":\"https://bolt.example\",\"domains\":[\"acme.example\"]}");
	g_autoptr(tenant_t) bolt = tenant_new(TENANT_B, "bolt", taking, NOW);
	unit = write_begin(world->store);
	GOOD(tenant_update(unit, bolt, &error));
	write_commit();
}

/* Everything a tenant can own, in both; then one goes. */
static void fill(struct unit *unit, const char *tenant)
{
	g_auto(account_t) account = account_of(ACCOUNT_1, "alice", NULL);
	g_auto(session_t) session = session_of(SESSION_1, 1, ACCOUNT_1);
	g_auto(grant_t) grant = grant_of(GRANT_1, ACCOUNT_1, "wiki", SESSION_1, true);
	g_auto(flow_t) flow = flow_of(1);
	g_auto(code_t) code = code_of(1, GRANT_1);
	g_auto(refresh_token_t) refresh = refresh_of(1, GRANT_1);
	g_auto(access_token_t) access = access_of(1, GRANT_1);
	g_auto(log_row_t) row = log_row_of("node-1", 1, NOW, "login");
	g_autoptr(json_t) settings = json_object();
	g_autoptr(client_t) client = client_new("wiki", settings);
	struct signing_key key = key_of("k");
	struct saml_key saml = saml_key_of("s", SAML_KEY_SIGNING);
	GOOD(account_insert(unit, tenant, &account, &error) && credential_set(unit, tenant, ACCOUNT_1, "hash", 0, &error));
	GOOD(session_insert(unit, tenant, &session, &error) && grant_insert(unit, tenant, &grant, &error) && flow_insert(unit, tenant, &flow, &error));
	GOOD(code_insert(unit, tenant, &code, &error) && refresh_insert(unit, tenant, &refresh, &error) && access_insert(unit, tenant, &access, &error));
	GOOD(log_insert(unit, tenant, &row, &error) && client_put(unit, tenant, client, &error) && key_insert(unit, tenant, &key, &error));
	GOOD(saml_key_insert(unit, tenant, &saml, &error));
	signing_key_clear(&key);
	saml_key_clear(&saml);
}

static enum found anything_found(struct unit *unit, const char *tenant)
{
	g_auto(account_t) account = { 0 };
	g_auto(session_t) session = { 0 };
	g_auto(grant_t) grant = { 0 };
	g_auto(flow_t) flow = { 0 };
	g_auto(code_t) code = { 0 };
	g_auto(refresh_token_t) refresh = { 0 };
	g_auto(access_token_t) access = { 0 };
	g_autoptr(client_t) client = NULL;
	g_autofree char *stored = NULL;
	struct log_tip tip = { 0 };
	enum found all[] = {
		account_find(unit, tenant, ACCOUNT_1, &account, NULL), session_find(unit, tenant, digest_of(1), &session, NULL),
		grant_find(unit, tenant, GRANT_1, &grant, NULL),       flow_find(unit, tenant, digest_of(1), &flow, NULL),
		code_find(unit, tenant, digest_of(1), &code, NULL),    refresh_find(unit, tenant, digest_of(1), &refresh, NULL),
		access_find(unit, tenant, digest_of(1), &access, NULL), client_find(unit, tenant, "wiki", &client, NULL),
		credential_find(unit, tenant, ACCOUNT_1, &stored, NULL),
	};
	GOOD(log_last(unit, tenant, "node-1", &tip, &error));
	assert_int_equal(tip.seq == 1, all[0] == FOUND);
	for (size_t i = 1; i < G_N_ELEMENTS(all); i++)
		assert_int_equal(all[i], all[0]);
	return all[0];
}

static void a_removed_tenant_takes_all_that_is_its_and_nothing_else(void **state)
{
	struct world *world = *state;
	struct unit *unit = write_begin(world->store);
	fill(unit, TENANT_A);
	fill(unit, TENANT_B);
	write_commit();
	assert_int_equal(anything_found(reader_of(world->store), TENANT_A), FOUND);
	unit = write_begin(world->store);
	GOOD(tenant_remove(unit, TENANT_A, &error));
	REFUSED(ERROR_NOT_FOUND, tenant_remove(unit, TENANT_A, &error));
	write_commit();
	assert_int_equal(anything_found(reader_of(world->store), TENANT_A), MISSING);
	assert_int_equal(anything_found(reader_of(world->store), TENANT_B), FOUND);
	g_autoptr(tenant_t) gone = NULL;
	FOUND_IS(MISSING, tenant_find(reader_of(world->store), TENANT_A, &gone, &error));
	assert_true(changes_of(world->store, TENANT_A, "tenant", TENANT_A) >= 2);
	/* Its name, issuer and domain are free; the one made under them is another. */
	tenant_make(world->store, "cccccccccccccccccccccccccc", "acme");
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(tenants_are_found_by_id_name_and_issuer),
	WORLD_TEST(tenants_share_no_name_issuer_or_domain),
	WORLD_TEST(a_tenant_is_updated_alone),
	WORLD_TEST(a_removed_tenant_takes_all_that_is_its_and_nothing_else),
};
TEST_GROUP(tenant_conformance, tests);
