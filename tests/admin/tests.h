/* A temporary folder with a configuration's worth of settings, and what several files of these tests need. */
#pragma once
#include "gateway/admin/command.h"
#include "gateway/admin/declaration.h"
#include "gateway/admin/open.h"
#include "gateway/audit/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct place {
	char *folder, *address, *key_file;
	struct command_setting setting;
	struct store *store;       /* opened by place_open */
	struct root_keys *keys;
};

struct place *place_new(void);
/* Takes the folder away with everything in it. */
void place_free(struct place *place);
void place_open(struct place *place);
/* Writes `text` to a file in the folder and gives its path. Caller frees. */
char *place_write(const struct place *place, const char *name, const char *text);

/* Runs one command in this process; what it printed on either stream. Words closed by NULL. Caller frees *ret_out and *ret_error. */
int place_run(struct place *place, char **ret_out, char **ret_error, ...) G_GNUC_NULL_TERMINATED;
/* `apply` of this text; the exit status. */
int place_apply(struct place *place, const char *text);

extern const struct CMUnitTest config_tests[], declaration_tests[], plan_tests[], provider_tests[], log_tests[], yaml_tests[];
extern const size_t config_count, declaration_count, plan_count, provider_count, log_count, yaml_count;
