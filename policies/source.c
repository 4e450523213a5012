/* Which password source a login is asked of. */
#include "policies/source.h"

#include <string.h>

static bool lists(const char *const *domains, const char *domain)
{
	for (size_t i = 0; domains && domains[i]; i++)
		if (strcmp(domains[i], domain) == 0)
			return true;
	return false;
}

static bool is_bound(const struct source_facts *source)
{
	return source->domains && source->domains[0];
}

static size_t routed(const struct source_facts *sources, size_t count, const char *domain, size_t *order)
{
	size_t found = 0;
	for (size_t i = 0; i < count; i++)
		if (sources[i].enabled && sources[i].asks_password && lists(sources[i].domains, domain))
			order[found++] = i;
	return found;
}

size_t source_order(const struct source_facts *sources, size_t count, const char *login_key, size_t *order)
{
	const char *at = login_key ? strrchr(login_key, '@') : NULL;
	size_t found = at ? routed(sources, count, at + 1, order) : 0;
	if (found)
		return found;
	for (size_t i = 0; i < count; i++)
		if (sources[i].enabled && sources[i].asks_password && !(at && is_bound(&sources[i])))
			order[found++] = i;
	return found;
}

bool source_elsewhere(const struct source_facts *sources, size_t count, const char *login_key, size_t *ret)
{
	const char *at = login_key ? strrchr(login_key, '@') : NULL;
	for (size_t i = 0; at && i < count; i++) {
		if (!sources[i].enabled || !lists(sources[i].domains, at + 1))
			continue;
		*ret = i;
		return sources[i].goes_elsewhere;
	}
	return false;
}
