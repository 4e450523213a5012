/* Whether an account may use a client now. */
#include "gateway/call/entitlement.h"

enum reason entitlement(const struct account *account, const struct client *client)
{
	if (account->disabled)
		return REASON_ACCOUNT_DISABLED;
	g_autoptr(GPtrArray) groups = g_ptr_array_new();
	for (size_t i = 0; i < json_array_size(account->groups); i++)
		g_ptr_array_add(groups, (void *)(uintptr_t)json_string_value(json_array_get(account->groups, i)));
	g_ptr_array_add(groups, NULL);
	return account_may_use_client((const char *const *)client->allowed_groups, (const char *const *)groups->pdata);
}
