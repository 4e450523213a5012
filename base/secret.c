/* Secret bytes: one allocation holding length and content, wiped before it goes back to the allocator. */
#include "base/secret.h"
#include <string.h>

#define SECRET_MAX (1024 * 1024)

struct secret {
	size_t length;
	uint8_t bytes[]; /* length + 1, the last one NUL */
};

void wipe(void *bytes, size_t length)
{
	if (bytes && length)
		explicit_bzero(bytes, length);
}

/* Every caller bounds its input first; a length above the limit is a bug of ours, and going on with a shorter secret would be worse. */
struct secret *secret_new_empty(size_t length)
{
	if (length > SECRET_MAX)
		g_error("a secret of %zu bytes", length);
	struct secret *secret = g_malloc0(sizeof *secret + length + 1);
	secret->length = length;
	return secret;
}

struct secret *secret_new(const void *bytes, size_t length)
{
	struct secret *secret = secret_new_empty(length);
	if (length)
		memcpy(secret->bytes, bytes, length);
	return secret;
}

const uint8_t *secret_bytes(const struct secret *secret)
{
	return secret->bytes;
}

uint8_t *secret_writable(struct secret *secret)
{
	return secret->bytes;
}

size_t secret_length(const struct secret *secret)
{
	return secret->length;
}

void secret_free(struct secret *secret)
{
	if (!secret)
		return;
	wipe(secret->bytes, secret->length);
	g_free(secret);
}
