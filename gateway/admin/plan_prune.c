/* `apply --prune`: what apply made and the declaration no longer names. Never a tenant, and never what a person or a provider made: those carry no mark. */
#include "gateway/admin/planning.h"

#include <stddef.h>
#include <string.h>

static bool is_declared(const GPtrArray *list, size_t name_offset, const char *name)
{
	for (guint i = 0; i < list->len; i++) {
		const char *const *other = (const void *)((const char *)g_ptr_array_index(list, i) + name_offset);
		if (g_strcmp0(*other, name) == 0)
			return true;
	}
	return false;
}

static bool prune_account(const struct account *account, void *data)
{
	struct planning *planning = data;
	if (!account->declared)
		return true;
	for (guint i = 0; i < planning->declared->users->len; i++) {
		const struct declared_user *user = g_ptr_array_index(planning->declared->users, i);
		if (strcmp(user->account.id, account->id) == 0 || g_strcmp0(user->account.username_key, account->username_key) == 0)
			return true;
	}
	struct difference *difference = difference_new(SIGN_REMOVE, OBJECT_USER, account->username);
	g_strlcpy(difference->account.id, account->id, sizeof(difference->account.id));
	difference->account.username = g_strdup(account->username);
	g_ptr_array_add(planning->planned->differences, difference);
	return true;
}

static bool prune_client(struct client *client, void *data)
{
	struct planning *planning = data;
	if (json_is_true(json_object_get(client->settings, DECLARED_MARK)) &&
	    !is_declared(planning->declared->clients, offsetof(struct declared_client, client_id), client->client_id))
		g_ptr_array_add(planning->planned->differences, difference_new(SIGN_REMOVE, OBJECT_CLIENT, client->client_id));
	return true;
}

static bool prune_resource(struct resource *resource, void *data)
{
	struct planning *planning = data;
	if (json_is_true(json_object_get(resource->settings, DECLARED_MARK)) &&
	    !is_declared(planning->declared->resources, offsetof(struct declared_resource, identifier), resource->identifier))
		g_ptr_array_add(planning->planned->differences, difference_new(SIGN_REMOVE, OBJECT_RESOURCE, resource->identifier));
	return true;
}

static bool prune_provider(const struct provider_record *provider, void *data)
{
	struct planning *planning = data;
	if (json_is_true(json_object_get(provider->settings, DECLARED_MARK)) &&
	    !is_declared(planning->declared->providers, offsetof(struct declared_provider, name), provider->name))
		g_ptr_array_add(planning->planned->differences, difference_new(SIGN_REMOVE, OBJECT_PROVIDER, provider->name));
	return true;
}

bool prune_plan(struct planning *planning)
{
	struct unit *unit = planning->options->unit;
	const char *tenant = planning->stored;
	if (!planning->options->prune || !tenant || planning->declared->by_hand)
		return true;
	return client_list(unit, tenant, prune_client, planning, planning->error) && account_list(unit, tenant, prune_account, planning, planning->error) &&
	       provider_list(unit, tenant, prune_provider, planning, planning->error) && resource_list(unit, tenant, prune_resource, planning, planning->error);
}
