/* What libFuzzer calls. The build names the one target of this program. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	FUZZ_TARGET(bytes, length);
	return 0;
}
