/* Comparing one declared provider with the one that was found when the declaration was checked. Secrets are told apart by name only: their values stand in what
 * is written and in what the transaction compares, never in what is printed or recorded. */
#include "gateway/admin/planning.h"

#include "gateway/admin/provider_settings.h"

static void secrets_compare(const struct key_rule *keys, const json_t *stored, const json_t *settings, json_t *ret_names)
{
	for (const struct key_rule *rule = keys; rule->name; rule++)
		if (rule->type == KEY_SECRET && !setting_same(stored, settings, rule->name))
			json_array_append_new(ret_names, json_string(rule->name));
}

bool provider_plan(struct planning *planning, const struct declared_provider *declared)
{
	const json_t *stored = declared->stored.settings;
	const char *type = json_string_at(declared->settings, "type");
	const struct key_rule *keys = provider_keys_of(type);
	json_t *settings = settings_marked(planning, declared->settings, stored);
	g_autoptr(json_t) before = stored ? settings_without_secrets(stored, provider_keys_of(declared->stored.type)) : NULL;
	g_autoptr(json_t) after = settings_without_secrets(settings, keys);
	struct difference *difference = difference_of(OBJECT_PROVIDER, declared->name, before, after);
	if (stored) {
		secrets_compare(keys, stored, settings, difference->keys);
		json_decref(difference->expected);
		difference->expected = json_deep_copy(stored);
	}
	if (stored && declared->stored.position != declared->position)
		json_array_append_new(difference->keys, json_string("order"));
	difference->provider = (struct provider_record){
		.name = g_strdup(declared->name), .type = g_strdup(type), .settings = settings, .enabled = json_is_true(json_object_get(settings, "enabled")),
		.position = declared->position,
	};
	difference_keep(planning, difference);
	return true;
}
