/* Validating our own access tokens.
 *
 *   text ─ digest ─→ known and fresh? ───────────────────────────────→ expiry ─→ live
 *                    known, older generation ─→ still alive? ────────↗
 *                    unknown ─→ signature or row ─→ claims ─→ still alive?
 */
#include "gateway/oauth/resolve.h"
#include "crypto/opaque_token.h"
#include "gateway/call/own_token.h"
#include "policies/token.h"

/* One string, or a list of them (RFC 7519 section 4.1.3). Interned, like all that tokens share. */
static char **read_audience(const json_t *claims)
{
	const json_t *value = json_object_get(claims, "aud");
	size_t size = json_is_array(value) ? json_array_size(value) : 1, count = 0;
	char **audience = g_new0(char *, size + 1);
	for (size_t i = 0; i < size; i++) {
		const char *one = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
		if (one)
			audience[count++] = g_ref_string_new_intern(one);
	}
	return audience;
}

/* Takes the fields of a token whose origin is proved. False: it lacks what every token of ours has. */
static bool read_claims(struct live_token *token, json_t *claims, const char *issuer)
{
	const char *iss = json_string_at(claims, "iss"), *client_id = json_string_at(claims, "client_id"), *jti = json_string_at(claims, "jti");
	const char *sub = json_string_at(claims, "sub"), *scope = json_string_at(claims, "scope");
	if (!iss || strcmp(iss, issuer) != 0 || !client_id || !jti || !sub || !json_integer_at(claims, "exp", &token->expires_s)
	    || !json_integer_at(claims, "iat", &token->issued_s))
		return false;
	token->client_id = g_ref_string_new_intern(client_id);
	token->scope = g_ref_string_new_intern(scope ? scope : "");
	token->jti = g_strdup(jti);
	if (strlen(jti) < IDENTIFIER_SIZE || (jti[IDENTIFIER_SIZE - 1] != '.' && jti[IDENTIFIER_SIZE - 1] != '~'))
		return false;
	bool personal = jti[IDENTIFIER_SIZE - 1] == '.';
	memcpy(personal ? token->grant : token->incarnation, jti, IDENTIFIER_SIZE - 1);
	if (personal)
		g_strlcpy(token->account, sub, sizeof token->account);
	token->audience = read_audience(claims);
	token->claims = json_incref(claims);
	return true;
}

static struct live_token *read_jwt(struct call *call, const char *text, GError **error)
{
	g_autofree char *kid = NULL;
	g_autoptr(json_t) claims = own_token_read(call, text, "at+jwt", &kid, error);
	g_autoptr(live_token_t) token = live_token_new();
	if (!claims || !read_claims(token, claims, call->tenant->issuer))
		return NULL;
	token->kid = g_ref_string_new_intern(kid);
	return g_steal_pointer(&token);
}

static struct live_token *read_opaque(struct call *call, struct unit *unit, const uint8_t digest[DIGEST_SIZE], GError **error)
{
	g_auto(access_token_t) stored = { 0 };
	if (access_find(unit, call->tenant->id, digest, &stored, error) != FOUND || stored.revoked_ms)
		return NULL;
	g_autoptr(live_token_t) token = live_token_new();
	return read_claims(token, stored.claims, call->tenant->issuer) ? g_steal_pointer(&token) : NULL;
}

/* The answer of RFC 7662 section 2.2, made once and sent often. Fails only when the store does. */
static bool prepare_introspection(struct call *call, struct unit *unit, struct live_token *token, GError **error)
{
	g_autoptr(json_t) answer = json_pack("{s:b, s:s, s:s, s:s}", "active", 1, "scope", token->scope, "client_id", token->client_id, "token_type", "Bearer");
	if (token->account[0]) {
		g_auto(account_t) account = { 0 };
		if (account_find(unit, call->tenant->id, token->account, &account, error) == BROKEN)
			return false;
		if (account.username)
			json_object_set_new(answer, "username", json_string(account.username));
	}
	static const char *const released[] = { "exp", "iat", "sub", "aud", "iss", "jti", "sid", "acr", "amr", "auth_time", "groups", "cnf" };
	for (size_t i = 0; i < G_N_ELEMENTS(released); i++)
		if (json_object_get(token->claims, released[i]))
			json_object_set(answer, released[i], json_object_get(token->claims, released[i]));
	char *text = json_text(answer);
	token->introspection = g_bytes_new_take(text, strlen(text));
	return true;
}

static bool find_grant_facts(struct call *call, struct unit *unit, const struct live_token *token, struct token_facts *facts, GError **error)
{
	g_auto(grant_t) grant = { 0 };
	g_auto(account_t) account = { 0 };
	enum found found = grant_find(unit, call->tenant->id, token->grant, &grant, error);
	if (found == BROKEN)
		return false;
	facts->grant_revoked = found == MISSING || grant.revoked_ms != 0;
	found = account_find(unit, call->tenant->id, token->account, &account, error);
	if (found == BROKEN)
		return false;
	facts->account_disabled = found == MISSING || account.disabled;
	return true;
}

static bool find_key_facts(struct call *call, const struct live_token *token, struct token_facts *facts, GError **error)
{
	g_autoptr(keyring_t) ring = NULL;
	if (!token->kid)
		return true;
	if (cache_keyring(call->gateway->cache, call->tenant->id, &ring, error) == BROKEN)
		return false;
	facts->token_revoked = facts->token_revoked || keyring_find(ring, token->kid) == NULL;
	return true;
}

/* A client removed and made again under its old name is another client: the first one's tokens are not its. */
static bool find_client_facts(struct call *call, const struct live_token *token, struct token_facts *facts, GError **error)
{
	g_autoptr(client_t) client = NULL;
	enum found found = cache_client(call->gateway->cache, call->tenant->id, token->client_id, &client, error);
	if (found == BROKEN)
		return false;
	facts->client_gone = found == MISSING || (token->incarnation[0] && strcmp(token->incarnation, client->incarnation) != 0);
	return true;
}

/* Asks the store everything that can end a token. REASON_STORE_BROKEN with *error when it cannot say. */
static enum reason find_life(struct call *call, struct unit *unit, const struct live_token *token, GError **error)
{
	struct token_facts facts = { .now_s = request_time_ms(call->request) / 1000, .expires_s = token->expires_s };
	enum found revoked = jti_revoked(unit, call->tenant->id, token->jti, error);
	facts.token_revoked = revoked == FOUND;
	if (revoked == BROKEN || !find_client_facts(call, token, &facts, error) || !find_key_facts(call, token, &facts, error)
	    || (token->grant[0] && !find_grant_facts(call, unit, token, &facts, error)))
		return REASON_STORE_BROKEN;
	return token_decide(&facts);
}

/* An opaque token's own row may have been revoked; its JWT sibling is revoked by jti. */
static enum reason find_row_life(struct call *call, struct unit *unit, const struct live_token *token, GError **error)
{
	g_auto(access_token_t) stored = { 0 };
	if (token->kid)
		return REASON_OK;
	enum found found = access_find(unit, call->tenant->id, token->digest, &stored, error);
	return found == BROKEN ? REASON_STORE_BROKEN : found == MISSING || stored.revoked_ms ? REASON_TOKEN_REVOKED : REASON_OK;
}

/* A token whose origin was proved before: what it says is read again out of the answer that was made, since names and the issuer may have changed; its signature
 * is not. */
static struct live_token *read_again(struct call *call, const struct live_token *known)
{
	gsize length;
	const char *text = g_bytes_get_data(known->introspection, &length);
	g_autoptr(json_t) claims = json_parse(text, length, length, NULL);
	g_autoptr(live_token_t) token = live_token_new();
	if (!claims || !read_claims(token, claims, call->tenant->issuer))
		return NULL;
	token->kid = known->kid ? g_ref_string_acquire(known->kid) : NULL;
	return g_steal_pointer(&token);
}

static struct live_token *read_token(struct call *call, struct unit *unit, const char *text, const uint8_t digest[DIGEST_SIZE], const struct live_token *known,
	GError **error)
{
	bool opaque = opaque_token_well_formed(OPAQUE_ACCESS_PREFIX, text);
	g_autoptr(live_token_t) token = known ? read_again(call, known) : opaque ? read_opaque(call, unit, digest, error) : read_jwt(call, text, error);
	if (!token)
		return NULL;
	memcpy(token->digest, digest, DIGEST_SIZE);
	g_strlcpy(token->tenant, call->tenant->id, sizeof token->tenant);
	if (!prepare_introspection(call, unit, token, error))
		return NULL;
	g_clear_pointer(&token->claims, json_decref); /* the answer is made: what was known of the token need not be kept twice */
	return g_steal_pointer(&token);
}

/* The way of a token that is new here, or whose tenant has changed since it was last looked at. */
static struct live_token *resolve_slowly(struct call *call, const char *text, const uint8_t digest[DIGEST_SIZE], const struct live_token *known,
	enum reason *ret_reason, GError **error)
{
	GError *broken = NULL;
	uint64_t generation = known_tokens_generation(call->gateway->known, call->tenant->id);
	struct unit *unit = store_reader(call->gateway->store, &broken);
	g_autoptr(live_token_t) token = unit ? read_token(call, unit, text, digest, known, &broken) : NULL;
	if (token && !broken)
		*ret_reason = find_life(call, unit, token, &broken);
	if (token && !broken && *ret_reason == REASON_OK)
		*ret_reason = find_row_life(call, unit, token, &broken);
	if (broken) {
		*ret_reason = REASON_STORE_BROKEN;
		g_propagate_error(error, broken);
		return NULL;
	}
	if (!token || *ret_reason != REASON_OK)
		return NULL;
	known_tokens_put(call->gateway->known, token, generation);
	return g_steal_pointer(&token);
}

struct live_token *token_resolve(struct call *call, const char *text, enum reason *ret_reason, GError **error)
{
	uint8_t digest[DIGEST_SIZE];
	bool fresh = false;
	*ret_reason = REASON_TOKEN_INVALID;
	digest_sha256(text, strlen(text), digest);
	g_autoptr(live_token_t) token = known_tokens_get(call->gateway->known, call->tenant->id, digest, &fresh);
	if (!token || !fresh)
		return resolve_slowly(call, text, digest, token, ret_reason, error);
	if (request_time_ms(call->request) / 1000 >= token->expires_s) {
		*ret_reason = REASON_TOKEN_EXPIRED;
		return NULL;
	}
	*ret_reason = REASON_OK;
	return g_steal_pointer(&token);
}

enum reason token_open_to(struct call *call, const struct live_token *token, const struct client *caller, GError **error)
{
	struct introspection_facts facts = { .introspects = caller->introspects, .issued_to_caller = strcmp(token->client_id, caller->client_id) == 0 };
	bool by_resource = facts.introspects == INTROSPECTS_RESOURCE && !facts.issued_to_caller;
	for (size_t i = 0; by_resource && token->audience[i] && !facts.resource_names_caller; i++) {
		g_autoptr(resource_t) resource = NULL;
		enum found found = cache_resource(call->gateway->cache, call->tenant->id, token->audience[i], &resource, error);
		if (found == BROKEN)
			return REASON_STORE_BROKEN;
		facts.resource_names_caller = found == FOUND && resource->introspection_clients
			&& g_strv_contains((const char *const *)resource->introspection_clients, caller->client_id);
	}
	return introspection_decide(&facts);
}
