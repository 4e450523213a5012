/* Accounts, their passwords and links. What makes an account's sessions and grants end is here too. */
#include "gateway/store/unit.h"
#include <string.h>

#define COLUMNS \
	"account, username, username_key, email, email_key, email_verified, name, locale, group_names, disabled, declared, created_ms, updated_ms, " \
	"credentials_changed_ms"

/* An identifier that was ever given is never given again: `sub` would open another person's data at the clients. */
static const char gone_find[] = "SELECT count(*) FROM account_gone WHERE tenant = $1 AND account = $2";
static const char gone_insert[] = "INSERT INTO account_gone (tenant, account) VALUES ($1, $2) ON CONFLICT DO NOTHING";
static const char insert_sql[] =
	"INSERT INTO account (tenant, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING";
static const char taken_sql[] = "SELECT count(*) FROM account WHERE tenant = $1 AND username_key = $3 AND account <> $2";
/* Neither the switch nor the moment of the last credential change: a profile written back must not undo what an administrator did meanwhile. */
static const char update_sql[] =
	"UPDATE account SET username = $3, username_key = $4, email = $5, email_key = $6, email_verified = $7, name = $8, locale = $9, group_names = $10, "
	"declared = $11, updated_ms = $12 WHERE tenant = $1 AND account = $2";
static const char delete_sql[] = "DELETE FROM account WHERE tenant = $1 AND account = $2";
static const char find_sql[] = "SELECT " COLUMNS " FROM account WHERE tenant = $1 AND account = $2";
static const char still_sql[] = "SELECT 1 FROM account WHERE tenant = $1 AND account = $2 AND disabled = 0";
static const char find_username[] = "SELECT " COLUMNS " FROM account WHERE tenant = $1 AND username_key = $2";
static const char find_email[] =
	"SELECT " COLUMNS " FROM account WHERE tenant = $1 AND email_key = $2 "
	"AND (SELECT count(*) FROM account AS other WHERE other.tenant = $1 AND other.email_key = $2) = 1";
static const char list_sql[] = "SELECT " COLUMNS " FROM account WHERE tenant = $1 ORDER BY username_key";
static const char disable_sql[] = "UPDATE account SET disabled = $3, updated_ms = $4 WHERE tenant = $1 AND account = $2";
static const char changed_sql[] = "UPDATE account SET credentials_changed_ms = $3 WHERE tenant = $1 AND account = $2";
static const char there_sql[] = "SELECT count(*) FROM account WHERE tenant = $1 AND account = $2";
static const char credential_put[] =
	"INSERT INTO credential (tenant, account, stored) VALUES ($1, $2, $3) ON CONFLICT (tenant, account) DO UPDATE SET stored = excluded.stored";
static const char credential_swap[] = "UPDATE credential SET stored = $4 WHERE tenant = $1 AND account = $2 AND stored = $3";
static const char credential_delete[] = "DELETE FROM credential WHERE tenant = $1 AND account = $2";
static const char credential_sql[] = "SELECT stored FROM credential WHERE tenant = $1 AND account = $2";
static const char link_put[] = "INSERT INTO link (tenant, provider, subject, account, created_ms) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
static const char link_sql[] = "SELECT provider, subject, account, created_ms FROM link WHERE tenant = $1 AND provider = $2 AND subject = $3";
static const char link_account_sql[] =
	"SELECT provider, subject, account, created_ms FROM link WHERE tenant = $1 AND account = $2 AND provider = $3 ORDER BY created_ms, subject LIMIT 1";
static const char link_keep_put[] = "UPDATE link SET keep_sealed = $4 WHERE tenant = $1 AND provider = $2 AND subject = $3";
static const char link_keep_sql[] = "SELECT keep_sealed FROM link WHERE tenant = $1 AND provider = $2 AND subject = $3 AND keep_sealed IS NOT NULL";
static const char sessions_end[] =
	"UPDATE session SET ended_ms = $3 WHERE tenant = $1 AND account = $2 AND ended_ms = 0 RETURNING session";
static const char grants_revoke[] =
	"UPDATE grants SET revoked_ms = $3 WHERE tenant = $1 AND account = $2 AND revoked_ms = 0 RETURNING grant_id";
static const char provider_grants_revoke[] =
	"UPDATE grants SET revoked_ms = $3 WHERE tenant = $1 AND account = $2 AND (provider = $4 OR offline = 0) AND revoked_ms = 0 RETURNING grant_id";
/* Codes and tokens stay until they expire: without their grant they are dead, and nothing finds them by account. */
static const char *const belongings[] = {
	"DELETE FROM credential WHERE tenant = $1 AND account = $2",
	"DELETE FROM link WHERE tenant = $1 AND account = $2",
	"DELETE FROM session WHERE tenant = $1 AND account = $2",
	"DELETE FROM consent WHERE tenant = $1 AND account = $2",
	"DELETE FROM throttle WHERE tenant = $1 AND account = $2",
	"DELETE FROM grants WHERE tenant = $1 AND account = $2",
};

static bool record_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error)
{
	struct account *account = record;
	column_identifier(cursor, 0, account->id);
	account->username = column_copy(cursor, 1);
	account->username_key = column_copy(cursor, 2);
	account->email = column_copy(cursor, 3);
	account->email_key = column_copy(cursor, 4);
	account->email_verified = column_flag(cursor, 5);
	account->name = column_copy(cursor, 6);
	account->locale = column_copy(cursor, 7);
	account->disabled = column_flag(cursor, 9);
	account->declared = column_flag(cursor, 10);
	account->created_ms = column_integer(cursor, 11);
	account->updated_ms = column_integer(cursor, 12);
	account->credentials_changed_ms = column_integer(cursor, 13);
	return column_json(cursor, 8, &account->groups, error);
}

static void record_clear(void *record)
{
	account_clear(record);
}

static const struct record_type type = { sizeof(struct account), record_from_row, record_clear };

bool account_insert(struct unit *unit, const char *tenant, const struct account *account, GError **error)
{
	if (!account->id[0] || !account->username || !account->username_key)
		return fail(error, ERROR_INTERNAL, "an account needs an identifier and a user name");
	int64_t gone = 0, affected = 0;
	if (unit_integer(unit, &gone, error, gone_find, VALUES(value_text(tenant), value_text(account->id))) == BROKEN)
		return false;
	if (gone)
		return fail(error, ERROR_CONFLICT, "the identifier %s belonged to an account that was removed, and is never given again", account->id);
	g_autofree char *groups = NULL;
	if (!unit_run(unit, &affected, error, insert_sql,
	              VALUES(value_text(tenant), value_text(account->id), value_text(account->username), value_text(account->username_key),
	                     value_text(account->email), value_text(account->email_key), value_integer(account->email_verified), value_text(account->name),
	                     value_text(account->locale), value_json(account->groups, &groups), value_integer(account->disabled),
	                     value_integer(account->declared), value_integer(account->created_ms), value_integer(account->updated_ms),
	                     value_integer(account->credentials_changed_ms))))
		return false;
	return affected > 0 || fail(error, ERROR_CONFLICT, "there is an account with the user name %s or that identifier already", account->username);
}

bool account_update(struct unit *unit, const char *tenant, const struct account *account, GError **error)
{
	int64_t taken = 0;
	if (unit_integer(unit, &taken, error, taken_sql, VALUES(value_text(tenant), value_text(account->id), value_text(account->username_key))) == BROKEN)
		return false;
	if (taken)
		return fail(error, ERROR_CONFLICT, "another account has the user name %s", account->username);
	g_autofree char *groups = NULL;
	return unit_run_one(unit, "account", error, update_sql,
	                    VALUES(value_text(tenant), value_text(account->id), value_text(account->username), value_text(account->username_key),
	                           value_text(account->email), value_text(account->email_key), value_integer(account->email_verified),
	                           value_text(account->name), value_text(account->locale), value_json(account->groups, &groups),
	                           value_integer(account->declared), value_integer(account->updated_ms))) &&
	       change_add(unit, tenant, "account", account->id, error);
}

bool account_end_all(struct unit *unit, const char *tenant, const char *account, int64_t now_ms, GError **error)
{
	return logout_delivery_add_account(unit, tenant, account, now_ms, error) &&
	       change_add_returned(unit, tenant, "session", error, sessions_end, VALUES(value_text(tenant), value_text(account), value_integer(now_ms))) &&
	       change_add_returned(unit, tenant, "grant", error, grants_revoke, VALUES(value_text(tenant), value_text(account), value_integer(now_ms)));
}

bool account_end_provider(struct unit *unit, const char *tenant, const char *account, const char *provider, int64_t now_ms, GError **error)
{
	return change_add_returned(unit, tenant, "session", error, sessions_end, VALUES(value_text(tenant), value_text(account), value_integer(now_ms))) &&
	       change_add_returned(unit, tenant, "grant", error, provider_grants_revoke,
	                           VALUES(value_text(tenant), value_text(account), value_integer(now_ms), value_text(provider)));
}

bool account_remove(struct unit *unit, const char *tenant, const char *account, GError **error)
{
	/* Ended first, so that every session and grant gets its change row; the moment does not matter, the rows go. */
	if (!unit_run_one(unit, "account", error, delete_sql, VALUES(value_text(tenant), value_text(account))) ||
	    !unit_run(unit, NULL, error, gone_insert, VALUES(value_text(tenant), value_text(account))) ||
	    !account_end_all(unit, tenant, account, 1, error))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(belongings); i++)
		if (!unit_run(unit, NULL, error, belongings[i], VALUES(value_text(tenant), value_text(account))))
			return false;
	return change_add(unit, tenant, "account", account, error);
}

enum found account_find(struct unit *unit, const char *tenant, const char *account, struct account *ret, GError **error)
{
	return record_find(unit, &type, tenant, ret, error, find_sql, VALUES(value_text(tenant), value_text(account)));
}

enum found account_still(struct unit *unit, const char *tenant, const char *account, GError **error)
{
	int64_t one;
	return unit_integer(unit, &one, error, still_sql, VALUES(value_text(tenant), value_text(account)));
}

enum found account_find_login(struct unit *unit, const char *tenant, const char *login_key, struct account *ret, GError **error)
{
	enum found found = record_find(unit, &type, tenant, ret, error, find_username, VALUES(value_text(tenant), value_text(login_key)));
	if (found != MISSING)
		return found;
	return record_find(unit, &type, tenant, ret, error, find_email, VALUES(value_text(tenant), value_text(login_key)));
}

struct listing {
	bool (*each)(const struct account *account, void *data);
	void *data;
};

static bool listed(void *record, void *context)
{
	const struct listing *listing = context;
	return listing->each(record, listing->data);
}

bool account_list(struct unit *unit, const char *tenant, bool (*each)(const struct account *account, void *data), void *data, GError **error)
{
	return record_list(unit, &type, tenant, listed, &(struct listing){ each, data }, error, list_sql, VALUES(value_text(tenant)));
}

bool account_set_disabled(struct unit *unit, const char *tenant, const char *account, bool disabled, int64_t now_ms, GError **error)
{
	return unit_run_one(unit, "account", error, disable_sql,
	                    VALUES(value_text(tenant), value_text(account), value_integer(disabled), value_integer(now_ms))) &&
	       (!disabled || account_end_all(unit, tenant, account, now_ms, error)) && change_add(unit, tenant, "account", account, error);
}

bool credential_set(struct unit *unit, const char *tenant, const char *account, const char *stored, int64_t changed_ms, GError **error)
{
	int64_t there = 0;
	if (unit_integer(unit, &there, error, there_sql, VALUES(value_text(tenant), value_text(account))) == BROKEN)
		return false;
	if (!there)
		return fail(error, ERROR_NOT_FOUND, "there is no such account");
	bool good = stored ? unit_run(unit, NULL, error, credential_put, VALUES(value_text(tenant), value_text(account), value_text(stored)))
	                   : unit_run(unit, NULL, error, credential_delete, VALUES(value_text(tenant), value_text(account)));
	if (!good || changed_ms <= 0)
		return good;
	return unit_run(unit, NULL, error, changed_sql, VALUES(value_text(tenant), value_text(account), value_integer(changed_ms))) &&
	       account_end_all(unit, tenant, account, changed_ms, error) && change_add(unit, tenant, "account", account, error);
}

bool credential_rehash(struct unit *unit, const char *tenant, const char *account, const char *was, const char *stored, GError **error)
{
	return unit_run(unit, NULL, error, credential_swap, VALUES(value_text(tenant), value_text(account), value_text(was), value_text(stored)));
}

enum found credential_find(struct unit *unit, const char *tenant, const char *account, char **ret_stored, GError **error)
{
	return unit_text(unit, ret_stored, error, credential_sql, VALUES(value_text(tenant), value_text(account)));
}

bool link_insert(struct unit *unit, const char *tenant, const struct link *link, GError **error)
{
	int64_t affected = 0;
	if (!unit_run(unit, &affected, error, link_put,
	              VALUES(value_text(tenant), value_text(link->provider), value_text(link->subject), value_text(link->account),
	                     value_integer(link->created_ms))))
		return false;
	return affected > 0 || fail(error, ERROR_CONFLICT, "that subject of the provider %s is linked to an account already", link->provider);
}

static bool link_from_row(struct unit *unit G_GNUC_UNUSED, cursor_t *cursor, const char *tenant G_GNUC_UNUSED, void *record, GError **error G_GNUC_UNUSED)
{
	struct link *link = record;
	link->provider = column_copy(cursor, 0);
	link->subject = column_copy(cursor, 1);
	column_identifier(cursor, 2, link->account);
	link->created_ms = column_integer(cursor, 3);
	return true;
}

static void link_record_clear(void *record)
{
	link_clear(record);
}

static const struct record_type link_type = { sizeof(struct link), link_from_row, link_record_clear };

enum found link_find(struct unit *unit, const char *tenant, const char *provider, const char *subject, struct link *ret, GError **error)
{
	return record_find(unit, &link_type, tenant, ret, error, link_sql, VALUES(value_text(tenant), value_text(provider), value_text(subject)));
}

enum found link_find_account(struct unit *unit, const char *tenant, const char *provider, const char *account, struct link *ret, GError **error)
{
	return record_find(unit, &link_type, tenant, ret, error, link_account_sql, VALUES(value_text(tenant), value_text(account), value_text(provider)));
}

/* Provider names have no space, so the row's name is one of a kind. */
static char *keep_row(const char *provider, const char *subject)
{
	return g_strconcat(provider, " ", subject, NULL);
}

bool link_keep_set(struct unit *unit, const char *tenant, const char *provider, const char *subject, const struct secret *keep, GError **error)
{
	g_autofree char *row = keep_row(provider, subject);
	struct seal_context context = { .tenant = tenant, .table = "link", .row = row, .column = "keep_sealed" };
	g_autofree char *sealed = keep ? column_seal(unit, &context, secret_bytes(keep), secret_length(keep)) : NULL;
	return unit_run_one(unit, "link", error, link_keep_put, VALUES(value_text(tenant), value_text(provider), value_text(subject), value_text(sealed)));
}

enum found link_keep_find(struct unit *unit, const char *tenant, const char *provider, const char *subject, struct secret **ret, GError **error)
{
	g_autofree char *row = keep_row(provider, subject);
	struct seal_context context = { .tenant = tenant, .table = "link", .row = row, .column = "keep_sealed" };
	return unit_sealed(unit, &context, ret, error, link_keep_sql, VALUES(value_text(tenant), value_text(provider), value_text(subject)));
}
