/* One request being answered, from the route's match to the reply; used by one thread at a time.
 *
 * `facts` fills up on the way and becomes the record of the connection log; `checks` holds what was looked at, for `log show`. Everything a handler hands
 * out lives until the call is freed: call_own keeps a string alive that long.
 */
#pragma once
#include "gateway/audit/audit.h"
#include "gateway/call/gateway.h"
#include "gateway/http/server.h"
#include "gateway/pages/pages.h"
#include "providers/provider.h"

/* How errors look at an address. */
enum call_style { CALL_JSON, CALL_PAGE };

struct call {
	const struct gateway *gateway;
	struct tenant *tenant;          /* NULL under base_url */
	struct request *request;
	struct reply *reply;
	const void *route;              /* routes.c's own */
	enum call_style style;
	char argument[64];              /* the {…} of the route's path, "" when none */
	struct checks *checks;          /* made by the first call_check */
	struct audit_facts facts;
	GPtrArray *owned;
};

struct call *call_new(const struct gateway *gateway, struct tenant *tenant, struct request *request);
void call_free(struct call *call);
/* Keeps a g_malloc'ed text until the call ends, and returns it. */
const char *call_own(struct call *call, char *text);

/* Records a check (base/checks.h) and returns `passed`. */
bool call_check(struct call *call, const char *name, const char *seen, const char *expected, bool passed);

/* Facts of this call for the connection log, with request data, time and reference filled in, and the checks where it was refused or failed; *ret_detail is to
 * be freed by json_decref. */
struct audit_facts call_facts(struct call *call, enum audit_event event, enum reason reason, json_t **ret_detail);
/* Writes one record in a transaction of its own; refusals that repeat are counted (gateway/audit/coalesce.h). False: it could not be kept. */
bool call_audit(struct call *call, enum audit_event event, enum reason reason);

/* Answers with an error in the route's style. `description` (ASCII, NULL: the table's text) is for the application's developer. */
void call_fail(struct call *call, enum error_code code, const char *description);
/* {"error","error_description","error_ref"} with WWW-Authenticate where the status wants it (RFC 6749 section 5.2, RFC 6750 section 3). */
void call_fail_json(struct call *call, enum error_code code, const char *description);
void call_fail_page(struct call *call, enum error_code code, const char *description);
/* Logs a GError to the process log and answers with its code; frees the error. */
void call_fail_error(struct call *call, GError *error);

/* RFC 6797, where the address is https: whoever came by it once comes by nothing less. Pages say it by themselves. */
void call_keep_secure(struct call *call);
/* Sends a page (takes `html`); `form_action` as page_security_policy's. */
void call_page(struct call *call, unsigned status, char *html, const char *form_action);
struct page_frame call_frame(struct call *call);
/* After a posted form, on to an address that the form's page could not name in its policy: a page that goes on by itself. `place` is what people call it. */
void call_leave(struct call *call, const char *place, const char *url);
/* On to where a step leads: STEP_REDIRECT or STEP_POST_FORM (providers/provider.h). */
void call_follow(struct call *call, const char *place, const struct step *step);
/* An address under the tenant's issuer: call_url(call, "/login"). Caller frees. */
char *call_url(const struct call *call, const char *path);

/* The parameters of a call: the query of a GET, the form of a POST. NULL when malformed; then the reply is already an error. */
const struct form *call_parameters(struct call *call);
