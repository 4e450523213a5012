/* `passerelle session`: the browsers signed in at a tenant. Revoking one is what its owner does by signing out: its tokens end, but for those that were
 * granted offline_access. */
#include "gateway/admin/verbs.h"

#include "gateway/audit/device.h"
#include "policies/session.h"

struct session_listing {
	const struct command *command;
	const struct tenant *tenant;
	struct unit *unit;
	json_t *list;
	GError *error;
};

/* As the browser would be told (gateway/call/browser.c): one whose owner is gone, or was given another password, is over, ended or not. */
static bool session_lives(const struct session_listing *listing, const struct session *session, const struct account *account)
{
	const struct tenant_policy *policy = &listing->tenant->policy;
	return session_decide(&(struct session_facts){
		.ended = session->ended_ms != 0, .account_disabled = account->disabled, .created_ms = session->created_ms, .last_seen_ms = session->last_seen_ms,
		.now_ms = listing->command->now_ms, .idle_ms = policy->session.idle_s * 1000, .absolute_ms = policy->session.absolute_s * 1000,
		.credentials_changed_ms = account->credentials_changed_ms, .auth_time_ms = session->auth_time_ms }) == REASON_OK;
}

static json_t *session_json(const struct session *session, const struct account *account)
{
	struct device device = device_of(session->user_agent);
	json_t *object = json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?, s:s, s:s, s:s}", "id", session->id, "account", session->account, "username",
	                           account->username, "provider", session->provider, "acr", session->acr, "amr", session->amr, "ip", session->address,
	                           "user_agent", session->user_agent, "device", device.type, "os", device.os, "browser", device.browser);
	json_time_set(object, "created", session->created_ms);
	json_time_set(object, "auth_time", session->auth_time_ms);
	json_time_set(object, "last_seen", session->last_seen_ms);
	return object;
}

static bool session_line(const struct session *session, void *data)
{
	struct session_listing *listing = data;
	g_auto(account_t) account = { 0 };
	enum found found = account_find(listing->unit, listing->tenant->id, session->account, &account, &listing->error);
	if (found == FOUND && session_lives(listing, session, &account))
		json_array_append_new(listing->list, session_json(session, &account));
	return found != BROKEN;
}

/* `word` NULL: everybody's. */
static bool sessions_read(struct session_listing *listing, const char *word, GError **error)
{
	g_auto(account_t) account = { 0 };
	enum found found = word ? account_named(listing->unit, listing->tenant, word, &account, error) : MISSING;
	if (word && found != FOUND)
		return false;
	bool listed = session_list(listing->unit, listing->tenant->id, word ? account.id : NULL, session_line, listing, error);
	if (listing->error)
		g_propagate_error(error, listing->error);
	return listed && !listing->error;
}

static bool list_run(struct command *command, GError **error)
{
	static const char *const columns[] = { "id", "username", "provider", "ip", "device", "os", "browser", "auth_time", "last_seen", NULL };
	g_autoptr(json_t) list = json_array();
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	struct session_listing listing = { .command = command, .tenant = tenant, .unit = tenant ? command_reader(command, error) : NULL, .list = list };
	if (!listing.unit || !sessions_read(&listing, command_option(command, "account"), error) || !command_note_read(command, tenant, "session list", error))
		return false;
	print_list(command, list, columns);
	return true;
}

/* Looked for inside the transaction: a session that ended meanwhile is not ended twice, and leaves no record of it. */
static bool revoke_work(struct unit *unit, struct act *act, GError **error)
{
	struct session *session = act->data;
	enum found found = session_find_id(unit, act->tenant->id, act->facts.session, session, error);
	if (found == BROKEN)
		return false;
	if (found == MISSING || session->ended_ms)
		return fail(error, ERROR_NOT_FOUND, "tenant %s has no session %s that is not over; `passerelle session list` shows them", act->tenant->name,
		            act->facts.session);
	act->facts.account = session->account;
	return session_end(unit, act->tenant->id, session->id, act->command->now_ms, error);
}

static bool revoke_run(struct command *command, GError **error)
{
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	g_auto(session_t) session = { 0 };
	struct act act = { .work = revoke_work, .data = &session, .tenant = tenant, .facts = { .event = EVENT_SESSION_REVOKE, .session = command_word(command, 0) } };
	if (!tenant || !command_act(command, &act, error))
		return false;
	if (!command->json)
		printf("session %s: ended, and its tokens without offline_access\n", session.id);
	return true;
}

const struct verb session_verbs[] = {
	{ .object = "session", .name = "list", .options = "account=", .run = list_run, .summary = "the browsers that are signed in, newest first" },
	{ .object = "session", .name = "revoke", .words = "SESSION", .words_min = 1, .words_max = 1, .run = revoke_run,
	  .summary = "end one, as its owner's sign-out would: tokens without offline_access end too" },
	{ 0 },
};
