/* The tables of keys of CONTRACT section 3, and what one value must look like on its own. What holds between keys is in declaration_checks.c.
 *
 * KEY_NOT_YET marks what the contract declares and this version does not do: using it is an error that says so. */
#include "gateway/admin/declaration_keys.h"

#include "base/encoding.h"
#include "base/text.h"
#include "base/url.h"
#include "crypto/digest.h"
#include "crypto/jwk_set.h"
#include "crypto/password.h"
#include "policies/redirect.h"
#include "policies/scope.h"

#include <string.h>

#define DAY (24 * 3600)

bool name_is_plain(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return length >= 1 && length <= 63 && name[length] == '\0';
}

bool identifier_is_account(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyz234567") == 26 && text[26] == '\0';
}

bool domain_is_plain(const char *domain)
{
	size_t length = strlen(domain);
	if (length < 3 || length > 253 || !strchr(domain, '.') || strspn(domain, "abcdefghijklmnopqrstuvwxyz0123456789-.") != length)
		return false;
	return domain[0] != '.' && domain[0] != '-' && domain[length - 1] != '.' && domain[length - 1] != '-' && !strstr(domain, "..");
}

bool secret_hash_read(const char *text, uint8_t out[32])
{
	size_t length = 0;
	if (!g_str_has_prefix(text, SECRET_HASH_PREFIX))
		return false;
	const char *digits = text + strlen(SECRET_HASH_PREFIX);
	return base64url_decode(digits, strlen(digits), out, DIGEST_SIZE, &length) && length == DIGEST_SIZE;
}

/* Applies a test to a string, or to every string of a list. */
static bool each_fits(const json_t *value, bool (*fits)(const char *text))
{
	if (json_is_string(value))
		return fits(json_string_value(value));
	size_t i;
	json_t *item;
	json_array_foreach(value, i, item) {
		if (!json_is_string(item) || !fits(json_string_value(item)))
			return false;
	}
	return json_is_array(value);
}

static bool name_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "1 to 63 of a-z, 0-9 and -";
	return each_fits(value, name_is_plain);
}

static bool is_display_text(const char *text)
{
	return *text && text_is_plain(text, 256);
}

static bool display_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "one line of text of at most 256 bytes";
	return each_fits(value, is_display_text);
}

/* RFC 8414 section 2, narrowed: what is compared byte for byte must have one way to be written. */
static bool is_issuer(const char *text)
{
	g_autoptr(url_t) url = url_parse(text, NULL);
	if (!url || url->has_userinfo || url->query || url->fragment || url->host[0] == '\0' || g_str_has_suffix(text, "/"))
		return false;
	for (const char *c = url->host; *c; c++)
		if (g_ascii_isupper(*c))
			return false;
	return strcmp(url->scheme, "https") == 0 || (strcmp(url->scheme, "http") == 0 && url_is_loopback(url));
}

static bool issuer_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "an https URL (http on loopback only), lower case, without query, fragment or trailing slash";
	return each_fits(value, is_issuer);
}

static bool is_locale(const char *text)
{
	return strcmp(text, "en") == 0 || strcmp(text, "fr") == 0;
}

static bool locale_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "en or fr";
	return each_fits(value, is_locale);
}

/* OpenID Connect's locale of a person is a BCP 47 tag: any of them, not only the ones our pages speak. */
static bool is_language_tag(const char *text)
{
	size_t length = strlen(text);
	return length >= 2 && length <= 35 && g_ascii_isalpha(text[0]) && g_ascii_isalpha(text[1]) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == length;
}

static bool language_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "a language tag such as en or fr-CA";
	return each_fits(value, is_language_tag);
}

static bool mfa_check(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);
	*ret_expected = "off or optional (required is not built yet)";
	return text && strcmp(text, "required") != 0;
}

static bool is_resource_identifier(const char *text)
{
	g_autoptr(url_t) url = url_parse(text, NULL);
	return url && !url->fragment && !url->has_userinfo;
}

/* RFC 8707 section 2. */
static bool resource_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "an absolute URI without fragment";
	return each_fits(value, is_resource_identifier);
}

static bool is_scope_word(const char *text)
{
	return *text && !strchr(text, ' ') && scope_well_formed(text);
}

static bool scope_words_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "single scope words (RFC 6749 section 3.3)";
	return each_fits(value, is_scope_word);
}

/* No scope at all is what a client has that only ever speaks for itself. */
static bool is_scope(const char *text)
{
	return !*text || scope_well_formed(text);
}

static bool scope_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "words with one space between, each once (RFC 6749 section 3.3)";
	return each_fits(value, is_scope);
}

/* An account's form is kept free so that `sub` of a client_credentials token, which is the client_id, never reads as a person's. */
static bool is_client_id(const char *text)
{
	size_t length = strlen(text);
	return length >= 1 && length <= 128 && !identifier_is_account(text) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-") == length;
}

static bool client_id_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "1 to 128 of A-Z, a-z, 0-9, . _ ~ -, and not 26 base32 characters (an account's form)";
	return each_fits(value, is_client_id);
}

static bool is_long_secret(const char *text)
{
	return g_utf8_validate(text, -1, NULL) && g_utf8_strlen(text, -1) >= 32 && strlen(text) <= 1024;
}

static bool client_secret_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "at least 32 characters: it is kept as one fast digest, so it must be long and random; leave the key out to have one made";
	return each_fits(value, is_long_secret);
}

static bool is_secret_hash(const char *text)
{
	uint8_t digest[DIGEST_SIZE];
	return secret_hash_read(text, digest);
}

static bool secret_hash_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "sha256: and 43 base64url characters, as export --with-secrets writes it";
	return each_fits(value, is_secret_hash);
}

static bool auth_method_check(const json_t *value, const char **ret_expected)
{
	static const char *const later[] = { "tls_client_auth", "self_signed_tls_client_auth", NULL };
	const char *text = json_string_value(value);
	*ret_expected = "client_secret_basic, client_secret_post, private_key_jwt or none (the others are not built yet)";
	return text && !g_strv_contains(later, text);
}

static bool jwks_check(const json_t *value, const char **ret_expected)
{
	g_autoptr(jwk_set_t) set = jwk_set_read(value, NULL);
	*ret_expected = "a JWK Set, { keys: [{ kty: … }] }, of at most 16 public keys, one of them for ES256, RS256, PS256 or Ed25519, none private, no kid twice";
	return set;
}

static bool is_fetched_uri(const char *text)
{
	g_autoptr(url_t) url = url_parse(text, NULL);
	return url && g_ascii_strcasecmp(url->scheme, "https") == 0 && url->host[0] && !url->has_userinfo && !url->fragment;
}

static bool jwks_uri_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "an https URL without user name and fragment";
	return each_fits(value, is_fetched_uri);
}

static bool is_logout_uri(const char *text)
{
	const char *expected;
	return redirect_registrable(text, false, &expected);
}

static bool logout_uri_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "an https URL (http on loopback only) without fragment";
	return each_fits(value, is_logout_uri);
}

static bool is_built_grant(const char *text)
{
	static const char *const built[] = { "authorization_code", "refresh_token", "client_credentials", NULL };
	return g_strv_contains(built, text);
}

static bool grants_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "authorization_code, refresh_token or client_credentials (device_code and token-exchange are not built yet)";
	return each_fits(value, is_built_grant);
}

static bool is_signature_algorithm(const char *text)
{
	return jose_algorithm_named(text) != JOSE_NONE;
}

static bool algorithm_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "RS256, ES256, PS256 or Ed25519 (EdDSA)";
	return each_fits(value, is_signature_algorithm);
}

static bool subject_type_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "public (pairwise is not built yet)";
	return json_is_string(value) && strcmp(json_string_value(value), "public") == 0;
}

static bool is_account_identifier(const char *text)
{
	return identifier_is_account(text);
}

static bool account_id_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "26 lower-case base32 characters";
	return each_fits(value, is_account_identifier);
}

static bool is_login_name(const char *text)
{
	g_autofree char *key = text_login_key(text);
	return key && text_is_plain(text, 256);
}

static bool username_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "a login name of at most 256 bytes without control characters";
	return each_fits(value, is_login_name);
}

static bool is_mail_address(const char *text)
{
	const char *at = strrchr(text, '@');
	return is_login_name(text) && at && at != text && at[1] && !strchr(text, ' ');
}

static bool email_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "a mail address";
	return each_fits(value, is_mail_address);
}

static bool password_hash_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "argon2id, bcrypt, PBKDF2 or {SSHA}, readable and under the cost ceiling";
	return each_fits(value, password_stored_is_usable);
}

static bool is_group(const char *text)
{
	return *text && text_is_plain(text, 256);
}

static bool groups_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "group names of one line, at most 256 bytes each";
	return each_fits(value, is_group);
}

const struct key_rule declaration_keys[] = {
	{ .name = "tenants", .type = KEY_ANY, .required = true, .description = "The tenants, each with what it owns." },
	{ 0 },
};

/* SECURITY 4.3, decision 9: a tenant may choose another least length, never under 8. */
static const struct key_rule password_keys[] = {
	{ .name = "min_length", .type = KEY_INTEGER, .standard = "15", .min = 8, .max = 128, .description = "Characters when the password is the only factor." },
	{ .name = "min_length_with_second_factor", .type = KEY_INTEGER, .standard = "8", .min = 8, .max = 128,
	  .description = "Characters when there is a second factor." },
	{ .name = "max_length", .type = KEY_INTEGER, .standard = "256", .min = 64, .max = 256, .description = "Characters at most." },
	{ .name = "blocklist", .type = KEY_CHOICE, .choices = "common|none", .standard = "common", .description = "Which passwords are refused." },
	{ .name = "local", .type = KEY_BOOLEAN, .standard = "true", .description = "Whether people sign in with a password kept here." },
	{ 0 },
};
static const struct key_rule throttle_keys[] = {
	{ .name = "failures", .type = KEY_INTEGER, .standard = "10", .min = 1, .max = 100, .description = "Failures within the window that lock." },
	{ .name = "window", .type = KEY_DURATION, .standard = "15m", .min = 1, .max = DAY, .description = "How long failures are counted together." },
	{ .name = "lock", .type = KEY_DURATION, .standard = "15m", .min = 1, .max = DAY, .description = "The first lock; each next one is twice as long." },
	{ 0 },
};
static const struct key_rule session_keys[] = {
	{ .name = "idle", .type = KEY_DURATION, .standard = "8h", .min = 1, .max = 366 * DAY, .description = "A session unused this long is over." },
	{ .name = "absolute", .type = KEY_DURATION, .standard = "30d", .min = 1, .max = 366 * DAY, .description = "A session this old is over." },
	{ 0 },
};
static const struct key_rule tokens_keys[] = {
	{ .name = "code", .type = KEY_DURATION, .standard = "60s", .min = 1, .max = 600, .description = "Life of an authorization code." },
	{ .name = "access", .type = KEY_DURATION, .standard = "10m", .min = 1, .max = DAY, .description = "Life of an access token." },
	{ .name = "id", .type = KEY_DURATION, .standard = "10m", .min = 1, .max = DAY, .description = "Life of an ID token." },
	{ .name = "refresh_idle", .type = KEY_DURATION, .standard = "14d", .min = 1, .max = 3660LL * DAY, .description = "A refresh token unused this long is over." },
	{ .name = "refresh_absolute", .type = KEY_DURATION, .standard = "90d", .min = 1, .max = 3660LL * DAY, .description = "A family this old is over." },
	{ 0 },
};
static const struct key_rule policy_keys[] = {
	{ .name = "password", .type = KEY_OBJECT, .standard = "{}", .keys = password_keys, .description = "What a password must be." },
	{ .name = "throttle", .type = KEY_OBJECT, .standard = "{}", .keys = throttle_keys, .description = "When signing in is slowed down." },
	{ .name = "session", .type = KEY_OBJECT, .standard = "{}", .keys = session_keys, .description = "How long a session lives." },
	{ .name = "tokens", .type = KEY_OBJECT, .standard = "{}", .keys = tokens_keys, .description = "How long tokens live." },
	{ .name = "mfa", .type = KEY_CHOICE, .choices = "off|optional|required", .standard = "optional", .check = mfa_check, .description = "Second factors." },
	{ .name = "log_retention", .type = KEY_DURATION, .standard = "365d", .min = DAY, .max = 36600LL * DAY, .description = "How long the connection log is kept." },
	{ 0 },
};
const struct key_rule tenant_keys[] = {
	{ .name = "name", .type = KEY_STRING, .required = true, .check = name_check, .description = "Its name, never changed." },
	{ .name = "display_name", .type = KEY_STRING, .check = display_check, .description = "What people read." },
	{ .name = "issuer", .type = KEY_URL, .check = issuer_check, .description = "Its address; default {base_url}/t/{name}." },
	{ .name = "locale", .type = KEY_STRING, .check = locale_check, .description = "Language of its pages where the browser asks for none we have." },
	{ .name = "domains", .type = KEY_ANY, .description = "Mail domains this tenant owns." },
	{ .name = "policy", .type = KEY_OBJECT, .standard = "{}", .keys = policy_keys, .description = "Passwords, throttling, lifetimes." },
	{ .name = "resources", .type = KEY_ANY, .description = "Protected services." },
	{ .name = "users", .type = KEY_ANY, .description = "Local accounts." },
	{ .name = "clients", .type = KEY_ANY, .description = "Applications." },
	{ .name = "providers", .type = KEY_ANY, .description = "Identity providers." },
	{ 0 },
};
const struct key_rule resource_keys[] = {
	{ .name = "identifier", .type = KEY_STRING, .required = true, .check = resource_check, .description = "Its absolute URI (RFC 8707)." },
	{ .name = "scopes", .type = KEY_STRINGS, .standard = "[]", .check = scope_words_check, .description = "Scopes that are about it." },
	{ .name = "introspection_clients", .type = KEY_STRINGS, .standard = "[]", .check = client_id_check, .description = "Clients that may look into its tokens." },
	{ .name = "access_token_format", .type = KEY_CHOICE, .choices = "jwt|opaque", .standard = "jwt", .description = "Form of its access tokens." },
	{ .name = "access_token_signed_response_alg", .type = KEY_STRING, .standard = "ES256", .check = algorithm_check, .description = "How its JWTs are signed." },
	{ 0 },
};
static const struct key_rule link_keys[] = {
	{ .name = "provider", .type = KEY_STRING, .required = true, .check = name_check, .description = "One of the tenant's providers." },
	{ .name = "subject", .type = KEY_STRING, .required = true, .min = 1, .max = 255, .description = "The person's immutable identifier there." },
	{ 0 },
};
const struct key_rule user_keys[] = {
	{ .name = "username", .type = KEY_STRING, .required = true, .check = username_check, .description = "Login name." },
	{ .name = "id", .type = KEY_STRING, .check = account_id_check, .description = "What `sub` shows; random when left out." },
	{ .name = "email", .type = KEY_STRING, .check = email_check, .description = "Mail address." },
	{ .name = "email_verified", .type = KEY_BOOLEAN, .standard = "false", .description = "Whether the operator vouches for the address." },
	{ .name = "name", .type = KEY_STRING, .check = display_check, .description = "Full name." },
	{ .name = "locale", .type = KEY_STRING, .check = language_check, .description = "The person's language." },
	{ .name = "groups", .type = KEY_STRINGS, .check = groups_check, .description = "Groups." },
	{ .name = "disabled", .type = KEY_BOOLEAN, .description = "Whether the account is shut; left out: as it is." },
	{ .name = "password", .type = KEY_SECRET, .description = "Password, in clear." },
	{ .name = "password_hash", .type = KEY_STRING, .check = password_hash_check, .description = "Password, as a hash." },
	{ .name = "links", .type = KEY_OBJECTS, .max = 64, .keys = link_keys, .description = "Who the person is at providers; added, never taken away." },
	{ 0 },
};
const struct key_rule client_keys[] = {
	{ .name = "client_id", .type = KEY_STRING, .required = true, .check = client_id_check, .description = "Its identifier." },
	{ .name = "client_name", .type = KEY_STRING, .check = display_check, .description = "What people read." },
	{ .name = "client_secret", .type = KEY_SECRET, .check = client_secret_check, .description = "Its secret; made and shown once when left out." },
	{ .name = "client_secret_hash", .type = KEY_STRING, .check = secret_hash_check, .description = "Its secret, as exported." },
	{ .name = "token_endpoint_auth_method", .type = KEY_CHOICE, .standard = "client_secret_basic", .check = auth_method_check,
	  .choices = "client_secret_basic|client_secret_post|private_key_jwt|tls_client_auth|self_signed_tls_client_auth|none",
	  .description = "How it authenticates." },
	{ .name = "application_type", .type = KEY_CHOICE, .choices = "web|native", .standard = "web", .description = "A web server, or a program on a device." },
	{ .name = "redirect_uris", .type = KEY_STRINGS, .standard = "[]", .description = "Where codes are sent." },
	{ .name = "post_logout_redirect_uris", .type = KEY_STRINGS, .standard = "[]", .description = "Where browsers go after signing out." },
	{ .name = "grant_types", .type = KEY_STRINGS, .check = grants_check, .description = "Grants it may use; default: authorization_code where it has redirect_uris." },
	{ .name = "scope", .type = KEY_SCOPE, .check = scope_check, .description = "Scopes it may ask for." },
	{ .name = "resources", .type = KEY_STRINGS, .standard = "[]", .check = resource_check, .description = "What its tokens may be for." },
	{ .name = "access_token_format", .type = KEY_CHOICE, .choices = "jwt|opaque", .standard = "jwt", .description = "Form of its access tokens." },
	{ .name = "access_token_lifetime", .type = KEY_DURATION, .min = 1, .max = DAY, .description = "Life of its access tokens; default: the tenant's." },
	{ .name = "id_token_signed_response_alg", .type = KEY_STRING, .standard = "RS256", .check = algorithm_check, .description = "How its ID tokens are signed." },
	{ .name = "claims_in_id_token", .type = KEY_BOOLEAN, .standard = "false", .description = "Scope claims in the ID token too." },
	{ .name = "consent", .type = KEY_CHOICE, .choices = "implicit|explicit", .standard = "implicit", .description = "Whether people are asked." },
	{ .name = "introspects", .type = KEY_CHOICE, .choices = "own|resource|tenant", .standard = "resource", .description = "Whose tokens it may look into." },
	{ .name = "allowed_groups", .type = KEY_STRINGS, .check = groups_check, .description = "Who may use it; absent: everybody." },
	{ .name = "require_pkce", .type = KEY_BOOLEAN, .standard = "true", .description = "Whether a code_challenge must be sent." },
	{ .name = "refresh_token_rotation", .type = KEY_BOOLEAN, .description = "New refresh token at each use; default: for public clients." },
	{ .name = "subject_type", .type = KEY_STRING, .standard = "public", .check = subject_type_check, .description = "Form of `sub`." },
	{ .name = "jwks", .type = KEY_ANY, .check = jwks_check, .description = "Its public keys, for private_key_jwt." },
	{ .name = "jwks_uri", .type = KEY_URL, .check = jwks_uri_check, .description = "Where its public keys are fetched from, https; instead of jwks." },
	{ .name = "userinfo_signed_response_alg", .type = KEY_STRING, .check = algorithm_check, .description = "How its userinfo is signed; absent: plain JSON." },
	{ .name = "request_object_signing_alg", .type = KEY_NOT_YET, .description = "Signed requests." },
	{ .name = "backchannel_logout_uri", .type = KEY_URL, .check = logout_uri_check, .description = "Where a logout token is posted when a session ends." },
	{ .name = "backchannel_logout_session_required", .type = KEY_BOOLEAN, .standard = "false", .description = "Whether it needs sid in it; it is always there." },
	{ .name = "frontchannel_logout_uri", .type = KEY_NOT_YET, .description = "Told when a session ends." },
	{ .name = "initiate_login_uri", .type = KEY_URL, .check = logout_uri_check, .description = "Where a sign-in at the application is started from outside, such as by a portal's tile." },
	{ .name = "require_pushed_authorization_requests", .type = KEY_NOT_YET, .standard = "false", .description = "Only pushed requests." },
	{ .name = "dpop_bound_access_tokens", .type = KEY_NOT_YET, .standard = "false", .description = "Bound tokens." },
	{ .name = "tls_client_certificate_bound_access_tokens", .type = KEY_NOT_YET, .standard = "false", .description = "Bound tokens." },
	{ .name = "tls_client_auth_subject_dn", .type = KEY_NOT_YET, .description = "Its certificate's name." },
	{ 0 },
};
