/* A provider tells that somebody was signed out there: behind the browser (OpenID Connect Back-Channel Logout 1.0), or by it (SAML profiles 4.4).
 *
 *   notice ─→ driver: whose, from whom ─→ used up, once ─→ the sessions that came from that session, or of that person from that provider ─→ ended, recorded
 *
 * No account is touched, and no session that began elsewhere.
 */
#include "gateway/login/endpoints.h"
#include "gateway/login/upstream.h"

#include <string.h>

struct notice {
	struct call *call;
	const struct source *source;
	struct logout_notice said;
	GPtrArray *sessions; /* their ids */
	bool repeated;
};

static bool note_session(const struct session *session, void *data)
{
	struct notice *notice = data;
	bool theirs = !session->ended_ms && g_strcmp0(session->provider, notice->source->name) == 0;
	if (theirs && !g_ptr_array_find_with_equal_func(notice->sessions, session->id, g_str_equal, NULL))
		g_ptr_array_add(notice->sessions, g_strdup(session->id));
	return true;
}

static bool find_by_subject(struct unit *unit, struct notice *notice, GError **error)
{
	const char *tenant = notice->call->tenant->id;
	struct link link = { 0 };
	enum found found = link_find(unit, tenant, notice->source->name, notice->said.subject, &link, error);
	bool listed = found == FOUND ? session_list(unit, tenant, link.account, note_session, notice, error) : found == MISSING;
	link_clear(&link);
	return listed;
}

static bool find_sessions(struct unit *unit, struct notice *notice, GError **error)
{
	uint8_t digest[DIGEST_SIZE];
	if (!notice->said.sids)
		return find_by_subject(unit, notice, error);
	for (char **sid = notice->said.sids; *sid; sid++) {
		session_upstream_digest(notice->source->name, *sid, digest);
		if (!session_list_upstream(unit, notice->call->tenant->id, digest, note_session, notice, error))
			return false;
	}
	return true;
}

static bool end_one(struct unit *unit, struct notice *notice, const char *id, GError **error)
{
	struct call *call = notice->call;
	g_auto(session_t) session = { 0 };
	g_autoptr(json_t) detail = NULL;
	if (session_find_id(unit, call->tenant->id, id, &session, error) != FOUND
	    || !session_end(unit, call->tenant->id, id, request_time_ms(call->request), error))
		return false;
	struct audit_facts facts = call_facts(call, EVENT_LOGOUT_UPSTREAM, REASON_OK, &detail);
	facts.account = session.account;
	facts.session = id;
	facts.provider = notice->source->name;
	return audit_append(unit, call->gateway->store, call->tenant, &facts, true, error);
}

/* Replayed, it ends nothing: whoever caught one may not sign a person out again and again. */
static bool use_up(struct unit *unit, struct notice *notice, GError **error)
{
	g_autofree char *purpose = g_strconcat("logout token ", notice->source->name, NULL);
	enum found first = notice->said.id ? once_claim(unit, notice->call->tenant->id, purpose, notice->said.id, notice->said.expires_ms, error) : FOUND;
	notice->repeated = first == MISSING;
	return first != BROKEN;
}

static bool end_in_unit(struct unit *unit, void *data, GError **error)
{
	struct notice *notice = data;
	if (!use_up(unit, notice, error))
		return false;
	if (notice->repeated)
		return true;
	if (!find_sessions(unit, notice, error))
		return false;
	for (guint i = 0; i < notice->sessions->len; i++)
		if (!end_one(unit, notice, g_ptr_array_index(notice->sessions, i), error))
			return false;
	return true;
}

static void refuse(struct notice *notice, enum reason reason)
{
	struct call *call = notice->call;
	call->facts.provider = notice->source ? notice->source->name : NULL;
	call_audit(call, EVENT_LOGIN_REFUSE, reason);
	call_fail(call, ERROR_INVALID_REQUEST, NULL);
}

/* One that came by a browser is answered by it (SAML profiles 4.4.3.4); the others want a status. */
static void answer(struct notice *notice)
{
	struct call *call = notice->call;
	const struct source *source = notice->source;
	struct provider_answer step = { 0 };
	g_autofree char *url = upstream_logout_url(call, source), *done = call_url(call, "/logout/done");
	if (!notice->said.keep) {
		reply_status(call->reply, 200);
		return;
	}
	source->driver->logout_respond(source->state, &(struct provider_logout){ .keep = notice->said.keep, .return_url = url, .now_ms = request_time_ms(call->request),
		.deadline_ms = request_deadline_ms(call->request) }, true, &step);
	if (step.verdict == VERDICT_MORE)
		call_follow(call, source->display_name, &step.step);
	else
		reply_redirect(call->reply, 303, done);
	provider_answer_clear(&step);
}

static void carry_out(struct notice *notice)
{
	GError *error = NULL;
	struct call *call = notice->call;
	if (!store_write(call->gateway->store, end_in_unit, notice, &error))
		call_fail_error(call, error);
	else if (!call_check(call, "jti", notice->repeated ? "used before" : "new", "used once", !notice->repeated))
		refuse(notice, REASON_TOKEN_REPLAYED);
	else
		answer(notice);
}

static void receive(struct notice *notice, const struct form *form)
{
	struct call *call = notice->call;
	g_autofree char *url = upstream_logout_url(call, notice->source);
	enum verdict verdict = notice->source->driver->logout_notice(notice->source->state, &(struct provider_complete){ .reply = form, .callback_url = url,
		.query = request_method(call->request) == METHOD_GET ? request_query_text(call->request) : NULL, .now_ms = request_time_ms(call->request),
		.deadline_ms = request_deadline_ms(call->request), .checks = call->checks }, &notice->said);
	slots_give_back(notice->source->slots);
	if (verdict == VERDICT_OK)
		carry_out(notice);
	else if (verdict == VERDICT_UNAVAILABLE)
		call_fail(call, ERROR_TEMPORARILY_UNAVAILABLE, NULL);
	else
		refuse(notice, notice->said.reason);
}

void upstream_notice_endpoint(struct call *call)
{
	GError *error = NULL;
	struct notice notice = { .call = call, .sessions = g_ptr_array_new_with_free_func(g_free) };
	g_autoptr(source_list_t) list = sources_of(call->gateway->sources, call->tenant, &error);
	notice.source = list ? source_named(list, call->argument) : NULL;
	bool known = notice.source && notice.source->driver->logout_notice;
	reply_header(call->reply, "Cache-Control", "no-store");
	const struct form *form = list ? call_parameters(call) : NULL;
	if (!list)
		call_fail_error(call, error);
	else if (form && !call_check(call, "provider", call->argument, "an enabled provider that tells of sign-outs", known))
		refuse(&notice, REASON_PROVIDER_UNKNOWN);
	else if (form && !slots_take(notice.source->slots, request_deadline_ms(call->request)))
		call_fail(call, ERROR_TEMPORARILY_UNAVAILABLE, NULL);
	else if (form)
		receive(&notice, form);
	logout_notice_clear(&notice.said);
	g_ptr_array_unref(notice.sessions);
	call->facts = (struct audit_facts){ 0 };
}
