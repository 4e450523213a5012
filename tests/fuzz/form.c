/* Query strings and posted bodies: what was read, written again, reads the same. */
#include "base/form.h"
#include "tests/fuzz/fuzz.h"

void fuzz_form(const uint8_t *bytes, size_t length)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(form_t) form = form_parse((const char *)bytes, length, &error), again = NULL;
	g_assert(!form == !!error);
	if (!form)
		return;
	g_autoptr(GString) query = g_string_new(NULL);
	const char *name, *value, *name_again, *value_again;
	size_t held = 0;
	for (size_t i = 0; i < form_size(form); i++) {
		form_pair(form, i, &name, &value);
		held += strlen(name) + strlen(value);
		g_assert(g_utf8_validate(name, -1, NULL) && g_utf8_validate(value, -1, NULL) && form_get(form, name) && form_count(form, name) > 0);
		form_append(query, name, value);
	}
	g_assert(form_size(form) <= FORM_PAIRS_MAX && held <= length);
	again = form_parse(query->str, query->len, NULL);
	g_assert(again && form_size(again) == form_size(form));
	for (size_t i = 0; i < form_size(form); i++) {
		form_pair(form, i, &name, &value);
		form_pair(again, i, &name_again, &value_again);
		g_assert(strcmp(name, name_again) == 0 && strcmp(value, value_again) == 0);
	}
}
