/* Which account an identity opens: an account is (provider, subject), never an address (SECURITY ID-1, ID-2). */
#pragma once
#include "policies/decision.h"

enum account_action { ACCOUNT_REFUSE = 0, ACCOUNT_USE, ACCOUNT_CREATE, ACCOUNT_LINK };
enum provisioning { PROVISIONING_CREATE, PROVISIONING_EXISTING, PROVISIONING_LINK };

struct account_facts {
	bool local;                   /* the provider is the tenant's own accounts */
	bool linked;                  /* (provider, subject) is known */
	bool disabled;                /* the account it leads to */
	enum provisioning provisioning;
	bool link_by_verified_email;  /* the provider's setting */
	bool email_proved;            /* asserted as verified by a provider authoritative for a domain the tenant owns */
	bool email_known;             /* exactly one account has it, verified */
	bool email_linked_here;       /* … and that account came from this very provider under another subject: the address was given to somebody else there */
};

struct account_decision {
	enum account_action action;
	enum reason reason;
};

struct account_decision account_decide(const struct account_facts *facts);
/* Whether an account in these groups may use a client: no list means everybody of the tenant. Lists are NULL-closed; NULL is no list. */
enum reason account_may_use_client(const char *const *allowed_groups, const char *const *groups);
