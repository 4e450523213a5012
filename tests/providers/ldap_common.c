/* What the LDAP tests share: settings for the rig, and one sign-in with its costs. */
#include "ldap_tests.h"

#include "base/clock.h"
#include "crypto/password_internal.h"
#include "providers/drivers.h"

#include <string.h>
#include <time.h>

#define ALICE_UUID "11111111-2222-4333-8444-555555555555"

static struct root_keys *keys;

/* libldap loses one priority list with each TLS context it makes; the driver makes one a CA file. Any other leak is ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:gnutls_priority_init\n";
}

static void operations_count(struct conformance_fixture *fixture)
{
	fixture->lookups = slapd_operations(&rig_slapd);
}

struct conformance_fixture ldap_fixture = {
	.driver = &provider_ldap,
	.provider_name = "directory",
	.count = operations_count,
	.known = "alice",
	.subject = ALICE_UUID,
	.right = "caf\xc3\xa9 tractor moon 7",
	.wrong = "purple tractor moon 8",
	.disabled = "bruno",
	.disabled_right = "yellow grapefruit 9",
	.passwordless = "carol",
	.unknown = "nobody",
};

char *ldap_settings(const char *more)
{
	g_autofree char *common = g_strdup_printf(
		"{\"url\":[\"ldap://127.0.0.1:%d\"],\"start_tls\":true,\"tls_ca_file\":\"%s/ca.pem\",\"preset\":\"openldap\",\"bind_dn\":\"" RIG_SERVICE "\","
		"\"bind_password\":\"" RIG_SERVICE_PASSWORD "\",\"base_dn\":\"" RIG_PEOPLE "\",\"connect_timeout\":3,\"timeout\":5,\"retry_after\":1}",
		rig_slapd.port, rig_folder());
	g_autofree char *added_text = g_strdup_printf("{%s}", more ? more : "");
	g_autoptr(json_t) settings = json_parse(common, strlen(common), 65536, NULL), added = json_parse(added_text, strlen(added_text), 65536, NULL);

	assert_non_null(added);
	json_object_update(settings, added);
	return json_text(settings);
}

void *ldap_opened(const char *more)
{
	g_autofree char *text = ldap_settings(more);
	g_autoptr(json_t) settings = json_parse(text, strlen(text), 65536, NULL);
	g_autoptr(GError) error = NULL;
	void *opened = NULL;

	if (!provider_ldap.open(&(struct provider_place){ .tenant = "tenant", .name = "directory" }, settings, &opened, &error))
		fail_msg("%s: %s", text, error->message);
	return opened;
}

void tried_clear(struct tried *tried)
{
	provider_answer_clear(&tried->answer);
	json_decref(tried->checks);
	*tried = (struct tried){0};
}

static int64_t cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct tried posted(void *opened, GString *body, int64_t within_ms,
                           void (*driver_ask)(void *state, const struct provider_complete *input, struct provider_answer *answer))
{
	struct checks *checks = checks_new();
	struct tried tried = {0};

	g_autofree char *text = g_string_free(body, FALSE);
	g_autoptr(form_t) form = form_parse(text, strlen(text), NULL);
	int64_t started = clock_monotonic_ms(), cpu = cpu_ms();
	const struct provider_complete input = {.reply = form, .loan = &ldap_fixture.loan, .now_ms = clock_now_ms(), .deadline_ms = started + within_ms, .checks = checks};
	driver_ask(opened, &input, &tried.answer);
	tried.took_ms = clock_monotonic_ms() - started;
	tried.cpu_ms = cpu_ms() - cpu;
	tried.checks = checks_json(checks);
	checks_free(checks);
	assert_int_equal(tried.answer.verdict == VERDICT_OK, tried.answer.identity != NULL);
	return tried;
}

struct tried ldap_try(void *opened, const char *username, const char *password, int64_t within_ms)
{
	GString *body = g_string_new(NULL);

	form_append(body, "username", username);
	form_append(body, "password", password);
	return posted(opened, body, within_ms, provider_ldap.complete);
}

struct tried ldap_change(void *opened, const char *username, const char *password, const char *new_password)
{
	GString *body = g_string_new(NULL);

	form_append(body, "username", username);
	form_append(body, "password", password);
	if (new_password)
		form_append(body, "new_password", new_password);
	return posted(opened, body, 8000, provider_ldap.change_password);
}

struct tried ldap_try_once(const char *more, const char *username, const char *password)
{
	void *opened = ldap_opened(more);
	struct tried tried = ldap_try(opened, username, password, 8000);

	provider_ldap.close(opened);
	return tried;
}

struct tried ldap_refreshed(void *opened, const char *subject)
{
	struct tried tried = {0};

	provider_ldap.refresh(opened, subject, NULL, clock_now_ms(), clock_monotonic_ms() + 8000, &tried.answer);
	assert_int_equal(tried.answer.verdict == VERDICT_OK, tried.answer.identity != NULL);
	return tried;
}

const char *failed_check(const struct tried *tried, const char *name)
{
	for (size_t i = 0; i < json_array_size(tried->checks); i++) {
		const json_t *row = json_array_get(tried->checks, i);
		if (json_is_false(json_object_get(row, "passed")) && strcmp(json_string_at(row, "check"), name) == 0)
			return json_string_at(row, "seen");
	}
	return NULL;
}

void verdict_is(const struct tried *tried, enum verdict verdict)
{
	g_autofree char *checks = json_text(tried->checks);

	if (tried->answer.verdict != verdict)
		fail_msg("%s instead of %s: %s", verdict_name(tried->answer.verdict), verdict_name(verdict), checks);
}

static struct password_hasher *hasher_new(void)
{
	struct password_hasher *hasher = password_hasher_new(keys, (struct password_cost){64, 1, 1}, 1, NULL);

	return hasher ? hasher : password_hasher_new(keys, (struct password_cost){19456, 2, 1}, 1, NULL);
}

void ldap_rig_open(void)
{
	static const uint8_t bytes[32] = {7};

	rig_open();
	keys = root_keys_from_bytes("k1", bytes);
	ldap_fixture.loan.hasher = hasher_new();
	ldap_fixture.settings = ldap_settings(NULL);
}

void ldap_rig_close(void)
{
	password_hasher_free(ldap_fixture.loan.hasher);
	root_keys_free(keys);
	g_free((char *)(uintptr_t)ldap_fixture.settings);
	rig_close();
}
