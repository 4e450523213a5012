/* The gateway's cookies. All tenants of one host share an origin and Path=/ is forced by __Host-, so the name carries the tenant (DESIGN section 3). On plain
 * HTTP, which is for loopback only, browsers refuse the prefix and Secure, so both are left out. */
#pragma once
#include "gateway/call/call.h"

enum call_cookie {
	COOKIE_SESSION, /* __Host-psr_s_<tenant> */
	COOKIE_FLOW,    /* __Host-psr_f_<tenant>: ties a flow to the browser that started it */
	COOKIE_DEVICE,  /* __Host-psr_d_<tenant>: a device that signed in before has its own throttle */
};

/* NULL when absent or sent twice. */
const char *call_cookie_get(const struct call *call, enum call_cookie cookie);
/* The same value for answers that are posted from another site: SameSite=None, where there is https. */
void call_cookie_set_cross_site(struct call *call, enum call_cookie cookie, const char *value);
/* value NULL deletes; max_age_s 0 lasts until the browser closes. */
void call_cookie_set(struct call *call, enum call_cookie cookie, const char *value, int64_t max_age_s);
