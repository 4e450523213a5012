/* OpenID Connect providers, from inside. One flow; the vendors are tables of differences over it.
 *
 *   oidc.c            begin and complete: the way of one sign-in
 *   oidc_settings.c   the keys of a declaration, and what `open` makes of them
 *   oidc_discovery.c  the provider's metadata and keys, fetched and kept
 *   oidc_exchange.c   token endpoint and userinfo
 *   oidc_auth.c       how we authenticate there
 *   oidc_claims.c     from a checked token to an identity
 *   oidc_logout.c     signing out there, and being told of it
 *   oidc_probe.c      `provider test`
 *   oidc_google.c oidc_azure.c oidc_linkedin.c   the tables
 */
#pragma once
#include "crypto/jose.h"
#include "policies/mapping.h"
#include "providers/drivers.h"
#include "providers/fetch_cache.h"
#include "providers/verifier/token_check.h"

#include <pthread.h>

struct oidc;

/* What is different at a vendor. Zero is the standard. Each row stands for a documented fact; docs/ names source and date. */
struct oidc_vendor {
	const char *type;
	const char *issuer;               /* NULL: the declaration's */
	const char *discovery_url;        /* where it is not the issuer's */
	const char *const *issuers;       /* that tokens and discovery may carry; NULL: the issuer, byte for byte */
	const char *scope;
	const char *auth_method;          /* NULL: what discovery offers, client_secret_basic first */
	bool no_nonce;                    /* sends none back: SECURITY OP-5 compensates */
	bool no_pkce;                     /* unless the declaration says `pkce: true` */
	bool no_fresh_login;              /* ignores prompt=login and max_age */
	bool no_logout;
	bool lists_tenants;               /* `listed` are directories (tid), which the verifier checks */
	bool email_proves_nothing;        /* whatever the token says of it */
	bool userinfo;                    /* asked unless the declaration says otherwise */
	bool offline_by_parameter;        /* access_type=offline instead of the scope offline_access */
	int64_t issued_within_s;          /* iat at most so old; 0: no rule */
	const char *username, *name, *groups; /* claims by default; NULL: the standard's */
	/* Before anything is opened: its own keys, and where issuer and discovery_url are made of them. NULL: none. */
	bool (*prepare)(struct oidc *oidc, GError **error);
	/* Further rules of the vendor for a token whose signature and claims hold, before anything is mapped; may add to the claims. False: answer says why. NULL: none. */
	bool (*examine)(const struct oidc *oidc, json_t *claims, struct checks *checks, struct provider_answer *answer);
	/* The immutable identifier; NULL: `sub`. Caller frees; NULL when it is not there. */
	char *(*subject)(const json_t *claims);
	/* Further parameters of the authorization request. NULL: none. */
	void (*authorize)(const struct oidc *oidc, GString *query);
	/* Groups that are not in the token. False: they could not be had. NULL: there are none elsewhere. */
	bool (*groups_elsewhere)(const struct oidc *oidc, json_t *claims, const char *access_token, int64_t deadline_ms, struct checks *checks);
};

/* An opened provider: immutable, but for what it last saw of the endpoints. */
struct oidc {
	const struct oidc_vendor *vendor;
	char *tenant, *name;
	char *owner;                      /* of documents kept: tenant and name */
	char *issuer, *discovery_url, *declared_host;
	const char **issuers;             /* accepted in tokens */
	const json_t *settings;           /* borrowed */
	const char *client_id, *client_secret, *auth_method, *scope; /* borrowed from settings or the vendor */
	char **acr_values;                /* of which the token must name one; NULL: no rule */
	char **listed;                    /* hosted_domains or allowed_directories; NULL: no rule */
	struct jose_key *key;             /* for private_key_jwt; NULL */
	char *thumbprint;                 /* x5t#S256 of its certificate; NULL */
	struct mapping mapping;
	json_t *claims;                   /* mapping.claims */
	int64_t clock_skew_s;
	bool pkce, userinfo, form_post, end_session, offline;
	struct fetcher *fetcher;
	struct document_cache *documents;
	struct verifier *verifier;
	pthread_mutex_t lock;
	char *endpoints_seen;             /* under the lock */
};

/* --- oidc_settings.c --- */

bool oidc_scope_check(const json_t *value, const char **ret_expected);
/* The keys that all of them take. */
#define OIDC_COMMON_KEYS \
	{.name = "client_id", .type = KEY_STRING, .required = true, .min = 1, .max = 255, .description = "Our name at the provider."}, \
	{.name = "client_secret", .type = KEY_SECRET, .description = "Our secret there."}, \
	{.name = "token_endpoint_auth_method", .type = KEY_CHOICE, \
	 .choices = "client_secret_basic|client_secret_post|client_secret_jwt|private_key_jwt|none", \
	 .description = "How we authenticate there; default: what the provider offers, client_secret_basic first."}, \
	{.name = "token_endpoint_auth_signing_alg", .type = KEY_CHOICE, .choices = "RS256|PS256|ES256", .standard = "RS256", \
	 .description = "With private_key_jwt: the algorithm of our assertions."}, \
	{.name = "private_key", .type = KEY_SECRET, .description = "With private_key_jwt: our private key, PEM."}, \
	{.name = "certificate_file", .type = KEY_FILE, \
	 .description = "With private_key_jwt: the key's certificate, PEM, for providers that know keys by certificates (x5t#S256)."}, \
	{.name = "discovery_url", .type = KEY_URL, .description = "Where its metadata is; default: under the issuer, /.well-known/openid-configuration."}, \
	{.name = "scope", .type = KEY_SCOPE, .check = oidc_scope_check, \
	 .description = "What is asked for; with offline_access the provider is asked again at each of our refreshes."}, \
	{.name = "response_mode", .type = KEY_CHOICE, .choices = "query|form_post", .standard = "query", .description = "How its answer comes back through the browser."}, \
	{.name = "pkce", .type = KEY_BOOLEAN, .description = "Whether the code is bound to us by PKCE (S256); default: true, for linkedin false."}, \
	{.name = "userinfo", .type = KEY_BOOLEAN, .description = "Whether its userinfo endpoint is asked too; default: false, for linkedin true."}, \
	{.name = "end_session", .type = KEY_BOOLEAN, .standard = "true", .description = "Whether signing out here goes on to sign out there, where the provider can."}, \
	{.name = "acr_values", .type = KEY_STRINGS, .description = "Ways of authenticating of which the provider must name one in the token."}
/* For a driver's `open`. */
bool oidc_open(const struct oidc_vendor *vendor, const struct provider_place *place, const json_t *settings, void **ret_state, GError **error);
void oidc_close(void *state);

/* --- oidc_discovery.c --- */

/* The provider's metadata (OpenID Connect Discovery 1.0), its issuer and endpoints checked. NULL: `answer` says why. Caller owns. */
json_t *oidc_metadata(const struct oidc *oidc, int64_t deadline_ms, struct checks *checks, struct provider_answer *answer);
/* Its keys; with `seen`, newer ones than those. Caller unrefs; NULL: `answer` says why. */
const struct cached_document *oidc_keys(const struct oidc *oidc, const json_t *metadata, const struct cached_document *seen, int64_t deadline_ms,
                                        struct checks *checks, struct provider_answer *answer);
/* Whether these bytes are metadata of this provider: strict JSON, its issuer, endpoints over https. What is not, is never kept. */
bool oidc_metadata_is_good(const struct oidc *oidc, const char *body, size_t length, GError **error);
/* The issuer that discovery states, for comparing with `iss`. */
const char *oidc_stated_issuer(const json_t *metadata);

/* --- oidc_auth.c --- */

/* Adds our authentication to a request of the token endpoint (RFC 6749 section 2.3, RFC 7523): to the body, or *ret_header (caller wipes and frees; NULL: none). */
bool oidc_authenticate(const struct oidc *oidc, const json_t *metadata, int64_t now_ms, GString *body, char **ret_header, GError **error);

/* --- oidc_exchange.c --- */

/* What the token endpoint gave. */
struct oidc_tokens {
	json_t *body;
	const char *id_token, *access_token, *refresh_token; /* borrowed from body; NULL: not there */
};
void oidc_tokens_clear(struct oidc_tokens *tokens);
typedef struct oidc_tokens oidc_tokens_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(oidc_tokens_t, oidc_tokens_clear)

struct oidc_exchange {
	const struct oidc *oidc;
	const json_t *metadata;
	int64_t now_ms, deadline_ms;
	struct checks *checks;
	struct provider_answer *answer; /* says why where a step fails */
};
/* Posts `body` (grant_type and what belongs to it; wiped and freed) to the token endpoint (RFC 6749 section 4.1.3). */
bool oidc_token_request(const struct oidc_exchange *exchange, GString *body, struct oidc_tokens *ret);
/* The ID token's claims, checked by the verifier; keys are fetched once more where its key is not known. `expect` holds what differs by sign-in: nonce, max_age_s,
 * acr_values, subject, access_token. NULL: refused. Caller owns. */
json_t *oidc_token_claims(const struct oidc_exchange *exchange, const char *token, const struct token_check_request *expect);
/* Adds what the userinfo endpoint says to `claims`, under names that are not there yet; its sub must be theirs (OpenID Connect Core section 5.3.4). */
bool oidc_userinfo(const struct oidc_exchange *exchange, const char *access_token, json_t *claims);
/* A JSON object from an address of the provider; NULL: `answer` says why. Caller owns. `header` is an Authorization header or NULL. */
json_t *oidc_fetch_object(const struct oidc_exchange *exchange, const char *what, const struct fetch_request *request);

/* --- oidc_claims.c --- */

/* The last step: vendor's rules, subject, mapping. Fills answer. `claims` is changed. */
void oidc_conclude(const struct oidc_exchange *exchange, const struct oidc_tokens *tokens, json_t *claims);

/* --- oidc.c and the rest, for the drivers' structs --- */

void oidc_begin(void *state, const struct provider_begin *input, struct provider_answer *answer);
void oidc_complete(void *state, const struct provider_complete *input, struct provider_answer *answer);
void oidc_refresh(void *state, const char *subject, const struct secret *keep, int64_t now_ms, int64_t deadline_ms, struct provider_answer *answer);
void oidc_logout(void *state, const struct provider_logout *input, struct provider_answer *answer);
enum verdict oidc_logout_notice(void *state, const struct provider_complete *input, struct logout_notice *ret);
void oidc_probe(void *state, const struct provider_probe *input);

/* Sets verdict and reason; returns false, so that a step may end with it. */
bool oidc_refuse(struct provider_answer *answer, enum verdict verdict, enum reason reason);

#define OIDC_DRIVER(vendor_name, more) \
	.capabilities = (more) | CAPABILITY_REDIRECTS | CAPABILITY_POSTS | CAPABILITY_REFRESHES | CAPABILITY_REFRESH_BY_KEEP | CAPABILITY_LOGS_OUT | CAPABILITY_PROBES | CAPABILITY_MAY_BLOCK, \
	.open = vendor_name##_open, .close = oidc_close, .begin = oidc_begin, .complete = oidc_complete, .refresh = oidc_refresh, .logout = oidc_logout, \
	.logout_notice = oidc_logout_notice, .probe = oidc_probe
