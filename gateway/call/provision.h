/* From a verified identity to an account: found by its link, made, linked or refused as policies/account decides, and kept up to date. */
#pragma once
#include "gateway/call/sources.h"
#include "policies/linking.h"
#include "policies/account.h"

/* Asks the link's source whether the person is still there, outside any transaction. FOUND: *answer says. MISSING: the source asks with what a sign-in left, and
 * there is nothing. BROKEN: the store, *error. */
enum found provision_ask(struct store *store, const struct tenant *tenant, const struct source *source, const struct link *link, int64_t now_ms,
	int64_t deadline_ms, struct provider_answer *answer, GError **error);

/* What `provision` would do, and nothing is written: on true *ret_decision says, and *ret holds the account that is there already, if any. False with *error: broken. */
bool provision_decide(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct identity *identity, struct account *ret,
	struct account_decision *ret_decision, GError **error);
/* Inside a transaction; `answer` has an identity. On true *ret_reason is REASON_OK and *ret holds the account as it now is, or the reason why not. False with *error: broken. */
bool provision(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct provider_answer *answer, int64_t now_ms,
	struct account *ret, enum reason *ret_reason, GError **error);

/* Links the identity to an account that was proved in the same browser session, where policies/linking lets it. `proof` brings the session, the ages and what was
 * asked for; who is linked to whom is found here, inside the transaction. On true *ret_reason is REASON_OK or why not. False with *error: broken. */
bool provision_link(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct provider_answer *answer, const char *account,
	struct linking_facts proof, int64_t now_ms, enum reason *ret_reason, GError **error);

/* Writes what the source says of a person into his account, where the source updates accounts and the account is not a declaration's, and keeps what it needs to
 * be asked again. *ret is updated. */
bool provision_update(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct provider_answer *answer, int64_t now_ms,
	struct account *ret, GError **error);
