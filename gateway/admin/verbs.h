/* What the verbs of the command line share: their words and options, the store, the tenant, the printout. For the files of this folder only. */
#pragma once
#include "base/schema.h"
#include "crypto/password.h"
#include "gateway/admin/command.h"
#include "gateway/audit/audit.h"
#include "gateway/store/store.h"
#include "providers/provider.h"

struct command;

struct verb {
	const char *object, *name;    /* name NULL: the object is the whole command, as in `apply` */
	const char *words;            /* for the usage line: "NAME" */
	unsigned words_min, words_max;
	const char *options;          /* "since= dry-run": with = it takes a value. --tenant, --json and --yes are known to all */
	const struct key_rule *keys;  /* for `add`: every key that fits on a command line is an option too */
	const char *summary;
	bool (*run)(struct command *command, GError **error);
};

struct command {
	const struct command_setting *setting;
	const struct verb *verb;
	GPtrArray *words;             /* char *, borrowed from argv */
	json_t *options;              /* name -> value, or true for one without */
	json_t *keys;                 /* what `add` was given, as a declaration would say it */
	bool json, yes;
	bool usage_wrong;             /* set with *error: exit 2 */
	struct store *store;
	struct root_keys *keyring_file;
	struct provider_place ways;   /* command_ways */
	char *actor;                  /* "cli:root" */
	int64_t now_ms;
};

/* The tables of each object's file, closed by an empty row. */
extern const struct verb backup_verbs[], apply_verbs[], tenant_verbs[], user_verbs[], client_verbs[], provider_verbs[], session_verbs[], key_verbs[], secret_key_verbs[],
	log_verbs[];

const char *command_word(const struct command *command, unsigned index); /* NULL past the last */
const char *command_option(const struct command *command, const char *name); /* "" for one without value, NULL when absent */
/* Sets *error and makes the exit status 2. Returns false. */
bool command_misused(struct command *command, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Opens the store, once. */
bool command_open(struct command *command, bool create, GError **error);
/* The ways out for providers, opened once. NULL with *error. */
const struct provider_place *command_ways(struct command *command, GError **error);
/* This thread's reader; opens the store when that was not done. */
struct unit *command_reader(struct command *command, GError **error);
/* The tenant of --tenant, or the only one. NULL with *error. Caller unrefs. */
struct tenant *command_tenant(struct command *command, GError **error);
/* The account a person would name so (user name, or an address that only one has) or whose id it is. MISSING says so in *error. */
enum found account_named(struct unit *unit, const struct tenant *tenant, const char *word, struct account *ret, GError **error);
/* Asks on a terminal for the name to be typed; elsewhere --yes must have been given. */
bool command_confirm(struct command *command, const char *what, const char *name, GError **error);

/* One administrative act on a tenant, with its row in the log, in one transaction. */
struct act {
	bool (*work)(struct unit *unit, struct act *act, GError **error);
	void *data;
	const struct tenant *tenant;
	struct audit_facts facts; /* result, reason, actor and time are filled in */
	const struct command *command;
};
bool command_act(struct command *command, struct act *act, GError **error);
/* A row that says that data of the tenant was read; `what` is kept with it. */
bool command_note_read(struct command *command, const struct tenant *tenant, const char *what, GError **error);

/* backup.c. Writes one act that concerns all tenants into the log of each; *ret_tenants: how many there are. */
bool tenants_note(struct command *command, struct store *store, enum audit_event event, const json_t *detail, guint *ret_tenants, GError **error);

/* progress.c. One line on standard error while a long work goes on: on a terminal only, and gone when it ends. */
struct progress {
	const char *what;
	bool shown;
	int percent;
};
void progress_step(int64_t done, int64_t all, void *progress);
void progress_end(struct progress *progress);

/* Printing. A list is an array with --json, else a table of these columns; an object is itself, else "key value" lines. */
void print_list(const struct command *command, const json_t *list, const char *const *columns);
void print_object(const struct command *command, const json_t *object);
/* Text from the store on a terminal: control characters are shown, never sent (SECURITY AU-4). */
void print_plain(FILE *to, const char *text);
/* Adds an RFC 3339 time; nothing for 0. */
void json_time_set(json_t *object, const char *key, int64_t unix_ms);

/* The password rules of a tenant applied to a new password. */
bool password_acceptable(const struct tenant *tenant, const struct account *account, const struct secret *password, GError **error);
/* From standard input, or asked twice on a terminal without echo. NFC. Caller frees. */
struct secret *password_ask(GError **error);
/* One that is there already: from standard input, or asked once on a terminal without echo. NFC. Caller frees. */
struct secret *password_ask_once(const char *prompt, GError **error);

/* apply.c. Adds one object by hand: `list` is "users", "clients" …; it is command->keys with the first word as its name. `password` may be NULL. */
bool member_add(struct command *command, const char *list, const char *name_key, struct secret *password, GError **error);
/* Makes a tenant of command->keys; it must be new. */
bool tenant_make(struct command *command, GError **error);

/* recheck.c. Asks every source of the tenant that knows the account and can be asked whether the person is still there, and draws the consequences that the use of a
 * refresh token would, in one transaction with its record: [{"provider", "reason", "ended", "answered"}], one for each that was asked. NULL with *error. Caller owns. */
json_t *account_recheck(struct command *command, const struct tenant *tenant, const struct account *account, GError **error);

/* links.c. Names of the tenant's providers; NULL with *error. Caller owns. */
GPtrArray *provider_names(struct unit *unit, const char *tenant, GError **error);
/* [{"provider":…, "subject":…}]: one for each of these providers that knows the account, as a declaration has it. NULL with *error. Caller owns. */
json_t *account_links(struct unit *unit, const char *tenant, const char *account, const GPtrArray *providers, GError **error);

/* export.c. */
bool export_run(struct command *command, GError **error);
/* Declarations of what is stored (export.c). Caller owns. */
json_t *settings_declared(const json_t *settings, const struct key_rule *keys);
json_t *account_declared(const struct account *account, const char *stored, bool with_id);
json_t *client_declared(const struct client *client, bool with_secrets);
json_t *provider_declared(const struct provider_record *provider, bool with_secrets);
json_t *tenant_declared(const struct tenant *tenant, const char *base_url);
/* Writes a tree as YAML (yaml_write.c). False when the stream fails. */
bool yaml_write(FILE *to, const json_t *root);
