/* Our addresses at a SAML provider: metadata, the assertion consumer service, single logout. What is SAML about them the driver knows; here is whose turn it is.
 *
 *   POST …/acs ─→ RelayState is a state of ours ─→ login/upstream, like any callback
 *              └→ an answer to a question of ours that lost its RelayState: refused
 *              └→ nobody asked (a tile in the company's portal): thrown away unread; a sign-in of our own asking begins (SECURITY 4.3(11))
 */
#include "gateway/login/endpoints.h"

#include "base/url.h"
#include "gateway/login/logout_errand.h"
#include "gateway/login/upstream.h"
#include "providers/saml_message.h"

#include <string.h>

/* Borrowed from *ret_list. NULL: the reply is an error. */
static const struct source *find_source(struct call *call, struct source_list **ret_list)
{
	GError *error = NULL;
	*ret_list = sources_of(call->gateway->sources, call->tenant, &error);
	const struct source *source = *ret_list ? source_named(*ret_list, call->argument) : NULL;
	if (!*ret_list) {
		call_fail_error(call, error);
		return NULL;
	}
	if (call_check(call, "provider", call->argument, "an enabled SAML provider", source && source->driver->describe))
		return source;
	call_audit(call, EVENT_LOGIN_REFUSE, REASON_PROVIDER_UNKNOWN);
	call_fail(call, ERROR_NOT_FOUND, NULL);
	return NULL;
}

void saml_metadata_endpoint(struct call *call)
{
	g_autoptr(source_list_t) list = NULL;
	const struct source *source = find_source(call, &list);
	const char *type = NULL;
	if (!source)
		return;
	g_autofree char *acs_url = upstream_callback_url(call, source);
	char *text = source->driver->describe(source->state, acs_url, &type);
	reply_status(call->reply, 200);
	reply_header(call->reply, "Cache-Control", "public, max-age=3600");
	reply_header(call->reply, "Content-Disposition", "inline; filename=\"metadata.xml\"");
	reply_body_take(call->reply, type, text, strlen(text));
}

/* --- answers that nobody asked for --- */

/* The answer itself is not read, let alone believed: one word tells whether somebody asked, and a wrong guess costs a sign-in that must be begun anew. */
static bool answers_a_question(const struct form *form)
{
	const char *field = form_value(form, "SAMLResponse");
	size_t length = 0;
	g_autofree char *bytes = field ? saml_posted(field, &length, NULL) : NULL;
	return bytes && memmem(bytes, length, "InResponseTo=", strlen("InResponseTo="));
}

static bool refuse(struct call *call, enum reason reason, const char *seen, const char *expected)
{
	call_check(call, "RelayState", seen, expected, false);
	call_audit(call, EVENT_LOGIN_REFUSE, reason);
	call_fail_page(call, ERROR_FLOW_EXPIRED, NULL);
	return false;
}

struct choice {
	const char *named;   /* by the tile; NULL: it names nothing */
	char *chosen;
	unsigned candidates;
};

static bool client_weigh(struct client *client, void *data)
{
	struct choice *choice = data;
	if (!json_string_at(client->settings, "initiate_login_uri"))
		return true;
	bool named = g_strcmp0(client->client_id, choice->named) == 0;
	choice->candidates++;
	if (named || choice->candidates == 1) {
		g_free(choice->chosen);
		choice->chosen = g_strdup(client->client_id);
	}
	if (named)
		choice->candidates = 1;
	return !named;
}

/* The application that a tile stands for: the one it names by its RelayState, else the only one that can be started from outside. Caller frees; NULL: none. */
static char *client_chosen(struct call *call, const char *relay_state)
{
	struct choice choice = { .named = relay_state };
	struct unit *unit = store_reader(call->gateway->store, NULL);
	g_autofree char *chosen = NULL;
	bool listed = unit && client_list(unit, call->tenant->id, client_weigh, &choice, NULL);
	chosen = choice.chosen;
	return listed && choice.candidates == 1 ? url_encode(chosen) : NULL;
}

static void restart(struct call *call, const struct source *source, const char *relay_state)
{
	g_autofree char *client = client_chosen(call, relay_state), *path = g_strconcat("/login/", source->name, client ? "?client_id=" : NULL, client, NULL);
	g_autofree char *url = call_url(call, path);
	reply_redirect(call->reply, 303, url);
}

static void take_unsolicited(struct call *call, const struct source *source, const struct form *form, const char *relay_state)
{
	const char *rule = json_string_at(source->settings, "idp_initiated");
	call->facts.provider = source->name;
	if (form_count(form, "SAMLResponse") != 1)
		refuse(call, REASON_PROVIDER_VIOLATION, "no single SAMLResponse", "one SAMLResponse");
	else if (answers_a_question(form))
		refuse(call, REASON_STATE_INVALID, relay_state ? "another's" : "none", "the one of our request, unchanged");
	else if (g_strcmp0(rule, "refuse") == 0)
		refuse(call, REASON_UNSOLICITED, relay_state ? "another's" : "none", "of a sign-in that began here: idp_initiated is refuse");
	else
		restart(call, source, relay_state);
	call->facts = (struct audit_facts){ 0 };
}

void saml_acs_endpoint(struct call *call)
{
	g_autoptr(source_list_t) list = NULL;
	const struct form *form = call_parameters(call);
	const struct source *source = form ? find_source(call, &list) : NULL;
	const char *relay_state = form && form_count(form, "RelayState") == 1 ? form_value(form, "RelayState") : NULL;
	if (!source)
		return;
	if (upstream_state_is_ours(relay_state))
		upstream_complete(call, source, form, relay_state);
	else
		take_unsolicited(call, source, form, relay_state);
}

/* --- single logout --- */

void saml_slo_endpoint(struct call *call)
{
	g_autoptr(source_list_t) list = NULL;
	const struct form *form = call_parameters(call);
	const struct source *source = form ? find_source(call, &list) : NULL;
	if (source && form_value(form, "SAMLResponse"))
		logout_errand_return(call, source, form);
	else if (source)
		upstream_notice_endpoint(call);
}
