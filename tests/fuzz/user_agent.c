/* User agents: whatever a stranger sends, what comes out is one of our own words, or one with a number of at most four digits. */
#include "gateway/audit/device.h"
#include "tests/fuzz/fuzz.h"

static const char *const types[] = { "desktop", "mobile", "tablet", "app", "bot", "unknown", NULL };
static const char *const systems[] = { "Windows", "macOS", "Linux", "Android", "iOS", "iPadOS", "ChromeOS", "unknown", NULL };

void fuzz_user_agent(const uint8_t *bytes, size_t length)
{
	g_autofree char *user_agent = fuzz_text(bytes, length);
	struct device device = device_of(user_agent);
	g_assert(g_strv_contains(types, device.type) && g_strv_contains(systems, device.os));
	g_assert(device.browser[0] && memchr(device.browser, '\0', sizeof device.browser));
	g_assert(device.browser[strspn(device.browser, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789- ")] == '\0');
	const char *number = strpbrk(device.browser, "0123456789");
	g_assert(!number || (number[-1] == ' ' && strspn(number, "0123456789") == strlen(number) && strlen(number) <= 4));
}
