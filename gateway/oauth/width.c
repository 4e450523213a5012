/* How wide a token may be now. Scope and audience may narrow, never widen (RFC 6749 section 6, RFC 8707 section 2.2). What an administrator took from the client
 * since the grant was made falls away silently where the request does not insist on it; what the request names must be there. */
#include "gateway/oauth/width.h"
#include "gateway/call/entitlement.h"
#include "policies/scope.h"

void width_clear(struct width *width)
{
	g_clear_pointer(&width->scope, g_free);
	g_clear_pointer(&width->resources, g_strfreev);
}

struct narrowing {
	GString *scope;
	const char *allowed;
};

static bool keep_word(const char *word, size_t length, void *data)
{
	struct narrowing *narrowing = data;
	g_autofree char *one = g_strndup(word, length);
	if (scope_has(narrowing->allowed, one))
		g_string_append_printf(narrowing->scope, "%s%s", narrowing->scope->len ? " " : "", one);
	return true;
}

static char *scope_left(const char *granted, const char *allowed)
{
	struct narrowing narrowing = { g_string_new(NULL), allowed };
	scope_each(granted, keep_word, &narrowing);
	return g_string_free(narrowing.scope, FALSE);
}

/* The grant's resources that the client still has. */
static char **resources_left(const struct grant *grant, const struct client *client)
{
	g_autoptr(GPtrArray) left = g_ptr_array_new();
	for (size_t i = 0; grant->resources && grant->resources[i]; i++)
		if (client->resources && g_strv_contains((const char *const *)client->resources, grant->resources[i]))
			g_ptr_array_add(left, g_strdup(grant->resources[i]));
	g_ptr_array_add(left, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&left), FALSE);
}

enum reason width_find(const struct client *client, const struct grant *grant, const struct account *account, const struct form *form, const char *scope,
	struct width *ret)
{
	const char *wrong = NULL;
	g_autofree char *left = scope_left(grant->scope, client->scope);
	g_auto(GStrv) open = resources_left(grant, client);
	enum reason reason = entitlement(account, client);
	if (reason != REASON_OK)
		return reason;
	if (grant->resources && grant->resources[0] && !open[0])
		return REASON_GRANT_REVOKED;
	if (scope && scope_decide(scope, left) != REASON_OK)
		return REASON_SCOPE_REFUSED;
	ret->resources = issue_resources(form, open, &wrong);
	if (!ret->resources)
		return REASON_TARGET_REFUSED;
	ret->scope = g_strdup(scope ? scope : left);
	return REASON_OK;
}
