/* The browser's side of a trial: opened once, reported, and nothing else written. What a sign-in would have done is asked of the same decision. */
#include "gateway/login/trial_steps.h"

#include "base/encoding.h"
#include "gateway/call/browser.h"
#include "gateway/call/provision.h"
#include "gateway/call/trial.h"

#include <string.h>

/* --- opening --- */

struct opening {
	struct login *login;
	const char *provider;
	uint8_t digest[DIGEST_SIZE];
	enum found found;
};

static bool bind_in_unit(struct unit *unit, void *data, GError **error)
{
	struct opening *opening = data;
	struct login *login = opening->login;
	struct flow bound = { 0 };
	opening->found = trial_bind(unit, login->call->tenant->id, opening->digest, opening->provider, login->flow.browser, request_time_ms(login->call->request), &bound, error);
	if (opening->found != FOUND)
		return opening->found != BROKEN;
	flow_clear(&login->flow);
	login->flow = bound;
	return true;
}

void trial_open(struct call *call, const struct source *source, const char *handle)
{
	g_auto(login_t) login = { .call = call, .handle = g_strdup(handle) };
	GError *error = NULL;
	struct opening opening = { .login = &login, .provider = source->name, .found = BROKEN };
	digest_sha256(handle, strlen(handle), opening.digest);
	flow_bind_browser(&login, false);
	if (!store_write(call->gateway->store, bind_in_unit, &opening, &error))
		call_fail_error(call, error);
	else if (call_check(call, "trial", opening.found == FOUND ? "opened" : "none, over, or opened before", "one that nobody has opened", opening.found == FOUND))
		upstream_go(&login, source, NULL);
	else {
		call_audit(call, EVENT_LOGIN_REFUSE, REASON_FLOW_EXPIRED);
		call_fail_page(call, ERROR_FLOW_EXPIRED, NULL);
	}
}

/* --- the report --- */

static const char *action_name(enum account_action action)
{
	switch (action) {
	case ACCOUNT_REFUSE:
		return "refuse";
	case ACCOUNT_USE:
		return "use";
	case ACCOUNT_CREATE:
		return "create";
	case ACCOUNT_LINK:
		return "link";
	}
	return "refuse";
}

static json_t *decision_json(const struct account_decision *decision, const struct account *account)
{
	bool there = decision->action == ACCOUNT_USE || decision->action == ACCOUNT_LINK;
	return json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "action", action_name(decision->action), "reason", reason_name(decision->reason), "sentence",
		reason_sentence(decision->reason), "account", there ? account->id : NULL, "username", there ? account->username : NULL);
}

/* False with *error: the store is broken. */
static bool decide(const struct login *login, const struct source *source, const struct provider_answer *answer, json_t **ret, GError **error)
{
	struct account_decision decision = { ACCOUNT_REFUSE, source_reason(answer) };
	g_auto(account_t) account = { 0 };
	if (decision.reason == REASON_OK) {
		struct unit *unit = store_reader(login->call->gateway->store, error);
		if (!unit || !provision_decide(unit, login->call->tenant, source, answer->identity, &account, &decision, error))
			return false;
	}
	*ret = decision_json(&decision, &account);
	return true;
}

/* Neither a token nor anything else that would sign somebody in is among it. */
static json_t *report_make(const struct login *login, const struct provider_answer *answer, const json_t *claims, json_t *decision)
{
	const struct identity *identity = answer->identity;
	json_t *report = json_pack("{s:o, s:o, s:b}", "checks", checks_json(login->call->checks), "decision", decision, "passed",
		strcmp(json_string_at(decision, "action"), "refuse") != 0);
	if (claims)
		json_object_set(report, "claims", (json_t *)(uintptr_t)claims);
	if (identity) {
		json_object_set_new(report, "subject", json_string(identity_subject(identity)));
		json_object_set(report, "mapped", (json_t *)(uintptr_t)identity_claims(identity));
	}
	return report;
}

void trial_end(struct login *login, const struct source *source, const struct provider_answer *answer, const json_t *claims)
{
	struct call *call = login->call;
	GError *error = NULL;
	json_t *decision = NULL;
	if (!decide(login, source, answer, &decision, &error)) {
		call_fail_error(call, error);
		return;
	}
	g_autoptr(json_t) report = report_make(login, answer, claims, decision);
	trial_close(&login->flow, call->gateway->keys, call->tenant->id, report);
	if (!flow_save(login, REASON_FLOW_EXPIRED))
		return;
	struct page_frame frame = call_frame(call);
	call_page(call, 200, page_trial_end(&frame), NULL);
}
