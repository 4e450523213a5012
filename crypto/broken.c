/* The end of the process when the cryptographic library itself is broken: see broken.h. */
#include "crypto/broken.h"
#include "base/log.h"
#include <openssl/err.h>
#include <stdlib.h>

void crypto_broken(const char *what)
{
	char reason[256];
	ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
	log_line(LOG_LEVEL_ERROR, "crypto.broken", "what", what, "openssl", reason, NULL);
	abort();
}
