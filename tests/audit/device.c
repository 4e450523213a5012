/* User agents as they are sent, and what we read in them. */
#include "tests.h"
#include "gateway/audit/device.h"
#include <string.h>

#define WEBKIT " AppleWebKit/537.36 (KHTML, like Gecko)"
#define APPLE " AppleWebKit/605.1.15 (KHTML, like Gecko)"
#define WINDOWS "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
#define MAC "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
#define LINUX "Mozilla/5.0 (X11; Linux x86_64)"
#define CROS "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)"
#define PHONE "Mozilla/5.0 (Linux; Android 10; K)"
#define IPHONE "Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X)"
#define IPAD "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X)"

static const struct { const char *user_agent, *type, *os, *browser; } cases[] = {
	/* Firefox */
	{ "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0", "desktop", "Windows", "Firefox 128" },
	{ "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.6; rv:128.0) Gecko/20100101 Firefox/128.0", "desktop", "macOS", "Firefox 128" },
	{ "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "desktop", "Linux", "Firefox 133" },
	{ "Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0", "desktop", "Linux", "Firefox 102" },
	{ "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0", "mobile", "Android", "Firefox 133" },
	{ "Mozilla/5.0 (Android 13; Tablet; rv:128.0) Gecko/128.0 Firefox/128.0", "tablet", "Android", "Firefox 128" },
	{ "Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X)" APPLE " FxiOS/133.0 Mobile/15E148 Safari/605.1.15", "mobile", "iOS", "Firefox 133" },
	{ IPAD APPLE " FxiOS/128.0 Mobile/15E148 Safari/605.1.15", "tablet", "iPadOS", "Firefox 128" },
	{ "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0; rv:128.0) Gecko/20100101 Firefox/128.0", "desktop", "ChromeOS", "Firefox 128" },
	{ "Mozilla/5.0 (Android 12; Mobile; rv:109.0) Gecko/113.0 Firefox/113.0", "mobile", "Android", "Firefox 113" },
	{ "Mozilla/5.0 (X11; Linux x86_64; rv:91.0) Gecko/20100101 Firefox/91.0 SeaMonkey/2.53.17", "desktop", "Linux", "SeaMonkey 2" },
	/* Chrome */
	{ WINDOWS WEBKIT " Chrome/131.0.0.0 Safari/537.36", "desktop", "Windows", "Chrome 131" },
	{ MAC WEBKIT " Chrome/131.0.0.0 Safari/537.36", "desktop", "macOS", "Chrome 131" },
	{ LINUX WEBKIT " Chrome/130.0.0.0 Safari/537.36", "desktop", "Linux", "Chrome 130" },
	{ CROS WEBKIT " Chrome/131.0.0.0 Safari/537.36", "desktop", "ChromeOS", "Chrome 131" },
	{ PHONE WEBKIT " Chrome/131.0.0.0 Mobile Safari/537.36", "mobile", "Android", "Chrome 131" },
	{ PHONE WEBKIT " Chrome/131.0.0.0 Safari/537.36", "tablet", "Android", "Chrome 131" },
	{ "Mozilla/5.0 (Linux; Android 9; CUBOT_X19)" WEBKIT " Chrome/120.0.6099.144 Mobile Safari/537.36", "mobile", "Android", "Chrome 120" },
	{ "Mozilla/5.0 (Linux; Android 9; CUBOT)" WEBKIT " Chrome/120.0.6099.144 Mobile Safari/537.36", "mobile", "Android", "Chrome 120" },
	{ "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A.231005.007; wv)" WEBKIT " Version/4.0 Chrome/119.0.6045.66 Mobile Safari/537.36", "mobile", "Android", "Chrome 119" },
	{ IPHONE APPLE " CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1", "mobile", "iOS", "Chrome 131" },
	{ IPAD APPLE " CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1", "tablet", "iPadOS", "Chrome 131" },
	{ "Mozilla/5.0 (X11; Linux x86_64)" WEBKIT " Ubuntu Chromium/80.0.3987.87 Chrome/80.0.3987.87 Safari/537.36", "desktop", "Linux", "Chromium 80" },
	/* Safari */
	{ MAC APPLE " Version/17.6 Safari/605.1.15", "desktop", "macOS", "Safari 17" },
	{ IPHONE APPLE " Version/17.7 Mobile/15E148 Safari/604.1", "mobile", "iOS", "Safari 17" },
	{ IPAD APPLE " Version/17.7 Mobile/15E148 Safari/604.1", "tablet", "iPadOS", "Safari 17" },
	{ "Mozilla/5.0 (iPod touch; CPU iPhone OS 12_5_7 like Mac OS X)" APPLE " Version/12.1.2 Mobile/15E148 Safari/604.1", "mobile", "iOS", "Safari 12" },
	{ IPHONE APPLE " Mobile/15E148", "mobile", "iOS", "unknown" },
	{ IPHONE APPLE " GSA/340.0.700 Mobile/15E148 Safari/604.1", "mobile", "iOS", "Google app 340" },
	{ "Mozilla/5.0 (X11; Linux x86_64)" APPLE " Version/16.0 Safari/605.1.15 Epiphany/605.1.15", "desktop", "Linux", "Epiphany 605" },
	/* Edge */
	{ WINDOWS WEBKIT " Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", "desktop", "Windows", "Edge 131" },
	{ MAC WEBKIT " Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", "desktop", "macOS", "Edge 130" },
	{ LINUX WEBKIT " Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", "desktop", "Linux", "Edge 130" },
	{ PHONE WEBKIT " Chrome/131.0.0.0 Mobile Safari/537.36 EdgA/131.0.0.0", "mobile", "Android", "Edge 131" },
	{ IPHONE APPLE " Version/17.0 EdgiOS/131.2903.68 Mobile/15E148 Safari/604.1", "mobile", "iOS", "Edge 131" },
	{ "Mozilla/5.0 (Windows NT 10.0; Win64; x64)" WEBKIT " Chrome/70.0.3538.102 Safari/537.36 Edge/18.19582", "desktop", "Windows", "Edge 18" },
	{ "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950)" WEBKIT " Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063", "mobile", "Windows", "Edge 15" },
	/* Opera, Samsung and others on Chromium */
	{ WINDOWS WEBKIT " Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0", "desktop", "Windows", "Opera 115" },
	{ MAC WEBKIT " Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0", "desktop", "macOS", "Opera 115" },
	{ PHONE WEBKIT " Chrome/130.0.0.0 Mobile Safari/537.36 OPR/86.0.0.0", "mobile", "Android", "Opera 86" },
	{ IPHONE APPLE " Version/17.7 Mobile/15E148 Safari/604.1 OPT/5.1.1", "mobile", "iOS", "Opera 5" },
	{ "Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18", "desktop", "Windows", "Opera 12" },
	{ "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16", "mobile", "Android", "Opera Mini 36" },
	{ "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S918B)" WEBKIT " SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36", "mobile", "Android", "Samsung Internet 27" },
	{ "Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-X700)" WEBKIT " SamsungBrowser/23.0 Chrome/115.0.0.0 Safari/537.36", "tablet", "Android", "Samsung Internet 23" },
	{ WINDOWS WEBKIT " Chrome/128.0.0.0 YaBrowser/24.10.0.0 Safari/537.36", "desktop", "Windows", "Yandex 24" },
	{ LINUX WEBKIT " Chrome/130.0.0.0 Safari/537.36 Vivaldi/7.0.3495.10", "desktop", "Linux", "Vivaldi 7" },
	{ "Mozilla/5.0 (Linux; U; Android 13; en-US; M2101K6G)" WEBKIT " Version/4.0 Chrome/100.0.4896.127 UCBrowser/13.5.0.1313 Mobile Safari/537.36", "mobile", "Android", "UC Browser 13" },
	{ "Mozilla/5.0 (Linux; U; Android 4.0.3; de-de; Galaxy S II Build/GRJ22) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30", "mobile", "Android",
	  "Android Browser 4" },
	{ "Mozilla/5.0 (Linux; Android 9; KFMAWI)" WEBKIT " Silk/120.4.1 like Chrome/120.0.6099.230 Safari/537.36", "tablet", "Android", "Silk 120" },
	/* Internet Explorer */
	{ "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", "desktop", "Windows", "Internet Explorer 11" },
	{ "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)", "desktop", "Windows", "Internet Explorer 10" },
	/* programs */
	{ "curl/7.88.1", "app", "unknown", "curl 7" },
	{ "Wget/1.21.3", "app", "unknown", "Wget 1" },
	{ "Wget/1.21 (linux-gnu)", "app", "Linux", "Wget 1" },
	{ "Go-http-client/1.1", "app", "unknown", "Go-http-client 1" },
	{ "Go-http-client/2.0", "app", "unknown", "Go-http-client 2" },
	{ "python-requests/2.31.0", "app", "unknown", "python-requests 2" },
	{ "Python-urllib/3.11", "app", "unknown", "Python-urllib 3" },
	{ "Python/3.11 aiohttp/3.9.1", "app", "unknown", "aiohttp 3" },
	{ "okhttp/4.12.0", "app", "unknown", "okhttp 4" },
	{ "Apache-HttpClient/4.5.14 (Java/17.0.9)", "app", "unknown", "Apache-HttpClient 4" },
	{ "Java/17.0.9", "app", "unknown", "Java 17" },
	{ "axios/1.6.2", "app", "unknown", "axios 1" },
	{ "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "app", "unknown", "node-fetch 1" },
	{ "Dart/3.2 (dart:io)", "app", "unknown", "Dart 3" },
	{ "PostmanRuntime/7.36.0", "app", "unknown", "Postman 7" },
	{ "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 6 Build/TQ3A.230901.001)", "app", "Android", "Dalvik 2" },
	{ "MyApp/12 CFNetwork/1494.0.7 Darwin/23.4.0", "app", "unknown", "CFNetwork 1494" },
	{ MAC WEBKIT " Slack/4.35.126 Chrome/118.0.5993.159 Electron/27.1.0 Safari/537.36", "app", "macOS", "Electron 27" },
	{ "openid-client/v6.1.3 (https://github.com/panva/openid-client)", "app", "unknown", "openid-client" },
	/* bots */
	{ "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot", "unknown", "unknown" },
	{ "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P)" WEBKIT " Chrome/131.0.6778.69 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	  "bot", "Android", "Chrome 131" },
	{ "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bot", "unknown", "unknown" },
	{ "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "bot", "unknown", "unknown" },
	{ "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", "bot", "unknown", "unknown" },
	{ "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "bot", "unknown", "unknown" },
	{ "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "bot", "unknown", "unknown" },
	{ "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "bot", "unknown", "unknown" },
	{ LINUX WEBKIT " HeadlessChrome/131.0.0.0 Safari/537.36", "bot", "Linux", "Headless Chrome 131" },
	/* nothing to read */
	{ "", "unknown", "unknown", "unknown" },
	{ NULL, "unknown", "unknown", "unknown" },
	{ "-", "unknown", "unknown", "unknown" },
	{ "Mozilla/5.0", "unknown", "unknown", "unknown" },
	{ "\x01\xff\xfe garbage \x7f", "unknown", "unknown", "unknown" },
	{ "Firefox/", "unknown", "unknown", "Firefox" },
	{ "Firefox/99999999999999999999", "unknown", "unknown", "Firefox" },
	{ "Firefox/-1", "unknown", "unknown", "Firefox" },
	{ "%s%n%s", "unknown", "unknown", "unknown" },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct device seen = device_of(cases[i].user_agent);
		if (strcmp(seen.type, cases[i].type) || strcmp(seen.os, cases[i].os) || strcmp(seen.browser, cases[i].browser))
			fail_msg("%s: %s, %s, %s", cases[i].user_agent, seen.type, seen.os, seen.browser);
	}
}

/* Any length is safe, and what stands beyond 512 bytes is not read. */
static void test_long_user_agents(void **state)
{
	g_autofree char *five_hundred = g_strnfill(500, 'A');
	g_autofree char *huge = g_strnfill(1000000, 'A');
	g_autofree char *hidden = g_strconcat(five_hundred, "AAAAAAAAAAAAA Firefox/128.0", NULL);
	const char *const agents[] = { five_hundred, huge, hidden };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(agents); i++) {
		struct device seen = device_of(agents[i]);
		assert_string_equal(seen.type, "unknown");
		assert_string_equal(seen.browser, "unknown");
	}
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_long_user_agents) };

const struct test_group device_group = { tests, sizeof tests / sizeof tests[0] };
