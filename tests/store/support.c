/* The store's tests share this: see support.h. */
#include "support.h"
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* store_write runs a function on the writer's thread. Here the function hands its unit to the test and waits until the test is done with it. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	pthread_t thread;
	struct store *store;
	struct unit *unit;
	bool open, ended, keep, good;
	GError *error;
} writing = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

static bool lend(struct unit *unit, void *data, GError **error)
{
	(void)data;
	pthread_mutex_lock(&writing.lock);
	writing.unit = unit;
	pthread_cond_broadcast(&writing.moved);
	while (!writing.ended)
		pthread_cond_wait(&writing.moved, &writing.lock);
	bool keep = writing.keep;
	pthread_mutex_unlock(&writing.lock);
	return keep || fail(error, ERROR_ACCESS_DENIED, "the test undoes this");
}

static void *write_thread(void *data)
{
	(void)data;
	writing.good = store_write(writing.store, lend, NULL, &writing.error);
	pthread_mutex_lock(&writing.lock);
	writing.ended = true;
	pthread_cond_broadcast(&writing.moved);
	pthread_mutex_unlock(&writing.lock);
	return NULL;
}

struct unit *write_begin(struct store *store)
{
	writing.store = store;
	writing.unit = NULL;
	writing.ended = writing.good = false;
	writing.open = true;
	assert_int_equal(pthread_create(&writing.thread, NULL, write_thread, NULL), 0);
	pthread_mutex_lock(&writing.lock);
	while (!writing.unit && !writing.ended)
		pthread_cond_wait(&writing.moved, &writing.lock);
	pthread_mutex_unlock(&writing.lock);
	if (!writing.unit)
		fail_msg("no transaction: %s", writing.error->message);
	return writing.unit;
}

static void write_end(bool keep)
{
	pthread_mutex_lock(&writing.lock);
	writing.keep = keep;
	writing.ended = true;
	pthread_cond_broadcast(&writing.moved);
	pthread_mutex_unlock(&writing.lock);
	pthread_join(writing.thread, NULL);
	writing.open = false;
	g_autoptr(GError) error = g_steal_pointer(&writing.error);
	if (writing.good != keep)
		fail_msg("the transaction ended otherwise: %s", error ? error->message : "(no reason given)");
}

void write_commit(void)
{
	write_end(true);
}

void write_undo(void)
{
	write_end(false);
}

void write_abandon(void)
{
	if (writing.open)
		write_end(false);
}

struct unit *reader_of(struct store *store)
{
	g_autoptr(GError) error = NULL;
	struct unit *unit = store_reader(store, &error);
	if (!unit)
		fail_msg("no reader: %s", error->message);
	return unit;
}

char *folder_make(void)
{
	g_autoptr(GError) error = NULL;
	char *folder = g_dir_make_tmp("passerelle-store-XXXXXX", &error);
	if (!folder)
		fail_msg("%s", error->message);
	return folder;
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

void folder_remove(char *folder)
{
	nftw(folder, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
	g_free(folder);
}

char *path_in(const char *folder, const char *name)
{
	return g_build_filename(folder, name, NULL);
}

char *address_in(const char *folder)
{
	return g_strconcat("sqlite:", folder, "/store.db", NULL);
}

bool file_copy(const char *from, const char *to)
{
	g_autofree char *bytes = NULL;
	gsize length;
	return g_file_get_contents(from, &bytes, &length, NULL) && g_file_set_contents(to, bytes, (gssize)length, NULL);
}

struct root_keys *keys_of(uint8_t byte)
{
	uint8_t bytes[32];
	memset(bytes, byte, sizeof(bytes));
	return root_keys_from_bytes("k1", bytes);
}

struct store *store_at(const char *address, const struct root_keys *keys, GError **error)
{
	return store_open(&(struct store_options){ .address = address, .keys = keys, .node = "node-1", .create = true, .commit_wait_ms = 5000 }, error);
}

const uint8_t *digest_of(uint8_t byte)
{
	static uint8_t digests[256][DIGEST_SIZE];
	memset(digests[byte], byte, DIGEST_SIZE);
	return digests[byte];
}

json_t *json_of(const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(value);
	return value;
}

struct tenant *tenant_of(const char *id, const char *name)
{
	g_autofree char *issuer = g_strdup_printf("https://%s.example", name);
	g_autoptr(json_t) settings = json_pack("{s:s, s:s, s:[s]}", "display_name", name, "issuer", issuer, "domains", issuer + strlen("https://"));
	return tenant_new(id, name, settings, NOW);
}

void tenant_make(struct store *store, const char *id, const char *name)
{
	g_autoptr(tenant_t) tenant = tenant_of(id, name);
	struct unit *unit = write_begin(store);
	GOOD(tenant_insert(unit, tenant, &error));
	write_commit();
}

static void identify(char out[IDENTIFIER_SIZE], const char *id)
{
	g_strlcpy(out, id, IDENTIFIER_SIZE);
}

struct account account_of(const char *id, const char *username, const char *email)
{
	struct account account = {
		.username = g_strdup(username),
		.username_key = g_ascii_strdown(username, -1),
		.email = g_strdup(email),
		.email_key = email ? g_ascii_strdown(email, -1) : NULL,
		.email_verified = true,
		.name = g_strdup("Alice Martin"),
		.locale = g_strdup("fr"),
		.groups = json_of("[\"staff\",\"wiki\"]"),
		.declared = true,
		.created_ms = NOW,
		.updated_ms = NOW + 1,
	};
	identify(account.id, id);
	return account;
}

struct session session_of(const char *id, uint8_t digest, const char *account)
{
	struct session session = {
		.provider = g_strdup("local"),
		.acr = g_strdup("urn:passerelle:acr:pwd"),
		.amr = g_strdup("pwd"),
		.address = g_strdup("192.0.2.1"),
		.user_agent = g_strdup("curl/7"),
		.created_ms = NOW,
		.auth_time_ms = NOW + 1,
		.last_seen_ms = NOW + 2,
	};
	identify(session.id, id);
	identify(session.account, account);
	memcpy(session.digest, digest_of(digest), DIGEST_SIZE);
	return session;
}

struct grant grant_of(const char *id, const char *account, const char *client, const char *session, bool offline)
{
	struct grant grant = {
		.client_id = g_strdup(client),
		.scope = g_strdup("openid profile"),
		.resources = g_strsplit("https://api.example https://other.example", " ", -1),
		.offline = offline,
		.acr = g_strdup("urn:passerelle:acr:pwd"),
		.amr = g_strdup("pwd"),
		.provider = g_strdup("local"),
		.nonce = g_strdup("n-1"),
		.claims = json_pack("{s:[s]}", "userinfo", "email"),
		.auth_time_ms = NOW + 1,
		.created_ms = NOW,
		.absolute_expires_ms = NOW + 90 * DAY,
	};
	identify(grant.id, id);
	identify(grant.account, account);
	identify(grant.session, session);
	identify(grant.sid, "sidsidsid");
	return grant;
}

struct flow flow_of(uint8_t digest)
{
	struct flow flow = {
		.client_id = g_strdup("wiki"),
		.request = json_of("{\"scope\":\"openid\"}"),
		.created_ms = NOW,
		.expires_ms = NOW + 600000,
		.version = 1,
	};
	memcpy(flow.digest, digest_of(digest), DIGEST_SIZE);
	memcpy(flow.browser, digest_of(0xbb), DIGEST_SIZE);
	return flow;
}

struct code code_of(uint8_t digest, const char *grant)
{
	struct code code = {
		.client_id = g_strdup("wiki"),
		.redirect_uri = g_strdup("https://wiki.example/cb"),
		.code_challenge = g_strdup("challenge"),
		.expires_ms = NOW + 60000,
	};
	memcpy(code.digest, digest_of(digest), DIGEST_SIZE);
	identify(code.grant, grant);
	return code;
}

struct refresh_token refresh_of(uint8_t digest, const char *grant)
{
	struct refresh_token token = { .client_id = g_strdup("wiki"), .created_ms = NOW, .idle_expires_ms = NOW + 14 * DAY };
	memcpy(token.digest, digest_of(digest), DIGEST_SIZE);
	identify(token.grant, grant);
	return token;
}

struct access_token access_of(uint8_t digest, const char *grant)
{
	struct access_token token = { .client_id = g_strdup("wiki"), .claims = json_of("{\"sub\":\"x\"}"), .expires_ms = NOW + 600000 };
	memcpy(token.digest, digest_of(digest), DIGEST_SIZE);
	identify(token.grant, grant);
	return token;
}

struct log_row log_row_of(const char *node, int64_t seq, int64_t time_ms, const char *event)
{
	struct log_row row = {
		.node = g_strdup(node),
		.seq = seq,
		.time_ms = time_ms,
		.event = g_strdup(event),
		.result = g_strdup("ok"),
		.reason = g_strdup("ok"),
		.account = g_strdup(ACCOUNT_1),
		.username = g_strdup("alice"),
		.ip = g_strdup("192.0.2.1"),
		.ref = g_strdup_printf("ref%" G_GINT64_FORMAT, seq),
		.detail = json_of("[{\"check\":\"password\",\"passed\":true}]"),
	};
	random_identifier(row.id);
	memcpy(row.personal_salt, digest_of(1), sizeof(row.personal_salt));
	memcpy(row.personal, digest_of(2), DIGEST_SIZE);
	memcpy(row.prev_hash, digest_of((uint8_t)(seq - 1)), DIGEST_SIZE);
	memcpy(row.hash, digest_of((uint8_t)seq), DIGEST_SIZE);
	return row;
}

struct saml_key saml_key_of(const char *kid, enum saml_key_purpose purpose)
{
	return (struct saml_key){ .kid = g_strdup(kid), .purpose = purpose, .state = KEY_STATE_NEXT, .certificate = g_strdup("TUlJ"), .pkcs8 = secret_new("private-key-bytes", strlen("private-key-bytes")),
		.created_ms = NOW };
}

struct signing_key key_of(const char *kid)
{
	return (struct signing_key){
		.kid = g_strdup(kid),
		.algorithm = JOSE_ES256,
		.state = KEY_STATE_NEXT,
		.pkcs8 = secret_new("private-key-bytes", strlen("private-key-bytes")),
		.created_ms = NOW,
	};
}

struct provider_record provider_of(const char *name, const char *secret)
{
	return (struct provider_record){
		.name = g_strdup(name),
		.type = g_strdup("ldap"),
		.settings = json_pack("{s:s, s:s}", "url", "ldap://ldap.example", "bind_password", secret),
		.enabled = true,
		.position = 3,
	};
}
