/* A table with every type of key, and what each makes of good, odd and hostile values. Messages are compared whole: operators and
 * scripts read them. */
#include "base/errors.h"
#include "base/schema.h"
#include "subjects.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_even(const json_t *value, const char **ret_expected)
{
	*ret_expected = "an even number";
	return json_integer_value(value) % 2 == 0;
}

static bool starts_with_x(const json_t *value, const char **ret_expected)
{
	*ret_expected = "a text that starts with x";
	return json_string_value(value) && json_string_value(value)[0] == 'x';
}

static bool has_name(const json_t *value, const char **ret_expected)
{
	*ret_expected = "a deep object other than 13";
	int64_t number = 0;
	return !json_integer_at(value, "number", &number) || number != 13;
}

static const struct key_rule deep_keys[] = {
	{ .name = "number", .type = KEY_INTEGER, .standard = "4", .check = is_even },
	{ .name = "note", .type = KEY_STRING },
	{ 0 },
};
static const struct key_rule object_keys[] = {
	{ .name = "idle", .type = KEY_DURATION, .standard = "8h", .min = 60, .max = 86400 },
	{ .name = "deep", .type = KEY_OBJECT, .keys = deep_keys },
	{ 0 },
};
static const struct key_rule strict_keys[] = {
	{ .name = "url", .type = KEY_STRING, .required = true },
	{ .name = "port", .type = KEY_INTEGER, .standard = "25" },
	{ 0 },
};
static bool is_not_required(const json_t *value, const char **ret_expected)
{
	*ret_expected = "off or optional (required is not built yet)";
	return strcmp(json_string_value(value), "required") != 0;
}

static const struct key_rule inner_keys[] = { { .name = "number", .type = KEY_INTEGER, .standard = "4", .required = true }, { 0 } };
static const struct key_rule outer_keys[] = {
	{ .name = "inner", .type = KEY_OBJECT, .keys = inner_keys },
	{ .name = "later", .type = KEY_NOT_YET, .standard = "1" },
	{ 0 },
};
static const struct key_rule later_keys[] = { { .name = "later", .type = KEY_NOT_YET, .standard = "1" }, { 0 } };
static const struct key_rule hollow_keys[] = { { .name = "later", .type = KEY_OBJECT, .keys = later_keys }, { 0 } };
/* Rules that the big table has no room for. */
static const struct key_rule other_keys[] = {
	{ .name = "outer", .type = KEY_OBJECT, .keys = outer_keys },
	{ .name = "hollow", .type = KEY_OBJECT, .keys = hollow_keys },
	{ .name = "mfa", .type = KEY_CHOICE, .choices = "off|optional|required", .check = is_not_required },
	{ .name = "offset", .type = KEY_INTEGER },
	{ .name = "title", .type = KEY_STRING, .standard = "a title # with a comment" },
	{ .name = "certificates", .type = KEY_OBJECTS, .keys = inner_keys, .choices = "none" },
	{ 0 },
};
static const struct key_rule bare_keys[] = { { .name = "anything", .type = KEY_STRING }, { 0 } };
static const struct key_rule client_keys[] = {
	{ .name = "client_id", .type = KEY_STRING, .required = true, .max = 8 },
	{ .name = "secret", .type = KEY_SECRET },
	{ .name = "deep", .type = KEY_OBJECT, .keys = deep_keys, .check = has_name },
	{ 0 },
};
static const struct key_rule keys[] = {
	{ .name = "name", .type = KEY_STRING },
	{ .name = "base", .type = KEY_STRING, .standard = "\"\"" },
	{ .name = "mode", .type = KEY_CHOICE, .choices = "off|optional|required", .standard = "optional" },
	{ .name = "color", .type = KEY_STRING, .choices = "red|green" },
	{ .name = "enabled", .type = KEY_BOOLEAN, .standard = "true" },
	{ .name = "threads", .type = KEY_INTEGER, .min = 1, .max = 64, .standard = "32" },
	{ .name = "slots", .type = KEY_INTEGER, .min = 1, .choices = "auto" },
	{ .name = "wait", .type = KEY_DURATION, .min = 1, .max = 3600 },
	{ .name = "body", .type = KEY_SIZE, .min = 1, .max = 1048576, .standard = "64KiB" },
	{ .name = "uris", .type = KEY_STRINGS, .max = 3, .check = starts_with_x },
	{ .name = "grants", .type = KEY_STRINGS, .choices = "code|refresh", .standard = "[code, refresh]" },
	{ .name = "scope", .type = KEY_SCOPE },
	{ .name = "secret", .type = KEY_SECRET },
	{ .name = "file", .type = KEY_FILE },
	{ .name = "ca_file", .type = KEY_FILE, .choices = "system", .standard = "system" },
	{ .name = "key_file", .type = KEY_FILE, .standard = "var/secret.key" },
	{ .name = "url", .type = KEY_URL },
	{ .name = "urls", .type = KEY_URLS },
	{ .name = "session", .type = KEY_OBJECT, .keys = object_keys },
	{ .name = "mail", .type = KEY_OBJECT, .keys = strict_keys, .choices = "none" },
	{ .name = "bare", .type = KEY_OBJECT, .keys = bare_keys },
	{ .name = "clients", .type = KEY_OBJECTS, .keys = client_keys, .max = 2 },
	{ .name = "map", .type = KEY_MAP },
	{ .name = "any", .type = KEY_ANY },
	{ .name = "tls", .type = KEY_NOT_YET, .standard = "[]" },
	{ .name = "metrics", .type = KEY_NOT_YET },
	{ 0 },
};

static json_t *apply(const char *text, const struct key_rule *table, GError **error)
{
	g_autoptr(document_t) document = document_parse("f.yaml", text, strlen(text), NULL);
	assert_non_null(document);
	document_allow_references(document);
	return schema_apply(document, document_root(document), table, "", error);
}

/* What one key becomes, as JSON. The caller frees. */
static char *made(const char *text, const char *key)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) object = apply(text, keys, &error);
	if (!object)
		fail_msg("%s: %s", text, error->message);
	return json_text(json_object_get(object, key));
}

static void values_become_what_the_table_says(void **state)
{
	(void)state;
	static const char *const rows[][3] = {
		{ "name: Alice Martin", "name", "\"Alice Martin\"" },
		{ "name: '0042'", "name", "\"0042\"" },
		{ "base: ''", "base", "\"\"" },
		{ "mode: off", "mode", "\"off\"" },
		{ "color: red", "color", "\"red\"" },
		{ "enabled: false", "enabled", "false" },
		{ "threads: 64", "threads", "64" },
		{ "slots: auto", "slots", "\"auto\"" },
		{ "slots: 99999", "slots", "99999" },
		{ "wait: 15m", "wait", "900" },
		{ "body: 1MiB", "body", "1048576" },
		{ "uris: xa", "uris", "[\"xa\"]" },
		{ "uris: [xa, xb]", "uris", "[\"xa\",\"xb\"]" },
		{ "uris: []", "uris", "[]" },
		{ "grants: refresh", "grants", "[\"refresh\"]" },
		{ "scope: openid wiki.read", "scope", "\"openid wiki.read\"" },
		{ "scope: ''", "scope", "\"\"" },
		{ "secret: hunter2", "secret", "\"hunter2\"" },
		{ "secret: '${not a name}'", "secret", "\"${not a name}\"" },
		{ "secret: '${}'", "secret", "\"${}\"" },
		{ "secret: '${1HOME}'", "secret", "\"${1HOME}\"" },
		{ "secret: '${HOME'", "secret", "\"${HOME\"" },
		{ "secret: 'x${HOME}'", "secret", "\"x${HOME}\"" },
		{ "secret: '$$HOME}'", "secret", "\"$$HOME}\"" },
		{ "secret: '${HOME}x'", "secret", "\"${HOME}x\"" },
		{ "secret: |\n  -----BEGIN\n  x\n", "secret", "\"-----BEGIN\\nx\\n\"" },
		{ "file: /etc/x", "file", "\"/etc/x\"" },
		{ "ca_file: system", "ca_file", "\"system\"" },
		{ "url: https://h/x", "url", "\"https://h/x\"" },
		{ "urls: https://h/x", "urls", "[\"https://h/x\"]" },
		{ "session: { idle: 1h }", "session", "{\"idle\":3600,\"deep\":{\"number\":4}}" },
		{ "session: { deep: { number: 8, note: n } }", "session", "{\"idle\":28800,\"deep\":{\"number\":8,\"note\":\"n\"}}" },
		{ "session:", "session", "{\"idle\":28800,\"deep\":{\"number\":4}}" },
		{ "mail: none", "mail", "\"none\"" },
		{ "mail: { url: x }", "mail", "{\"url\":\"x\",\"port\":25}" },
		{ "bare: {}", "bare", "{}" },
		{ "clients: []", "clients", "[]" },
		{ "clients: [{ client_id: wiki }]", "clients", "[{\"client_id\":\"wiki\",\"deep\":{\"number\":4}}]" },
		{ "map: { 'CN=Wiki,DC=x': wiki, b: [c, d], e: [] }", "map", "{\"CN=Wiki,DC=x\":\"wiki\",\"b\":[\"c\",\"d\"],\"e\":[]}" },
		{ "any: [1, { a: null }]", "any", "[1,{\"a\":null}]" },
		{ "tls: []", "tls", NULL },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = made(rows[i][0], rows[i][1]);
		if (g_strcmp0(text, rows[i][2]) != 0)
			fail_msg("%s: %s", rows[i][0], text);
	}
}

static void assert_other(const char *text, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) object = apply(text, other_keys, &error);
	g_autofree char *made_text = object ? json_text(object) : g_strdup(error->message);
	assert_string_equal(made_text, expected);
}

static void defaults_fill_absent_objects_that_need_nothing(void **state)
{
	(void)state;
	assert_other("", "{\"outer\":{\"inner\":{\"number\":4}},\"title\":\"a title\"}");
	assert_other("hollow: {}\noffset: -5\ncertificates: none",
	             "{\"outer\":{\"inner\":{\"number\":4}},\"hollow\":{},\"offset\":-5,\"title\":\"a title\",\"certificates\":\"none\"}");
	assert_other("certificates: some", "f.yaml:1: certificates: seen text, expected a list of objects, or one of none");
	assert_other("mfa: required", "f.yaml:1: mfa: seen \"required\", expected off or optional (required is not built yet)");
	assert_other("title: ''", "f.yaml:1: title: seen \"\", expected one line of text");
}

static void an_empty_file_is_its_defaults(void **state)
{
	(void)state;
	g_autofree char *here = g_get_current_dir();
	g_autofree char *expected = g_strdup_printf(
		"{\"base\":\"\",\"mode\":\"optional\",\"enabled\":true,\"threads\":32,\"body\":65536,\"grants\":[\"code\",\"refresh\"],\"ca_file\":\"system\","
		"\"key_file\":\"%s/var/secret.key\",\"session\":{\"idle\":28800,\"deep\":{\"number\":4}}}", here);
	static const char *const texts[] = { "", "{}", "# nothing\n" };
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(json_t) object = apply(texts[i], keys, NULL);
		g_autofree char *text = json_text(object);
		assert_string_equal(text, expected);
	}
}

static void mistakes_name_file_line_key_seen_and_expected(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{ "name: 42", "f.yaml:1: name: seen 42, expected one line of text (in quotes)" },
		{ "\nname: true", "f.yaml:2: name: seen true, expected one line of text (in quotes)" },
		{ "name: ''", "f.yaml:1: name: seen \"\", expected one line of text" },
		{ "name:", "f.yaml:1: name: seen nothing, expected one line of text" },
		{ "name: [a]", "f.yaml:1: name: seen a list, expected one line of text" },
		{ "name: \"a\\nb: c\"", "f.yaml:1: name: seen \"a\xef\xbf\xbd" "b: c\", expected one line of text" },
		{ "mode: on", "f.yaml:1: mode: seen \"on\", expected one of off, optional, required" },
		{ "mode: 'off|optional'", "f.yaml:1: mode: seen \"off|optional\", expected one of off, optional, required" },
		{ "mode: ''", "f.yaml:1: mode: seen \"\", expected one of off, optional, required" },
		{ "mode: false", "f.yaml:1: mode: seen false, expected one of off, optional, required" },
		{ "color: blue", "f.yaml:1: color: seen \"blue\", expected one of red, green" },
		{ "enabled: yes", "f.yaml:1: enabled: seen \"yes\", expected true or false" },
		{ "enabled: 1", "f.yaml:1: enabled: seen 1, expected true or false" },
		{ "threads: 0", "f.yaml:1: threads: seen 0, expected a whole number, from 1 to 64" },
		{ "threads: 65", "f.yaml:1: threads: seen 65, expected a whole number, from 1 to 64" },
		{ "threads: '8'", "f.yaml:1: threads: seen \"8\", expected a whole number, from 1 to 64" },
		{ "threads: 1.5", "f.yaml:1: threads: seen \"1.5\", expected a whole number, from 1 to 64" },
		{ "slots: -1", "f.yaml:1: slots: seen -1, expected a whole number, at least 1, or one of auto" },
		{ "wait: a@b", "f.yaml:1: wait: seen \"a@b\", expected a duration such as 90s, 15m, 12h or 30d, from 1s to 1h" },
		{ "wait: 900", "f.yaml:1: wait: seen 900, expected a duration such as 90s, 15m, 12h or 30d, from 1s to 1h" },
		{ "wait: 2h", "f.yaml:1: wait: seen \"2h\", expected a duration such as 90s, 15m, 12h or 30d, from 1s to 1h" },
		{ "body: 2MiB", "f.yaml:1: body: seen \"2MiB\", expected a size such as 512B, 64KiB or 1MiB, from 1B to 1MiB" },
		{ "uris:\n- xa\n- b", "f.yaml:3: uris[1]: seen \"b\", expected a text that starts with x" },
		{ "uris:\n- xa\n- 7", "f.yaml:3: uris[1]: seen 7, expected one line of text (in quotes)" },
		{ "uris:\n- xa\n- true", "f.yaml:1: uris[1]: seen true, expected one line of text (in quotes)" },
		{ "uris: {a: b}", "f.yaml:1: uris: seen an object, expected a list of texts, from 0 to 3" },
		{ "uris: [x, x, x, x]", "f.yaml:1: uris: seen a list, expected a list of texts, from 0 to 3" },
		{ "uris:", "f.yaml:1: uris: seen nothing, expected a list of texts, from 0 to 3" },
		{ "grants: [code, implicit]", "f.yaml:1: grants[1]: seen \"implicit\", expected one of code, refresh" },
		{ "grants: 7", "f.yaml:1: grants: seen 7, expected a list of texts, each one of code, refresh" },
		{ "scope: 'a  b'", "f.yaml:1: scope: seen \"a  b\", expected words with one space between" },
		{ "scope: ' a'", "f.yaml:1: scope: seen \" a\", expected words with one space between" },
		{ "scope: 'a '", "f.yaml:1: scope: seen \"a \", expected words with one space between" },
		{ "scope: 'a\"b'", "f.yaml:1: scope: seen \"a\"b\", expected words with one space between" },
		{ "scope: 'a\\b'", "f.yaml:1: scope: seen \"a\\b\", expected words with one space between" },
		{ "scope: \"a\\x7f\"", "f.yaml:1: scope: seen \"a\xef\xbf\xbd\", expected words with one space between" },
		{ "scope: é", "f.yaml:1: scope: seen \"é\", expected words with one space between" },
		{ "scope: [a]", "f.yaml:1: scope: seen a list, expected words with one space between" },
		{ "file: \"a\\nb\"", "f.yaml:1: file: seen \"a\xef\xbf\xbd" "b\", expected the path of a file" },
		{ "file: ''", "f.yaml:1: file: seen \"\", expected the path of a file" },
		{ "ca_file: 7", "f.yaml:1: ca_file: seen 7, expected the path of a file, or one of system" },
		{ "url: h/x", "f.yaml:1: url: seen \"h/x\", expected an absolute http or https URL without user name or password" },
		{ "url: ldap://h/", "f.yaml:1: url: seen \"ldap://h/\", expected an absolute http or https URL without user name or password" },
		{ "url: https://u:hunter2@h/", "f.yaml:1: url: seen text, expected an absolute http or https URL without user name or password" },
		{ "urls: [https://h, //h]", "f.yaml:1: urls[1]: seen \"//h\", expected an absolute http or https URL without user name or password" },
		{ "session: 8h", "f.yaml:1: session: seen text, expected an object" },
		{ "session:\n  idle: 10s", "f.yaml:2: session.idle: seen \"10s\", expected a duration such as 90s, 15m, 12h or 30d, from 1m to 1d" },
		{ "session:\n  deep:\n    number: 3", "f.yaml:3: session.deep.number: seen 3, expected an even number" },
		{ "session:\n  deep:\n    numbr: 3", "f.yaml:3: session.deep.numbr: unknown key, did you mean number?" },
		{ "mail: some", "f.yaml:1: mail: seen text, expected an object, or one of none" },
		{ "name: x\nmail: {}", "f.yaml:2: mail.url: missing, expected one line of text" },
		{ "clients: { client_id: x }", "f.yaml:1: clients: seen an object, expected a list of objects, from 0 to 2" },
		{ "clients: [{client_id: a}, {client_id: b}, {client_id: c}]",
		"f.yaml:1: clients: seen a list, expected a list of objects, from 0 to 2" },
		{ "clients:\n- client_id: a\n- hunter2", "f.yaml:3: clients: seen text, expected a list of objects, from 0 to 2" },
		{ "clients:\n- client_id: ''", "f.yaml:2: clients[0].client_id: seen \"\", expected one line of text, from 0 to 8" },
		{ "clients:\n- client_id: \"a\\nb\"",
		  "f.yaml:2: clients[0].client_id: seen \"a\xef\xbf\xbd" "b\", expected one line of text, from 0 to 8" },
		{ "clients:\n- client_id: a\n- secret: x", "f.yaml:3: clients[1].client_id: missing, expected one line of text, from 0 to 8" },
		{ "clients:\n- client_id: wiki\n  sceret: hunter2", "f.yaml:3: clients[wiki].sceret: unknown key, did you mean secret?" },
		{ "clients:\n- client_id: toolongid", "f.yaml:2: clients[toolongid].client_id: seen \"toolongid\", expected one line of text, from 0 to 8" },
		{ "clients:\n- client_id: a\n  deep: { number: 7 }", "f.yaml:3: clients[a].deep.number: seen 7, expected an even number" },
		{ "map: [a]", "f.yaml:1: map: seen a list, expected an object of texts or lists of texts" },
		{ "map: { a: 1 }", "f.yaml:1: map: seen an object, expected an object of texts or lists of texts" },
		{ "map: { a: [[c], b] }", "f.yaml:1: map: seen an object, expected an object of texts or lists of texts" },
		{ "map: { \"a\\nb\": c }", "f.yaml:1: map: seen an object, expected an object of texts or lists of texts" },
		{ "map: { a: [b, [c]] }", "f.yaml:1: map: seen an object, expected an object of texts or lists of texts" },
		{ "tls: [{ certificate: x }]", "f.yaml:1: tls: not built yet" },
		{ "a: 1\nmetrics: none", "f.yaml:1: a: unknown key\nf.yaml:2: metrics: not built yet" },
		{ "thread: 8", "f.yaml:1: thread: unknown key, did you mean threads?" },
		{ "nmae: 8", "f.yaml:1: nmae: unknown key" },
		{ "nam: 8", "f.yaml:1: nam: unknown key, did you mean name?" },
		{ "\"a\\nf.yaml:9\": 8", "f.yaml:1: a\xef\xbf\xbd" "f.yaml:9: unknown key" },
		{ "[]", "f.yaml:1: expected an object" },
		{ "text", "f.yaml:1: expected an object" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(json_t) object = apply(rows[i][0], keys, &error);
		if (object)
			fail_msg("taken: %s", rows[i][0]);
		assert_int_equal(error_code_of(error), ERROR_MALFORMED);
		if (strcmp(error->message, rows[i][1]) != 0)
			fail_msg("%s\ngave %s\nnot  %s", rows[i][0], error->message, rows[i][1]);
	}
}

static void all_mistakes_come_at_once_in_order(void **state)
{
	(void)state;
	g_autoptr(GError) error = NULL;
	assert_null(apply("wait: 1\nzzz: 2\nname: 3\nenabled: 4\n", keys, &error));
	assert_string_equal(error->message, "f.yaml:1: wait: seen 1, expected a duration such as 90s, 15m, 12h or 30d, from 1s to 1h\nf.yaml:2: zzz: unknown key\n"
	                                    "f.yaml:3: name: seen 3, expected one line of text (in quotes)\nf.yaml:4: enabled: seen 4, expected true or false");
}

static void mistakes_are_kept_to_a_hundred(void **state)
{
	(void)state;
	g_autoptr(GString) text = g_string_new(NULL);
	for (int i = 0; i < 5000; i++)
		g_string_append_printf(text, "unknown_%d: 1\n", i);
	g_autoptr(GError) error = NULL;
	assert_null(apply(text->str, keys, &error));
	assert_true(g_str_has_suffix(error->message, "\nf.yaml: 4900 more mistakes"));
	g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);
	assert_int_equal(g_strv_length(lines), 101);
}

static void long_values_are_cut_in_messages(void **state)
{
	(void)state;
	g_autofree char *filler = g_strnfill(9000, 'x'), *text = g_strconcat("wait: ", filler, "\n", filler, "y: 1\n", NULL);
	g_autoptr(GError) error = NULL;
	/* YAML takes no plain key above 1,024 characters; quoted, with an explicit mark, it does. */
	g_autofree char *marked = g_strconcat("wait: ", filler, "\n? \"", filler, "\"\n: 1\n", NULL);
	assert_null(document_parse("f.yaml", text, strlen(text), NULL));
	assert_null(apply(marked, keys, &error));
	assert_true(strlen(error->message) < 400);
	assert_non_null(strstr(error->message, "xxx…\", expected"));
	g_autofree char *scope = g_strconcat("scope: ", filler, NULL), *file = g_strconcat("file: ", filler, NULL);
	assert_null(apply(scope, keys, NULL));
	assert_null(apply(file, keys, NULL));
}

static void the_prefix_stands_before_every_name(void **state)
{
	(void)state;
	g_autoptr(document_t) document = document_parse("f.yaml", "threads: 0", 10, NULL);
	g_autoptr(GError) error = NULL;
	assert_null(schema_apply(document, document_root(document), keys, "tenants[acme].", &error));
	assert_string_equal(error->message, "f.yaml:1: tenants[acme].threads: seen 0, expected a whole number, from 1 to 64");
}

static void secrets_come_from_environment_and_files(void **state)
{
	(void)state;
	g_autofree char *folder = g_dir_make_tmp("passerelle-XXXXXX", NULL), *secret = g_build_filename(folder, "s", NULL),
		*yaml = g_build_filename(folder, "f.yaml", NULL);
	static const struct {
		const char *held, *read;
	} rows[] = { { "hunter2\n", "hunter2" }, { "hunter2", "hunter2" }, { "hunter2\r\n", "hunter2" }, { "hunter2\n\n", "hunter2\n" },
		{ " x ", " x " }, { "\nx", "\nx" } };
	assert_true(g_file_set_contents(yaml, "secret: file:s\nfile: sub/../x\n", -1, NULL));
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		assert_true(g_file_set_contents(secret, rows[i].held, -1, NULL));
		g_autoptr(document_t) document = document_read(yaml, NULL);
		g_autoptr(json_t) object = schema_apply(document, document_root(document), keys, "", NULL);
		g_autofree char *file = g_build_filename(folder, "x", NULL);
		assert_non_null(object);
		assert_string_equal(json_string_at(object, "secret"), rows[i].read);
		assert_string_equal(json_string_at(object, "file"), file);
	}
	unlink(secret);
	unlink(yaml);
	rmdir(folder);
	assert_true(g_setenv("PASSERELLE_TEST_SECRET", "from\nenvironment", TRUE));
	g_autofree char *text = made("secret: ${PASSERELLE_TEST_SECRET}", "secret");
	assert_string_equal(text, "\"from\\nenvironment\"");
}

static void assert_secret_refused(const char *text, const char *message)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) object = apply(text, keys, &error);
	assert_null(object);
	if (strcmp(error->message, message) != 0)
		fail_msg("%s", error->message);
}

/* A mistake in a secret is told without telling the secret. */
static void secrets_are_never_shown(void **state)
{
	(void)state;
	g_autofree char *folder = g_dir_make_tmp("passerelle-XXXXXX", NULL), *path = g_build_filename(folder, "s", NULL),
		*text = g_strdup_printf("secret: file:%s", path);
	g_autofree char *binary = g_strdup_printf("f.yaml:1: secret: file:%s does not hold text", path),
		*empty = g_strdup_printf("f.yaml:1: secret: file:%s is empty", path);
	g_autofree char *large = g_strdup_printf("f.yaml:1: secret: file:%s holds more than 64 KiB", path);
	g_autofree char *missing = g_strdup_printf("f.yaml:1: secret: file:%s No such file or directory", path), *filler = g_strnfill(65537, 'x');
	assert_true(g_file_set_contents(path, "hunter2\0x", 9, NULL));
	assert_secret_refused(text, binary);
	assert_true(g_file_set_contents(path, "hunter2\xff", -1, NULL));
	assert_secret_refused(text, binary);
	assert_true(g_file_set_contents(path, "\n", -1, NULL));
	assert_secret_refused(text, empty);
	assert_true(g_file_set_contents(path, filler, -1, NULL));
	assert_secret_refused(text, large);
	unlink(path);
	assert_secret_refused(text, missing);
	rmdir(folder);
	g_unsetenv("PASSERELLE_TEST_UNSET");
	g_setenv("PASSERELLE_TEST_EMPTY", "", TRUE);
	assert_secret_refused("secret: ${PASSERELLE_TEST_UNSET}", "f.yaml:1: secret: ${PASSERELLE_TEST_UNSET} is not set in the environment");
	assert_secret_refused("secret: ${PASSERELLE_TEST_EMPTY}", "f.yaml:1: secret: ${PASSERELLE_TEST_EMPTY} is empty");
	assert_secret_refused("secret: 'file:'", "f.yaml:1: secret: file: names no file");
	assert_secret_refused("secret: ''", "f.yaml:1: secret: the secret is empty");
	assert_secret_refused("secret: 1234", "f.yaml:1: secret: seen a number, expected a secret: text, ${ENVIRONMENT_VARIABLE} or file:PATH");
	assert_secret_refused("secret: [hunter2]", "f.yaml:1: secret: seen a list, expected a secret: text, ${ENVIRONMENT_VARIABLE} or file:PATH");
	assert_secret_refused("map: { password: 1 }", "f.yaml:1: map: seen an object, expected an object of texts or lists of texts");
	assert_secret_refused("pasword: hunter2", "f.yaml:1: pasword: unknown key");
}

static bool never(const json_t *value, const char **ret_expected)
{
	(void)value;
	*ret_expected = "at least 32 characters";
	return false;
}

static void a_checked_secret_is_not_shown_either(void **state)
{
	(void)state;
	static const struct key_rule checked[] = { { .name = "secret", .type = KEY_SECRET, .check = never }, { 0 } };
	g_autoptr(GError) error = NULL;
	assert_null(apply("secret: hunter2", checked, &error));
	assert_string_equal(error->message, "f.yaml:1: secret: seen text, expected at least 32 characters");
}

/* A client of the API sends a declaration; it must not read the server's environment and files through it. */
static void text_from_outside_reads_nothing_of_ours(void **state)
{
	(void)state;
	static const char *const texts[] = { "secret: ${HOME}", "secret: file:/etc/passwd", "file: /etc/passwd", "ca_file: /etc/passwd", NULL };
	for (size_t i = 0; texts[i]; i++) {
		g_autoptr(document_t) document = document_parse("request", texts[i], strlen(texts[i]), NULL);
		g_autoptr(GError) error = NULL;
		assert_null(schema_apply(document, document_root(document), keys, "", &error));
		assert_true(g_str_has_suffix(error->message, "files and environment variables are only read for a file given to the command line"));
	}
	g_autoptr(document_t) document = document_parse("request", "secret: plain", 13, NULL);
	g_autoptr(json_t) object = schema_apply(document, document_root(document), keys, "", NULL);
	assert_string_equal(json_string_at(object, "secret"), "plain");
}

static void results_know_their_lines(void **state)
{
	(void)state;
	static const char text[] = "name: x\nclients:\n- client_id: a\n- client_id: b\n  deep:\n    number: 2\nwait: 1m\n";
	g_autoptr(document_t) document = document_parse("f.yaml", text, sizeof text - 1, NULL);
	g_autoptr(json_t) object = schema_apply(document, document_root(document), keys, "", NULL);
	json_t *second = json_array_get(json_object_get(object, "clients"), 1);
	assert_int_equal(document_line(document, object), 1);
	assert_int_equal(document_line(document, json_object_get(object, "clients")), 2);
	assert_int_equal(document_line(document, second), 4);
	assert_int_equal(document_member_line(document, second, "deep"), 5);
	assert_int_equal(document_member_line(document, json_object_get(second, "deep"), "number"), 6);
	assert_int_equal(document_member_line(document, object, "wait"), 7);
	g_autoptr(GError) error = NULL;
	assert_false(schema_fail(&error, document, second, "clients[b]", "%s is already used", "b"));
	assert_false(schema_fail(&error, document, json_true(), "", "more"));
	assert_string_equal(error->message, "f.yaml:4: clients[b]: b is already used\nf.yaml: more");
	assert_int_equal(error_code_of(error), ERROR_MALFORMED);
	assert_false(schema_fail(NULL, document, second, "x", "y"));
}

/* The tree a document holds is its own: what schema_apply makes may be changed without it. */
static void the_document_is_left_as_it_was(void **state)
{
	(void)state;
	static const char text[] = "session: { idle: 1h }\nclients: [{ client_id: a }]\nuris: x\n";
	g_autoptr(document_t) document = document_parse("f.yaml", text, sizeof text - 1, NULL);
	g_autofree char *before = json_text(document_root(document));
	json_t *object = schema_apply(document, document_root(document), keys, "", NULL);
	assert_non_null(object);
	json_object_clear(json_object_get(object, "session"));
	json_decref(object);
	g_autofree char *after = json_text(document_root(document));
	assert_string_equal(before, after);
}

static void a_bad_default_in_a_table_is_seen(void **state)
{
	(void)state;
	static const struct key_rule typed[] = { { .name = "a", .type = KEY_INTEGER, .standard = "many" }, { 0 } };
	static const struct key_rule broken[] = { { .name = "a", .type = KEY_STRINGS, .standard = "[x" }, { 0 } };
	g_autoptr(GError) error = NULL;
	assert_null(apply("", typed, &error));
	assert_string_equal(error->message, "f.yaml:1: a: seen \"many\", expected a whole number");
	g_clear_error(&error);
	assert_null(apply("", broken, &error));
	assert_string_equal(error->message, "f.yaml:1: a: the default in the table is not YAML");
}

const struct CMUnitTest schema_tests[] = {
	cmocka_unit_test(values_become_what_the_table_says),
	cmocka_unit_test(an_empty_file_is_its_defaults),
	cmocka_unit_test(defaults_fill_absent_objects_that_need_nothing),
	cmocka_unit_test(mistakes_name_file_line_key_seen_and_expected),
	cmocka_unit_test(all_mistakes_come_at_once_in_order),
	cmocka_unit_test(mistakes_are_kept_to_a_hundred),
	cmocka_unit_test(long_values_are_cut_in_messages),
	cmocka_unit_test(the_prefix_stands_before_every_name),
	cmocka_unit_test(secrets_come_from_environment_and_files),
	cmocka_unit_test(secrets_are_never_shown),
	cmocka_unit_test(a_checked_secret_is_not_shown_either),
	cmocka_unit_test(text_from_outside_reads_nothing_of_ours),
	cmocka_unit_test(results_know_their_lines),
	cmocka_unit_test(the_document_is_left_as_it_was),
	cmocka_unit_test(a_bad_default_in_a_table_is_seen),
	TESTS_END,
};
