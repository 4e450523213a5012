/* THE route table: every address there is, who may call it, and what answers. An address that CONTRACT names and that is not built answers 501.
 *
 *   Host ─→ base_url's or an issuer's? else 421 ─→ tenant (by issuer) ─→ rest of the path ─→ row ─→ call
 */
#include "gateway/routes.h"
#include "base/log.h"
#include "gateway/account/account.h"
#include "gateway/login/endpoints.h"
#include "gateway/oauth/oauth.h"
#include "gateway/site.h"

enum scope { TENANT, BASE };

/* Who may call (SECURITY AD-1): everybody, whoever holds the browser's cookies, an authenticated client, or the bearer of a token. The handler proves it; the
 * table says which proof it owes. ANY_ORIGIN, or'ed to it: also from a script of another site, as an application that runs in a browser does. Never to BROWSER:
 * neither /authorize nor the pages are for scripts (SECURITY AS-13); and not to /introspect, which no such application may call. */
enum permission { PUBLIC, BROWSER, CLIENT, BEARER, ANY_ORIGIN = 8 };

/* A logout token may be as long as an ID token. */
#define FORM_BODY 16384
/* 256 KiB of XML in base64, whose +, / and = may be percent-encoded. */
#define SAML_BODY (512 * 1024)

static void not_built(struct call *call)
{
	call_fail_json(call, ERROR_NOT_SUPPORTED, NULL);
}

static enum plan on_worker(const struct call *call)
{
	(void)call;
	return PLAN_WORKER;
}

static const struct route {
	const char *path; /* {} stands for one segment */
	enum scope scope;
	unsigned methods;
	unsigned permission;
	enum call_style style;
	enum plan (*plan)(const struct call *call); /* NULL: inline */
	void (*handle)(struct call *call);
} routes[] = {
	{ "/.well-known/openid-configuration", TENANT, METHOD_GET, PUBLIC | ANY_ORIGIN, CALL_JSON, NULL, discovery_endpoint },
	{ "/.well-known/oauth-authorization-server", TENANT, METHOD_GET, PUBLIC | ANY_ORIGIN, CALL_JSON, NULL, discovery_endpoint },
	{ "/jwks", TENANT, METHOD_GET, PUBLIC | ANY_ORIGIN, CALL_JSON, NULL, jwks_endpoint },
	{ "/authorize", TENANT, METHOD_GET | METHOD_POST, BROWSER, CALL_PAGE, on_worker, authorize_endpoint },
	{ "/token", TENANT, METHOD_POST, CLIENT | ANY_ORIGIN, CALL_JSON, token_plan, token_endpoint },
	{ "/introspect", TENANT, METHOD_POST, CLIENT, CALL_JSON, introspect_plan, introspect_endpoint },
	{ "/revoke", TENANT, METHOD_POST, CLIENT | ANY_ORIGIN, CALL_JSON, on_worker, revoke_endpoint },
	{ "/userinfo", TENANT, METHOD_GET | METHOD_POST, BEARER | ANY_ORIGIN, CALL_JSON, NULL, userinfo_endpoint },
	{ "/login", TENANT, METHOD_GET | METHOD_POST, BROWSER, CALL_PAGE, on_worker, signin_endpoint },
	{ "/password", TENANT, METHOD_GET | METHOD_POST, BROWSER, CALL_PAGE, on_worker, change_password_endpoint },
	{ "/login/{}", TENANT, METHOD_GET, BROWSER, CALL_PAGE, on_worker, upstream_begin_endpoint },
	{ "/callback/{}", TENANT, METHOD_GET | METHOD_POST, BROWSER, CALL_PAGE, on_worker, upstream_callback_endpoint },
	{ "/consent", TENANT, METHOD_GET | METHOD_POST, BROWSER, CALL_PAGE, on_worker, consent_endpoint },
	{ "/oidc/{}/backchannel-logout", TENANT, METHOD_POST, PUBLIC, CALL_JSON, on_worker, upstream_notice_endpoint },
	{ "/saml/{}/metadata", TENANT, METHOD_GET, PUBLIC, CALL_JSON, on_worker, saml_metadata_endpoint },
	{ "/saml/{}/acs", TENANT, METHOD_POST, BROWSER, CALL_PAGE, on_worker, saml_acs_endpoint },
	{ "/saml/{}/slo", TENANT, METHOD_GET | METHOD_POST, BROWSER, CALL_PAGE, on_worker, saml_slo_endpoint },
	{ "/logout", TENANT, METHOD_GET | METHOD_POST, BROWSER, CALL_PAGE, on_worker, logout_endpoint },
	{ "/logout/done", TENANT, METHOD_GET, PUBLIC, CALL_PAGE, NULL, logout_done_endpoint },
	{ "/account", TENANT, METHOD_GET, BROWSER, CALL_PAGE, on_worker, account_endpoint },
	{ "/", TENANT, METHOD_GET, PUBLIC, CALL_PAGE, NULL, site_tenant },
	{ "/", BASE, METHOD_GET, PUBLIC, CALL_PAGE, NULL, site_welcome },
	{ "/healthz", BASE, METHOD_GET, PUBLIC, CALL_JSON, NULL, site_health },
	{ "/readyz", BASE, METHOD_GET, PUBLIC, CALL_JSON, NULL, site_ready },
	/* in CONTRACT, not built yet */
	{ "/par", TENANT, METHOD_POST, CLIENT, CALL_JSON, NULL, not_built },
	{ "/device_authorization", TENANT, METHOD_POST, CLIENT, CALL_JSON, NULL, not_built },
	{ "/register", TENANT, METHOD_POST, PUBLIC, CALL_JSON, NULL, not_built },
	{ "/device", TENANT, METHOD_GET | METHOD_POST, BROWSER, CALL_JSON, NULL, not_built },
	{ "/reset", TENANT, METHOD_GET | METHOD_POST, BROWSER, CALL_JSON, NULL, not_built },
	{ "/oidc/{}/frontchannel-logout", TENANT, METHOD_GET, BROWSER, CALL_JSON, NULL, not_built },
	{ "/forward-auth", TENANT, METHOD_GET, BROWSER, CALL_JSON, NULL, not_built },
	{ "/scim/v2/{}", TENANT, METHOD_GET | METHOD_POST | METHOD_PUT | METHOD_PATCH | METHOD_DELETE, BEARER, CALL_JSON, NULL, not_built },
	{ "/console", BASE, METHOD_GET, BROWSER, CALL_JSON, NULL, not_built },
	{ "/api/v1/{}", BASE, METHOD_GET | METHOD_POST | METHOD_PUT | METHOD_PATCH | METHOD_DELETE, BEARER, CALL_JSON, NULL, not_built },
};

/* --- what the server calls --- */

static enum plan ask_plan(const struct request *request, void *context)
{
	const struct call *call = context;
	const struct route *route = call->route;
	(void)request;
	return route->plan ? route->plan(call) : PLAN_INLINE;
}

static void run(struct request *request, struct reply *reply, void *context)
{
	struct call *call = context;
	const struct route *route = call->route;
	(void)request;
	call->reply = reply;
	if (route->style == CALL_PAGE)
		call_keep_secure(call); /* redirects too */
	route->handle(call);
}

static size_t body_max(const struct route *route)
{
	return route->handle == saml_acs_endpoint || route->handle == saml_slo_endpoint ? SAML_BODY : FORM_BODY;
}

static struct http_endpoint endpoints[G_N_ELEMENTS(routes)];

static void fill_endpoints(void)
{
	for (size_t i = 0; i < G_N_ELEMENTS(routes); i++)
		endpoints[i] = (struct http_endpoint){ .methods = routes[i].methods, .body_max = body_max(&routes[i]),
			.takes_form = routes[i].methods & METHOD_POST && routes[i].handle != not_built,
			.cross_origin = routes[i].permission & ANY_ORIGIN, .route = (unsigned)i, .plan = ask_plan, .handle = run };
}

/* --- from a path to a row --- */

/* Matches one row; the segment under {} goes to `argument`. */
static bool path_fits(const char *pattern, const char *path, char argument[64])
{
	const char *hole = strstr(pattern, "{}");
	if (!hole)
		return strcmp(pattern, path) == 0;
	size_t before = (size_t)(hole - pattern);
	if (strncmp(pattern, path, before) != 0)
		return false;
	size_t segment = strcspn(path + before, "/");
	if (segment == 0 || segment > 63 || strcmp(path + before + segment, hole + 2) != 0)
		return false;
	memcpy(argument, path + before, segment);
	argument[segment] = 0;
	return true;
}

static const struct route *find_route(enum scope scope, const char *path, char argument[64])
{
	for (size_t i = 0; i < G_N_ELEMENTS(routes); i++)
		if (routes[i].scope == scope && path_fits(routes[i].path, path, argument))
			return &routes[i];
	return NULL;
}

/* --- from Host and path to a tenant --- */

/* RFC 8414 section 3: metadata also stands between host and issuer path. Turns /.well-known/X/t/acme into /t/acme/.well-known/X. */
static char *unfold_well_known(const char *path)
{
	static const char *const documents[] = { "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server" };
	for (size_t i = 0; i < G_N_ELEMENTS(documents); i++)
		if (g_str_has_prefix(path, documents[i]) && path[strlen(documents[i])] == '/')
			return g_strconcat(path + strlen(documents[i]), documents[i], NULL);
	return NULL;
}

/* The common case: an issuer of the form {base_url}/t/{name}. */
static enum found find_by_name(struct gateway *gateway, const char *path, struct tenant **ret, const char **ret_rest, GError **error)
{
	char name[64];
	size_t length = g_str_has_prefix(path, "/t/") ? strcspn(path + 3, "/") : 0;
	if (length == 0 || length >= sizeof name)
		return MISSING;
	memcpy(name, path + 3, length);
	name[length] = 0;
	g_autoptr(tenant_t) tenant = NULL;
	enum found found = cache_tenant_by_name(gateway->cache, name, &tenant, error);
	if (found != FOUND)
		return found;
	size_t base = strlen(gateway->base_url);
	if (strncmp(tenant->issuer, gateway->base_url, base) != 0 || strncmp(tenant->issuer + base, path, length + 3) != 0 || tenant->issuer[base + length + 3])
		return MISSING;
	*ret = g_steal_pointer(&tenant);
	*ret_rest = path + 3 + length;
	return FOUND;
}

/* An issuer of its own: this host with a path of none to three segments, the longest first. */
static enum found find_by_issuer(struct gateway *gateway, const char *host, const char *path, struct tenant **ret, const char **ret_rest, GError **error)
{
	const char *ends[4] = { path };
	size_t count = 1;
	for (const char *slash = strchr(path + 1, '/'); slash && count < G_N_ELEMENTS(ends); slash = strchr(slash + 1, '/'))
		ends[count++] = slash;
	for (size_t i = count; i-- > 0;) {
		static const char *const schemes[] = { "https", "http" };
		for (size_t s = 0; s < G_N_ELEMENTS(schemes); s++) {
			g_autofree char *issuer = g_strdup_printf("%s://%s%.*s", schemes[s], host, (int)(ends[i] - path), path);
			enum found found = cache_tenant_by_issuer(gateway->cache, issuer, ret, error);
			if (found != MISSING) {
				*ret_rest = ends[i];
				return found;
			}
		}
	}
	return MISSING;
}

struct place {
	struct tenant *tenant; /* NULL: base_url's own */
	const char *rest;
};

/* MISSING: no tenant there, and the host is not base_url's. */
static enum found find_place(struct gateway *gateway, const char *host, const char *path, struct place *ret, GError **error)
{
	bool base = strcmp(host, gateway->base_authority) == 0;
	enum found found = base ? find_by_name(gateway, path, &ret->tenant, &ret->rest, error) : MISSING;
	if (found == MISSING && cache_host_known(gateway->cache, host))
		found = find_by_issuer(gateway, host, path, &ret->tenant, &ret->rest, error);
	if (found == FOUND && !*ret->rest)
		ret->rest = "/";
	if (found != MISSING || !base)
		return found;
	ret->rest = path;
	return FOUND;
}

/* Where no route says how errors look, the Accept header does. Frees the call. */
static void refuse_call(struct call *call, struct reply *reply, enum error_code code, const char *detail)
{
	const char *accept = request_header(call->request, "Accept", NULL);
	call->reply = reply;
	call->style = accept && strstr(accept, "text/html") ? CALL_PAGE : CALL_JSON;
	call_fail(call, code, detail);
	call_free(call);
}

static const struct http_endpoint *enter(struct gateway *gateway, struct request *request, struct reply *reply, struct place *place, void **ret_context)
{
	struct call *call = call_new(gateway, place->tenant, request);
	const struct route *route = find_route(place->tenant ? TENANT : BASE, place->rest, call->argument);
	if (!route) {
		refuse_call(call, reply, ERROR_NOT_FOUND, NULL);
		return NULL;
	}
	call->route = route;
	call->style = route->style;
	*ret_context = call;
	return &endpoints[route - routes];
}

static const struct http_endpoint *match(void *data, struct request *request, struct reply *reply, void **ret_context)
{
	struct gateway *gateway = data;
	g_autoptr(GError) error = NULL;
	struct place place = { 0 };
	const char *path = request_path(request);
	g_autofree char *unfolded = g_str_has_prefix(path, "/.well-known/") ? unfold_well_known(path) : NULL;
	enum found found = cache_refresh(gateway->cache, &error)
		? find_place(gateway, request_host(request), unfolded ? unfolded : path, &place, &error) : BROKEN;
	if (found == FOUND)
		return enter(gateway, request, reply, &place, ret_context);
	if (found == BROKEN)
		log_line(LOG_LEVEL_ERROR, "store.broken", "ref", request_reference(request), "error", error ? error->message : NULL, NULL);
	refuse_call(call_new(gateway, NULL, request), reply, found == BROKEN ? ERROR_UNAVAILABLE : ERROR_MISDIRECTED, NULL);
	return NULL;
}

static void refuse(void *data, struct request *request, struct reply *reply, enum error_code code, const char *detail)
{
	refuse_call(call_new(data, NULL, request), reply, code, detail);
}

static void release(void *data, void *context)
{
	(void)data;
	call_free(context);
}

const char *routes_path(unsigned route)
{
	return route < G_N_ELEMENTS(routes) ? routes[route].path : NULL;
}

struct http_app routes_app(struct gateway *gateway)
{
	fill_endpoints();
	return (struct http_app){ .data = gateway, .routes = G_N_ELEMENTS(routes), .match = match, .refuse = refuse, .release = release };
}
