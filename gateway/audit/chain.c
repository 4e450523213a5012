/* Chaining of log rows.
 *
 *   row n: hash = H(id node seq time tenant event result reason PERSONAL provider client session device os browser acr amr ref actor prev_hash)
 *   PERSONAL = H(salt account username ip user_agent)
 *
 * Every part carries its length and a missing one differs from an empty one (crypto/digest.h), so text cannot be moved from one field into the next.
 * The detail of a row is outside: it is help for a reader, not evidence. */
#include "gateway/audit/chain.h"
#include "crypto/random.h"
#include <string.h>

void chain_personal(const struct log_row *row, uint8_t out[DIGEST_SIZE])
{
	struct digest_parts *parts = digest_parts_new("log-personal");

	digest_parts_add(parts, row->personal_salt, sizeof row->personal_salt);
	digest_parts_add_text(parts, row->account);
	digest_parts_add_text(parts, row->username);
	digest_parts_add_text(parts, row->ip);
	digest_parts_add_text(parts, row->user_agent);
	digest_parts_finish(parts, out);
}

void chain_hash(const char *tenant, const struct log_row *row, uint8_t out[DIGEST_SIZE])
{
	struct digest_parts *parts = digest_parts_new("log-row");

	digest_parts_add_text(parts, row->id);
	digest_parts_add_text(parts, row->node);
	digest_parts_add_integer(parts, row->seq);
	digest_parts_add_integer(parts, row->time_ms);
	digest_parts_add_text(parts, tenant);
	digest_parts_add_text(parts, row->event);
	digest_parts_add_text(parts, row->result);
	digest_parts_add_text(parts, row->reason);
	digest_parts_add(parts, row->personal, sizeof row->personal);
	digest_parts_add_text(parts, row->provider);
	digest_parts_add_text(parts, row->client);
	digest_parts_add_text(parts, row->session);
	digest_parts_add_text(parts, row->device);
	digest_parts_add_text(parts, row->os);
	digest_parts_add_text(parts, row->browser);
	digest_parts_add_text(parts, row->acr);
	digest_parts_add_text(parts, row->amr);
	digest_parts_add_text(parts, row->ref);
	digest_parts_add_text(parts, row->actor);
	digest_parts_add(parts, row->prev_hash, sizeof row->prev_hash);
	digest_parts_finish(parts, out);
}

bool chain_append(struct unit *unit, const char *tenant, struct log_row *row, GError **error)
{
	struct log_tip tip;

	if (!log_last(unit, tenant, row->node, &tip, error))
		return false;
	row->seq = tip.seq + 1;
	memcpy(row->prev_hash, tip.hash, sizeof row->prev_hash);
	random_bytes(row->personal_salt, sizeof row->personal_salt);
	chain_personal(row, row->personal);
	chain_hash(tenant, row, row->hash);
	return log_insert(unit, tenant, row, error);
}
