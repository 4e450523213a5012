/* The conformance suite: hostile questions to any driver. See conformance.h. */
#include "conformance.h"

#include "base/clock.h"

#include <glib.h>
#include <string.h>

#define DEADLINE_MS 30000
/* Shorter values would be found in the checks' own words. */
#define TELLING_BYTES 6

void asked_clear(struct asked *asked)
{
	provider_answer_clear(&asked->answer);
	json_decref(asked->checks);
	*asked = (struct asked){0};
}

static void *driver_open(const struct conformance_fixture *fixture)
{
	g_autoptr(json_t) settings = json_parse(fixture->settings, strlen(fixture->settings), 65536, NULL);
	void *opened = NULL;

	assert_non_null(settings);
	assert_true(fixture->driver->open(&(struct provider_place){ .tenant = "tenant", .name = fixture->provider_name }, settings, &opened, NULL));
	return opened;
}

/* No value that was posted may stand in the checks: a password is as often typed into the field above it. */
static void no_secret_in(const json_t *checks, const struct form *form)
{
	g_autofree char *text = json_text(checks);

	for (size_t i = 0; i < form_size(form); i++) {
		const char *name, *value;
		form_pair(form, i, &name, &value);
		if (strlen(value) >= TELLING_BYTES)
			assert_null(strstr(text, value));
	}
}

static void answer_holds_together(const struct asked *asked)
{
	const struct provider_answer *answer = &asked->answer;

	assert_int_equal(answer->verdict == VERDICT_OK, answer->identity != NULL);
	assert_int_equal(answer->verdict == VERDICT_MORE, answer->step.kind != STEP_NONE);
	assert_true(answer->verdict == VERDICT_OK || !reason_allows(answer->reason));
	assert_true(answer->verdict == VERDICT_OK || !answer->replacement_hash);
	if (answer->verdict != VERDICT_OK)
		return;
	assert_true(strlen(identity_subject(answer->identity)) > 0);
	assert_true(strlen(identity_provider(answer->identity)) > 0);
	for (size_t i = 0; i < json_array_size(asked->checks); i++)
		assert_true(json_is_true(json_object_get(json_array_get(asked->checks, i), "passed")));
}

static uint64_t lookups_so_far(struct conformance_fixture *fixture)
{
	if (fixture->count)
		fixture->count(fixture);
	return fixture->lookups;
}

struct asked ask_form(struct conformance_fixture *fixture, const char *body)
{
	g_autoptr(form_t) form = form_parse(body, strlen(body), NULL);
	struct checks *checks = checks_new();
	struct asked asked = {0};
	uint64_t hashes = password_hasher_count(fixture->loan.hasher), lookups = lookups_so_far(fixture);
	void *opened = driver_open(fixture);

	assert_non_null(form);
	const struct provider_complete input = {
		.reply = form, .loan = &fixture->loan, .now_ms = clock_now_ms(), .deadline_ms = clock_monotonic_ms() + DEADLINE_MS, .checks = checks,
	};
	fixture->driver->complete(opened, &input, &asked.answer);
	fixture->driver->close(opened);
	asked.hashes = password_hasher_count(fixture->loan.hasher) - hashes;
	asked.lookups = lookups_so_far(fixture) - lookups;
	asked.checks = checks_json(checks);
	checks_free(checks);
	no_secret_in(asked.checks, form);
	answer_holds_together(&asked);
	return asked;
}

struct asked ask(struct conformance_fixture *fixture, const char *username, const char *password)
{
	GString *body = g_string_new(NULL);
	form_append(body, "username", username);
	form_append(body, "password", password);
	g_autofree char *text = g_string_free(body, FALSE);

	return ask_form(fixture, text);
}

static bool asks_password(const struct conformance_fixture *fixture)
{
	return fixture->driver->capabilities & CAPABILITY_ASKS_PASSWORD;
}

static void driver_is_whole(void **state)
{
	struct conformance_fixture *fixture = *state;
	const struct provider_driver *driver = fixture->driver;

	assert_ptr_equal(provider_driver_named(driver->name), driver);
	assert_true(driver->open && driver->close && driver->begin && driver->complete && driver->keys);
	assert_int_equal(driver->refresh != NULL, (driver->capabilities & CAPABILITY_REFRESHES) != 0);
	assert_int_equal(driver->probe != NULL, (driver->capabilities & CAPABILITY_PROBES) != 0);
	for (const struct key_rule *key = driver->keys; key->name; key++)
		assert_true(key->description && strlen(key->description) > 10);
}

static void zero_answer_is_a_violation(void **state)
{
	struct provider_answer answer = {0};

	(void)state;
	assert_int_equal(answer.verdict, VERDICT_VIOLATION);
	assert_string_equal(verdict_name(answer.verdict), "violation");
	assert_false(reason_allows(answer.reason));
}

static void begin_asks_something(void **state)
{
	struct conformance_fixture *fixture = *state;
	g_auto(provider_answer_t) answer = {0};
	void *opened = driver_open(fixture);
	const struct provider_begin input = {
		.callback_url = "https://issuer.example/callback/x", .login_hint = fixture->known, .now_ms = clock_now_ms(),
		.deadline_ms = clock_monotonic_ms() + DEADLINE_MS,
	};

	fixture->driver->begin(opened, &input, &answer);
	fixture->driver->close(opened);
	assert_int_equal(answer.verdict, VERDICT_MORE);
	assert_null(answer.identity);
	if (asks_password(fixture))
		assert_int_equal(answer.step.kind, STEP_PASSWORD_FORM);
	else
		assert_true(answer.step.kind == STEP_REDIRECT || answer.step.kind == STEP_POST_FORM);
	assert_int_equal(answer.step.url != NULL, answer.step.kind != STEP_PASSWORD_FORM);
}

static void right_password_is_ok(void **state)
{
	struct conformance_fixture *fixture = *state;
	g_auto(asked_t) asked = ask(fixture, fixture->known, fixture->right);

	assert_int_equal(asked.answer.verdict, VERDICT_OK);
	assert_string_equal(identity_subject(asked.answer.identity), fixture->subject);
	assert_string_not_equal(identity_subject(asked.answer.identity), fixture->known);
	assert_string_equal(identity_provider(asked.answer.identity), fixture->provider_name);
	assert_string_equal(identity_amr(asked.answer.identity)[0], "pwd");
	assert_true(json_array_size(asked.checks) > 0);
}

/* LG-1: what we hold of a name does not show in the work done for it. */
static void every_refusal_costs_the_same(void **state)
{
	struct conformance_fixture *fixture = *state;
	const struct {
		const char *story, *username, *password;
		enum verdict verdict;
	} rows[] = {
		{"wrong", fixture->known, fixture->wrong, VERDICT_MISMATCH},
		{"unknown", fixture->unknown, fixture->wrong, VERDICT_UNKNOWN},
		{"unknown, somebody's right password", fixture->unknown, fixture->right, VERDICT_UNKNOWN},
		{"disabled, wrong", fixture->disabled, fixture->wrong, VERDICT_MISMATCH},
		{"disabled, right", fixture->disabled, fixture->disabled_right, VERDICT_DISABLED},
		{"no password here", fixture->passwordless, fixture->wrong, VERDICT_MISMATCH},
		{"no password here, somebody's right one", fixture->passwordless, fixture->right, VERDICT_MISMATCH},
		{"another's password", fixture->known, fixture->disabled_right, VERDICT_MISMATCH},
	};
	g_auto(asked_t) right = ask(fixture, fixture->known, fixture->right);

	assert_true(right.hashes + right.lookups > fixture->lookups_after_right);
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_auto(asked_t) asked = ask(fixture, rows[i].username, rows[i].password);
		if (asked.answer.verdict != rows[i].verdict)
			fail_msg("%s: %s", rows[i].story, verdict_name(asked.answer.verdict));
		if (asked.hashes != right.hashes || asked.lookups != right.lookups - fixture->lookups_after_right)
			fail_msg("%s: %d hashes, %d look-ups", rows[i].story, (int)asked.hashes, (int)asked.lookups);
		if (asked.answer.reason == REASON_UNDECIDED)
			fail_msg("%s: no reason", rows[i].story);
	}
}

/* Passwords no account can have: the answer and its cost are one and the same for everybody, and cost no hash (PW-5). */
static void impossible_passwords_cost_nothing(void **state)
{
	struct conformance_fixture *fixture = *state;
	g_autofree char *over = g_strnfill(1025, 'a'), *huge = g_strnfill(1024 * 1024, 'a');
	g_autofree char *longer = g_strdup_printf("%s%s", fixture->right, over);
	const char *const passwords[] = {"", over, huge, longer};
	const char *const names[] = {fixture->known, fixture->disabled, fixture->passwordless, fixture->unknown, ""};

	for (size_t p = 0; p < TEST_COUNT(passwords); p++) {
		g_auto(asked_t) first = ask(fixture, names[0], passwords[p]);
		assert_int_not_equal(first.answer.verdict, VERDICT_OK);
		for (size_t n = 0; n < TEST_COUNT(names); n++) {
			g_auto(asked_t) asked = ask(fixture, names[n], passwords[p]);
			assert_int_equal(asked.hashes, 0);
			assert_int_equal(asked.lookups, first.lookups);
			assert_int_equal(asked.answer.verdict, first.answer.verdict);
			assert_int_equal(asked.answer.reason, first.answer.reason);
			assert_true(json_equal(asked.checks, first.checks));
		}
	}
}

static void longest_password_is_looked_at(void **state)
{
	struct conformance_fixture *fixture = *state;
	g_autofree char *longest = g_strnfill(1024, 'a');
	g_auto(asked_t) asked = ask(fixture, fixture->known, longest), wrong = ask(fixture, fixture->known, fixture->wrong);

	assert_int_equal(asked.answer.verdict, VERDICT_MISMATCH);
	assert_int_equal(asked.hashes, wrong.hashes);
}

/* Nothing is trimmed, folded or cut. */
static void password_near_the_right_one_is_wrong(void **state)
{
	struct conformance_fixture *fixture = *state;
	g_autofree char *upper = g_utf8_strup(fixture->right, -1), *shorter = g_strndup(fixture->right, strlen(fixture->right) - 1);
	g_autofree char *before = g_strdup_printf(" %s", fixture->right), *after = g_strdup_printf("%s ", fixture->right);
	g_autofree char *line = g_strdup_printf("%s\n", fixture->right), *twice = g_strdup_printf("%s%s", fixture->right, fixture->right);
	const char *const near[] = {upper, shorter, before, after, line, twice};

	for (size_t i = 0; i < TEST_COUNT(near); i++) {
		g_auto(asked_t) asked = ask(fixture, fixture->known, near[i]);
		if (asked.answer.verdict != VERDICT_MISMATCH)
			fail_msg("%zu: %s", i, verdict_name(asked.answer.verdict));
	}
}

static char *with(const char *pattern, const struct conformance_fixture *fixture)
{
	g_autofree char *name = g_uri_escape_string(fixture->known, NULL, FALSE), *right = g_uri_escape_string(fixture->right, NULL, FALSE);
	g_auto(GStrv) names = g_strsplit(pattern, "{name}", -1);
	g_autofree char *named = g_strjoinv(name, names);
	g_auto(GStrv) parts = g_strsplit(named, "{right}", -1);

	return g_strjoinv(right, parts);
}

/* Forms that the page never posts. The right values are in most of them: none may open, and none may cost a hash or a look-up. */
static void odd_forms_are_violations(void **state)
{
	struct conformance_fixture *fixture = *state;
	static const char *const patterns[] = {
		"", "username={name}", "password={right}", "username={name}&Password={right}", "USERNAME={name}&password={right}",
		"username={name}&password={right}&password={right}", "username={name}&password=x&password={right}", "username={name}&password={right}&password=",
		"username={name}&username={name}&password={right}", "username=x&username={name}&password={right}", "username=&username={name}&password={right}",
		"username%5B%5D={name}&password%5B%5D={right}", "user={name}&pass={right}", "username={name}&password%20={right}", "login={name}&password={right}",
		"code={right}&state={name}", "{name}&{right}",
	};

	for (size_t i = 0; i < TEST_COUNT(patterns); i++) {
		g_autofree char *body = with(patterns[i], fixture);
		g_auto(asked_t) asked = ask_form(fixture, body);
		if (asked.answer.verdict != VERDICT_VIOLATION || asked.hashes != 0 || asked.lookups != 0)
			fail_msg("%s: %s", patterns[i], verdict_name(asked.answer.verdict));
	}
}

/* A NUL would cut the password short below: "right%00anything" must not be "right". The form parser is the first to say no. */
static void nul_never_arrives(void **state)
{
	struct conformance_fixture *fixture = *state;
	static const char *const patterns[] = {"username={name}&password={right}%00", "username={name}%00x&password={right}", "username={name}&password=%00{right}"};

	for (size_t i = 0; i < TEST_COUNT(patterns); i++) {
		g_autofree char *body = with(patterns[i], fixture);
		assert_null(form_parse(body, strlen(body), NULL));
	}
	g_autofree char *good = with("username={name}&password={right}", fixture);
	g_autofree char *cut = g_strdup_printf("%s#x", good);
	*strrchr(cut, '#') = '\0';
	assert_null(form_parse(cut, strlen(good) + 2, NULL));
}

static void other_fields_change_nothing(void **state)
{
	struct conformance_fixture *fixture = *state;
	g_autofree char *body = with("form_token=abcdef&username={name}&password={right}&submit=Sign+in&subject=root&account=root", fixture);
	g_auto(asked_t) asked = ask_form(fixture, body);

	assert_int_equal(asked.answer.verdict, VERDICT_OK);
	assert_string_equal(identity_subject(asked.answer.identity), fixture->subject);
}

/* Names made to be read as something else further down: SQL, LDAP filters and DNs, formats, paths, markup. All are nobody. */
static void hostile_names_are_nobody(void **state)
{
	struct conformance_fixture *fixture = *state;
	g_autofree char *huge = g_strnfill(100000, 'a'), *suffixed = g_strdup_printf("%s)(uid=*", fixture->known);
	g_autofree char *quoted = g_strdup_printf("%s'--", fixture->known), *stars = g_strdup_printf("%c*", fixture->known[0]);
	const char *const names[] = {
		"", " ", "*", "*)(uid=*))(|(uid=*", suffixed, quoted, stars, "' OR '1'='1", "%s%s%s%n", "../../etc/passwd", "<script>", "\x01\x02", "a\nb",
		"\xe2\x80\xae" "ecila", "\\2a", "cn=admin,dc=example", huge, fixture->subject, "%", "_", "root\xef\xbf\xbf",
	};

	for (size_t i = 0; i < TEST_COUNT(names); i++) {
		g_auto(asked_t) asked = ask(fixture, names[i], fixture->right);
		if (asked.answer.verdict != VERDICT_UNKNOWN || asked.hashes + asked.lookups == 0)
			fail_msg("name %zu: %s, %d hashes, %d look-ups", i, verdict_name(asked.answer.verdict), (int)asked.hashes, (int)asked.lookups);
	}
}

/* Asked twice, answered twice: a driver keeps nothing of the one before. */
static void answers_do_not_leak_into_the_next(void **state)
{
	struct conformance_fixture *fixture = *state;
	g_auto(asked_t) right = ask(fixture, fixture->known, fixture->right), wrong = ask(fixture, fixture->known, fixture->wrong);
	g_auto(asked_t) unknown = ask(fixture, fixture->unknown, fixture->right), again = ask(fixture, fixture->known, fixture->right);

	assert_int_equal(right.answer.verdict, VERDICT_OK);
	assert_int_equal(wrong.answer.verdict, VERDICT_MISMATCH);
	assert_int_equal(unknown.answer.verdict, VERDICT_UNKNOWN);
	assert_string_equal(unknown.answer.account, "");
	assert_int_equal(again.answer.verdict, VERDICT_OK);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(driver_is_whole),
	cmocka_unit_test(zero_answer_is_a_violation),
	cmocka_unit_test(begin_asks_something),
	cmocka_unit_test(right_password_is_ok),
	cmocka_unit_test(every_refusal_costs_the_same),
	cmocka_unit_test(impossible_passwords_cost_nothing),
	cmocka_unit_test(longest_password_is_looked_at),
	cmocka_unit_test(password_near_the_right_one_is_wrong),
	cmocka_unit_test(odd_forms_are_violations),
	cmocka_unit_test(nul_never_arrives),
	cmocka_unit_test(other_fields_change_nothing),
	cmocka_unit_test(hostile_names_are_nobody),
	cmocka_unit_test(answers_do_not_leak_into_the_next),
};
const struct test_list conformance_list = {tests, TEST_COUNT(tests)};
