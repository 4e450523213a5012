/* What export writes, read back by the reader that apply uses, is the same tree: also where a string looks like something else. */
#include "tests.h"

#include "base/document.h"
#include "gateway/admin/verbs.h"

#include <string.h>

static json_t *written_and_read(const json_t *root)
{
	char *text = NULL;
	size_t length = 0;
	g_autoptr(GError) error = NULL;
	FILE *stream = open_memstream(&text, &length);
	assert_non_null(stream);
	assert_true(yaml_write(stream, root));
	fclose(stream);
	g_autoptr(document_t) document = document_parse("written", text, length, &error);
	if (!document)
		fail_msg("%s\n%s", error->message, text);
	free(text);
	return json_incref(document_root(document));
}

static void strings_stay_strings(void **state)
{
	static const char *const texts[] = {
		"", " ", "a", "true", "True", "NO", "on", "y", "null", "~", "1", "0x1f", "1e3", "-", "- a", "a: b", "a:", "a #b", "#a", "15m", "1.5", "1:30", "2026-11-24",
		"a, b", "[a]", "{a}", "*a", "&a", "!a", "%a", "@a", "`a", "'a'", "\"a\"", "a\\b", "é", "日本", " a", "a ", "a\tb", "https://a.example/cb", "$argon2id$v=19$",
		"---", "...", "? a", "| a", "> a", "=", "<<", ".inf", ".nan", "+1", "0o7", "aaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	(void)state;
	g_autoptr(json_t) list = json_array();
	g_autoptr(json_t) object = json_object();
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		json_array_append_new(list, json_string(texts[i]));
		if (*texts[i] && strcmp(texts[i], "<<") != 0)
			json_object_set_new(object, texts[i], json_string(texts[i]));
	}
	g_autoptr(json_t) root = json_pack("{s:O, s:[O], s:[], s:b, s:b, s:i}", "list", list, "objects", object, "empty", "yes_", 1, "no_", 0, "number", -7);
	g_autoptr(json_t) back = written_and_read(root);
	if (!json_equal(root, back)) {
		g_autofree char *one = json_text(root), *other = json_text(back);
		fail_msg("%s\n%s", one, other);
	}
}

const struct CMUnitTest yaml_tests[] = {
	cmocka_unit_test(strings_stay_strings),
};
const size_t yaml_count = G_N_ELEMENTS(yaml_tests);
