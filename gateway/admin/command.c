/* The command line: finding the verb, reading its options, running it. Each object's file brings a table of its verbs; the list of commands, the options
 * that are accepted and the usage lines come from those tables. */
#include "gateway/admin/verbs.h"

#include "base/clock.h"
#include "crypto/root_keys.h"
#include "gateway/call/ways.h"

#include <string.h>

static const struct verb *const tables[] = { backup_verbs, apply_verbs, tenant_verbs, user_verbs, client_verbs, provider_verbs, session_verbs, key_verbs, secret_key_verbs, log_verbs };

/* The program's own (gateway/main.c); for the lists only. */
static const struct verb programs[] = {
	{ .object = "serve", .summary = "run the service" },
	{ .object = "check", .summary = "look at configuration, key file and store, and say what is wrong" },
	{ .object = "version", .summary = "say which version this is" },
	{ 0 },
};

/* Caller frees. */
static char *synopsis_of(const struct verb *verb)
{
	g_auto(GStrv) options = g_strsplit(verb->options ? verb->options : "", " ", -1);
	GString *line = g_string_new(verb->object);
	const char *const more[] = { verb->name, verb->words };
	for (size_t i = 0; i < G_N_ELEMENTS(more); i++)
		if (more[i])
			g_string_append_printf(line, " %s", more[i]);
	for (size_t i = 0; options[i]; i++)
		if (*options[i] && strcmp(options[i], "file=") != 0)
			g_string_append_printf(line, " [--%s%s]", options[i], g_str_has_suffix(options[i], "=") ? "…" : "");
	return g_string_free(line, FALSE);
}

static void usage_line(const char *synopsis, const char *summary, const struct key_rule *keys, void *to)
{
	(void)keys;
	fprintf(to, "  passerelle %s\n      %s\n", synopsis, summary);
}

static void usage_of(FILE *to, const struct verb *verb)
{
	g_autofree char *synopsis = synopsis_of(verb);
	usage_line(synopsis, verb->summary, verb->keys, to);
}

void commands_tell(void (*each)(const char *synopsis, const char *summary, const struct key_rule *keys, void *data), void *data)
{
	for (size_t t = 0; t <= G_N_ELEMENTS(tables); t++)
		for (const struct verb *verb = t == 0 ? programs : tables[t - 1]; verb->object; verb++) {
			g_autofree char *synopsis = synopsis_of(verb);
			each(synopsis, verb->summary, verb->keys, data);
		}
}

void command_usage(FILE *to)
{
	fputs("Usage: passerelle [--config FILE] COMMAND [--tenant T] [--json] [--yes]\n\n", to);
	commands_tell(usage_line, to);
}

bool command_known(const char *object)
{
	for (size_t t = 0; t < G_N_ELEMENTS(tables); t++)
		for (const struct verb *verb = tables[t]; verb->object; verb++)
			if (strcmp(verb->object, object) == 0)
				return true;
	return false;
}

/* *ret_taken: how many words the name took. */
static const struct verb *verb_find(int argc, char **argv, int *ret_taken)
{
	for (size_t t = 0; t < G_N_ELEMENTS(tables); t++) {
		for (const struct verb *verb = tables[t]; verb->object; verb++) {
			if (strcmp(verb->object, argv[0]) != 0 || (verb->name && (argc < 2 || strcmp(verb->name, argv[1]) != 0)))
				continue;
			*ret_taken = verb->name ? 2 : 1;
			return verb;
		}
	}
	return NULL;
}

bool command_misused(struct command *command, GError **error, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	command->usage_wrong = true;
	return fail(error, ERROR_INVALID_REQUEST, "%s", text);
}

const char *command_word(const struct command *command, unsigned index)
{
	return index < command->words->len ? g_ptr_array_index(command->words, index) : NULL;
}

const char *command_option(const struct command *command, const char *name)
{
	const json_t *value = json_object_get(command->options, name);
	return json_is_string(value) ? json_string_value(value) : value ? "" : NULL;
}

enum option_kind { OPTION_UNKNOWN = 0, OPTION_FLAG, OPTION_VALUE };

static enum option_kind option_kind_of(const struct verb *verb, const char *name)
{
	static const char common[] = "json yes tenant= ";
	g_autofree char *all = g_strconcat(common, verb->options, NULL);
	g_auto(GStrv) known = g_strsplit(all, " ", -1);
	g_autofree char *with_value = g_strconcat(name, "=", NULL);
	if (!*name || strchr(name, '='))
		return OPTION_UNKNOWN;
	if (g_strv_contains((const char *const *)known, with_value))
		return OPTION_VALUE;
	return g_strv_contains((const char *const *)known, name) ? OPTION_FLAG : OPTION_UNKNOWN;
}

static const struct key_rule *option_rule(const struct verb *verb, const char *name)
{
	g_autofree char *key = g_strdelimit(g_strdup(name), "-", '_');
	for (const struct key_rule *rule = verb->keys; rule && rule->name; rule++)
		if (strcmp(rule->name, key) == 0)
			return rule;
	return NULL;
}

/* A key of the declaration, given as an option. Lists are given by repeating it. */
static bool key_option_set(struct command *command, const struct key_rule *rule, const char *value, GError **error)
{
	switch (rule->type) {
	case KEY_BOOLEAN:
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return command_misused(command, error, "--%s takes true or false", rule->name);
		json_object_set_new(command->keys, rule->name, json_boolean(strcmp(value, "true") == 0));
		return true;
	case KEY_INTEGER:
		json_object_set_new(command->keys, rule->name, json_integer(g_ascii_strtoll(value, NULL, 10)));
		return true;
	case KEY_STRINGS:
	case KEY_URLS:
	case KEY_ANY:
		if (!json_object_get(command->keys, rule->name))
			json_object_set_new(command->keys, rule->name, json_array());
		json_array_append_new(json_object_get(command->keys, rule->name), json_string(value));
		return true;
	case KEY_SECRET:
		if (!g_str_has_prefix(value, "file:") && !g_str_has_prefix(value, "${"))
			return command_misused(command, error, "--%s: a secret on the command line is seen by everybody on this machine; give file:PATH", rule->name);
		json_object_set_new(command->keys, rule->name, json_string(value));
		return true;
	case KEY_STRING:
	case KEY_DURATION:
	case KEY_SIZE:
	case KEY_CHOICE:
	case KEY_SCOPE:
	case KEY_FILE:
	case KEY_URL:
	case KEY_NOT_YET:
		json_object_set_new(command->keys, rule->name, json_string(value));
		return true;
	case KEY_OBJECT:
	case KEY_OBJECTS:
	case KEY_MAP:
		return command_misused(command, error, "%s does not fit on a command line: use `passerelle apply`", rule->name);
	}
	return command_misused(command, error, "--%s is not understood", rule->name);
}

/* One "--name", "--name value" or "--name=value"; *index moves past what was taken. */
static bool option_read(struct command *command, int argc, char **argv, int *index, GError **error)
{
	const char *text = strcmp(argv[*index], "-f") == 0 ? "file" : argv[*index] + 2;
	const char *equals = strchr(text, '=');
	g_autofree char *name = equals ? g_strndup(text, (gsize)(equals - text)) : g_strdup(text);
	const char *value = equals ? equals + 1 : NULL;
	enum option_kind kind = option_kind_of(command->verb, name);
	const struct key_rule *rule = kind == OPTION_UNKNOWN ? option_rule(command->verb, name) : NULL;
	if (kind == OPTION_UNKNOWN && !rule)
		return command_misused(command, error, "there is no option --%s here", name);
	if (kind == OPTION_FLAG) {
		if (value)
			return command_misused(command, error, "--%s takes no value", name);
		json_object_set_new(command->options, name, json_true());
		return true;
	}
	if (!value && rule && rule->type == KEY_BOOLEAN)
		value = "true";
	if (!value && ++*index < argc)
		value = argv[*index];
	if (!value)
		return command_misused(command, error, "--%s needs a value", name);
	if (!g_utf8_validate(value, -1, NULL))
		return command_misused(command, error, "--%s is not UTF-8", name);
	if (rule)
		return key_option_set(command, rule, value, error);
	json_object_set_new(command->options, name, json_string(value));
	return true;
}

static bool arguments_read(struct command *command, int argc, char **argv, GError **error)
{
	bool only_words = false;
	for (int i = 0; i < argc; i++) {
		if (!only_words && strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (!only_words && (g_str_has_prefix(argv[i], "--") || strcmp(argv[i], "-f") == 0)) {
			if (!option_read(command, argc, argv, &i, error))
				return false;
		} else if (!g_utf8_validate(argv[i], -1, NULL))
			return command_misused(command, error, "an argument is not UTF-8");
		else
			g_ptr_array_add(command->words, argv[i]);
	}
	command->json = command_option(command, "json");
	command->yes = command_option(command, "yes");
	if (command->words->len < command->verb->words_min)
		return command_misused(command, error, "%s is missing", command->verb->words);
	if (command->words->len > command->verb->words_max)
		return command_misused(command, error, "%s: one word too many", command_word(command, command->verb->words_max));
	return true;
}

static int command_finish(struct command *command, bool done, const GError *error)
{
	/* A mistake in a file begins with the file's name, so that editors jump there. */
	if (!done)
		fprintf(stderr, "%s%s\n", error_code_of(error) == ERROR_MALFORMED ? "" : "passerelle: ", error->message);
	if (command->usage_wrong)
		usage_of(stderr, command->verb);
	ways_close(&command->ways);
	store_close(command->store);
	root_keys_free(command->keyring_file);
	g_ptr_array_unref(command->words);
	json_decref(command->options);
	json_decref(command->keys);
	g_free(command->actor);
	if (fflush(stdout) != 0 && done) {
		fputs("passerelle: the output could not be written\n", stderr);
		return EXIT_FAILED_COMMAND;
	}
	return done ? EXIT_DONE : command->usage_wrong ? EXIT_USAGE : EXIT_FAILED_COMMAND;
}

int command_run(const struct command_setting *setting, int argc, char **argv)
{
	int taken = 0;
	const struct verb *verb = verb_find(argc, argv, &taken);
	if (!verb) {
		fprintf(stderr, "passerelle: %s%s%s: no such command\n", argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
		command_usage(stderr);
		return EXIT_USAGE;
	}
	struct command command = {
		.setting = setting, .verb = verb, .words = g_ptr_array_new(), .options = json_object(), .keys = json_object(), .now_ms = clock_now_ms(),
		.actor = g_strconcat("cli:", g_get_user_name(), NULL),
	};
	g_autoptr(GError) error = NULL;
	bool done = arguments_read(&command, argc - taken, argv + taken, &error) && verb->run(&command, &error);
	return command_finish(&command, done, error);
}
