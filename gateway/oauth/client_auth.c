/* Client authentication: who calls /token, /introspect and /revoke.
 *
 *   header or form ─→ credentials (one method) ─→ client looked up ─→ method fits registration ─→ secret or assertion checked ─→ client
 */
#include "gateway/oauth/client_auth.h"
#include "base/encoding.h"
#include "crypto/compare.h"
#include "gateway/oauth/client_assertion.h"

#define BASIC_MAX 1024

struct credentials {
	enum client_auth_method method;
	const char *client_id, *secret;
	char basic[BASIC_MAX + 1];
	struct jws *assertion;
	json_t *claimed; /* what it says of itself */
};

static void credentials_clear(struct credentials *credentials)
{
	jws_free(credentials->assertion);
	json_decref(credentials->claimed);
	wipe(credentials, sizeof *credentials);
}

static struct client *refuse(struct call *call, enum error_code code, enum reason reason, const char *description)
{
	call_audit(call, EVENT_CLIENT_AUTH, reason);
	call_fail_json(call, code, description);
	return NULL;
}

/* RFC 6749 section 2.3.1: both halves are form-encoded before they are joined; certified clients encode even a hyphen. */
static bool read_basic(const char *header, struct credentials *credentials)
{
	size_t length = 0, id_length, secret_length;
	if (!base64_decode(header, strlen(header), (uint8_t *)credentials->basic, BASIC_MAX, &length) || memchr(credentials->basic, 0, length))
		return false;
	credentials->basic[length] = 0;
	char *colon = strchr(credentials->basic, ':');
	if (!colon)
		return false;
	*colon = 0;
	char *secret = colon + 1;
	if (!form_decode(credentials->basic, strlen(credentials->basic), &id_length) || !form_decode(secret, strlen(secret), &secret_length))
		return false;
	credentials->basic[id_length] = 0;
	secret[secret_length] = 0;
	credentials->client_id = credentials->basic;
	credentials->secret = secret;
	return true;
}

bool client_auth_commits(const struct form *form)
{
	return form && form_value(form, "client_assertion");
}

/* RFC 7521 section 4.2: the assertion's subject is the client; client_id may stand beside it, and must then be the same. */
static const char *read_assertion(const struct form *form, struct credentials *credentials)
{
	const char *type = form_value(form, "client_assertion_type"), *text = form_value(form, "client_assertion"), *form_id = form_value(form, "client_id");
	if (g_strcmp0(type, CLIENT_ASSERTION_TYPE) != 0 || !text)
		return "client_assertion and client_assertion_type=" CLIENT_ASSERTION_TYPE " belong together.";
	credentials->assertion = jws_parse(text, strlen(text), NULL);
	credentials->claimed = credentials->assertion ? jws_claimed(credentials->assertion) : NULL;
	credentials->client_id = json_string_at(credentials->claimed, "sub");
	if (!credentials->client_id)
		return "client_assertion is not a signed JWT whose sub is the client_id.";
	if (form_id && strcmp(form_id, credentials->client_id) != 0)
		return "client_id differs from the sub of client_assertion.";
	credentials->method = CLIENT_AUTH_PRIVATE_KEY_JWT;
	return NULL;
}

/* What was sent, by exactly one method. The description of what is wrong, or NULL. */
static const char *read_credentials(const struct call *call, const struct form *form, struct credentials *credentials)
{
	bool repeated = false;
	const char *header = request_header(call->request, "Authorization", &repeated);
	const char *form_id = form_value(form, "client_id"), *form_secret = form_value(form, "client_secret");
	if (repeated)
		return "The Authorization header stands more than once.";
	if (form_value(form, "client_assertion") || form_value(form, "client_assertion_type"))
		return header || form_secret ? "Credentials are sent in more than one way; send one." : read_assertion(form, credentials);
	if (!header) {
		credentials->client_id = form_id;
		credentials->secret = form_secret;
		credentials->method = form_secret ? CLIENT_AUTH_POST : CLIENT_AUTH_NONE;
		return NULL;
	}
	if (form_secret)
		return "Credentials are sent both in the Authorization header and in the body; send one.";
	if (g_ascii_strncasecmp(header, "Basic ", 6) != 0 || !read_basic(header + 6, credentials))
		return "The Authorization header is not Basic with base64(form-encoded client_id:form-encoded secret).";
	if (form_id && strcmp(form_id, credentials->client_id) != 0)
		return "client_id in the body differs from the one in the Authorization header.";
	credentials->method = CLIENT_AUTH_BASIC;
	return NULL;
}

/* Whether the secret is one of the client's that is still good. Unknown clients (NULL) cost the same digest. */
static bool secret_fits(const struct client *client, const char *secret, int64_t now_ms)
{
	static const struct client_secret nobody;
	uint8_t digest[DIGEST_SIZE];
	digest_sha256(secret, strlen(secret), digest);
	bool fits = false;
	size_t count = client && client->secret_count ? client->secret_count : 1;
	for (size_t i = 0; i < count; i++) {
		const struct client_secret *stored = client && client->secret_count ? &client->secrets[i] : &nobody;
		bool equal = secrets_equal(digest, sizeof digest, stored->digest, sizeof stored->digest);
		bool live = stored != &nobody && (stored->expires_ms == 0 || stored->expires_ms > now_ms);
		fits = fits || (equal && live);
	}
	return fits;
}

static const char *method_name(enum client_auth_method method)
{
	switch (method) {
	case CLIENT_AUTH_UNKNOWN:
		break;
	case CLIENT_AUTH_NONE:
		return "none";
	case CLIENT_AUTH_BASIC:
		return "client_secret_basic";
	case CLIENT_AUTH_POST:
		return "client_secret_post";
	case CLIENT_AUTH_PRIVATE_KEY_JWT:
		return "private_key_jwt";
	}
	return "unknown";
}

/* Whether the client has proved itself by the method it is registered for. False: the reply is made. */
static bool is_proved(struct call *call, const struct client *client, const struct credentials *sent, bool secret_is_right, bool public_too)
{
	GError *error = NULL;
	if (sent->method == CLIENT_AUTH_PRIVATE_KEY_JWT) {
		enum reason reason = client_assertion_check(call, client, sent->assertion, &error);
		if (reason == REASON_STORE_BROKEN)
			call_fail_error(call, error);
		else if (reason == REASON_CLIENT_KEYS_UNAVAILABLE)
			refuse(call, ERROR_TEMPORARILY_UNAVAILABLE, reason, "The client's keys could not be fetched from its jwks_uri.");
		else if (reason != REASON_OK)
			refuse(call, ERROR_INVALID_CLIENT, reason, NULL);
		return reason == REASON_OK;
	}
	if (call_check(call, "client secret", "wrong or expired", "a live secret of the client", sent->method == CLIENT_AUTH_NONE ? public_too : secret_is_right))
		return true;
	refuse(call, ERROR_INVALID_CLIENT, REASON_CLIENT_SECRET_WRONG, NULL);
	return false;
}

static struct client *authenticate(struct call *call, const struct credentials *sent, bool public_too)
{
	g_autoptr(client_t) client = NULL;
	GError *error = NULL;
	if (!sent->client_id) {
		call_check(call, "client authentication", "none", "client_id and secret", false);
		return refuse(call, ERROR_INVALID_CLIENT, REASON_CLIENT_AUTH_MISSING, "No client credentials were sent.");
	}
	enum found found = cache_client(call->gateway->cache, call->tenant->id, sent->client_id, &client, &error);
	if (found == BROKEN) {
		call_fail_error(call, error);
		return NULL;
	}
	bool fits = sent->secret && secret_fits(client, sent->secret, request_time_ms(call->request));
	if (found == MISSING) {
		call_check(call, "client_id", sent->client_id, "a client of this tenant", false);
		return refuse(call, ERROR_INVALID_CLIENT, REASON_CLIENT_UNKNOWN, NULL);
	}
	call->facts.client = call_own(call, g_strdup(client->client_id));
	if (!call_check(call, "token_endpoint_auth_method", method_name(sent->method), method_name(client->auth_method), client->auth_method == sent->method))
		return refuse(call, ERROR_INVALID_CLIENT, REASON_CLIENT_METHOD_WRONG, NULL);
	return is_proved(call, client, sent, fits, public_too) ? g_steal_pointer(&client) : NULL;
}

struct client *client_authenticate(struct call *call, const struct form *form, bool public_too)
{
	struct credentials sent = { 0 };
	const char *wrong = read_credentials(call, form, &sent);
	struct client *client = NULL;
	if (wrong) {
		call_check(call, "client credentials", wrong, "one method, well-formed", false);
		refuse(call, ERROR_INVALID_REQUEST, REASON_REQUEST_INVALID, wrong);
	} else {
		client = authenticate(call, &sent, public_too);
	}
	credentials_clear(&sent);
	return client;
}

struct client *client_claimed(const struct call *call, const struct form *form)
{
	struct credentials sent = { 0 };
	struct client *client = NULL;
	if (!read_credentials(call, form, &sent) && sent.client_id)
		cache_client(call->gateway->cache, call->tenant->id, sent.client_id, &client, NULL);
	credentials_clear(&sent);
	return client;
}
