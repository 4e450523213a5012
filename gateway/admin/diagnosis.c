/* The diagnosis: the settings first, as the server opens them, then the driver's own walk. */
#include "gateway/admin/diagnosis.h"

#include "base/clock.h"
#include "base/form.h"
#include "providers/provider.h"

/* More than the 64 of a sign-in: several servers, and all that is to be entered on the other side. */
#define STEPS_MAX 192

/* Where the browser comes back to: the same address that a sign-in would name. */
static char *callback_of(const struct diagnosis *diagnosis)
{
	const struct provider_driver *driver = provider_driver_named(diagnosis->provider->type);
	bool described = driver && driver->describe;
	return g_strconcat(diagnosis->tenant->issuer, described ? "/saml/" : "/callback/", diagnosis->provider->name, described ? "/acs" : NULL, NULL);
}

static struct form *form_of(const struct diagnosis *diagnosis)
{
	GString *query = g_string_new("");
	g_autofree char *callback_url = callback_of(diagnosis);
	form_append(query, "callback_url", callback_url);
	if (diagnosis->login)
		form_append(query, "username", diagnosis->login);
	if (diagnosis->login && diagnosis->password)
		form_append(query, "password", (const char *)secret_bytes(diagnosis->password));
	if (diagnosis->response)
		form_append(query, "response", diagnosis->response);
	struct form *form = form_parse(query->str, query->len, NULL);
	wipe(query->str, query->len);
	g_string_free(query, TRUE);
	return form;
}

static void ask(const struct provider_driver *driver, void *state, const struct diagnosis *diagnosis, struct checks *checks, json_t **ret_claims)
{
	g_autoptr(form_t) form = form_of(diagnosis);
	if (!driver->probe)
		check(checks, "questions", "none: this type asks nobody else", "none", true);
	else if (form)
		driver->probe(state, &(struct provider_probe){ .input = form, .now_ms = clock_now_ms(), .deadline_ms = diagnosis->deadline_ms, .checks = checks,
			.ret_claims = ret_claims });
}

static void settings_open(const struct diagnosis *diagnosis, struct checks *checks, json_t **ret_claims)
{
	const struct provider_record *provider = diagnosis->provider;
	const struct provider_driver *driver = provider_driver_named(provider->type);
	g_autoptr(GError) problem = NULL;
	void *state = NULL;
	struct provider_place place = *diagnosis->ways;
	place.tenant = diagnosis->tenant->id;
	place.name = provider->name;
	bool opened = driver && driver->open(&place, provider->settings, &state, &problem);
	check_advised(checks, "settings", opened ? "complete" : problem ? problem->message : "no driver of this type", "complete", opened,
	              "Here: correct that key in the declaration, then `passerelle apply`.");
	if (!opened)
		return;
	ask(driver, state, diagnosis, checks, ret_claims);
	driver->close(state);
}

/* What was dropped for want of room is not known to have passed, and one row, the settings, is not yet an answer of the provider. */
static bool all_passed(const json_t *rows, bool asks)
{
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row) {
		if (!json_is_true(json_object_get(row, "passed")))
			return false;
	}
	return json_array_size(rows) > (asks ? 1 : 0);
}

json_t *provider_diagnose(const struct diagnosis *diagnosis)
{
	const struct provider_driver *driver = provider_driver_named(diagnosis->provider->type);
	struct checks *checks = checks_new_of(STEPS_MAX);
	json_t *claims = NULL;
	settings_open(diagnosis, checks, &claims);
	json_t *rows = checks_json(checks);
	checks_free(checks);
	return json_pack("{s:s, s:s, s:b, s:o, s:o*}", "provider", diagnosis->provider->name, "type", diagnosis->provider->type, "passed",
	                 all_passed(rows, driver && driver->probe), "checks", rows, "claims", claims);
}
