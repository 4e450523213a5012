/* Grants: account, client and scopes; the parents of token families. */
#include "gateway/store/unit.h"

#define COLUMNS \
	"grant_id, account, client_id, scope, resources, session, sid, offline, acr, amr, provider, nonce, auth_time_ms, created_ms, revoked_ms, " \
	"absolute_expires_ms, claims"
/* A grant that names no end is kept longer than any token it can have given. */
#define KEPT_WITHOUT_END_MS (400LL * 24 * 3600 * 1000)

static const char insert_sql[] =
	"INSERT INTO grants (tenant, " COLUMNS ", expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) "
	"ON CONFLICT DO NOTHING";
static const char find_sql[] = "SELECT " COLUMNS " FROM grants WHERE tenant = $1 AND grant_id = $2";
static const char still_sql[] = "SELECT 1 FROM grants WHERE tenant = $1 AND grant_id = $2 AND revoked_ms = 0";
static const char revoke_sql[] = "UPDATE grants SET revoked_ms = $3 WHERE tenant = $1 AND grant_id = $2 AND revoked_ms = 0 RETURNING grant_id";

static char **strings_from(const json_t *array)
{
	char **strings = g_new0(char *, json_array_size(array) + 1);
	size_t count = 0;
	for (size_t i = 0; i < json_array_size(array); i++)
		if (json_is_string(json_array_get(array, i)))
			strings[count++] = g_strdup(json_string_value(json_array_get(array, i)));
	return strings;
}

static json_t *json_from(char *const *strings)
{
	json_t *array = json_array();
	for (size_t i = 0; strings[i]; i++)
		json_array_append_new(array, json_string(strings[i]));
	return array;
}

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error)
{
	struct grant *grant = record;
	column_identifier(cursor, 0, grant->id);
	column_identifier(cursor, 1, grant->account);
	grant->client_id = column_copy(cursor, 2);
	grant->scope = column_copy(cursor, 3);
	column_identifier(cursor, 5, grant->session);
	column_identifier(cursor, 6, grant->sid);
	grant->offline = column_flag(cursor, 7);
	grant->acr = column_copy(cursor, 8);
	grant->amr = column_copy(cursor, 9);
	grant->provider = column_copy(cursor, 10);
	grant->nonce = column_copy(cursor, 11);
	grant->auth_time_ms = column_integer(cursor, 12);
	grant->created_ms = column_integer(cursor, 13);
	grant->revoked_ms = column_integer(cursor, 14);
	grant->absolute_expires_ms = column_integer(cursor, 15);
	g_autoptr(json_t) resources = NULL;
	if (!column_json(cursor, 4, &resources, error))
		return false;
	grant->resources = resources ? strings_from(resources) : NULL;
	return column_json(cursor, 16, &grant->claims, error);
}

static void record_clear(void *record)
{
	grant_clear(record);
}

static const struct record_type type = { sizeof(struct grant), record_from_row, record_clear };

bool grant_insert(struct unit *unit, const char *tenant, const struct grant *grant, GError **error)
{
	g_autoptr(json_t) resources = grant->resources ? json_from(grant->resources) : NULL;
	g_autofree char *text = NULL, *claims = NULL;
	int64_t affected = 0;
	int64_t expires_ms = grant->absolute_expires_ms > 0 ? grant->absolute_expires_ms : grant->created_ms + KEPT_WITHOUT_END_MS;
	if (!unit_run(unit, &affected, error, insert_sql,
	              VALUES(value_text(tenant), value_text(grant->id), value_text(grant->account), value_text(grant->client_id), value_text(grant->scope),
	                     value_json(resources, &text), value_text(grant->session), value_text(grant->sid), value_integer(grant->offline),
	                     value_text(grant->acr), value_text(grant->amr), value_text(grant->provider), value_text(grant->nonce),
	                     value_integer(grant->auth_time_ms), value_integer(grant->created_ms), value_integer(grant->revoked_ms),
	                     value_integer(grant->absolute_expires_ms), value_json(grant->claims, &claims), value_integer(expires_ms))))
		return false;
	return affected > 0 || fail(error, ERROR_CONFLICT, "that grant is there already");
}

enum found grant_find(struct unit *unit, const char *tenant, const char *grant, struct grant *ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant), value_text(grant)));
}

enum found grant_still(struct unit *unit, const char *tenant, const char *grant, GError **error)
{
	int64_t one;
	return unit_integer(unit, &one, error, still_sql, VALUES(value_text(tenant), value_text(grant)));
}

bool grant_revoke(struct unit *unit, const char *tenant, const char *grant, int64_t now_ms, GError **error)
{
	return change_add_returned(unit, tenant, "grant", error, revoke_sql, VALUES(value_text(tenant), value_text(grant), value_integer(now_ms)));
}

