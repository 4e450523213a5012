/* Reading a user agent: three tables, the first rule that matches decides. It is what the sender says of itself and may be a lie; it helps a person
 * recognise a sign-in and decides nothing. Longer and more special tokens stand before those they imitate: Edge says "Chrome" and "Safari" too. */
#include "gateway/audit/device.h"
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { USER_AGENT_READ_BYTES = 512 };

/* `version` is the token that the version number follows; NULL: `token` itself. */
struct browser_rule { const char *token, *name, *version; };

static const struct browser_rule browsers[] = {
	{ "EdgA/", "Edge", NULL }, { "EdgiOS/", "Edge", NULL }, { "Edg/", "Edge", NULL }, { "Edge/", "Edge", NULL },
	{ "OPR/", "Opera", NULL }, { "OPT/", "Opera", NULL }, { "OPiOS/", "Opera", NULL }, { "Opera Mini/", "Opera Mini", NULL }, { "Opera/", "Opera", "Version/" },
	{ "SamsungBrowser/", "Samsung Internet", NULL }, { "YaBrowser/", "Yandex", NULL }, { "Vivaldi/", "Vivaldi", NULL },
	{ "UCBrowser/", "UC Browser", NULL }, { "MiuiBrowser/", "Miui Browser", NULL }, { "HuaweiBrowser/", "Huawei Browser", NULL },
	{ "DuckDuckGo/", "DuckDuckGo", NULL }, { "Ddg/", "DuckDuckGo", NULL }, { "Whale/", "Whale", NULL }, { "Silk/", "Silk", NULL }, { "GSA/", "Google app", NULL },
	{ "FxiOS/", "Firefox", NULL }, { "Focus/", "Firefox Focus", NULL }, { "SeaMonkey/", "SeaMonkey", NULL }, { "Firefox/", "Firefox", NULL },
	{ "Epiphany/", "Epiphany", NULL }, { "Falkon/", "Falkon", NULL },
	{ "CriOS/", "Chrome", NULL }, { "HeadlessChrome/", "Headless Chrome", NULL }, { "Chromium/", "Chromium", NULL }, { "Chrome/", "Chrome", NULL },
	{ "Trident/7.0", "Internet Explorer", "rv:" }, { "MSIE ", "Internet Explorer", NULL },
	{ "Android ", "Android Browser", "Version/" }, { "Safari/", "Safari", "Version/" },
};

/* Programs that are not browsers: command-line tools, libraries, native applications. */
static const struct browser_rule programs[] = {
	{ "curl/", "curl", NULL }, { "Wget/", "Wget", NULL }, { "Go-http-client/", "Go-http-client", NULL },
	{ "python-requests/", "python-requests", NULL }, { "Python-urllib/", "Python-urllib", NULL }, { "python-httpx/", "python-httpx", NULL },
	{ "aiohttp/", "aiohttp", NULL }, { "okhttp/", "okhttp", NULL }, { "Apache-HttpClient/", "Apache-HttpClient", NULL }, { "Java-http-client/", "Java", NULL },
	{ "Java/", "Java", NULL }, { "Dart/", "Dart", NULL }, { "axios/", "axios", NULL }, { "node-fetch/", "node-fetch", NULL }, { "undici", "undici", NULL },
	{ "PostmanRuntime/", "Postman", NULL }, { "insomnia/", "Insomnia", NULL }, { "HTTPie/", "HTTPie", NULL }, { "libwww-perl/", "libwww-perl", NULL },
	{ "GuzzleHttp/", "Guzzle", NULL }, { "reqwest/", "reqwest", NULL }, { "Faraday v", "Faraday", NULL }, { "Electron/", "Electron", NULL },
	{ "openid-client/", "openid-client", NULL }, { "CFNetwork/", "CFNetwork", NULL }, { "Dalvik/", "Dalvik", NULL },
};

static const struct { const char *token, *name; } systems[] = {
	{ "Windows", "Windows" }, { "iPad", "iPadOS" }, { "iPhone", "iOS" }, { "iPod", "iOS" }, { "Android", "Android" }, { "CrOS", "ChromeOS" },
	{ "Macintosh", "macOS" }, { "Mac OS X", "macOS" }, { "macOS", "macOS" }, { "Linux", "Linux" }, { "linux", "Linux" }, { "X11", "Linux" },
};

/* The word "bot" at the end of a name ("Googlebot/2.1", "bingbot;"), whatever its case; CUBOT makes telephones. */
static bool names_bot(const char *lower)
{
	for (const char *bot = strstr(lower, "bot"); bot; bot = strstr(bot + 1, "bot")) {
		bool ends = !g_ascii_isalnum(bot[3]) && bot[3] != '_';
		bool cubot = bot - lower >= 2 && bot[-1] == 'u' && bot[-2] == 'c';
		if (ends && !cubot)
			return true;
	}
	return false;
}

static bool is_bot(const char *user_agent)
{
	static const char *const tokens[] = { "crawler", "spider", "slurp", "facebookexternalhit", "bingpreview", "feedfetcher", "mediapartners-google", "lighthouse",
		"uptime", "pingdom", "headlesschrome", "phantomjs" };
	g_autofree char *lower = g_ascii_strdown(user_agent, -1);

	for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++)
		if (strstr(lower, tokens[i]))
			return true;
	return names_bot(lower);
}

static const struct browser_rule *rule_of(const struct browser_rule *rules, size_t count, const char *user_agent)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(user_agent, rules[i].token))
			return &rules[i];
	return NULL;
}

static const char *system_of(const char *user_agent)
{
	for (size_t i = 0; i < G_N_ELEMENTS(systems); i++)
		if (strstr(user_agent, systems[i].token))
			return systems[i].name;
	return "unknown";
}

/* A screen one holds or sits at. An Android device without "Mobile" is a tablet; an iPad that asks for desktop pages says Macintosh and is taken at
 * its word. */
static const char *screen_of(const char *user_agent, const char *os)
{
	if (strstr(user_agent, "Windows Phone") || g_str_equal(os, "iOS"))
		return "mobile";
	if (g_str_equal(os, "iPadOS") || strstr(user_agent, "Tablet;"))
		return "tablet";
	if (g_str_equal(os, "Android"))
		return strstr(user_agent, "Mobile") || strstr(user_agent, "Opera Mini") ? "mobile" : "tablet";
	if (strstr(user_agent, "Mobile;") || strstr(user_agent, "Mobi/"))
		return "mobile";
	return g_str_equal(os, "unknown") ? "unknown" : "desktop";
}

static void browser_format(char *out, size_t size, const struct browser_rule *rule, const char *user_agent)
{
	const char *token = rule->version ? rule->version : rule->token;
	const char *version = strstr(user_agent, token);
	int digits = 0;

	if (version) {
		version += strlen(token);
		digits = (int)strspn(version, "0123456789");
	}
	if (digits > 0 && digits <= 4)
		snprintf(out, size, "%s %.*s", rule->name, digits, version);
	else
		snprintf(out, size, "%s", rule->name);
}

struct device device_of(const char *user_agent)
{
	struct device device = { .type = "unknown", .os = "unknown", .browser = "unknown" };
	char text[USER_AGENT_READ_BYTES + 1];

	if (!user_agent || !user_agent[0])
		return device;
	g_strlcpy(text, user_agent, sizeof text);
	device.os = system_of(text);

	const struct browser_rule *program = rule_of(programs, G_N_ELEMENTS(programs), text);
	const struct browser_rule *browser = program ? program : rule_of(browsers, G_N_ELEMENTS(browsers), text);

	if (browser)
		browser_format(device.browser, sizeof device.browser, browser, text);
	device.type = is_bot(text) ? "bot" : program ? "app" : screen_of(text, device.os);
	return device;
}
