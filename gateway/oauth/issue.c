/* Making tokens. A JWT's jti is "<grant>.<random>" for a person's token, so that whoever verifies the signature also knows the grant whose life it shares;
 * a client's own token has "<incarnation>~<random>": a client made again under its name does not inherit it. */
#include "gateway/oauth/issue.h"
#include "base/encoding.h"
#include "crypto/opaque_token.h"
#include "gateway/call/own_token.h"
#include "policies/claims.h"
#include "policies/scope.h"

void access_clear(struct access *access)
{
	g_clear_pointer(&access->token, g_free);
	access_token_clear(&access->record);
}

char **issue_resources(const struct form *form, char *const *allowed, const char **ret_wrong)
{
	g_autofree const char **asked = form_values(form, "resource");
	if (!asked[0])
		return g_strdupv((char **)(uintptr_t)(allowed ? allowed : (char *const[]){ NULL }));
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
	for (size_t i = 0; asked[i]; i++) {
		if (!allowed || !g_strv_contains((const char *const *)allowed, asked[i])) {
			*ret_wrong = "A resource is not one that this client's tokens may be for.";
			return NULL;
		}
		if (!g_ptr_array_find_with_equal_func(list, asked[i], g_str_equal, NULL))
			g_ptr_array_add(list, g_strdup(asked[i]));
	}
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&list), FALSE);
}

struct shape {
	enum token_format format;
	enum jose_algorithm algorithm;
};

/* Format and algorithm come from the resources when there are any, else from the client. */
static bool find_shape(struct call *call, const struct issue *issue, struct shape *ret, GError **error)
{
	*ret = (struct shape){ issue->client->access_token_format, JOSE_ES256 };
	for (size_t i = 0; issue->resources && issue->resources[i]; i++) {
		g_autoptr(resource_t) resource = NULL;
		enum found found = cache_resource(call->gateway->cache, call->tenant->id, issue->resources[i], &resource, error);
		if (found == BROKEN)
			return false;
		if (found == MISSING)
			return fail(error, ERROR_INVALID_TARGET, "resource %s no longer exists", issue->resources[i]);
		struct shape shape = { resource->access_token_format, resource->signed_response_alg };
		if (i > 0 && (shape.format != ret->format || shape.algorithm != ret->algorithm))
			return fail(error, ERROR_INVALID_TARGET, "resources want different token formats; ask for one at a time");
		*ret = shape;
	}
	return true;
}

static const char *subject_of(const struct issue *issue)
{
	return issue->account ? issue->account->id : issue->client->client_id;
}

static json_t *audience_of(const struct call *call, const struct issue *issue)
{
	if (!issue->resources || !issue->resources[0])
		return json_string(call->tenant->issuer);
	if (!issue->resources[1])
		return json_string(issue->resources[0]);
	json_t *list = json_array();
	for (size_t i = 0; issue->resources[i]; i++)
		json_array_append_new(list, json_string(issue->resources[i]));
	return list;
}

static json_t *words(const char *text)
{
	json_t *list = json_array();
	g_auto(GStrv) parts = g_strsplit(text ? text : "", " ", -1);
	for (size_t i = 0; parts[i]; i++)
		if (*parts[i])
			json_array_append_new(list, json_string(parts[i]));
	return list;
}

/* What RFC 9068 section 2.2 asks of a person's token beyond the client's own. */
static void add_authentication(json_t *claims, const struct issue *issue)
{
	if (!issue->grant)
		return;
	json_object_set_new(claims, "auth_time", json_integer(issue->grant->auth_time_ms / 1000));
	json_object_set_new(claims, "acr", json_string(issue->grant->acr ? issue->grant->acr : "0"));
	json_object_set_new(claims, "amr", words(issue->grant->amr));
	if (issue->grant->sid[0])
		json_object_set_new(claims, "sid", json_string(issue->grant->sid));
}

static char *new_jti(const struct issue *issue)
{
	char random[IDENTIFIER_SIZE];
	random_identifier(random);
	return issue->grant ? g_strconcat(issue->grant->id, ".", random, NULL) : g_strconcat(issue->client->incarnation, "~", random, NULL);
}

static json_t *access_claims(struct call *call, const struct issue *issue, int64_t lifetime_s)
{
	int64_t now_s = issue->now_ms / 1000;
	g_autofree char *jti = new_jti(issue);
	json_t *claims = json_pack("{s:s, s:s, s:o, s:s}", "iss", call->tenant->issuer, "sub", subject_of(issue), "aud", audience_of(call, issue),
		"client_id", issue->client->client_id);
	if (*issue->scope)
		json_object_set_new(claims, "scope", json_string(issue->scope));
	json_object_set_new(claims, "iat", json_integer(now_s));
	json_object_set_new(claims, "exp", json_integer(now_s + lifetime_s));
	json_object_set_new(claims, "jti", json_string(jti));
	add_authentication(claims, issue);
	if (issue->account && scope_has(issue->scope, "groups") && issue->account->groups)
		json_object_set(claims, "groups", issue->account->groups);
	return claims;
}

bool issue_access(struct call *call, const struct issue *issue, struct access *ret, GError **error)
{
	struct shape shape;
	if (!find_shape(call, issue, &shape, error))
		return false;
	int64_t lifetime_s = issue->client->access_token_lifetime_s ? issue->client->access_token_lifetime_s : call->tenant->policy.tokens.access_s;
	g_autoptr(json_t) claims = access_claims(call, issue, lifetime_s);
	*ret = (struct access){ .expires_s = lifetime_s, .opaque = shape.format == TOKEN_FORMAT_OPAQUE };
	if (!ret->opaque)
		return (ret->token = own_token_sign(call->gateway, call->tenant, shape.algorithm, "at+jwt", claims, error)) != NULL;
	char token[OPAQUE_TOKEN_SIZE];
	opaque_token_make(OPAQUE_ACCESS_PREFIX, token);
	ret->token = g_strdup(token);
	digest_sha256(token, strlen(token), ret->record.digest);
	wipe(token, sizeof token);
	if (issue->grant)
		g_strlcpy(ret->record.grant, issue->grant->id, sizeof ret->record.grant);
	ret->record.client_id = g_strdup(issue->client->client_id);
	ret->record.claims = json_incref(claims);
	ret->record.expires_ms = issue->now_ms + lifetime_s * 1000;
	return true;
}

/* OpenID Connect Core section 3.1.3.6: the left half of the access token's digest. */
static char *half_hash(const char *token)
{
	uint8_t digest[DIGEST_SIZE];
	digest_sha256(token, strlen(token), digest);
	return base64url_encode(digest, DIGEST_SIZE / 2);
}

struct claim_facts issue_claim_facts(const struct account *account)
{
	return (struct claim_facts){
		.subject = account->id, .username = account->username, .name = account->name, .email = account->email, .email_verified = account->email_verified,
		.groups = account->groups, .locale = account->locale, .updated_s = account->updated_ms / 1000 };
}

/* Claims that the application asked for by name, and those of its scopes where it wants them here. */
static void add_person(json_t *claims, const struct issue *issue)
{
	struct claim_facts facts = issue_claim_facts(issue->account);
	claims_release_named(claims, json_object_get(issue->grant->claims, "id_token"), issue->client->scope, &facts);
	if (issue->client->claims_in_id_token)
		claims_release(claims, issue->scope, &facts);
}

char *issue_id_token(struct call *call, const struct issue *issue, const char *access_token, GError **error)
{
	int64_t now_s = issue->now_ms / 1000;
	g_autofree char *at_hash = half_hash(access_token);
	g_autoptr(json_t) claims = json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", call->tenant->issuer, "sub", issue->account->id, "aud", issue->client->client_id,
		"iat", (json_int_t)now_s, "exp", (json_int_t)(now_s + call->tenant->policy.tokens.id_s));
	if (issue->grant->nonce)
		json_object_set_new(claims, "nonce", json_string(issue->grant->nonce));
	add_authentication(claims, issue);
	if (issue->grant->provider)
		json_object_set_new(claims, "idp", json_string(issue->grant->provider));
	if (issue->client->id_token_alg != JOSE_ED25519) /* optional here (section 3.1.3.6), and libraries disagree on Ed25519's digest */
		json_object_set_new(claims, "at_hash", json_string(at_hash));
	add_person(claims, issue);
	return own_token_sign(call->gateway, call->tenant, issue->client->id_token_alg, "JWT", claims, error);
}

json_t *issue_answer(const struct access *access, const char *scope)
{
	json_t *answer = json_pack("{s:s, s:s, s:I}", "access_token", access->token, "token_type", "Bearer", "expires_in", (json_int_t)access->expires_s);
	if (*scope)
		json_object_set_new(answer, "scope", json_string(scope));
	return answer;
}
