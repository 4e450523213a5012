/* Trials: what makes a flow one, and the report in it. */
#include "gateway/call/trial.h"

#include "base/encoding.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "gateway/call/browser.h"

#include <string.h>

#define REPORT_BYTES_MAX (512 * 1024)

/* Keys of the flow's request; an application's request cannot have them, for what it holds is written by name. */
#define TRIAL "trial"
#define UNOPENED "unopened"
#define CLOSED "closed"

const char *trial_provider(const struct flow *flow)
{
	return json_string_at(flow->request, TRIAL);
}

bool trial_is_closed(const struct flow *flow)
{
	return json_is_true(json_object_get(flow->request, CLOSED));
}

/* Until somebody opens it, it is bound to a cookie that nobody has. */
bool trial_insert(struct unit *unit, const char *tenant, const char *provider, int64_t now_ms, char **ret_handle, uint8_t ret_digest[DIGEST_SIZE], GError **error)
{
	g_auto(flow_t) flow = { .request = json_pack("{s:s, s:b}", TRIAL, provider, UNOPENED, true), .created_ms = now_ms, .expires_ms = now_ms + TRIAL_LIFE_MS };
	g_autofree char *handle = browser_session_value(flow.digest);
	random_bytes(flow.browser, sizeof flow.browser);
	if (!flow_insert(unit, tenant, &flow, error))
		return false;
	memcpy(ret_digest, flow.digest, DIGEST_SIZE);
	*ret_handle = g_steal_pointer(&handle);
	return true;
}

static bool may_open(const struct flow *flow, const char *provider, int64_t now_ms)
{
	return g_strcmp0(trial_provider(flow), provider) == 0 && json_is_true(json_object_get(flow->request, UNOPENED)) && flow->expires_ms > now_ms;
}

/* Taken out by one statement, so that of two browsers at once one has it; whatever may not be opened goes back as it was. */
enum found trial_bind(struct unit *unit, const char *tenant, const uint8_t digest[DIGEST_SIZE], const char *provider, const uint8_t browser[DIGEST_SIZE], int64_t now_ms,
	struct flow *ret, GError **error)
{
	g_auto(flow_t) flow = { 0 };
	enum found found = flow_consume(unit, tenant, digest, &flow, error);
	bool opens = found == FOUND && may_open(&flow, provider, now_ms);
	if (opens) {
		memcpy(flow.browser, browser, DIGEST_SIZE);
		json_object_del(flow.request, UNOPENED);
	}
	if (found == FOUND && !flow_insert(unit, tenant, &flow, error))
		return BROKEN;
	if (!opens)
		return found == BROKEN ? BROKEN : MISSING;
	*ret = flow;
	flow = (struct flow){ 0 };
	return FOUND;
}

/* --- the report --- */

static char *report_seal(const struct flow *flow, const struct root_keys *keys, const char *tenant, const json_t *report)
{
	char row[2 * DIGEST_SIZE + 1];
	char *text = json_text(report);
	hex_encode(flow->digest, DIGEST_SIZE, row);
	char *sealed = strlen(text) > REPORT_BYTES_MAX ? NULL
		: seal(keys, &(struct seal_context){ .tenant = tenant, .table = "flow", .row = row, .column = "trial" }, text, strlen(text));
	wipe(text, strlen(text));
	g_free(text);
	return sealed;
}

void trial_close(struct flow *flow, const struct root_keys *keys, const char *tenant, const json_t *report)
{
	g_free(flow->sealed);
	flow->sealed = report_seal(flow, keys, tenant, report);
	if (!flow->sealed) {
		g_autoptr(json_t) less = json_copy((json_t *)(uintptr_t)report);
		json_object_set_new(less, "claims", json_string("too many to show"));
		json_object_set_new(less, "mapped", json_string("too much to show"));
		flow->sealed = report_seal(flow, keys, tenant, less);
	}
	json_object_set_new(flow->request, CLOSED, json_true());
}

enum found trial_report(struct unit *unit, const struct root_keys *keys, const char *tenant, const uint8_t digest[DIGEST_SIZE], json_t **ret, GError **error)
{
	g_auto(flow_t) flow = { 0 };
	char row[2 * DIGEST_SIZE + 1];
	enum found found = flow_find(unit, tenant, digest, &flow, error);
	*ret = NULL;
	if (found != FOUND || !trial_is_closed(&flow) || !flow.sealed)
		return found;
	hex_encode(digest, DIGEST_SIZE, row);
	g_autoptr(secret_t) text = unseal(keys, &(struct seal_context){ .tenant = tenant, .table = "flow", .row = row, .column = "trial" }, flow.sealed, error);
	*ret = text ? json_parse((const char *)secret_bytes(text), secret_length(text), REPORT_BYTES_MAX, error) : NULL;
	return *ret ? FOUND : BROKEN;
}
