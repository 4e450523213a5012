/* Sign-in attempts, counted per account, known device and address. Buckets are stored under keyed digests, so that a table of them names nobody. */
#include "gateway/login/throttling.h"
#include "base/address.h"
#include "gateway/call/cookies.h"
#include "gateway/call/mac.h"
#include "policies/throttle.h"

#define DEVICE_LIFE_S (180 * 86400)
#define BUCKET_LIFE_MS (2 * 86400000LL)

static void bucket(struct call *call, const char *kind, const char *value, uint8_t out[DIGEST_SIZE])
{
	struct digest_parts *parts = digest_parts_new("throttle");
	digest_parts_add_text(parts, call->tenant->id);
	digest_parts_add_text(parts, kind);
	digest_parts_add_text(parts, value);
	root_keys_mac(call->gateway->keys, "throttle", parts, out);
}

/* --- known devices: cookie "<account>.<random>.<mac>" --- */

static struct digest_parts *device_parts(const struct call *call, const struct account *account, const char *random)
{
	struct digest_parts *parts = digest_parts_new("device");
	digest_parts_add_text(parts, call->tenant->id);
	digest_parts_add_text(parts, account->id);
	digest_parts_add_integer(parts, account->credentials_changed_ms);
	digest_parts_add_text(parts, random);
	return parts;
}

/* The device's random part when this browser proved itself for that account before; caller frees. */
static char *known_device(struct call *call, const struct account *account)
{
	const char *cookie = call_cookie_get(call, COOKIE_DEVICE);
	g_auto(GStrv) parts = cookie && strlen(cookie) < 256 ? g_strsplit(cookie, ".", 4) : NULL;
	if (!parts || g_strv_length(parts) != 3 || !account->id[0] || strcmp(parts[0], account->id) != 0)
		return NULL;
	return call_mac_holds(call, "device", device_parts(call, account, parts[1]), DIGEST_SIZE, parts[2]) ? g_strdup(parts[1]) : NULL;
}

void device_remember(struct call *call, const struct account *account)
{
	char random[IDENTIFIER_SIZE];
	g_autofree char *known = known_device(call, account);
	random_identifier(random);
	g_autofree char *mac = call_mac(call, "device", device_parts(call, account, known ? known : random), DIGEST_SIZE);
	g_autofree char *value = g_strconcat(account->id, ".", known ? known : random, ".", mac, NULL);
	call_cookie_set(call, COOKIE_DEVICE, value, DEVICE_LIFE_S);
}

/* --- buckets --- */

struct buckets buckets_of(struct call *call, const struct account *account, const char *login_key)
{
	struct buckets buckets = { 0 };
	char network[ADDRESS_NETWORK_SIZE];
	g_autofree char *device = known_device(call, account);
	g_strlcpy(buckets.account, account->id, sizeof buckets.account);
	g_autofree char *device_of_account = device ? g_strconcat(account->id, ".", device, NULL) : NULL;
	if (device)
		bucket(call, "device", device_of_account, buckets.person);
	else
		bucket(call, account->id[0] ? "account" : "name", account->id[0] ? account->id : login_key, buckets.person);
	/* one household's or one server's worth of addresses; none for a unix socket */
	buckets.has_address = !device && address_network(request_address(call->request), 32, 64, network);
	if (buckets.has_address)
		bucket(call, "address", network, buckets.address);
	return buckets;
}

struct counting {
	struct call *call;
	const struct buckets *buckets;
	enum reason reason;
};

static struct throttle_rules rules_of(const struct tenant *tenant, unsigned factor)
{
	return (struct throttle_rules){ .failures = tenant->policy.throttle.failures * factor, .window_ms = tenant->policy.throttle.window_s * 1000,
		.lock_ms = tenant->policy.throttle.lock_s * 1000 };
}

static bool put(struct unit *unit, struct call *call, const uint8_t digest[DIGEST_SIZE], const char *account, const struct throttle_state *state, GError **error)
{
	int64_t until_ms = MAX(request_time_ms(call->request), state->locked_until_ms);
	return throttle_put(unit, call->tenant->id, digest, account, state, until_ms + BUCKET_LIFE_MS, error);
}

static bool count_one(struct unit *unit, struct call *call, const uint8_t digest[DIGEST_SIZE], const char *account, unsigned factor, enum reason *ret_reason,
	GError **error)
{
	struct throttle_state state = { 0 };
	struct throttle_rules rules = rules_of(call->tenant, factor);
	if (throttle_find(unit, call->tenant->id, digest, &state, error) == BROKEN)
		return false;
	*ret_reason = throttle_count(&rules, &state, request_time_ms(call->request));
	return put(unit, call, digest, account, &state, error);
}

enum found buckets_address_locked(struct call *call, const struct buckets *buckets, GError **error)
{
	struct throttle_state address = { 0 };
	struct unit *unit = store_reader(call->gateway->store, error);
	if (!buckets->has_address && unit)
		return MISSING;
	enum found found = unit ? throttle_find(unit, call->tenant->id, buckets->address, &address, error) : BROKEN;
	return found == FOUND && address.locked_until_ms <= request_time_ms(call->request) ? MISSING : found;
}

static bool count_in_unit(struct unit *unit, void *data, GError **error)
{
	struct counting *counting = data;
	return count_one(unit, counting->call, counting->buckets->person, counting->buckets->account, 1, &counting->reason, error);
}

enum reason buckets_count(struct call *call, const struct buckets *buckets, GError **error)
{
	struct counting counting = { .call = call, .buckets = buckets };
	return store_write(call->gateway->store, count_in_unit, &counting, error) ? counting.reason : REASON_STORE_BROKEN;
}

bool buckets_forgive(struct unit *unit, struct call *call, const struct buckets *buckets, GError **error)
{
	const struct throttle_state empty = { 0 };
	return put(unit, call, buckets->person, buckets->account, &empty, error);
}

bool buckets_blame(struct unit *unit, struct call *call, const struct buckets *buckets, GError **error)
{
	enum reason counted;
	return !buckets->has_address || count_one(unit, call, buckets->address, "", ADDRESS_FACTOR, &counted, error);
}

bool buckets_give_back(struct unit *unit, struct call *call, const struct buckets *buckets, GError **error)
{
	struct throttle_state state = { 0 };
	enum found found = throttle_find(unit, call->tenant->id, buckets->person, &state, error);
	if (found != FOUND)
		return found == MISSING;
	throttle_forgive(&state);
	return put(unit, call, buckets->person, buckets->account, &state, error);
}
