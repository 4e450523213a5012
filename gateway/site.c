/* The welcome page, a tenant's front door, health. */
#include "gateway/site.h"

static bool note_tenant(const struct tenant *tenant, void *data)
{
	(void)tenant;
	*(bool *)data = false;
	return false;
}

void site_welcome(struct call *call)
{
	GError *error = NULL;
	bool fresh = true;
	struct page_frame frame = call_frame(call);
	struct unit *unit = store_reader(call->gateway->store, &error);
	if (unit && tenant_list(unit, note_tenant, &fresh, &error))
		call_page(call, 200, page_welcome(&frame, call->gateway->base_url, fresh), NULL);
	else
		call_fail_error(call, error);
}

void site_tenant(struct call *call)
{
	g_autofree char *url = call_url(call, "/account");
	reply_redirect(call->reply, 303, url);
}

static void say(struct call *call, unsigned status, const char *what)
{
	g_autoptr(json_t) body = json_pack("{s:s}", "status", what);
	reply_json(call->reply, status, body);
}

void site_health(struct call *call)
{
	say(call, 200, "ok");
}

void site_ready(struct call *call)
{
	struct tenant *tenant = NULL;
	struct unit *unit = store_reader(call->gateway->store, NULL);
	enum found found = unit ? tenant_find_named(unit, "", &tenant, NULL) : BROKEN;
	say(call, found == BROKEN ? 503 : 200, found == BROKEN ? "store unavailable" : "ready");
}
