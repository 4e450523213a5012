/* Clients and their secrets' digests. */
#include "gateway/store/unit.h"
#include <string.h>

#define COLUMNS "client_id, incarnation, settings, created_ms"

static const char still_sql[] = "SELECT 1 FROM client WHERE tenant = $1 AND client_id = $2 AND incarnation = $3";
/* Replacing keeps the incarnation: only a client made anew is another client. */
static const char put_sql[] =
	"INSERT INTO client (tenant, client_id, incarnation, settings, hears_logout, created_ms) VALUES ($1, $2, $3, $4, $5, $6) "
	"ON CONFLICT (tenant, client_id) DO UPDATE SET settings = excluded.settings, hears_logout = excluded.hears_logout";
static const char consents_delete[] = "DELETE FROM consent WHERE tenant = $1 AND client_id = $2";
static const char secrets_delete[] = "DELETE FROM client_secret WHERE tenant = $1 AND client_id = $2";
static const char secret_insert[] =
	"INSERT INTO client_secret (tenant, client_id, digest, position, expires_ms) VALUES ($1, $2, $3, $4, $5) "
	"ON CONFLICT (tenant, client_id, digest) DO NOTHING";
static const char secrets_sql[] = "SELECT digest, expires_ms FROM client_secret WHERE tenant = $1 AND client_id = $2 ORDER BY position";
static const char delete_sql[] = "DELETE FROM client WHERE tenant = $1 AND client_id = $2";
static const char find_sql[] = "SELECT " COLUMNS " FROM client WHERE tenant = $1 AND client_id = $2";
static const char list_sql[] = "SELECT " COLUMNS " FROM client WHERE tenant = $1 ORDER BY client_id";
static const char grants_revoke[] =
	"UPDATE grants SET revoked_ms = $3 WHERE tenant = $1 AND client_id = $2 AND revoked_ms = 0 RETURNING grant_id";
static const char tokens_revoke[] = "UPDATE access_token SET revoked_ms = $3 WHERE tenant = $1 AND client_id = $2 AND grant_id = '' AND revoked_ms = 0";

static bool secrets_read(struct unit *unit, const char *tenant, struct client *client, GError **error)
{
	g_auto(cursor_t) cursor = cursor_open(unit, secrets_sql, VALUES(value_text(tenant), value_text(client->client_id)));
	enum step_result result;
	while ((result = cursor_step(&cursor, error)) == STEP_ROW) {
		if (client->secret_count == G_N_ELEMENTS(client->secrets))
			break;
		struct client_secret *secret = &client->secrets[client->secret_count++];
		if (!column_bytes(&cursor, 0, secret->digest, DIGEST_SIZE))
			return fail(error, ERROR_INTERNAL, "client %s: a stored secret is damaged", client->client_id);
		secret->expires_ms = column_integer(&cursor, 1);
	}
	return result != STEP_BROKEN;
}

static bool record_from_row(struct unit *unit, cursor_t *cursor, const char *tenant, void *record, GError **error)
{
	g_autoptr(json_t) settings = NULL;
	if (!column_json(cursor, 2, &settings, error))
		return false;
	struct client *client = client_new(column_text(cursor, 0), settings);
	*(struct client **)record = client;
	column_identifier(cursor, 1, client->incarnation);
	client->created_ms = column_integer(cursor, 3);
	return secrets_read(unit, tenant, client, error);
}

static void record_clear(void *record)
{
	client_unref(*(struct client **)record);
}

static const struct record_type type = { sizeof(struct client *), record_from_row, record_clear };

static bool secrets_put(struct unit *unit, const char *tenant, const struct client *client, GError **error)
{
	if (!unit_run(unit, NULL, error, secrets_delete, VALUES(value_text(tenant), value_text(client->client_id))))
		return false;
	for (size_t i = 0; i < client->secret_count && i < G_N_ELEMENTS(client->secrets); i++) {
		const struct client_secret *secret = &client->secrets[i];
		if (!unit_run(unit, NULL, error, secret_insert,
		              VALUES(value_text(tenant), value_text(client->client_id), value_digest(secret->digest), value_integer((int64_t)i),
		                     value_integer(secret->expires_ms))))
			return false;
	}
	return true;
}

bool client_put(struct unit *unit, const char *tenant, const struct client *client, GError **error)
{
	char incarnation[IDENTIFIER_SIZE];
	g_strlcpy(incarnation, client->incarnation, sizeof(incarnation));
	if (!incarnation[0])
		random_identifier(incarnation);
	g_autofree char *settings = NULL;
	return unit_run(unit, NULL, error, put_sql,
	                VALUES(value_text(tenant), value_text(client->client_id), value_text(incarnation), value_json(client->settings, &settings),
	                       value_integer(client->backchannel_logout_uri != NULL), value_integer(client->created_ms))) &&
	       secrets_put(unit, tenant, client, error) && change_add(unit, tenant, "client", client->client_id, error);
}

bool client_remove(struct unit *unit, const char *tenant, const char *client_id, int64_t now_ms, GError **error)
{
	return unit_run_one(unit, "client", error, delete_sql, VALUES(value_text(tenant), value_text(client_id))) &&
	       unit_run(unit, NULL, error, secrets_delete, VALUES(value_text(tenant), value_text(client_id))) &&
	       change_add_returned(unit, tenant, "grant", error, grants_revoke, VALUES(value_text(tenant), value_text(client_id), value_integer(now_ms))) &&
	       unit_run(unit, NULL, error, consents_delete, VALUES(value_text(tenant), value_text(client_id))) &&
	       unit_run(unit, NULL, error, tokens_revoke, VALUES(value_text(tenant), value_text(client_id), value_integer(now_ms))) &&
	       change_add(unit, tenant, "client", client_id, error);
}

enum found client_find(struct unit *unit, const char *tenant, const char *client_id, struct client **ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant), value_text(client_id)));
}

enum found client_still(struct unit *unit, const char *tenant, const char *client_id, const char *incarnation, GError **error)
{
	int64_t one;
	return unit_integer(unit, &one, error, still_sql, VALUES(value_text(tenant), value_text(client_id), value_text(incarnation)));
}

struct listing {
	bool (*each)(struct client *client, void *data);
	void *data;
};

static bool listed(void *record, void *context)
{
	const struct listing *listing = context;
	return listing->each(*(struct client **)record, listing->data);
}

bool client_list(struct unit *unit, const char *tenant, bool (*each)(struct client *client, void *data), void *data, GError **error)
{
	return record_list(unit, &type, tenant, listed, &(struct listing){ each, data }, error, list_sql, VALUES(value_text(tenant)));
}
