/* `passerelle provider`: where people of a tenant come from. Providers are declared; here they are looked at, asked, and switched. */
#include "gateway/admin/verbs.h"

#include "base/clock.h"
#include "gateway/admin/diagnosis.h"
#include "gateway/admin/provider_papers.h"
#include "gateway/admin/provider_settings.h"
#include "gateway/admin/provider_trial.h"
#include "gateway/call/saml_keys.h"

#include <errno.h>
#include <string.h>

#define DIAGNOSIS_MS 120000
/* 256 KiB as base64, percent-encoded, and what else stands in a form. */
#define RESPONSE_BYTES_MAX (1 << 20)

static bool provider_line(const struct provider_record *provider, void *data)
{
	json_t *object = provider_declared(provider, false);
	json_object_set_new(object, "enabled", json_boolean(provider->enabled));
	json_array_append_new(data, object);
	return true;
}

static bool list_run(struct command *command, GError **error)
{
	static const char *const columns[] = { "name", "type", "display_name", "enabled", "domains", NULL };
	g_autoptr(json_t) list = json_array();
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	struct unit *unit = tenant ? command_reader(command, error) : NULL;
	if (!unit || !provider_list(unit, tenant->id, provider_line, list, error) || !command_note_read(command, tenant, "provider list", error))
		return false;
	print_list(command, list, columns);
	return true;
}

struct provider_act {
	struct tenant *tenant;
	struct provider_record record;
	bool enable;
};

static void provider_act_clear(struct provider_act *act)
{
	tenant_unref(act->tenant);
	provider_record_clear(&act->record);
}
typedef struct provider_act provider_act_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(provider_act_t, provider_act_clear)

static bool record_look_up(struct unit *unit, struct provider_act *act, const char *name, GError **error)
{
	provider_record_clear(&act->record);
	enum found found = provider_find(unit, act->tenant->id, name, &act->record, error);
	if (found == MISSING)
		return fail(error, ERROR_NOT_FOUND, "tenant %s has no provider %s", act->tenant->name, name);
	return found == FOUND;
}

static bool provider_choose(struct command *command, struct provider_act *act, GError **error)
{
	act->tenant = command_tenant(command, error);
	struct unit *unit = act->tenant ? command_reader(command, error) : NULL;
	return unit && record_look_up(unit, act, command_word(command, 0), error);
}

/* The ways out, and what the tenant lends to its drivers; both live as long as *ret_keys. */
static bool place_make(struct command *command, const struct tenant *tenant, struct saml_keys **ret_keys, struct provider_place *ret, GError **error)
{
	const struct provider_place *ways = command_ways(command, error);
	struct unit *unit = ways ? command_reader(command, error) : NULL;
	if (!unit || !saml_keys_load(unit, tenant->id, ret_keys, error))
		return false;
	*ret = *ways;
	saml_keys_lend(*ret_keys, ret);
	return true;
}

/* What the provider itself publishes is looked up as the command runs: an administrator who is told of it must not be told of yesterday. */
static bool papers_add(struct command *command, const struct provider_act *act, json_t *object, GError **error)
{
	const struct provider_driver *driver = provider_driver_named(act->record.type);
	g_autoptr(saml_keys_t) keys = NULL;
	struct provider_place place;
	if (!driver || !driver->watch)
		return true;
	return place_make(command, act->tenant, &keys, &place, error) && provider_papers(command, act->tenant, &act->record, &place, object, error);
}

static bool show_run(struct command *command, GError **error)
{
	g_auto(provider_act_t) act = { 0 };
	if (!provider_choose(command, &act, error) || !command_note_read(command, act.tenant, "provider show", error))
		return false;
	g_autoptr(json_t) object = provider_declared(&act.record, false);
	json_object_set_new(object, "enabled", json_boolean(act.record.enabled));
	json_object_set_new(object, "secrets", secret_names(act.record.settings, provider_keys_of(act.record.type)));
	if (!papers_add(command, &act, object, error))
		return false;
	print_object(command, object);
	return true;
}

/* Read again inside the transaction: the settings go back as they are at that moment, with only the switch turned. */
static bool switch_work(struct unit *unit, struct act *act, GError **error)
{
	struct provider_act *provider = act->data;
	if (!record_look_up(unit, provider, command_word(act->command, 0), error))
		return false;
	provider->record.enabled = provider->enable;
	json_object_set_new(provider->record.settings, "enabled", json_boolean(provider->enable));
	return provider_put(unit, provider->tenant->id, &provider->record, error);
}

static bool switch_run(struct command *command, bool enable, GError **error)
{
	g_auto(provider_act_t) provider = { .enable = enable };
	if (!provider_choose(command, &provider, error))
		return false;
	const char *name = command_word(command, 0), *change = enable ? "enable" : "disable";
	g_autoptr(json_t) detail = json_pack("{s:s, s:s}", "change", change, "name", name);
	struct act act = {
		.work = switch_work, .data = &provider, .tenant = provider.tenant, .facts = { .event = EVENT_PROVIDER_UPDATE, .provider = name, .detail = detail },
	};
	if (!command_act(command, &act, error))
		return false;
	if (!command->json)
		printf("provider %s: %sd\n", name, change);
	return true;
}

static bool enable_run(struct command *command, GError **error)
{
	return switch_run(command, true, error);
}

static bool disable_run(struct command *command, GError **error)
{
	return switch_run(command, false, error);
}

static void line_print(const char *label, const json_t *value)
{
	if (!json_is_string(value))
		return;
	printf("        %-10s", label);
	print_plain(stdout, json_string_value(value));
	putchar('\n');
}

static void step_print(const json_t *step)
{
	bool passed = json_is_true(json_object_get(step, "passed")), warns = json_object_get(step, "warning"), skipped = json_object_get(step, "skipped");
	const char *name = json_string_at(step, "check"), *seen = json_string_at(step, "seen");
	g_autofree char *words = seen ? g_strdup(seen) : json_object_get(step, "dropped") ? g_strdup("not shown") : g_strdup("");
	printf("%-7s ", !passed ? "FAILED" : warns ? "warning" : skipped ? "skipped" : "passed");
	print_plain(stdout, name ? name : "?");
	fputs(": ", stdout);
	print_plain(stdout, words);
	putchar('\n');
	line_print("because", json_object_get(step, "skipped"));
	if (passed && !warns)
		return;
	line_print("expected", json_object_get(step, "expected"));
	line_print("change", json_object_get(step, warns ? "warning" : "advice"));
}

/* How many of them failed; printed in words, where words are wanted. */
static size_t steps_tell(const struct command *command, const json_t *steps)
{
	size_t i, failed = 0;
	json_t *step;
	json_array_foreach(steps, i, step) {
		failed += !json_is_true(json_object_get(step, "passed"));
		if (!command->json)
			step_print(step);
	}
	return failed;
}

static bool diagnosis_tell(const struct command *command, const json_t *found, GError **error)
{
	const json_t *steps = json_object_get(found, "checks");
	size_t failed = steps_tell(command, steps);
	if (!command->json)
		claims_print(json_object_get(found, "claims"));
	if (json_is_true(json_object_get(found, "passed")))
		return true;
	return fail(error, ERROR_UNAVAILABLE, "provider %s: %zu of %zu steps failed", json_string_at(found, "provider"), failed, json_array_size(steps));
}

/* After the steps that need no person; where one of those fails there is nothing to sign in with. */
static bool interact(struct command *command, const struct provider_act *act, json_t *found, GError **error)
{
	json_t *report = provider_trial(command, act->tenant, &act->record, error);
	if (!report)
		return false;
	json_object_set_new(found, "sign_in", report);
	steps_tell(command, json_object_get(report, "checks"));
	if (!command->json)
		provider_trial_print(report);
	if (json_is_true(json_object_get(report, "passed")))
		return true;
	json_object_set_new(found, "passed", json_false());
	return fail(error, ERROR_UNAVAILABLE, "provider %s: this sign-in would be refused: %s", act->record.name, json_string_at(json_object_get(report, "decision"), "reason"));
}

/* As it stands in the file, "-" for standard input. What is longer than a whole form around the longest message is none. */
static bool response_read(struct command *command, char **ret, GError **error)
{
	const char *path = command_option(command, "response");
	if (!path)
		return true;
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (!file)
		return fail(error, ERROR_NOT_FOUND, "%s: %s", path, g_strerror(errno));
	g_autofree char *text = g_malloc(RESPONSE_BYTES_MAX + 1);
	size_t length = fread(text, 1, RESPONSE_BYTES_MAX + 1, file);
	bool whole = !ferror(file) && length <= RESPONSE_BYTES_MAX && !memchr(text, '\0', length);
	if (file != stdin)
		fclose(file);
	if (!whole)
		return fail(error, ERROR_MALFORMED, "%s: cannot be read, or is no text of at most %d bytes", path, RESPONSE_BYTES_MAX);
	text[length] = '\0';
	*ret = g_steal_pointer(&text);
	return true;
}

static bool options_fit(struct command *command, GError **error)
{
	if (command_option(command, "password-stdin") && !command_option(command, "login"))
		return command_misused(command, error, "--password-stdin needs --login: whose password is it?");
	if (command_option(command, "response") && (command_option(command, "interactive") || command_option(command, "login")))
		return command_misused(command, error, "--response is looked at alone: without --login and --interactive");
	return true;
}

/* Only answers that come by way of the browser can be had in a file. */
static bool response_fits(struct command *command, const struct provider_record *provider, GError **error)
{
	return !command_option(command, "response") || strcmp(provider->type, "saml") == 0 ||
		command_misused(command, error, "--response is for SAML providers; %s is of the type %s", provider->name, provider->type);
}

/* The row comes first: what cannot be recorded is not asked (LD-7: with a password of somebody's, it is a try to sign in). */
static bool test_run(struct command *command, GError **error)
{
	g_auto(provider_act_t) act = { 0 };
	const char *login = command_option(command, "login");
	bool with_password = command_option(command, "password-stdin"), interactive = command_option(command, "interactive");
	g_autofree char *response = NULL;
	if (!options_fit(command, error) || !provider_choose(command, &act, error) || (interactive && !provider_trial_fits(command, &act.record, error)) ||
	    !response_fits(command, &act.record, error) || !response_read(command, &response, error))
		return false;
	g_autoptr(secret_t) password = with_password ? password_ask_once("Password: ", error) : NULL;
	if ((with_password && !password) || !command_note_read(command, act.tenant, "provider test", error))
		return false;
	g_autoptr(saml_keys_t) keys = NULL;
	struct provider_place place;
	if (!place_make(command, act.tenant, &keys, &place, error))
		return false;
	const struct diagnosis diagnosis = {
		.ways = &place, .tenant = act.tenant, .provider = &act.record, .login = login, .password = password, .response = response, .deadline_ms = clock_monotonic_ms() + DIAGNOSIS_MS,
	};
	g_autoptr(json_t) found = provider_diagnose(&diagnosis);
	bool passed = diagnosis_tell(command, found, error) && (!interactive || interact(command, &act, found, error));
	if (command->json)
		print_object(command, found);
	return passed;
}

#define ONE_PROVIDER .object = "provider", .words = "NAME", .words_min = 1, .words_max = 1
const struct verb provider_verbs[] = {
	{ .object = "provider", .name = "list", .run = list_run, .summary = "the identity providers of a tenant, in the order they are asked" },
	{ ONE_PROVIDER, .name = "show", .run = show_run, .summary = "one provider, which secrets are kept for it, and what it publishes of itself" },
	{ ONE_PROVIDER, .name = "test", .options = "login= password-stdin interactive response=", .run = test_run,
	  .summary = "walk the way of a sign-in step by step; with --login for that person, with --interactive in a browser, with --response for a SAML response in a file; "
	             "touches no account; exit 1 where a step failed" },
	{ ONE_PROVIDER, .name = "enable", .run = enable_run, .summary = "switch it on" },
	{ ONE_PROVIDER, .name = "disable", .run = disable_run, .summary = "switch it off, until it is enabled: apply leaves it off" },
	{ 0 },
};
