/* The sign-in page: which ways in it offers, and whether there is a choice at all.
 *
 * Where some domain's people sign in elsewhere, the name is asked first and alone: a password meant for that other place is then never typed here.
 */
#include "base/text.h"
#include "gateway/login/steps.h"
#include "gateway/login/upstream.h"
#include "policies/source.h"

struct ways_in {
	struct source_list *list;
	struct source_facts facts[SOURCES_MAX];
	size_t count;
	bool by_password, elsewhere_by_domain;
	size_t elsewhere, only_elsewhere; /* how many sources send the browser away, and the last of them */
};

static bool is_offered(const struct source *source)
{
	return source->driver->capabilities & CAPABILITY_REDIRECTS && !json_is_false(json_object_get(source->settings, "button"));
}

static void note_source(struct ways_in *ways, size_t i)
{
	const struct source *source = &ways->list->sources[i];
	struct source_facts *facts = &ways->facts[i];
	*facts = (struct source_facts){ .enabled = true, .domains = (const char *const *)source->domains,
		.asks_password = source->driver->capabilities & CAPABILITY_ASKS_PASSWORD, .goes_elsewhere = source->driver->capabilities & CAPABILITY_REDIRECTS };
	ways->by_password = ways->by_password || facts->asks_password;
	if (!facts->goes_elsewhere)
		return;
	ways->elsewhere_by_domain = ways->elsewhere_by_domain || (source->domains && source->domains[0]);
	ways->elsewhere++;
	ways->only_elsewhere = i;
}

/* False: the store is broken, the reply says so. */
static bool ways_load(struct ways_in *ways, struct call *call)
{
	GError *error = NULL;
	*ways = (struct ways_in){ .list = sources_of(call->gateway->sources, call->tenant, &error) };
	if (!ways->list) {
		call_fail_error(call, error);
		return false;
	}
	ways->count = MIN(ways->list->count, SOURCES_MAX);
	for (size_t i = 0; i < ways->count; i++)
		note_source(ways, i);
	return true;
}

/* --- the page --- */

static struct page_link *links_make(const struct login *login, const struct ways_in *ways)
{
	struct page_link *links = g_new0(struct page_link, ways->count + 1), *next = links;
	for (size_t i = 0; i < ways->count; i++) {
		const struct source *source = &ways->list->sources[i];
		g_autofree char *path = g_strconcat("/login/", source->name, NULL);
		if (is_offered(source))
			*next++ = (struct page_link){ .text = source->display_name, .url = flow_url(login, path) };
	}
	return links;
}

static void links_free(struct page_link *links)
{
	for (struct page_link *link = links; link->text; link++)
		g_free((char *)(uintptr_t)link->url);
	g_free(links);
}

static void show(struct login *login, const struct ways_in *ways, const struct signin_view *view)
{
	struct call *call = login->call;
	g_autofree char *token = flow_form_token(login, STEP_SIGN_IN), *action = flow_url(login, "/login"), *origin = flow_end_origin(login);
	struct page_link *links = links_make(login, ways);
	struct page_sign_in facts = { .frame = login_frame(login), .action = action, .form_token = token, .username = view->username,
		.problem = view->problem, .provider = view->provider, .client_name = login->client ? login->client->client_name : NULL,
		.may_cancel = login->client != NULL, .ask_name = ways->by_password || ways->elsewhere_by_domain,
		.ask_password = ways->by_password && (!ways->elsewhere_by_domain || view->username), .providers = links };
	bool busy = g_strcmp0(view->problem, "busy") == 0 || g_strcmp0(view->problem, "unavailable") == 0;
	if (view->provider)
		facts.frame.reference = request_reference(call->request);
	if (busy)
		reply_header(call->reply, "Retry-After", "1");
	call_page(call, busy ? 503 : view->provider ? 403 : 200, page_sign_in(&facts), origin);
	links_free(links);
}

void signin_show(struct login *login, const struct signin_view *view)
{
	struct ways_in ways;
	if (ways_load(&ways, login->call))
		show(login, &ways, view);
	source_list_unref(ways.list);
}

/* --- without a choice --- */

static const struct source *routed(const struct ways_in *ways, const char *username)
{
	g_autofree char *key = username ? text_login_key(username) : NULL;
	size_t found;
	return source_elsewhere(ways->facts, ways->count, key, &found) ? &ways->list->sources[found] : NULL;
}

bool signin_routes(struct login *login, const char *username)
{
	struct ways_in ways;
	bool loaded = ways_load(&ways, login->call);
	const struct source *source = loaded ? routed(&ways, username) : NULL;
	if (source)
		upstream_go(login, source, username);
	source_list_unref(ways.list);
	return !loaded || source;
}

static const struct source *unasked(const struct login *login, const struct ways_in *ways)
{
	const char *idp_hint = flow_parameter(login, "idp_hint");
	const struct source *hinted = idp_hint ? source_named(ways->list, idp_hint) : NULL;
	if (hinted && hinted->driver->capabilities & CAPABILITY_REDIRECTS)
		return hinted;
	if (!ways->by_password && ways->elsewhere == 1)
		return &ways->list->sources[ways->only_elsewhere];
	return routed(ways, flow_parameter(login, "login_hint"));
}

bool signin_goes_elsewhere(struct login *login)
{
	struct ways_in ways;
	bool loaded = ways_load(&ways, login->call);
	const struct source *source = loaded ? unasked(login, &ways) : NULL;
	if (source)
		upstream_go(login, source, NULL);
	source_list_unref(ways.list);
	return !loaded || source;
}
