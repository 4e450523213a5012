/* What a scope releases of an account (OpenID Connect Core section 5.4). What is unknown is left out: an empty string would be a statement. */
#include "policies/claims.h"

#include "policies/scope.h"

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
