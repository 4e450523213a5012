/* The front's memory: a change holds for every request that begins after it, from this process or another; nothing else is dropped. */
#include "child.h"
#include "tests.h"
#include "gateway/store/unit.h"
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

struct place {
	char *folder, *address;
	struct root_keys *keys;
	struct store *store;
	struct cache *cache;
	GString *told;
};

static void told(const struct change *change, void *data)
{
	g_string_append_printf(data, "%s:%s ", change->kind, change->id);
}

static int set_up(void **state)
{
	struct place *place = g_new0(struct place, 1);
	place->folder = folder_make();
	place->address = address_in(place->folder);
	place->keys = keys_of(1);
	GOOD((place->store = store_at(place->address, place->keys, &error)));
	tenant_make(place->store, TENANT_A, "acme");
	tenant_make(place->store, TENANT_B, "bolt");
	place->cache = cache_new(place->store, 100);
	place->told = g_string_new("");
	cache_subscribe(place->cache, told, place->told);
	GOOD(cache_refresh(place->cache, &error));
	assert_string_equal(place->told->str, "all: ");
	g_string_truncate(place->told, 0);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	write_abandon();
	cache_free(place->cache);
	store_close(place->store);
	root_keys_free(place->keys);
	folder_remove(place->folder);
	g_string_free(place->told, TRUE);
	g_free(place->address);
	g_free(place);
	return 0;
}

static bool client_write(struct unit *unit, void *data, GError **error)
{
	g_autoptr(json_t) settings = json_pack("{s:s}", "client_name", (const char *)data);
	g_autoptr(client_t) client = client_new("wiki", settings);
	return client_put(unit, TENANT_A, client, error);
}

static void put_client(struct place *place, const char *name)
{
	GOOD(store_write(place->store, client_write, (char *)(uintptr_t)name, &error));
}

static struct client *client_now(struct place *place)
{
	struct client *client = NULL;
	GOOD(cache_refresh(place->cache, &error));
	FOUND_IS(FOUND, cache_client(place->cache, TENANT_A, "wiki", &client, &error));
	return client;
}

static void a_change_holds_at_once(void **state)
{
	struct place *place = *state;
	g_autoptr(client_t) none = NULL;
	FOUND_IS(MISSING, cache_client(place->cache, TENANT_A, "wiki", &none, &error));
	put_client(place, "one");
	g_autoptr(client_t) one = client_now(place), same = client_now(place);
	assert_string_equal(one->client_name, "one");
	assert_ptr_equal(one, same);
	put_client(place, "two");
	g_autoptr(client_t) two = client_now(place);
	assert_string_equal(two->client_name, "two");
	assert_string_equal(one->client_name, "one"); /* who holds the old one keeps it */
	FOUND_IS(MISSING, cache_client(place->cache, TENANT_B, "wiki", &none, &error));
	assert_string_equal(place->told->str, "client:wiki client:wiki ");
}

static void a_change_of_another_process_holds_at_once(void **state)
{
	struct place *place = *state;
	put_client(place, "ours");
	g_autoptr(client_t) before = client_now(place);
	assert_string_equal(before->client_name, "ours");
	int output;
	pid_t child = child_start(place->address, "client theirs", &output);
	assert_true(child_wait(child));
	close(output);
	g_autoptr(client_t) after = client_now(place);
	assert_string_equal(after->client_name, "theirs");
}

static void tenants_go_with_all_that_is_theirs_and_hosts_follow(void **state)
{
	struct place *place = *state;
	g_autoptr(tenant_t) by_issuer = NULL, by_name = NULL, bolt = NULL, bolt_again = NULL, gone = NULL;
	g_autoptr(client_t) client = NULL, client_gone = NULL;
	put_client(place, "one");
	client = client_now(place);
	FOUND_IS(FOUND, cache_tenant_by_issuer(place->cache, "https://acme.example", &by_issuer, &error));
	FOUND_IS(FOUND, cache_tenant_by_name(place->cache, "acme", &by_name, &error));
	FOUND_IS(FOUND, cache_tenant_by_name(place->cache, "bolt", &bolt, &error));
	assert_true(cache_host_known(place->cache, "acme.example") && cache_host_known(place->cache, "bolt.example"));
	assert_false(cache_host_known(place->cache, "evil.example"));
	assert_false(cache_host_known(place->cache, "acme.example:8443"));
	struct unit *unit = write_begin(place->store);
	GOOD(tenant_remove(unit, TENANT_A, &error));
	write_commit();
	GOOD(cache_refresh(place->cache, &error));
	FOUND_IS(MISSING, cache_tenant_by_issuer(place->cache, "https://acme.example", &gone, &error));
	FOUND_IS(MISSING, cache_tenant_by_name(place->cache, "acme", &gone, &error));
	FOUND_IS(MISSING, cache_client(place->cache, TENANT_A, "wiki", &client_gone, &error));
	FOUND_IS(FOUND, cache_tenant_by_name(place->cache, "bolt", &bolt_again, &error));
	assert_ptr_equal(bolt, bolt_again);
	assert_true(!cache_host_known(place->cache, "acme.example") && cache_host_known(place->cache, "bolt.example"));
}

static void hosts_are_lower_case_with_their_port(void **state)
{
	struct place *place = *state;
	g_autoptr(json_t) settings = json_of("{\"issuer\":\"http://LocalHost:8080/t/acme\"}");
	g_autoptr(tenant_t) tenant = tenant_new(TENANT_A, "acme", settings, NOW);
	struct unit *unit = write_begin(place->store);
	GOOD(tenant_update(unit, tenant, &error));
	write_commit();
	GOOD(cache_refresh(place->cache, &error));
	assert_true(cache_host_known(place->cache, "localhost:8080"));
	assert_true(!cache_host_known(place->cache, "localhost") && !cache_host_known(place->cache, "acme.example"));
}

static void keyrings_and_resources_follow(void **state)
{
	struct place *place = *state;
	g_autoptr(keyring_t) empty = NULL, full = NULL, other = NULL;
	FOUND_IS(FOUND, cache_keyring(place->cache, TENANT_A, &empty, &error));
	assert_int_equal(keyring_algorithms(empty), 0);
	g_autoptr(jose_key_t) key = jose_key_generate(JOSE_ES256);
	struct signing_key stored = { .kid = g_strdup(jose_key_id(key)), .algorithm = JOSE_ES256, .state = KEY_STATE_ACTIVE, .pkcs8 = jose_key_export(key), .created_ms = NOW };
	g_autoptr(json_t) first = json_of("{\"scopes\":[\"a\"]}"), second = json_of("{\"scopes\":[\"b\"]}");
	g_autoptr(resource_t) put_first = resource_new("https://api", first), put_second = resource_new("https://api", second), seen_first = NULL, seen_second = NULL;
	struct unit *unit = write_begin(place->store);
	GOOD(key_insert(unit, TENANT_A, &stored, &error) && resource_put(unit, TENANT_A, put_first, &error));
	write_commit();
	GOOD(cache_refresh(place->cache, &error));
	FOUND_IS(FOUND, cache_keyring(place->cache, TENANT_A, &full, &error));
	FOUND_IS(FOUND, cache_keyring(place->cache, TENANT_B, &other, &error));
	assert_non_null(keyring_signer(full, JOSE_ES256));
	assert_null(keyring_signer(other, JOSE_ES256));
	FOUND_IS(FOUND, cache_resource(place->cache, TENANT_A, "https://api", &seen_first, &error));
	unit = write_begin(place->store);
	GOOD(resource_put(unit, TENANT_A, put_second, &error));
	write_commit();
	GOOD(cache_refresh(place->cache, &error));
	FOUND_IS(FOUND, cache_resource(place->cache, TENANT_A, "https://api", &seen_second, &error));
	assert_string_equal(seen_first->scopes, "a");
	assert_string_equal(seen_second->scopes, "b");
	signing_key_clear(&stored);
}

static void what_others_hold_is_told(void **state)
{
	struct place *place = *state;
	g_auto(session_t) session = session_of(SESSION_1, 1, ACCOUNT_1);
	g_auto(grant_t) grant = grant_of(GRANT_1, ACCOUNT_1, "wiki", SESSION_1, false);
	struct unit *unit = write_begin(place->store);
	GOOD(session_insert(unit, TENANT_A, &session, &error) && grant_insert(unit, TENANT_A, &grant, &error));
	write_commit();
	GOOD(cache_refresh(place->cache, &error));
	assert_string_equal(place->told->str, "");
	unit = write_begin(place->store);
	GOOD(session_end(unit, TENANT_A, SESSION_1, NOW, &error) && jti_revoke(unit, TENANT_A, "jti-1", NOW, &error));
	write_commit();
	GOOD(cache_refresh(place->cache, &error));
	assert_string_equal(place->told->str, "session:" SESSION_1 " grant:" GRANT_1 " token:jti-1 ");
}

/* Rows purged before they were read, and more rows than are worth naming: everything goes. */
static void a_gap_drops_everything(void **state)
{
	struct place *place = *state;
	static const char forget[] = "DELETE FROM change";
	put_client(place, "one");
	client_unref(client_now(place));
	g_string_truncate(place->told, 0);
	struct unit *unit = write_begin(place->store);
	g_autoptr(json_t) settings = json_of("{\"client_name\":\"two\"}");
	g_autoptr(client_t) put = client_new("wiki", settings);
	GOOD(client_put(unit, TENANT_A, put, &error) && unit_run(unit, NULL, &error, forget, NULL, 0));
	write_commit();
	g_autoptr(client_t) two = client_now(place);
	assert_string_equal(two->client_name, "two");
	assert_string_equal(place->told->str, "all: ");
	g_string_truncate(place->told, 0);
	unit = write_begin(place->store);
	for (int i = 0; i < 300; i++)
		GOOD(jti_revoke(unit, TENANT_A, "x", NOW, &error));
	write_commit();
	GOOD(cache_refresh(place->cache, &error));
	assert_string_equal(place->told->str, "all: ");
}

static void memory_is_bounded(void **state)
{
	struct place *place = *state;
	struct cache *small = cache_new(place->store, 2);
	GOOD(cache_refresh(small, &error));
	put_client(place, "one");
	g_autoptr(tenant_t) acme = NULL, acme_again = NULL, bolt = NULL;
	g_autoptr(client_t) client = NULL;
	GOOD(cache_refresh(small, &error));
	FOUND_IS(FOUND, cache_tenant_by_name(small, "acme", &acme, &error));
	FOUND_IS(FOUND, cache_tenant_by_name(small, "bolt", &bolt, &error));
	FOUND_IS(FOUND, cache_client(small, TENANT_A, "wiki", &client, &error)); /* acme, the oldest, leaves */
	FOUND_IS(FOUND, cache_tenant_by_name(small, "acme", &acme_again, &error));
	assert_ptr_not_equal(acme, acme_again);
	cache_free(small);
}

/* A hundred changes while four threads read: nobody may see a value older than one that had been acknowledged when it began. */
struct racing {
	struct place *place;
	atomic_int published, stale, broken;
	atomic_bool over;
};

static void *race_reader(void *data)
{
	struct racing *racing = data;
	while (!atomic_load(&racing->over)) {
		int at_least = atomic_load(&racing->published);
		g_autoptr(client_t) client = NULL;
		if (!cache_refresh(racing->place->cache, NULL) || cache_client(racing->place->cache, TENANT_A, "wiki", &client, NULL) != FOUND)
			atomic_fetch_add(&racing->broken, 1);
		else if (g_ascii_strtoll(client->client_name, NULL, 10) < at_least)
			atomic_fetch_add(&racing->stale, 1);
	}
	return NULL;
}

static void nobody_sees_what_was_changed_before(void **state)
{
	struct place *place = *state;
	struct racing racing = { .place = place };
	put_client(place, "0");
	pthread_t readers[4];
	for (size_t i = 0; i < G_N_ELEMENTS(readers); i++)
		assert_int_equal(pthread_create(&readers[i], NULL, race_reader, &racing), 0);
	for (int i = 1; i <= 300; i++) {
		g_autofree char *name = g_strdup_printf("%d", i);
		put_client(place, name);
		atomic_store(&racing.published, i);
	}
	atomic_store(&racing.over, true);
	for (size_t i = 0; i < G_N_ELEMENTS(readers); i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(racing.stale, 0);
	assert_int_equal(racing.broken, 0);
}

#define PLACE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
static const struct CMUnitTest tests[] = {
	PLACE_TEST(a_change_holds_at_once),
	PLACE_TEST(a_change_of_another_process_holds_at_once),
	PLACE_TEST(tenants_go_with_all_that_is_theirs_and_hosts_follow),
	PLACE_TEST(hosts_are_lower_case_with_their_port),
	PLACE_TEST(keyrings_and_resources_follow),
	PLACE_TEST(what_others_hold_is_told),
	PLACE_TEST(a_gap_drops_everything),
	PLACE_TEST(memory_is_bounded),
	PLACE_TEST(nobody_sees_what_was_changed_before),
};
TEST_GROUP(cache_tests, tests);
