/* Stored password strings, read and never computed: only one line of printable ASCII is usable, and what has no pepper of ours is foreign. */
#include "crypto/password.h"
#include "tests/fuzz/fuzz.h"

void fuzz_password(const uint8_t *bytes, size_t length)
{
	g_autofree char *stored = fuzz_text(bytes, length);
	bool usable = password_stored_is_usable(stored), foreign = password_stored_is_foreign(stored);
	g_assert(usable || !foreign);
	g_assert(password_stored_key_known(NULL, stored) == (foreign || !usable));
	for (const char *c = stored; usable && *c; c++)
		g_assert(g_ascii_isgraph(*c));
}
