/* Resources: the protected services that tokens are for (RFC 8707). */
#include "gateway/store/unit.h"

static const char put_sql[] =
	"INSERT INTO resource (tenant, identifier, settings) VALUES ($1, $2, $3) ON CONFLICT (tenant, identifier) DO UPDATE SET settings = excluded.settings";
static const char delete_sql[] = "DELETE FROM resource WHERE tenant = $1 AND identifier = $2";
static const char find_sql[] = "SELECT identifier, settings FROM resource WHERE tenant = $1 AND identifier = $2";
static const char list_sql[] = "SELECT identifier, settings FROM resource WHERE tenant = $1 ORDER BY identifier";

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error)
{
	g_autoptr(json_t) settings = NULL;
	if (!column_json(cursor, 1, &settings, error))
		return false;
	*(struct resource **)record = resource_new(column_text(cursor, 0), settings);
	return true;
}

static void record_clear(void *record)
{
	resource_unref(*(struct resource **)record);
}

static const struct record_type type = { sizeof(struct resource *), record_from_row, record_clear };

bool resource_put(struct unit *unit, const char *tenant, const struct resource *resource, GError **error)
{
	g_autofree char *settings = NULL;
	return unit_run(unit, NULL, error, put_sql,
	                VALUES(value_text(tenant), value_text(resource->identifier), value_json(resource->settings, &settings))) &&
	       change_add(unit, tenant, "resource", resource->identifier, error);
}

bool resource_remove(struct unit *unit, const char *tenant, const char *identifier, GError **error)
{
	return unit_run_one(unit, "resource", error, delete_sql, VALUES(value_text(tenant), value_text(identifier))) &&
	       change_add(unit, tenant, "resource", identifier, error);
}

enum found resource_find(struct unit *unit, const char *tenant, const char *identifier, struct resource **ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant), value_text(identifier)));
}

struct listing {
	bool (*each)(struct resource *resource, void *data);
	void *data;
};

static bool listed(void *record, void *context)
{
	const struct listing *listing = context;
	return listing->each(*(struct resource **)record, listing->data);
}

bool resource_list(struct unit *unit, const char *tenant, bool (*each)(struct resource *resource, void *data), void *data, GError **error)
{
	return record_list(unit, &type, tenant, listed, &(struct listing){ each, data }, error, list_sql, VALUES(value_text(tenant)));
}
