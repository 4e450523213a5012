/* How answers look: OAuth errors as JSON, pages for people, one reference on both and in the logs. */
#include "base/log.h"
#include "base/url.h"
#include "gateway/call/call.h"

char *call_url(const struct call *call, const char *path)
{
	return g_strconcat(call->tenant ? call->tenant->issuer : call->gateway->base_url, path, NULL);
}

struct page_frame call_frame(struct call *call)
{
	const struct form *query = request_query(call->request);
	const char *asked = query ? form_value(query, "ui_locales") : NULL;
	return (struct page_frame){
		.language = page_language(asked, request_header(call->request, "Accept-Language", NULL), call->tenant ? call->tenant->locale : NULL),
		.tenant_name = call->tenant ? call->tenant->display_name : NULL,
		.reference = request_reference(call->request),
	};
}

/* Not on loopback: a browser would hold to it at every port of the developer's machine. Nor for names below ours, which are not ours to speak for. */
void call_keep_secure(struct call *call)
{
	g_autoptr(url_t) url = url_parse(call->tenant ? call->tenant->issuer : call->gateway->base_url, NULL);
	if (url && g_ascii_strcasecmp(url->scheme, "https") == 0 && !url_is_loopback(url))
		reply_header(call->reply, "Strict-Transport-Security", "max-age=31536000");
}

void call_page(struct call *call, unsigned status, char *html, const char *form_action)
{
	g_autofree char *policy = page_security_policy(form_action);
	reply_status(call->reply, status);
	reply_header(call->reply, "Content-Security-Policy", policy);
	reply_header(call->reply, "X-Frame-Options", "DENY");
	reply_header(call->reply, "Cross-Origin-Opener-Policy", "same-origin");
	call_keep_secure(call);
	reply_body_take(call->reply, "text/html; charset=utf-8", html, strlen(html));
}

/* RFC 6749 section 5.2 and RFC 6750 section 3: a 401 says how to authenticate. */
static void set_challenge(struct call *call, enum error_code code)
{
	const char *realm = call->tenant ? call->tenant->issuer : call->gateway->base_url;
	if (code == ERROR_INVALID_CLIENT) {
		g_autofree char *basic = g_strdup_printf("Basic realm=\"%s\", charset=\"UTF-8\"", realm);
		reply_header(call->reply, "WWW-Authenticate", basic);
	} else if (code == ERROR_INVALID_TOKEN || code == ERROR_INSUFFICIENT_SCOPE) {
		g_autofree char *bearer = g_strdup_printf("Bearer realm=\"%s\", error=\"%s\"", realm, error_oauth_name(code));
		reply_header(call->reply, "WWW-Authenticate", bearer);
	}
}

void call_fail_json(struct call *call, enum error_code code, const char *description)
{
	g_autoptr(json_t) body = json_pack("{s:s, s:s, s:s}", "error", error_oauth_name(code), "error_description",
		description ? description : error_public_text(code), "error_ref", request_reference(call->request));
	set_challenge(call, code);
	if (error_http_status(code) == 503)
		reply_header(call->reply, "Retry-After", "1");
	reply_json(call->reply, error_http_status(code), body);
}

void call_fail_page(struct call *call, enum error_code code, const char *description)
{
	struct page_frame frame = call_frame(call);
	g_autofree char *problem = g_ascii_strdown(error_name(code), -1);
	if (error_http_status(code) == 503)
		reply_header(call->reply, "Retry-After", "1");
	call_page(call, error_http_status(code), page_error(&frame, problem, description), NULL);
}

void call_fail(struct call *call, enum error_code code, const char *description)
{
	if (call->style == CALL_PAGE)
		call_fail_page(call, code, description);
	else
		call_fail_json(call, code, description);
}

void call_fail_error(struct call *call, GError *error)
{
	enum error_code code = error_code_of(error);
	log_line(LOG_LEVEL_ERROR, "request.failed", "ref", request_reference(call->request), "tenant", call->tenant ? call->tenant->name : NULL,
		"path", request_path(call->request), "code", error_name(code), "error", error ? error->message : NULL, NULL);
	call_fail(call, code, NULL);
	g_clear_error(&error);
}

const struct form *call_parameters(struct call *call)
{
	bool posted = request_method(call->request) == METHOD_POST;
	const struct form *form = posted ? request_form(call->request) : request_query(call->request);
	if (!form)
		call_fail(call, ERROR_INVALID_REQUEST, posted ? "The form is malformed." : "The query is malformed.");
	return form;
}

static void send_form(struct call *call, const char *place, const struct step *step)
{
	g_autoptr(url_t) url = url_parse(step->url, NULL);
	g_autofree char *origin = url ? url_origin(url) : NULL, *policy = page_form_post_policy(origin);
	struct page_sending facts = { .frame = call_frame(call), .place = place, .action = step->url, .saml_request = json_string_at(step->fields, "SAMLRequest"),
		.saml_response = json_string_at(step->fields, "SAMLResponse"), .relay_state = json_string_at(step->fields, "RelayState") };
	call_page(call, 200, page_sending(&facts), origin);
	reply_header(call->reply, "Content-Security-Policy", policy);
}

void call_follow(struct call *call, const char *place, const struct step *step)
{
	if (step->kind == STEP_POST_FORM)
		send_form(call, place, step);
	else if (request_method(call->request) == METHOD_POST)
		call_leave(call, place, step->url);
	else
		reply_redirect(call->reply, 303, step->url);
}

void call_leave(struct call *call, const char *place, const char *url)
{
	struct page_frame frame = call_frame(call);
	g_autofree char *refresh = g_strconcat("0;url=", url, NULL);
	reply_header(call->reply, "Refresh", refresh);
	call_page(call, 200, page_leaving(&frame, place, url), NULL);
}
