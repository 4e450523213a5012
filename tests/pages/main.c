/* Unit tests of gateway/pages, as one TAP stream. */
#include "tests.h"
#include <glib.h>

static const struct test_group *const groups[] = { &hostile_group, &language_group, &catalogue_group, &form_group };

int main(void)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct CMUnitTest));

	for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
		g_array_append_vals(all, groups[i]->tests, (guint)groups[i]->count);
	/* cmocka's macro takes an array of known size; this is what it calls. */
	return _cmocka_run_group_tests("pages", (const struct CMUnitTest *)(const void *)all->data, all->len, NULL, NULL);
}
