/* Delivering logout tokens.
 *
 *   due ──claim (commit)──→ under way ──2xx──→ told (commit with its record)
 *    ↑                          ├──4xx, or too often──→ given up (commit with its record)
 *    └──later each time────────←┴──else
 *
 * A claim is a lease: a gateway that dies with a delivery under way leaves it due again. So a client may be told twice, never not at all. Each attempt signs a token of
 * its own, short-lived, with a new jti (section 2.4).
 */
#include "gateway/oauth/logout_delivery.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/url.h"
#include "gateway/audit/audit.h"
#include "gateway/call/own_token.h"
#include "base/checks.h"
#include "providers/fetch.h"

#include <pthread.h>
#include <time.h>

#define SENDERS 4
#define LOOK_EVERY_MS 500
#define POST_MS 5000
#define LEASE_MS 30000
#define TOKEN_LIFE_S 120
#define EVENT_CLAIM "http://schemas.openid.net/event/backchannel-logout"

struct logout_senders {
	const struct gateway *gateway;
	pthread_t threads[SENDERS];
	size_t count;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool stopping;
};

/* One attempt. */
struct sending {
	const struct gateway *gateway;
	struct logout_delivery delivery;
	struct tenant *tenant;
	struct client *client;
	struct checks *checks;
	enum reason outcome; /* OK: told. CLIENT_UNREACHABLE: given up. UNDECIDED: later again */
};

static void sending_clear(struct sending *sending)
{
	logout_delivery_clear(&sending->delivery);
	tenant_unref(sending->tenant);
	client_unref(sending->client);
	checks_free(sending->checks);
}

/* Nobody waits: when the client comes back within a night it is told, and a client that is gone does not keep us busy for ever. */
static int64_t pause_after(int64_t attempts)
{
	static const int64_t pauses_s[] = { 5, 30, 120, 600, 3600, 4 * 3600, 8 * 3600 };
	return attempts >= 1 && attempts <= (int64_t)G_N_ELEMENTS(pauses_s) ? pauses_s[attempts - 1] * 1000 : 0;
}

/* --- one attempt --- */

static char *make_token(const struct sending *sending, GError **error)
{
	const struct logout_delivery *delivery = &sending->delivery;
	int64_t now_s = clock_now_ms() / 1000;
	char jti[IDENTIFIER_SIZE];
	random_identifier(jti);
	g_autoptr(json_t) claims = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:{s:{}}}", "iss", sending->tenant->issuer, "sub", delivery->account, "aud",
		delivery->client_id, "iat", (json_int_t)now_s, "exp", (json_int_t)(now_s + TOKEN_LIFE_S), "jti", jti, "events", EVENT_CLAIM);
	if (delivery->sid[0])
		json_object_set_new(claims, "sid", json_string(delivery->sid));
	return own_token_sign(sending->gateway, sending->tenant, sending->client->id_token_alg, "logout+jwt", claims, error);
}

/* Section 2.8: any 2xx is told; a client that says 4xx has understood and refuses, so that the same again is of no use. */
static enum reason judge(struct sending *sending, enum fetch_result result, const struct fetch_reply *reply)
{
	g_autofree char *seen = result == FETCH_OK ? g_strdup_printf("status %d", reply->status) : g_strdup_printf("%s: %s", fetch_result_name(result), reply->trouble);
	bool told = result == FETCH_OK && reply->status >= 200 && reply->status < 300;
	bool refused = result == FETCH_OK && reply->status >= 400 && reply->status < 500 && reply->status != 408 && reply->status != 429;
	if (check(sending->checks, "backchannel_logout_uri", seen, "status 200", told))
		return REASON_OK;
	return refused || pause_after(sending->delivery.attempts) == 0 ? REASON_CLIENT_UNREACHABLE : REASON_UNDECIDED;
}

static enum reason post(struct sending *sending, const char *token)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded", NULL };
	g_auto(fetch_reply_t) reply = { 0 };
	const char *uri = sending->client->backchannel_logout_uri;
	g_autoptr(url_t) url = url_parse(uri, NULL);
	g_autofree char *body = g_strconcat("logout_token=", token, NULL); /* a compact JWS needs no encoding */
	enum fetch_result result = fetch(sending->gateway->fetcher, &(struct fetch_request){ .method = "POST", .url = uri, .declared_host = url ? url->host : NULL,
		.headers = headers, .body = body, .length = strlen(body), .max_bytes = 4096, .deadline_ms = clock_monotonic_ms() + POST_MS }, &reply);
	return judge(sending, result, &reply);
}

/* Whom it is from and for, as they are now. FOUND, MISSING: the tenant or the client is gone, or wants to hear no more. */
static enum found find_parties(struct sending *sending, GError **error)
{
	const struct logout_delivery *delivery = &sending->delivery;
	struct unit *unit = cache_refresh(sending->gateway->cache, error) ? store_reader(sending->gateway->store, error) : NULL;
	enum found found = unit ? tenant_find(unit, delivery->tenant, &sending->tenant, error) : BROKEN;
	if (found == FOUND)
		found = cache_client(sending->gateway->cache, delivery->tenant, delivery->client_id, &sending->client, error);
	return found == FOUND && !sending->client->backchannel_logout_uri ? MISSING : found;
}

static bool finish_in_unit(struct unit *unit, void *data, GError **error)
{
	struct sending *sending = data;
	const struct logout_delivery *delivery = &sending->delivery;
	int64_t now_ms = clock_now_ms();
	if (sending->outcome == REASON_UNDECIDED)
		return logout_delivery_delay(unit, delivery, now_ms + pause_after(delivery->attempts), error);
	if (!logout_delivery_remove(unit, delivery, error))
		return false;
	if (!sending->client)
		return true;
	g_autoptr(json_t) detail = sending->outcome == REASON_OK ? NULL : checks_json(sending->checks);
	const struct audit_facts facts = { .event = EVENT_LOGOUT_DELIVER, .result = sending->outcome == REASON_OK ? AUDIT_OK : AUDIT_ERROR, .reason = sending->outcome,
		.account = delivery->account, .client = delivery->client_id, .session = delivery->session, .detail = detail, .time_ms = now_ms };
	return audit_append(unit, sending->gateway->store, sending->tenant, &facts, false, error);
}

static void say_broken(GError *error)
{
	log_line(LOG_LEVEL_WARNING, "logout.deliver", "error", error ? error->message : NULL, NULL);
	g_clear_error(&error);
}

/* Tells one client, and writes how it went. What breaks on our side leaves the lease to run out. */
static void send(struct sending *sending)
{
	GError *error = NULL;
	enum found found = find_parties(sending, &error);
	if (found == MISSING) {
		g_clear_pointer(&sending->client, client_unref);
		sending->outcome = REASON_OK;
	} else if (found == FOUND) {
		g_autofree char *token = make_token(sending, &error);
		sending->outcome = token ? post(sending, token) : REASON_UNDECIDED;
	}
	if (error || !store_write(sending->gateway->store, finish_in_unit, sending, &error))
		say_broken(error);
}

/* --- the threads --- */

static bool claim_in_unit(struct unit *unit, void *data, GError **error)
{
	struct logout_delivery *delivery = data;
	int64_t now_ms = clock_now_ms();
	return logout_delivery_claim(unit, now_ms, now_ms + LEASE_MS, delivery, error) != BROKEN;
}

/* A reader is asked first, so that looking costs no commit. False: nothing is due, or the store cannot say. */
static bool send_one(const struct gateway *gateway)
{
	GError *error = NULL;
	struct unit *unit = store_reader(gateway->store, &error);
	enum found due = unit ? logout_delivery_due(unit, clock_now_ms(), &error) : BROKEN;
	struct sending sending = { .gateway = gateway, .checks = checks_new() };
	bool claimed = due == FOUND && store_write(gateway->store, claim_in_unit, &sending.delivery, &error) && sending.delivery.client_id;
	if (claimed)
		send(&sending);
	else if (error)
		say_broken(error);
	sending_clear(&sending);
	return claimed;
}

static bool wait_or_stop(struct logout_senders *senders, int64_t wait_ms)
{
	int64_t until_ms = clock_monotonic_ms() + wait_ms;
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
	pthread_mutex_lock(&senders->lock);
	while (!senders->stopping && wait_ms > 0 && pthread_cond_timedwait(&senders->stop, &senders->lock, &until) == 0)
		;
	bool stopping = senders->stopping;
	pthread_mutex_unlock(&senders->lock);
	return stopping;
}

static void *deliver(void *data)
{
	struct logout_senders *senders = data;
	bool busy = false;
	while (!wait_or_stop(senders, busy ? 0 : LOOK_EVERY_MS))
		busy = send_one(senders->gateway);
	return NULL;
}

struct logout_senders *logout_senders_start(const struct gateway *gateway)
{
	struct logout_senders *senders = g_new0(struct logout_senders, 1);
	pthread_condattr_t monotonic;
	senders->gateway = gateway;
	pthread_mutex_init(&senders->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&senders->stop, &monotonic);
	pthread_condattr_destroy(&monotonic);
	while (senders->count < SENDERS && pthread_create(&senders->threads[senders->count], NULL, deliver, senders) == 0)
		senders->count++;
	if (senders->count > 0)
		return senders;
	logout_senders_stop(senders);
	return NULL;
}

void logout_senders_stop(struct logout_senders *senders)
{
	if (!senders)
		return;
	pthread_mutex_lock(&senders->lock);
	senders->stopping = true;
	pthread_cond_broadcast(&senders->stop);
	pthread_mutex_unlock(&senders->lock);
	for (size_t i = 0; i < senders->count; i++)
		pthread_join(senders->threads[i], NULL);
	pthread_cond_destroy(&senders->stop);
	pthread_mutex_destroy(&senders->lock);
	g_free(senders);
}
