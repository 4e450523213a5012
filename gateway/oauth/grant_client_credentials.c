/* client_credentials (RFC 6749 section 4.4): a client's token for itself. A JWT is signed inline and stored nowhere; its record follows within a second.
 * An opaque one is a row, so it is committed first. No refresh token (section 4.4.3), and no scope that speaks of a person. */
#include "gateway/oauth/grants.h"
#include "policies/scope.h"

struct storing {
	struct call *call;
	const struct access *access;
};

static bool store_access(struct unit *unit, void *data, GError **error)
{
	struct storing *storing = data;
	return access_insert(unit, storing->call->tenant->id, &storing->access->record, error);
}

static bool scope_speaks_of_person(const char *scope)
{
	for (size_t i = 0; scope_standard[i]; i++)
		if (scope_has(scope, scope_standard[i]))
			return true;
	return false;
}

/* Without `scope`, all of the client's that do not speak of a person. */
static bool add_own_scope(const char *word, size_t length, void *data)
{
	GString *scope = data;
	g_autofree char *one = g_strndup(word, length);
	if (!scope_speaks_of_person(one))
		g_string_append_printf(scope, "%s%s", scope->len ? " " : "", one);
	return true;
}

static void answer(struct call *call, const struct client *client, const char *scope, char *const *resources)
{
	GError *error = NULL;
	struct access access = { 0 };
	struct issue issue = { .client = client, .scope = scope, .resources = (const char *const *)resources, .now_ms = request_time_ms(call->request) };
	if (!issue_access(call, &issue, &access, &error)
	    || (access.opaque && !store_write(call->gateway->store, store_access, &(struct storing){ call, &access }, &error))) {
		grant_fail(call, error);
	} else if (!call_audit(call, EVENT_TOKEN_CLIENT, REASON_OK)) {
		call_fail_json(call, ERROR_UNAVAILABLE, NULL);
	} else {
		g_autoptr(json_t) body = issue_answer(&access, scope);
		reply_json(call->reply, 200, body);
	}
	access_clear(&access);
}

void grant_client_credentials(struct call *call, const struct client *client, const struct form *form)
{
	const char *asked = form_value(form, "scope"), *wrong = NULL;
	g_autoptr(GString) scope = g_string_new(asked);
	if (!asked)
		scope_each(client->scope, add_own_scope, scope);
	if (asked && (scope_speaks_of_person(asked) || scope_decide(asked, client->scope) != REASON_OK)) {
		call_check(call, "scope", asked, client->scope, false);
		grant_refuse(call, ERROR_INVALID_SCOPE, REASON_SCOPE_REFUSED, NULL);
		return;
	}
	g_auto(GStrv) resources = issue_resources(form, client->resources, &wrong);
	if (!resources) {
		call_check(call, "resource", form_value(form, "resource"), "one of the client's resources", false);
		grant_refuse(call, ERROR_INVALID_TARGET, REASON_TARGET_REFUSED, wrong);
		return;
	}
	answer(call, client, scope->str, resources);
}
