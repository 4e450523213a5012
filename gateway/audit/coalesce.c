/* The table of kinds of refusals, and the records that say how many there were. */
#include "gateway/audit/coalesce.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/audit/figures.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define IN_FULL 20       /* of a kind, at first */
#define REFILL 2         /* more of them at each flush */
#define KINDS_CROWDED 128 /* from here on new kinds are of /24 and /48 networks: a /48 of one's own is cheap */
#define KINDS_MAX 512    /* from here on there is one kind for each tenant and event */
#define SLICE_KINDS 64   /* records in one transaction */
#define COMPLAIN_MS 1000
#define CHECK_NAME "repeated"

struct kind {
	char *key;
	struct tenant *tenant;
	enum audit_event event;
	enum audit_result result;
	enum reason reason;
	char *client, *network; /* NULL: none, or several */
	bool mixed;
	unsigned in_full;       /* how many more are written as they are */
	uint64_t counted;
	int64_t since_ms;       /* when the first of those came */
	char ref[16];           /* of the last of those */
};

struct coalescer {
	struct store *store;
	pthread_mutex_t lock; /* guards all below */
	GHashTable *kinds;    /* key -> kind */
	uint64_t lost;        /* records that nobody was told of yet */
	int64_t complained_ms;
};

static void kind_free(void *data)
{
	struct kind *kind = data;

	tenant_unref(kind->tenant);
	g_free(kind->key);
	g_free(kind->client);
	g_free(kind->network);
	g_free(kind);
}

struct coalescer *coalescer_new(struct store *store)
{
	struct coalescer *coalescer = g_new0(struct coalescer, 1);

	coalescer->store = store;
	pthread_mutex_init(&coalescer->lock, NULL);
	coalescer->kinds = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, kind_free);
	return coalescer;
}

/* --- which kind --- */

/* What one stranger has of addresses: one of IPv4, 2^64 of IPv6; coarse, /24 and /48. "" for what is no address, as a unix socket's. */
static void network_of(const char *address, bool coarse, char out[ADDRESS_NETWORK_SIZE])
{
	address_network(address, coarse ? 24 : 32, coarse ? 48 : 64, out);
}

static char *key_of(const struct tenant *tenant, const struct audit_facts *facts, const char *network)
{
	/* The client's name comes last: it alone may hold the separator. */
	return g_strdup_printf("%s|%d|%d|%s|%s", tenant->id, (int)facts->event, (int)facts->reason, network, facts->client ? facts->client : "");
}

/* Takes over the key. */
static struct kind *kind_add(struct coalescer *coalescer, char *key, const struct tenant *tenant, const struct audit_facts *facts)
{
	struct kind *kind = g_new0(struct kind, 1);

	kind->key = key;
	kind->tenant = tenant_ref((struct tenant *)(uintptr_t)tenant);
	kind->event = facts->event;
	kind->result = facts->result;
	kind->reason = facts->reason;
	kind->in_full = IN_FULL;
	g_hash_table_insert(coalescer->kinds, kind->key, kind);
	return kind;
}

/* The kind of one network; NULL when there is none and `may_add` says that there shall be none. Called with the lock held. */
static struct kind *kind_of_network(struct coalescer *coalescer, const struct tenant *tenant, const struct audit_facts *facts, bool coarse, bool may_add)
{
	char network[ADDRESS_NETWORK_SIZE];

	network_of(facts->address, coarse, network);
	g_autofree char *key = key_of(tenant, facts, network);
	struct kind *kind = g_hash_table_lookup(coalescer->kinds, key);
	if (kind || !may_add)
		return kind;
	kind = kind_add(coalescer, g_steal_pointer(&key), tenant, facts);
	kind->client = g_strdup(facts->client);
	kind->network = network[0] ? g_strdup(network) : NULL;
	return kind;
}

/* The one for whatever has no place of its own. It keeps the reason of the first, and says that there are others. Called with the lock held. */
static struct kind *kind_of_rest(struct coalescer *coalescer, const struct tenant *tenant, const struct audit_facts *facts)
{
	g_autofree char *key = g_strdup_printf("%s|%d", tenant->id, (int)facts->event);
	struct kind *kind = g_hash_table_lookup(coalescer->kinds, key);

	if (!kind)
		kind = kind_add(coalescer, g_steal_pointer(&key), tenant, facts);
	kind->mixed = true;
	return kind;
}

static struct kind *kind_of(struct coalescer *coalescer, const struct tenant *tenant, const struct audit_facts *facts)
{
	size_t count = g_hash_table_size(coalescer->kinds);
	struct kind *kind = kind_of_network(coalescer, tenant, facts, false, count < KINDS_CROWDED);

	if (!kind)
		kind = kind_of_network(coalescer, tenant, facts, true, count < KINDS_MAX);
	return kind ? kind : kind_of_rest(coalescer, tenant, facts);
}

/* --- losses --- */

/* Says how many records are lost, when it is time to; `facts` (may be NULL) and `error` are of the last one. */
static void losses_say(struct coalescer *coalescer, const struct tenant *tenant, const struct audit_facts *facts, const char *error, bool at_once)
{
	int64_t now_ms = clock_monotonic_ms();

	pthread_mutex_lock(&coalescer->lock);
	bool due = at_once || !coalescer->complained_ms || now_ms - coalescer->complained_ms >= COMPLAIN_MS;
	uint64_t lost = due ? coalescer->lost : 0;
	if (lost) {
		coalescer->lost = 0;
		coalescer->complained_ms = now_ms;
	}
	pthread_mutex_unlock(&coalescer->lock);
	if (!lost)
		return;
	g_autofree char *count = g_strdup_printf("%" PRIu64, lost);
	log_line(LOG_LEVEL_ERROR, "audit.lost", "count", count, "tenant", tenant ? tenant->name : NULL, "record", facts ? audit_event_text(facts->event) : NULL,
	         "ref", facts ? facts->ref : NULL, "error", error, NULL);
}

static void losses_add(struct coalescer *coalescer, uint64_t count)
{
	pthread_mutex_lock(&coalescer->lock);
	coalescer->lost += count;
	pthread_mutex_unlock(&coalescer->lock);
}

/* --- writing and counting --- */

static bool stranger_can_cause(const struct audit_facts *facts)
{
	return facts->result != AUDIT_OK && !audit_event_durable(facts->event) && !facts->account && !facts->actor;
}

/* Whether this one may be written as it is; else, or with `count_it`, it is counted. */
static bool admit_or_count(struct coalescer *coalescer, const struct tenant *tenant, const struct audit_facts *facts, bool count_it)
{
	pthread_mutex_lock(&coalescer->lock);
	struct kind *kind = kind_of(coalescer, tenant, facts);
	bool admitted = !count_it && kind->in_full > 0;
	if (admitted) {
		kind->in_full--;
	} else {
		if (kind->counted++ == 0)
			kind->since_ms = facts->time_ms;
		g_strlcpy(kind->ref, facts->ref ? facts->ref : "", sizeof kind->ref);
	}
	pthread_mutex_unlock(&coalescer->lock);
	return admitted;
}

bool coalescer_write(struct coalescer *coalescer, const struct tenant *tenant, const struct audit_facts *facts, bool username_known)
{
	g_autoptr(GError) error = NULL;
	bool counts = stranger_can_cause(facts);

	figures_note(facts);
	if (counts && !admit_or_count(coalescer, tenant, facts, false))
		return true;
	if (audit_write(coalescer->store, tenant, facts, username_known, &error))
		return true;
	if (counts) {
		admit_or_count(coalescer, tenant, facts, true);
		return true;
	}
	losses_add(coalescer, 1);
	losses_say(coalescer, tenant, facts, error->message, false);
	return false;
}

/* --- flushing --- */

/* What a kind has come to when a flush began. The kind stays in the table as long as something of it is counted. */
struct tally {
	struct kind *kind;
	uint64_t counted;
	int64_t since_ms;
	char ref[sizeof((struct kind *)NULL)->ref];
};

struct slice {
	struct store *store;
	const struct tally *tallies;
	size_t count;
	int64_t now_ms;
};

static json_t *detail_of(const struct tally *tally, int64_t now_ms)
{
	/* A clock may be set back meanwhile. */
	int64_t seconds = MAX((now_ms - tally->since_ms + 500) / 1000, 1);
	g_autofree char *seen = g_strdup_printf("%" PRIu64 " more in %" PRId64 " s%s", tally->counted, seconds,
	                                        tally->kind->mixed ? ", for this and other reasons, from many addresses" : "");

	return json_pack("[{s:s, s:s, s:n, s:b, s:I}]", "check", CHECK_NAME, "seen", seen, "expected", "passed", 1, "count", (json_int_t)tally->counted);
}

static bool tally_write(struct unit *unit, const struct slice *slice, const struct tally *tally, GError **error)
{
	const struct kind *kind = tally->kind;
	g_autoptr(tenant_t) tenant = NULL;
	enum found found = tenant_find(unit, kind->tenant->id, &tenant, error);

	/* A tenant that was removed meanwhile took its log along. */
	if (found != FOUND)
		return found == MISSING;
	g_autoptr(json_t) detail = detail_of(tally, slice->now_ms);
	struct audit_facts facts = { .event = kind->event, .result = kind->result, .reason = kind->reason, .client = kind->client, .address = kind->network,
		.ref = tally->ref, .detail = detail, .time_ms = slice->now_ms, .summary = true };
	return audit_append(unit, slice->store, tenant, &facts, false, error);
}

static bool slice_write(struct unit *unit, void *data, GError **error)
{
	const struct slice *slice = data;

	for (size_t i = 0; i < slice->count; i++)
		if (!tally_write(unit, slice, &slice->tallies[i], error))
			return false;
	return true;
}

/* Takes down what was counted, gives every kind some to write in full again, and forgets those of which nothing more is to be known. */
static GArray *tallies_take(struct coalescer *coalescer)
{
	GArray *tallies = g_array_new(FALSE, FALSE, sizeof(struct tally));
	GHashTableIter iter;
	void *value;

	pthread_mutex_lock(&coalescer->lock);
	g_hash_table_iter_init(&iter, coalescer->kinds);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct kind *kind = value;
		struct tally tally = { .kind = kind, .counted = kind->counted, .since_ms = kind->since_ms };

		memcpy(tally.ref, kind->ref, sizeof tally.ref);
		kind->in_full = MIN(kind->in_full + REFILL, IN_FULL);
		if (tally.counted)
			g_array_append_val(tallies, tally);
		else if (kind->in_full == IN_FULL)
			g_hash_table_iter_remove(&iter);
	}
	pthread_mutex_unlock(&coalescer->lock);
	return tallies;
}

/* They are in the log: only what came since is still to be written. */
static void tallies_strike(struct coalescer *coalescer, const struct slice *slice)
{
	pthread_mutex_lock(&coalescer->lock);
	for (size_t i = 0; i < slice->count; i++) {
		slice->tallies[i].kind->counted -= slice->tallies[i].counted;
		slice->tallies[i].kind->since_ms = slice->now_ms;
	}
	pthread_mutex_unlock(&coalescer->lock);
}

void coalescer_flush(struct coalescer *coalescer, int64_t now_ms)
{
	g_autoptr(GArray) tallies = tallies_take(coalescer);
	g_autoptr(GError) error = NULL;

	for (size_t at = 0; at < tallies->len && !error; at += SLICE_KINDS) {
		struct slice slice = { .store = coalescer->store, .tallies = &g_array_index(tallies, struct tally, at),
			.count = MIN(SLICE_KINDS, tallies->len - at), .now_ms = now_ms };
		if (store_write(coalescer->store, slice_write, &slice, &error))
			tallies_strike(coalescer, &slice);
	}
	if (error)
		log_line(LOG_LEVEL_WARNING, "audit.coalesce", "error", error->message, NULL);
	losses_say(coalescer, NULL, NULL, NULL, false);
}

void coalescer_free(struct coalescer *coalescer)
{
	GHashTableIter iter;
	uint64_t counted = 0;
	void *value;

	if (!coalescer)
		return;
	g_hash_table_iter_init(&iter, coalescer->kinds);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		counted += ((const struct kind *)value)->counted;
	losses_say(coalescer, NULL, NULL, NULL, true);
	losses_add(coalescer, counted);
	losses_say(coalescer, NULL, NULL, "they were counted, and the counts could not be written", true);
	g_hash_table_destroy(coalescer->kinds);
	pthread_mutex_destroy(&coalescer->lock);
	g_free(coalescer);
}

int64_t coalesced_count(const struct log_row *row)
{
	const json_t *first = json_is_array(row->detail) ? json_array_get(row->detail, 0) : NULL;
	int64_t count = 0;

	if (g_strcmp0(json_string_at(first, "check"), CHECK_NAME) != 0 || !json_integer_at(first, "count", &count))
		return 0;
	return MAX(count, 0);
}
