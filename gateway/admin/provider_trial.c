/* The terminal's side of a trial (gateway/call/trial.h): the running server does the rest, and both meet in the store. */
#include "gateway/admin/provider_trial.h"

#include "base/clock.h"
#include "gateway/call/trial.h"
#include "providers/provider.h"

#include <unistd.h>

#define WAIT_MS 300000
#define LOOK_EVERY_US 250000

struct trial {
	const struct provider_record *provider;
	uint8_t digest[DIGEST_SIZE];
	char *handle;
};

/* --- beginning --- */

static bool begin_work(struct unit *unit, struct act *act, GError **error)
{
	struct trial *trial = act->data;
	return trial_insert(unit, act->tenant->id, trial->provider->name, act->command->now_ms, &trial->handle, trial->digest, error);
}

static bool begin(struct command *command, const struct tenant *tenant, struct trial *trial, GError **error)
{
	g_autoptr(json_t) detail = json_pack("{s:s}", "read", "provider test --interactive");
	struct act act = { .work = begin_work, .data = trial, .tenant = tenant,
		.facts = { .event = EVENT_LOG_READ, .provider = trial->provider->name, .detail = detail } };
	return command_act(command, &act, error);
}

/* --- waiting --- */

struct ending {
	const struct tenant *tenant;
	const uint8_t *digest;
};

static bool end_in_unit(struct unit *unit, void *data, GError **error)
{
	const struct ending *ending = data;
	g_auto(flow_t) flow = { 0 };
	return flow_consume(unit, ending->tenant->id, ending->digest, &flow, error) != BROKEN;
}

static void progress_show(int64_t left_ms)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\rWaiting for the browser, %d:%02d left ", (int)(left_ms / 60000), (int)(left_ms / 1000 % 60));
}

/* The other process writes when it does: the store is looked at until then. */
static json_t *await(struct command *command, const struct tenant *tenant, const struct trial *trial, GError **error)
{
	int64_t end_ms = clock_monotonic_ms() + WAIT_MS, left_ms = WAIT_MS;
	json_t *report = NULL;
	for (; left_ms > 0; left_ms = end_ms - clock_monotonic_ms()) {
		struct unit *unit = command_reader(command, error);
		enum found found = unit ? trial_report(unit, command->keyring_file, tenant->id, trial->digest, &report, error) : BROKEN;
		if (report || found == BROKEN)
			return report;
		if (found == MISSING)
			break;
		progress_show(left_ms);
		g_usleep(LOOK_EVERY_US);
	}
	fail(error, ERROR_UNAVAILABLE, "nobody finished a sign-in at %s in time: is the gateway running, and was the address opened?", trial->provider->name);
	return NULL;
}

bool provider_trial_fits(struct command *command, const struct provider_record *provider, GError **error)
{
	const struct provider_driver *driver = provider_driver_named(provider->type);
	if (!driver || !(driver->capabilities & CAPABILITY_REDIRECTS))
		return command_misused(command, error, "--interactive is for providers that the browser is sent to; %s asks for a password here: use --login", provider->name);
	return provider->enabled || fail(error, ERROR_CONFLICT, "provider %s is switched off: `passerelle provider enable %s` first", provider->name, provider->name);
}

json_t *provider_trial(struct command *command, const struct tenant *tenant, const struct provider_record *provider, GError **error)
{
	struct trial trial = { .provider = provider };
	if (!begin(command, tenant, &trial, error))
		return NULL;
	fprintf(stderr, "Open this address in a browser and sign in. It works once, signs nobody in, and is over in five minutes:\n%s/login/%s?trial=%s\n", tenant->issuer,
	        provider->name, trial.handle);
	json_t *report = await(command, tenant, &trial, error);
	struct ending ending = { tenant, trial.digest };
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
	/* Over by itself soon; whatever is left of it is of no use to anybody. */
	store_write(command->store, end_in_unit, &ending, NULL);
	wipe(trial.handle, strlen(trial.handle));
	g_free(trial.handle);
	return report;
}

/* --- the report in words --- */

static void values_print(const char *title, const json_t *object)
{
	const char *name;
	json_t *value;
	printf("%s\n", title);
	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		g_autofree char *text = json_is_string(value) ? g_strdup(json_string_value(value)) : json_text(value);
		fputs("        ", stdout);
		print_plain(stdout, name);
		fputs(": ", stdout);
		print_plain(stdout, text);
		putchar('\n');
	}
	if (json_is_string(object))
		printf("        %s\n", json_string_value(object));
}

static void decision_print(const json_t *decision)
{
	const char *username = json_string_at(decision, "username");
	printf("decision: %s", json_string_at(decision, "action"));
	if (username) {
		fputs(" the account ", stdout);
		print_plain(stdout, username);
	}
	printf(" (%s)\n        %s\n", json_string_at(decision, "reason"), json_string_at(decision, "sentence"));
}

void claims_print(const json_t *claims)
{
	if (claims)
		values_print("what the provider said:", claims);
}

void provider_trial_print(const json_t *report)
{
	const char *subject = json_string_at(report, "subject");
	claims_print(json_object_get(report, "claims"));
	if (subject) {
		fputs("who it is there: ", stdout);
		print_plain(stdout, subject);
		putchar('\n');
	}
	if (json_object_get(report, "mapped"))
		values_print("what it becomes here:", json_object_get(report, "mapped"));
	decision_print(json_object_get(report, "decision"));
}
