/* `passerelle user`: the accounts of a tenant. An account is named by its login name, its mail address where only one has it, or its id. */
#include "gateway/admin/verbs.h"

#include "base/clock.h"
#include "base/text.h"
#include "gateway/admin/declaration_keys.h"

#include <string.h>

#define HASH_WAIT_MS 60000

static bool account_line(const struct account *account, void *data)
{
	json_t *object = account_declared(account, NULL, true);
	json_object_set_new(object, "disabled", json_boolean(account->disabled));
	json_array_append_new(data, object);
	return true;
}

static bool list_run(struct command *command, GError **error)
{
	static const char *const columns[] = { "username", "id", "email", "name", "groups", "disabled", NULL };
	g_autoptr(json_t) list = json_array();
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	struct unit *unit = tenant ? command_reader(command, error) : NULL;
	if (!unit || !account_list(unit, tenant->id, account_line, list, error) || !command_note_read(command, tenant, "user list", error))
		return false;
	print_list(command, list, columns);
	return true;
}

/* What every verb on one account starts with. */
struct user_act {
	struct tenant *tenant;
	struct account account;
	char *stored;              /* user.passwd */
	GPtrArray *sessions;       /* user.sign-out */
};

static void user_act_clear(struct user_act *user)
{
	tenant_unref(user->tenant);
	account_clear(&user->account);
	g_free(user->stored);
	if (user->sessions)
		g_ptr_array_unref(user->sessions);
}
typedef struct user_act user_act_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(user_act_t, user_act_clear)

enum found account_named(struct unit *unit, const struct tenant *tenant, const char *word, struct account *ret, GError **error)
{
	g_autofree char *key = text_login_key(word);
	enum found found = key ? account_find_login(unit, tenant->id, key, ret, error) : MISSING;
	if (found == MISSING && identifier_is_account(word))
		found = account_find(unit, tenant->id, word, ret, error);
	if (found == MISSING)
		fail(error, ERROR_NOT_FOUND, "tenant %s has no user %s", tenant->name, word);
	return found;
}

static bool user_find(struct command *command, struct user_act *user, GError **error)
{
	user->tenant = command_tenant(command, error);
	struct unit *unit = user->tenant ? command_reader(command, error) : NULL;
	return unit && account_named(unit, user->tenant, command_word(command, 0), &user->account, error) == FOUND;
}

static bool user_change(struct command *command, struct user_act *user, enum audit_event event, bool (*work)(struct unit *, struct act *, GError **),
                        GError **error)
{
	struct act act = {
		.work = work, .data = user, .tenant = user->tenant,
		.facts = { .event = event, .account = user->account.id, .username = user->account.username },
	};
	return command_act(command, &act, error);
}

static void user_said(const struct command *command, const struct user_act *user, const char *what)
{
	if (command->json)
		return;
	fputs("user ", stdout);
	print_plain(stdout, user->account.username);
	printf(": %s\n", what);
}

static bool session_count(const struct session *session, void *data)
{
	json_int_t *count = data;
	if (session->ended_ms == 0)
		(*count)++;
	return true;
}

static bool show_run(struct command *command, GError **error)
{
	g_auto(user_act_t) user = { 0 };
	g_autofree char *stored = NULL;
	json_int_t sessions = 0;
	if (!user_find(command, &user, error))
		return false;
	struct unit *unit = command_reader(command, error);
	g_autoptr(GPtrArray) providers = unit ? provider_names(unit, user.tenant->id, error) : NULL;
	g_autoptr(json_t) links = providers ? account_links(unit, user.tenant->id, user.account.id, providers, error) : NULL;
	if (!links || credential_find(unit, user.tenant->id, user.account.id, &stored, error) == BROKEN ||
	    !session_list(unit, user.tenant->id, user.account.id, session_count, &sessions, error) ||
	    !command_note_read(command, user.tenant, "user show", error))
		return false;
	g_autoptr(json_t) object = account_declared(&user.account, NULL, true);
	json_object_set_new(object, "disabled", json_boolean(user.account.disabled));
	json_object_set_new(object, "has_password", json_boolean(stored != NULL));
	json_object_set_new(object, "sessions", json_integer(sessions));
	json_object_set(object, "links", links);
	json_object_set_new(object, "declared", json_boolean(user.account.declared));
	json_time_set(object, "created", user.account.created_ms);
	json_time_set(object, "updated", user.account.updated_ms);
	json_time_set(object, "credentials_changed", user.account.credentials_changed_ms);
	print_object(command, object);
	return true;
}

static bool add_run(struct command *command, GError **error)
{
	g_autoptr(secret_t) password = command_option(command, "password-stdin") ? password_ask(error) : NULL;
	if (command_option(command, "password-stdin") && !password)
		return false;
	return member_add(command, "users", "username", password, error);
}

static bool passwd_work(struct unit *unit, struct act *act, GError **error)
{
	const struct user_act *user = act->data;
	/* the moment of the commit, not of the command's start: whoever signed in while it was typed is out too */
	return credential_set(unit, user->tenant->id, user->account.id, user->stored, clock_now_ms(), error);
}

/* Hashed before the transaction: the writer belongs to the running server too. */
static bool passwd_hash(struct command *command, struct user_act *user, const struct secret *password, GError **error)
{
	struct password_hasher *hasher = password_hasher_new(command->keyring_file, command->setting->password_hash, 1, error);
	if (!hasher)
		return false;
	user->stored = password_hash(hasher, password, clock_monotonic_ms() + HASH_WAIT_MS, error);
	password_hasher_free(hasher);
	return user->stored;
}

static bool passwd_run(struct command *command, GError **error)
{
	g_auto(user_act_t) user = { 0 };
	if (!user_find(command, &user, error))
		return false;
	g_autoptr(secret_t) password = password_ask(error);
	if (!password || !password_acceptable(user.tenant, &user.account, password, error) || !passwd_hash(command, &user, password, error) ||
	    !user_change(command, &user, EVENT_USER_PASSWORD, passwd_work, error))
		return false;
	user_said(command, &user, "password set, sessions and tokens from before ended");
	return true;
}

static bool disable_work(struct unit *unit, struct act *act, GError **error)
{
	const struct user_act *user = act->data;
	return account_set_disabled(unit, user->tenant->id, user->account.id, act->facts.event == EVENT_USER_DISABLE, clock_now_ms(), error);
}

static bool disable_run(struct command *command, GError **error)
{
	g_auto(user_act_t) user = { 0 };
	if (!user_find(command, &user, error) || !user_change(command, &user, EVENT_USER_DISABLE, disable_work, error))
		return false;
	user_said(command, &user, "disabled, sessions and tokens ended");
	return true;
}

static bool enable_run(struct command *command, GError **error)
{
	g_auto(user_act_t) user = { 0 };
	if (!user_find(command, &user, error) || !user_change(command, &user, EVENT_USER_ENABLE, disable_work, error))
		return false;
	user_said(command, &user, "enabled");
	return true;
}

static bool unlock_work(struct unit *unit, struct act *act, GError **error)
{
	const struct user_act *user = act->data;
	return throttle_clear_account(unit, user->tenant->id, user->account.id, error);
}

static bool unlock_run(struct command *command, GError **error)
{
	g_auto(user_act_t) user = { 0 };
	if (!user_find(command, &user, error) || !user_change(command, &user, EVENT_USER_UNLOCK, unlock_work, error))
		return false;
	user_said(command, &user, "unlocked");
	return true;
}

static bool session_collect(const struct session *session, void *data)
{
	if (session->ended_ms == 0)
		g_ptr_array_add(data, g_strdup(session->id));
	return true;
}

/* Listed inside the transaction: a session that began a moment ago ends too. */
static bool sign_out_work(struct unit *unit, struct act *act, GError **error)
{
	const struct user_act *user = act->data;
	g_ptr_array_set_size(user->sessions, 0);
	if (!session_list(unit, user->tenant->id, user->account.id, session_collect, user->sessions, error))
		return false;
	for (guint i = 0; i < user->sessions->len; i++)
		if (!session_end(unit, user->tenant->id, g_ptr_array_index(user->sessions, i), act->command->now_ms, error))
			return false;
	return true;
}

static bool sign_out_run(struct command *command, GError **error)
{
	g_auto(user_act_t) user = { .sessions = g_ptr_array_new_with_free_func(g_free) };
	if (!user_find(command, &user, error) || !user_change(command, &user, EVENT_USER_SIGN_OUT, sign_out_work, error))
		return false;
	g_autofree char *what = g_strdup_printf("signed out of %u session%s", user.sessions->len, user.sessions->len == 1 ? "" : "s");
	user_said(command, &user, what);
	return true;
}

static const char *recheck_words(const json_t *row)
{
	if (json_is_true(json_object_get(row, "ended")))
		return "sessions and tokens ended";
	return json_is_true(json_object_get(row, "answered")) ? "still there" : "not answered, nothing ended";
}

/* Exit 1 where somebody was not to be asked: then it is not known that the person may stay. */
static bool recheck_run(struct command *command, GError **error)
{
	g_auto(user_act_t) user = { 0 };
	if (!user_find(command, &user, error))
		return false;
	g_autoptr(json_t) rows = account_recheck(command, user.tenant, &user.account, error);
	size_t i, unanswered = 0;
	json_t *row;
	json_array_foreach(rows, i, row) {
		unanswered += !json_is_true(json_object_get(row, "answered"));
		g_autofree char *what = g_strdup_printf("%s: %s (%s)", json_string_at(row, "provider"), recheck_words(row), json_string_at(row, "reason"));
		user_said(command, &user, what);
	}
	if (rows && command->json)
		print_object(command, rows);
	return rows && (unanswered == 0 || fail(error, ERROR_UNAVAILABLE, "user %s: %zu of %zu providers did not answer", user.account.username, unanswered, i));
}

static bool remove_work(struct unit *unit, struct act *act, GError **error)
{
	const struct user_act *user = act->data;
	return account_remove(unit, user->tenant->id, user->account.id, error);
}

static bool remove_run(struct command *command, GError **error)
{
	g_auto(user_act_t) user = { 0 };
	if (!user_find(command, &user, error) || !command_confirm(command, "the user", user.account.username, error) ||
	    !user_change(command, &user, EVENT_USER_REMOVE, remove_work, error))
		return false;
	user_said(command, &user, "removed");
	return true;
}

#define ONE_USER .object = "user", .words = "NAME", .words_min = 1, .words_max = 1
const struct verb user_verbs[] = {
	{ .object = "user", .name = "list", .run = list_run, .summary = "the accounts of a tenant" },
	{ ONE_USER, .name = "show", .run = show_run, .summary = "one account" },
	{ ONE_USER, .name = "add", .options = "password-stdin", .keys = user_keys, .run = add_run,
	  .summary = "make an account; --email --email-verified --name --groups (repeated) --id" },
	{ ONE_USER, .name = "passwd", .run = passwd_run, .summary = "set a password: from standard input, or asked twice; ends sessions and tokens" },
	{ ONE_USER, .name = "disable", .run = disable_run, .summary = "shut an account; ends sessions and tokens" },
	{ ONE_USER, .name = "enable", .run = enable_run, .summary = "open it again" },
	{ ONE_USER, .name = "unlock", .run = unlock_run, .summary = "lift the locks of too many failures" },
	{ ONE_USER, .name = "sign-out", .run = sign_out_run, .summary = "end all sessions of an account" },
	{ ONE_USER, .name = "recheck", .run = recheck_run,
	  .summary = "ask its providers now whether the person is still there, as at a refresh; gone or disabled: ends sessions and tokens" },
	{ ONE_USER, .name = "remove", .run = remove_run, .summary = "remove an account; its id is never given again" },
	{ 0 },
};
