/* What would make the store equal to a declaration: a list of differences, computed by reading only, then written in one transaction.
 *
 *   declaration ─→ plan_make (reads, compares, verifies passwords) ─→ plan_prepare (hashes, makes keys and secrets) ─→ plan_write (one transaction)
 *
 * All that is slow stands before the transaction: the writer's thread is the running server's too. */
#pragma once
#include "crypto/opaque_token.h"
#include "crypto/password.h"
#include "gateway/admin/declaration.h"

enum sign { SIGN_ADD, SIGN_CHANGE, SIGN_REMOVE };
enum object { OBJECT_TENANT, OBJECT_KEY, OBJECT_SAML_KEY, OBJECT_RESOURCE, OBJECT_PROVIDER, OBJECT_USER, OBJECT_CLIENT };

struct difference {
	enum sign sign;
	enum object object;
	char *name;
	json_t *keys;              /* names of the keys that differ, for SIGN_CHANGE */
	json_t *before, *after;    /* those keys' values, without secrets: for the log */
	json_t *expected;          /* the settings that were read; NULL: there was no such object. Compared again inside the transaction */
	int64_t expected_ms;       /* the same for accounts: updated_ms */
	/* What to write, by object. */
	struct tenant *tenant;
	struct resource *resource;
	struct client *client;
	struct client_secret had[4];  /* the client's secrets that were read, compared again as `expected` is: a rotation meanwhile must not be undone */
	size_t had_count;
	struct provider_record provider;
	struct account account;
	bool was_disabled;
	struct signing_key key;
	struct saml_key saml_key;
	const struct secret *password;  /* to be hashed; the declaration's */
	char *stored;                   /* the hash to keep */
	json_t *links;                  /* to be added */
	bool needs_secret;
	char secret[OPAQUE_TOKEN_SIZE]; /* made by plan_prepare; shown once */
};

struct planned_tenant {
	struct tenant *tenant;     /* as it will be */
	GPtrArray *differences;    /* in the order they are written */
};

struct plan {
	GPtrArray *tenants;
};

struct plan_options {
	struct declaration *declaration;
	struct unit *unit;               /* NULL: there is no store yet, everything is new */
	struct password_hasher *hasher;  /* NULL only without a unit */
	int64_t now_ms;
	bool prune;
};

/* NULL with *error when the store is broken. */
struct plan *plan_make(const struct plan_options *options, GError **error);
/* Hashes passwords (progress on standard error when that is a terminal), makes keys and client secrets. */
bool plan_prepare(struct plan *plan, struct password_hasher *hasher, GError **error);
/* All or nothing, with a row in the connection log for each. ERROR_CONFLICT when something changed since it was planned. */
bool plan_write(struct plan *plan, struct store *store, const char *actor, int64_t now_ms, GError **error);
/* One line a difference; secrets that were made, each once. */
void plan_print(const struct plan *plan, bool json);
void plan_free(struct plan *plan);
typedef struct plan plan_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(plan_t, plan_free)

/* Tells apart what two settings say: names into `keys`, values into before and after. */
void settings_compare(const json_t *before, const json_t *after, json_t *ret_keys, json_t *ret_before, json_t *ret_after);
/* An account's own keys, as a declaration names them; for comparing and for the log. */
json_t *account_settings(const struct account *account);
/* A key of this algorithm in that state, ready to be inserted. */
void signing_key_make(enum jose_algorithm algorithm, enum key_state state, int64_t now_ms, struct signing_key *ret);
/* "declared": the mark, among the settings of clients, resources and providers, of what apply made and --prune may remove. */
#define DECLARED_MARK "declared"
