/* Sessions: one browser signed in, found by the digest of its cookie. */
#include "gateway/store/unit.h"

#define COLUMNS "session, digest, account, provider, acr, amr, address, user_agent, created_ms, auth_time_ms, last_seen_ms, ended_ms, upstream, ends_ms"

/* expires_ms is for the purge only: the absolute life of the tenant's sessions as it was. Whether a session is alive, the policy decides. */
static const char insert_sql[] =
	"INSERT INTO session (tenant, " COLUMNS ", expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
	"$10 + COALESCE((SELECT session_absolute_ms FROM tenant WHERE tenant = $1), 2592000000)) ON CONFLICT DO NOTHING";
static const char find_sql[] = "SELECT " COLUMNS " FROM session WHERE tenant = $1 AND digest = $2";
static const char find_id_sql[] = "SELECT " COLUMNS " FROM session WHERE tenant = $1 AND session = $2";
static const char touch_sql[] = "UPDATE session SET last_seen_ms = $3 WHERE tenant = $1 AND session = $2 AND last_seen_ms < $3";
static const char renew_sql[] =
	"UPDATE session SET digest = $3, provider = $4, acr = $5, amr = $6, address = $7, user_agent = $8, auth_time_ms = $9, last_seen_ms = $9, "
	"upstream = $10, ends_ms = $11, keep_sealed = NULL WHERE tenant = $1 AND session = $2 AND ended_ms = 0";
static const char end_sql[] = "UPDATE session SET ended_ms = $3 WHERE tenant = $1 AND session = $2 AND ended_ms = 0 RETURNING session";
static const char grants_revoke[] =
	"UPDATE grants SET revoked_ms = $3 WHERE tenant = $1 AND session = $2 AND offline = 0 AND revoked_ms = 0 RETURNING grant_id";
static const char list_sql[] = "SELECT " COLUMNS " FROM session WHERE tenant = $1 AND account = $2 ORDER BY created_ms DESC, session";
static const char list_upstream_sql[] = "SELECT " COLUMNS " FROM session WHERE tenant = $1 AND upstream = $2 ORDER BY session";
static const char keep_set_sql[] = "UPDATE session SET keep_sealed = $3 WHERE tenant = $1 AND session = $2";
static const char keep_find_sql[] = "SELECT keep_sealed FROM session WHERE tenant = $1 AND session = $2 AND keep_sealed IS NOT NULL";
static const char list_all_sql[] = "SELECT " COLUMNS " FROM session WHERE tenant = $1 ORDER BY created_ms DESC, session";

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error)
{
	struct session *session = record;
	column_identifier(cursor, 0, session->id);
	column_identifier(cursor, 2, session->account);
	session->provider = column_copy(cursor, 3);
	session->acr = column_copy(cursor, 4);
	session->amr = column_copy(cursor, 5);
	session->address = column_copy(cursor, 6);
	session->user_agent = column_copy(cursor, 7);
	session->created_ms = column_integer(cursor, 8);
	session->auth_time_ms = column_integer(cursor, 9);
	session->last_seen_ms = column_integer(cursor, 10);
	session->ended_ms = column_integer(cursor, 11);
	session->ends_ms = column_integer(cursor, 13);
	session->has_upstream = !column_is_null(cursor, 12);
	return (column_bytes(cursor, 1, session->digest, DIGEST_SIZE) && column_bytes(cursor, 12, session->upstream, DIGEST_SIZE)) || fail(error, ERROR_INTERNAL, "a stored session is damaged");
}

static void record_clear(void *record)
{
	session_clear(record);
}

static const struct record_type type = { sizeof(struct session), record_from_row, record_clear };

static struct value upstream_value(const struct session *session)
{
	return session->has_upstream ? value_digest(session->upstream) : value_text(NULL);
}

bool session_insert(struct unit *unit, const char *tenant, const struct session *session, GError **error)
{
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, insert_sql,
	              VALUES(value_text(tenant), value_text(session->id), value_digest(session->digest), value_text(session->account),
	                     value_text(session->provider), value_text(session->acr), value_text(session->amr), value_text(session->address),
	                     value_text(session->user_agent), value_integer(session->created_ms), value_integer(session->auth_time_ms),
	                     value_integer(session->last_seen_ms), value_integer(session->ended_ms), upstream_value(session),
	                     value_integer(session->ends_ms))))
		return false;
	return affected > 0 || fail(error, ERROR_CONFLICT, "that session is there already");
}

enum found session_find(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct session *ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant), value_digest(digest)));
}

enum found session_find_id(struct unit *unit, const char *tenant, const char *session, struct session *ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_id_sql, VALUES(value_text(tenant), value_text(session)));
}

bool session_touch(struct unit *unit, const char *tenant, const char *session, int64_t now_ms, GError **error)
{
	return unit_run(unit, NULL, error, touch_sql, VALUES(value_text(tenant), value_text(session), value_integer(now_ms)));
}

bool session_renew(struct unit *unit, const char *tenant, const struct session *session, GError **error)
{
	return unit_run_one(unit, "session", error, renew_sql,
	                    VALUES(value_text(tenant), value_text(session->id), value_digest(session->digest), value_text(session->provider), value_text(session->acr),
	                           value_text(session->amr), value_text(session->address), value_text(session->user_agent), value_integer(session->auth_time_ms), upstream_value(session),
	                           value_integer(session->ends_ms)));
}

void session_upstream_digest(const char *provider, const char *sid, uint8_t digest[DIGEST_SIZE])
{
	struct digest_parts *parts = digest_parts_new("upstream session");
	digest_parts_add_text(parts, provider);
	digest_parts_add_text(parts, sid);
	digest_parts_finish(parts, digest);
}

static struct seal_context keep_context(const char *tenant, const char *session)
{
	return (struct seal_context){ .tenant = tenant, .table = "session", .row = session, .column = "keep_sealed" };
}

bool session_keep_set(struct unit *unit, const char *tenant, const char *session, const struct secret *keep, GError **error)
{
	struct seal_context context = keep_context(tenant, session);
	g_autofree char *sealed = keep ? column_seal(unit, &context, secret_bytes(keep), secret_length(keep)) : NULL;
	return unit_run_one(unit, "session", error, keep_set_sql, VALUES(value_text(tenant), value_text(session), value_text(sealed)));
}

enum found session_keep_find(struct unit *unit, const char *tenant, const char *session, struct secret **ret, GError **error)
{
	struct seal_context context = keep_context(tenant, session);
	return unit_sealed(unit, &context, ret, error, keep_find_sql, VALUES(value_text(tenant), value_text(session)));
}

bool session_end(struct unit *unit, const char *tenant, const char *session, int64_t now_ms, GError **error)
{
	return logout_delivery_add_session(unit, tenant, session, now_ms, error) &&
	       change_add_returned(unit, tenant, "session", error, end_sql, VALUES(value_text(tenant), value_text(session), value_integer(now_ms))) &&
	       change_add_returned(unit, tenant, "grant", error, grants_revoke, VALUES(value_text(tenant), value_text(session), value_integer(now_ms)));
}

struct listing {
	bool (*each)(const struct session *session, void *data);
	void *data;
};

static bool listed(void *record, void *context)
{
	const struct listing *listing = context;
	return listing->each(record, listing->data);
}

bool session_list(struct unit *unit, const char *tenant, const char *account, bool (*each)(const struct session *session, void *data), void *data, GError **error)
{
	struct listing listing = { each, data };
	if (!account)
		return record_list(unit, &type, tenant, listed, &listing, error, list_all_sql, VALUES(value_text(tenant)));
	return record_list(unit, &type, tenant, listed, &listing, error, list_sql, VALUES(value_text(tenant), value_text(account)));
}

bool session_list_upstream(struct unit *unit, const char *tenant, const uint8_t upstream[DIGEST_SIZE],
                           bool (*each)(const struct session *session, void *data), void *data, GError **error)
{
	struct listing listing = { each, data };
	return record_list(unit, &type, tenant, listed, &listing, error, list_upstream_sql, VALUES(value_text(tenant), value_digest(upstream)));
}
