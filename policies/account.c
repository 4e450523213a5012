/* Which account an identity opens. The link (provider, subject) decides; an address never does, but for one narrow door that a tenant opens
 * knowingly: it proved the domain, the provider is authoritative for it, the address is asserted as verified, and exactly one account has it. */
#include "policies/account.h"

#include <stddef.h>
#include <string.h>

static struct account_decision refuse(enum reason reason)
{
	return (struct account_decision){ACCOUNT_REFUSE, reason};
}

static struct account_decision take(enum account_action action)
{
	return (struct account_decision){action, REASON_OK};
}

/* A person the provider knows and we have no link for. */
static struct account_decision decide_newcomer(const struct account_facts *facts)
{
	/* One person has one entry at a provider: a second entry with the first one's address is the address handed on, and inherits nothing (LD-8). */
	bool may_link = facts->link_by_verified_email && facts->email_proved && facts->email_known && !facts->email_linked_here;

	switch (facts->provisioning) {
	case PROVISIONING_CREATE:
		/* Without the right to link, an address that somebody has already makes a second account, never a way into the first (ID-4). */
		return take(may_link ? ACCOUNT_LINK : ACCOUNT_CREATE);
	case PROVISIONING_LINK:
		return may_link ? take(ACCOUNT_LINK) : refuse(REASON_NOT_PROVISIONED);
	case PROVISIONING_EXISTING:
		return refuse(REASON_NOT_PROVISIONED);
	}
	return refuse(REASON_UNDECIDED);
}

struct account_decision account_decide(const struct account_facts *facts)
{
	/* Before everything else: a disabled account must not come back through a provider, nor as a fresh account beside it (SE-5). */
	if (facts->disabled)
		return refuse(REASON_ACCOUNT_DISABLED);
	if (facts->linked)
		return take(ACCOUNT_USE);
	/* Our own accounts are their own record: there is nothing to create or link. */
	if (facts->local)
		return refuse(REASON_UNKNOWN_ACCOUNT);
	return decide_newcomer(facts);
}

static bool list_has(const char *const *list, const char *text)
{
	for (size_t i = 0; list && list[i]; i++)
		if (strcmp(list[i], text) == 0)
			return true;
	return false;
}

enum reason account_may_use_client(const char *const *allowed_groups, const char *const *groups)
{
	if (!allowed_groups)
		return REASON_OK;
	for (size_t i = 0; groups && groups[i]; i++)
		if (list_has(allowed_groups, groups[i]))
			return REASON_OK;
	return REASON_GROUP_NOT_ALLOWED;
}
