/* Throttle buckets, found by a keyed digest of what they count. */
#include "gateway/store/unit.h"

static const char find_sql[] = "SELECT window_start_ms, failures, locked_until_ms, locks FROM throttle WHERE tenant = $1 AND bucket = $2";
static const char put_sql[] =
	"INSERT INTO throttle (tenant, bucket, account, window_start_ms, failures, locked_until_ms, locks, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
	"ON CONFLICT (tenant, bucket) DO UPDATE SET account = excluded.account, window_start_ms = excluded.window_start_ms, failures = excluded.failures, "
	"locked_until_ms = excluded.locked_until_ms, locks = excluded.locks, expires_ms = excluded.expires_ms";
static const char clear_sql[] = "DELETE FROM throttle WHERE tenant = $1 AND account = $2";

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error G_GNUC_UNUSED)
{
	*(struct throttle_state *)record = (struct throttle_state){
		.window_start_ms = column_integer(cursor, 0),
		.failures = column_integer(cursor, 1),
		.locked_until_ms = column_integer(cursor, 2),
		.locks = column_integer(cursor, 3),
	};
	return true;
}

static void record_clear(void *record G_GNUC_UNUSED)
{
}

static const struct record_type type = { sizeof(struct throttle_state), record_from_row, record_clear };

enum found throttle_find(struct unit *unit, const char *tenant, const uint8_t bucket[DIGEST_SIZE], struct throttle_state *ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant), value_digest(bucket)));
}

bool throttle_put(struct unit *unit, const char *tenant, const uint8_t bucket[DIGEST_SIZE], const char *account, const struct throttle_state *state,
                  int64_t expires_ms, GError **error)
{
	return unit_run(unit, NULL, error, put_sql,
	                VALUES(value_text(tenant), value_digest(bucket), value_text(account), value_integer(state->window_start_ms),
	                       value_integer(state->failures), value_integer(state->locked_until_ms), value_integer(state->locks),
	                       value_integer(expires_ms)));
}

bool throttle_clear_account(struct unit *unit, const char *tenant, const char *account, GError **error)
{
	/* "" is what buckets of addresses carry: unlocking nobody must not unlock every address. */
	if (!account[0])
		return true;
	return unit_run(unit, NULL, error, clear_sql, VALUES(value_text(tenant), value_text(account)));
}
