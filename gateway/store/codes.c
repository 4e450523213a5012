/* Authorization codes: claimed by one statement, so that of any number of claimants one wins (RFC 9700 section 4.5). */
#include "gateway/store/unit.h"

#define COLUMNS "digest, grant_id, client_id, redirect_uri, code_challenge, expires_ms, used_ms"

static const char insert_sql[] = "INSERT INTO code (tenant, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
static const char claim_sql[] = "UPDATE code SET used_ms = $3 WHERE tenant = $1 AND digest = $2 AND used_ms = 0";
static const char used_sql[] = "SELECT used_ms FROM code WHERE tenant = $1 AND digest = $2";
static const char find_sql[] = "SELECT " COLUMNS " FROM code WHERE tenant = $1 AND digest = $2";

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error)
{
	struct code *code = record;
	column_identifier(cursor, 1, code->grant);
	code->client_id = column_copy(cursor, 2);
	code->redirect_uri = column_copy(cursor, 3);
	code->code_challenge = column_copy(cursor, 4);
	code->expires_ms = column_integer(cursor, 5);
	code->used_ms = column_integer(cursor, 6);
	return column_bytes(cursor, 0, code->digest, DIGEST_SIZE) || fail(error, ERROR_INTERNAL, "a stored code is damaged");
}

static void record_clear(void *record)
{
	code_clear(record);
}

static const struct record_type type = { sizeof(struct code), record_from_row, record_clear };

bool code_insert(struct unit *unit, const char *tenant, const struct code *code, GError **error)
{
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, insert_sql,
	              VALUES(value_text(tenant), value_digest(code->digest), value_text(code->grant), value_text(code->client_id),
	                     value_text(code->redirect_uri), value_text(code->code_challenge), value_integer(code->expires_ms), value_integer(code->used_ms))))
		return false;
	return affected > 0 || fail(error, ERROR_CONFLICT, "that code is there already");
}

enum found code_claim(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], int64_t now_ms, int64_t *ret_used_ms, GError **error)
{
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, claim_sql, VALUES(value_text(tenant), value_digest(digest), value_integer(now_ms))))
		return BROKEN;
	if (affected == 0)
		return unit_integer(unit, ret_used_ms, error, used_sql, VALUES(value_text(tenant), value_digest(digest)));
	*ret_used_ms = 0;
	return FOUND;
}

enum found code_find(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct code *ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant), value_digest(digest)));
}
