/* The chain against somebody who can write to the database file: whatever is changed, removed, moved or put in is found; erasing a person is not a fault. */
#include "tests.h"
#include "base/encoding.h"
#include "gateway/audit/chain.h"
#include <pthread.h>
#include <string.h>

#define ROWS 4

static void write_rows(const struct bench *bench)
{
	struct audit_facts facts = bench_facts();

	facts.actor = "cli:root";
	for (int i = 0; i < ROWS; i++) {
		facts.time_ms += i;
		bench_write(bench, bench->acme, &facts, true);
	}
}

static void assert_verifies(const struct bench *bench, const struct tenant *tenant, int64_t expected)
{
	int64_t rows = -1;
	g_autofree char *message = NULL;

	if (!bench_verify(bench, tenant, &rows, &message))
		fail_msg("%s", message);
	assert_int_equal(rows, expected);
}

/* The fault is found at the row it names. */
static void assert_found(const struct bench *bench, const struct tenant *tenant, int64_t rows_before, const char *record)
{
	int64_t rows = -1;
	g_autofree char *message = NULL;

	assert_false(bench_verify(bench, tenant, &rows, &message));
	if (rows != rows_before || !strstr(message, record))
		fail_msg("after %d rows: %s", (int)rows, message);
}

static void test_untouched_chain_verifies(void **state)
{
	const struct bench *bench = *state;

	assert_verifies(bench, bench->acme, 0);
	write_rows(bench);
	assert_verifies(bench, bench->acme, ROWS);
}

static const char *const texts[] = { "id", "event", "result", "reason", "account", "username", "provider", "client", "session", "ip", "user_agent", "device", "os",
	"browser", "acr", "amr", "ref", "actor" };

static void test_changed_text_is_found(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *select = g_strdup_printf("SELECT %s FROM log_row WHERE seq = 2", texts[i]);
		g_autofree char *value = bench_value(bench, select);
		/* The last character only, in text of unchanged length. */
		value[strlen(value) - 1] ^= 1;
		bench_tamper(bench, "UPDATE log_row SET %s = '%s' WHERE seq = 2", texts[i], value);
		assert_found(bench, bench->acme, 1, "record 2");
		value[strlen(value) - 1] ^= 1;
		bench_tamper(bench, "UPDATE log_row SET %s = '%s' WHERE seq = 2", texts[i], value);
		assert_verifies(bench, bench->acme, ROWS);
	}
}

/* A field that may be NULL: unset and empty are told apart, and one personal field alone is not an erasure. */
static void test_removed_text_is_found(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	for (size_t i = 3; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *select = g_strdup_printf("SELECT %s FROM log_row WHERE seq = 3", texts[i]);
		g_autofree char *value = bench_value(bench, select);
		bench_tamper(bench, "UPDATE log_row SET %s = NULL WHERE seq = 3", texts[i]);
		assert_found(bench, bench->acme, 2, "record 3");
		bench_tamper(bench, "UPDATE log_row SET %s = '%s' WHERE seq = 3", texts[i], value);
	}
	assert_verifies(bench, bench->acme, ROWS);
}

static void test_unset_and_empty_differ(void **state)
{
	const struct bench *bench = *state;
	struct audit_facts facts = bench_facts();

	facts.client = NULL;
	bench_write(bench, bench->acme, &facts, true);
	assert_verifies(bench, bench->acme, 1);
	bench_tamper(bench, "UPDATE log_row SET client = ''");
	assert_found(bench, bench->acme, 0, "record 1");
}

/* One row with every field set, and its hash under a tenant. */
static struct log_row sample(void)
{
	static char node[] = "n1", event[] = "login", result[] = "ok", reason[] = "wrong_password", provider[] = "local", client[] = "wiki";
	struct log_row row = { .id = "abcdefghijklmnopqrstuvwxyz", .node = node, .seq = 7, .time_ms = 1795000000123, .event = event, .result = result, .reason = reason,
		.provider = provider, .client = client };

	memset(row.personal, 3, sizeof row.personal);
	memset(row.prev_hash, 4, sizeof row.prev_hash);
	return row;
}

static void assert_hash_differs(const char *tenant, const struct log_row *row)
{
	const struct log_row original = sample();
	uint8_t expected[DIGEST_SIZE], seen[DIGEST_SIZE];

	chain_hash("acme", &original, expected);
	chain_hash(tenant, row, seen);
	assert_memory_not_equal(seen, expected, DIGEST_SIZE);
}

/* The hash alone fixes a row's place and its personal digest, whatever else a verification compares. */
static void test_hash_covers_place_and_person(void **state)
{
	struct log_row row = sample();

	(void)state;
	assert_hash_differs("globex", &row);
	row.seq = 8;
	assert_hash_differs("acme", &row);
	row = sample();
	row.personal[31] ^= 1;
	assert_hash_differs("acme", &row);
	row = sample();
	row.prev_hash[0] ^= 1;
	assert_hash_differs("acme", &row);
}

/* Somebody who knows the recipe makes up a new person with a fitting digest: the row's hash still tells. */
static void test_replaced_person_is_found(void **state)
{
	const struct bench *bench = *state;
	char username[] = "mallory";
	struct log_row row = { .username = username };
	char digest[DIGEST_SIZE * 2 + 1];

	write_rows(bench);
	chain_personal(&row, row.personal);
	hex_encode(row.personal, DIGEST_SIZE, digest);
	bench_tamper(bench, "UPDATE log_row SET account = NULL, username = 'mallory', ip = NULL, user_agent = NULL, personal_salt = zeroblob(16), "
	                    "personal = x'%s' WHERE seq = 2", digest);
	assert_found(bench, bench->acme, 1, "record 2 ");
}

/* A changed recipe would make every log written before it look forged: these digests were computed once, from the description in chain.c, by other means. */
static void test_golden_hash(void **state)
{
	struct log_row row = sample();
	uint8_t digest[DIGEST_SIZE];
	char text[DIGEST_SIZE * 2 + 1];

	(void)state;
	chain_hash("acme", &row, digest);
	hex_encode(digest, DIGEST_SIZE, text);
	assert_string_equal(text, "5ae37d74d998a18510e784f54d7ef80a41afffe73e58d80ce6738a8566da3f09");
	chain_personal(&row, digest);
	hex_encode(digest, DIGEST_SIZE, text);
	assert_string_equal(text, "8574e90bf306f8966444d8b982e58dab49a9685599014a2e2f5822c2e3a5b94d");
}

/* Text moved over the border between two fields keeps their concatenation; the lengths betray it. */
static void test_text_moved_between_fields_is_found(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	bench_tamper(bench, "UPDATE log_row SET provider = provider || substr(client, 1, 1), client = substr(client, 2) WHERE seq = 1");
	assert_found(bench, bench->acme, 0, "record 1");
}

static void test_changed_number_or_digest_is_found(void **state)
{
	const struct bench *bench = *state;
	static const char *const changes[] = { "time_ms = time_ms + 1", "personal = zeroblob(32)", "prev_hash = zeroblob(32)", "hash = zeroblob(32)",
		"personal_salt = zeroblob(16)" };

	for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
		bench_tamper(bench, "DELETE FROM log_row");
		write_rows(bench);
		bench_tamper(bench, "UPDATE log_row SET %s WHERE seq = 2", changes[i]);
		assert_found(bench, bench->acme, 1, "record 2");
	}
}

static void test_removed_row_is_found(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	bench_tamper(bench, "DELETE FROM log_row WHERE seq = 2");
	assert_found(bench, bench->acme, 1, "record 3");
	/* Closing the gap by new numbers does not help. */
	bench_tamper(bench, "UPDATE log_row SET seq = 2 WHERE seq = 3; UPDATE log_row SET seq = 3 WHERE seq = 4");
	assert_found(bench, bench->acme, 1, "record 2");
}

static void test_removed_beginning_is_found(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	bench_tamper(bench, "DELETE FROM log_row WHERE seq <= 2");
	assert_found(bench, bench->acme, 0, "record 3");
	/* Only the gateway's own key can say that retention did it. */
	bench_tamper(bench, "INSERT INTO log_anchor (tenant, node, tip_sealed) VALUES ('%s', 'n1', 'AAAA')", bench->acme->id);
	int64_t rows;
	assert_false(bench_verify(bench, bench->acme, &rows, NULL));
	assert_int_equal(rows, 0);
}

static void test_forged_anchor_is_found(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	bench_tamper(bench, "INSERT INTO log_anchor (tenant, node, tip_sealed) VALUES ('%s', 'n1', 'AAAA')", bench->acme->id);
	int64_t rows = -1;
	assert_false(bench_verify(bench, bench->acme, &rows, NULL));
	assert_int_equal(rows, 0);
}

struct forgery {
	const struct bench *bench;
	int64_t seq, new_seq;
};

/* Changes one row and gives it the hash that fits, as somebody can who knows the recipe. */
static bool forge_row(const struct log_row *row, void *data)
{
	const struct forgery *forgery = data;
	static char denied[] = "denied";
	struct log_row forged = *row;
	char hash[DIGEST_SIZE * 2 + 1];

	if (row->seq != forgery->seq)
		return true;
	forged.result = denied;
	forged.seq = forgery->new_seq;
	chain_hash(forgery->bench->acme->id, &forged, forged.hash);
	hex_encode(forged.hash, DIGEST_SIZE, hash);
	bench_tamper(forgery->bench, "UPDATE log_row SET result = 'denied', hash = x'%s', seq = %d WHERE seq = %d", hash, (int)forged.seq, (int)row->seq);
	return false;
}

static void test_row_with_a_fitting_hash_is_found(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	bench_list(bench, bench->acme, forge_row, &(struct forgery) { bench, 2, 2 });
	assert_found(bench, bench->acme, 2, "record 3 ");
}

/* A chain that begins at 9 has lost its beginning, however well its hashes fit. */
static void test_number_with_a_fitting_hash_is_found(void **state)
{
	const struct bench *bench = *state;
	struct audit_facts facts = bench_facts();

	bench_write(bench, bench->acme, &facts, true);
	bench_list(bench, bench->acme, forge_row, &(struct forgery) { bench, 1, 9 });
	assert_found(bench, bench->acme, 0, "record 9 ");
}

static bool purge(struct unit *unit, void *data, GError **error)
{
	bool more = false;

	return store_purge(unit, *(const int64_t *)data, 1000, &more, error);
}

static void test_retention_is_not_a_fault(void **state)
{
	const struct bench *bench = *state;
	struct audit_facts facts = bench_facts();
	int64_t later = facts.time_ms + 366 * INT64_C(86400000);
	g_autoptr(GError) error = NULL;

	write_rows(bench);
	facts.time_ms = later;
	bench_write(bench, bench->acme, &facts, true);
	if (!store_write(bench->store, purge, &later, &error))
		fail_msg("%s", error->message);
	assert_verifies(bench, bench->acme, 1);
	/* What is left is still guarded. */
	bench_tamper(bench, "UPDATE log_row SET result = 'denied'");
	assert_found(bench, bench->acme, 0, "record 5");
}

static void test_swapped_rows_are_found(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	bench_tamper(bench, "UPDATE log_row SET seq = 99 WHERE seq = 2; UPDATE log_row SET seq = 2 WHERE seq = 3; UPDATE log_row SET seq = 3 WHERE seq = 99");
	assert_found(bench, bench->acme, 1, "record 2");
}

static void test_inserted_row_is_found(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	bench_tamper(bench, "UPDATE log_row SET seq = 5 WHERE seq = 4; CREATE TEMP TABLE t AS SELECT * FROM log_row WHERE seq = 3; UPDATE t SET seq = 4, id = 'forged'; "
	                    "INSERT INTO log_row SELECT * FROM t");
	assert_found(bench, bench->acme, 3, "record 4");
}

/* A row of one tenant or node shown as another's. */
static void test_moved_row_is_found(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	bench_tamper(bench, "UPDATE log_row SET tenant = '%s' WHERE seq = 1", bench->globex->id);
	assert_found(bench, bench->acme, 0, "record 2");
	assert_found(bench, bench->globex, 0, "record 1");
	bench_tamper(bench, "UPDATE log_row SET tenant = '%s', node = 'n2' WHERE seq = 1", bench->acme->id);
	assert_found(bench, bench->acme, 0, "record 2");
	/* Alone on the other node it would be a beginning, but for the node in its hash. */
	bench_tamper(bench, "DELETE FROM log_row WHERE node = 'n1'");
	assert_found(bench, bench->acme, 0, "record 1");
}

static void test_erasing_a_person_keeps_the_chain(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	bench_tamper(bench, "UPDATE log_row SET account = NULL, username = NULL, ip = NULL, user_agent = NULL WHERE seq IN (2, 4)");
	assert_verifies(bench, bench->acme, ROWS);
	/* The salt goes too, so that nobody can try names against the digest. */
	bench_tamper(bench, "UPDATE log_row SET personal_salt = zeroblob(16) WHERE seq = 2");
	assert_verifies(bench, bench->acme, ROWS);
	/* And what is not personal is still guarded. */
	bench_tamper(bench, "UPDATE log_row SET result = 'denied' WHERE seq = 2");
	assert_found(bench, bench->acme, 1, "record 2");
}

/* Two rows about the same person share no digest: without the salt an erased person could be found again by comparing. */
static void test_salts_differ(void **state)
{
	const struct bench *bench = *state;

	write_rows(bench);
	g_autofree char *count = bench_value(bench, "SELECT count(DISTINCT personal) || ' ' || count(DISTINCT personal_salt) FROM log_row");
	assert_string_equal(count, "4 4");
}

static bool count_row(const struct log_row *row, void *data)
{
	(void)row;
	(*(int *)data)++;
	return true;
}

static void test_tenants_are_blind_to_each_other(void **state)
{
	const struct bench *bench = *state;
	struct audit_facts facts = bench_facts();
	int acme = 0, globex = 0;

	write_rows(bench);
	bench_write(bench, bench->globex, &facts, true);
	bench_list(bench, bench->acme, count_row, &acme);
	bench_list(bench, bench->globex, count_row, &globex);
	assert_int_equal(acme, ROWS);
	assert_int_equal(globex, 1);
	assert_verifies(bench, bench->acme, ROWS);
	assert_verifies(bench, bench->globex, 1); /* a chain of its own, from 1 */
	bench_tamper(bench, "UPDATE log_row SET result = 'denied' WHERE tenant = '%s'", bench->acme->id);
	assert_verifies(bench, bench->globex, 1);
}

/* Two nodes' chains lie side by side in one store. */
static void test_nodes_have_chains_of_their_own(void **state)
{
	struct bench *bench = *state;
	g_autofree char *address = g_strconcat("sqlite:", bench->database, NULL);
	struct audit_facts facts = bench_facts();
	g_autoptr(GError) error = NULL;

	write_rows(bench);
	store_close(bench->store);
	bench->store = store_open(&(struct store_options) { .address = address, .keys = bench->keys, .node = "a-node", .commit_wait_ms = 10000 }, &error);
	assert_non_null(bench->store);
	bench_write(bench, bench->acme, &facts, true);
	bench_write(bench, bench->acme, &facts, true);
	assert_verifies(bench, bench->acme, ROWS + 2);
	bench_tamper(bench, "UPDATE log_row SET amr = 'otp' WHERE node = 'a-node' AND seq = 2");
	assert_found(bench, bench->acme, 1, "node a-node, record 2");
}

enum { WRITERS = 4, ROWS_EACH = 25 };

static void *write_many(void *data)
{
	const struct bench *bench = data;
	struct audit_facts facts = bench_facts();

	for (int i = 0; i < ROWS_EACH; i++) {
		facts.event = i % 2 ? EVENT_LOGIN : EVENT_TOKEN_CLIENT;
		g_assert_true(audit_write(bench->store, bench->acme, &facts, true, NULL));
	}
	return NULL;
}

static void test_concurrent_writers_make_one_chain(void **state)
{
	struct bench *bench = *state;
	struct audit_facts facts = bench_facts();
	pthread_t threads[WRITERS];
	int rows = 0;

	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, bench), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	bench_write(bench, bench->acme, &facts, true);
	/* Records that nobody waits for are there within a second (CONTRACT section 7). */
	for (int tries = 0; tries < 1000 && rows < WRITERS * ROWS_EACH + 1; tries++) {
		rows = 0;
		bench_list(bench, bench->acme, count_row, &rows);
		if (rows < WRITERS * ROWS_EACH + 1)
			g_usleep(5000);
	}
	assert_verifies(bench, bench->acme, WRITERS * ROWS_EACH + 1);
}

struct both {
	const struct bench *bench;
	bool succeed;
};

static bool append_and_perhaps_fail(struct unit *unit, void *data, GError **error)
{
	const struct both *both = data;
	struct audit_facts facts = bench_facts();

	if (!audit_append(unit, both->bench->store, both->bench->acme, &facts, true, error))
		return false;
	return both->succeed || (fail)(error, ERROR_CONFLICT, "what the record was about did not happen");
}

/* A record made beside what it records stands or falls with it, and leaves no gap. */
static void test_append_shares_its_transaction(void **state)
{
	const struct bench *bench = *state;
	struct both both = { .bench = bench, .succeed = false };
	g_autoptr(GError) error = NULL;

	assert_false(store_write(bench->store, append_and_perhaps_fail, &both, &error));
	assert_verifies(bench, bench->acme, 0);
	both.succeed = true;
	assert_true(store_write(bench->store, append_and_perhaps_fail, &both, NULL));
	assert_verifies(bench, bench->acme, 1);
}

static void test_record_that_cannot_be_kept_is_told(void **state)
{
	const struct bench *bench = *state;
	struct audit_facts facts = bench_facts();
	g_autoptr(GError) error = NULL;

	bench_tamper(bench, "ALTER TABLE log_row RENAME TO elsewhere");
	assert_false(audit_write(bench->store, bench->acme, &facts, true, &error));
	assert_non_null(error);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

static const struct CMUnitTest tests[] = {
	WITH_BENCH(test_untouched_chain_verifies), WITH_BENCH(test_changed_text_is_found), WITH_BENCH(test_removed_text_is_found),
	WITH_BENCH(test_unset_and_empty_differ), cmocka_unit_test(test_hash_covers_place_and_person),
	WITH_BENCH(test_replaced_person_is_found), cmocka_unit_test(test_golden_hash), WITH_BENCH(test_text_moved_between_fields_is_found),
	WITH_BENCH(test_changed_number_or_digest_is_found), WITH_BENCH(test_removed_row_is_found), WITH_BENCH(test_removed_beginning_is_found),
	WITH_BENCH(test_forged_anchor_is_found), WITH_BENCH(test_row_with_a_fitting_hash_is_found),
	WITH_BENCH(test_number_with_a_fitting_hash_is_found), WITH_BENCH(test_retention_is_not_a_fault),
	WITH_BENCH(test_swapped_rows_are_found), WITH_BENCH(test_inserted_row_is_found), WITH_BENCH(test_moved_row_is_found),
	WITH_BENCH(test_erasing_a_person_keeps_the_chain), WITH_BENCH(test_salts_differ), WITH_BENCH(test_tenants_are_blind_to_each_other),
	WITH_BENCH(test_nodes_have_chains_of_their_own), WITH_BENCH(test_concurrent_writers_make_one_chain),
	WITH_BENCH(test_append_shares_its_transaction), WITH_BENCH(test_record_that_cannot_be_kept_is_told),
};

const struct test_group chain_group = { tests, sizeof tests / sizeof tests[0] };
