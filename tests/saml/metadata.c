/* Metadata at an address that changes: what is taken over and told, what is not, and how long a copy is kept. */
#include "idp.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "fetch_rig.h"
#include "providers/drivers.h"
#include "providers/fetch_cache.h"
#include "providers/verifier/verifier.h"

#include <string.h>

#define OTHER_ENTITY "https://other.example/metadata"

static struct verifier *verifier;
static struct fetcher *fetcher;
static char *url;

static int metadata_open(void **state)
{
	const struct verifier_options options = {.program = CHILD_PROGRAM, .children = 1, .message_ms = 10000};

	(void)state;
	fetch_rig_open();
	verifier = verifier_new(&options, NULL);
	fetcher = fetch_rig_fetcher((struct fetch_options){.retry_after_ms = 1});
	url = fetch_rig_url("https", "127.0.0.1", "good", "/document");
	return 0;
}

static int metadata_close(void **state)
{
	(void)state;
	fetcher_free(fetcher);
	verifier_free(verifier);
	fetch_rig_close();
	g_free(url);
	return 0;
}

static void publish(const struct paper *paper, const char *control)
{
	g_autofree char *text = idp_metadata(paper);

	fetch_rig_ask("document 200 %s %s", control, text);
}

/* An opened provider with documents of its own, which it looks at again at each use unless they say otherwise. */
struct bench {
	struct document_cache *cache;
	json_t *settings;
	void *driver;
};

static struct bench bench_open(const char *pinned)
{
	const struct document_cache_options options = {.fresh_min_ms = 1, .retry_after_ms = 1};
	struct bench bench = {.cache = document_cache_new(fetcher, &options), .settings = json_pack("{s:s, s:s*}", "metadata_url", url, "idp_entity_id", pinned)};
	const struct provider_place place = {.tenant = "t1", .name = "okta", .verifier = verifier, .documents = bench.cache, .fetcher = fetcher};

	assert_true(provider_saml.open(&place, bench.settings, &bench.driver, NULL));
	return bench;
}

static void bench_clear(struct bench *bench)
{
	provider_saml.close(bench->driver);
	document_cache_free(bench->cache);
	json_decref(bench->settings);
}
typedef struct bench bench_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(bench_t, bench_clear)

/* The copy's time passes: its own shortest is one millisecond. */
static void time_passes(void)
{
	int64_t now_ms = clock_monotonic_ms();

	while (clock_monotonic_ms() < now_ms + 3)
		g_usleep(500);
}

static enum reason begin(const struct bench *bench, struct provider_answer *answer)
{
	const struct provider_begin input = {.callback_url = SP_ACS, .state = "opaque", .max_age_s = -1, .now_ms = NOW_MS, .deadline_ms = clock_monotonic_ms() + 20000};

	time_passes();
	*answer = (struct provider_answer){0};
	provider_saml.begin(bench->driver, &input, answer);
	return answer->verdict == VERDICT_MORE ? REASON_OK : answer->reason;
}

static enum reason begin_only(const struct bench *bench)
{
	g_auto(provider_answer_t) answer = {0};

	return begin(bench, &answer);
}

static enum reason sign_in(const struct bench *bench, enum pair_name signer)
{
	g_auto(provider_answer_t) begun = {0}, answer = {0};
	struct shape shape = shape_good();

	assert_int_equal(begin(bench, &begun), REASON_OK);
	g_autoptr(json_t) kept = json_parse((const char *)secret_bytes(begun.keep), secret_length(begun.keep), 4096, NULL);
	shape.in_response_to = shape.confirmation_in_response_to = json_string_at(kept, "id");
	shape.signer = signer;
	g_autofree char *xml = idp_response(&shape), *field = base64_encode(xml, strlen(xml));
	g_autoptr(GString) body = g_string_new("");
	form_append(body, "SAMLResponse", field);
	g_autoptr(form_t) reply = form_parse(body->str, body->len, NULL);
	const struct provider_complete input = {.sealed = secret_bytes(begun.keep), .sealed_length = secret_length(begun.keep), .callback_url = SP_ACS, .reply = reply, .now_ms = NOW_MS,
	                                        .deadline_ms = clock_monotonic_ms() + 20000};
	provider_saml.complete(bench->driver, &input, &answer);
	return answer.verdict == VERDICT_OK ? REASON_OK : answer.reason;
}

static struct provider_outlook watch(const struct bench *bench)
{
	struct provider_outlook outlook = {0};

	time_passes();
	provider_saml.watch(bench->driver, NOW_MS, clock_monotonic_ms() + 20000, &outlook);
	return outlook;
}

/* How many changes begin with that. */
static size_t changes_with(const struct provider_outlook *outlook, const char *start)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(outlook->changes); i++)
		count += g_str_has_prefix(json_string_value(json_array_get(outlook->changes, i)), start) ? 1 : 0;
	return count;
}

static void a_change_of_keys_is_taken_over_and_told(void **state)
{
	const struct paper before = {0}, both = {.keys = {PAIR_IDP, PAIR_IDP_NEXT}, .key_count = 2}, after = {.keys = {PAIR_IDP_NEXT}, .key_count = 1, .sso = "https://idp.example/new"};
	g_auto(bench_t) bench = bench_open(NULL);

	(void)state;
	publish(&before, "max-age=0");
	assert_int_equal(sign_in(&bench, PAIR_IDP), REASON_OK);
	assert_int_equal(sign_in(&bench, PAIR_IDP_NEXT), REASON_TOKEN_SIGNATURE);
	publish(&both, "max-age=0");
	assert_int_equal(sign_in(&bench, PAIR_IDP), REASON_OK);
	assert_int_equal(sign_in(&bench, PAIR_IDP_NEXT), REASON_OK);
	g_auto(provider_outlook_t) first = watch(&bench);
	assert_int_equal(json_array_size(first.changes), 1);
	assert_int_equal(changes_with(&first, "new: signing certificate "), 1);
	assert_int_equal(json_array_size(first.expiries), 2);
	publish(&after, "max-age=0");
	assert_int_equal(sign_in(&bench, PAIR_IDP), REASON_TOKEN_SIGNATURE);
	assert_int_equal(sign_in(&bench, PAIR_IDP_NEXT), REASON_OK);
	g_auto(provider_outlook_t) second = watch(&bench), third = watch(&bench);
	assert_int_equal(json_array_size(second.changes), 3);
	assert_int_equal(changes_with(&second, "gone: signing certificate "), 1);
	assert_int_equal(changes_with(&second, "gone: sso address https://idp.example/sso by redirect"), 1);
	assert_int_equal(changes_with(&second, "new: sso address https://idp.example/new by redirect"), 1);
	assert_int_equal(json_array_size(third.changes), 0);
}

/* Whatever stands there now that is no good: the copy from before serves, and what is wrong is told. */
static void what_is_no_good_displaces_nothing(void **state)
{
	static const struct {
		struct paper paper;
		const char *trouble;
		enum reason alone;
	} rows[] = {
		{{.entity_id = OTHER_ENTITY, .keys = {PAIR_FOREIGN}, .key_count = 1}, OTHER_ENTITY ", expected " IDP_ENTITY, REASON_OK},
		{{.attributes = "validUntil=\"2026-09-21T13:33:20Z\""}, "2026-09-21T13:33:20Z, expected in the future", REASON_METADATA_EXPIRED},
		{{.keys = {PAIR_SMALL}, .key_count = 1}, "none, expected an RSA certificate of 2048 bits or more", REASON_METADATA_INVALID},
		{{.sso = "javascript:alert(1)"}, "none, expected a SingleSignOnService by redirect or POST, https", REASON_METADATA_INVALID},
	};
	const struct paper good = {0};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(bench_t) bench = bench_open(NULL), fresh = bench_open(NULL);
		publish(&good, "max-age=0");
		assert_int_equal(sign_in(&bench, PAIR_IDP), REASON_OK);
		publish(&rows[i].paper, "max-age=0");
		assert_int_equal(sign_in(&bench, PAIR_IDP), REASON_OK);
		assert_int_equal(sign_in(&bench, PAIR_FOREIGN), REASON_TOKEN_SIGNATURE);
		g_auto(provider_outlook_t) outlook = watch(&bench);
		assert_string_equal(outlook.trouble, rows[i].trouble);
		assert_int_equal(json_array_size(outlook.changes), 0);
		/* Whoever has nothing from before is told why, and so is the next one, who comes in the pause. */
		assert_int_equal(begin_only(&fresh), rows[i].alone);
		assert_int_equal(begin_only(&fresh), rows[i].alone);
		publish(&good, "max-age=0");
		assert_int_equal(sign_in(&bench, PAIR_IDP), REASON_OK);
		g_auto(provider_outlook_t) again = watch(&bench);
		assert_null(again.trouble);
	}
}

static void the_declared_entity_is_the_only_one(void **state)
{
	const struct paper good = {0}, other = {.entity_id = OTHER_ENTITY};
	g_auto(bench_t) bench = bench_open(IDP_ENTITY), wrong = bench_open(IDP_ENTITY);

	(void)state;
	publish(&good, "max-age=0");
	assert_int_equal(begin_only(&bench), REASON_OK);
	publish(&other, "max-age=0");
	assert_int_equal(begin_only(&wrong), REASON_METADATA_ENTITY);
}

static void copies_are_kept_as_long_as_they_say(void **state)
{
	static const struct {
		const char *attributes, *control;
		bool kept;
	} rows[] = {
		{"cacheDuration=\"PT1H\"", "-", true}, {"cacheDuration=\"PT0.001S\"", "-", false}, {"cacheDuration=\"PT1H\"", "max-age=0", false}, {"cacheDuration=\"PT1H\"", "max-age=600", true},
		{"validUntil=\"2026-09-21T14:33:20Z\"", "-", true}, {NULL, "-", false}, {NULL, "max-age=600", true},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		const struct paper paper = {.attributes = rows[i].attributes};
		g_auto(bench_t) bench = bench_open(NULL);
		publish(&paper, rows[i].control);
		unsigned before = fetch_rig_ask("requests /document");
		assert_int_equal(begin_only(&bench), REASON_OK);
		assert_int_equal(begin_only(&bench), REASON_OK);
		if (fetch_rig_ask("requests /document") - before != (rows[i].kept ? 1 : 2))
			fail_msg("row %zu", i);
	}
}

static void nobody_there_is_no_disorder(void **state)
{
	g_auto(bench_t) bench = bench_open(NULL);

	(void)state;
	fetch_rig_ask("document 503 - down");
	assert_int_equal(begin_only(&bench), REASON_METADATA_INVALID);
	g_auto(provider_outlook_t) outlook = watch(&bench);
	assert_null(outlook.facts);
	assert_non_null(outlook.trouble);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(a_change_of_keys_is_taken_over_and_told, metadata_open),
	cmocka_unit_test(what_is_no_good_displaces_nothing),
	cmocka_unit_test(the_declared_entity_is_the_only_one),
	cmocka_unit_test(copies_are_kept_as_long_as_they_say),
	cmocka_unit_test_teardown(nobody_there_is_no_disorder, metadata_close),
};
const struct test_list metadata_list = {tests, TEST_COUNT(tests)};
