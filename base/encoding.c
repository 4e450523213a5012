/* Base64, base64url, base32 and hex. One decoder serves both base64 alphabets: it takes the text without padding and refuses what a second
 * text of the same bytes would need (padding in the wrong place, bits left over), because texts are compared and used as keys. */
#include "base/encoding.h"
#include <string.h>

static const char alphabet_standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char alphabet_32[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char digits_hex[] = "0123456789abcdef";

static char *encode_64(const uint8_t *bytes, size_t length, const char *alphabet, bool padded)
{
	char *text = g_malloc((length + 2) / 3 * 4 + 1), *out = text;
	for (size_t i = 0; i < length; i += 3) {
		size_t group = MIN(length - i, (size_t)3);
		uint32_t bits = (uint32_t)bytes[i] << 16 | (group > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (group > 2 ? bytes[i + 2] : 0);
		for (size_t k = 0; k < 4; k++) {
			if (k <= group)
				*out++ = alphabet[bits >> (18 - 6 * k) & 63];
			else if (padded)
				*out++ = '=';
		}
	}
	*out = '\0';
	return text;
}

static int value_64(char c, char plus, char slash)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == plus ? 62 : c == slash ? 63 : -1;
}

static bool decode_64(const char *text, size_t length, char plus, char slash, uint8_t *out, size_t capacity, size_t *ret_length)
{
	size_t whole = length / 4 * 3 + (length % 4 ? length % 4 - 1 : 0), written = 0;
	if (length % 4 == 1 || whole > capacity)
		return false;
	uint32_t bits = 0;
	unsigned held = 0;
	for (size_t i = 0; i < length; i++) {
		int value = value_64(text[i], plus, slash);
		if (value < 0)
			return false;
		bits = (bits << 6 | (uint32_t)value) & 0xffffff;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[written++] = (uint8_t)(bits >> held);
		}
	}
	if (bits & ((1U << held) - 1))
		return false;
	*ret_length = written;
	return true;
}

char *base64url_encode(const void *bytes, size_t length)
{
	return encode_64(bytes, length, alphabet_url, false);
}

bool base64url_decode(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *ret_length)
{
	return decode_64(text, length, '-', '_', out, capacity, ret_length);
}

bool base64_decode(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *ret_length)
{
	if (length % 4 != 0)
		return false;
	size_t padding = 0;
	while (padding < 2 && padding < length && text[length - padding - 1] == '=')
		padding++;
	return decode_64(text, length - padding, '+', '/', out, capacity, ret_length);
}

char *base64_encode(const void *bytes, size_t length)
{
	return encode_64(bytes, length, alphabet_standard, true);
}

void base32_encode(const uint8_t *bytes, size_t length, char *out)
{
	uint32_t bits = 0;
	unsigned held = 0;
	for (size_t i = 0; i < length; i++) {
		bits = (bits << 8 | bytes[i]) & 0xffff;
		for (held += 8; held >= 5; held -= 5)
			*out++ = alphabet_32[bits >> (held - 5) & 31];
	}
	if (held)
		*out++ = alphabet_32[bits << (5 - held) & 31];
	*out = '\0';
}

void hex_encode(const uint8_t *bytes, size_t length, char *out)
{
	for (size_t i = 0; i < length; i++) {
		*out++ = digits_hex[bytes[i] >> 4];
		*out++ = digits_hex[bytes[i] & 15];
	}
	*out = '\0';
}
