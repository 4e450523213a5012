/* Client authentication: who calls /token, /introspect and /revoke.
 *
 *   header or form ─→ credentials (one method) ─→ client looked up ─→ method fits registration ─→ secret compared ─→ client
 */
#include "gateway/oauth/client_auth.h"
#include "base/encoding.h"
#include "crypto/compare.h"

#define BASIC_MAX 1024

struct credentials {
	enum client_auth_method method;
	const char *client_id, *secret;
	char basic[BASIC_MAX + 1];
};

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

/* What was sent, by exactly one method. The description of what is wrong, or NULL. */
static const char *read_credentials(const struct call *call, const struct form *form, struct credentials *credentials)
{
	bool repeated = false;
	const char *header = request_header(call->request, "Authorization", &repeated);
	const char *form_id = form_value(form, "client_id"), *form_secret = form_value(form, "client_secret");
	if (repeated)
		return "The Authorization header stands more than once.";
	if (form_value(form, "client_assertion") || form_value(form, "client_assertion_type"))
		return "client_assertion is not supported yet; use client_secret_basic.";
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

static bool method_fits(const struct client *client, enum client_auth_method used)
{
	return client->auth_method == used;
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
	if (!method_fits(client, sent->method)) {
		call_check(call, "token_endpoint_auth_method", sent->method == CLIENT_AUTH_BASIC ? "client_secret_basic"
			: sent->method == CLIENT_AUTH_POST ? "client_secret_post" : "none", "the registered one", false);
		return refuse(call, ERROR_INVALID_CLIENT, REASON_CLIENT_METHOD_WRONG, NULL);
	}
	if (sent->method == CLIENT_AUTH_NONE ? !public_too : !fits) {
		call_check(call, "client secret", "wrong or expired", "a live secret of the client", false);
		return refuse(call, ERROR_INVALID_CLIENT, REASON_CLIENT_SECRET_WRONG, NULL);
	}
	return g_steal_pointer(&client);
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
	wipe(&sent, sizeof sent);
	return client;
}

struct client *client_claimed(const struct call *call, const struct form *form)
{
	struct credentials sent = { 0 };
	struct client *client = NULL;
	if (!read_credentials(call, form, &sent) && sent.client_id)
		cache_client(call->gateway->cache, call->tenant->id, sent.client_id, &client, NULL);
	wipe(&sent, sizeof sent);
	return client;
}
