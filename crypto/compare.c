/* The one comparison of secrets: see compare.h. */
#include "crypto/compare.h"
#include <openssl/crypto.h>

bool secrets_equal(const void *a, size_t a_length, const void *b, size_t b_length)
{
	return a_length == b_length && (a_length == 0 || CRYPTO_memcmp(a, b, a_length) == 0);
}
