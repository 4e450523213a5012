/* Documents kept: one fetch for many askers, good copies that nothing bad replaces, renewals that a stranger's key ids can not multiply (SECURITY OP-9). */
#include "fetch_rig.h"

#include "base/clock.h"
#include "base/errors.h"
#include "providers/fetch_cache.h"

#include <pthread.h>
#include <string.h>

struct shelf {
	struct fetcher *fetcher;
	struct document_cache *cache;
	char *url;
};

/* A document is good when it begins with "keys". */
static bool is_keys(const char *body, size_t length, void *data, GError **error)
{
	(void)data;
	return (length >= 4 && memcmp(body, "keys", 4) == 0) || (fail)(error, ERROR_MALFORMED, "no keys in it");
}

static struct document_request request_of(const struct shelf *shelf, const char *owner)
{
	return (struct document_request){.owner = owner, .url = shelf->url, .declared_host = "127.0.0.1", .is_good = is_keys, .deadline_ms = clock_monotonic_ms() + 10000};
}

static struct shelf shelf_new(struct document_cache_options options)
{
	struct shelf shelf = {.fetcher = fetch_rig_fetcher((struct fetch_options){.retry_after_ms = 1}), .url = fetch_rig_url("https", "127.0.0.1", "good", "/document")};

	shelf.cache = document_cache_new(shelf.fetcher, &options);
	fetch_rig_ask("release");
	return shelf;
}

static void shelf_clear(struct shelf *shelf)
{
	document_cache_free(shelf->cache);
	fetcher_free(shelf->fetcher);
	g_free(shelf->url);
}
typedef struct shelf shelf_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(shelf_t, shelf_clear)

static unsigned fetches(void)
{
	return fetch_rig_ask("requests /document");
}

static void get(const struct shelf *shelf, const char *owner, const char *expected)
{
	struct document_request request = request_of(shelf, owner);
	g_autoptr(cached_document_t) document = NULL;
	char trouble[256] = "";
	enum fetch_result result = document_get(shelf->cache, &request, &document, trouble);

	if (result != FETCH_OK)
		fail_msg("%s: %s", fetch_result_name(result), trouble);
	assert_string_equal(document->body, expected);
	assert_int_equal(document->length, strlen(expected));
}

static void a_fresh_document_is_fetched_once(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){0});
	unsigned before = fetches();

	(void)state;
	fetch_rig_ask("document 200 max-age=600 keys 1");
	get(&shelf, "a/idp", "keys 1");
	fetch_rig_ask("document 200 max-age=600 keys 2");
	for (int i = 0; i < 20; i++)
		get(&shelf, "a/idp", "keys 1");
	assert_int_equal(fetches(), before + 1);
	get(&shelf, "b/idp", "keys 2"); /* another tenant has a copy of its own */
	document_forget(shelf.cache, "a/idp");
	get(&shelf, "a/idp", "keys 2");
	assert_int_equal(fetches(), before + 3);
}

/* Bounds on what the headers say: shorter is made longer, longer shorter. */
static void headers_are_believed_within_bounds(void **state)
{
	static const struct {
		const char *control;
		int64_t min_ms, max_ms;
		bool kept;
	} rows[] = {
		{"no-store", 60000, 120000, true}, {"-", 60000, 120000, true}, {"max-age=31536000", 1, 1, false}, {"max-age=600", 1, 60000, true}, {"max-age=0", 1, 60000, false},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){.fresh_min_ms = rows[i].min_ms, .fresh_max_ms = rows[i].max_ms});
		fetch_rig_ask("document 200 %s keys 1", rows[i].control);
		get(&shelf, "a/idp", "keys 1");
		fetch_rig_ask("document 200 %s keys 2", rows[i].control);
		int64_t got_ms = clock_monotonic_ms();
		while (clock_monotonic_ms() < got_ms + 5)
			g_usleep(1000);
		get(&shelf, "a/idp", rows[i].kept ? "keys 1" : "keys 2");
	}
}

/* Everything but a good document leaves the good copy where it is. */
static void garbage_never_evicts(void **state)
{
	static const char *const answers[] = {"200 max-age=600 garbage", "200 - {}", "404 - keys 9", "302 - keys 9", "500 - keys 9", "204 - "};
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){.fresh_min_ms = 1, .fresh_max_ms = 1, .retry_after_ms = 1});
	unsigned before = fetches();

	(void)state;
	fetch_rig_ask("document 200 - keys 1");
	get(&shelf, "a/idp", "keys 1");
	for (size_t i = 0; i < TEST_COUNT(answers); i++) {
		unsigned asked = fetches();
		fetch_rig_ask("document %s", answers[i]);
		while (fetches() == asked) /* until a refresh has really seen it */
			get(&shelf, "a/idp", "keys 1");
		get(&shelf, "a/idp", "keys 1");
	}
	assert_true(fetches() >= before + 1 + TEST_COUNT(answers));
	fetch_rig_ask("document 200 - keys 2");
	for (int64_t until_ms = soon(); clock_monotonic_ms() < until_ms;) {
		struct document_request request = request_of(&shelf, "a/idp");
		g_autoptr(cached_document_t) document = NULL;
		assert_int_equal(document_get(shelf.cache, &request, &document, NULL), FETCH_OK);
		if (strcmp(document->body, "keys 2") == 0)
			return;
	}
	fail_msg("never renewed");
}

static void a_copy_that_can_not_be_renewed_is_given_up_at_last(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){.fresh_min_ms = 1, .fresh_max_ms = 1, .retry_after_ms = 1, .stale_max_ms = 1});
	struct document_request request = request_of(&shelf, "a/idp");
	g_autoptr(cached_document_t) document = NULL;
	char trouble[256] = "";

	(void)state;
	fetch_rig_ask("document 200 - keys 1");
	get(&shelf, "a/idp", "keys 1");
	fetch_rig_ask("document 200 - garbage");
	for (int64_t got_ms = clock_monotonic_ms(); clock_monotonic_ms() < got_ms + 5;)
		g_usleep(1000);
	assert_int_equal(document_get(shelf.cache, &request, &document, trouble), FETCH_MALFORMED);
	assert_non_null(strstr(trouble, "no keys"));
}

/* A server that is down is not asked by each sign-in anew. */
static void a_failure_is_remembered_for_a_while(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){0});
	unsigned before = fetches();

	(void)state;
	fetch_rig_ask("document 503 - busy");
	for (int i = 0; i < 10; i++) {
		struct document_request request = request_of(&shelf, "a/idp");
		g_autoptr(cached_document_t) document = NULL;
		char trouble[256] = "";
		assert_int_equal(document_get(shelf.cache, &request, &document, trouble), FETCH_MALFORMED);
		assert_non_null(strstr(trouble, "503"));
		assert_null(document);
	}
	assert_int_equal(fetches(), before + 1);
}

#define ASKERS 100
static struct asking {
	const struct shelf *shelf;
	pthread_barrier_t *together;
	const struct cached_document *seen; /* renew; NULL: get */
	enum fetch_result result;
	const struct cached_document *got;
} askings[ASKERS];

static void *ask(void *data)
{
	struct asking *asking = data;
	struct document_request request = request_of(asking->shelf, "a/idp");

	pthread_barrier_wait(asking->together);
	asking->result = document_renew(asking->shelf->cache, &request, asking->seen, &asking->got, NULL);
	return NULL;
}

/* The document is held until its fetch is under way, so that the askers have time to pile up behind it. */
static void all_ask(const struct shelf *shelf, const struct cached_document *seen)
{
	pthread_t threads[ASKERS];
	pthread_barrier_t together;
	unsigned before = fetches();

	fetch_rig_ask("hold");

	pthread_barrier_init(&together, NULL, ASKERS);
	for (size_t i = 0; i < ASKERS; i++) {
		askings[i] = (struct asking){.shelf = shelf, .together = &together, .seen = seen};
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &askings[i]), 0);
	}
	while (fetches() == before)
		g_usleep(1000);
	fetch_rig_ask("release");
	for (size_t i = 0; i < ASKERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&together);
}

static void a_hundred_askers_are_one_fetch(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){0});
	unsigned before = fetches();

	(void)state;
	fetch_rig_ask("document 200 max-age=600 keys 1");
	all_ask(&shelf, NULL);
	for (size_t i = 0; i < ASKERS; i++) {
		assert_int_equal(askings[i].result, FETCH_OK);
		assert_ptr_equal(askings[i].got, askings[0].got);
		cached_document_unref(askings[i].got);
	}
	assert_int_equal(fetches(), before + 1);
}

/* And a failure is one failure for all of them. */
static void a_hundred_askers_share_a_failure(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){0});
	unsigned before = fetches();

	(void)state;
	fetch_rig_ask("document 200 - garbage");
	all_ask(&shelf, NULL);
	for (size_t i = 0; i < ASKERS; i++)
		assert_int_equal(askings[i].result, FETCH_MALFORMED);
	assert_int_equal(fetches(), before + 1);
}

static void a_hundred_unknown_keys_are_one_fetch_and_all_see_it(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){0});
	struct document_request request = request_of(&shelf, "a/idp");
	g_autoptr(cached_document_t) old = NULL;
	unsigned before = fetches();

	(void)state;
	fetch_rig_ask("document 200 max-age=600 keys 1");
	assert_int_equal(document_get(shelf.cache, &request, &old, NULL), FETCH_OK);
	fetch_rig_ask("document 200 max-age=600 keys 2");
	all_ask(&shelf, old);
	for (size_t i = 0; i < ASKERS; i++) {
		assert_int_equal(askings[i].result, FETCH_OK);
		assert_string_equal(askings[i].got->body, "keys 2");
		cached_document_unref(askings[i].got);
	}
	assert_int_equal(fetches(), before + 2);
	assert_string_equal(old->body, "keys 1"); /* whoever holds it may go on reading */
}

/* A thousand made-up key ids, one after the other, each asking with the newest copy at hand. */
static void a_thousand_random_keys_are_one_fetch(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){0});
	struct document_request request = request_of(&shelf, "a/idp");
	g_autoptr(cached_document_t) held = NULL;
	unsigned before = fetches();

	(void)state;
	fetch_rig_ask("document 200 max-age=600 keys 1");
	assert_int_equal(document_get(shelf.cache, &request, &held, NULL), FETCH_OK);
	for (int i = 0; i < 1000; i++) {
		const struct cached_document *newer = NULL;
		assert_int_equal(document_renew(shelf.cache, &request, held, &newer, NULL), FETCH_OK);
		if (i > 0)
			assert_ptr_equal(newer, held);
		cached_document_unref(held);
		held = newer;
	}
	assert_int_equal(fetches(), before + 2);
}

static void a_renewal_that_brings_garbage_changes_nothing(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){.forced_pause_ms = 1, .retry_after_ms = 1});
	struct document_request request = request_of(&shelf, "a/idp");
	g_autoptr(cached_document_t) old = NULL, same = NULL;
	char trouble[256] = "";

	(void)state;
	fetch_rig_ask("document 200 max-age=600 keys 1");
	assert_int_equal(document_get(shelf.cache, &request, &old, NULL), FETCH_OK);
	fetch_rig_ask("document 200 max-age=600 garbage");
	unsigned before = fetches();
	assert_int_equal(document_renew(shelf.cache, &request, old, &same, trouble), FETCH_OK);
	assert_non_null(strstr(trouble, "no keys"));
	assert_ptr_equal(same, old);
	assert_int_equal(fetches(), before + 1);
	get(&shelf, "a/idp", "keys 1");
}

/* Who may not wait takes what is there: in force, or with `old_too` what is over but not yet given up. It asks nobody. */
static void what_is_at_hand_is_given_without_asking(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){.fresh_min_ms = 1, .fresh_max_ms = 1});
	g_auto(shelf_t) lasting = shelf_new((struct document_cache_options){0});
	struct document_request request = request_of(&shelf, "a/idp"), other = request_of(&shelf, "b/idp");
	g_autoptr(cached_document_t) fresh = NULL, old = NULL;

	(void)state;
	assert_null(document_at_hand(lasting.cache, &request, true));
	fetch_rig_ask("document 200 max-age=600 keys 1");
	get(&shelf, "a/idp", "keys 1");
	get(&lasting, "a/idp", "keys 1");
	unsigned before = fetches();
	for (int64_t got_ms = clock_monotonic_ms(); clock_monotonic_ms() < got_ms + 5;)
		g_usleep(1000);
	assert_non_null(fresh = document_at_hand(lasting.cache, &request, false));
	assert_string_equal(fresh->body, "keys 1");
	assert_null(document_at_hand(lasting.cache, &other, true));
	assert_null(document_at_hand(shelf.cache, &request, false));
	assert_non_null(old = document_at_hand(shelf.cache, &request, true));
	assert_int_equal(fetches(), before);
}

/* While one renews a copy that is over, the others are not kept waiting. */
static void nobody_waits_for_anothers_refresh(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){.fresh_min_ms = 1, .fresh_max_ms = 1});
	pthread_barrier_t together;
	pthread_t thread;

	(void)state;
	fetch_rig_ask("document 200 - keys 1");
	get(&shelf, "a/idp", "keys 1");
	fetch_rig_ask("document 200 - keys 2");
	fetch_rig_ask("hold");
	for (int64_t got_ms = clock_monotonic_ms(); clock_monotonic_ms() < got_ms + 5;)
		g_usleep(1000);
	unsigned before = fetches();
	pthread_barrier_init(&together, NULL, 1);
	askings[0] = (struct asking){.shelf = &shelf, .together = &together};
	assert_int_equal(pthread_create(&thread, NULL, ask, &askings[0]), 0);
	while (fetches() == before)
		g_usleep(1000);
	int64_t started_ms = clock_monotonic_ms();
	get(&shelf, "a/idp", "keys 1");
	assert_in_range(clock_monotonic_ms() - started_ms, 0, 4000); /* the one that is held would be given up after 8 s */
	fetch_rig_ask("release");
	pthread_join(thread, NULL);
	assert_string_equal(askings[0].got->body, "keys 2");
	cached_document_unref(askings[0].got);
	pthread_barrier_destroy(&together);
}

static void the_shelf_is_bounded(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){.entries_max = 4});
	unsigned before = fetches();

	(void)state;
	fetch_rig_ask("document 200 max-age=600 keys 1");
	for (int i = 0; i < 12; i++) {
		g_autofree char *owner = g_strdup_printf("t%d/idp", i);
		get(&shelf, owner, "keys 1");
	}
	assert_int_equal(fetches(), before + 12);
	get(&shelf, "t11/idp", "keys 1");
	get(&shelf, "t10/idp", "keys 1");
	assert_int_equal(fetches(), before + 12);
	get(&shelf, "t0/idp", "keys 1"); /* had to go */
	assert_int_equal(fetches(), before + 13);
}

/* One tenant's many documents push out his own. */
static void an_owner_crowds_out_himself_only(void **state)
{
	g_auto(shelf_t) shelf = shelf_new((struct document_cache_options){0});
	g_autofree char *url = g_steal_pointer(&shelf.url);

	(void)state;
	fetch_rig_ask("document 200 max-age=600 keys 1");
	shelf.url = g_strdup(url);
	get(&shelf, "modest/idp", "keys 1");
	for (int i = 0; i < 40; i++) {
		g_free(shelf.url);
		shelf.url = g_strdup_printf("%s?%d", url, i);
		get(&shelf, "greedy/idp", "keys 1");
	}
	unsigned before = fetches();
	get(&shelf, "greedy/idp", "keys 1");
	g_free(shelf.url);
	shelf.url = g_strdup(url);
	get(&shelf, "modest/idp", "keys 1");
	assert_int_equal(fetches(), before);
	g_free(shelf.url);
	shelf.url = g_strdup_printf("%s?0", url);
	get(&shelf, "greedy/idp", "keys 1");
	assert_int_equal(fetches(), before + 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_fresh_document_is_fetched_once),
	cmocka_unit_test(headers_are_believed_within_bounds),
	cmocka_unit_test(garbage_never_evicts),
	cmocka_unit_test(a_copy_that_can_not_be_renewed_is_given_up_at_last),
	cmocka_unit_test(a_failure_is_remembered_for_a_while),
	cmocka_unit_test(a_hundred_askers_are_one_fetch),
	cmocka_unit_test(a_hundred_askers_share_a_failure),
	cmocka_unit_test(a_hundred_unknown_keys_are_one_fetch_and_all_see_it),
	cmocka_unit_test(a_thousand_random_keys_are_one_fetch),
	cmocka_unit_test(a_renewal_that_brings_garbage_changes_nothing),
	cmocka_unit_test(what_is_at_hand_is_given_without_asking),
	cmocka_unit_test(nobody_waits_for_anothers_refresh),
	cmocka_unit_test(the_shelf_is_bounded),
	cmocka_unit_test(an_owner_crowds_out_himself_only),
};
const struct test_list fetch_documents_list = {tests, TEST_COUNT(tests)};
