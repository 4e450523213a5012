/* Tests of providers/verifier. The program is its own verifier's child where a test says no other: sanitized, if this is. */
#include "tests/verifier/tests.h"
#include "base/log.h"
#include "providers/verifier/verifier.h"
#include <string.h>

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], VERIFIER_VERB) == 0)
		return verifier_main();
	log_init(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	return record_tests() + token_tests() + claim_tests() + process_tests();
}
