/* The Content-Security-Policy of our pages: nothing is loaded, nobody frames them; the one style sheet is known by its hash,
 * and so is the one script, which runs on the form_post page only. */
#include "gateway/pages/pages.h"
#include "gateway/pages/rendering.h"
#include <string.h>

/* What a source expression may hold. Anything else (a semicolon above all) could add a directive of its own. */
static bool origin_is_safe(const char *origin)
{
	return origin[0] && strlen(origin) <= 300 && !origin[strspn(origin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/-_+[]")];
}

/* `script` is a whole directive with "; " behind it, or nothing. */
static char *policy_text(const char *script, const char *form_action_origin)
{
	bool origin = form_action_origin && origin_is_safe(form_action_origin);

	return g_strdup_printf("default-src 'none'; style-src %s; %sbase-uri 'none'; frame-ancestors 'none'; form-action 'self'%s%s",
		style_source, script, origin ? " " : "", origin ? form_action_origin : "");
}

char *page_security_policy(const char *form_action_origin)
{
	return policy_text("", form_action_origin);
}

char *page_form_post_policy(const char *form_action_origin)
{
	g_autofree char *script = g_strdup_printf("script-src %s; ", submit_source);

	return policy_text(script, form_action_origin);
}
