/* Verifying the chain: every row is recomputed from what is stored and held against the hash beside it and the one before it.
 *
 * What is found: a changed field, a row taken out or put in, rows swapped, a row moved from another tenant or node. What cannot be found from the rows
 * alone: the newest ones cut off (compare the last hash with one kept elsewhere), and a person's data erased on purpose, which is the point of the
 * salted digest. */
#include "gateway/audit/audit.h"
#include "gateway/audit/chain.h"
#include <inttypes.h>
#include <string.h>

struct verification {
	struct unit *unit;
	const char *tenant;
	GHashTable *tips; /* node -> struct log_tip */
	int64_t rows;
	GError *fault;
};

/* Where a node's chain must go on: the row verified last, else the sealed anchor that retention left, else its very beginning. NULL: the anchor is forged or
 * unreadable. */
static struct log_tip *tip_of(struct verification *verification, const char *node)
{
	struct log_tip *tip = g_hash_table_lookup(verification->tips, node);

	if (tip)
		return tip;
	tip = g_new0(struct log_tip, 1);
	if (log_anchor_find(verification->unit, verification->tenant, node, tip, &verification->fault) == BROKEN) {
		g_free(tip);
		return NULL;
	}
	g_hash_table_insert(verification->tips, g_strdup(node), tip);
	return tip;
}

/* Erasing takes all four fields; one alone that is gone was taken by somebody else. */
static bool personal_fields_erased(const struct log_row *row)
{
	return !row->account && !row->username && !row->ip && !row->user_agent;
}

static bool row_fault(struct verification *verification, const struct log_row *row, const char *what)
{
	return fail(&verification->fault, ERROR_CONFLICT, "node %s, record %" PRId64 " (%s): %s", row->node ? row->node : "", row->seq, row->id, what);
}

static bool row_fits(struct verification *verification, const struct log_row *row, const struct log_tip *tip)
{
	uint8_t digest[DIGEST_SIZE];

	if (row->seq != tip->seq + 1)
		return row_fault(verification, row, row->seq > tip->seq ? "records before it are missing" : "its number was used before");
	if (memcmp(row->prev_hash, tip->hash, DIGEST_SIZE))
		return row_fault(verification, row, "it does not follow the record before it");
	chain_personal(row, digest);
	if (!personal_fields_erased(row) && memcmp(row->personal, digest, DIGEST_SIZE))
		return row_fault(verification, row, "account, username, ip or user_agent was changed");
	chain_hash(verification->tenant, row, digest);
	if (memcmp(row->hash, digest, DIGEST_SIZE))
		return row_fault(verification, row, "it was changed");
	return true;
}

static bool row_verify(const struct log_row *row, void *data)
{
	struct verification *verification = data;
	struct log_tip *tip = tip_of(verification, row->node ? row->node : "");

	if (!tip || !row_fits(verification, row, tip))
		return false;
	tip->seq = row->seq;
	memcpy(tip->hash, row->hash, DIGEST_SIZE);
	verification->rows++;
	return true;
}

bool audit_verify(struct unit *unit, const char *tenant, int64_t *ret_rows, GError **error)
{
	g_autoptr(GHashTable) tips = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	struct verification verification = { .unit = unit, .tenant = tenant, .tips = tips };
	/* With no other filter, each node's rows come in the order of their numbers (store.h), not of their times, which a clock may set back. */
	const struct log_filter oldest_first = { .oldest_first = true };
	bool read = log_list(unit, tenant, &oldest_first, row_verify, &verification, error);

	*ret_rows = verification.rows;
	if (!read) {
		g_clear_error(&verification.fault);
		return false;
	}
	if (verification.fault) {
		g_propagate_error(error, verification.fault);
		return false;
	}
	return true;
}
