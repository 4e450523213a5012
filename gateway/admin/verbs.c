/* What the verbs share: the store and the tenant, acts with their log row, confirmation, printing, passwords typed by a person. */
#include "gateway/admin/verbs.h"

#include "base/clock.h"
#include "base/text.h"
#include "crypto/compare.h"
#include "gateway/admin/open.h"
#include "gateway/call/ways.h"
#include "policies/password_rules.h"

#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

bool command_open(struct command *command, bool create, GError **error)
{
	return command->store || store_open_configured(command->setting, create, &command->store, &command->keyring_file, error);
}

struct unit *command_reader(struct command *command, GError **error)
{
	return command_open(command, false, error) ? store_reader(command->store, error) : NULL;
}

const struct provider_place *command_ways(struct command *command, GError **error)
{
	if (!command->ways.fetcher && !ways_open(&command->setting->outbound, &command->ways, error))
		return NULL;
	return &command->ways;
}

static bool tenant_name_collect(const struct tenant *tenant, void *data)
{
	g_ptr_array_add(data, g_strdup(tenant->name));
	return true;
}

/* Without --tenant only where nobody can be mistaken. */
static const char *tenant_name_choose(struct command *command, struct unit *unit, GPtrArray *names, GError **error)
{
	const char *given = command_option(command, "tenant");
	if (given)
		return given;
	if (!tenant_list(unit, tenant_name_collect, names, error))
		return NULL;
	if (names->len == 1)
		return g_ptr_array_index(names, 0);
	if (names->len == 0) {
		fail(error, ERROR_NOT_FOUND, "there is no tenant yet: `passerelle tenant add NAME` or `passerelle apply` makes one");
		return NULL;
	}
	command_misused(command, error, "there are %u tenants: say which with --tenant", names->len);
	return NULL;
}

struct tenant *command_tenant(struct command *command, GError **error)
{
	struct tenant *tenant = NULL;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	struct unit *unit = command_reader(command, error);
	const char *name = unit ? tenant_name_choose(command, unit, names, error) : NULL;
	if (!name)
		return NULL;
	enum found found = tenant_find_named(unit, name, &tenant, error);
	if (found == MISSING)
		fail(error, ERROR_NOT_FOUND, "no tenant is named %s", name);
	return found == FOUND ? tenant : NULL;
}

bool command_confirm(struct command *command, const char *what, const char *name, GError **error)
{
	if (command->yes)
		return true;
	if (!isatty(STDIN_FILENO))
		return command_misused(command, error, "removing needs --yes when nobody can be asked");
	fprintf(stderr, "This removes %s ", what);
	print_plain(stderr, name);
	fputs(" for good. Type its name to go on: ", stderr);
	char *line = NULL;
	size_t room = 0;
	ssize_t length = getline(&line, &room, stdin);
	bool same = length > 0 && strcmp(g_strchomp(line), name) == 0;
	free(line);
	return same || fail(error, ERROR_CONFLICT, "that is not the name; nothing was removed");
}

static bool act_work(struct unit *unit, void *data, GError **error)
{
	struct act *act = data;
	if (act->work && !act->work(unit, act, error))
		return false;
	struct audit_facts facts = act->facts;
	facts.result = AUDIT_OK;
	facts.reason = REASON_OK;
	facts.actor = act->command->actor;
	facts.time_ms = act->command->now_ms;
	return audit_append(unit, act->command->store, act->tenant, &facts, true, error);
}

bool command_act(struct command *command, struct act *act, GError **error)
{
	act->command = command;
	return command_open(command, false, error) && store_write(command->store, act_work, act, error);
}

bool command_note_read(struct command *command, const struct tenant *tenant, const char *what, GError **error)
{
	g_autoptr(json_t) detail = json_pack("{s:s}", "read", what);
	struct act act = { .tenant = tenant, .facts = { .event = EVENT_LOG_READ, .detail = detail } };
	return command_act(command, &act, error);
}

void print_plain(FILE *to, const char *text)
{
	for (const char *c = text; *c; c += g_utf8_skip[(guchar)*c]) {
		gunichar character = g_utf8_get_char_validated(c, -1);
		if (character == (gunichar)-1 || character == (gunichar)-2)
			break;
		char bytes[6];
		if (g_unichar_isprint(character))
			fwrite(bytes, 1, (size_t)g_unichar_to_utf8(character, bytes), to);
		else
			fprintf(to, "\\u%04x", (unsigned)character);
	}
}

static char *value_text(const json_t *value)
{
	if (!value || json_is_null(value))
		return g_strdup("");
	if (json_is_string(value))
		return g_strdup(json_string_value(value));
	if (!json_is_array(value))
		return json_text(value);
	GString *text = g_string_new("");
	size_t i;
	json_t *item;
	json_array_foreach(value, i, item) {
		g_autofree char *one = value_text(item);
		g_string_append_printf(text, "%s%s", i ? " " : "", one);
	}
	return g_string_free(text, FALSE);
}

static void pad(size_t shown, size_t width)
{
	while (shown++ < width + 2)
		putchar(' ');
}

void print_list(const struct command *command, const json_t *list, const char *const *columns)
{
	if (command->json) {
		json_dumpf(list, stdout, JSON_INDENT(2));
		putchar('\n');
		return;
	}
	size_t widths[16] = { 0 }, count = 0, i;
	json_t *row;
	for (; columns[count] && count < G_N_ELEMENTS(widths); count++) {
		widths[count] = strlen(columns[count]);
		json_array_foreach(list, i, row) {
			g_autofree char *text = value_text(json_object_get(row, columns[count]));
			widths[count] = MAX(widths[count], (size_t)g_utf8_strlen(text, -1));
		}
	}
	for (size_t c = 0; c < count && json_array_size(list); c++) {
		fputs(columns[c], stdout);
		if (c + 1 < count)
			pad(strlen(columns[c]), widths[c]);
	}
	fputs(json_array_size(list) ? "\n" : "", stdout);
	json_array_foreach(list, i, row) {
		for (size_t c = 0; c < count; c++) {
			g_autofree char *text = value_text(json_object_get(row, columns[c]));
			print_plain(stdout, text);
			if (c + 1 < count)
				pad((size_t)g_utf8_strlen(text, -1), widths[c]);
		}
		putchar('\n');
	}
}

static void print_members(const json_t *object, const char *prefix)
{
	for (void *place = json_object_iter((json_t *)(uintptr_t)object); place; place = json_object_iter_next((json_t *)(uintptr_t)object, place)) {
		const json_t *value = json_object_iter_value(place);
		g_autofree char *name = g_strconcat(prefix, json_object_iter_key(place), NULL);
		if (json_is_object(value)) {
			g_autofree char *below = g_strconcat(name, ".", NULL);
			print_members(value, below);
			continue;
		}
		g_autofree char *text = value_text(value);
		printf("%-34s ", name);
		print_plain(stdout, text);
		putchar('\n');
	}
}

void print_object(const struct command *command, const json_t *object)
{
	if (!command->json) {
		print_members(object, "");
		return;
	}
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
}

void json_time_set(json_t *object, const char *key, int64_t unix_ms)
{
	char text[CLOCK_TEXT_SIZE];
	if (unix_ms <= 0)
		return;
	clock_format(unix_ms, text);
	json_object_set_new(object, key, json_string(text));
}

bool password_acceptable(const struct tenant *tenant, const struct account *account, const struct secret *password, GError **error)
{
	const struct password_rules rules = {
		.min_length = tenant->policy.password.min_length,
		.max_length = tenant->policy.password.max_length,
		.refuse_common = tenant->policy.password.refuse_common,
	};
	g_autofree char *mailbox = account->email ? g_strndup(account->email, strcspn(account->email, "@")) : NULL;
	const char *const words[] = { tenant->name, tenant->display_name, account->username, account->email, mailbox };
	const char *context[G_N_ELEMENTS(words) + 1] = { NULL };
	for (size_t i = 0, count = 0; i < G_N_ELEMENTS(words); i++)
		if (words[i])
			context[count++] = words[i];
	enum password_problem problem = password_judge(&rules, (const char *)secret_bytes(password), context);
	if (problem == PASSWORD_TOO_SHORT)
		return fail(error, ERROR_MALFORMED, "refused, expected another: %s (at least %u characters)", password_problem_text(problem), rules.min_length);
	return !problem || fail(error, ERROR_MALFORMED, "refused, expected another: %s", password_problem_text(problem));
}

/* One line without its newline, straight from the descriptor so that no stdio buffer keeps a copy. */
static struct secret *line_read(GError **error)
{
	char buffer[PASSWORD_MAX_BYTES + 2];
	size_t length = 0;
	ssize_t got = 0;
	while (length < sizeof(buffer) && (got = read(STDIN_FILENO, buffer + length, 1)) == 1 && buffer[length] != '\n')
		length++;
	bool too_long = length == sizeof(buffer);
	if (length > 0 && !too_long && buffer[length - 1] == '\r')
		length--;
	struct secret *line = too_long || got < 0 ? NULL : text_password(buffer, length, PASSWORD_MAX_BYTES);
	wipe(buffer, sizeof(buffer));
	if (!line)
		fail(error, ERROR_MALFORMED, "no usable password on standard input: expected one line of 1 to %d bytes of UTF-8", PASSWORD_MAX_BYTES);
	return line;
}

/* The prompt comes once the terminal is silent: whoever types as soon as it stands there is neither echoed nor, by the flush, unheard. */
static struct secret *line_ask(const char *prompt, GError **error)
{
	struct termios loud, silent;
	if (tcgetattr(STDIN_FILENO, &loud) != 0) {
		fail(error, ERROR_INTERNAL, "the terminal cannot be silenced: %s", g_strerror(errno));
		return NULL;
	}
	silent = loud;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	fputs(prompt, stderr);
	struct secret *line = line_read(error);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &loud);
	fputc('\n', stderr);
	return line;
}

struct secret *password_ask_once(const char *prompt, GError **error)
{
	return isatty(STDIN_FILENO) ? line_ask(prompt, error) : line_read(error);
}

struct secret *password_ask(GError **error)
{
	if (!isatty(STDIN_FILENO))
		return line_read(error);
	g_autoptr(secret_t) first = line_ask("New password: ", error);
	if (!first)
		return NULL;
	g_autoptr(secret_t) second = line_ask("The same again: ", error);
	if (!second)
		return NULL;
	if (secrets_equal(secret_bytes(first), secret_length(first), secret_bytes(second), secret_length(second)))
		return g_steal_pointer(&first);
	fail(error, ERROR_MALFORMED, "the two differ; nothing was changed");
	return NULL;
}
