/* Tenants. A removed one is gone at once for every look-up; its rows leave in the same transaction as far as they are few, else in slices. */
#include "gateway/store/unit.h"
#include <string.h>

#define COLUMNS "tenant, name, settings, created_ms"
#define REMOVE_AT_ONCE 20000

static const char insert_sql[] =
	"INSERT INTO tenant (tenant, name, issuer, settings, session_absolute_ms, log_retention_ms, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) "
	"ON CONFLICT DO NOTHING";
static const char update_sql[] =
	"UPDATE tenant SET name = $2, issuer = $3, settings = $4, session_absolute_ms = $5, log_retention_ms = $6 WHERE tenant = $1";
static const char taken_sql[] = "SELECT count(*) FROM tenant WHERE tenant <> $1 AND (name = $2 OR issuer = $3)";
static const char domains_delete[] = "DELETE FROM tenant_domain WHERE tenant = $1";
static const char domain_insert[] = "INSERT INTO tenant_domain (tenant, domain) VALUES ($1, $2) ON CONFLICT DO NOTHING";
static const char domain_owner[] = "SELECT count(*) FROM tenant_domain WHERE domain = $2 AND tenant = $1";
static const char find_sql[] = "SELECT " COLUMNS " FROM tenant WHERE tenant = $1";
static const char find_named_sql[] = "SELECT " COLUMNS " FROM tenant WHERE name = $1";
static const char find_issuer_sql[] = "SELECT " COLUMNS " FROM tenant WHERE issuer = $1";
static const char list_sql[] = "SELECT " COLUMNS " FROM tenant ORDER BY name";
static const char issuers_sql[] = "SELECT issuer FROM tenant";
static const char delete_sql[] = "DELETE FROM tenant WHERE tenant = $1";
static const char gone_insert[] = "INSERT INTO tenant_gone (tenant) VALUES ($1) ON CONFLICT DO NOTHING";
static const char gone_find[] = "SELECT tenant FROM tenant_gone LIMIT 1";
static const char gone_delete[] = "DELETE FROM tenant_gone WHERE tenant = $1";

/* What a tenant owns, secrets and what signs people in first. */
#define SWEEP(table, key) { "DELETE FROM " table " WHERE tenant = $1 AND (" key ") IN (SELECT " key " FROM " table " WHERE tenant = $1 LIMIT $2)" }
static const struct {
	const char *sql;
} sweeps[] = {
	SWEEP("signing_key", "kid"),
	SWEEP("saml_key", "kid"),
	SWEEP("client_secret", "digest"),
	SWEEP("provider", "name"),
	SWEEP("client", "client_id"),
	SWEEP("resource", "identifier"),
	SWEEP("session", "session"),
	SWEEP("grants", "grant_id"),
	SWEEP("logout_delivery", "session, client_id"),
	SWEEP("consent", "account, client_id"),
	SWEEP("code", "digest"),
	SWEEP("refresh_token", "digest"),
	SWEEP("access_token", "digest"),
	SWEEP("flow", "digest"),
	SWEEP("credential", "account"),
	SWEEP("link", "provider, subject"),
	SWEEP("account", "account"),
	SWEEP("account_gone", "account"),
	SWEEP("revoked_jti", "jti"),
	SWEEP("used_once", "digest"),
	SWEEP("throttle", "bucket"),
	SWEEP("log_row", "node, seq"),
	SWEEP("log_anchor", "node"),
};

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error)
{
	g_autoptr(json_t) settings = NULL;
	if (!column_json(cursor, 2, &settings, error))
		return false;
	char id[IDENTIFIER_SIZE];
	column_identifier(cursor, 0, id);
	*(struct tenant **)record = tenant_new(id, column_text(cursor, 1), settings, column_integer(cursor, 3));
	return true;
}

static void record_clear(void *record)
{
	tenant_unref(*(struct tenant **)record);
}

static const struct record_type type = { sizeof(struct tenant *), record_from_row, record_clear };

static const char *domain_name(const json_t *domain)
{
	return json_is_object(domain) ? json_string_at(domain, "name") : json_string_value(domain);
}

/* A domain belongs to one tenant of the gateway: it decides whose addresses count as proved. */
static bool domains_put(struct unit *unit, const struct tenant *tenant, GError **error)
{
	if (!unit_run(unit, NULL, error, domains_delete, VALUES(value_text(tenant->id))))
		return false;
	const json_t *domains = json_object_get(tenant->settings, "domains");
	for (size_t i = 0; i < json_array_size(domains); i++) {
		const char *name = domain_name(json_array_get(domains, i));
		if (!name)
			return fail(error, ERROR_MALFORMED, "tenant %s: a domain has no name", tenant->name);
		g_autofree char *lower = g_ascii_strdown(name, -1);
		int64_t mine = 0;
		if (!unit_run(unit, NULL, error, domain_insert, VALUES(value_text(tenant->id), value_text(lower))) ||
		    unit_integer(unit, &mine, error, domain_owner, VALUES(value_text(tenant->id), value_text(lower))) == BROKEN)
			return false;
		if (!mine)
			return fail(error, ERROR_CONFLICT, "the domain %s belongs to another tenant", lower);
	}
	return true;
}

static bool tenant_check(const struct tenant *tenant, GError **error)
{
	if (strlen(tenant->id) != IDENTIFIER_SIZE - 1)
		return fail(error, ERROR_INTERNAL, "tenant %s has no identifier", tenant->name);
	return tenant->issuer || fail(error, ERROR_MALFORMED, "tenant %s has no issuer", tenant->name);
}

bool tenant_insert(struct unit *unit, const struct tenant *tenant, GError **error)
{
	if (!tenant_check(tenant, error))
		return false;
	g_autofree char *settings = NULL;
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, insert_sql,
	              VALUES(value_text(tenant->id), value_text(tenant->name), value_text(tenant->issuer), value_json(tenant->settings, &settings),
	                     value_integer(tenant->policy.session.absolute_s * 1000), value_integer(tenant->policy.log_retention_s * 1000),
	                     value_integer(tenant->created_ms))))
		return false;
	if (!affected)
		return fail(error, ERROR_CONFLICT, "there is a tenant of the name %s or with the issuer %s already", tenant->name, tenant->issuer);
	return domains_put(unit, tenant, error) && change_add(unit, tenant->id, "tenant", tenant->id, error);
}

bool tenant_update(struct unit *unit, const struct tenant *tenant, GError **error)
{
	int64_t taken = 0;
	if (!tenant_check(tenant, error) ||
	    unit_integer(unit, &taken, error, taken_sql, VALUES(value_text(tenant->id), value_text(tenant->name), value_text(tenant->issuer))) == BROKEN)
		return false;
	if (taken)
		return fail(error, ERROR_CONFLICT, "another tenant has the name %s or the issuer %s", tenant->name, tenant->issuer);
	g_autofree char *settings = NULL;
	return unit_run_one(unit, "tenant", error, update_sql,
	                    VALUES(value_text(tenant->id), value_text(tenant->name), value_text(tenant->issuer), value_json(tenant->settings, &settings),
	                           value_integer(tenant->policy.session.absolute_s * 1000), value_integer(tenant->policy.log_retention_s * 1000))) &&
	       domains_put(unit, tenant, error) && change_add(unit, tenant->id, "tenant", tenant->id, error);
}

bool tenant_remove(struct unit *unit, const char *tenant, GError **error)
{
	int64_t limit = REMOVE_AT_ONCE;
	return unit_run_one(unit, "tenant", error, delete_sql, VALUES(value_text(tenant))) &&
	       unit_run(unit, NULL, error, domains_delete, VALUES(value_text(tenant))) &&
	       unit_run(unit, NULL, error, gone_insert, VALUES(value_text(tenant))) && tenant_sweep(unit, &limit, error) &&
	       change_add(unit, tenant, "tenant", tenant, error);
}

/* One removed tenant's rows, until the limit is spent. */
static bool sweep_one(struct unit *unit, const char *tenant, int64_t *limit, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(sweeps) && *limit > 0; i++) {
		int64_t affected = 0;
		if (!unit_run(unit, &affected, error, sweeps[i].sql, VALUES(value_text(tenant), value_integer(*limit))))
			return false;
		*limit -= affected;
	}
	/* With some of the limit left, every table has been emptied. */
	return *limit <= 0 || unit_run(unit, NULL, error, gone_delete, VALUES(value_text(tenant)));
}

bool tenant_sweep(struct unit *unit, int64_t *limit, GError **error)
{
	while (*limit > 0) {
		char tenant[IDENTIFIER_SIZE];
		{
			g_auto(cursor_t) cursor = cursor_open(unit, gone_find, NULL, 0);
			enum step_result result = cursor_step(&cursor, error);
			if (result != STEP_ROW)
				return result == STEP_DONE;
			column_identifier(&cursor, 0, tenant);
		}
		if (!sweep_one(unit, tenant, limit, error))
			return false;
	}
	return true;
}

enum found tenant_find(struct unit *unit, const char *tenant, struct tenant **ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant)));
}

enum found tenant_find_named(struct unit *unit, const char *name, struct tenant **ret, GError **error)
{
	return record_find(unit, &type, NULL, ret, error, find_named_sql, VALUES(value_text(name)));
}

enum found tenant_find_issuer(struct unit *unit, const char *issuer, struct tenant **ret, GError **error)
{
	return record_find(unit, &type, NULL, ret, error, find_issuer_sql, VALUES(value_text(issuer)));
}

struct listing {
	bool (*each)(const struct tenant *tenant, void *data);
	void *data;
};

static bool listed(void *record, void *context)
{
	const struct listing *listing = context;
	return listing->each(*(struct tenant **)record, listing->data);
}

bool tenant_list(struct unit *unit, bool (*each)(const struct tenant *tenant, void *data), void *data, GError **error)
{
	return record_list(unit, &type, NULL, listed, &(struct listing){ each, data }, error, list_sql, NULL, 0);
}

bool tenant_issuers(struct unit *unit, bool (*each)(const char *issuer, void *data), void *data, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, issuers_sql, NULL, 0);
	enum step_result result;
	bool more = true;
	while (more && (result = cursor_step(&cursor, error)) != STEP_DONE) {
		if (result == STEP_BROKEN)
			return false;
		more = each(column_text(&cursor, 0), data);
	}
	return true;
}
