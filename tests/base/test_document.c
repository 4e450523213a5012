/* YAML: what becomes of it, what is refused, and the line of every value and mistake. */
#include "base/document.h"
#include "base/errors.h"
#include "subjects.h"
#include <string.h>
#include <unistd.h>

static struct document *parse(const char *text)
{
	return document_parse("f.yaml", text, strlen(text), NULL);
}

static void assert_tree(const char *text, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(document_t) document = document_parse("f.yaml", text, strlen(text), &error);
	if (!document)
		fail_msg("%s: %s", text, error->message);
	g_autofree char *tree = json_text(document_root(document));
	assert_string_equal(tree, expected);
}

static void reads_yaml_into_json(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{ "", "null" },
		{ "# only a comment\n", "null" },
		{ "---\n...\n", "null" },
		{ "%YAML 1.2\n---\na: 1\n", "{\"a\":1}" },
		{ "a: 1\nb: [x, 'y', \"z\"]\nc: { d: e }\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"],\"c\":{\"d\":\"e\"}}" },
		{ "- a\n- b: c\n  d: e\n- - f\n", "[\"a\",{\"b\":\"c\",\"d\":\"e\"},[\"f\"]]" },
		{ "a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}" },
		{ "{\"json\": [1, true, null, \"\\u00e9\"]}", "{\"json\":[1,true,null,\"é\"]}" },
		{ "a:\nb: ~\nc: null\nd: ''\n", "{\"a\":null,\"b\":null,\"c\":null,\"d\":\"\"}" },
		{ "'': 1\n", "{\"\":1}" },
		{ "true: false\n1: 2\n", "{\"true\":false,\"1\":2}" },
		{ "<<: {a: b}\n", "{\"<<\":{\"a\":\"b\"}}" },
		{ "a: http://h:80/x#y\n", "{\"a\":\"http://h:80/x#y\"}" },
		{ "\xef\xbb\xbf" "a: b\n", "{\"a\":\"b\"}" },
		{ "a: b\r\nc: d\r\n", "{\"a\":\"b\",\"c\":\"d\"}" },
		{ "scalar", "\"scalar\"" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		assert_tree(rows[i][0], rows[i][1]);
}

/* Only the core schema's integers and lower-case booleans; "no", "on", octals of YAML 1.1 and dates stay text. */
static void plain_scalars_follow_the_core_schema(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{ "0", "0" }, { "-7", "-7" }, { "+7", "7" }, { "007", "7" }, { "0x1F", "31" }, { "0o17", "15" },
		{ "9223372036854775807", "9223372036854775807" }, { "-9223372036854775808", "-9223372036854775808" },
		{ "true", "true" }, { "false", "false" }, { "True", "\"True\"" }, { "TRUE", "\"TRUE\"" }, { "yes", "\"yes\"" }, { "no", "\"no\"" },
		{ "on", "\"on\"" }, { "off", "\"off\"" },
		{ "null", "null" }, { "Null", "null" }, { "NULL", "null" }, { "~", "null" }, { "nULL", "\"nULL\"" },
		{ "1.5", "\"1.5\"" }, { "1e3", "\"1e3\"" }, { ".inf", "\".inf\"" }, { "0x", "\"0x\"" }, { "0xg", "\"0xg\"" }, { "-0x1", "\"-0x1\"" },
		{ "0o8", "\"0o8\"" }, { "0x-1", "\"0x-1\"" },
		{ "1_000", "\"1_000\"" }, { "12:30", "\"12:30\"" }, { "2026-11-24", "\"2026-11-24\"" }, { "+", "\"+\"" }, { "\"1\"", "\"1\"" },
		{ "'true'", "\"true\"" }, { "'null'", "\"null\"" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		assert_tree(rows[i][0], rows[i][1]);
}

static void refuses_what_goes_beyond_json(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "a: &x 1\n", "f.yaml:1: anchors and tags are not taken" },
		{ "a: &x [1]\nb: *x\n", "f.yaml:1: anchors and tags are not taken" },
		{ "a: &x {b: c}\n", "f.yaml:1: anchors and tags are not taken" },
		{ "a: 1\nb: *x\n", "f.yaml:2: aliases are not taken" },
		{ "*x : 1\n", "f.yaml:1: aliases are not taken" },
		{ "&x a: 1\n", "f.yaml:1: anchors and tags are not taken" },
		{ "a: !!str 1\n", "f.yaml:1: anchors and tags are not taken" },
		{ "a: ! 1\n", "f.yaml:1: anchors and tags are not taken" },
		{ "a: !!set {b}\n", "f.yaml:1: anchors and tags are not taken" },
		{ "a: !x [1]\n", "f.yaml:1: anchors and tags are not taken" },
		{ "%TAG ! tag:x,2000:\n---\na: 1\n", "f.yaml:1: anchors and tags are not taken" },
		{ "a: 1\n---\nb: 2\n", "f.yaml:2: a second document" },
		{ "a: 1\n...\n---\n", "f.yaml:3: a second document" },
		{ "a: 1\nb: 2\na: 3\n", "f.yaml:3: a: given twice, first on line 1" },
		{ "x:\n  a: true\n  'a': 1\n", "f.yaml:3: a: given twice, first on line 2" },
		{ "{a: 1, \"\\x61\": 2}", "f.yaml:1: a: given twice, first on line 1" },
		{ "? [a]\n: 1\n", "f.yaml:1: a key must be text" },
		{ "? {a: b}\n: 1\n", "f.yaml:1: a key must be text" },
		{ "?\n: 1\n", "f.yaml:1: a value without a key" },
		{ "a: 9223372036854775808\n", "f.yaml:1: a number that does not fit 64 bits (quote it if it is text)" },
		{ "a: -9223372036854775809\n", "f.yaml:1: a number that does not fit 64 bits (quote it if it is text)" },
		{ "a: 0xffffffffffffffffff\n", "f.yaml:1: a number that does not fit 64 bits (quote it if it is text)" },
		{ "a: \"x\\0y\"\n", "f.yaml:1: text holds a NUL character or is not UTF-8" },
		{ "\"x\\0y\": a\n", "f.yaml:1: text holds a NUL character or is not UTF-8" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(document_t) document = document_parse("f.yaml", rows[i].text, strlen(rows[i].text), &error);
		if (document)
			fail_msg("taken: %s", rows[i].text);
		assert_int_equal(error_code_of(error), ERROR_MALFORMED);
		assert_string_equal(error->message, rows[i].message);
	}
}

static void syntax_mistakes_name_their_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *start;
	} rows[] = {
		{ "a: 1\n b: 2\n", "f.yaml:2: " },   { "a: [1\n", "f.yaml:2: " },      { "a: 'x\n", "f.yaml:2: " },     { "\ta: 1\n", "f.yaml:1: " },
		{ "a: 1\nb\nc: 2\n", "f.yaml:3: " }, { "a: }\n", "f.yaml:1: " },       { "a: b: c\n", "f.yaml:1: " },   { "a: @x\n", "f.yaml:1: " },
		{ "%YAML 3.0\n---\n", "f.yaml:1: " }, { "a: \"\\ud800\"\n", "f.yaml:1: " }, { "a: \"\\uzzzz\"\n", "f.yaml:1: " },
		{ "a: \xff\n", "f.yaml:1: " },
		{ "a: 1\nb: \x01\n", "f.yaml:" },    { "a: \xed\xa0\x80\n", "f.yaml:" }, { "a: \xc0\x80\n", "f.yaml:" }, { "a: \xe2\x82", "f.yaml:" },
		{ "\xff\xfe" "a\0:\0 \0b\0", "f.yaml:" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(document_t) document = document_parse("f.yaml", rows[i].text, strlen(rows[i].text), &error);
		if (document)
			fail_msg("taken: %s", rows[i].text);
		if (!g_str_has_prefix(error->message, rows[i].start))
			fail_msg("%s", error->message);
	}
	assert_null(document_parse("f.yaml", "a: \0b", 5, NULL));
	assert_null(document_parse("f.yaml", "\0", 1, NULL));
	g_autoptr(document_t) nothing = document_parse("f.yaml", NULL, 0, NULL);
	assert_true(json_is_null(document_root(nothing)));
}

static void utf_16_is_not_read(void **state)
{
	(void)state;
	static const char text[] = "\xff\xfe" "a\0:\0 \0" "1\0";
	assert_null(document_parse("f.yaml", text, sizeof text - 1, NULL));
}

static void depth_ends_at_32(void **state)
{
	(void)state;
	static const char *const opens[] = { "[", "{a: ", "- ", "? " };
	for (size_t i = 0; i < G_N_ELEMENTS(opens); i++) {
		g_autoptr(GString) bomb = g_string_new(NULL);
		for (int depth = 0; depth < 100000; depth++)
			g_string_append(bomb, opens[i]);
		g_autoptr(GError) error = NULL;
		assert_null(document_parse("f.yaml", bomb->str, bomb->len, &error));
	}
	for (int depth = 32; depth <= 33; depth++) {
		g_autoptr(GString) nested = g_string_new(NULL);
		for (int i = 0; i < depth; i++)
			g_string_append_c(nested, '[');
		for (int i = 0; i < depth; i++)
			g_string_append_c(nested, ']');
		g_autoptr(document_t) document = parse(nested->str);
		assert_int_equal(document != NULL, depth == 32);
	}
}

static void values_know_their_lines(void **state)
{
	(void)state;
	g_autoptr(document_t) document = parse("a: 1\nb:\n  c: x\n  d: true\n  e: false\nf:\n- x\n- y\n- {g: 1,\n   h: null}\n");
	json_t *root = document_root(document), *b = json_object_get(root, "b"), *f = json_object_get(root, "f"), *last = json_array_get(f, 2);
	assert_int_equal(document_line(document, root), 1);
	assert_int_equal(document_line(document, json_object_get(root, "a")), 1);
	assert_int_equal(document_line(document, b), 2);
	assert_int_equal(document_line(document, json_object_get(b, "c")), 3);
	assert_int_equal(document_line(document, f), 6);
	assert_int_equal(document_line(document, json_array_get(f, 1)), 8);
	assert_int_equal(document_line(document, last), 9);
	assert_int_equal(document_line(document, json_object_get(last, "g")), 9);
	assert_int_equal(document_line(document, NULL), 0);
}

/* jansson has one true for all: its line must come from where it stands, and never from the other one. */
static void shared_values_have_the_line_of_their_key(void **state)
{
	(void)state;
	g_autoptr(document_t) document = parse("a: true\nb: false\nc:\n  a: true\n  b: ~\nd: x\ne: ~\n");
	json_t *root = document_root(document), *c = json_object_get(root, "c");
	assert_int_equal(document_member_line(document, root, "a"), 1);
	assert_int_equal(document_member_line(document, root, "b"), 2);
	assert_int_equal(document_member_line(document, c, "a"), 4);
	assert_int_equal(document_member_line(document, c, "b"), 5);
	assert_int_equal(document_member_line(document, root, "d"), 6);
	assert_int_equal(document_member_line(document, root, "e"), 7);
	assert_int_equal(document_member_line(document, c, "gone"), 3);
	assert_int_equal(document_line(document, json_null()), 0);
	assert_int_equal(document_line(document, json_object_get(root, "a")), 0);
}

/* The address of a value that a caller dropped must not come back as another value with a wrong line. */
static void a_dropped_value_keeps_its_address(void **state)
{
	(void)state;
	g_autoptr(document_t) document = parse("a: text\nb: other\n");
	json_object_clear(document_root(document));
	for (int i = 0; i < 1000; i++) {
		g_autoptr(json_t) value = json_string("text");
		assert_int_equal(document_line(document, value), 0);
	}
}

static void a_noted_line_is_known(void **state)
{
	(void)state;
	g_autoptr(document_t) document = parse("a: 15m\n");
	g_autoptr(json_t) made = json_integer(900);
	assert_int_equal(document_line(document, made), 0);
	document_note_line(document, made, 7);
	document_note_line(document, made, 8);
	document_note_line(document, json_true(), 9);
	assert_int_equal(document_line(document, made), 7);
	assert_int_equal(document_line(document, json_true()), 0);
}

static char *written_file(const char *folder, const char *text)
{
	char *path = g_build_filename(folder, "f.yaml", NULL);
	assert_true(g_file_set_contents(path, text, -1, NULL));
	return path;
}

static void reads_a_file(void **state)
{
	(void)state;
	g_autofree char *folder = g_dir_make_tmp("passerelle-XXXXXX", NULL), *path = written_file(folder, "a: b\nc: [\n");
	g_autofree char *message = g_strconcat(path, ":3: ", NULL);
	g_autoptr(GError) error = NULL;
	assert_null(document_read(path, &error));
	assert_true(g_str_has_prefix(error->message, message));
	assert_true(g_file_set_contents(path, "a: b\n", -1, NULL));
	g_autoptr(document_t) document = document_read(path, NULL);
	assert_non_null(document);
	assert_string_equal(json_string_at(document_root(document), "a"), "b");
	assert_string_equal(document_folder(document), folder);
	assert_string_equal(document_name(document), path);
	assert_true(document_may_refer(document));
	g_clear_error(&error);
	assert_null(document_read(folder, &error));
	assert_int_equal(error_code_of(error), ERROR_MALFORMED);
	unlink(path);
	g_clear_error(&error);
	assert_null(document_read(path, &error));
	assert_true(g_str_has_suffix(error->message, "No such file or directory"));
	rmdir(folder);
}

static void reads_standard_input(void **state)
{
	(void)state;
	g_autofree char *folder = g_get_current_dir(), *filler = g_strnfill(50000, 'x'), *text = g_strconcat("a: ", filler, "\nb: 1\n", NULL);
	int ends[2], saved = dup(STDIN_FILENO);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	g_autoptr(document_t) document = document_read("-", NULL);
	dup2(saved, STDIN_FILENO);
	close(saved);
	assert_non_null(document);
	assert_string_equal(document_name(document), "stdin");
	assert_string_equal(document_folder(document), folder);
	assert_string_equal(json_string_at(document_root(document), "a"), filler);
	assert_int_equal(document_member_line(document, document_root(document), "b"), 2);
}

static void size_ends_at_64_mebibytes(void **state)
{
	(void)state;
	g_autoptr(GError) error = NULL;
	assert_null(document_parse("f.yaml", "a", (size_t)64 * 1024 * 1024 + 1, &error));
	assert_string_equal(error->message, "f.yaml: more than 64 MiB");
	/* An endless file ends at the bound too. */
	g_clear_error(&error);
	assert_null(document_read("/dev/zero", &error));
	assert_string_equal(error->message, "/dev/zero: more than 64 MiB");
}

static void parsed_text_may_not_refer_until_allowed(void **state)
{
	(void)state;
	g_autoptr(document_t) document = parse("a: 1");
	assert_false(document_may_refer(document));
	document_allow_references(document);
	assert_true(document_may_refer(document));
	document_free(NULL);
}

const struct CMUnitTest document_tests[] = {
	cmocka_unit_test(reads_yaml_into_json),
	cmocka_unit_test(plain_scalars_follow_the_core_schema),
	cmocka_unit_test(refuses_what_goes_beyond_json),
	cmocka_unit_test(syntax_mistakes_name_their_line),
	cmocka_unit_test(utf_16_is_not_read),
	cmocka_unit_test(depth_ends_at_32),
	cmocka_unit_test(values_know_their_lines),
	cmocka_unit_test(shared_values_have_the_line_of_their_key),
	cmocka_unit_test(a_dropped_value_keeps_its_address),
	cmocka_unit_test(a_noted_line_is_known),
	cmocka_unit_test(reads_a_file),
	cmocka_unit_test(reads_standard_input),
	cmocka_unit_test(size_ends_at_64_mebibytes),
	cmocka_unit_test(parsed_text_may_not_refer_until_allowed),
	TESTS_END,
};
