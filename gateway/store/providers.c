/* Configured providers. Their settings hold upstream secrets, so the whole text is sealed, bound to tenant and name. */
#include "gateway/store/unit.h"
#include <string.h>

#define SETTINGS_MAX (1 << 20)

static const char put_sql[] =
	"INSERT INTO provider (tenant, name, type, settings_sealed, enabled, position) VALUES ($1, $2, $3, $4, $5, $6) "
	"ON CONFLICT (tenant, name) DO UPDATE SET type = excluded.type, settings_sealed = excluded.settings_sealed, enabled = excluded.enabled, "
	"position = excluded.position";
static const char links_delete[] = "DELETE FROM link WHERE tenant = $1 AND provider = $2";
static const char delete_sql[] = "DELETE FROM provider WHERE tenant = $1 AND name = $2";
static const char list_sql[] = "SELECT name, type, settings_sealed, enabled, position FROM provider WHERE tenant = $1 ORDER BY position, name";

static struct seal_context context_of(const char *tenant, const char *name)
{
	return (struct seal_context){ .tenant = tenant, .table = "provider", .row = name, .column = "settings_sealed" };
}

static bool record_from_row(struct unit *unit, cursor_t *cursor, const char *tenant, void *record, GError **error)
{
	struct provider_record *provider = record;
	provider->name = column_copy(cursor, 0);
	provider->type = column_copy(cursor, 1);
	provider->enabled = column_flag(cursor, 3);
	provider->position = (int)column_integer(cursor, 4);
	struct seal_context context = context_of(tenant, provider->name);
	g_autoptr(secret_t) settings = unseal(store_keys(unit->store), &context, column_text(cursor, 2), error);
	if (!settings)
		return false;
	provider->settings = json_parse((const char *)secret_bytes(settings), secret_length(settings), SETTINGS_MAX, error);
	return provider->settings != NULL;
}

static void record_clear(void *record)
{
	provider_record_clear(record);
}

static const struct record_type type = { sizeof(struct provider_record), record_from_row, record_clear };

bool provider_put(struct unit *unit, const char *tenant, const struct provider_record *provider, GError **error)
{
	struct seal_context context = context_of(tenant, provider->name);
	g_autofree char *settings = json_text(provider->settings);
	g_autofree char *sealed = column_seal(unit, &context, settings, strlen(settings));
	wipe(settings, strlen(settings));
	return unit_run(unit, NULL, error, put_sql,
	                VALUES(value_text(tenant), value_text(provider->name), value_text(provider->type), value_text(sealed),
	                       value_integer(provider->enabled), value_integer(provider->position))) &&
	       change_add(unit, tenant, "provider", provider->name, error);
}

bool provider_remove(struct unit *unit, const char *tenant, const char *name, GError **error)
{
	/* Its links go too: a provider made again under an old name knows nobody. */
	return unit_run_one(unit, "provider", error, delete_sql, VALUES(value_text(tenant), value_text(name))) &&
	       unit_run(unit, NULL, error, links_delete, VALUES(value_text(tenant), value_text(name))) &&
	       change_add(unit, tenant, "provider", name, error);
}

struct listing {
	bool (*each)(const struct provider_record *provider, void *data);
	void *data;
};

static bool listed(void *record, void *context)
{
	const struct listing *listing = context;
	return listing->each(record, listing->data);
}

bool provider_list(struct unit *unit, const char *tenant, bool (*each)(const struct provider_record *provider, void *data), void *data, GError **error)
{
	return record_list(unit, &type, tenant, listed, &(struct listing){ each, data }, error, list_sql, VALUES(value_text(tenant)));
}
