/* Whether a token may be believed: the order of the checks is the table at the end, and the first that fails decides.
 *
 * The libraries below compare no issuer, no audience, no nonce and no time (LIBRARIES.md section 2): all that makes a signature mean something is here. Every rule
 * takes a claim of the right type only; a number is a whole number of seconds between 0 and the year 9999. What is not asked for (a nonce of a vendor that sends
 * none) is said by the question, never guessed from the token.
 */
#include "crypto/compare.h"
#include "providers/verifier/token_internal.h"
#include <string.h>

#define SEEN_MAX       200
#define SUBJECT_MAX    255
#define SKEW_MAX_S     300
#define SECONDS_MAX    253402300799LL /* 9999-12-31T23:59:59Z */
#define TENANT_HOLE    "{tenantid}"
#define LOGOUT_EVENT   "http://schemas.openid.net/event/backchannel-logout"
#define VERIFY_TRIES   4

enum profile_bit { ID = 1 << TOKEN_ID, LOGOUT = 1 << TOKEN_LOGOUT, USERINFO = 1 << TOKEN_USERINFO, EVERY = ID | LOGOUT | USERINFO };

struct judge {
	const struct token_check_request *asked;
	struct record *answer;
	struct token token;
	json_t *document;
	GArray *keys;                /* struct token_key, borrowing from the document */
	const struct token_key *key; /* whose signature holds */
	enum reason reason;          /* of the last check that failed */
	bool unknown_key;
};

struct rule {
	const char *name;
	unsigned profiles;
	enum reason reason;          /* when it fails */
	bool (*holds)(struct judge *judge, const struct rule *rule);
};

/* --- saying what was looked at --- */

static bool said(struct judge *judge, const struct rule *rule, const char *seen, const char *expected, bool passed)
{
	record_put_text(judge->answer, "check", rule->name);
	record_put_seen(judge->answer, "seen", seen, SEEN_MAX);
	record_put_seen(judge->answer, "expected", expected, SEEN_MAX);
	record_put_integer(judge->answer, "passed", passed);
	if (!passed)
		judge->reason = rule->reason;
	return passed;
}

/* The same, with another reason than the rule's own. */
static bool refused(struct judge *judge, const struct rule *rule, enum reason reason, const char *seen, const char *expected)
{
	said(judge, rule, seen, expected, false);
	judge->reason = reason;
	return false;
}

static char *joined(const char *const *texts)
{
	return texts && texts[0] ? g_strjoinv(" or ", (char **)(uintptr_t)texts) : g_strdup("(nothing)");
}

static bool list_has(const char *const *texts, const char *text)
{
	for (size_t i = 0; texts && text && texts[i]; i++)
		if (strcmp(texts[i], text) == 0)
			return true;
	return false;
}

static const json_t *claim(const struct judge *judge, const char *name)
{
	return json_object_get(judge->token.payload, name);
}

/* NULL where it is no text. One with a NUL in it has been refused by the parser. */
static const char *text_claim(const struct judge *judge, const char *name)
{
	return json_string_value(claim(judge, name));
}

/* A claim in words, whatever its type. */
static char *shown(const json_t *value)
{
	if (!value)
		return g_strdup("(absent)");
	return json_is_string(value) ? g_strdup(json_string_value(value)) : json_text(value);
}

static bool seconds_claim(const struct judge *judge, const char *name, int64_t *ret_s)
{
	return json_integer_at(judge->token.payload, name, ret_s) && *ret_s >= 0 && *ret_s <= SECONDS_MAX;
}

/* --- keys, form, algorithm, signature --- */

static bool keys_hold(struct judge *judge, const struct rule *rule)
{
	const char *fault = NULL;
	judge->keys = token_keys_read(judge->asked->keys, judge->asked->keys_length, judge->asked->algorithms, &judge->document, &fault);
	return said(judge, rule, judge->keys ? "a JWKS document" : fault, "a JWKS document", judge->keys);
}

static bool form_holds(struct judge *judge, const struct rule *rule)
{
	const char *fault = NULL;
	enum reason reason = REASON_TOKEN_MALFORMED;
	if (!token_parse(judge->asked->token, judge->asked->token_length, &judge->token, &reason, &fault))
		return refused(judge, rule, reason, fault, "header.payload.signature, strictly");
	return said(judge, rule, "well formed", "header.payload.signature, strictly", true);
}

/* Tokens for other purposes name their purpose (RFC 8725 section 3.11). An ID token's typ is "JWT" or not there; a logout token's may say what it is. */
static bool type_holds(struct judge *judge, const struct rule *rule)
{
	static const char *const plain[] = { "JWT", NULL }, *const logout[] = { "logout+jwt", "JWT", NULL };
	const char *type = judge->token.type, *const *allowed = judge->asked->profile == TOKEN_LOGOUT ? logout : plain;
	g_autofree char *expected = joined(allowed);
	bool passed = !type;
	for (size_t i = 0; type && allowed[i]; i++)
		passed |= g_ascii_strcasecmp(type, allowed[i]) == 0; /* a media type, RFC 7515 section 4.1.9 */
	return said(judge, rule, type ? type : "(absent)", expected, passed);
}

static bool algorithm_holds(struct judge *judge, const struct rule *rule)
{
	return said(judge, rule, judge->token.algorithm_name, "one of those this provider may use", (judge->token.algorithm & judge->asked->algorithms) != 0);
}

static bool key_is_candidate(const struct token_key *key, const struct token *token)
{
	return (key->algorithms & token->algorithm) && (!token->key_id || g_strcmp0(key->kid, token->key_id) == 0);
}

/* Why no key fits: another kind of key under that kid is a wrong algorithm, and no reason to fetch the keys again. */
static bool no_candidate(struct judge *judge, const struct rule *rule)
{
	const GArray *keys = judge->keys;
	const char *kid = judge->token.key_id;
	for (guint i = 0; kid && i < keys->len; i++) {
		const struct token_key *key = &g_array_index(keys, struct token_key, i);
		if (g_strcmp0(key->kid, kid) == 0)
			return refused(judge, rule, REASON_TOKEN_ALGORITHM, key->fault ? key->fault : judge->token.algorithm_name, "an algorithm that fits the key of that kid");
	}
	judge->unknown_key = true;
	return refused(judge, rule, REASON_TOKEN_KEY_UNKNOWN, kid ? kid : "(no kid)", "the kid of a usable key");
}

static bool signature_holds(struct judge *judge, const struct rule *rule)
{
	const GArray *keys = judge->keys;
	unsigned candidates = 0;
	for (guint i = 0; i < keys->len && !judge->key; i++) {
		const struct token_key *key = &g_array_index(keys, struct token_key, i);
		if (!key_is_candidate(key, &judge->token))
			continue;
		if (++candidates > VERIFY_TRIES)
			break;
		if (token_signature_holds(&judge->token, key))
			judge->key = key;
	}
	if (candidates == 0)
		return no_candidate(judge, rule);
	if (!judge->token.key_id && !judge->key)
		judge->unknown_key = true; /* it may be signed with a key that we have not seen yet */
	return said(judge, rule, judge->key ? "verifies" : "does not verify", judge->token.key_id ? judge->token.key_id : "(no kid: any key of that algorithm)", judge->key);
}

/* --- issuer --- */

/* With the token's own `tid` in the hole. NULL where there is a hole and nothing to fill it with. */
static char *hole_filled(const char *pattern, const char *tenant)
{
	const char *hole = strstr(pattern, TENANT_HOLE);
	if (!hole)
		return g_strdup(pattern);
	return tenant ? g_strdup_printf("%.*s%s%s", (int)(hole - pattern), pattern, tenant, hole + strlen(TENANT_HOLE)) : NULL;
}

static bool tenant_holds(struct judge *judge, const struct rule *rule)
{
	const char *tenant = text_claim(judge, "tid");
	if (!judge->asked->tenants)
		return true;
	g_autofree char *seen = shown(claim(judge, "tid")), *expected = joined(judge->asked->tenants);
	return said(judge, rule, seen, expected, list_has(judge->asked->tenants, tenant));
}

/* Where directories are not asked about, no hole is filled: whoever may choose the tid would choose the issuer. */
static bool issuer_holds(struct judge *judge, const struct rule *rule)
{
	const char *issuer = text_claim(judge, "iss"), *tenant = judge->asked->tenants ? text_claim(judge, "tid") : NULL;
	g_autofree char *seen = shown(claim(judge, "iss")), *expected = joined(judge->asked->issuers);
	bool passed = false;
	for (size_t i = 0; issuer && judge->asked->issuers && judge->asked->issuers[i]; i++) {
		g_autofree char *accepted = hole_filled(judge->asked->issuers[i], tenant);
		passed |= g_strcmp0(accepted, issuer) == 0;
	}
	return said(judge, rule, seen, expected, passed);
}

/* Entra ID's shared key sets say of each key whose tokens it signs: a key of one directory must not speak for another. */
static bool key_issuer_holds(struct judge *judge, const struct rule *rule)
{
	const char *tenant = judge->asked->tenants ? text_claim(judge, "tid") : NULL;
	if (!judge->key->issuer)
		return true;
	g_autofree char *expected = hole_filled(judge->key->issuer, tenant);
	return said(judge, rule, text_claim(judge, "iss"), expected ? expected : judge->key->issuer, expected && g_strcmp0(expected, text_claim(judge, "iss")) == 0);
}

/* --- audience --- */

/* Only texts, at least one; ours among them. */
static bool audience_has(const json_t *audience, const char *client_id)
{
	size_t index;
	const json_t *item;
	if (json_is_string(audience))
		return g_strcmp0(json_string_value(audience), client_id) == 0;
	json_array_foreach(audience, index, item)
		if (!json_is_string(item))
			return false;
	return json_array_has(audience, client_id);
}

static bool audience_holds(struct judge *judge, const struct rule *rule)
{
	g_autofree char *seen = shown(claim(judge, "aud"));
	return said(judge, rule, seen, judge->asked->client_id, audience_has(claim(judge, "aud"), judge->asked->client_id));
}

/* OpenID Connect Core 3.1.3.7, 4 and 5. */
static bool azp_holds(struct judge *judge, const struct rule *rule)
{
	const json_t *azp = claim(judge, "azp");
	const bool required = json_array_size(claim(judge, "aud")) > 1;
	if (!azp && !required)
		return true;
	g_autofree char *seen = shown(azp);
	return said(judge, rule, seen, judge->asked->client_id, g_strcmp0(text_claim(judge, "azp"), judge->asked->client_id) == 0);
}

/* --- times --- */

static bool time_is_whole(struct judge *judge, const struct rule *rule, const char *name, int64_t *ret_s)
{
	g_autofree char *seen = shown(claim(judge, name));
	return seconds_claim(judge, name, ret_s) || refused(judge, rule, REASON_TOKEN_TIMES, seen, "a whole number of seconds");
}

static bool said_seconds(struct judge *judge, const struct rule *rule, int64_t seen_s, const char *relation, int64_t expected_s, bool passed)
{
	g_autofree char *seen = g_strdup_printf("%" G_GINT64_FORMAT, seen_s), *expected = g_strdup_printf("%s %" G_GINT64_FORMAT, relation, expected_s);
	return said(judge, rule, seen, expected, passed);
}

/* Signed userinfo answers need no end: they are read at once. */
static bool expiry_holds(struct judge *judge, const struct rule *rule)
{
	int64_t until_s = 0;
	const int64_t floor_s = judge->asked->now_s - judge->asked->clock_skew_s;
	if (!claim(judge, "exp") && judge->asked->profile == TOKEN_USERINFO)
		return true;
	return time_is_whole(judge, rule, "exp", &until_s) && said_seconds(judge, rule, until_s, "after", floor_s, until_s > floor_s);
}

static bool not_before_holds(struct judge *judge, const struct rule *rule)
{
	int64_t from_s = 0;
	const int64_t ceiling_s = judge->asked->now_s + judge->asked->clock_skew_s;
	if (!claim(judge, "nbf"))
		return true;
	return time_is_whole(judge, rule, "nbf", &from_s) && said_seconds(judge, rule, from_s, "at most", ceiling_s, from_s <= ceiling_s);
}

static bool issued_holds(struct judge *judge, const struct rule *rule)
{
	int64_t at_s = 0;
	const int64_t ceiling_s = judge->asked->now_s + judge->asked->clock_skew_s;
	if (!claim(judge, "iat") && judge->asked->profile == TOKEN_USERINFO && judge->asked->issued_within_s <= 0)
		return true;
	return time_is_whole(judge, rule, "iat", &at_s) && said_seconds(judge, rule, at_s, "at most", ceiling_s, at_s <= ceiling_s);
}

static bool age_holds(struct judge *judge, const struct rule *rule)
{
	int64_t at_s = 0;
	const int64_t within_s = judge->asked->issued_within_s, floor_s = judge->asked->now_s - within_s - judge->asked->clock_skew_s;
	if (within_s <= 0)
		return true;
	return time_is_whole(judge, rule, "iat", &at_s) && said_seconds(judge, rule, at_s, "at least", floor_s, at_s >= floor_s);
}

/* OpenID Connect Core 3.1.3.7, 13. */
static bool auth_time_holds(struct judge *judge, const struct rule *rule)
{
	int64_t at_s = 0;
	const int64_t now_s = judge->asked->now_s, skew_s = judge->asked->clock_skew_s, max_age_s = judge->asked->max_age_s;
	g_autofree char *seen = shown(claim(judge, "auth_time"));
	if (max_age_s < 0 && !claim(judge, "auth_time"))
		return true;
	if (!seconds_claim(judge, "auth_time", &at_s))
		return said(judge, rule, seen, "a whole number of seconds", false);
	if (at_s > now_s + skew_s)
		return said_seconds(judge, rule, at_s, "at most", now_s + skew_s, false);
	return max_age_s < 0 || said_seconds(judge, rule, at_s, "at least", now_s - skew_s - max_age_s, max_age_s > SECONDS_MAX || at_s >= now_s - skew_s - max_age_s);
}

/* --- whose sign-in --- */

static bool nonce_holds(struct judge *judge, const struct rule *rule)
{
	const char *asked = judge->asked->nonce, *nonce = text_claim(judge, "nonce");
	if (!asked)
		return true;
	const bool same = nonce && secrets_equal(nonce, strlen(nonce), asked, strlen(asked));
	return said(judge, rule, same ? "the one that was sent" : claim(judge, "nonce") ? "another" : "(absent)", "the one that was sent", same);
}

static bool plain_text(const char *text)
{
	return text && *text && strlen(text) <= SUBJECT_MAX && record_takes_text(text, strlen(text));
}

/* OpenID Connect Core 2: at most 255 ASCII characters; as of some providers they are not ASCII, it is bytes here. */
static bool subject_holds(struct judge *judge, const struct rule *rule)
{
	const char *subject = text_claim(judge, "sub"), *wanted = judge->asked->subject;
	g_autofree char *seen = shown(claim(judge, "sub"));
	const bool required = judge->asked->profile != TOKEN_LOGOUT || wanted || claim(judge, "sub");
	if (!required)
		return true;
	if (judge->asked->profile == TOKEN_USERINFO && !wanted)
		return said(judge, rule, seen, "(the question names no subject)", false);
	const bool plain = plain_text(subject);
	return said(judge, rule, seen, wanted ? wanted : "1 to 255 bytes of text", plain && (!wanted || strcmp(subject, wanted) == 0));
}

static bool at_hash_holds(struct judge *judge, const struct rule *rule)
{
	const char *access_token = judge->asked->access_token;
	const json_t *at_hash = claim(judge, "at_hash");
	if (!at_hash && !judge->asked->at_hash_required)
		return true;
	if (!access_token)
		return !judge->asked->at_hash_required || said(judge, rule, "no access token", "an access token", false);
	g_autofree char *seen = shown(at_hash), *expected = token_half_digest(judge->token.algorithm, access_token);
	return said(judge, rule, seen, expected, g_strcmp0(text_claim(judge, "at_hash"), expected) == 0);
}

static bool acr_holds(struct judge *judge, const struct rule *rule)
{
	if (!judge->asked->acr_values)
		return true;
	g_autofree char *seen = shown(claim(judge, "acr")), *expected = joined(judge->asked->acr_values);
	return said(judge, rule, seen, expected, list_has(judge->asked->acr_values, text_claim(judge, "acr")));
}

/* --- logout tokens: OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6 --- */

static bool event_holds(struct judge *judge, const struct rule *rule)
{
	const json_t *event = json_object_get(claim(judge, "events"), LOGOUT_EVENT);
	return said(judge, rule, json_is_object(event) ? "a logout event" : "none", "a logout event", json_is_object(event));
}

static bool no_nonce_holds(struct judge *judge, const struct rule *rule)
{
	const bool absent = !claim(judge, "nonce");
	return said(judge, rule, absent ? "(absent)" : "present", "no nonce: an ID token must not pass as a logout token", absent);
}

static bool logout_names_someone(struct judge *judge, const struct rule *rule)
{
	const bool jti = plain_text(text_claim(judge, "jti"));
	const bool session = claim(judge, "sid") ? plain_text(text_claim(judge, "sid")) : claim(judge, "sub") != NULL;
	return said(judge, rule, !jti ? "no jti" : !session ? "neither sub nor sid" : "jti, and sub or sid", "jti, and sub or sid", jti && session);
}

static const struct rule rules[] = {
	{ "provider keys", EVERY, REASON_TOKEN_KEY_UNKNOWN, keys_hold },
	{ "token form", EVERY, REASON_TOKEN_MALFORMED, form_holds },
	{ "token type", EVERY, REASON_TOKEN_TYPE, type_holds },
	{ "token algorithm", EVERY, REASON_TOKEN_ALGORITHM, algorithm_holds },
	{ "token signature", EVERY, REASON_TOKEN_SIGNATURE, signature_holds },
	{ "token directory", EVERY, REASON_TOKEN_TENANT, tenant_holds },
	{ "token issuer", EVERY, REASON_TOKEN_ISSUER, issuer_holds },
	{ "key issuer", EVERY, REASON_TOKEN_ISSUER, key_issuer_holds },
	{ "token audience", EVERY, REASON_TOKEN_AUDIENCE, audience_holds },
	{ "token azp", ID, REASON_TOKEN_AZP, azp_holds },
	{ "token exp", EVERY, REASON_TOKEN_EXPIRED, expiry_holds },
	{ "token nbf", EVERY, REASON_TOKEN_NOT_YET, not_before_holds },
	{ "token iat", EVERY, REASON_TOKEN_NOT_YET, issued_holds },
	{ "token age", EVERY, REASON_TOKEN_OLD, age_holds },
	{ "token nonce", ID, REASON_TOKEN_NONCE, nonce_holds },
	{ "token nonce", LOGOUT, REASON_TOKEN_NONCE, no_nonce_holds },
	{ "token event", LOGOUT, REASON_TOKEN_EVENT, event_holds },
	{ "token names", LOGOUT, REASON_TOKEN_EVENT, logout_names_someone },
	{ "token subject", EVERY, REASON_TOKEN_SUBJECT, subject_holds },
	{ "token at_hash", ID, REASON_TOKEN_AT_HASH, at_hash_holds },
	{ "token auth_time", ID, REASON_TOKEN_AUTH_TIME, auth_time_holds },
	{ "token acr", ID, REASON_TOKEN_ACR, acr_holds },
};

static bool rules_hold(struct judge *judge)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
		if ((rules[i].profiles & 1U << judge->asked->profile) && !rules[i].holds(judge, &rules[i]))
			return false;
	return true;
}

static bool question_is_sound(const struct token_check_request *asked)
{
	return asked->clock_skew_s >= 0 && asked->clock_skew_s <= SKEW_MAX_S && asked->now_s > 0 && asked->now_s <= SECONDS_MAX && asked->issued_within_s >= 0 &&
		asked->issued_within_s <= SECONDS_MAX && asked->max_age_s >= -1;
}

static void judge_clear(struct judge *judge)
{
	token_clear(&judge->token);
	g_clear_pointer(&judge->keys, g_array_unref);
	json_decref(judge->document);
}

bool token_judge(const struct record *question, struct record *answer)
{
	struct token_check_request asked = { 0 };
	if (!token_question_read(question, &asked))
		return false;
	struct judge judge = { .asked = &asked, .answer = answer, .reason = REASON_UNDECIDED };
	const bool sound = question_is_sound(&asked), valid = sound && rules_hold(&judge);
	record_put_integer(answer, "valid", valid);
	record_put_text(answer, "reason", reason_name(valid ? REASON_OK : judge.reason));
	record_put_integer(answer, "unknown_key", judge.unknown_key);
	if (valid)
		token_claims_write(judge.token.payload, answer);
	judge_clear(&judge);
	token_question_clear(&asked);
	return sound;
}

void token_start(void)
{
	token_signature_start();
}
