/* From facts to a row that only lacks its place in the chain. */
#pragma once
#include "gateway/audit/audit.h"

/* Text that may stand in a log: valid UTF-8 of at most `max_bytes`, cut between characters, with control, line-separating and direction-changing characters
 * replaced by U+FFFD. NULL for NULL and "". Caller frees. */
char *row_text(const char *text, size_t max_bytes);
/* How an unproven name is written down: in clear when it is an address in one of the tenant's own domains, else as a keyed hash. Caller frees. */
char *row_username(const struct root_keys *keys, const struct tenant *tenant, const char *typed);
/* Fills everything but seq, salt and hashes. The row owns what it holds: it may outlive the facts. */
void row_fill(struct log_row *row, const struct store *store, const struct tenant *tenant, const struct audit_facts *facts, bool username_known);
