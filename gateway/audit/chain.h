/* The chain that makes the connection log tamper-evident: each row's hash covers its fields and the hash before it, per tenant and node. */
#pragma once
#include "gateway/store/store.h"

/* The salted digest of the personal fields (account, username, ip, user_agent). The chain covers this digest and not the fields, so that a person's data
 * can be erased, salt included, and the chain still verifies. */
void chain_personal(const struct log_row *row, uint8_t out[DIGEST_SIZE]);
/* The row's hash over length-prefixed fields in CONTRACT section 7's order. `tenant` is the internal id: a tenant made again starts another chain. */
void chain_hash(const char *tenant, const struct log_row *row, uint8_t out[DIGEST_SIZE]);
/* Inside a transaction: takes the next number, chains to the last row and inserts. Reading the tip and inserting share the transaction, so two writers
 * cannot take one number. */
bool chain_append(struct unit *unit, const char *tenant, struct log_row *row, GError **error);
