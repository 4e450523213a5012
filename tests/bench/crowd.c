/* See crowd.h. */
#include "crowd.h"
#include "lab.h"
#include <sqlite3.h>
#include <unistd.h>

#define NUMBERS(count) "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < " count ") "
#define TENANT_ID "printf('crowd%021d', i)"
#define RANDOM_ID "lower(hex(randomblob(13)))"
#define TEXT(number) G_STRINGIFY(number)

/* Alike in everything but what names them. Keys and codes are left out: the crowd stands there and asks for nothing. */
static const char *const statements[] = {
	"PRAGMA synchronous = OFF",
	"BEGIN",
	NUMBERS(TEXT(CROWD_TENANTS))
	"INSERT INTO tenant SELECT " TENANT_ID ", 'crowd-' || i, replace(issuer, '/t/bench', '/t/crowd-' || i), settings, session_absolute_ms, log_retention_ms, "
	"created_ms FROM numbers, tenant WHERE name = 'bench'",
	NUMBERS(TEXT(CROWD_TENANTS))
	"INSERT INTO client SELECT " TENANT_ID ", client_id, " RANDOM_ID ", c.settings, hears_logout, c.created_ms FROM numbers, client AS c JOIN tenant AS t "
	"ON t.tenant = c.tenant WHERE t.name = 'bench'",
	NUMBERS(TEXT(CROWD_ACCOUNTS))
	"INSERT INTO account SELECT printf('crowd%021d', 1 + i % " TEXT(CROWD_TENANTS) "), " RANDOM_ID ", 'person' || i, 'person' || i, 'person' || i || '@crowd.example', "
	"'person' || i || '@crowd.example', 1, name, locale, group_names, 0, 1, created_ms, updated_ms, credentials_changed_ms FROM numbers, "
	"(SELECT * FROM account WHERE username = 'alice')",
	"INSERT INTO credential SELECT a.tenant, a.account, c.stored FROM account AS a, (SELECT stored FROM credential LIMIT 1) AS c WHERE a.tenant LIKE 'crowd%'",
	NUMBERS(TEXT(CROWD_TOKENS))
	"INSERT INTO grants SELECT tenant, " RANDOM_ID ", " RANDOM_ID ", client_id, scope, resources, " RANDOM_ID ", sid, offline, acr, amr, provider, nonce, "
	"auth_time_ms, created_ms + i, 0, absolute_expires_ms + i, claims, expires_ms + i FROM numbers, (SELECT * FROM grants LIMIT 1)",
	NUMBERS(TEXT(CROWD_TOKENS))
	"INSERT INTO refresh_token SELECT tenant, randomblob(32), grant_id, client_id, NULL, created_ms + i, idle_expires_ms + i, 0, 0 FROM numbers, "
	"(SELECT * FROM refresh_token LIMIT 1)",
	NUMBERS(TEXT(CROWD_TOKENS))
	"INSERT INTO log_row SELECT tenant, 'crowd', i, " RANDOM_ID ", time_ms, event, result, reason, " RANDOM_ID ", username, provider, client, session, ip, user_agent, "
	"device, os, browser, acr, amr, " RANDOM_ID ", actor, personal_salt, personal, prev_hash, hash, detail FROM numbers, "
	"(SELECT * FROM log_row WHERE event = 'token.issue' LIMIT 1)",
	"COMMIT",
	"PRAGMA wal_checkpoint(TRUNCATE)",
};

double crowd_fill(const char *folder)
{
	g_autofree char *path = g_build_filename(folder, "var", "passerelle.db", NULL);
	sqlite3 *database = NULL;
	char *message = NULL;
	int64_t began = now_ns();
	if (sqlite3_open(path, &database) != SQLITE_OK)
		g_error("%s cannot be opened", path);
	for (size_t i = 0; i < G_N_ELEMENTS(statements); i++)
		if (sqlite3_exec(database, statements[i], NULL, NULL, &message) != SQLITE_OK)
			g_error("%s: %s", statements[i], message);
	sqlite3_close(database);
	sync(); /* or the gateway's own commits would wait for all that */
	return (double)(now_ns() - began) / 1e9;
}
