/* The rounds of the watch (provider_watch.h):
 *
 *   every quarter of an hour: all providers that can be watched ─> due ─> one after the other: look ─> tell what is new
 *
 * What stays as it is, is told once a day. Each node tells for itself: each has copies of its own. */
#include "gateway/provider_watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/audit/audit.h"
#include "gateway/call/sources.h"
#include "policies/expiry.h"

#include <string.h>

#define ROUND_MS (15 * 60 * 1000)
#define STEP_MS 200
#define LOOK_MS 5000
#define DAY_MS (86400 * INT64_C(1000))

struct watched {
	char tenant[IDENTIFIER_SIZE];
	char *provider;
};

struct provider_watch {
	const struct gateway *gateway;
	GQueue due;            /* struct watched */
	int64_t next_round_ms; /* monotonic */
	GHashTable *told;      /* what was told -> the day of it, both of this process only */
};

static void watched_free(gpointer data)
{
	struct watched *watched = data;
	g_free(watched->provider);
	g_free(watched);
}

struct provider_watch *provider_watch_new(const struct gateway *gateway)
{
	struct provider_watch *watch = g_new0(struct provider_watch, 1);
	watch->gateway = gateway;
	g_queue_init(&watch->due);
	watch->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return watch;
}

void provider_watch_free(struct provider_watch *watch)
{
	if (!watch)
		return;
	g_queue_clear_full(&watch->due, watched_free);
	g_hash_table_unref(watch->told);
	g_free(watch);
}

/* --- a round --- */

static bool tenant_note(const struct tenant *tenant, void *data)
{
	g_ptr_array_add(data, g_strdup(tenant->id));
	return true;
}

struct noting {
	struct provider_watch *watch;
	const char *tenant;
};

static bool provider_note(const struct provider_record *record, void *data)
{
	const struct noting *noting = data;
	const struct provider_driver *driver = provider_driver_named(record->type);
	if (!record->enabled || !driver || !driver->watch)
		return true;
	struct watched *watched = g_new0(struct watched, 1);
	g_strlcpy(watched->tenant, noting->tenant, sizeof watched->tenant);
	watched->provider = g_strdup(record->name);
	g_queue_push_tail(&noting->watch->due, watched);
	return true;
}

static gboolean told_long_ago(gpointer key, gpointer value, gpointer data)
{
	(void)key;
	return *(int64_t *)value < *(int64_t *)data - 1;
}

static void round_begin(struct provider_watch *watch)
{
	g_autoptr(GPtrArray) tenants = g_ptr_array_new_with_free_func(g_free);
	struct unit *unit = store_reader(watch->gateway->store, NULL);
	int64_t today = clock_now_ms() / DAY_MS;
	watch->next_round_ms = clock_monotonic_ms() + ROUND_MS;
	g_hash_table_foreach_remove(watch->told, told_long_ago, &today);
	if (!unit || !tenant_list(unit, tenant_note, tenants, NULL))
		return;
	for (guint i = 0; i < tenants->len; i++) {
		struct noting noting = { watch, g_ptr_array_index(tenants, i) };
		provider_list(unit, noting.tenant, provider_note, &noting, NULL);
	}
}

/* --- telling --- */

/* False where the same was told today. */
static bool is_news(struct provider_watch *watch, const struct tenant *tenant, const char *provider, const char *what)
{
	g_autofree char *key = g_strjoin("\n", tenant->id, provider, what, NULL);
	int64_t today = clock_now_ms() / DAY_MS, *day = g_hash_table_lookup(watch->told, key);
	if (day && *day == today)
		return false;
	day = g_new(int64_t, 1);
	*day = today;
	g_hash_table_replace(watch->told, g_steal_pointer(&key), day);
	return true;
}

static void expiry_tell(struct provider_watch *watch, const struct tenant *tenant, const char *provider, const json_t *expiry)
{
	int64_t at_ms = 0, now_ms = clock_now_ms();
	char until[CLOCK_TEXT_SIZE];
	json_integer_at(expiry, "at_ms", &at_ms);
	enum expiry_stage stage = expiry_stage_of(at_ms, now_ms);
	g_autofree char *what = g_strdup_printf("%s\n%d", json_string_at(expiry, "what"), stage);
	g_autofree char *days = g_strdup_printf("%" G_GINT64_FORMAT, expiry_days_left(at_ms, now_ms));
	if (stage == EXPIRY_FAR || !is_news(watch, tenant, provider, what))
		return;
	clock_format(at_ms, until);
	log_line(stage == EXPIRY_OVER ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, stage == EXPIRY_OVER ? "provider.expired" : "provider.expires", "tenant", tenant->name, "provider",
	         provider, "what", json_string_at(expiry, "what"), "until", until, "days_left", days, NULL);
}

static void changes_tell(struct provider_watch *watch, const struct tenant *tenant, const char *provider, const json_t *changes)
{
	g_autoptr(json_t) detail = json_pack("{s:s, s:s, s:O}", "change", "metadata", "name", provider, "changes", changes);
	g_autoptr(GError) error = NULL;
	size_t i;
	json_t *change;
	json_array_foreach(changes, i, change)
		log_line(LOG_LEVEL_WARNING, "provider.metadata_changed", "tenant", tenant->name, "provider", provider, "change", json_string_value(change), NULL);
	const struct audit_facts facts = { .event = EVENT_PROVIDER_UPDATE, .result = AUDIT_OK, .reason = REASON_OK, .provider = provider, .actor = "gateway", .detail = detail,
		.time_ms = clock_now_ms() };
	if (!audit_write(watch->gateway->store, tenant, &facts, false, &error))
		log_line(LOG_LEVEL_WARNING, "audit.lost", "tenant", tenant->name, "event", audit_event_text(facts.event), "error", error ? error->message : NULL, NULL);
}

static void outlook_tell(struct provider_watch *watch, const struct tenant *tenant, const char *provider, const struct provider_outlook *outlook)
{
	size_t i;
	json_t *expiry;
	if (json_array_size(outlook->changes) > 0)
		changes_tell(watch, tenant, provider, outlook->changes);
	if (outlook->trouble && is_news(watch, tenant, provider, outlook->trouble))
		log_line(LOG_LEVEL_WARNING, "provider.metadata_refused", "tenant", tenant->name, "provider", provider, "trouble", outlook->trouble, NULL);
	json_array_foreach(outlook->expiries, i, expiry)
		expiry_tell(watch, tenant, provider, expiry);
}

/* --- a look --- */

static void look(struct provider_watch *watch, const struct watched *watched)
{
	struct unit *unit = store_reader(watch->gateway->store, NULL);
	g_autoptr(tenant_t) tenant = NULL;
	if (!unit || tenant_find(unit, watched->tenant, &tenant, NULL) != FOUND)
		return;
	g_autoptr(source_list_t) list = sources_of(watch->gateway->sources, tenant, NULL);
	const struct source *source = list ? source_named(list, watched->provider) : NULL;
	g_auto(provider_outlook_t) outlook = { 0 };
	if (!source || !source->driver->watch)
		return;
	source->driver->watch(source->state, clock_now_ms(), clock_monotonic_ms() + LOOK_MS, &outlook);
	outlook_tell(watch, tenant, watched->provider, &outlook);
}

void provider_watch_step(struct provider_watch *watch)
{
	int64_t until_ms = clock_monotonic_ms() + STEP_MS;
	if (g_queue_is_empty(&watch->due) && clock_monotonic_ms() >= watch->next_round_ms)
		round_begin(watch);
	while (!g_queue_is_empty(&watch->due) && clock_monotonic_ms() < until_ms) {
		struct watched *watched = g_queue_pop_head(&watch->due);
		look(watch, watched);
		watched_free(watched);
	}
}
