/* Access tokens seen before, by digest, so that a token shown again costs a hash table look-up instead of a signature and four reads.
 *
 * An entry is never believed past a change: every tenant has a generation, bumped by each change row that can end a token (account, session, grant, token,
 * client, key, resource, tenant). An entry of an older generation is checked against the store again before it is used. Bounded; old entries leave.
 */
#pragma once
#include "gateway/store/cache.h"

struct live_token {
	uint8_t digest[DIGEST_SIZE];
	char tenant[IDENTIFIER_SIZE];
	char grant[IDENTIFIER_SIZE];     /* "" for a client's own token */
	char account[IDENTIFIER_SIZE];   /* likewise */
	char incarnation[IDENTIFIER_SIZE]; /* of the client, for a client's own token; "" for a person's */
	char *client_id, *scope, *kid;   /* GRefStrings, interned: thousands of tokens share them. kid NULL: opaque */
	char **audience;                 /* of such ones, NULL-closed */
	char *jti;
	int64_t issued_s, expires_s;
	json_t *claims;                  /* only until `introspection` is made */
	GBytes *introspection;           /* the answer, ready */
};

struct known_tokens;

struct known_tokens *known_tokens_new(size_t entries_max);
void known_tokens_free(struct known_tokens *known);
/* For cache_subscribe: `data` is the table. */
void known_tokens_changed(const struct change *change, void *data);
/* Read before the store is asked, and given to put: a change in between leaves the entry stale, never fresh. */
uint64_t known_tokens_generation(const struct known_tokens *known, const char *tenant);
/* A reference, and in *ret_fresh whether its generation is the current one. NULL: not known. */
struct live_token *known_tokens_get(struct known_tokens *known, const char *tenant, const uint8_t digest[DIGEST_SIZE], bool *ret_fresh);
/* Keeps a reference of its own; replaces an entry with the same digest. */
void known_tokens_put(struct known_tokens *known, struct live_token *token, uint64_t generation);
size_t known_tokens_count(struct known_tokens *known);

struct live_token *live_token_new(void);
struct live_token *live_token_ref(struct live_token *token);
void live_token_unref(struct live_token *token);
typedef struct live_token live_token_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(live_token_t, live_token_unref)
