/* Comparing one declared provider with the one that was found when the declaration was checked. Secrets are told apart by name only: their values stand in what
 * is written and in what the transaction compares, never in what is printed or recorded. */
#include "gateway/admin/planning.h"

#include "gateway/admin/provider_settings.h"

#include <string.h>

static void secrets_compare(const struct key_rule *keys, const json_t *stored, const json_t *settings, json_t *ret_names)
{
	for (const struct key_rule *rule = keys; rule->name; rule++)
		if (rule->type == KEY_SECRET && !setting_same(stored, settings, rule->name))
			json_array_append_new(ret_names, json_string(rule->name));
}

/* Our name at a SAML provider is the address of our metadata as it was when the provider was made, and stays so when the tenant moves: they know us by it. */
static void entity_id_keep(const struct planning *planning, const struct declared_provider *declared, json_t *settings)
{
	const char *before = json_string_at(declared->stored.settings, "entity_id"), *issuer = planning->planned->tenant->issuer;
	if (strcmp(json_string_at(settings, "type"), "saml") != 0 || json_string_at(settings, "entity_id"))
		return;
	g_autofree char *made = g_strconcat(issuer, "/saml/", declared->name, "/metadata", NULL);
	json_object_set_new(settings, "entity_id", json_string(before ? before : made));
}

bool provider_plan(struct planning *planning, const struct declared_provider *declared)
{
	const json_t *stored = declared->stored.settings;
	const char *type = json_string_at(declared->settings, "type");
	const struct key_rule *keys = provider_keys_of(type);
	json_t *settings = settings_marked(planning, declared->settings, stored);
	entity_id_keep(planning, declared, settings);
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

static bool saml_key_note(const struct saml_key *key, void *data)
{
	unsigned *there = data;
	if (key->state == KEY_STATE_ACTIVE)
		*there |= 1U << key->purpose;
	return true;
}

static bool saml_is_declared(const struct declared_tenant *declared)
{
	for (guint i = 0; i < declared->providers->len; i++) {
		const struct declared_provider *provider = g_ptr_array_index(declared->providers, i);
		if (g_strcmp0(json_string_at(provider->settings, "type"), "saml") == 0)
			return true;
	}
	return false;
}

bool saml_keys_plan(struct planning *planning)
{
	static const char *const names[] = { [SAML_KEY_SIGNING] = "SAML signing", [SAML_KEY_ENCRYPTION] = "SAML encryption" };
	unsigned there = 0;
	if (!saml_is_declared(planning->declared))
		return true;
	if (planning->stored && !saml_key_list(planning->options->unit, planning->stored, saml_key_note, &there, planning->error))
		return false;
	for (enum saml_key_purpose purpose = SAML_KEY_SIGNING; purpose <= SAML_KEY_ENCRYPTION; purpose++) {
		if (there & (1U << purpose))
			continue;
		struct difference *difference = difference_new(SIGN_ADD, OBJECT_SAML_KEY, names[purpose]);
		difference->saml_key = (struct saml_key){ .purpose = purpose, .state = KEY_STATE_ACTIVE, .created_ms = planning->options->now_ms };
		g_ptr_array_add(planning->planned->differences, difference);
	}
	return true;
}
