/* The mapping of claims (policies/mapping.h). Whatever arrives here was chosen by whoever keeps the directory, or by the person where the directory lets people
 * edit themselves, so every text is held to what an account may hold before it goes on. */
#include "policies/mapping.h"

#include "base/text.h"

#include <string.h>

#define GROUPS_MAX 1000
#define NAME_BYTES_MAX 255
#define EMAIL_BYTES_MAX 254

static const char *const text_fields[] = {"username", "name", "email", NULL};

enum unmapped_groups unmapped_groups_named(const char *name)
{
	if (g_strcmp0(name, "prefix") == 0)
		return UNMAPPED_PREFIX;
	return g_strcmp0(name, "keep") == 0 ? UNMAPPED_KEEP : UNMAPPED_DROP;
}

static bool is_there(const json_t *value)
{
	return value && !json_is_null(value) && !(json_is_array(value) && json_array_size(value) == 0) && !(json_is_string(value) && !*json_string_value(value));
}

/* The first upstream value that is there for one of our fields; NULL: none. Borrowed. */
static const json_t *upstream_value(const struct mapping *mapping, const char *field, const json_t *upstream)
{
	const json_t *names = json_object_get(mapping->claims, field);

	if (json_is_string(names)) {
		const json_t *value = json_object_get(upstream, json_string_value(names));
		return is_there(value) ? value : NULL;
	}
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		const json_t *value = name ? json_object_get(upstream, name) : NULL;
		if (is_there(value))
			return value;
	}
	return NULL;
}

static const char *first_text(const json_t *value)
{
	return json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
}

/* One @ with something on both sides and no space: what an address must be before anybody compares its domain. */
static bool email_is_fit(const char *text)
{
	const char *at = strchr(text, '@');
	return at && at != text && at[1] && at == strrchr(text, '@') && !strpbrk(text, " \t<>,;\"") && text_is_plain(text, EMAIL_BYTES_MAX);
}

static bool text_is_fit(const char *field, const char *text)
{
	if (strcmp(field, "email") == 0)
		return email_is_fit(text);
	if (strcmp(field, "username") == 0) {
		g_autofree char *key = text_login_key(text);
		return key != NULL && text_is_plain(text, NAME_BYTES_MAX);
	}
	return text_is_plain(text, NAME_BYTES_MAX);
}

/* SAML and LDAP know no booleans: "TRUE" there is what true is in JSON. */
static bool is_true(const json_t *value)
{
	const char *text = first_text(value);
	return json_is_true(value) || (text && g_ascii_strcasecmp(text, "true") == 0);
}

static void group_add(json_t *groups, GHashTable *seen, const char *name)
{
	if (!name || !*name || !text_is_plain(name, NAME_BYTES_MAX) || json_array_size(groups) >= GROUPS_MAX)
		return;
	if (g_hash_table_add(seen, g_strdup(name)))
		json_array_append_new(groups, json_string(name));
}

static void unmapped_add(const struct mapping *mapping, json_t *groups, GHashTable *seen, const char *name)
{
	switch (mapping->unmapped_groups) {
	case UNMAPPED_DROP:
		return;
	case UNMAPPED_KEEP:
		group_add(groups, seen, name);
		return;
	case UNMAPPED_PREFIX: {
		g_autofree char *prefixed = g_strdup_printf("%s:%s", mapping->provider, name);
		group_add(groups, seen, prefixed);
		return;
	}
	}
}

static void upstream_group_add(const struct mapping *mapping, json_t *groups, GHashTable *seen, const json_t *group)
{
	const char *name = json_is_object(group) ? json_string_at(group, "name") : json_string_value(group);
	const char *id = json_is_object(group) ? json_string_at(group, "id") : NULL;
	const json_t *ours = id ? json_object_get(mapping->group_map, id) : NULL;

	if (name && !text_is_plain(name, NAME_BYTES_MAX))
		name = NULL;
	if (!ours && name)
		ours = json_object_get(mapping->group_map, name);
	if (json_is_string(ours))
		group_add(groups, seen, json_string_value(ours));
	for (size_t i = 0; i < json_array_size(ours); i++)
		group_add(groups, seen, json_string_value(json_array_get(ours, i)));
	if (!ours && name && *name)
		unmapped_add(mapping, groups, seen, name);
}

json_t *mapping_groups(const struct mapping *mapping, const json_t *upstream_groups)
{
	json_t *groups = json_array();
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	if (json_is_string(upstream_groups))
		upstream_group_add(mapping, groups, seen, upstream_groups);
	for (size_t i = 0; i < json_array_size(upstream_groups); i++)
		upstream_group_add(mapping, groups, seen, json_array_get(upstream_groups, i));
	return groups;
}

/* The end of the field name that starts at `start`, NULL for one we do not know. */
static const char *field_end(const char *start, const char **ret_field)
{
	const char *end = strchr(start, '}');

	for (size_t i = 0; end && text_fields[i]; i++)
		if (strlen(text_fields[i]) == (size_t)(end - start) && strncmp(start, text_fields[i], (size_t)(end - start)) == 0) {
			*ret_field = text_fields[i];
			return end;
		}
	return NULL;
}

/* `claims` NULL only looks at the template's form. */
static bool template_fill(const char *template, const json_t *claims, GString *filled)
{
	for (const char *p = template; *p; p++) {
		const char *field = NULL;
		if (*p != '{' && *p != '}') {
			g_string_append_c(filled, *p);
			continue;
		}
		const char *end = *p == '{' ? field_end(p + 1, &field) : NULL;
		const char *value = end && claims ? json_string_at(claims, field) : "";
		if (!end || !value || (claims && !*value))
			return false;
		g_string_append(filled, value);
		p = end;
	}
	return true;
}

char *mapping_username(const char *template, const json_t *claims)
{
	g_autoptr(GString) filled = g_string_new(NULL);

	if (!template || !claims || !template_fill(template, claims, filled) || !text_is_fit("username", filled->str))
		return NULL;
	return g_strdup(filled->str);
}

bool mapping_template_is_fit(const char *template)
{
	g_autoptr(GString) filled = g_string_new(NULL);

	return template && strchr(template, '{') && template_fill(template, NULL, filled);
}

json_t *mapping_apply(const struct mapping *mapping, const json_t *upstream)
{
	json_t *claims = json_object();

	for (size_t i = 0; text_fields[i]; i++) {
		const char *text = first_text(upstream_value(mapping, text_fields[i], upstream));
		if (text && text_is_fit(text_fields[i], text))
			json_object_set_new(claims, text_fields[i], json_string(text));
	}
	bool verified = json_string_at(claims, "email") && is_true(upstream_value(mapping, "email_verified", upstream));
	json_object_set_new(claims, "email_verified", json_boolean(verified));
	json_object_set_new(claims, "groups", mapping_groups(mapping, upstream_value(mapping, "groups", upstream)));
	if (!mapping->username)
		return claims;
	g_autofree char *username = mapping_username(mapping->username, claims);
	json_object_del(claims, "username");
	if (username)
		json_object_set_new(claims, "username", json_string(username));
	return claims;
}
