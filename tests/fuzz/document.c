/* Declarations in YAML. Every value knows its line, every refusal names the file, no tree is deeper than its limit, and text that came from a client
 * never refers to the server's environment or files. */
#include "base/document.h"
#include "tests/fuzz/fuzz.h"

static void check(const document_t *document, const json_t *value, int lines, int depth)
{
	const char *key;
	json_t *member;
	size_t index;
	g_assert(depth <= 32);
	json_object_foreach((json_t *)(uintptr_t)value, key, member) {
		int line = document_member_line(document, value, key);
		g_assert(line >= 1 && line <= lines && g_utf8_validate(key, -1, NULL));
		check(document, member, lines, depth + json_is_object(member) + json_is_array(member));
	}
	json_array_foreach(value, index, member)
		check(document, member, lines, depth + json_is_object(member) + json_is_array(member));
}

void fuzz_document(const uint8_t *bytes, size_t length)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(document_t) document = document_parse("fuzz", (const char *)bytes, length, &error);
	g_assert(!document == !!error);
	if (!document) {
		g_assert(g_str_has_prefix(error->message, "fuzz:") && g_utf8_validate(error->message, -1, NULL));
		return;
	}
	const json_t *root = document_root(document);
	g_assert(!document_may_refer(document) && root);
	check(document, root, (int)length + 1, json_is_object(root) || json_is_array(root));
}
