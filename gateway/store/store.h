/* The store's verbs.
 *
 * Removing, updating or switching what is not there (or is another tenant's) fails with ERROR_NOT_FOUND; ending, revoking or touching it does nothing.
 *
 * A `unit` is what verbs run in: a reader (one a thread, opened on first use) or one write transaction. Every verb names the tenant by its
 * internal id, and sees nothing of any other. A look-up has three results, never two: FOUND, MISSING, BROKEN.
 *
 * store_write hands a function to the writer. On SQLite one thread groups the transactions that wait into one commit (synchronous=FULL), each in a
 * savepoint of its own: one that fails is undone alone. It returns after the commit is durable. The function must be quick, wait for nothing and
 * touch only its data: it runs on the writer's thread.
 *
 * Every transaction that changes what a front may have in memory (tenants, clients, resources, providers, keys, the state of accounts, and the end of
 * sessions, grants and tokens) writes a row to `change`; after the commit the shared counter beside the database is bumped.
 */
#pragma once
#include "base/errors.h"
#include "crypto/root_keys.h"
#include "gateway/store/records.h"
#include "policies/throttle.h"

struct store;
struct unit;

enum found { BROKEN = 0, MISSING, FOUND };

struct store_options {
	const char *address;           /* "sqlite:/absolute/path.db" */
	const struct root_keys *keys;  /* borrowed: sealed columns, fingerprint check */
	const char *node;              /* this gateway's name in the connection log's chain */
	int64_t commit_wait_ms;        /* longest wait for the writer: 1,000 */
	bool create;                   /* make the database when there is none */
};

/* Opens, checks and migrates. Refuses with a clear message: no such file, unreadable, not ours, owned by another user, of a later version, sealed with
 * keys that `keys` does not hold. NULL with *error. */
struct store *store_open(const struct store_options *options, GError **error);
void store_close(struct store *store);
const char *store_node(const struct store *store);
/* The root keys it was opened with. Borrowed. */
const struct root_keys *store_keys(const struct store *store);
/* Whether a database is there at all (so that a key file is never made against one): FOUND, MISSING, BROKEN. */
enum found store_exists(const char *address, GError **error);

/* What reads are made with, by any thread: each statement borrows a connection and sees what was committed when it began. NULL with *error
 * ERROR_UNAVAILABLE when there is none to borrow. */
struct unit *store_reader(struct store *store, GError **error);
/* Runs `work` in a transaction; true once it is durable. False with *error: what `work` set, ERROR_UNAVAILABLE when the writer did not come to it in
 * time (then it never runs), ERROR_INTERNAL when the commit failed (nothing of it holds). */
bool store_write(struct store *store, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GError **error);
/* As store_write, without waiting; `data` is freed with `release` afterwards, done or not. For the log of machine-only grants: durable within a second,
 * failures are counted and logged. `work` may be run, undone and run again. False when the queue is full. What is awaited never stands behind it. */
bool store_write_later(struct store *store, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GDestroyNotify release);
/* As store_write_later, for what strangers can cause: False when the queue is half full already, so that the other half is left to what was granted. */
bool store_write_spare(struct store *store, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GDestroyNotify release);
/* The shared counter: one atomic read. */
uint64_t store_counter(const struct store *store);

/* Told now and then how far a long work is. */
struct store_progress {
	void (*step)(int64_t done, int64_t all, void *data); /* NULL: nobody wants to know */
	void *data;
};
/* A copy of the whole store in one file, while it is used (driver.h says how). The secret key file is not in it. */
bool store_backup(struct store *store, const char *file, const struct store_progress *progress, GError **error);
/* Ids of the root keys that something in the store may be sealed with (char *, the array's). */
bool store_key_ids(struct unit *unit, GPtrArray *ids, GError **error);
/* How much of what is stored needs a root key. */
struct key_uses {
	int64_t providers, signing_keys, saml_keys, links, sessions, log_anchors; /* values that store_reseal moves to the newest key */
	int64_t flows;                                                  /* sign-ins under way: over in minutes */
	int64_t passwords;                                              /* replaced at their next sign-in */
};
bool store_key_uses(struct unit *unit, const char *id, struct key_uses *ret, GError **error);
/* "providers (2), passwords (5)"; NULL: nothing. Caller frees. */
char *key_uses_words(const struct key_uses *uses);
/* Whether these keys may take the place of those the store was opened with: refused where one that something needs is gone, or another. The newest is known from
 * then on; what nothing needs is forgotten. The caller then replaces them (root_keys_replace). */
bool store_keys_settle(struct store *store, struct root_keys *fresh, GError **error);
/* Seals anew, under the newest key, whatever names another: in small transactions, while the store is used. *ret_written: how many values. */
bool store_reseal(struct store *store, const struct store_progress *progress, int64_t *ret_written, GError **error);
struct store_restoring {
	struct store_options options; /* of the store to be; `create` is not asked */
	const char *file;             /* a backup */
	struct store_progress progress;
	/* Called with the restored store, opened, brought up to this version and checked against the keys, before it takes its place. */
	bool (*finish)(struct store *store, void *data, GError **error);
	void *data;
	int64_t now_ms;
};
/* Puts a backup in the store's place. All is made ready beside it, so that a failure leaves what was there; refused while any process has the store open.
 * *ret_kept: the name under which the store that was there is kept, NULL if there was none; caller frees. */
bool store_restore(const struct store_restoring *restoring, char **ret_kept, GError **error);

struct store_figures {
	uint64_t commits, transactions, failures;
	uint64_t commit_ns;      /* that the commits took in all */
	uint64_t waiting, later; /* now in the two queues */
};
struct store_figures store_figures(const struct store *store);

/* A list verb calls `each` once a row, until it returns false; the record is the callee's to read, not to keep. */

/* Tenants. Names, issuers and domains are unique on the gateway. */
bool tenant_insert(struct unit *unit, const struct tenant *tenant, GError **error);          /* ERROR_CONFLICT */
bool tenant_update(struct unit *unit, const struct tenant *tenant, GError **error);
bool tenant_remove(struct unit *unit, const char *tenant, GError **error);                    /* and all that is its */
enum found tenant_find(struct unit *unit, const char *tenant, struct tenant **ret, GError **error);
enum found tenant_find_named(struct unit *unit, const char *name, struct tenant **ret, GError **error);
bool tenant_list(struct unit *unit, bool (*each)(const struct tenant *tenant, void *data), void *data, GError **error);

/* Accounts. */
bool account_insert(struct unit *unit, const char *tenant, const struct account *account, GError **error); /* ERROR_CONFLICT: name or id taken */
/* Writes the profile. Not `disabled` (account_set_disabled), the moments of creation and of the last credential change: a profile written back by a sign-in
 * must not undo what an administrator did meanwhile. ERROR_NOT_FOUND, ERROR_CONFLICT. */
bool account_update(struct unit *unit, const char *tenant, const struct account *account, GError **error);
bool account_remove(struct unit *unit, const char *tenant, const char *account, GError **error); /* the id is never given again */
enum found account_find(struct unit *unit, const char *tenant, const char *account, struct account *ret, GError **error);
/* FOUND while it is there and not disabled: for a transaction that read it before it began. */
enum found account_still(struct unit *unit, const char *tenant, const char *account, GError **error);
/* By user name, else by an address that exactly one account has. */
enum found account_find_login(struct unit *unit, const char *tenant, const char *login_key, struct account *ret, GError **error);
bool account_list(struct unit *unit, const char *tenant, bool (*each)(const struct account *account, void *data), void *data, GError **error);
/* Disabling and enabling; ends sessions and grants when disabling. */
bool account_set_disabled(struct unit *unit, const char *tenant, const char *account, bool disabled, int64_t now_ms, GError **error);
/* A provider says that the person is gone or shut out: ends all sessions of the account, revokes the grants that came by that provider, offline ones too, and of the
 * others those that live with a session. */
bool account_end_provider(struct unit *unit, const char *tenant, const char *account, const char *provider, int64_t now_ms, GError **error);
/* The stored password hash. credential_set with changed_ms > 0 ends the account's sessions and grants from before; 0: a silent rehash. NULL removes. */
bool credential_set(struct unit *unit, const char *tenant, const char *account, const char *stored, int64_t changed_ms, GError **error);
/* A rehash: replaces `was` and nothing else, so that a password set meanwhile stays. True also when it was another already. */
bool credential_rehash(struct unit *unit, const char *tenant, const char *account, const char *was, const char *stored, GError **error);
enum found credential_find(struct unit *unit, const char *tenant, const char *account, char **ret_stored, GError **error);
bool link_insert(struct unit *unit, const char *tenant, const struct link *link, GError **error);
enum found link_find(struct unit *unit, const char *tenant, const char *provider, const char *subject, struct link *ret, GError **error);
/* The link by which an account comes from a provider; the oldest, should there be two. */
enum found link_find_account(struct unit *unit, const char *tenant, const char *provider, const char *account, struct link *ret, GError **error);
/* What the provider's driver needs to ask about the person again, sealed at rest. Caller owns *ret. set: NULL removes; ERROR_NOT_FOUND without the link. */
bool link_keep_set(struct unit *unit, const char *tenant, const char *provider, const char *subject, const struct secret *keep, GError **error);
enum found link_keep_find(struct unit *unit, const char *tenant, const char *provider, const char *subject, struct secret **ret, GError **error);

/* Uses `name` up for `purpose` ("assertion okta"): FOUND the first time, MISSING when it was used before, by whichever gateway. Remembered until expires_ms. */
enum found once_claim(struct unit *unit, const char *tenant, const char *purpose, const char *name, int64_t expires_ms, GError **error);

/* Clients, resources, providers. put inserts or replaces; settings are compared by the caller. */
bool client_put(struct unit *unit, const char *tenant, const struct client *client, GError **error);       /* secrets included */
bool client_remove(struct unit *unit, const char *tenant, const char *client_id, int64_t now_ms, GError **error); /* and its grants */
enum found client_find(struct unit *unit, const char *tenant, const char *client_id, struct client **ret, GError **error);
/* FOUND when the client of that name is still the one of that incarnation; what it is declared to be is not read. */
enum found client_still(struct unit *unit, const char *tenant, const char *client_id, const char *incarnation, GError **error);
bool client_list(struct unit *unit, const char *tenant, bool (*each)(struct client *client, void *data), void *data, GError **error);
bool resource_put(struct unit *unit, const char *tenant, const struct resource *resource, GError **error);
bool resource_remove(struct unit *unit, const char *tenant, const char *identifier, GError **error);
enum found resource_find(struct unit *unit, const char *tenant, const char *identifier, struct resource **ret, GError **error);
bool resource_list(struct unit *unit, const char *tenant, bool (*each)(struct resource *resource, void *data), void *data, GError **error);
bool provider_put(struct unit *unit, const char *tenant, const struct provider_record *provider, GError **error);
bool provider_remove(struct unit *unit, const char *tenant, const char *name, GError **error);
bool provider_list(struct unit *unit, const char *tenant, bool (*each)(const struct provider_record *provider, void *data), void *data, GError **error);

/* Signing keys. */
bool key_insert(struct unit *unit, const char *tenant, const struct signing_key *key, GError **error);
bool key_set_state(struct unit *unit, const char *tenant, const char *kid, enum key_state state, int64_t now_ms, GError **error);
bool key_list(struct unit *unit, const char *tenant, bool (*each)(const struct signing_key *key, void *data), void *data, GError **error);

/* Keys for SAML. The list is in the order in which they are used and shown: active, next, retired, revoked. */
bool saml_key_insert(struct unit *unit, const char *tenant, const struct saml_key *key, GError **error);
bool saml_key_set_state(struct unit *unit, const char *tenant, const char *kid, enum key_state state, int64_t now_ms, GError **error);
bool saml_key_list(struct unit *unit, const char *tenant, bool (*each)(const struct saml_key *key, void *data), void *data, GError **error);

/* Flows. update demands the version it read (MISSING: another tab was faster); consume takes the flow out, once.
 * bind gives one that was stored for nobody yet (browser zeroed) to this browser, once. MISSING: it is somebody's, or there is none. */
bool flow_insert(struct unit *unit, const char *tenant, const struct flow *flow, GError **error);
enum found flow_find(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct flow *ret, GError **error);
enum found flow_update(struct unit *unit, const char *tenant, const struct flow *flow, GError **error);
enum found flow_bind(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], const uint8_t browser[DIGEST_SIZE], GError **error);
enum found flow_consume(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct flow *ret, GError **error);

/* Sessions. */
bool session_insert(struct unit *unit, const char *tenant, const struct session *session, GError **error);
enum found session_find(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct session *ret, GError **error);
enum found session_find_id(struct unit *unit, const char *tenant, const char *session, struct session *ret, GError **error);
/* The sessions that a provider's session gave; `upstream` as the record has it. */
bool session_list_upstream(struct unit *unit, const char *tenant, const uint8_t upstream[DIGEST_SIZE],
	bool (*each)(const struct session *session, void *data), void *data, GError **error);
/* The digest under which a provider's session is known. */
void session_upstream_digest(const char *provider, const char *sid, uint8_t digest[DIGEST_SIZE]);
/* What the provider's driver needs for signing out there, sealed at rest. set: NULL removes; ERROR_NOT_FOUND without the session. Caller owns *ret. */
bool session_keep_set(struct unit *unit, const char *tenant, const char *session, const struct secret *keep, GError **error);
enum found session_keep_find(struct unit *unit, const char *tenant, const char *session, struct secret **ret, GError **error);
bool session_touch(struct unit *unit, const char *tenant, const char *session, int64_t now_ms, GError **error);
/* The same person signed in again: a new cookie digest, auth_time, acr, amr, provider, address, user agent and upstream session for session->id; nothing is kept
 * of the driver's. */
bool session_renew(struct unit *unit, const char *tenant, const struct session *session, GError **error);
/* Ends it, and revokes its grants that are not offline. */
bool session_end(struct unit *unit, const char *tenant, const char *session, int64_t now_ms, GError **error);
/* Newest first. `account` NULL: all of the tenant's. */
bool session_list(struct unit *unit, const char *tenant, const char *account, bool (*each)(const struct session *session, void *data), void *data, GError **error);

/* Grants and tokens. */
bool grant_insert(struct unit *unit, const char *tenant, const struct grant *grant, GError **error);
enum found grant_find(struct unit *unit, const char *tenant, const char *grant, struct grant *ret, GError **error);
/* FOUND while it is not revoked: for a transaction that read it before it began. */
enum found grant_still(struct unit *unit, const char *tenant, const char *grant, GError **error);
bool grant_revoke(struct unit *unit, const char *tenant, const char *grant, int64_t now_ms, GError **error);
/* What a person allowed a client, remembered beyond sessions and grants until the client or the account goes. put replaces. Caller frees *ret_scope. */
bool consent_put(struct unit *unit, const char *tenant, const char *account, const char *client_id, const char *scope, int64_t now_ms, GError **error);
enum found consent_find(struct unit *unit, const char *tenant, const char *account, const char *client_id, char **ret_scope, GError **error);
bool code_insert(struct unit *unit, const char *tenant, const struct code *code, GError **error);
/* Claims the code by one UPDATE. FOUND with *ret_used_ms 0: it is the caller's; else when it was used first. */
enum found code_claim(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], int64_t now_ms, int64_t *ret_used_ms, GError **error);
enum found code_find(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct code *ret, GError **error);
bool refresh_insert(struct unit *unit, const char *tenant, const struct refresh_token *token, GError **error);
enum found refresh_find(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct refresh_token *ret, GError **error);
/* Extends or marks rotated: writes idle_expires_ms, rotated_ms, successor, used_ms. */
bool refresh_update(struct unit *unit, const char *tenant, const struct refresh_token *token, GError **error);
bool access_insert(struct unit *unit, const char *tenant, const struct access_token *token, GError **error);
enum found access_find(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], struct access_token *ret, GError **error);
bool access_revoke(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], int64_t now_ms, GError **error);
/* One JWT revoked by its jti, remembered until it would have expired. */
bool jti_revoke(struct unit *unit, const char *tenant, const char *jti, int64_t expires_ms, GError **error);
enum found jti_revoked(struct unit *unit, const char *tenant, const char *jti, GError **error);
/* Logout tokens to be delivered; whatever ends a session adds them. Over all tenants: the one who delivers serves them all. due: FOUND when one waits. claim takes the
 * one that waits longest, for this gateway until `until_ms`; then it is due again, unless delay moved it or remove took it out. */
enum found logout_delivery_due(struct unit *unit, int64_t now_ms, GError **error);
enum found logout_delivery_claim(struct unit *unit, int64_t now_ms, int64_t until_ms, struct logout_delivery *ret, GError **error);
bool logout_delivery_delay(struct unit *unit, const struct logout_delivery *delivery, int64_t due_ms, GError **error);
bool logout_delivery_remove(struct unit *unit, const struct logout_delivery *delivery, GError **error);

/* Throttle buckets, under a keyed digest of what they count; `account` is the account a bucket belongs to, "" for an address. */
enum found throttle_find(struct unit *unit, const char *tenant, const uint8_t bucket[DIGEST_SIZE], struct throttle_state *ret, GError **error);
bool throttle_put(struct unit *unit, const char *tenant, const uint8_t bucket[DIGEST_SIZE], const char *account, const struct throttle_state *state, int64_t expires_ms, GError **error);
/* After `user unlock`: removes every bucket of an account (they carry its id). */
bool throttle_clear_account(struct unit *unit, const char *tenant, const char *account, GError **error);

/* The connection log. last: seq 0 and a zero hash for a new chain. */
struct log_tip { int64_t seq; uint8_t hash[DIGEST_SIZE]; };
bool log_last(struct unit *unit, const char *tenant, const char *node, struct log_tip *ret, GError **error);
/* Where retention cut this chain: the last row removed, which the first row left must follow. MISSING: nothing was removed; BROKEN: forged or unreadable. */
enum found log_anchor_find(struct unit *unit, const char *tenant, const char *node, struct log_tip *ret, GError **error);
bool log_insert(struct unit *unit, const char *tenant, const struct log_row *row, GError **error);
/* Newest first, or oldest first; oldest first with no filter but `event` gives each node's rows in the order of its chain. limit 0: all. */
struct log_filter { const char *account, *event, *ref; int64_t since_ms; int64_t limit; bool oldest_first; };
bool log_list(struct unit *unit, const char *tenant, const struct log_filter *filter, bool (*each)(const struct log_row *row, void *data), void *data, GError **error);

/* One node's rows after `seq`, in the order of its chain: for who follows the log. */
bool log_list_after(struct unit *unit, const char *tenant, const char *node, int64_t seq, int64_t limit, bool (*each)(const struct log_row *row, void *data), void *data, GError **error);
/* The name of the first node after `after` that has written rows. MISSING: that was the last. Caller frees. */
enum found log_node_after(struct unit *unit, const char *tenant, const char *after, char **ret_node, GError **error);

/* Changes after `seq`, oldest first. */
bool change_list(struct unit *unit, int64_t seq, bool (*each)(const struct change *change, void *data), void *data, GError **error);

/* Removes up to `limit` rows that expired before now, over all tenants, and old change rows; *ret_more when there are more. */
bool store_purge(struct unit *unit, int64_t now_ms, int64_t limit, bool *ret_more, GError **error);
