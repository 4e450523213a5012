/* `passerelle export`: a tenant as the declaration that would make it. The inverse of the tables of keys: what they turned into seconds goes back to "15m".
 *
 * Accounts keep their ids, so that the same people have the same `sub` on another gateway. Secrets leave only with --with-secrets, and then as hashes; those
 * we show to others, such as a directory's bind_password, in clear. */
#include "gateway/admin/verbs.h"

#include "base/encoding.h"
#include "base/units.h"
#include "gateway/admin/declaration_keys.h"
#include "gateway/admin/provider_settings.h"

#include <string.h>

static json_t *value_declared(const json_t *value, const struct key_rule *rule)
{
	char text[UNIT_TEXT_SIZE];
	if (rule->type == KEY_OBJECT)
		return settings_declared(value, rule->keys);
	if (rule->type == KEY_DURATION && json_is_integer(value)) {
		duration_format(json_integer_value(value), text);
		return json_string(text);
	}
	if (rule->type == KEY_SIZE && json_is_integer(value)) {
		size_format(json_integer_value(value), text);
		return json_string(text);
	}
	return json_deep_copy(value);
}

json_t *settings_declared(const json_t *settings, const struct key_rule *keys)
{
	json_t *object = json_object();
	for (const struct key_rule *rule = keys; rule->name; rule++) {
		const json_t *value = json_object_get(settings, rule->name);
		bool nothing = !value || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0 && rule->standard);
		/* An empty list is the default, where there is a default: saying nothing says the same. */
		if (!nothing)
			json_object_set_new(object, rule->name, value_declared(value, rule));
	}
	return object;
}

json_t *tenant_declared(const struct tenant *tenant, const char *base_url)
{
	g_autofree char *usual = g_strdup_printf("%s/t/%s", base_url, tenant->name);
	json_t *object = json_object();
	json_object_set_new(object, "name", json_string(tenant->name));
	json_t *settings = settings_declared(tenant->settings, tenant_keys);
	/* An issuer that follows from base_url is left to follow from it on the next gateway too. */
	if (strcmp(usual, tenant->issuer) == 0)
		json_object_del(settings, "issuer");
	json_object_update(object, settings);
	json_decref(settings);
	return object;
}

json_t *account_declared(const struct account *account, const char *stored, bool with_id)
{
	json_t *object = json_object();
	json_object_set_new(object, "username", json_string(account->username));
	if (with_id)
		json_object_set_new(object, "id", json_string(account->id));
	if (account->email)
		json_object_set_new(object, "email", json_string(account->email));
	if (account->email)
		json_object_set_new(object, "email_verified", json_boolean(account->email_verified));
	if (account->name)
		json_object_set_new(object, "name", json_string(account->name));
	if (account->locale)
		json_object_set_new(object, "locale", json_string(account->locale));
	if (json_array_size(account->groups))
		json_object_set(object, "groups", account->groups);
	if (account->disabled)
		json_object_set_new(object, "disabled", json_true());
	if (stored)
		json_object_set_new(object, "password_hash", json_string(stored));
	return object;
}

json_t *client_declared(const struct client *client, bool with_secrets)
{
	json_t *object = json_object();
	json_object_set_new(object, "client_id", json_string(client->client_id));
	json_t *settings = settings_declared(client->settings, client_keys);
	json_object_update(object, settings);
	json_decref(settings);
	for (size_t i = 0; with_secrets && i < client->secret_count; i++) {
		/* The newest that does not expire; one on its way out is not worth taking along. */
		if (client->secrets[i].expires_ms != 0)
			continue;
		g_autofree char *digits = base64url_encode(client->secrets[i].digest, DIGEST_SIZE);
		g_autofree char *text = g_strconcat(SECRET_HASH_PREFIX, digits, NULL);
		json_object_set_new(object, "client_secret_hash", json_string(text));
		break;
	}
	return object;
}

/* `enabled` is said only where it is not. */
json_t *provider_declared(const struct provider_record *provider, bool with_secrets)
{
	const struct key_rule *keys = provider_keys_of(provider->type);
	g_autoptr(json_t) shown = with_secrets && keys ? json_incref(provider->settings) : settings_without_secrets(provider->settings, keys);
	json_t *object = json_object();
	json_object_set_new(object, "name", json_string(provider->name));
	json_object_set_new(object, "type", json_string(provider->type));
	g_autoptr(json_t) settings = keys ? settings_declared(shown, keys) : json_incref(shown);
	json_object_update(object, settings);
	json_object_del(object, "enabled");
	if (!provider->enabled)
		json_object_set_new(object, "enabled", json_false());
	return object;
}

struct gathering {
	struct unit *unit;
	const char *tenant;
	bool with_secrets;
	json_t *list;
};

static bool resource_gather(struct resource *resource, void *data)
{
	const struct gathering *gathering = data;
	json_array_append_new(gathering->list, settings_declared(resource->settings, resource_keys));
	return true;
}

static bool provider_gather(const struct provider_record *provider, void *data)
{
	const struct gathering *gathering = data;
	json_array_append_new(gathering->list, provider_declared(provider, gathering->with_secrets));
	return true;
}

static bool client_gather(struct client *client, void *data)
{
	const struct gathering *gathering = data;
	json_array_append_new(gathering->list, client_declared(client, gathering->with_secrets));
	return true;
}

static bool account_gather(const struct account *account, void *data)
{
	const struct gathering *gathering = data;
	json_array_append_new(gathering->list, account_declared(account, NULL, true));
	return true;
}

/* After the list, not within it: one statement at a time is under way on a reader. */
static bool hashes_add(const struct gathering *gathering, GError **error)
{
	size_t i;
	json_t *user;
	json_array_foreach(gathering->list, i, user) {
		g_autofree char *stored = NULL;
		enum found found = credential_find(gathering->unit, gathering->tenant, json_string_at(user, "id"), &stored, error);
		if (found == BROKEN)
			return false;
		if (found == FOUND)
			json_object_set_new(user, "password_hash", json_string(stored));
	}
	return true;
}

static bool links_add(const struct gathering *gathering, GError **error)
{
	g_autoptr(GPtrArray) providers = provider_names(gathering->unit, gathering->tenant, error);
	size_t i;
	json_t *user;
	if (!providers)
		return false;
	json_array_foreach(gathering->list, i, user) {
		g_autoptr(json_t) links = account_links(gathering->unit, gathering->tenant, json_string_at(user, "id"), providers, error);
		if (!links)
			return false;
		if (json_array_size(links))
			json_object_set(user, "links", links);
	}
	return true;
}

static void list_keep(json_t *object, const char *key, struct gathering *gathering)
{
	if (json_array_size(gathering->list))
		json_object_set(object, key, gathering->list);
	json_decref(gathering->list);
	gathering->list = json_array();
}

static bool members_export(json_t *object, struct gathering *gathering, GError **error)
{
	struct unit *unit = gathering->unit;
	const char *tenant = gathering->tenant;
	if (!resource_list(unit, tenant, resource_gather, gathering, error))
		return false;
	list_keep(object, "resources", gathering);
	if (!provider_list(unit, tenant, provider_gather, gathering, error))
		return false;
	list_keep(object, "providers", gathering);
	if (!account_list(unit, tenant, account_gather, gathering, error) || (gathering->with_secrets && !hashes_add(gathering, error)) ||
	    !links_add(gathering, error))
		return false;
	list_keep(object, "users", gathering);
	if (!client_list(unit, tenant, client_gather, gathering, error))
		return false;
	list_keep(object, "clients", gathering);
	return true;
}

bool export_run(struct command *command, GError **error)
{
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	struct unit *unit = tenant ? command_reader(command, error) : NULL;
	if (!unit)
		return false;
	g_autoptr(json_t) object = tenant_declared(tenant, command->setting->base_url);
	struct gathering gathering = {
		.unit = unit, .tenant = tenant->id, .with_secrets = command_option(command, "with-secrets"), .list = json_array(),
	};
	bool gathered = members_export(object, &gathering, error);
	json_decref(gathering.list);
	/* The record comes first: what cannot be recorded is not handed out. */
	if (!gathered || !command_note_read(command, tenant, gathering.with_secrets ? "export with secrets" : "export", error))
		return false;
	g_autoptr(json_t) root = json_pack("{s:[O]}", "tenants", object);
	if (command->json) {
		print_object(command, root);
		return true;
	}
	return yaml_write(stdout, root) || fail(error, ERROR_INTERNAL, "the output could not be written");
}
