/* `passerelle client`: the applications of a tenant. */
#include "gateway/admin/verbs.h"

#include "base/units.h"
#include "crypto/opaque_token.h"
#include "gateway/admin/declaration_keys.h"

#include <string.h>

static bool client_line(struct client *client, void *data)
{
	json_array_append_new(data, client_declared(client, false));
	return true;
}

static bool list_run(struct command *command, GError **error)
{
	static const char *const columns[] = { "client_id", "client_name", "token_endpoint_auth_method", "grant_types", "redirect_uris", NULL };
	g_autoptr(json_t) list = json_array();
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	struct unit *unit = tenant ? command_reader(command, error) : NULL;
	if (!unit || !client_list(unit, tenant->id, client_line, list, error) || !command_note_read(command, tenant, "client list", error))
		return false;
	print_list(command, list, columns);
	return true;
}

struct client_act {
	struct tenant *tenant;
	const char *client_id;
	int64_t overlap_ms;            /* rotate-secret */
	char secret[OPAQUE_TOKEN_SIZE];
};

static void client_act_clear(struct client_act *act)
{
	tenant_unref(act->tenant);
	wipe(act->secret, sizeof(act->secret));
}
typedef struct client_act client_act_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(client_act_t, client_act_clear)

static enum found client_look_up(struct unit *unit, const struct client_act *act, struct client **ret, GError **error)
{
	enum found found = client_find(unit, act->tenant->id, act->client_id, ret, error);
	if (found == MISSING)
		fail(error, ERROR_NOT_FOUND, "tenant %s has no client %s", act->tenant->name, act->client_id);
	return found;
}

static bool client_choose(struct command *command, struct client_act *act, struct client **ret, GError **error)
{
	act->client_id = command_word(command, 0);
	act->tenant = command_tenant(command, error);
	struct unit *unit = act->tenant ? command_reader(command, error) : NULL;
	return unit && client_look_up(unit, act, ret, error) == FOUND;
}

static bool show_run(struct command *command, GError **error)
{
	g_auto(client_act_t) act = { 0 };
	g_autoptr(client_t) client = NULL;
	if (!client_choose(command, &act, &client, error) || !command_note_read(command, act.tenant, "client show", error))
		return false;
	g_autoptr(json_t) object = client_declared(client, false);
	g_autoptr(json_t) secrets = json_array();
	for (size_t i = 0; i < client->secret_count; i++) {
		json_t *secret = json_object();
		json_time_set(secret, "expires", client->secrets[i].expires_ms);
		json_array_append_new(secrets, secret);
	}
	json_object_set_new(object, "secret_count", json_integer((json_int_t)client->secret_count));
	if (command->json)
		json_object_set(object, "secrets", secrets);
	json_time_set(object, "created", client->created_ms);
	print_object(command, object);
	return true;
}

static bool add_run(struct command *command, GError **error)
{
	return member_add(command, "clients", "client_id", NULL, error);
}

/* The new secret first; the old ones end after the overlap, or now. Those that end sooner anyway keep their time. */
static void secrets_rotate(struct client *next, const struct client *client, const char *secret, int64_t until_ms, int64_t now_ms)
{
	digest_sha256(secret, strlen(secret), next->secrets[0].digest);
	next->secret_count = 1;
	for (size_t i = 0; i < client->secret_count && next->secret_count < G_N_ELEMENTS(next->secrets); i++) {
		struct client_secret old = client->secrets[i];
		if (old.expires_ms == 0 || old.expires_ms > until_ms)
			old.expires_ms = until_ms;
		if (old.expires_ms > now_ms)
			next->secrets[next->secret_count++] = old;
	}
}

static bool rotate_work(struct unit *unit, struct act *act, GError **error)
{
	const struct client_act *rotation = act->data;
	int64_t now_ms = act->command->now_ms;
	g_autoptr(client_t) client = NULL;
	if (client_look_up(unit, rotation, &client, error) != FOUND)
		return false;
	g_autoptr(client_t) next = client_new(client->client_id, client->settings);
	memcpy(next->incarnation, client->incarnation, IDENTIFIER_SIZE);
	next->created_ms = client->created_ms;
	secrets_rotate(next, client, rotation->secret, now_ms + rotation->overlap_ms, now_ms);
	return client_put(unit, rotation->tenant->id, next, error);
}

static bool overlap_read(struct command *command, struct client_act *act, GError **error)
{
	const char *text = command_option(command, "overlap");
	int64_t seconds = 0;
	if (text && (!duration_parse(text, &seconds) || seconds > 90 * 24 * 3600))
		return command_misused(command, error, "--overlap takes a duration of at most 90d, such as 7d");
	act->overlap_ms = seconds * 1000;
	return true;
}

static bool rotate_run(struct command *command, GError **error)
{
	g_auto(client_act_t) rotation = { 0 };
	g_autoptr(client_t) client = NULL;
	if (!overlap_read(command, &rotation, error) || !client_choose(command, &rotation, &client, error))
		return false;
	if (client->auth_method == CLIENT_AUTH_NONE)
		return fail(error, ERROR_CONFLICT, "client %s is public: it has no secret", client->client_id);
	if (client->auth_method == CLIENT_AUTH_PRIVATE_KEY_JWT)
		return fail(error, ERROR_CONFLICT, "client %s signs with its own keys: it has no secret; declare a new key in its jwks beside the old one", client->client_id);
	opaque_token_make(OPAQUE_SECRET_PREFIX, rotation.secret);
	g_autoptr(json_t) detail = json_pack("{s:I}", "overlap_s", (json_int_t)(rotation.overlap_ms / 1000));
	struct act act = {
		.work = rotate_work, .data = &rotation, .tenant = rotation.tenant,
		.facts = { .event = EVENT_CLIENT_SECRET, .client = client->client_id, .detail = detail },
	};
	if (!command_act(command, &act, error))
		return false;
	g_autoptr(json_t) object = json_pack("{s:s, s:s}", "client_id", client->client_id, "client_secret", rotation.secret);
	if (command->json)
		print_object(command, object);
	else
		printf("client %s\n  client_secret: %s  (shown this once)\n", client->client_id, rotation.secret);
	return true;
}

static bool remove_work(struct unit *unit, struct act *act, GError **error)
{
	const struct client_act *removal = act->data;
	return client_remove(unit, removal->tenant->id, removal->client_id, act->command->now_ms, error);
}

static bool remove_run(struct command *command, GError **error)
{
	g_auto(client_act_t) removal = { 0 };
	g_autoptr(client_t) client = NULL;
	if (!client_choose(command, &removal, &client, error) || !command_confirm(command, "the client and all its tokens:", client->client_id, error))
		return false;
	struct act act = {
		.work = remove_work, .data = &removal, .tenant = removal.tenant, .facts = { .event = EVENT_CLIENT_REMOVE, .client = client->client_id },
	};
	if (!command_act(command, &act, error))
		return false;
	if (!command->json)
		printf("- client %s\n", client->client_id);
	return true;
}

#define ONE_CLIENT .object = "client", .words = "CLIENT_ID", .words_min = 1, .words_max = 1
const struct verb client_verbs[] = {
	{ .object = "client", .name = "list", .run = list_run, .summary = "the clients of a tenant" },
	{ ONE_CLIENT, .name = "show", .run = show_run, .summary = "one client" },
	{ ONE_CLIENT, .name = "add", .keys = client_keys, .run = add_run,
	  .summary = "make a client; every key of a declaration is an option: --redirect-uris (repeated) --scope …" },
	{ ONE_CLIENT, .name = "rotate-secret", .options = "overlap=", .run = rotate_run,
	  .summary = "a new secret, shown once; the old one ends now, or after --overlap 7d" },
	{ ONE_CLIENT, .name = "remove", .run = remove_run, .summary = "remove a client and all its tokens" },
	{ 0 },
};
