/* What has expired leaves in small slices, so that no table grows for ever and no slice holds the writer for long. */
#include "gateway/store/unit.h"

#define MINUTE_MS (60 * 1000LL)
#define DAY_MS (24 * 60 * MINUTE_MS)

#define EXPIRED(table, key, column) \
	"DELETE FROM " table " WHERE (tenant, " key ") IN (SELECT tenant, " key " FROM " table " WHERE " column " < $1 LIMIT $2)"
static const struct {
	const char *sql;
	int64_t kept_ms; /* how long after its end a row is still of use */
} expiries[] = {
	{ EXPIRED("flow", "digest", "expires_ms"), 0 },
	/* A code shown again within a day still revokes what it gave. */
	{ EXPIRED("code", "digest", "expires_ms"), DAY_MS },
	{ EXPIRED("access_token", "digest", "expires_ms"), 0 },
	{ EXPIRED("refresh_token", "digest", "idle_expires_ms"), 0 },
	/* Remembered longer than anybody honours them: clocks differ, and one that was an hour ahead and is set right must not bring back what was revoked or used. */
	{ EXPIRED("revoked_jti", "jti", "expires_ms"), 120 * MINUTE_MS },
	{ EXPIRED("used_once", "digest", "expires_ms"), 120 * MINUTE_MS },
	{ EXPIRED("throttle", "bucket", "expires_ms"), 0 },
	{ EXPIRED("session", "session", "expires_ms"), 0 },
	{ EXPIRED("grants", "grant_id", "expires_ms"), 0 },
	/* A provider that has not read our metadata lately still encrypts to the key before. */
	{ EXPIRED("saml_key", "kid", "retired_ms > 0 AND retired_ms"), 32 * DAY_MS },
};
static const char changes_delete[] =
	"DELETE FROM change WHERE (tenant, seq) IN (SELECT tenant, seq FROM change WHERE seq <= $1 ORDER BY seq LIMIT $2)";

static bool expired_delete(struct unit *unit, int64_t now_ms, int64_t *limit, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(expiries) && *limit > 0; i++) {
		int64_t affected = 0;
		if (!unit_run(unit, &affected, error, expiries[i].sql, VALUES(value_integer(now_ms - expiries[i].kept_ms), value_integer(*limit))))
			return false;
		*limit -= affected;
	}
	return true;
}

/* Keys that no longer sign. Tokens live a day at most, but an ID token is shown again at sign-out, when its session is old. A change row for each, since a
 * ring in memory holds it. */
#define KEY_KEPT_MS (32 * DAY_MS)
static const char keys_over[] =
	"SELECT tenant, kid FROM signing_key WHERE state IN ('retired', 'revoked') AND retired_ms < $1 AND retired_ms > 0 LIMIT $2";
static const char key_delete[] = "DELETE FROM signing_key WHERE tenant = $1 AND kid = $2";

static bool keys_collect(struct unit *unit, int64_t before_ms, int64_t limit, GPtrArray *found, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, keys_over, VALUES(value_integer(before_ms), value_integer(limit)));
	enum step_result result;
	while ((result = cursor_step(&cursor, error)) == STEP_ROW) {
		g_ptr_array_add(found, column_copy(&cursor, 0));
		g_ptr_array_add(found, column_copy(&cursor, 1));
	}
	return result == STEP_DONE;
}

static bool keys_delete(struct unit *unit, int64_t now_ms, int64_t *limit, GError **error)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	if (!keys_collect(unit, now_ms - KEY_KEPT_MS, *limit, found, error))
		return false;
	for (guint i = 0; i < found->len; i += 2, --*limit) {
		const char *tenant = found->pdata[i], *kid = found->pdata[i + 1];
		if (!unit_run(unit, NULL, error, key_delete, VALUES(value_text(tenant), value_text(kid))) || !change_add(unit, tenant, "key", kid, error))
			return false;
	}
	return true;
}

static bool changes_forget(struct unit *unit, int64_t now_ms G_GNUC_UNUSED, int64_t *limit, GError **error)
{
	int64_t head, affected = 0;
	if (!change_head(unit, &head, error) ||
	    !unit_run(unit, &affected, error, changes_delete, VALUES(value_integer(head - CHANGES_KEPT), value_integer(*limit))))
		return false;
	*limit -= affected;
	return true;
}

bool store_purge(struct unit *unit, int64_t now_ms, int64_t limit, bool *ret_more, GError **error)
{
	if (!tenant_sweep(unit, &limit, error) || !expired_delete(unit, now_ms, &limit, error))
		return false;
	static bool (*const sweeps[])(struct unit *unit, int64_t now_ms, int64_t *limit, GError **error) = { keys_delete, log_sweep, changes_forget };
	for (size_t i = 0; i < G_N_ELEMENTS(sweeps) && limit > 0; i++)
		if (!sweeps[i](unit, now_ms, &limit, error))
			return false;
	*ret_more = limit <= 0;
	return true;
}
