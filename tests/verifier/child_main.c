/* The child alone, built without sanitizers whatever the build: the cage excludes them, and the tests of the cage want the real one. */
#include "providers/verifier/verifier.h"
#include <string.h>

int main(int argc, char **argv)
{
	return argc == 2 && strcmp(argv[1], VERIFIER_VERB) == 0 ? verifier_main() : 2;
}
