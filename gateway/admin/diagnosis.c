/* The diagnosis: the settings first, as the server opens them, then the driver's own walk. */
#include "gateway/admin/diagnosis.h"

#include "base/form.h"
#include "providers/provider.h"

#include <string.h>

static struct form *form_of(const struct diagnosis *diagnosis)
{
	GString *query = g_string_new("");
	g_autofree char *callback_url = g_strconcat(diagnosis->tenant->issuer, "/callback/", diagnosis->provider->name, NULL);
	form_append(query, "callback_url", callback_url);
	if (diagnosis->login)
		form_append(query, "username", diagnosis->login);
	if (diagnosis->login && diagnosis->password)
		form_append(query, "password", (const char *)secret_bytes(diagnosis->password));
	struct form *form = form_parse(query->str, query->len, NULL);
	wipe(query->str, query->len);
	g_string_free(query, TRUE);
	return form;
}

static void ask(const struct provider_driver *driver, void *state, const struct diagnosis *diagnosis, struct checks *checks)
{
	g_autoptr(form_t) form = form_of(diagnosis);
	if (!driver->probe)
		check(checks, "questions", "none: this type asks nobody else", "none", true);
	else if (form)
		driver->probe(state, form, checks, diagnosis->deadline_ms);
}

static void settings_open(const struct diagnosis *diagnosis, struct checks *checks)
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
	ask(driver, state, diagnosis, checks);
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
	struct checks *checks = checks_new();
	settings_open(diagnosis, checks);
	json_t *rows = checks_json(checks);
	checks_free(checks);
	return json_pack("{s:s, s:s, s:b, s:o}", "provider", diagnosis->provider->name, "type", diagnosis->provider->type, "passed",
	                 all_passed(rows, driver && driver->probe), "checks", rows);
}
