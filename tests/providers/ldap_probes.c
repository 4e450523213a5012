/* `provider test`: what is said of a directory that works, and of each way it may not. */
#include "ldap_tests.h"

#include "base/clock.h"
#include "providers/drivers.h"

#include <string.h>

#define ALICE_PASSWORD "caf\xc3\xa9 tractor moon 7"

static json_t *probed(const char *more, const char *body)
{
	void *opened = ldap_opened(more);
	struct checks *checks = checks_new();
	g_autoptr(form_t) form = form_parse(body, strlen(body), NULL);

	provider_ldap.probe(opened, &(struct provider_probe){.input = form, .now_ms = clock_now_ms(), .deadline_ms = clock_monotonic_ms() + 8000, .checks = checks});
	provider_ldap.close(opened);
	json_t *rows = checks_json(checks);
	checks_free(checks);
	g_autofree char *text = json_text(rows);
	assert_null(strstr(text, RIG_SERVICE_PASSWORD));
	assert_null(strstr(text, ALICE_PASSWORD));
	return rows;
}

/* "resolve+ connect+ TLS-": names in order, with what became of them. */
static char *story(const json_t *rows)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		bool passed = json_is_true(json_object_get(row, "passed"));
		g_string_append_printf(text, "%s%s%c", i ? ", " : "", json_string_at(row, "check"), passed ? '+' : '-');
		assert_true(passed || json_string_at(row, "advice") || strcmp(json_string_at(row, "check"), "login name") == 0);
		assert_true(json_string_at(row, "expected") && json_string_at(row, "seen"));
	}
	return g_string_free(text, FALSE);
}

static const json_t *row_named(const json_t *rows, const char *name)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (strcmp(json_string_at(json_array_get(rows, i), "check"), name) == 0)
			return json_array_get(rows, i);
	fail_msg("no check %s", name);
	return NULL;
}

#define CONNECTED "resolve+, connect+, StartTLS+, TLS+, certificate+, service bind+"
#define FOUND CONNECTED ", base+, login name+, person+, entryUUID+, username+, name+, email+"

static void stories_table(void **state)
{
	static const struct {
		const char *more, *body, *story;
	} rows[] = {
		{"", "", CONNECTED ", base+"},
		{"", "username=alice", FOUND ", account+, groups+"},
		{"", "username=alice&password=caf%C3%A9+tractor+moon+7", FOUND ", account+, groups+, bind as the person+"},
		{"", "username=alice&password=wrong", FOUND ", account+, groups+, bind as the person-"},
		{"", "username=alice&password=", FOUND ", account+, groups+"},
		{"", "username=bruno", FOUND ", account-, groups+"},
		{"", "username=locked&password=password+of+locked+1", FOUND ", account-, groups+, bind as the person-"},
		{"", "username=nobody", CONNECTED ", base+, login name+, person-"},
		{"", "username=twins@acme.example", CONNECTED ", base+, login name+, person-"},
		{"\"bind_password\":\"wrong\"", "username=alice", "resolve+, connect+, StartTLS+, TLS+, certificate+, service bind-"},
		{"\"base_dn\":\"ou=nowhere," RIG_BASE "\"", "username=alice", CONNECTED ", base-"},
		{"\"subject_attribute\":\"employeeNumber\"", "username=alice", CONNECTED ", base+, login name+, person+, employeeNumber-, username+, name+, email+, account+, groups+"},
		{"\"claims\":{\"username\":\"employeeNumber\"}", "username=alice",
		 CONNECTED ", base+, login name+, person+, entryUUID+, username-, name+, email+, account+, groups+"},
		{"\"groups\":{\"base_dn\":\"ou=nowhere," RIG_BASE "\"}", "username=alice", FOUND ", account+, groups-"},
		{"\"url\":[\"ldap://no-such-host.invalid\"]", "username=alice", "resolve-"},
		{"\"user_dn\":\"cn={login}," RIG_PEOPLE "\"", "username=Martin,+Alice",
		 CONNECTED ", login name+, user_dn+, person+, entryUUID+, username+, name+, email+, account+, groups+"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		g_autoptr(json_t) found = probed(rows[i].more, rows[i].body);
		g_autofree char *told = story(found), *text = json_text(found);
		if (strcmp(told, rows[i].story) != 0)
			fail_msg("%s %s: %s: %s", rows[i].more, rows[i].body, told, text);
	}
}

static void certificate_is_explained(void **state)
{
	static const struct {
		enum certificate_kind kind;
		const char *advice;
	} rows[] = {
		{CERTIFICATE_SELF_SIGNED, "this very certificate"},
		{CERTIFICATE_WRONG_NAME, "one of these names in url"},
		{CERTIFICATE_EXPIRED, "renew the directory's certificate"},
	};

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		struct slapd slapd = {.certificate = rows[i].kind};
		slapd_start(&slapd);
		g_autofree char *more = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\"]", slapd.port);
		g_autoptr(json_t) found = probed(more, "username=alice&password=x");
		slapd_stop(&slapd);
		g_autofree char *told = story(found);
		assert_string_equal(told, "resolve+, connect+, StartTLS+, TLS-, certificate-");
		assert_non_null(strstr(json_string_at(row_named(found, "certificate"), "advice"), rows[i].advice));
		assert_non_null(strstr(json_string_at(row_named(found, "certificate"), "seen"), rows[i].kind == CERTIFICATE_WRONG_NAME ? "other.example" : "127.0.0.1"));
	}
}

static void every_server_is_walked(void **state)
{
	struct peer peer = {.way = PEER_DENIES_STARTTLS};

	(void)state;
	peer_start(&peer);
	g_autofree char *more = g_strdup_printf("\"url\":[\"ldap://127.0.0.1:%d\",\"ldap://127.0.0.1:%d\",\"ldaps://127.0.0.1:%d\"]", rig_free_port(), peer.port, rig_slapd.tls_port);
	g_autoptr(json_t) found = probed(more, "");
	peer_stop(&peer);
	g_free(peer.heard);
	g_autofree char *told = story(found);
	assert_string_equal(told, "resolve+, connect-, resolve+, connect+, StartTLS-, resolve+, connect+, TLS+, certificate+, service bind+, base+");
}

/* Values a person can act on. */
static void values_are_seen(void **state)
{
	g_autoptr(json_t) found = probed("", "username=alice&password=wrong");

	(void)state;
	assert_string_equal(json_string_at(row_named(found, "person"), "seen"), "cn=Martin\\2C Alice," RIG_PEOPLE);
	assert_string_equal(json_string_at(row_named(found, "email"), "seen"), "alice@acme.example");
	assert_string_equal(json_string_at(row_named(found, "groups"), "seen"), "directory:staff");
	assert_non_null(strstr(json_string_at(row_named(found, "bind as the person"), "seen"), "49 Invalid credentials"));
	assert_non_null(strstr(json_string_at(row_named(found, "certificate"), "seen"), "directory.acme.example"));
	assert_non_null(strstr(json_string_at(row_named(found, "person"), "expected"), "uid=alice"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(stories_table),
	cmocka_unit_test(certificate_is_explained),
	cmocka_unit_test(every_server_is_walked),
	cmocka_unit_test(values_are_seen),
};
const struct test_list ldap_probe_list = {tests, TEST_COUNT(tests)};
