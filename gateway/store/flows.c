/* Flows: authorization requests on their way. Updated only from the version that was read, taken out by one statement. */
#include "gateway/store/unit.h"

#define COLUMNS "digest, browser, client_id, request, provider, sealed, session, consented, created_ms, expires_ms, version"

static const char insert_sql[] = "INSERT INTO flow (tenant, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
static const char find_sql[] = "SELECT " COLUMNS " FROM flow WHERE tenant = $1 AND digest = $2";
static const char update_sql[] =
	"UPDATE flow SET request = $4, provider = $5, sealed = $6, session = $7, consented = $8, expires_ms = $9, version = version + 1 "
	"WHERE tenant = $1 AND digest = $2 AND version = $3";
static const char bind_sql[] = "UPDATE flow SET browser = $3, version = version + 1 WHERE tenant = $1 AND digest = $2 AND browser = $4";
static const char consume_sql[] = "DELETE FROM flow WHERE tenant = $1 AND digest = $2 RETURNING " COLUMNS;

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error)
{
	struct flow *flow = record;
	if (!column_bytes(cursor, 0, flow->digest, DIGEST_SIZE) || !column_bytes(cursor, 1, flow->browser, DIGEST_SIZE))
		return fail(error, ERROR_INTERNAL, "a stored flow is damaged");
	flow->client_id = column_copy(cursor, 2);
	if (flow->client_id && !*flow->client_id) /* nobody asked: the person came by himself */
		g_clear_pointer(&flow->client_id, g_free);
	flow->provider = column_copy(cursor, 4);
	flow->sealed = column_copy(cursor, 5);
	flow->session = column_copy(cursor, 6);
	flow->consented = column_flag(cursor, 7);
	flow->created_ms = column_integer(cursor, 8);
	flow->expires_ms = column_integer(cursor, 9);
	flow->version = column_integer(cursor, 10);
	return column_json(cursor, 3, &flow->request, error);
}

static void record_clear(void *record)
{
	flow_clear(record);
}

static const struct record_type type = { sizeof(struct flow), record_from_row, record_clear };

bool flow_insert(struct unit *unit, const char *tenant, const struct flow *flow, GError **error)
{
	g_autofree char *request = NULL;
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, insert_sql,
	              VALUES(value_text(tenant), value_digest(flow->digest), value_digest(flow->browser), value_text(flow->client_id ? flow->client_id : ""),
	                     value_json(flow->request, &request), value_text(flow->provider), value_text(flow->sealed), value_text(flow->session),
	                     value_integer(flow->consented), value_integer(flow->created_ms), value_integer(flow->expires_ms), value_integer(flow->version))))
		return false;
	return affected > 0 || fail(error, ERROR_CONFLICT, "that flow is there already");
}

enum found flow_find(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct flow *ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant), value_digest(digest)));
}

enum found flow_update(struct unit *unit, const char *tenant, const struct flow *flow, GError **error)
{
	g_autofree char *request = NULL;
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, update_sql,
	              VALUES(value_text(tenant), value_digest(flow->digest), value_integer(flow->version), value_json(flow->request, &request),
	                     value_text(flow->provider), value_text(flow->sealed), value_text(flow->session), value_integer(flow->consented),
	                     value_integer(flow->expires_ms))))
		return BROKEN;
	return affected > 0 ? FOUND : MISSING;
}

enum found flow_bind(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], const uint8_t browser[DIGEST_SIZE], GError **error)
{
	static const uint8_t nobody[DIGEST_SIZE];
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, bind_sql, VALUES(value_text(tenant), value_digest(digest), value_digest(browser), value_digest(nobody))))
		return BROKEN;
	return affected > 0 ? FOUND : MISSING;
}

enum found flow_consume(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct flow *ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, consume_sql, VALUES(value_text(tenant), value_digest(digest)));
}
