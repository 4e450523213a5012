/* Tests of the SAML part of the verifier, in this process: the sandbox around it has its own. */
#include "idp.h"
#include "subjects.h"

#include "providers/verifier/verifier.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TESTS_MAX 128

static size_t add(struct CMUnitTest *all, size_t count, const struct test_list *list)
{
	for (size_t i = 0; i < list->count && count < TESTS_MAX; i++)
		all[count++] = list->tests[i];
	return count;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], VERIFIER_VERB) == 0)
		return verifier_main();
	struct CMUnitTest all[TESTS_MAX];
	size_t count = 0;

	/* As an attacker of the environment would leave it: it must change nothing (SECURITY SM-3). */
	setenv("LASSO_FLAG", "no-verify-signature", 1);
	if (!saml_library_start())
		return 1;
	pairs_make();
	count = add(all, count, &message_list);
	count = add(all, count, &response_list);
	count = add(all, count, &attack_list);
	count = add(all, count, &cage_list);
	count = add(all, count, &driver_list);
	int failed = _cmocka_run_group_tests("saml", all, count, NULL, NULL);
	pairs_free();
	return failed;
}
