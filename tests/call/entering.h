/* One person coming in from a provider, as a sign-in settles it. */
#pragma once
#include "gateway/call/provision.h"
#include "tests/call/bench.h"

/* A provider of another kind than those we have: it redirects, and is asked for no password. Only its capabilities are looked at here. */
extern const struct provider_driver upstream_driver;

struct entering {
	const struct tenant *tenant;
	const struct source *source;
	const char *subject, *claims;
	bool undo;              /* leave nothing behind */
	/* what came of it */
	bool done;              /* provision did not fail */
	enum reason reason;
	struct account account; /* the caller clears it */
	char linked[IDENTIFIER_SIZE]; /* where the person's link leads inside the transaction, "" for nowhere */
};

/* Provisions at NOW_MS + later_ms, in a transaction of its own, whatever comes of it. */
void enter(const struct bench *bench, struct entering *entering, int64_t later_ms);
/* As enter, and it must be let in; the account's identifier. */
void enter_as(const struct bench *bench, const struct tenant *tenant, const struct source *source, const char *subject, const char *claims,
	char ret_account[IDENTIFIER_SIZE]);
