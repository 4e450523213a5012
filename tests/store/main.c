/* The unit tests of the store: the conformance suite on SQLite, then what is SQLite's own. One TAP stream.
 *
 * Also: "--child ADDRESS WHAT" is the second process of some tests, "--make-fixture FOLDER" writes v1.db and v1.key. */
#include "child.h"
#include "fixture.h"
#include "sqlite.h"
#include "tests.h"

static const struct test_group *const groups[] = {
	&record_tests,      &tenant_conformance, &account_conformance, &client_conformance, &browser_conformance, &token_conformance, &log_conformance,
	&purge_conformance, &schema_tests,       &opening_tests,       &writer_tests,       &durability_tests,    &cache_tests,       &secret_key_tests,
	&fixture_tests,
};

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "--child") == 0)
		return child_main(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "--make-fixture") == 0) {
		fixture_make(argv[2]);
		return 0;
	}
	conformance_use(&sqlite_backend);
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct CMUnitTest));
	for (size_t i = 0; i < G_N_ELEMENTS(groups); i++)
		g_array_append_vals(all, groups[i]->tests, (unsigned)groups[i]->count);
	/* cmocka's macro takes an array of known size; this is what it calls. */
	return _cmocka_run_group_tests("store", (const struct CMUnitTest *)(const void *)all->data, all->len, NULL, NULL);
}
