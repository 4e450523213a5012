/* Signing keys. The private part is sealed, bound to tenant and kid: a row copied to another tenant does not open. */
#include "gateway/store/unit.h"

static const char insert_sql[] =
	"INSERT INTO signing_key (tenant, kid, algorithm, state, pkcs8_sealed, created_ms, activated_ms, retired_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
	"ON CONFLICT DO NOTHING";
static const char state_sql[] =
	"UPDATE signing_key SET state = $3, activated_ms = CASE WHEN $3 = 'active' THEN $4 ELSE activated_ms END, "
	"retired_ms = CASE WHEN $3 IN ('retired', 'revoked') THEN $4 ELSE retired_ms END WHERE tenant = $1 AND kid = $2";
static const char list_sql[] =
	"SELECT kid, algorithm, state, pkcs8_sealed, created_ms, activated_ms, retired_ms FROM signing_key WHERE tenant = $1 ORDER BY created_ms DESC, kid";

static struct seal_context context_of(const char *tenant, const char *kid)
{
	return (struct seal_context){ .tenant = tenant, .table = "signing_key", .row = kid, .column = "pkcs8_sealed" };
}

static bool record_from_row(struct unit *unit, cursor_t *cursor, const char *tenant, void *record, GError **error)
{
	struct signing_key *key = record;
	key->kid = column_copy(cursor, 0);
	key->algorithm = jose_algorithm_named(column_text(cursor, 1));
	key->state = key_state_named(column_text(cursor, 2));
	key->created_ms = column_integer(cursor, 4);
	key->activated_ms = column_integer(cursor, 5);
	key->retired_ms = column_integer(cursor, 6);
	struct seal_context context = context_of(tenant, key->kid);
	key->pkcs8 = unseal(store_keys(unit->store), &context, column_text(cursor, 3), error);
	return key->pkcs8 != NULL;
}

static void record_clear(void *record)
{
	signing_key_clear(record);
}

static const struct record_type type = { sizeof(struct signing_key), record_from_row, record_clear };

bool key_insert(struct unit *unit, const char *tenant, const struct signing_key *key, GError **error)
{
	struct seal_context context = context_of(tenant, key->kid);
	g_autofree char *sealed = column_seal(unit, &context, secret_bytes(key->pkcs8), secret_length(key->pkcs8));
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, insert_sql,
	              VALUES(value_text(tenant), value_text(key->kid), value_text(jose_algorithm_name(key->algorithm)), value_text(key_state_name(key->state)),
	                     value_text(sealed), value_integer(key->created_ms), value_integer(key->activated_ms), value_integer(key->retired_ms))))
		return false;
	if (!affected)
		return fail(error, ERROR_CONFLICT, "the key %s is there already", key->kid);
	return change_add(unit, tenant, "key", key->kid, error);
}

bool key_set_state(struct unit *unit, const char *tenant, const char *kid, enum key_state state, int64_t now_ms, GError **error)
{
	return unit_run_one(unit, "signing key", error, state_sql,
	                    VALUES(value_text(tenant), value_text(kid), value_text(key_state_name(state)), value_integer(now_ms))) &&
	       change_add(unit, tenant, "key", kid, error);
}

struct listing {
	bool (*each)(const struct signing_key *key, void *data);
	void *data;
};

static bool listed(void *record, void *context)
{
	const struct listing *listing = context;
	return listing->each(record, listing->data);
}

bool key_list(struct unit *unit, const char *tenant, bool (*each)(const struct signing_key *key, void *data), void *data, GError **error)
{
	return record_list(unit, &type, tenant, listed, &(struct listing){ each, data }, error, list_sql, VALUES(value_text(tenant)));
}
