/* Logout tokens still to be delivered: an outbox. A row is written by the transaction that ends a session, for every client that has a grant of that session and wants
 * to hear of it, so that neither a crash nor a restart loses one. It leaves when it was delivered or given up. */
#include "gateway/store/unit.h"

#define COLUMNS "tenant, session, client_id, account, sid, attempts"
#define ADD_WHERE(what) \
	"INSERT INTO logout_delivery (" COLUMNS ", due_ms) " \
	"SELECT DISTINCT grants.tenant, grants.session, grants.client_id, grants.account, grants.sid, 0, $3 FROM grants " \
	"JOIN session ON session.tenant = grants.tenant AND session.session = grants.session " \
	"JOIN client ON client.tenant = grants.tenant AND client.client_id = grants.client_id " \
	"WHERE grants.tenant = $1 AND grants." what " = $2 AND session.ended_ms = 0 AND client.hears_logout = 1 ON CONFLICT DO NOTHING"

static const char add_session[] = ADD_WHERE("session");
static const char add_account[] = ADD_WHERE("account");
/* Over all tenants, as housekeeping is. */
static const char due_sql[] = "SELECT due_ms FROM logout_delivery WHERE due_ms <= $1 LIMIT 1";
/* due_ms is asked twice: of two gateways that chose one row the second finds it taken. */
static const char claim_sql[] =
	"UPDATE logout_delivery SET due_ms = $2, attempts = attempts + 1 WHERE due_ms <= $1 AND (tenant, session, client_id) IN "
	"(SELECT tenant, session, client_id FROM logout_delivery WHERE due_ms <= $1 ORDER BY due_ms LIMIT 1) RETURNING " COLUMNS;
static const char delay_sql[] = "UPDATE logout_delivery SET due_ms = $4 WHERE tenant = $1 AND session = $2 AND client_id = $3";
static const char remove_sql[] = "DELETE FROM logout_delivery WHERE tenant = $1 AND session = $2 AND client_id = $3";

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error G_GNUC_UNUSED)
{
	struct logout_delivery *delivery = record;
	column_identifier(cursor, 0, delivery->tenant);
	column_identifier(cursor, 1, delivery->session);
	delivery->client_id = column_copy(cursor, 2);
	column_identifier(cursor, 3, delivery->account);
	column_identifier(cursor, 4, delivery->sid);
	delivery->attempts = column_integer(cursor, 5);
	return true;
}

static void record_clear(void *record)
{
	logout_delivery_clear(record);
}

static const struct record_type type = { sizeof(struct logout_delivery), record_from_row, record_clear };

bool logout_delivery_add_session(struct unit *unit, const char *tenant, const char *session, int64_t now_ms, GError **error)
{
	return unit_run(unit, NULL, error, add_session, VALUES(value_text(tenant), value_text(session), value_integer(now_ms)));
}

bool logout_delivery_add_account(struct unit *unit, const char *tenant, const char *account, int64_t now_ms, GError **error)
{
	return unit_run(unit, NULL, error, add_account, VALUES(value_text(tenant), value_text(account), value_integer(now_ms)));
}

enum found logout_delivery_due(struct unit *unit, int64_t now_ms, GError **error)
{
	int64_t due_ms;
	return unit_integer(unit, &due_ms, error, due_sql, VALUES(value_integer(now_ms)));
}

enum found logout_delivery_claim(struct unit *unit, int64_t now_ms, int64_t until_ms, struct logout_delivery *ret, GError **error)
{
	return record_find(unit, &type, "", ret, error, claim_sql, VALUES(value_integer(now_ms), value_integer(until_ms)));
}

bool logout_delivery_delay(struct unit *unit, const struct logout_delivery *delivery, int64_t due_ms, GError **error)
{
	return unit_run(unit, NULL, error, delay_sql,
	                VALUES(value_text(delivery->tenant), value_text(delivery->session), value_text(delivery->client_id), value_integer(due_ms)));
}

bool logout_delivery_remove(struct unit *unit, const struct logout_delivery *delivery, GError **error)
{
	return unit_run(unit, NULL, error, remove_sql, VALUES(value_text(delivery->tenant), value_text(delivery->session), value_text(delivery->client_id)));
}
