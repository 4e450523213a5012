/* The command line's verbs: passerelle OBJECT VERB NAME --tenant T. */
#pragma once
#include "base/schema.h"
#include "crypto/password.h"
#include "providers/fetch.h"
#include <stdbool.h>
#include <stdio.h>

/* What a verb needs of the configuration. */
struct command_setting {
	const char *store;            /* "sqlite:/absolute/path" */
	const char *secret_key_file;
	const char *base_url;         /* default issuers are {base_url}/t/{name} */
	struct password_cost password_hash;
	struct fetch_options outbound;
};

enum { EXIT_DONE = 0, EXIT_FAILED_COMMAND = 1, EXIT_USAGE = 2 };

/* Runs one command (apply, export, tenant, user, client, key, log, …); argv[0] is the object. Returns the exit status; says why on standard error. */
int command_run(const struct command_setting *setting, int argc, char **argv);
/* Whether the first word names a command of this floor. */
bool command_known(const char *object);
/* Calls `each` for every command there is: how it is written, what it does in one line, and the keys of a declaration that it takes as options (or NULL). */
void commands_tell(void (*each)(const char *synopsis, const char *summary, const struct key_rule *keys, void *data), void *data);
/* Prints the list of commands. */
void command_usage(FILE *to);
