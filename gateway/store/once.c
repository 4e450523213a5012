/* What may be used once, whichever gateway sees it first: one INSERT decides. */
#include "gateway/store/unit.h"

static const char claim_sql[] = "INSERT INTO used_once (tenant, digest, expires_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

enum found once_claim(struct unit *unit, const char *tenant, const char *purpose, const char *name, int64_t expires_ms, GError **error)
{
	uint8_t digest[DIGEST_SIZE];
	int64_t affected = 0;
	struct digest_parts *parts = digest_parts_new("used once");
	digest_parts_add_text(parts, purpose);
	digest_parts_add_text(parts, name);
	digest_parts_finish(parts, digest);
	if (!unit_run(unit, &affected, error, claim_sql, VALUES(value_text(tenant), value_digest(digest), value_integer(expires_ms))))
		return BROKEN;
	return affected > 0 ? FOUND : MISSING;
}
