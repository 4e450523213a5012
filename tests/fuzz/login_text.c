/* What people type. A key is its own key, and a decomposed spelling of it has the same one: else one person would have two counters of failures. */
#include "base/secret.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

enum { KEY_BYTES_MAX = 256, PASSWORD_BYTES_MAX = 1024 };

static void check_login(const char *typed)
{
	g_autofree char *key = text_login_key(typed);
	if (!key)
		return;
	g_autofree char *again = text_login_key(key), *decomposed = g_utf8_normalize(key, -1, G_NORMALIZE_NFD);
	g_assert(*key && again && strcmp(key, again) == 0 && text_is_plain(key, KEY_BYTES_MAX));
	g_assert(text_length(key, strlen(key)) == (size_t)g_utf8_strlen(key, -1));
	if (strlen(decomposed) <= KEY_BYTES_MAX) {
		g_autofree char *met = text_login_key(decomposed);
		g_assert(met && strcmp(met, key) == 0);
	}
}

void fuzz_login_text(const uint8_t *bytes, size_t length)
{
	g_autofree char *typed = fuzz_text(bytes, length);
	check_login(typed);
	g_autoptr(secret_t) password = text_password((const char *)bytes, length, PASSWORD_BYTES_MAX), again = NULL;
	if (!password)
		return;
	size_t size = secret_length(password);
	again = text_password((const char *)secret_bytes(password), size, SIZE_MAX);
	g_assert(length <= PASSWORD_BYTES_MAX && size > 0 && size <= 3 * length); /* NFC grows UTF-8 threefold at most (UAX 15) */
	g_assert(again && secret_length(again) == size && memcmp(secret_bytes(again), secret_bytes(password), size) == 0);
}
