/* Tests of providers/verifier. The program is its own verifier's child where a test says no other: sanitized, if this is. */
#include "tests/verifier/tests.h"
#include "base/log.h"
#include "providers/verifier/verifier.h"
#include "tests/verifier/minting.h"
#include <string.h>

#define TESTS_MAX 128

static size_t add(struct CMUnitTest *all, size_t count, const struct test_list *list)
{
	for (size_t i = 0; i < list->count && count < TESTS_MAX; i++)
		all[count++] = list->tests[i];
	return count;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], VERIFIER_VERB) == 0)
		return verifier_main();
	log_init(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	const struct test_list *const lists[] = { &record_list, &token_list, &claim_list, &process_list };
	struct CMUnitTest all[TESTS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
		count = add(all, count, lists[i]);
	token_keys_open();
	const int failed = _cmocka_run_group_tests("verifier", all, count, NULL, NULL);
	token_keys_close();
	mint_free();
	return failed;
}
