/* Settling a sign-in: the attempt's outcome, the account and the session, in one transaction with their record. */
#pragma once
#include "gateway/login/flow.h"
#include "gateway/call/sources.h"
#include "gateway/login/throttling.h"
#include "policies/source.h"
#include "providers/provider.h"

/* One attempt: at signing in, or at changing a password, which ends with signing in. */
struct attempt {
	enum audit_event event;      /* LOGIN, or PASSWORD_CHANGE */
	void (*ask)(struct call *call, struct attempt *attempt, struct provider_answer *answer);
	void (*show)(struct login *login, const struct attempt *attempt, enum reason reason); /* how it ended; not where the store or the flow is at fault */
	const char *username;        /* as typed; NULL: nothing was */
	char *login_key;             /* NULL: cannot be a name */
	struct account account;        /* the account the name leads to, its id "" for none */
	struct source_list *sources; /* of the tenant … */
	size_t order[SOURCES_MAX], order_count; /* … in the order in which they are asked */
	const struct source *source; /* who answered; NULL: nobody was asked */
	char *stored;                /* the password hash that was lent, NULL: none */
	struct buckets buckets;
	bool counted;                /* in its buckets: who signs in elsewhere tries no password here */
	bool admitted;               /* holds room for a hash */
	enum reason throttled;       /* REASON_OK: the password counts */
	bool in_grace;               /* signed in with a password that has expired … */
	unsigned grace_left;         /* … and may do so as often again */
};
void attempt_clear(struct attempt *attempt);

/* Writes how it ended. On success login->session and ->account are the new ones and the cookies are set. REASON_OK, or why not; STORE_BROKEN with *error. */
enum reason login_settle(struct login *login, const struct attempt *attempt, const struct provider_answer *answer, GError **error);
