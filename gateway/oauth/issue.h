/* Making tokens: access tokens (RFC 9068 JWTs, or opaque ones) and ID tokens (OpenID Connect Core section 2). Nothing is stored here. */
#pragma once
#include "gateway/call/call.h"
#include "policies/claims.h"

/* What a token says, gathered by the grant that issues it. Borrowed. */
struct issue {
	const struct client *client;
	const struct grant *grant;       /* NULL with client_credentials */
	const struct account *account;   /* NULL with client_credentials */
	const char *scope;
	const char *const *resources;    /* NULL-closed; none: the issuer is the audience */
	int64_t now_ms;
};

struct access {
	char *token;             /* what the client gets */
	int64_t expires_s;       /* lifetime in seconds */
	bool opaque;
	struct access_token record; /* to store, when opaque */
};
void access_clear(struct access *access);

/* The resources a request is for: those asked for (each must be one of `allowed`, or of the client's own when NULL) else all of these. NULL with a
 * description in *ret_wrong (RFC 8707: invalid_target). The list is g_strfreev's. */
char **issue_resources(const struct form *form, char *const *allowed, const char **ret_wrong);

/* False with *error: no key for the algorithm, store broken, or resources that want different formats (ERROR_INVALID_TARGET). */
bool issue_access(struct call *call, const struct issue *issue, struct access *ret, GError **error);
/* The ID token; `access_token` for at_hash. Caller frees. */
char *issue_id_token(struct call *call, const struct issue *issue, const char *access_token, GError **error);

/* What claims are released from. Borrowed. */
struct claim_facts issue_claim_facts(const struct account *account);

/* Adds the members of a token answer (RFC 6749 section 5.1). */
json_t *issue_answer(const struct access *access, const char *scope);
