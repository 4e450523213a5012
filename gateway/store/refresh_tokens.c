/* Refresh tokens, by digest. A rotated one stays until its idle end, so that its reuse is recognised. */
#include "gateway/store/unit.h"

#define COLUMNS "digest, grant_id, client_id, successor, created_ms, idle_expires_ms, rotated_ms, used_ms"

static const char insert_sql[] = "INSERT INTO refresh_token (tenant, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
static const char find_sql[] = "SELECT " COLUMNS " FROM refresh_token WHERE tenant = $1 AND digest = $2";
static const char update_sql[] =
	"UPDATE refresh_token SET successor = $3, idle_expires_ms = $4, rotated_ms = $5, used_ms = $6 WHERE tenant = $1 AND digest = $2";

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error)
{
	struct refresh_token *token = record;
	column_identifier(cursor, 1, token->grant);
	token->client_id = column_copy(cursor, 2);
	token->created_ms = column_integer(cursor, 4);
	token->idle_expires_ms = column_integer(cursor, 5);
	token->rotated_ms = column_integer(cursor, 6);
	token->used_ms = column_integer(cursor, 7);
	return (column_bytes(cursor, 0, token->digest, DIGEST_SIZE) && column_bytes(cursor, 3, token->successor, DIGEST_SIZE)) ||
	       fail(error, ERROR_INTERNAL, "a stored refresh token is damaged");
}

static void record_clear(void *record)
{
	refresh_token_clear(record);
}

static const struct record_type type = { sizeof(struct refresh_token), record_from_row, record_clear };

bool refresh_insert(struct unit *unit, const char *tenant, const struct refresh_token *token, GError **error)
{
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, insert_sql,
	              VALUES(value_text(tenant), value_digest(token->digest), value_text(token->grant), value_text(token->client_id),
	                     value_digest(token->successor), value_integer(token->created_ms), value_integer(token->idle_expires_ms),
	                     value_integer(token->rotated_ms), value_integer(token->used_ms))))
		return false;
	return affected > 0 || fail(error, ERROR_CONFLICT, "that refresh token is there already");
}

enum found refresh_find(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct refresh_token *ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant), value_digest(digest)));
}

bool refresh_update(struct unit *unit, const char *tenant, const struct refresh_token *token, GError **error)
{
	return unit_run_one(unit, "refresh token", error, update_sql,
	                    VALUES(value_text(tenant), value_digest(token->digest), value_digest(token->successor), value_integer(token->idle_expires_ms),
	                           value_integer(token->rotated_ms), value_integer(token->used_ms)));
}
