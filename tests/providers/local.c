/* The local driver on a handful of people held in a table. */
#include "base/clock.h"
#include "base/errors.h"
#include "base/text.h"
#include "crypto/password_internal.h"
#include "providers/drivers.h"

#include "conformance.h"

#include <string.h>

#define ALICE "aaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct person {
	const char *key, *account, *password;
	bool disabled;
	char *stored;
} people[] = {
	{"alice", ALICE, "caf\xc3\xa9 tractor moon 7", false, NULL},
	{"bruno", "bbbbbbbbbbbbbbbbbbbbbbbbbb", "yellow grapefruit 9", true, NULL},
	{"carol", "cccccccccccccccccccccccccc", NULL, false, NULL},
	{"doris", "dddddddddddddddddddddddddd", "old and cheap hash", false, NULL},
	{"edgar", "eeeeeeeeeeeeeeeeeeeeeeeeee", "old, cheap, disabled", true, NULL},
	{"frida", "ffffffffffffffffffffffffff", NULL, false, NULL},
	{"alice@acme.example", ALICE, "caf\xc3\xa9 tractor moon 7", false, NULL},
};

static bool store_is_broken;
static const char *decoy; /* lent with whoever has no password */
static struct root_keys *keys;

static bool find_credential(void *data, const char *login_key, struct credential *ret, GError **error)
{
	struct conformance_fixture *fixture = data;

	fixture->lookups++;
	if (store_is_broken)
		return (fail)(error, ERROR_UNAVAILABLE, "disk full"); /* cmocka has a macro of that name */
	for (size_t i = 0; i < TEST_COUNT(people); i++)
		if (strcmp(people[i].key, login_key) == 0) {
			g_strlcpy(ret->account, people[i].account, sizeof ret->account);
			ret->stored = g_strdup(people[i].stored);
			ret->disabled = people[i].disabled;
		}
	if (!ret->stored)
		ret->decoy = g_strdup(decoy);
	return true;
}

struct conformance_fixture local_fixture = {
	.driver = &provider_local,
	.provider_name = "local",
	.settings = "{}",
	.loan = {.data = &local_fixture, .find_credential = find_credential},
	.known = "alice",
	.subject = ALICE,
	.right = "caf\xc3\xa9 tractor moon 7",
	.wrong = "purple tractor moon 8",
	.disabled = "bruno",
	.disabled_right = "yellow grapefruit 9",
	.passwordless = "carol",
	.unknown = "nobody",
};

/* Cheap where the build allows it, the floor elsewhere. */
static struct password_hasher *hasher_new(uint32_t iterations)
{
	struct password_hasher *hasher = password_hasher_new(keys, (struct password_cost){64, iterations, 1}, 1, NULL);

	if (!hasher)
		hasher = password_hasher_new(keys, (struct password_cost){19456, iterations + 1, 1}, 1, NULL);
	assert_non_null(hasher);
	return hasher;
}

void local_people_open(void)
{
	static const uint8_t bytes[32] = {7};
	keys = root_keys_from_bytes("k1", bytes);
	struct password_hasher *cheaper = hasher_new(1);

	local_fixture.loan.hasher = hasher_new(2);
	for (size_t i = 0; i < TEST_COUNT(people); i++) {
		bool old = people[i].password && strstr(people[i].password, "cheap");
		g_autoptr(secret_t) password = people[i].password ? secret_new(people[i].password, strlen(people[i].password)) : NULL;
		people[i].stored = password ? password_hash(old ? cheaper : local_fixture.loan.hasher, password, INT64_MAX, NULL) : NULL;
	}
	people[5].stored = g_strdup("$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"); /* frida: 4 GiB */
	password_hasher_free(cheaper);
}

void local_people_close(void)
{
	for (size_t i = 0; i < TEST_COUNT(people); i++)
		g_free(people[i].stored);
	password_hasher_free(local_fixture.loan.hasher);
	root_keys_free(keys);
}

/* The connection log gets the account the name led to and the reason, whatever the answer on the page. */
static void log_learns_account_and_reason(void **state)
{
	struct conformance_fixture *fixture = *state;
	const struct {
		const char *username, *password, *account;
		enum reason reason;
	} rows[] = {
		{"alice", fixture->right, ALICE, REASON_OK},
		{"alice", fixture->wrong, ALICE, REASON_WRONG_PASSWORD},
		{"nobody", fixture->wrong, "", REASON_UNKNOWN_ACCOUNT},
		{"bruno", fixture->disabled_right, "bbbbbbbbbbbbbbbbbbbbbbbbbb", REASON_ACCOUNT_DISABLED},
		{"bruno", fixture->wrong, "bbbbbbbbbbbbbbbbbbbbbbbbbb", REASON_WRONG_PASSWORD},
		{"carol", fixture->wrong, "cccccccccccccccccccccccccc", REASON_NO_PASSWORD},
		{"frida", fixture->wrong, "ffffffffffffffffffffffffff", REASON_PASSWORD_UNUSABLE},
		{"alice", "", "", REASON_REQUEST_INVALID},
	};

	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(asked_t) asked = ask(fixture, rows[i].username, rows[i].password);
		assert_int_equal(asked.answer.reason, rows[i].reason);
		assert_string_equal(asked.answer.account, rows[i].account);
	}
}

/* The decoy is somebody else's real hash: its password opens nothing for a name that is nobody's, or that has none here. */
static void a_decoys_password_opens_nothing(void **state)
{
	struct conformance_fixture *fixture = *state;

	decoy = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
	g_auto(asked_t) nobody = ask(fixture, "nobody", "correct horse"), passwordless = ask(fixture, "carol", "correct horse");
	decoy = NULL;
	assert_int_equal(nobody.answer.verdict, VERDICT_UNKNOWN);
	assert_int_equal(passwordless.answer.verdict, VERDICT_MISMATCH);
	assert_int_equal(passwordless.answer.reason, REASON_NO_PASSWORD);
	assert_true(!nobody.answer.identity && !passwordless.answer.identity && !nobody.answer.replacement_hash && !passwordless.answer.replacement_hash);
}

static void checks_tell_the_story(void **state)
{
	g_auto(asked_t) asked = ask(*state, "alice", "not this one");
	g_autofree char *text = json_text(asked.checks);

	assert_string_equal(text, "[{\"check\":\"fields\",\"seen\":\"username 1, password 1\",\"expected\":\"username 1, password 1\",\"passed\":true},"
	                          "{\"check\":\"password form\",\"seen\":\"well formed\",\"expected\":\"1 to 1,024 bytes\",\"passed\":true},"
	                          "{\"check\":\"login name\",\"seen\":\"well formed\",\"expected\":\"well formed\",\"passed\":true},"
	                          "{\"check\":\"password\",\"seen\":\"wrong\",\"expected\":\"right\",\"passed\":false}]");
}

/* LG-4: one person, however the name is typed; and the accent, composed or not. */
static void spellings_meet(void **state)
{
	static const char *const names[] = {"ALICE", " alice ", "\xef\xbd\x81lice", "Alice@ACME.example"};

	for (size_t i = 0; i < TEST_COUNT(names); i++) {
		g_auto(asked_t) asked = ask(*state, names[i], "cafe\xcc\x81 tractor moon 7");
		assert_int_equal(asked.answer.verdict, VERDICT_OK);
		assert_string_equal(identity_subject(asked.answer.identity), ALICE);
	}
}

/* PW-3: an old hash is replaced after a right password and only then. */
static void old_hash_is_replaced(void **state)
{
	struct conformance_fixture *fixture = *state;
	g_auto(asked_t) right = ask(fixture, "doris", "old and cheap hash"), wrong = ask(fixture, "doris", fixture->wrong);
	g_auto(asked_t) today = ask(fixture, "alice", fixture->right), disabled = ask(fixture, "edgar", "old, cheap, disabled");
	g_autoptr(secret_t) password = secret_new("old and cheap hash", strlen("old and cheap hash"));

	assert_int_equal(right.answer.verdict, VERDICT_OK);
	assert_non_null(right.answer.replacement_hash);
	assert_int_equal(password_verify(fixture->loan.hasher, right.answer.replacement_hash, password, INT64_MAX, NULL), PASSWORD_MATCH);
	assert_int_equal(wrong.answer.verdict, VERDICT_MISMATCH);
	assert_null(today.answer.replacement_hash);
	assert_int_equal(disabled.answer.verdict, VERDICT_DISABLED);
}

/* A row that asks for 4 GiB, and what is no hash at all: refused at the price of any other refusal. */
static void unusable_hash_costs_the_same(void **state)
{
	struct conformance_fixture *fixture = *state;
	static const char *const broken[] = {"", "plain", "$argon2id$", "$argon2i$v=19$m=64,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA", "*", "$6$rounds=999999999$x$y"};
	g_autofree char *before = g_steal_pointer(&people[5].stored);

	for (size_t i = 0; i <= TEST_COUNT(broken); i++) {
		people[5].stored = g_strdup(i < TEST_COUNT(broken) ? broken[i] : before);
		g_auto(asked_t) asked = ask(fixture, "frida", fixture->right), wrong = ask(fixture, "alice", fixture->wrong);
		g_clear_pointer(&people[5].stored, g_free);
		assert_int_equal(asked.answer.verdict, VERDICT_MISMATCH);
		assert_int_equal(asked.answer.reason, REASON_PASSWORD_UNUSABLE);
		assert_int_equal(asked.hashes, wrong.hashes);
	}
	people[5].stored = g_steal_pointer(&before);
}

/* A store that fails is no "unknown": nothing is known, and nothing opens. */
static void broken_store_is_unavailable(void **state)
{
	store_is_broken = true;
	g_auto(asked_t) known = ask(*state, "alice", local_fixture.right), unknown = ask(*state, "nobody", local_fixture.wrong);
	store_is_broken = false;

	assert_int_equal(known.answer.verdict, VERDICT_UNAVAILABLE);
	assert_int_equal(known.answer.reason, REASON_STORE_BROKEN);
	assert_int_equal(unknown.answer.verdict, VERDICT_UNAVAILABLE);
	assert_true(json_equal(known.checks, unknown.checks));
}

/* The only hash slot is held: known and unknown are shed alike. */
static void no_slot_is_unavailable(void **state)
{
	struct conformance_fixture *fixture = *state;
	static const char *const bodies[] = {"username=alice&password=some+password", "username=nobody&password=some+password"};
	struct slot *held = slot_take(password_hasher_slots(fixture->loan.hasher), INT64_MAX);

	for (size_t i = 0; i < TEST_COUNT(bodies); i++) {
		g_autoptr(form_t) form = form_parse(bodies[i], strlen(bodies[i]), NULL);
		g_auto(provider_answer_t) answer = {0};
		const struct provider_complete input = {.reply = form, .loan = &fixture->loan, .now_ms = 1, .deadline_ms = clock_monotonic_ms() - 1};
		provider_local.complete(NULL, &input, &answer);
		assert_int_equal(answer.verdict, VERDICT_UNAVAILABLE);
		assert_int_equal(answer.reason, REASON_BUSY);
		assert_null(answer.identity);
	}
	slot_give_back(password_hasher_slots(fixture->loan.hasher), held);
	g_auto(asked_t) after = ask(fixture, "alice", fixture->right);
	assert_int_equal(after.answer.verdict, VERDICT_OK);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(log_learns_account_and_reason),
	cmocka_unit_test(a_decoys_password_opens_nothing),
	cmocka_unit_test(checks_tell_the_story),
	cmocka_unit_test(spellings_meet),
	cmocka_unit_test(old_hash_is_replaced),
	cmocka_unit_test(unusable_hash_costs_the_same),
	cmocka_unit_test(broken_store_is_unavailable),
	cmocka_unit_test(no_slot_is_unavailable),
};
const struct test_list local_list = {tests, TEST_COUNT(tests)};
