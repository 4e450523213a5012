/* Opaque tokens: prefix, 256 random bits, check value. */
#include "crypto/opaque_token.h"
#include "base/encoding.h"
#include "base/secret.h"
#include "crypto/random.h"
#include <string.h>

#define RANDOM_BYTES  32
#define RANDOM_LENGTH 43
#define CHECK_LENGTH  6
#define MOMENT_BYTES  6 /* eight characters */
#define MOMENT_LENGTH 8

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* The CRC-32 of IEEE 802.3 (reflected, polynomial EDB88320), four bits at a time. */
static uint32_t crc32_of(const char *text, size_t length)
{
	static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		                            0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < length; i++) {
		crc ^= (uint8_t)text[i];
		crc = table[crc & 15] ^ (crc >> 4);
		crc = table[crc & 15] ^ (crc >> 4);
	}
	return ~crc;
}

static void check_write(const char *text, size_t length, char out[CHECK_LENGTH])
{
	uint32_t crc = crc32_of(text, length);
	for (size_t i = CHECK_LENGTH; i-- > 0; crc /= 62)
		out[i] = base62[crc % 62];
}

static void token_write(const char *prefix, uint8_t bytes[RANDOM_BYTES], char out[OPAQUE_TOKEN_SIZE])
{
	char *text = base64url_encode(bytes, RANDOM_BYTES);
	size_t prefix_length = strlen(prefix);
	g_assert(prefix_length + RANDOM_LENGTH + CHECK_LENGTH == OPAQUE_TOKEN_SIZE - 1);

	memcpy(out, prefix, prefix_length);
	memcpy(out + prefix_length, text, RANDOM_LENGTH);
	check_write(out, prefix_length + RANDOM_LENGTH, out + prefix_length + RANDOM_LENGTH);
	out[OPAQUE_TOKEN_SIZE - 1] = '\0';
	wipe(bytes, RANDOM_BYTES);
	wipe(text, RANDOM_LENGTH);
	g_free(text);
}

void opaque_token_make(const char *prefix, char out[OPAQUE_TOKEN_SIZE])
{
	uint8_t bytes[RANDOM_BYTES];
	random_bytes(bytes, sizeof bytes);
	token_write(prefix, bytes, out);
}

void code_make(int64_t now_ms, char out[OPAQUE_TOKEN_SIZE])
{
	uint8_t bytes[RANDOM_BYTES];
	uint64_t moment = GUINT64_TO_BE((uint64_t)now_ms << 16);
	random_bytes(bytes, sizeof bytes);
	memcpy(bytes, &moment, MOMENT_BYTES);
	token_write(OPAQUE_CODE_PREFIX, bytes, out);
}

void code_digest(const char *text, uint8_t out[DIGEST_SIZE])
{
	uint8_t digest[DIGEST_SIZE];
	size_t length;
	memset(out, 0, DIGEST_SIZE);
	if (!opaque_token_well_formed(OPAQUE_CODE_PREFIX, text))
		return;
	digest_sha256(text, strlen(text), digest);
	base64url_decode(text + strlen(OPAQUE_CODE_PREFIX), MOMENT_LENGTH, out, MOMENT_BYTES, &length);
	memcpy(out + MOMENT_BYTES, digest, DIGEST_SIZE - MOMENT_BYTES);
}

bool opaque_token_well_formed(const char *prefix, const char *text)
{
	size_t prefix_length = strlen(prefix);
	if (!text || strnlen(text, OPAQUE_TOKEN_SIZE) != prefix_length + RANDOM_LENGTH + CHECK_LENGTH || strncmp(text, prefix, prefix_length) != 0)
		return false;
	uint8_t bytes[RANDOM_BYTES];
	size_t length = 0;
	bool decodes = base64url_decode(text + prefix_length, RANDOM_LENGTH, bytes, sizeof bytes, &length) && length == RANDOM_BYTES;
	wipe(bytes, sizeof bytes);
	char check[CHECK_LENGTH];
	check_write(text, prefix_length + RANDOM_LENGTH, check);
	return decodes && memcmp(check, text + prefix_length + RANDOM_LENGTH, CHECK_LENGTH) == 0;
}
