/* Reading and checking the providers of a declaration.
 *
 *   written ─→ keys of its type ─→ secrets kept from the store, where they may go there ─→ the driver opens it, without network, and closes it
 *
 * A provider that passes here opens in the server too: what its driver refuses is a mistake with its line, never a source that is silently left out. */
#include "gateway/admin/declaring.h"

#include "gateway/admin/declaration_keys.h"
#include "gateway/admin/provider_settings.h"

#include <string.h>

static void type_refuse(struct declaration *declaration, const struct declared_provider *provider)
{
	const char *type = json_string_at(provider->written, "type");
	g_autofree char *types = provider_types();
	if (!type)
		declaration_mistake(declaration, provider->written, "type", provider->where, "missing, expected one of %s", types);
	else
		declaration_mistake(declaration, provider->written, "type", provider->where, "%s, expected one of %s", type, types);
}

void provider_read(struct declaration *declaration, struct declared_tenant *tenant, const json_t *written, size_t index)
{
	struct declared_provider *provider = g_new0(struct declared_provider, 1);
	const struct key_rule *keys = provider_keys_of(json_string_at(written, "type"));
	provider->written = written;
	provider->where = where_of(tenant->where, ".providers", written, "name", index);
	provider->name = g_strdup(json_string_at(written, "name"));
	provider->position = (int)index;
	g_ptr_array_add(tenant->providers, provider);
	if (!json_is_object(written))
		declaration_mistake(declaration, written, NULL, provider->where, "expected an object");
	else if (!keys)
		type_refuse(declaration, provider);
	else
		provider->settings = object_apply(declaration, written, keys, provider->where);
}

static bool name_keep(const struct provider_record *record, void *data)
{
	g_hash_table_add(data, g_strdup(record->name));
	return true;
}

/* "key: what is wrong": a driver names the key first, and then its line is told. */
static void refusal_note(struct declaration *declaration, const struct declared_provider *provider, const char *message)
{
	const char *colon = strstr(message, ": ");
	g_autofree char *key = colon ? g_strndup(message, (gsize)(colon - message)) : NULL;
	for (const struct key_rule *rule = provider_keys_of(json_string_at(provider->settings, "type")); key && rule->name; rule++) {
		if (strcmp(rule->name, key) != 0)
			continue;
		declaration_mistake(declaration, provider->written, key, provider->where, "%s", colon + strlen(": "));
		return;
	}
	declaration_mistake(declaration, provider->written, NULL, provider->where, "%s", message);
}

static void open_try(struct declaration *declaration, const struct declared_provider *provider)
{
	const struct provider_driver *driver = provider_driver_named(json_string_at(provider->settings, "type"));
	g_autoptr(GError) problem = NULL;
	void *state = NULL;
	if (driver->open(&(struct provider_place){ .name = provider->name }, provider->settings, &state, &problem))
		driver->close(state);
	else
		refusal_note(declaration, provider, problem ? problem->message : "refused by its driver");
}

/* What the declaration leaves out and the store has: secrets. Of another type under the same name nothing is taken over. */
static bool stored_take(struct declaration *declaration, struct declared_provider *provider)
{
	const char *type = json_string_at(provider->settings, "type");
	struct secret_astray astray = { 0 };
	if (strcmp(provider->stored.type, type) != 0 || secrets_carry(type, provider->settings, provider->stored.settings, &astray))
		return true;
	return declaration_mistake(declaration, provider->written, astray.secret, provider->where,
	                           "missing, expected to be given again: %s is another now, and the stored one was not meant for it", astray.moved);
}

static bool provider_check(struct crossing *crossing, struct declared_provider *provider, GError **error)
{
	if (!provider->settings)
		return true;
	enum found found = crossing->stored ? provider_find(crossing->unit, crossing->stored->id, provider->name, &provider->stored, error) : MISSING;
	if (found == BROKEN)
		return false;
	if (found == MISSING || stored_take(crossing->declaration, provider))
		open_try(crossing->declaration, provider);
	return true;
}

bool providers_check(struct crossing *crossing, GError **error)
{
	if (crossing->stored && !provider_list(crossing->unit, crossing->stored->id, name_keep, crossing->providers, error))
		return false;
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < crossing->tenant->providers->len; i++) {
		struct declared_provider *provider = g_ptr_array_index(crossing->tenant->providers, i);
		if (provider->name && !g_hash_table_add(seen, provider->name))
			declaration_mistake(crossing->declaration, provider->written, "name", provider->where, "twice, expected once");
		if (provider->name)
			g_hash_table_add(crossing->providers, g_strdup(provider->name));
		if (!provider_check(crossing, provider, error))
			return false;
	}
	return true;
}
