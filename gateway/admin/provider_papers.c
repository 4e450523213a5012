/* A look at the provider as the server's watch does it (gateway/provider_watch.h), and the last change in the connection log. */
#include "gateway/admin/provider_papers.h"

#include "base/clock.h"
#include "policies/expiry.h"

#include <string.h>

#define LOOK_MS 8000
#define ROWS_MAX 1000 /* of changes to any provider, back to the last one of this one's metadata */

static json_t *warnings_of(const json_t *expiries, int64_t now_ms)
{
	json_t *warnings = json_array(), *expiry;
	size_t i;
	json_array_foreach(expiries, i, expiry) {
		const char *what = json_string_at(expiry, "what");
		int64_t at_ms = 0;
		json_integer_at(expiry, "at_ms", &at_ms);
		enum expiry_stage stage = expiry_stage_of(at_ms, now_ms);
		if (stage == EXPIRY_OVER)
			json_array_append_new(warnings, json_sprintf("%s: over", what));
		else if (stage != EXPIRY_FAR)
			json_array_append_new(warnings, json_sprintf("%s: %lld days left", what, (long long)expiry_days_left(at_ms, now_ms)));
	}
	return warnings;
}

static void outlook_add(const struct provider_record *provider, const struct provider_place *place, const char *tenant, json_t *published)
{
	const struct provider_driver *driver = provider_driver_named(provider->type);
	struct provider_place standing = *place;
	g_auto(provider_outlook_t) outlook = { 0 };
	void *state = NULL;
	standing.tenant = tenant;
	standing.name = provider->name;
	if (!driver->open(&standing, provider->settings, &state, NULL))
		return;
	driver->watch(state, clock_now_ms(), clock_monotonic_ms() + LOOK_MS, &outlook);
	driver->close(state);
	if (outlook.facts)
		json_object_update(published, outlook.facts);
	if (outlook.trouble)
		json_object_set_new(published, "trouble", json_string(outlook.trouble));
	json_object_set_new(published, "warnings", warnings_of(outlook.expiries, clock_now_ms()));
}

struct search {
	const char *provider;
	json_t *found;
};

static bool row_examine(const struct log_row *row, void *data)
{
	struct search *search = data;
	if (g_strcmp0(row->provider, search->provider) != 0 || g_strcmp0(json_string_at(row->detail, "change"), "metadata") != 0)
		return true;
	search->found = json_object();
	json_time_set(search->found, "time", row->time_ms);
	json_object_set(search->found, "changes", json_object_get(row->detail, "changes"));
	return false;
}

bool provider_papers(struct command *command, const struct tenant *tenant, const struct provider_record *provider, const struct provider_place *place, json_t *object,
                     GError **error)
{
	const struct log_filter filter = { .event = audit_event_text(EVENT_PROVIDER_UPDATE), .limit = ROWS_MAX };
	struct search search = { .provider = provider->name };
	struct unit *unit = command_reader(command, error);
	if (!unit || !log_list(unit, tenant->id, &filter, row_examine, &search, error))
		return false;
	json_t *published = json_object();
	outlook_add(provider, place, tenant->id, published);
	if (search.found)
		json_object_set_new(published, "changed", search.found);
	json_object_set_new(object, "published", published);
	return true;
}
