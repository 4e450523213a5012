/* Writes one man page, in mdoc(7): which one, its file's name says. The prose is here; every command, option, key, type, default and sentence is the tables'. */
#include "gateway/admin/command.h"
#include "gateway/admin/declaration_keys.h"
#include "gateway/admin/provider_settings.h"
#include "gateway/config.h"
#include "providers/provider.h"

#include <stdio.h>
#include <string.h>

#define DATE "November 24, 2026"

/* Text that roff takes as text. In an argument of a macro, quotes too. */
static void text_write(FILE *to, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", to);
	for (const char *c = text; *c; c++) {
		if (*c == '\\')
			fputs("\\e", to);
		else if (*c == '-')
			fputs("\\-", to);
		else if (*c == '"')
			fputs("\\(dq", to);
		else
			fputc(*c, to);
	}
}

static void line_write(FILE *to, const char *text)
{
	text_write(to, text);
	fputc('\n', to);
}

static void title_write(FILE *to, const char *name, int section, const char *what)
{
	g_autofree char *upper = g_ascii_strup(name, -1);
	fprintf(to, ".Dd %s\n.Dt %s %d\n.Os\n.Sh NAME\n.Nm %s\n.Nd %s\n", DATE, upper, section, name, what);
}

static void item_write(FILE *to, const char *macro, const char *name)
{
	fprintf(to, ".It %s \"", macro);
	text_write(to, name);
	fputs("\"\n", to);
}

/* --- keys --- */

static void standard_write(FILE *to, const struct key_rule *rule)
{
	if (rule->type == KEY_OBJECT || !rule->standard)
		return;
	fputs("Default: ", to);
	text_write(to, *rule->standard ? rule->standard : "empty");
	fputs(".\n", to);
}

/* "a.b" is `b` of the object `a`; "a[].b" is `b` of each of a list. */
static void keys_write(FILE *to, const struct key_rule *keys, const char *before)
{
	for (const struct key_rule *rule = keys; rule->name; rule++) {
		g_autofree char *name = g_strconcat(before, rule->name, NULL), *expected = schema_expected(rule);
		item_write(to, "Cm", name);
		line_write(to, rule->description);
		if (rule->type == KEY_NOT_YET) {
			fputs("Not built yet.\n", to);
		} else if (rule->type != KEY_ANY && rule->type != KEY_OBJECT) {
			fputs("It takes ", to);
			text_write(to, expected);
			fputs(rule->required ? ", and must be given.\n" : ".\n", to);
		}
		standard_write(to, rule);
		if (!rule->keys)
			continue;
		g_autofree char *below = g_strconcat(name, rule->type == KEY_OBJECTS ? "[]." : ".", NULL);
		keys_write(to, rule->keys, below);
	}
}

static void table_write(FILE *to, const char *title, const char *said, const struct key_rule *keys)
{
	fprintf(to, ".Sh %s\n", title);
	line_write(to, said);
	fputs(".Bl -tag -width Ds\n", to);
	keys_write(to, keys, "");
	fputs(".El\n", to);
}

/* --- passerelle(8) --- */

static void command_write(const char *synopsis, const char *summary, const struct key_rule *keys, void *data)
{
	FILE *to = data;
	g_auto(GStrv) parts = g_strsplit(synopsis, "…", -1);
	g_autofree char *plain = g_strjoinv("VALUE", parts);
	item_write(to, "Ic", plain);
	g_autofree char *sentence = g_strdup_printf("%c%s.", g_ascii_toupper(summary[0]), summary + 1);
	line_write(to, sentence);
	if (keys)
		fputs("Keys that\n.Xr passerelle-declaration 5\ntells are options too, with hyphens, where their value fits on a command line; lists are given by repeating them.\n", to);
}

static void program_page(FILE *to)
{
	title_write(to, "passerelle", 8, "authentication gateway: one OpenID provider before many sources of identity");
	fputs(".Sh SYNOPSIS\n.Nm\n.Op Fl \\-config Ar FILE\n.Ar COMMAND\n.Op Fl \\-tenant Ar T\n.Op Fl \\-json\n.Op Fl \\-yes\n"
	      ".Sh DESCRIPTION\n.Nm\nstands between sources of identity and applications, to which it is an OAuth 2.0 authorization server and OpenID provider.\n"
	      "The same program is the service and its administration: a change that a command has made holds for every request that the running server accepts\n"
	      "after the command has returned.\n"
	      ".Pp\nOptions that every command takes:\n.Bl -tag -width Ds\n"
	      ".It Fl \\-config Ar FILE\nThe configuration,\n.Xr passerelle.yaml 5 .\n"
	      ".It Fl \\-tenant Ar T\nThe tenant; it may be left out where there is only one.\n"
	      ".It Fl \\-json\nOutput for programs: a list is an array, an object an object, a log one object a line; times are RFC 3339 in UTC.\n"
	      ".It Fl \\-yes\nDo not ask; removing needs it where nobody can be asked.\n.El\n"
	      ".Sh COMMANDS\n.Bl -tag -width Ds\n", to);
	commands_tell(command_write, to);
	fputs(".El\n"
	      ".Sh SIGNALS\n.Bl -tag -width Ds\n.It Dv SIGHUP\nThe service reads its configuration again, and says in its log what it could not change.\n"
	      ".It Dv SIGTERM\nIt answers what is under way, and ends.\n.El\n"
	      ".Sh ENVIRONMENT\n.Bl -tag -width Ds\n.It Ev PASSERELLE_CONFIG\nThe configuration, where\n.Fl \\-config\nis not given.\n.El\n"
	      ".Sh FILES\n.Bl -tag -width Ds\n.It Pa ./passerelle.yaml\n.It Pa /etc/passerelle/passerelle.yaml\nThe configuration, where none is named.\n"
	      "Without any, the service runs on http://127.0.0.1:8080 with its store in\n.Pa ./var/ .\n.El\n"
	      ".Sh EXIT STATUS\n0 when done, 1 when it failed or something was found wrong, 2 for wrong usage.\n"
	      ".Sh SEE ALSO\n.Xr passerelle-declaration 5 ,\n.Xr passerelle.yaml 5\n", to);
}

/* --- passerelle.yaml(5) --- */

static void config_page(FILE *to)
{
	title_write(to, "passerelle.yaml", 5, "configuration of passerelle");
	fputs(".Sh DESCRIPTION\nWhat the server of\n.Xr passerelle 8\nneeds to know before anybody may ask it something.\nTenants, people and applications are not here:\n"
	      "they are declared, see\n.Xr passerelle-declaration 5 .\n"
	      "Paths are relative to the file.\nDurations are written 90s, 15m, 12h, 30d; sizes 512B, 64KiB, 1MiB.\n"
	      "A key that is not told here, a wrong type or an impossible combination stops the program, with file, line and what was expected.\n", to);
	table_write(to, "KEYS", "A key with a dot is one of the object that is named before the dot.", config_keys);
	fputs(".Sh SEE ALSO\n.Xr passerelle-declaration 5 ,\n.Xr passerelle 8\n", to);
}

/* --- passerelle-declaration(5) --- */

static void providers_write(FILE *to)
{
	g_autofree char *types = provider_types();
	g_auto(GStrv) each = g_strsplit(types, ", ", -1);
	for (size_t i = 0; each[i]; i++) {
		g_autofree char *upper = g_ascii_strup(each[i], -1), *title = g_strconcat("PROVIDERS OF TYPE ", upper, NULL);
		g_autofree char *said = g_strdup_printf("Keys of an item of providers whose type is %s.", each[i]);
		table_write(to, title, said, provider_keys_of(each[i]));
	}
}

static void declaration_page(FILE *to)
{
	title_write(to, "passerelle-declaration", 5, "tenants, people, applications and sources of identity, declared");
	fputs(".Sh DESCRIPTION\nThe file that\n.Ic passerelle apply\ntakes and\n.Ic passerelle export\ngives back: a list\n.Cm tenants ,\n"
	      "each with lists of\n.Cm resources ,\n.Cm users ,\n.Cm clients\nand\n.Cm providers .\n"
	      "All of it is checked before any of it is written.\nOn what it declares, a key left out is its default, except passwords and secrets, which are set when an\n"
	      "object is made and then only when they are given.\nSecrets may be ${ENV} or file:PATH.\n", to);
	table_write(to, "TENANTS", "Keys of a tenant.", tenant_keys);
	table_write(to, "RESOURCES", "Keys of an item of resources: protected services, whom tokens are for.", resource_keys);
	table_write(to, "USERS", "Keys of an item of users.", user_keys);
	table_write(to, "CLIENTS", "Keys of an item of clients, by the names of RFC 7591.", client_keys);
	providers_write(to);
	fputs(".Sh SEE ALSO\n.Xr passerelle.yaml 5 ,\n.Xr passerelle 8\n", to);
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*write)(FILE *to); } pages[] = {
		{ "passerelle.8", program_page }, { "passerelle.yaml.5", config_page }, { "passerelle-declaration.5", declaration_page },
	};
	g_autofree char *name = argc == 2 ? g_path_get_basename(argv[1]) : NULL;
	for (size_t i = 0; name && i < G_N_ELEMENTS(pages); i++) {
		if (strcmp(pages[i].name, name) != 0)
			continue;
		FILE *to = fopen(argv[1], "w");
		if (!to)
			break;
		pages[i].write(to);
		return fclose(to) == 0 ? 0 : 1;
	}
	fprintf(stderr, "man-pages: give the name of one of the pages, to be written there\n");
	return 1;
}
