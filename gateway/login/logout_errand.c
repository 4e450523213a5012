/* Sign-outs on their way: see the header. */
#include "gateway/login/logout_errand.h"

#include "base/encoding.h"
#include "crypto/seal.h"
#include "gateway/call/browser.h"
#include "gateway/login/upstream.h"

#include <string.h>

#define LOGOUT "logout"

bool flow_is_logout(const struct flow *flow)
{
	return json_string_at(flow->request, LOGOUT) != NULL;
}

void logout_errand_make(struct login *login, const struct source *source, const char *return_url)
{
	flow_new_alone(login);
	json_object_set_new(login->flow.request, LOGOUT, json_string(source->name));
	json_object_set_new(login->flow.request, "return", json_string(return_url));
	login->flow.provider = g_strdup(source->name);
	login->handle = browser_session_value(login->flow.digest);
	flow_bind_browser(login, true);
}

static struct seal_context context_of(const struct login *login, char row[2 * DIGEST_SIZE + 1])
{
	hex_encode(login->flow.digest, DIGEST_SIZE, row);
	return (struct seal_context){ .tenant = login->call->tenant->id, .table = "flow", .row = row, .column = LOGOUT };
}

void logout_errand_keep(struct login *login, const struct secret *keep)
{
	char row[2 * DIGEST_SIZE + 1];
	struct seal_context context = context_of(login, row);
	login->flow.sealed = keep ? seal(login->call->gateway->keys, &context, secret_bytes(keep), secret_length(keep)) : NULL;
}

static bool consume_in_unit(struct unit *unit, void *data, GError **error)
{
	struct login *login = data;
	g_auto(flow_t) gone = { 0 };
	enum found found = flow_consume(unit, login->call->tenant->id, login->flow.digest, &gone, error);
	if (found == MISSING)
		g_clear_pointer(&login->flow.sealed, g_free);
	return found != BROKEN;
}

/* What the driver makes of it decides nothing but what the log says: the session here is over. */
static enum reason judge(struct login *login, const struct source *source, const struct form *form)
{
	struct call *call = login->call;
	char row[2 * DIGEST_SIZE + 1];
	struct seal_context context = context_of(login, row);
	g_autoptr(secret_t) keep = login->flow.sealed ? unseal(call->gateway->keys, &context, login->flow.sealed, NULL) : NULL;
	enum reason reason = REASON_STATE_INVALID;
	if (!call_check(call, "RelayState", keep ? "ours" : "used before", "of a sign-out under way", keep != NULL))
		return reason;
	if (!slots_take(source->slots, request_deadline_ms(call->request)))
		return REASON_PROVIDER_UNAVAILABLE;
	g_autofree char *slo_url = upstream_logout_url(call, source);
	source->driver->logout_complete(source->state, &(struct provider_complete){ .sealed = secret_bytes(keep), .sealed_length = secret_length(keep), .callback_url = slo_url,
		.reply = form, .query = request_method(call->request) == METHOD_GET ? request_query_text(call->request) : NULL, .now_ms = request_time_ms(call->request),
		.deadline_ms = request_deadline_ms(call->request), .checks = call->checks }, &reason);
	slots_give_back(source->slots);
	return reason;
}

static void conclude(struct login *login, const struct source *source, const struct form *form)
{
	struct call *call = login->call;
	GError *error = NULL;
	call->facts.provider = source->name;
	if (!store_write(call->gateway->store, consume_in_unit, login, &error)) {
		call_fail_error(call, error);
		return;
	}
	enum reason reason = judge(login, source, form);
	if (reason != REASON_OK)
		call_audit(call, EVENT_LOGIN_REFUSE, reason);
	const char *url = flow_parameter(login, "return");
	if (request_method(call->request) == METHOD_POST)
		call_leave(call, call->tenant->display_name, url);
	else
		reply_redirect(call->reply, 303, url);
	call->facts = (struct audit_facts){ 0 };
}

void logout_errand_return(struct call *call, const struct source *source, const struct form *form)
{
	g_auto(login_t) login = { .call = call };
	const char *handle = form_count(form, "RelayState") == 1 ? form_value(form, "RelayState") : NULL;
	if (login_load_logout(&login, call, handle) && call_check(call, "provider", source->name, flow_parameter(&login, LOGOUT),
			g_strcmp0(flow_parameter(&login, LOGOUT), source->name) == 0))
		conclude(&login, source, form);
	else if (login.handle) {
		call_audit(call, EVENT_LOGIN_REFUSE, REASON_STATE_INVALID);
		call_fail_page(call, ERROR_FLOW_EXPIRED, NULL);
	}
}
