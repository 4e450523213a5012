/* How long an answer may be kept by its own words (RFC 9111 section 4.2). What the words are worth is the cache's to decide. */
#include "providers/fetch_internal.h"

#include <curl/curl.h>
#include <string.h>

#define SECONDS_MAX (365 * 86400)

/* delta-seconds (RFC 9111 section 1.2.2): digits only; what is too large counts as very long. -1 for anything else. */
static int64_t seconds_of(const char *text)
{
	char *end;

	if (!g_ascii_isdigit(*text))
		return -1;
	guint64 seconds = g_ascii_strtoull(text, &end, 10);
	return *end == '\0' ? (int64_t)MIN(seconds, SECONDS_MAX) : -1;
}

/* The least of the max-ages, since the strictest word stands where there are several; -1: none. no-store and no-cache are 0. */
static int64_t lifetime_s(const char *cache_control)
{
	g_auto(GStrv) words = g_strsplit(cache_control, ",", 64);
	int64_t least = -1;

	for (char **word = words; *word; word++) {
		const char *text = g_strstrip(*word);
		int64_t seconds = -1;
		if (g_ascii_strcasecmp(text, "no-store") == 0 || g_ascii_strncasecmp(text, "no-cache", 8) == 0)
			seconds = 0;
		else if (g_ascii_strncasecmp(text, "max-age=", 8) == 0)
			seconds = MAX(seconds_of(text + 8), 0); /* an invalid one is stale: section 4.2.1 */
		if (seconds >= 0 && (least < 0 || seconds < least))
			least = seconds;
	}
	return least;
}

/* "0" and other things that are no date mean: in the past (RFC 9111 section 5.3). */
static int64_t expiry_s(const char *expires, const char *date, int64_t now_ms)
{
	time_t until = curl_getdate(expires, NULL), from = date ? curl_getdate(date, NULL) : -1;

	if (until == -1)
		return 0;
	return CLAMP((int64_t)until - (from == -1 ? now_ms / 1000 : (int64_t)from), 0, SECONDS_MAX);
}

int64_t freshness_ms(const char *cache_control, const char *age, const char *expires, const char *date, int64_t now_ms)
{
	int64_t lifetime = cache_control ? lifetime_s(cache_control) : -1, aged = age ? seconds_of(age) : -1;

	if (lifetime < 0 && expires)
		lifetime = expiry_s(expires, date, now_ms);
	if (lifetime < 0)
		return -1;
	return MAX(lifetime - MAX(aged, 0), 0) * 1000;
}
