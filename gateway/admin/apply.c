/* `passerelle apply`: makes the store equal to a declaration, or says everything that is wrong with it and changes nothing. The verbs that add one object
 * go the same way with a declaration of that object alone. */
#include "gateway/admin/verbs.h"

#include "gateway/admin/plan.h"

#include <string.h>

struct apply_options {
	bool dry_run, prune;
};

static bool plan_carry_out(struct command *command, struct plan *plan, struct password_hasher *hasher, GError **error)
{
	return plan_prepare(plan, hasher, error) && plan_write(plan, command->store, command->actor, command->now_ms, error);
}

static bool plan_run(struct command *command, const struct plan_options *planning, bool dry_run, GError **error)
{
	g_autoptr(plan_t) plan = plan_make(planning, error);
	if (!plan)
		return false;
	if (!dry_run && !plan_carry_out(command, plan, planning->hasher, error))
		return false;
	plan_print(plan, command->json);
	return true;
}

static bool with_hasher(struct command *command, struct plan_options *planning, bool dry_run, GError **error)
{
	if (!command->keyring_file)
		return plan_run(command, planning, dry_run, error);
	planning->hasher = password_hasher_new(command->keyring_file, command->setting->password_hash, 1, error);
	if (!planning->hasher)
		return false;
	bool done = plan_run(command, planning, dry_run, error);
	password_hasher_free(planning->hasher);
	return done;
}

/* Where there is no store yet, mistakes are looked for first: a declaration with a mistake, or a dry run, makes no file at all. */
static bool declaration_bring(struct command *command, struct declaration *declaration, struct apply_options options, GError **error)
{
	enum found found = store_exists(command->setting->store, error);
	if (found == BROKEN)
		return false;
	struct unit *unit = found == FOUND ? command_reader(command, error) : NULL;
	if (found == FOUND && !unit)
		return false;
	struct root_keys *laid_ready = command->keyring_file ? NULL : root_keys_read(command->setting->secret_key_file, NULL);
	bool checked = declaration_cross_check(declaration, unit, command->keyring_file ? command->keyring_file : laid_ready, error);
	root_keys_free(laid_ready);
	if (!checked || !declaration_is_sound(declaration, error))
		return false;
	if (!options.dry_run && !command_open(command, true, error))
		return false;
	struct plan_options planning = { .declaration = declaration, .unit = unit, .now_ms = command->now_ms, .prune = options.prune };
	return with_hasher(command, &planning, options.dry_run, error);
}

static bool apply(struct command *command, GError **error)
{
	const char *file = command_option(command, "file");
	const struct apply_options options = { .dry_run = command_option(command, "dry-run"), .prune = command_option(command, "prune") };
	if (!file)
		return command_misused(command, error, "-f FILE is missing (- is standard input)");
	if (command_option(command, "tenant"))
		return command_misused(command, error, "the declaration names its tenants: --tenant has no place here");
	g_autoptr(declaration_t) declaration = declaration_read(file, command->setting->base_url, error);
	return declaration && declaration_bring(command, declaration, options, error);
}

bool member_add(struct command *command, const char *list, const char *name_key, struct secret *password, GError **error)
{
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	if (!tenant)
		return false;
	json_object_set_new(command->keys, name_key, json_string(command_word(command, 0)));
	g_autoptr(json_t) root = json_pack("{s:[{s:s, s:[O]}]}", "tenants", "name", tenant->name, list, command->keys);
	g_autoptr(declaration_t) declaration = declaration_of_json(root, true, command->setting->base_url, error);
	if (!declaration)
		return false;
	const struct declared_tenant *declared = g_ptr_array_index(declaration->tenants, 0);
	if (password && declared->users->len == 1) {
		struct declared_user *user = g_ptr_array_index(declared->users, 0);
		secret_free(user->password);
		user->password = secret_new(secret_bytes(password), secret_length(password));
	}
	return declaration_bring(command, declaration, (struct apply_options){ 0 }, error);
}

static bool tenant_is_new(struct command *command, const char *name, GError **error)
{
	enum found found = store_exists(command->setting->store, error);
	if (found != FOUND)
		return found == MISSING;
	g_autoptr(tenant_t) tenant = NULL;
	struct unit *unit = command_reader(command, error);
	found = unit ? tenant_find_named(unit, name, &tenant, error) : BROKEN;
	if (found == FOUND)
		return fail(error, ERROR_CONFLICT, "there is a tenant named %s already", name);
	return found == MISSING;
}

bool tenant_make(struct command *command, GError **error)
{
	const char *name = command_word(command, 0);
	json_object_set_new(command->keys, "name", json_string(name));
	if (!tenant_is_new(command, name, error))
		return false;
	g_autoptr(json_t) root = json_pack("{s:[O]}", "tenants", command->keys);
	g_autoptr(declaration_t) declaration = declaration_of_json(root, false, command->setting->base_url, error);
	return declaration && declaration_bring(command, declaration, (struct apply_options){ 0 }, error);
}

const struct verb apply_verbs[] = {
	{ .object = "apply", .words = "-f FILE|-", .options = "file= dry-run prune", .run = apply,
	  .summary = "make the store equal to a declaration; prints + ~ - per object; all or nothing" },
	{ .object = "export", .options = "with-secrets", .run = export_run, .summary = "the same declaration format back" },
	{ 0 },
};
