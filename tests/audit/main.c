/* Unit tests of gateway/audit, as one TAP stream. */
#include "tests.h"

static const struct test_group *const groups[] = { &device_group, &event_group, &json_group, &username_group, &chain_group, &coalesce_group };

int main(void)
{
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct CMUnitTest));

	for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
		g_array_append_vals(all, groups[i]->tests, (guint)groups[i]->count);
	/* cmocka's macro takes an array of known size; this is what it calls. */
	return _cmocka_run_group_tests("audit", (const struct CMUnitTest *)(const void *)all->data, all->len, NULL, NULL);
}
