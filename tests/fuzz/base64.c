/* One value has one text: what decodes must encode to the very text it came from, else a revoked token could come back spelt differently. */
#include "base/encoding.h"
#include "tests/fuzz/fuzz.h"

typedef char *encoder(const void *bytes, size_t length);
typedef bool decoder(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *ret_length);

static void check(encoder *encode, decoder *decode, const uint8_t *bytes, size_t length)
{
	size_t size = 0;
	/* Never more than three bytes of four characters; the block is no longer, so a write behind it is seen. */
	size_t room = length / 4 * 3 + (length % 4 ? length % 4 - 1 : 0);
	g_autofree uint8_t *out = g_malloc(room + !room);
	if (decode((const char *)bytes, length, out, room, &size)) {
		g_autofree char *again = encode(out, size);
		g_assert(size <= room && strlen(again) == length && memcmp(again, bytes, length) == 0);
		g_assert(size == 0 || !decode((const char *)bytes, length, out, size - 1, &size));
	}
	g_autofree char *text = encode(bytes, length);
	g_autofree uint8_t *back = g_malloc(length + !length);
	g_assert(decode(text, strlen(text), back, length, &size) && size == length && memcmp(back, bytes, length) == 0);
}

void fuzz_base64(const uint8_t *bytes, size_t length)
{
	check(base64url_encode, base64url_decode, bytes, length);
	check(base64_encode, base64_decode, bytes, length);
}
