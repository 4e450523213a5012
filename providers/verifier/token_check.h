/* What the gateway asks the verifier about tokens: is this ID token, logout token or signed userinfo answer of that issuer, for us, now? The question and the
 * answer are typed here; what passes the socket is a record. The child decides everything (token_judge.c); this side checks the answer's form again.
 */
#pragma once
#include "base/json.h"
#include "policies/decision.h"
#include "providers/verifier/verifier.h"

enum token_profile {
	TOKEN_NONE = 0,
	TOKEN_ID,       /* OpenID Connect Core 3.1.3.7 */
	TOKEN_LOGOUT,   /* OpenID Connect Back-Channel Logout 2.6 */
	TOKEN_USERINFO, /* OpenID Connect Core 5.3.2: `subject` must be given */
};

/* By bits, for lists of the allowed. */
enum token_algorithm {
	TOKEN_RS256 = 1 << 0,
	TOKEN_RS384 = 1 << 1,
	TOKEN_RS512 = 1 << 2,
	TOKEN_PS256 = 1 << 3,
	TOKEN_PS384 = 1 << 4,
	TOKEN_PS512 = 1 << 5,
	TOKEN_ES256 = 1 << 6,
	TOKEN_ES384 = 1 << 7,
	TOKEN_ES512 = 1 << 8,
	TOKEN_EDDSA = 1 << 9, /* Ed25519, by either name */
	TOKEN_ALGORITHMS_ALL = (1 << 10) - 1,
};
/* 0 for an unknown name, `none` and HMAC included. */
unsigned token_algorithm_named(const char *name);

#define TOKEN_BYTES_MAX  (64 * 1024)
#define KEYS_BYTES_MAX   (256 * 1024)
#define TOKEN_KEYS_MAX   64   /* usable or not, in one document */
#define TOKEN_CLAIMS_MAX 200

/* Lists are NULL-closed, and NULL where nothing is given. Everything is borrowed for the call. */
struct token_check_request {
	enum token_profile profile;
	const char *token;
	size_t token_length;
	const char *keys;              /* the JWKS document as it was fetched */
	size_t keys_length;
	/* Any of these, byte for byte. "{tenantid}" in one of them is filled with the token's own `tid`, which must then stand in `tenants`; where
	 * a key names an `issuer` of its own (Entra ID), that one is filled and compared as well. */
	const char *const *issuers;
	const char *const *tenants;    /* allowed `tid`, in lower case; NULL: no rule about it, and no hole may stand in `issuers` */
	const char *client_id;
	const char *nonce;             /* NULL: a nonce is not required, only where the vendor's table says that it sends none; one that is there is then not looked at */
	const char *access_token;      /* NULL: at_hash is not looked at */
	bool at_hash_required;
	unsigned algorithms;           /* enum token_algorithm by bits; 0: none, so nothing is valid */
	int64_t max_age_s;             /* auth_time is required and at most so old; -1: no rule */
	const char *const *acr_values; /* acr must be one of them; NULL: no rule */
	const char *subject;           /* sub must be this one; NULL: no rule */
	int64_t issued_within_s;       /* iat at most so old; 0: no rule beyond skew and exp */
	int64_t clock_skew_s;          /* 0 to 300 */
	int64_t now_s;
};

struct token_check_row {
	char *name, *seen, *expected; /* seen and expected may be NULL */
	bool passed;
};

struct token_check_answer {
	bool valid;
	enum reason reason;            /* REASON_OK with `valid`, else the one fault that decided */
	bool unknown_key;              /* no key of that kid and algorithm: fetch the keys once more, at most once a minute, and ask again */
	GPtrArray *rows;               /* struct token_check_row, in order; the last one decided. For checks.h: check(checks, row->name, row->seen, …) */
	/* With `valid` only: texts, integers, booleans and lists of texts. Objects inside are flattened ("realm_access.roles"; a name that is there already
	 * wins); numbers with fractions and null are left out. */
	json_t *claims;
};
void token_check_answer_clear(struct token_check_answer *answer);
typedef struct token_check_answer token_check_answer_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(token_check_answer_t, token_check_answer_clear)

/* *ret holds an answer with VERIFIER_ANSWERED only; otherwise it is empty, and its reason is REASON_VERIFIER_FAILED or, with VERIFIER_UNAVAILABLE, REASON_BUSY. */
enum verifier_result token_check(struct verifier *verifier, const struct token_check_request *request, int64_t deadline_ms, struct token_check_answer *ret);

/* One key of a JWKS document. Texts are NULL where the key does not say. */
struct keys_check_row {
	char *kid, *kty, *alg, *use, *crv;
	int64_t bits;                  /* of an RSA modulus; 0 otherwise */
	unsigned algorithms;           /* those it can be used with here, by bits; 0: `fault` says why not */
	char *fault;
};

struct keys_check_answer {
	bool valid;                    /* a JWKS document, with at least one usable key */
	char *fault;                   /* where it is not valid */
	GPtrArray *rows;               /* struct keys_check_row, as in the document */
	char *digest;                  /* SHA-256 over the usable keys, base64url: changes only when they do */
};
void keys_check_answer_clear(struct keys_check_answer *answer);
typedef struct keys_check_answer keys_check_answer_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(keys_check_answer_t, keys_check_answer_clear)

/* Before fetched keys replace good ones, and for `provider test`: garbage must never evict. */
enum verifier_result keys_check(struct verifier *verifier, const char *keys, size_t length, unsigned algorithms, int64_t deadline_ms,
                                struct keys_check_answer *ret);
