/* A tenant's identity sources. Loaded at first use, dropped when a change names the tenant's providers or the tenant itself; a list in use lives on until
 * its last user gives it back. */
#include "gateway/call/sources.h"
#include "base/log.h"

#include <pthread.h>
#include <string.h>

#define LOCAL "local"

struct sources {
	struct store *store;
	struct provider_place place; /* the ways out that all of them share */
	unsigned slots;              /* of each */
	pthread_mutex_t lock;
	GHashTable *lists;     /* tenant -> struct source_list, one reference each */
	uint64_t generation;   /* of drops: a load that began before a drop is not kept */
};

static void source_clear(struct source *source)
{
	if (source->state)
		source->driver->close(source->state);
	slots_free(source->slots);
	g_free(source->name);
	g_free(source->display_name);
	g_strfreev(source->domains);
	json_decref(source->settings);
}

static void list_clear(gpointer data)
{
	struct source_list *list = data;
	for (size_t i = 0; i < list->count; i++)
		source_clear(&list->sources[i]);
	saml_keys_free(list->saml_keys);
}

void source_list_unref(struct source_list *list)
{
	if (list)
		g_atomic_rc_box_release_full(list, list_clear);
}

static void drop_list(gpointer data)
{
	source_list_unref(data);
}

struct sources *sources_new(struct store *store, const struct provider_place *ways, unsigned slots)
{
	struct sources *sources = g_new0(struct sources, 1);
	sources->store = store;
	sources->place = *ways;
	sources->slots = slots;
	pthread_mutex_init(&sources->lock, NULL);
	sources->lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, drop_list);
	return sources;
}

void sources_free(struct sources *sources)
{
	if (!sources)
		return;
	g_hash_table_unref(sources->lists);
	pthread_mutex_destroy(&sources->lock);
	g_free(sources);
}

void sources_changed(const struct change *change, void *data)
{
	struct sources *sources = data;
	bool all = !change->tenant[0];
	static const char *const kinds[] = { "all", "provider", "saml_key", "tenant", NULL };
	if (!all && !g_strv_contains(kinds, change->kind))
		return;
	pthread_mutex_lock(&sources->lock);
	sources->generation++;
	if (all)
		g_hash_table_remove_all(sources->lists);
	else
		g_hash_table_remove(sources->lists, change->tenant);
	pthread_mutex_unlock(&sources->lock);
}

/* --- loading --- */

static char **lower_strings(const json_t *list)
{
	g_autoptr(GPtrArray) strings = g_ptr_array_new();
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (text)
			g_ptr_array_add(strings, g_ascii_strdown(text, -1));
	}
	g_ptr_array_add(strings, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
}

static enum provisioning provisioning_of(const json_t *settings)
{
	const char *text = json_string_at(settings, "provisioning");
	return g_strcmp0(text, "existing") == 0 ? PROVISIONING_EXISTING : g_strcmp0(text, "link") == 0 ? PROVISIONING_LINK : PROVISIONING_CREATE;
}

struct loading {
	struct provider_place place;
	unsigned slots;
	GArray *sources;
	bool has_local;
};

/* Fills a source; false when there is no such driver or it does not open. */
static bool source_open(struct source *source, const struct loading *loading, const char *type, json_t *settings)
{
	g_autoptr(GError) error = NULL;
	const char *name = loading->place.name;
	const char *display = json_string_at(settings, "display_name");
	*source = (struct source){ .driver = provider_driver_named(type), .name = g_strdup(name), .display_name = g_strdup(display ? display : name),
		.slots = slots_new(loading->slots), .settings = json_incref(settings), .domains = lower_strings(json_object_get(settings, "domains")), .provisioning = provisioning_of(settings),
		.update_always = g_strcmp0(json_string_at(settings, "update"), "first") != 0,
		.trust_mfa = g_strcmp0(json_string_at(settings, "upstream_mfa"), "trust") == 0,
		.link_by_verified_email = json_is_true(json_object_get(settings, "link_by_verified_email")) };
	if (source->driver && source->driver->open(&loading->place, source->settings, &source->state, &error))
		return true;
	log_line(LOG_LEVEL_ERROR, "provider.unusable", "provider", name, "type", type, "error", error ? error->message : "no such driver", NULL);
	source_clear(source);
	return false;
}

static bool load_one(const struct provider_record *record, void *data)
{
	struct loading *loading = data;
	struct source source;
	loading->has_local = loading->has_local || strcmp(record->type, LOCAL) == 0;
	loading->place.name = record->name;
	if (record->enabled && source_open(&source, loading, record->type, record->settings))
		g_array_append_val(loading->sources, source);
	return true;
}

/* The tenant's own accounts come first, unless the declaration gives them another place or the policy switches them off. */
static void add_local(struct loading *loading, const struct tenant *tenant)
{
	struct source source;
	g_autoptr(json_t) settings = json_object();
	loading->place.name = LOCAL;
	if (!loading->has_local && tenant->policy.password.local && source_open(&source, loading, LOCAL, settings))
		g_array_prepend_val(loading->sources, source);
}

static struct source_list *load(struct sources *sources, const struct tenant *tenant, GError **error)
{
	struct unit *unit = store_reader(sources->store, error);
	struct loading loading = { .place = sources->place, .slots = sources->slots, .sources = g_array_new(FALSE, FALSE, sizeof(struct source)) };
	struct source_list *list = NULL;
	loading.place.tenant = tenant->id;
	g_autoptr(saml_keys_t) keys = NULL;
	bool read = unit && saml_keys_load(unit, tenant->id, &keys, error);
	if (read)
		saml_keys_lend(keys, &loading.place);
	read = read && provider_list(unit, tenant->id, load_one, &loading, error);
	if (read)
		add_local(&loading, tenant);
	list = g_atomic_rc_box_alloc0(sizeof *list + loading.sources->len * sizeof(struct source));
	list->count = loading.sources->len;
	list->saml_keys = g_steal_pointer(&keys);
	if (list->count)
		memcpy(list->sources, loading.sources->data, list->count * sizeof(struct source));
	g_array_unref(loading.sources);
	if (!read)
		g_clear_pointer(&list, source_list_unref);
	return list;
}

struct source_list *sources_of(struct sources *sources, const struct tenant *tenant, GError **error)
{
	pthread_mutex_lock(&sources->lock);
	struct source_list *list = g_hash_table_lookup(sources->lists, tenant->id);
	uint64_t generation = sources->generation;
	if (list)
		g_atomic_rc_box_acquire(list);
	pthread_mutex_unlock(&sources->lock);
	if (list || !(list = load(sources, tenant, error)))
		return list;
	pthread_mutex_lock(&sources->lock);
	if (generation == sources->generation)
		g_hash_table_replace(sources->lists, g_strdup(tenant->id), g_atomic_rc_box_acquire(list));
	pthread_mutex_unlock(&sources->lock);
	return list;
}

const struct source *source_named(const struct source_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->sources[i].name, name) == 0)
			return &list->sources[i];
	return NULL;
}

static enum reason reason_of_verdict(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_OK:
		return REASON_OK;
	case VERDICT_VIOLATION:
	case VERDICT_MORE:
		return REASON_PROVIDER_VIOLATION;
	case VERDICT_UNKNOWN:
		return REASON_UNKNOWN_ACCOUNT;
	case VERDICT_MISMATCH:
		return REASON_WRONG_PASSWORD;
	case VERDICT_DISABLED:
		return REASON_ACCOUNT_DISABLED;
	case VERDICT_EXPIRED:
		return REASON_PASSWORD_EXPIRED;
	case VERDICT_REFUSED:
		return REASON_PROVIDER_REFUSED;
	case VERDICT_UNAVAILABLE:
		return REASON_PROVIDER_UNAVAILABLE;
	}
	return REASON_PROVIDER_VIOLATION;
}

enum reason source_reason(const struct provider_answer *answer)
{
	if (answer->verdict == VERDICT_OK)
		return answer->identity ? REASON_OK : REASON_PROVIDER_VIOLATION;
	return answer->reason ? answer->reason : reason_of_verdict(answer->verdict);
}
