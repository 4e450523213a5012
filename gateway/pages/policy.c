/* The Content-Security-Policy of our pages: nothing is loaded, nothing runs, nobody frames them; the one style sheet is known by its hash. */
#include "gateway/pages/pages.h"
#include "gateway/pages/rendering.h"
#include <string.h>

/* What a source expression may hold. Anything else (a semicolon above all) could add a directive of its own. */
static bool origin_is_safe(const char *origin)
{
	return origin[0] && strlen(origin) <= 300 && !origin[strspn(origin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/-_+[]")];
}

char *page_security_policy(const char *form_action_origin)
{
	bool origin = form_action_origin && origin_is_safe(form_action_origin);

	return g_strdup_printf("default-src 'none'; style-src %s; base-uri 'none'; frame-ancestors 'none'; form-action 'self'%s%s",
		style_source, origin ? " " : "", origin ? form_action_origin : "");
}
