/* What the store holds. A record owns its strings; NULL means "not set". Times are Unix milliseconds, 0 "never". Records that the front caches
 * (tenant, client, resource, keyring) are immutable once loaded and shared by reference counts. */
#pragma once
#include "base/json.h"
#include "base/secret.h"
#include "crypto/digest.h"
#include "crypto/jwk_set.h"
#include "crypto/keyring.h"
#include "crypto/random.h"
#include "policies/token.h"
#include <stdint.h>

struct tenant_policy {
	struct { unsigned min_length, min_length_with_second_factor, max_length; bool refuse_common, local; } password;
	struct { unsigned failures; int64_t window_s, lock_s; } throttle;
	struct { int64_t idle_s, absolute_s; } session;
	struct { int64_t code_s, access_s, id_s, refresh_idle_s, refresh_absolute_s; } tokens;
	int64_t log_retention_s;
};

struct tenant {
	char id[IDENTIFIER_SIZE];    /* internal: a tenant made again under an old name is another tenant */
	char *name, *display_name, *issuer, *locale;
	json_t *settings;            /* the declaration after validation, without users, clients, resources, providers */
	struct tenant_policy policy; /* read from settings */
	int64_t created_ms;
};

enum client_auth_method { CLIENT_AUTH_UNKNOWN = 0, CLIENT_AUTH_NONE, CLIENT_AUTH_BASIC, CLIENT_AUTH_POST, CLIENT_AUTH_PRIVATE_KEY_JWT };
enum grant_type { GRANT_TYPE_AUTHORIZATION_CODE = 1, GRANT_TYPE_REFRESH_TOKEN = 2, GRANT_TYPE_CLIENT_CREDENTIALS = 4 };
enum token_format { TOKEN_FORMAT_JWT = 0, TOKEN_FORMAT_OPAQUE };

struct client_secret {
	uint8_t digest[DIGEST_SIZE]; /* SHA-256 of the secret; secrets are long and random, so no slow hash (LIBRARIES.md section 1) */
	int64_t expires_ms;          /* 0: never; set on the old one by rotate-secret --overlap */
};

struct client {
	char *client_id;
	char incarnation[IDENTIFIER_SIZE]; /* a client made again under an old client_id is another client */
	json_t *settings;                  /* the declaration after validation, without secrets */
	/* read from settings */
	char *client_name;
	enum client_auth_method auth_method;
	unsigned grant_types;              /* enum grant_type, or'ed */
	char **redirect_uris;              /* NULL-closed lists */
	char **post_logout_redirect_uris;
	char **resources;
	char **allowed_groups;             /* NULL: everybody */
	char *scope;
	enum token_format access_token_format;
	enum jose_algorithm id_token_alg;
	enum jose_algorithm userinfo_alg;  /* JOSE_NONE: userinfo is plain JSON */
	enum introspects introspects;
	bool consent_explicit, require_pkce, claims_in_id_token, rotate_refresh_tokens, native;
	int64_t access_token_lifetime_s;   /* 0: the tenant's */
	char *backchannel_logout_uri;      /* told when a session ends; NULL: it is not */
	struct jwk_set *jwks;              /* what it signs with; NULL: nothing, or at jwks_uri */
	char *jwks_uri;                    /* NULL: none */
	struct client_secret secrets[4];
	size_t secret_count;
	int64_t created_ms;
};

struct resource {
	char *identifier;
	char *scopes;                 /* space-separated */
	char **introspection_clients; /* NULL-closed */
	enum token_format access_token_format;
	enum jose_algorithm signed_response_alg;
	json_t *settings;
};

struct account {
	char id[IDENTIFIER_SIZE];     /* what `sub` shows; stable for ever */
	char *username, *username_key; /* as typed, and canonical (base/text.h) */
	char *email, *email_key;
	bool email_verified;
	char *name, *locale;
	json_t *groups;               /* array of strings or NULL */
	bool disabled;
	bool declared;                /* made by apply: --prune may remove it */
	int64_t created_ms, updated_ms;
	int64_t credentials_changed_ms; /* sessions and grants from before are over */
};

struct link {
	char *provider, *subject;
	char account[IDENTIFIER_SIZE];
	int64_t created_ms;
};

struct provider_record {
	char *name, *type;
	json_t *settings;             /* secrets in it are sealed by the store */
	bool enabled;
	int position;                 /* order in the declaration */
};

struct signing_key {
	char *kid;
	enum jose_algorithm algorithm;
	enum key_state state;
	struct secret *pkcs8;         /* sealed at rest */
	int64_t created_ms, activated_ms, retired_ms;
};

/* A key that identity providers pin by its certificate: we sign what we ask them with the one, and they encrypt to the other. */
enum saml_key_purpose { SAML_KEY_SIGNING, SAML_KEY_ENCRYPTION };
struct saml_key {
	char *kid;                    /* x5t#S256: base64url of the certificate's SHA-256 (RFC 7515 section 4.1.8) */
	enum saml_key_purpose purpose;
	enum key_state state;
	char *certificate;            /* base64 of DER */
	struct secret *pkcs8;         /* sealed at rest */
	int64_t created_ms, activated_ms, retired_ms;
};

/* One authorization request on its way; kept under the digest of its handle, bound to the browser by the digest of the flow cookie. */
struct flow {
	uint8_t digest[DIGEST_SIZE];
	uint8_t browser[DIGEST_SIZE];
	char *client_id;
	json_t *request;              /* the checked parameters */
	char *provider;               /* chosen provider, NULL: not yet */
	char *sealed;                 /* the provider's bytes (seal.h), NULL */
	char *session;                /* the session that signed in or was found, NULL */
	bool consented;
	int64_t created_ms, expires_ms;
	int64_t version;              /* for flow_update: a change lost to another tab is seen */
};

struct session {
	char id[IDENTIFIER_SIZE];
	uint8_t digest[DIGEST_SIZE];  /* of the cookie's value */
	char account[IDENTIFIER_SIZE];
	char *provider, *acr, *amr;   /* amr space-separated */
	char *address, *user_agent;
	bool has_upstream;
	uint8_t upstream[DIGEST_SIZE]; /* of the provider's name for its session (session_upstream_digest), for its logout messages */
	int64_t created_ms, auth_time_ms, last_seen_ms, ended_ms;
	int64_t ends_ms;              /* when the provider wants it to be over; 0: not said */
};

/* account × client × scopes; parent of a token family. */
struct grant {
	char id[IDENTIFIER_SIZE];
	char account[IDENTIFIER_SIZE]; /* "" for client_credentials with stored tokens */
	char *client_id, *scope;
	char **resources;
	char session[IDENTIFIER_SIZE]; /* "" when none */
	char sid[IDENTIFIER_SIZE];     /* what the client sees of the session: per client, never the cookie */
	bool offline;
	char *acr, *amr, *provider, *nonce;
	json_t *claims;                /* asked for by name: {"id_token":[…], "userinfo":[…]}; NULL: none */
	int64_t auth_time_ms, created_ms, revoked_ms, absolute_expires_ms;
};

struct code {
	uint8_t digest[DIGEST_SIZE];
	char grant[IDENTIFIER_SIZE];
	char *client_id, *redirect_uri, *code_challenge;
	int64_t expires_ms, used_ms;
};

struct refresh_token {
	uint8_t digest[DIGEST_SIZE];
	char grant[IDENTIFIER_SIZE];
	char *client_id;
	uint8_t successor[DIGEST_SIZE]; /* meaningful once rotated_ms is set */
	int64_t created_ms, idle_expires_ms, rotated_ms, used_ms;
};

/* An opaque access token. JWTs are not stored. */
struct access_token {
	uint8_t digest[DIGEST_SIZE];
	char grant[IDENTIFIER_SIZE];  /* "" with client_credentials */
	json_t *claims;               /* what a JWT would have said */
	char *client_id;
	int64_t expires_ms, revoked_ms;
};

/* A logout token to be delivered to a client. */
struct logout_delivery {
	char tenant[IDENTIFIER_SIZE], session[IDENTIFIER_SIZE], account[IDENTIFIER_SIZE], sid[IDENTIFIER_SIZE];
	char *client_id;
	int64_t attempts;             /* this one included */
};

/* One row of the connection log (CONTRACT section 7). `hash` covers the fields in this order; see gateway/audit. */
struct log_row {
	char id[IDENTIFIER_SIZE];
	char *node;
	int64_t seq, time_ms;
	char *event, *result, *reason;
	char *account, *username, *provider, *client, *session, *ip, *user_agent;
	char *device, *os, *browser, *acr, *amr, *ref, *actor;
	uint8_t personal_salt[16], personal[DIGEST_SIZE];
	uint8_t prev_hash[DIGEST_SIZE], hash[DIGEST_SIZE];
	json_t *detail;               /* the checks made, for `log show`; outside the chain */
};

struct change {
	int64_t seq;
	char tenant[IDENTIFIER_SIZE];
	char *kind;                   /* tenant client resource provider key account session grant token; all: too much to name, drop everything */
	char *id;                     /* token: a jti, or an opaque token's digest in hex */
};

/* Frees what a record owns and zeroes it; takes NULL and half-filled ones. */
void account_clear(struct account *);
void flow_clear(struct flow *);
void session_clear(struct session *);
void grant_clear(struct grant *);
void code_clear(struct code *);
void refresh_token_clear(struct refresh_token *);
void access_token_clear(struct access_token *);
void logout_delivery_clear(struct logout_delivery *);
void log_row_clear(struct log_row *);
void signing_key_clear(struct signing_key *);
void saml_key_clear(struct saml_key *);
void link_clear(struct link *);
void provider_record_clear(struct provider_record *);

/* Reference counted. unref takes NULL. */
struct tenant *tenant_ref(struct tenant *);
void tenant_unref(struct tenant *);
struct client *client_ref(struct client *);
void client_unref(struct client *);
struct resource *resource_ref(struct resource *);
void resource_unref(struct resource *);

/* Build the shared records from validated settings (borrowed; a reference is kept). Missing keys take CONTRACT's defaults. */
struct tenant *tenant_new(const char *id, const char *name, json_t *settings, int64_t created_ms);
struct client *client_new(const char *client_id, json_t *settings);
struct resource *resource_new(const char *identifier, json_t *settings);

typedef struct tenant tenant_t;
typedef struct client client_t;
typedef struct resource resource_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(tenant_t, tenant_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(client_t, client_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(resource_t, resource_unref)
typedef struct account account_t;
typedef struct flow flow_t;
typedef struct session session_t;
typedef struct grant grant_t;
typedef struct code code_t;
typedef struct refresh_token refresh_token_t;
typedef struct access_token access_token_t;
typedef struct logout_delivery logout_delivery_t;
typedef struct log_row log_row_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(account_t, account_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(flow_t, flow_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(session_t, session_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(grant_t, grant_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(code_t, code_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(refresh_token_t, refresh_token_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(access_token_t, access_token_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(logout_delivery_t, logout_delivery_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(log_row_t, log_row_clear)
