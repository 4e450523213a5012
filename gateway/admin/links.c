/* Who an account is at the tenant's providers. The store is asked provider by provider, so what a removed provider left behind is not shown. */
#include "gateway/admin/verbs.h"

static bool name_add(const struct provider_record *provider, void *data)
{
	g_ptr_array_add(data, g_strdup(provider->name));
	return true;
}

GPtrArray *provider_names(struct unit *unit, const char *tenant, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	return provider_list(unit, tenant, name_add, names, error) ? g_steal_pointer(&names) : NULL;
}

json_t *account_links(struct unit *unit, const char *tenant, const char *account, const GPtrArray *providers, GError **error)
{
	g_autoptr(json_t) links = json_array();
	for (guint i = 0; i < providers->len; i++) {
		struct link link = { 0 };
		enum found found = link_find_account(unit, tenant, g_ptr_array_index(providers, i), account, &link, error);
		if (found == BROKEN)
			return NULL;
		if (found == FOUND)
			json_array_append_new(links, json_pack("{s:s, s:s}", "provider", link.provider, "subject", link.subject));
		link_clear(&link);
	}
	return g_steal_pointer(&links);
}
