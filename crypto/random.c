/* Random bytes from OpenSSL's generator, which is one per thread: no lock is taken here. */
#include "crypto/random.h"
#include "base/encoding.h"
#include "base/secret.h"
#include "crypto/broken.h"
#include <limits.h>
#include <openssl/rand.h>
#include <string.h>

void random_bytes(void *out, size_t length)
{
	if (length > INT_MAX || RAND_bytes(out, (int)length) != 1)
		crypto_broken("random source");
}

void random_identifier(char out[IDENTIFIER_SIZE])
{
	uint8_t bytes[16];
	random_bytes(bytes, sizeof bytes);
	base32_encode(bytes, sizeof bytes, out);
	wipe(bytes, sizeof bytes);
}

void random_reference(char out[REFERENCE_SIZE])
{
	/* Seven bytes are twelve characters; the first ten hold fifty bits of them. */
	uint8_t bytes[7];
	char text[13];
	random_bytes(bytes, sizeof bytes);
	base32_encode(bytes, sizeof bytes, text);
	memcpy(out, text, REFERENCE_SIZE - 1);
	out[REFERENCE_SIZE - 1] = '\0';
}
