/* The program: global options, then the command. `serve`, `check` and `version` are this file's and its neighbours'; everything else is a verb of
 * gateway/admin. Exit status: 0 done, 1 failed or found wrong, 2 wrong usage. */
#include "base/json.h"
#include "gateway/admin/command.h"
#include "gateway/check.h"
#include "gateway/config.h"
#include "gateway/serve.h"
#include "providers/provider.h"
#include "providers/verifier/verifier.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* Takes `--config FILE` or `--config=FILE` out of the arguments, wherever it stands. False: it has no value. */
static bool config_option_take(int *argc, char **argv, const char **ret_path)
{
	int kept = 1;
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], "--config") == 0) {
			if (++i == *argc)
				return false;
			*ret_path = argv[i];
		} else if (g_str_has_prefix(argv[i], "--config=")) {
			*ret_path = argv[i] + strlen("--config=");
		} else {
			argv[kept++] = argv[i];
		}
	}
	*argc = kept;
	argv[kept] = NULL;
	return !*ret_path || **ret_path;
}

static int wrong_usage(const char *what, const char *word)
{
	fprintf(stderr, "passerelle: %s%s%s\n\n", what, word ? ": " : "", word ? word : "");
	command_usage(stderr);
	return EXIT_USAGE;
}

static bool only_json_follows(int argc, char **argv, bool *ret_json)
{
	*ret_json = argc == 3 && strcmp(argv[2], "--json") == 0;
	return argc == 2 || *ret_json;
}

static int version_print(int argc, char **argv)
{
	bool json = false;
	if (!only_json_follows(argc, argv, &json))
		return wrong_usage("version takes only --json", NULL);
	printf(json ? "{\"name\":\"passerelle\",\"version\":\"%s\"}\n" : "passerelle %s\n", PASSERELLE_VERSION);
	return EXIT_DONE;
}

static int say_failed(const GError *error)
{
	fprintf(stderr, "%s\n", error->message);
	return EXIT_FAILED_COMMAND;
}

static int check_print(const char *config_path, int argc, char **argv)
{
	bool json = false;
	if (!only_json_follows(argc, argv, &json))
		return wrong_usage("check takes only --json", NULL);
	return check_run(config_path, json);
}

static int serve_start(const char *config_path, int argc)
{
	if (argc != 2)
		return wrong_usage("serve takes no arguments", NULL);
	g_autoptr(GError) error = NULL;
	struct config *config = config_load(config_path, &error);
	if (!config)
		return say_failed(error);
	int status = serve_run(config);
	config_free(config);
	return status;
}

static int administer(const char *config_path, int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	struct config *config = config_load(config_path, &error);
	if (!config)
		return say_failed(error);
	log_init(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
	const struct command_setting setting = {
		.store = config->store,
		.secret_key_file = config->secret_key_file,
		.base_url = config->base_url,
		.password_hash = config->password_hash,
		.outbound = config_outbound(config),
	};
	int status = command_run(&setting, argc - 1, argv + 1);
	config_free(config);
	return status;
}

int main(int argc, char **argv)
{
	const char *config_path = NULL;
	if (argc == 2 && strcmp(argv[1], VERIFIER_VERB) == 0)
		return verifier_main();
	/* The database, the key file and what export writes are nobody else's to read. */
	umask(077);
	signal(SIGPIPE, SIG_IGN); /* libldap writes to sockets that the other side may have closed */
	providers_start();
	if (!config_option_take(&argc, argv, &config_path))
		return wrong_usage("--config needs a file", NULL);
	if (argc < 2)
		return wrong_usage("say what to do", NULL);
	if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0)
		return version_print(argc, argv);
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		command_usage(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "serve") == 0)
		return serve_start(config_path, argc);
	if (strcmp(argv[1], "check") == 0)
		return check_print(config_path, argc, argv);
	if (!command_known(argv[1]))
		return wrong_usage("no such command", argv[1]);
	return administer(config_path, argc, argv);
}
