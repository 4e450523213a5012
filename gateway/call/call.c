/* The life of a call and its record in the connection log. How answers look is in answers.c. */
#include "gateway/call/call.h"
#include "gateway/audit/coalesce.h"

struct call *call_new(const struct gateway *gateway, struct tenant *tenant, struct request *request)
{
	struct call *call = g_new0(struct call, 1);
	call->gateway = gateway;
	call->tenant = tenant;
	call->request = request;
	return call;
}

void call_free(struct call *call)
{
	if (!call)
		return;
	tenant_unref(call->tenant);
	checks_free(call->checks);
	g_clear_pointer(&call->owned, g_ptr_array_unref);
	g_free(call);
}

const char *call_own(struct call *call, char *text)
{
	if (!text)
		return NULL;
	if (!call->owned)
		call->owned = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(call->owned, text);
	return text;
}

bool call_check(struct call *call, const char *name, const char *seen, const char *expected, bool passed)
{
	if (!call->checks)
		call->checks = checks_new();
	return check(call->checks, name, seen, expected, passed);
}

struct audit_facts call_facts(struct call *call, enum audit_event event, enum reason reason, json_t **ret_detail)
{
	struct audit_facts facts = call->facts;
	facts.event = event;
	facts.reason = reason;
	facts.result = reason_allows(reason) ? AUDIT_OK
		: reason == REASON_STORE_BROKEN || reason == REASON_PROVIDER_UNAVAILABLE || reason == REASON_CLIENT_KEYS_UNAVAILABLE || reason == REASON_BUSY ? AUDIT_ERROR : AUDIT_DENIED;
	facts.address = request_address(call->request);
	facts.user_agent = request_user_agent(call->request);
	facts.ref = request_reference(call->request);
	facts.time_ms = request_time_ms(call->request);
	/* what went well needs no explaining, and is most of what is written */
	*ret_detail = call->checks && facts.result != AUDIT_OK ? checks_json(call->checks) : NULL;
	facts.detail = *ret_detail;
	return facts;
}

bool call_audit(struct call *call, enum audit_event event, enum reason reason)
{
	g_autoptr(json_t) detail = NULL;
	struct audit_facts facts = call_facts(call, event, reason, &detail);
	return coalescer_write(call->gateway->coalescer, call->tenant, &facts, facts.account != NULL);
}
