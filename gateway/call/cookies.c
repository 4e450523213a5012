/* The gateway's cookies: names, and nothing about what they mean. */
#include "gateway/call/cookies.h"

static bool is_https(const struct call *call)
{
	return g_str_has_prefix(call->tenant->issuer, "https://");
}

static char *cookie_name(const struct call *call, enum call_cookie cookie)
{
	static const char letters[] = { [COOKIE_SESSION] = 's', [COOKIE_FLOW] = 'f', [COOKIE_DEVICE] = 'd' };
	return g_strdup_printf("%spsr_%c_%s", is_https(call) ? "__Host-" : "", letters[cookie], call->tenant->name);
}

const char *call_cookie_get(const struct call *call, enum call_cookie cookie)
{
	g_autofree char *name = cookie_name(call, cookie);
	return request_cookie(call->request, name);
}

void call_cookie_set(struct call *call, enum call_cookie cookie, const char *value, int64_t max_age_s)
{
	g_autofree char *name = cookie_name(call, cookie);
	reply_cookie(call->reply, &(struct cookie){
		.name = name, .value = value, .path = "/", .max_age_s = max_age_s, .secure = is_https(call) });
}

void call_cookie_set_cross_site(struct call *call, enum call_cookie cookie, const char *value)
{
	g_autofree char *name = cookie_name(call, cookie);
	reply_cookie(call->reply, &(struct cookie){ .name = name, .value = value, .path = "/", .secure = is_https(call), .same_site_none = is_https(call) });
}
