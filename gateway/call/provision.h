/* From a verified identity to an account: found by its link, made, linked or refused as policies/account decides, and kept up to date. */
#pragma once
#include "gateway/call/sources.h"

/* Inside a transaction. On true *ret_reason is REASON_OK and *ret holds the account as it now is, or the reason why not. False with *error: broken. */
bool provision(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct identity *identity, int64_t now_ms,
	struct account *ret, enum reason *ret_reason, GError **error);

/* Writes what the source says of a person into his account, where the source updates accounts and the account is not a declaration's. *ret is updated. */
bool provision_update(struct unit *unit, const struct tenant *tenant, const struct source *source, const struct identity *identity, int64_t now_ms,
	struct account *ret, GError **error);
