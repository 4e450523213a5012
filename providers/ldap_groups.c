/* Which groups a person is in.
 *
 * By attribute (memberOf) or by search, and from group to group where they nest: level by level, each group looked at once, so that a loop ends. On Active Directory
 * one search with the in-chain rule does all levels in the server; elsewhere that rule finds nothing and says nothing (LIBRARIES.md section 5), so it is a setting.
 * The bounds cut: a person may end up with fewer groups than the directory says, never with more. */
#include "providers/ldap_internal.h"

#include <ldap.h>
#include <string.h>

#define GROUPS_MAX 1000
#define LEVELS_MAX 16
#define BATCH 20
/* Reading a group's own memberOf takes a search each. */
#define READS_MAX 100

struct walk {
	const struct directory *directory;
	struct connection *connection;
	int64_t deadline_ms;
	char *base_key;    /* groups elsewhere do not count; NULL: all do */
	GHashTable *seen;  /* dn keys */
	GPtrArray *level, *next; /* DNs to look at */
	json_t *groups;
	int code;
};

/* The control character keeps ids and names apart: see policies/mapping.h. */
static json_t *group_new(const char *key, const char *name)
{
	g_autofree char *id = g_strdup_printf("\x01%s", key);

	return json_pack("{s:s, s:s}", "id", id, "name", name);
}

static void group_found(struct walk *walk, const char *dn, const char *name)
{
	g_autofree char *key = dn_key(dn), *first = name ? g_strdup(name) : dn_first_value(dn);

	if (!key || (walk->base_key && !dn_is_under(key, walk->base_key)))
		return;
	if (json_array_size(walk->groups) >= GROUPS_MAX || !g_hash_table_add(walk->seen, g_strdup(key)))
		return;
	if (first && *first && g_utf8_validate(first, -1, NULL))
		json_array_append_new(walk->groups, group_new(key, first));
	g_ptr_array_add(walk->next, g_strdup(dn));
}

/* One search for the groups of up to BATCH members. */
static char *batch_filter(const char *template, const GPtrArray *members, guint from)
{
	g_autoptr(GString) filter = g_string_new("(|");

	for (guint i = from; i < members->len && i < from + BATCH; i++) {
		g_autofree char *filled = filter_fill(template, "dn", g_ptr_array_index(members, i)), *one = filter_and(filled, NULL);
		g_string_append(filter, one);
	}
	g_string_append_c(filter, ')');
	return g_string_free(g_steal_pointer(&filter), FALSE);
}

static bool batch_search(struct walk *walk, guint from)
{
	const struct directory *directory = walk->directory;
	char *attributes[] = {(char *)(uintptr_t)directory->groups_name_attribute, NULL};
	g_autofree char *filter = batch_filter(directory->groups_filter, walk->level, from);
	g_auto(search_t) search = {.base = directory->groups_base, .filter = filter, .attributes = attributes, .entries_max = GROUPS_MAX};

	if (!connection_search(walk->connection, &search, walk->deadline_ms))
		return false;
	walk->code = search.code == LDAP_SIZELIMIT_EXCEEDED ? LDAP_SUCCESS : search.code;
	for (guint i = 0; i < search.entries->len; i++) {
		const struct entry *group = g_ptr_array_index(search.entries, i);
		group_found(walk, group->dn, entry_text(group, directory->groups_name_attribute));
	}
	return true;
}

static bool level_search(struct walk *walk)
{
	for (guint from = 0; from < walk->level->len && walk->code == LDAP_SUCCESS; from += BATCH)
		if (!batch_search(walk, from))
			return false;
	return true;
}

/* A value that is no DN is a name: some directories keep plain names in the attribute. */
static void value_found(struct walk *walk, const char *value)
{
	g_autofree char *key = dn_key(value);

	if (key)
		group_found(walk, value, NULL);
	else if (!walk->base_key && *value && json_array_size(walk->groups) < GROUPS_MAX)
		json_array_append_new(walk->groups, json_string(value));
}

static void values_found(struct walk *walk, const struct entry *entry)
{
	const json_t *values = json_object_get(entry->attributes, walk->directory->groups_attribute);

	for (size_t i = 0; i < json_array_size(values); i++)
		value_found(walk, json_string_value(json_array_get(values, i)));
}

/* A group that is gone, or that the service account may not read, has no groups above it. */
static bool level_read(struct walk *walk)
{
	char *attributes[] = {(char *)(uintptr_t)walk->directory->groups_attribute, NULL};

	for (guint i = 0; i < walk->level->len && i < READS_MAX; i++) {
		g_auto(search_t) search = {
			.base = g_ptr_array_index(walk->level, i), .base_only = true, .filter = "(objectClass=*)", .attributes = attributes, .entries_max = 1,
		};
		if (!connection_search(walk->connection, &search, walk->deadline_ms))
			return false;
		if (search.entries->len == 1)
			values_found(walk, g_ptr_array_index(search.entries, 0));
	}
	return true;
}

/* The groups found become the members of the next level. */
static bool level_up(struct walk *walk)
{
	g_ptr_array_unref(walk->level);
	walk->level = walk->next;
	walk->next = g_ptr_array_new_with_free_func(g_free);
	return walk->level->len > 0;
}

static bool levels_walk(struct walk *walk, const struct entry *person)
{
	const struct directory *directory = walk->directory;
	bool by_search = directory->groups_way != GROUPS_BY_ATTRIBUTE, well = true;

	if (by_search) {
		g_ptr_array_add(walk->level, g_strdup(person->dn));
		well = level_search(walk);
	} else {
		values_found(walk, person);
	}
	bool climbs = directory->groups_nested && directory->groups_way != GROUPS_IN_CHAIN;
	for (int level = 1; well && climbs && level < LEVELS_MAX && walk->code == LDAP_SUCCESS && level_up(walk); level++)
		well = by_search ? level_search(walk) : level_read(walk);
	return well;
}

bool groups_of(const struct directory *directory, struct connection *connection, const struct entry *person, int64_t deadline_ms, json_t **ret_groups,
               int *ret_code)
{
	struct walk walk = {
		.directory = directory, .connection = connection, .deadline_ms = deadline_ms, .base_key = dn_key(directory->groups_base), .code = LDAP_SUCCESS,
		.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL), .level = g_ptr_array_new_with_free_func(g_free),
		.next = g_ptr_array_new_with_free_func(g_free), .groups = json_array(),
	};
	bool well = directory->groups_way == GROUPS_NONE || levels_walk(&walk, person);

	g_free(walk.base_key);
	g_hash_table_unref(walk.seen);
	g_ptr_array_unref(walk.level);
	g_ptr_array_unref(walk.next);
	if (well) {
		*ret_groups = walk.groups;
		*ret_code = walk.code;
	} else {
		json_decref(walk.groups);
	}
	return well;
}
