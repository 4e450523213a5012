/* `passerelle tenant`: the organisations on this gateway. */
#include "gateway/admin/verbs.h"

#include "base/log.h"
#include "gateway/admin/declaration_keys.h"

static bool tenant_line(const struct tenant *tenant, void *data)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "name", tenant->name, "display_name", tenant->display_name, "issuer", tenant->issuer, "id", tenant->id);
	json_time_set(object, "created", tenant->created_ms);
	json_array_append_new(data, object);
	return true;
}

static bool list_run(struct command *command, GError **error)
{
	static const char *const columns[] = { "name", "display_name", "issuer", NULL };
	g_autoptr(json_t) list = json_array();
	struct unit *unit = command_reader(command, error);
	if (!unit || !tenant_list(unit, tenant_line, list, error))
		return false;
	print_list(command, list, columns);
	return true;
}

/* The tenant that is the first word, or as for every verb where there is none. */
static struct tenant *tenant_named(struct command *command, GError **error)
{
	if (command_word(command, 0))
		json_object_set_new(command->options, "tenant", json_string(command_word(command, 0)));
	return command_tenant(command, error);
}

static bool show_run(struct command *command, GError **error)
{
	g_autoptr(tenant_t) tenant = tenant_named(command, error);
	if (!tenant || !command_note_read(command, tenant, "tenant show", error))
		return false;
	g_autoptr(json_t) object = tenant_declared(tenant, command->setting->base_url);
	json_object_set_new(object, "issuer", json_string(tenant->issuer));
	json_object_set_new(object, "id", json_string(tenant->id));
	json_time_set(object, "created", tenant->created_ms);
	print_object(command, object);
	return true;
}

static bool remove_work(struct unit *unit, void *data, GError **error)
{
	const struct tenant *tenant = data;
	return tenant_remove(unit, tenant->id, error);
}

/* Its log goes with it, so the act is said in the process log instead. */
static bool remove_run(struct command *command, GError **error)
{
	g_autoptr(tenant_t) tenant = tenant_named(command, error);
	if (!tenant || !command_confirm(command, "the tenant, its accounts, clients, keys and log:", tenant->name, error))
		return false;
	if (!store_write(command->store, remove_work, tenant, error))
		return false;
	log_line(LOG_LEVEL_WARNING, "tenant.remove", "tenant", tenant->name, "id", tenant->id, "actor", command->actor, NULL);
	if (!command->json)
		printf("- tenant %s\n", tenant->name);
	return true;
}

const struct verb tenant_verbs[] = {
	{ .object = "tenant", .name = "list", .run = list_run, .summary = "the tenants of this gateway" },
	{ .object = "tenant", .name = "show", .words = "[NAME]", .words_max = 1, .run = show_run, .summary = "one tenant's settings" },
	{ .object = "tenant", .name = "add", .words = "NAME", .words_min = 1, .words_max = 1, .keys = tenant_keys, .run = tenant_make,
	  .summary = "make a tenant; --display-name --issuer --locale --domains" },
	{ .object = "tenant", .name = "remove", .words = "NAME", .words_min = 1, .words_max = 1, .run = remove_run,
	  .summary = "remove a tenant and everything of it, for good" },
	{ 0 },
};
