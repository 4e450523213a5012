/* The `links` of users: who somebody is at a provider. A subject is one account's for ever, so a declaration may say it of an account, never take it from one. */
#include "gateway/admin/declaring.h"

static bool link_check(struct crossing *crossing, const struct declared_user *user, const json_t *link, const char *account, GError **error)
{
	const char *provider = json_string_at(link, "provider"), *subject = json_string_at(link, "subject");
	struct declaration *declaration = crossing->declaration;
	struct link stored = { 0 };
	/* A provider's name holds no space. */
	g_autofree char *both = g_strconcat(provider, " ", subject, NULL);
	if (!g_hash_table_contains(crossing->providers, provider))
		declaration_mistake(declaration, user->written, "links", user->where, "%s, expected one of the tenant's providers", provider);
	if (!is_new_in(crossing->links, both))
		declaration_mistake(declaration, user->written, "links", user->where, "%s of %s twice, expected once", subject, provider);
	enum found found = crossing->stored ? link_find(crossing->unit, crossing->stored->id, provider, subject, &stored, error) : MISSING;
	if (found == FOUND && g_strcmp0(stored.account, account) != 0)
		declaration_mistake(declaration, user->written, "links", user->where, "%s of %s, expected one that is not another account's: it is of %s", subject, provider,
		                    stored.account);
	link_clear(&stored);
	return found != BROKEN;
}

bool links_check(struct crossing *crossing, const struct declared_user *user, const char *account, GError **error)
{
	size_t i;
	json_t *link;
	json_array_foreach(user->links, i, link) {
		if (!link_check(crossing, user, link, account, error))
			return false;
	}
	return true;
}
