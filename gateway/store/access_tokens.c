/* Opaque access tokens, by digest, and JWTs revoked one by one, by jti. */
#include "gateway/store/unit.h"
#include "base/encoding.h"

#define COLUMNS "digest, grant_id, claims, client_id, expires_ms, revoked_ms"

static const char insert_sql[] = "INSERT INTO access_token (tenant, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
static const char find_sql[] = "SELECT " COLUMNS " FROM access_token WHERE tenant = $1 AND digest = $2";
static const char revoke_sql[] = "UPDATE access_token SET revoked_ms = $3 WHERE tenant = $1 AND digest = $2 AND revoked_ms = 0";
/* Revoked twice, it is remembered for the longer of the two. */
static const char jti_put[] =
	"INSERT INTO revoked_jti (tenant, jti, expires_ms) VALUES ($1, $2, $3) "
	"ON CONFLICT (tenant, jti) DO UPDATE SET expires_ms = excluded.expires_ms WHERE revoked_jti.expires_ms < excluded.expires_ms";
static const char jti_sql[] = "SELECT expires_ms FROM revoked_jti WHERE tenant = $1 AND jti = $2";


static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error)
{
	struct access_token *token = record;
	column_identifier(cursor, 1, token->grant);
	token->client_id = column_copy(cursor, 3);
	token->expires_ms = column_integer(cursor, 4);
	token->revoked_ms = column_integer(cursor, 5);
	if (!column_bytes(cursor, 0, token->digest, DIGEST_SIZE))
		return fail(error, ERROR_INTERNAL, "a stored access token is damaged");
	return column_json(cursor, 2, &token->claims, error);
}

static void record_clear(void *record)
{
	access_token_clear(record);
}

static const struct record_type type = { sizeof(struct access_token), record_from_row, record_clear };

bool access_insert(struct unit *unit, const char *tenant, const struct access_token *token, GError **error)
{
	g_autofree char *claims = NULL;
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, insert_sql,
	              VALUES(value_text(tenant), value_digest(token->digest), value_text(token->grant), value_json(token->claims, &claims),
	                     value_text(token->client_id), value_integer(token->expires_ms), value_integer(token->revoked_ms))))
		return false;
	return affected > 0 || fail(error, ERROR_CONFLICT, "that access token is there already");
}

enum found access_find(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct access_token *ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant), value_digest(digest)));
}

bool access_revoke(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], int64_t now_ms, GError **error)
{
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, revoke_sql, VALUES(value_text(tenant), value_digest(digest), value_integer(now_ms))))
		return false;
	char id[2 * DIGEST_SIZE + 1];
	hex_encode(digest, DIGEST_SIZE, id);
	return !affected || change_add(unit, tenant, "token", id, error);
}

bool jti_revoke(struct unit *unit, const char *tenant, const char *jti, int64_t expires_ms, GError **error)
{
	return unit_run(unit, NULL, error, jti_put, VALUES(value_text(tenant), value_text(jti), value_integer(expires_ms))) &&
	       change_add(unit, tenant, "token", jti, error);
}

enum found jti_revoked(struct unit *unit, const char *tenant, const char *jti, GError **error)
{
	int64_t expires_ms;
	return unit_integer(unit, &expires_ms, error, jti_sql, VALUES(value_text(tenant), value_text(jti)));
}
