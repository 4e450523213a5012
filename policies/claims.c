/* What a scope releases of an account (OpenID Connect Core section 5.4). What is unknown is left out: an empty string would be a statement. */
#include "policies/claims.h"

#include "policies/scope.h"

#include <string.h>

static void add_text(json_t *object, const char *name, const char *text)
{
	if (text)
		json_object_set_new(object, name, json_string(text));
}

static void release_profile(json_t *object, const struct claim_facts *facts)
{
	add_text(object, "name", facts->name);
	add_text(object, "preferred_username", facts->username);
	add_text(object, "locale", facts->locale);
	if (facts->updated_s > 0)
		json_object_set_new(object, "updated_at", json_integer(facts->updated_s));
}

/* email_verified never stands without an address: alone, it could be read as a statement about one that came from elsewhere. */
static void release_email(json_t *object, const struct claim_facts *facts)
{
	if (!facts->email)
		return;
	add_text(object, "email", facts->email);
	json_object_set_new(object, "email_verified", json_boolean(facts->email_verified));
}

void claims_release(json_t *object, const char *scope, const struct claim_facts *facts)
{
	if (scope_has(scope, "profile"))
		release_profile(object, facts);
	if (scope_has(scope, "email"))
		release_email(object, facts);
	/* A copy, so that what goes out never shares a value with a cached record. */
	if (scope_has(scope, "groups") && json_is_array(facts->groups))
		json_object_set_new(object, "groups", json_deep_copy(facts->groups));
}

const char *claims_scope_of(const char *name)
{
	static const struct { const char *name, *scope; } known[] = {
		{ "name", "profile" }, { "preferred_username", "profile" }, { "locale", "profile" }, { "updated_at", "profile" },
		{ "email", "email" }, { "email_verified", "email" }, { "groups", "groups" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].scope;
	return NULL;
}

void claims_release_named(json_t *object, const json_t *names, const char *allowed, const struct claim_facts *facts)
{
	g_autoptr(json_t) all = json_object();
	claims_release(all, allowed, facts);
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		if (name && json_object_get(all, name))
			json_object_set(object, name, json_object_get(all, name));
	}
}
