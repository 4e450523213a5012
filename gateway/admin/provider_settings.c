/* The keys of providers: those every provider takes, and behind them the driver's own table, so that a new driver's keys are declared, checked, exported and
 * kept secret without a line here. */
#include "gateway/admin/provider_settings.h"

#include "base/text.h"
#include "gateway/admin/declaration_keys.h"
#include "policies/mapping.h"

#include <pthread.h>
#include <string.h>

#define DRIVERS_MAX 16

static bool domain_check(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);
	*ret_expected = "a domain in lower case, such as acme.example";
	return text && domain_is_plain(text);
}

static bool display_check(const json_t *value, const char **ret_expected)
{
	const char *text = json_string_value(value);
	*ret_expected = "one line of text of at most 256 bytes";
	return text && *text && text_is_plain(text, 256);
}

static bool provider_name_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "1 to 63 of a-z, 0-9 and -";
	return name_is_plain(json_string_value(value));
}

static bool is_filled(const json_t *value)
{
	size_t i;
	json_t *item;
	json_array_foreach(value, i, item) {
		if (!json_string_value(item) || !*json_string_value(item))
			return false;
	}
	return json_is_array(value) ? json_array_size(value) > 0 : json_string_value(value) && *json_string_value(value);
}

static bool claims_check(const json_t *value, const char **ret_expected)
{
	static const char *const fields[] = { "username", "name", "email", "email_verified", "groups", NULL };
	const char *field;
	json_t *names;
	*ret_expected = "username, name, email, email_verified or groups, each with an upstream name or a list of them";
	json_object_foreach((json_t *)(uintptr_t)value, field, names) {
		if (!g_strv_contains(fields, field) || !is_filled(names))
			return false;
	}
	return true;
}

static bool group_is_fit(const json_t *name)
{
	const char *text = json_string_value(name);
	return text && *text && text_is_plain(text, 256);
}

static bool group_map_check(const json_t *value, const char **ret_expected)
{
	const char *upstream;
	json_t *ours, *one;
	size_t i;
	*ret_expected = "upstream groups, each with one of ours (one line, at most 256 bytes) or a list of them";
	json_object_foreach((json_t *)(uintptr_t)value, upstream, ours) {
		if (!*upstream || (!json_is_array(ours) && !group_is_fit(ours)))
			return false;
		json_array_foreach(ours, i, one) {
			if (!group_is_fit(one))
				return false;
		}
	}
	return true;
}

static bool username_check(const json_t *value, const char **ret_expected)
{
	*ret_expected = "text with {email}, {username} or {name} in it";
	return mapping_template_is_fit(json_string_value(value));
}

static const struct key_rule common_keys[] = {
	{ .name = "name", .type = KEY_STRING, .required = true, .check = provider_name_check, .description = "Its name, never changed." },
	{ .name = "type", .type = KEY_STRING, .required = true, .description = "Its driver." },
	{ .name = "display_name", .type = KEY_STRING, .check = display_check, .description = "What people read; default: its name." },
	{ .name = "enabled", .type = KEY_BOOLEAN, .standard = "true", .description = "Whether it is on." },
	{ .name = "button", .type = KEY_BOOLEAN, .standard = "true", .description = "Whether the sign-in page offers it." },
	{ .name = "domains", .type = KEY_STRINGS, .standard = "[]", .check = domain_check, .description = "Mail domains whose people sign in here, and nowhere else." },
	{ 0 },
};
/* Of people who come from elsewhere: `local` takes none of these. */
static const struct key_rule upstream_keys[] = {
	{ .name = "claims", .type = KEY_MAP, .check = claims_check, .description = "Account field to upstream name, or names of which the first that is there counts." },
	{ .name = "group_map", .type = KEY_MAP, .check = group_map_check, .description = "Upstream group to our group or groups." },
	{ .name = "unmapped_groups", .type = KEY_CHOICE, .choices = "prefix|keep|drop", .standard = "prefix",
	  .description = "What becomes of a group that group_map does not name; prefix: provider:name." },
	{ .name = "provisioning", .type = KEY_CHOICE, .choices = "create|existing|link", .standard = "create",
	  .description = "What happens when somebody comes for the first time." },
	{ .name = "update", .type = KEY_CHOICE, .choices = "always|first", .standard = "always", .description = "When name, address and groups are taken over." },
	{ .name = "username", .type = KEY_STRING, .check = username_check, .description = "User names of new accounts, made of {email}, {username} or {name}." },
	{ .name = "link_by_verified_email", .type = KEY_BOOLEAN, .standard = "false",
	  .description = "Whether a verified address in one of `domains`, which the tenant owns too, opens the account that has it." },
	{ .name = "upstream_mfa", .type = KEY_CHOICE, .choices = "ignore|trust", .standard = "ignore",
	  .description = "Whether a second factor there counts here." },
	{ .name = "clock_skew", .type = KEY_DURATION, .standard = "60s", .min = 0, .max = 600, .description = "How far its clock may be off." },
	{ 0 },
};

/* One table a driver, made once. */
static struct key_rule *merged[DRIVERS_MAX];

static void rules_add(GArray *table, const struct key_rule *rules)
{
	for (const struct key_rule *rule = rules; rule && rule->name; rule++)
		g_array_append_vals(table, rule, 1);
}

static void tables_make(void)
{
	for (size_t i = 0; provider_drivers[i] && i < DRIVERS_MAX; i++) {
		GArray *table = g_array_new(TRUE, TRUE, sizeof(struct key_rule));
		rules_add(table, common_keys);
		if (strcmp(provider_drivers[i]->name, "local") != 0)
			rules_add(table, upstream_keys);
		rules_add(table, provider_drivers[i]->keys);
		merged[i] = (struct key_rule *)(void *)g_array_free(table, FALSE);
	}
}

const struct key_rule *provider_keys_of(const char *type)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, tables_make);
	for (size_t i = 0; type && provider_drivers[i] && i < DRIVERS_MAX; i++)
		if (strcmp(provider_drivers[i]->name, type) == 0)
			return merged[i];
	return NULL;
}

char *provider_types(void)
{
	GString *types = g_string_new("");
	for (size_t i = 0; provider_drivers[i]; i++)
		g_string_append_printf(types, "%s%s", i ? ", " : "", provider_drivers[i]->name);
	return g_string_free(types, FALSE);
}

struct search {
	const char *name;
	struct provider_record *found;
};

static bool record_compare(const struct provider_record *record, void *data)
{
	struct search *search = data;
	if (strcmp(record->name, search->name) != 0)
		return true;
	*search->found = (struct provider_record){
		.name = g_strdup(record->name), .type = g_strdup(record->type), .settings = json_deep_copy(record->settings), .enabled = record->enabled,
		.position = record->position,
	};
	return false;
}

enum found provider_find(struct unit *unit, const char *tenant, const char *name, struct provider_record *ret, GError **error)
{
	struct provider_record record = { 0 };
	struct search search = { name, &record };
	if (!provider_list(unit, tenant, record_compare, &search, error)) {
		provider_record_clear(&record);
		return BROKEN;
	}
	if (!record.name)
		return MISSING;
	*ret = record;
	return FOUND;
}

json_t *settings_without_secrets(const json_t *settings, const struct key_rule *keys)
{
	json_t *shown = json_object();
	for (const struct key_rule *rule = keys ? keys : common_keys; rule->name; rule++) {
		const json_t *value = json_object_get(settings, rule->name);
		size_t i;
		json_t *item;
		if (!value || rule->type == KEY_SECRET)
			continue;
		if (rule->type == KEY_OBJECT && json_is_object(value)) {
			json_object_set_new(shown, rule->name, settings_without_secrets(value, rule->keys));
		} else if (rule->type == KEY_OBJECTS && json_is_array(value)) {
			json_t *list = json_array();
			json_array_foreach(value, i, item)
				json_array_append_new(list, settings_without_secrets(item, rule->keys));
			json_object_set_new(shown, rule->name, list);
		} else {
			json_object_set_new(shown, rule->name, json_deep_copy(value));
		}
	}
	return shown;
}

json_t *secret_names(const json_t *settings, const struct key_rule *keys)
{
	json_t *names = json_array();
	for (const struct key_rule *rule = keys; rule && rule->name; rule++)
		if (rule->type == KEY_SECRET && json_object_get(settings, rule->name))
			json_array_append_new(names, json_string(rule->name));
	return names;
}

bool setting_same(const json_t *one, const json_t *other, const char *key)
{
	const json_t *here = json_object_get(one, key), *there = json_object_get(other, key);
	return here && there ? json_equal(here, there) : here == there;
}

/* Which keys say who is going to see a secret, and which one it belongs to: without that one there is nothing it could be for. */
static const struct secret_tie {
	const char *type, *key, *beside;
	const char *const *destinations;
} ties[] = {
	{ "oidc", "client_secret", "client_id", (const char *const[]){ "issuer", "discovery_url", NULL } },
	{ "oidc", "private_key", "client_id", (const char *const[]){ "issuer", "discovery_url", NULL } },
	{ "google", "client_secret", "client_id", (const char *const[]){ "discovery_url", NULL } },
	{ "google", "private_key", "client_id", (const char *const[]){ "discovery_url", NULL } },
	{ "azure", "client_secret", "client_id", (const char *const[]){ "authority", "directory", "discovery_url", NULL } },
	{ "azure", "private_key", "client_id", (const char *const[]){ "authority", "directory", "discovery_url", NULL } },
	{ "linkedin", "client_secret", "client_id", (const char *const[]){ "discovery_url", NULL } },
	{ "linkedin", "private_key", "client_id", (const char *const[]){ "discovery_url", NULL } },
	{ "ldap", "bind_password", "bind_dn", (const char *const[]){ "url", "start_tls", "tls_ca_file", NULL } },
};

static const struct secret_tie *tie_of(const char *type, const char *key)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ties); i++)
		if (strcmp(ties[i].type, type) == 0 && strcmp(ties[i].key, key) == 0)
			return &ties[i];
	return NULL;
}

static bool is_of_driver(const char *name)
{
	const struct key_rule *const tables[] = { common_keys, upstream_keys };
	for (size_t t = 0; t < G_N_ELEMENTS(tables); t++)
		for (const struct key_rule *rule = tables[t]; rule->name; rule++)
			if (strcmp(rule->name, name) == 0)
				return false;
	return true;
}

/* The first key by which the secret would go to somebody else; NULL: none. A driver that has no tie here is trusted with nothing: any key of its own counts. */
static const char *key_moved(const struct key_rule *keys, const struct secret_tie *tie, const json_t *settings, const json_t *stored)
{
	for (const struct key_rule *rule = keys; rule->name; rule++) {
		bool counts = tie ? g_strv_contains(tie->destinations, rule->name) : rule->type != KEY_SECRET && is_of_driver(rule->name);
		if (counts && !setting_same(settings, stored, rule->name))
			return rule->name;
	}
	return NULL;
}

bool secrets_carry(const char *type, json_t *settings, const json_t *stored, struct secret_astray *ret)
{
	const struct key_rule *keys = provider_keys_of(type);
	for (const struct key_rule *rule = keys; rule && rule->name; rule++) {
		json_t *kept = rule->type == KEY_SECRET ? json_object_get(stored, rule->name) : NULL;
		const struct secret_tie *tie = kept ? tie_of(type, rule->name) : NULL;
		if (!kept || json_object_get(settings, rule->name) || (tie && tie->beside && !json_object_get(settings, tie->beside)))
			continue;
		const char *moved = key_moved(keys, tie, settings, stored);
		if (moved) {
			*ret = (struct secret_astray){ rule->name, moved };
			return false;
		}
		json_object_set(settings, rule->name, kept);
	}
	return true;
}
