/* Consents: what a person allowed a client. */
#include "gateway/store/unit.h"

static const char put_sql[] =
	"INSERT INTO consent (tenant, account, client_id, scope, given_ms) VALUES ($1, $2, $3, $4, $5) "
	"ON CONFLICT (tenant, account, client_id) DO UPDATE SET scope = excluded.scope, given_ms = excluded.given_ms";
static const char find_sql[] = "SELECT scope FROM consent WHERE tenant = $1 AND account = $2 AND client_id = $3";

bool consent_put(struct unit *unit, const char *tenant, const char *account, const char *client_id, const char *scope, int64_t now_ms, GError **error)
{
	return unit_run(unit, NULL, error, put_sql,
	                VALUES(value_text(tenant), value_text(account), value_text(client_id), value_text(scope), value_integer(now_ms)));
}

enum found consent_find(struct unit *unit, const char *tenant, const char *account, const char *client_id, char **ret_scope, GError **error)
{
	return unit_text(unit, ret_scope, error, find_sql, VALUES(value_text(tenant), value_text(account), value_text(client_id)));
}
