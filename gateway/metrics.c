/* Reading the counters of every floor and saying them in Prometheus' text format, version 0.0.4. Nothing is counted here, and nothing waits: a scrape costs
 * whoever is being served nothing but the look at a few locks.
 *
 * No label holds what strangers can invent: routes are patterns of the table, statuses are classes, providers are those that tenants declared. No tenant, no
 * client, no person: there may be a million, and who scrapes is not to know them. */
#include "gateway/metrics.h"

#include "base/clock.h"
#include "base/counters.h"
#include "gateway/audit/figures.h"
#include "gateway/routes.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS 16
#define STOP_MS 1000

struct metrics {
	char *listen;
	const struct gateway *gateway;
	const struct http_server *server;
	struct http_server *own;
	int64_t started_ms;
};

static void head(GString *text, const char *name, const char *type, const char *help)
{
	g_string_append_printf(text, "# HELP passerelle_%s %s\n# TYPE passerelle_%s %s\n", name, help, name, type);
}

static void one(GString *text, const char *name, const char *type, const char *help, uint64_t value)
{
	head(text, name, type, help);
	g_string_append_printf(text, "passerelle_%s %" PRIu64 "\n", name, value);
}

/* Seconds, from what was counted in smaller units; never in the locale's way of writing numbers. */
static void seconds(GString *text, const char *name, const char *labels, double value)
{
	char number[G_ASCII_DTOSTR_BUF_SIZE];
	g_string_append_printf(text, "passerelle_%s%s %s\n", name, labels, g_ascii_formatd(number, sizeof number, "%.9g", value));
}

static void one_in_seconds(GString *text, const char *name, const char *type, const char *help, double value)
{
	head(text, name, type, help);
	seconds(text, name, "", value);
}

/* A label's value (the format's escapes). */
static char *label(const char *value)
{
	g_auto(GStrv) backslashes = g_strsplit(value, "\\", -1);
	g_autofree char *first = g_strjoinv("\\\\", backslashes);
	g_auto(GStrv) quotes = g_strsplit(first, "\"", -1);
	g_autofree char *second = g_strjoinv("\\\"", quotes);
	return g_strdelimit(g_steal_pointer(&second), "\n", ' ');
}

/* --- requests --- */

static uint64_t requests_of(const struct http_route_figures *figures)
{
	uint64_t sum = 0;
	for (size_t c = 0; c < G_N_ELEMENTS(figures->by_class); c++)
		sum += figures->by_class[c];
	return sum;
}

static void latency(GString *text, const char *route, const struct http_route_figures *figures)
{
	uint64_t below = 0;
	char bound[G_ASCII_DTOSTR_BUF_SIZE];
	for (size_t i = 0; i < LATENCY_BOUNDS; i++) {
		below += figures->faster[i];
		g_ascii_formatd(bound, sizeof bound, "%g", (double)http_latency_bounds_us[i] / 1e6);
		g_string_append_printf(text, "passerelle_http_request_duration_seconds_bucket{route=\"%s\",le=\"%s\"} %" PRIu64 "\n", route, bound, below);
	}
	below += figures->slower;
	g_autofree char *labels = g_strdup_printf("{route=\"%s\"}", route);
	g_string_append_printf(text, "passerelle_http_request_duration_seconds_bucket{route=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", route, below);
	seconds(text, "http_request_duration_seconds_sum", labels, (double)figures->total_us / 1e6);
	g_string_append_printf(text, "passerelle_http_request_duration_seconds_count%s %" PRIu64 "\n", labels, below);
}

/* Routes of two scopes may have one path (a tenant's / and base_url's): their figures are one series, at the first of them. */
static bool route_figures(const struct http_server *server, unsigned route, struct http_route_figures *ret)
{
	const char *path = routes_path(route);
	*ret = http_server_route_figures(server, route);
	for (unsigned other = 0; path && routes_path(other); other++) {
		if (other == route || strcmp(routes_path(other), path) != 0)
			continue;
		if (other < route)
			return false;
		struct http_route_figures more = http_server_route_figures(server, other);
		for (size_t c = 0; c < G_N_ELEMENTS(more.by_class); c++)
			ret->by_class[c] += more.by_class[c];
		for (size_t b = 0; b < LATENCY_BOUNDS; b++)
			ret->faster[b] += more.faster[b];
		ret->slower += more.slower;
		ret->total_us += more.total_us;
	}
	return requests_of(ret) > 0; /* a route that nobody asks for would be two dozen lines of nothing */
}

static void say_requests(GString *text, const struct http_server *server)
{
	struct http_route_figures figures;
	unsigned routes = 0;
	while (routes_path(routes))
		routes++;
	head(text, "http_requests_total", "counter", "Requests that were answered, by route and class of status.");
	for (unsigned i = 0; i <= routes; i++)
		for (size_t c = 0; route_figures(server, i, &figures) && c < G_N_ELEMENTS(figures.by_class); c++)
			if (figures.by_class[c])
				g_string_append_printf(text, "passerelle_http_requests_total{route=\"%s\",status=\"%zuxx\"} %" PRIu64 "\n",
				                       routes_path(i) ? routes_path(i) : "none", c + 1, figures.by_class[c]);
	head(text, "http_request_duration_seconds", "histogram", "From a request's whole head to the last byte of its answer.");
	for (unsigned i = 0; i <= routes; i++)
		if (route_figures(server, i, &figures))
			latency(text, routes_path(i) ? routes_path(i) : "none", &figures);
}

static void say_server(GString *text, const struct http_server *server)
{
	struct http_figures figures = http_server_figures(server);
	struct http_queue_figures queue = http_server_queue_figures(server);
	one(text, "http_connections", "gauge", "Connections that are open.", figures.connections);
	one(text, "http_refused_total", "counter", "Requests that the guard refused unread.", figures.refused_by_guard);
	one(text, "http_shed_total", "counter", "Requests that were turned away because no worker was free in time.", figures.shed);
	one(text, "http_timeouts_total", "counter", "Connections that were cut at a deadline.", figures.timeouts);
	one(text, "http_to_worker_total", "counter", "Requests that were handed to a worker.", figures.suspended);
	one(text, "workers", "gauge", "Worker threads.", queue.threads);
	one(text, "workers_idle", "gauge", "Worker threads that have nothing to do.", queue.idle);
	one(text, "workers_queue", "gauge", "Requests that wait for a worker.", queue.queued);
}

/* --- what the gateway is for --- */

static void login_line(const char *provider, enum audit_result result, uint64_t count, void *text)
{
	g_autofree char *value = label(provider);
	g_string_append_printf(text, "passerelle_logins_total{provider=\"%s\",result=\"%s\"} %" PRIu64 "\n", value, audit_result_text(result), count);
}

static void say_events(GString *text)
{
	static const enum audit_event events[] = {
#define EVENT(name, text, durable, sentence) EVENT_##name,
#include "gateway/audit/events.def"
#undef EVENT
	};
	static const struct { const char *grant; enum audit_event event; } grants[] = {
		{ "authorization_code", EVENT_TOKEN_ISSUE }, { "client_credentials", EVENT_TOKEN_CLIENT }, { "refresh_token", EVENT_TOKEN_REFRESH },
	};
	head(text, "logins_total", "counter", "How sign-ins ended, by the provider they came through.");
	figures_logins(login_line, text);
	head(text, "tokens_issued_total", "counter", "Answers that gave tokens, by the grant they were given for.");
	for (size_t i = 0; i < G_N_ELEMENTS(grants); i++)
		g_string_append_printf(text, "passerelle_tokens_issued_total{grant=\"%s\"} %" PRIu64 "\n", grants[i].grant, figures_event(grants[i].event, AUDIT_OK));
	head(text, "events_total", "counter", "What the connection log is about, whether written one by one or counted.");
	for (size_t i = 0; i < G_N_ELEMENTS(events); i++)
		for (size_t result = 0; result <= AUDIT_OK; result++)
			if (figures_event(events[i], (enum audit_result)result))
				g_string_append_printf(text, "passerelle_events_total{event=\"%s\",result=\"%s\"} %" PRIu64 "\n", audit_event_text(events[i]),
				                       audit_result_text((enum audit_result)result), figures_event(events[i], (enum audit_result)result));
}

static void say_passwords(GString *text, struct password_hasher *hasher)
{
	struct password_figures figures = password_hasher_figures(hasher);
	head(text, "password_hash_seconds", "summary", "Password hashes that were computed, decoys included.");
	seconds(text, "password_hash_seconds_sum", "", (double)figures.busy_ns / 1e9);
	g_string_append_printf(text, "passerelle_password_hash_seconds_count %" PRIu64 "\n", figures.hashes);
	one(text, "hash_slots", "gauge", "Password hashes that may be computed at one time.", figures.slots);
	one(text, "hash_entered", "gauge", "Sign-ins that were let in to hash.", figures.entered);
	one(text, "hash_queue", "gauge", "Of these, those that wait for a slot.", figures.waiting);
}

static void say_store(GString *text, const struct store *store)
{
	struct store_figures figures = store_figures(store);
	head(text, "store_commit_seconds", "summary", "Commits, each of a group of transactions.");
	seconds(text, "store_commit_seconds_sum", "", (double)figures.commit_ns / 1e9);
	g_string_append_printf(text, "passerelle_store_commit_seconds_count %" PRIu64 "\n", figures.commits);
	one(text, "store_transactions_total", "counter", "Transactions that were run, done or undone.", figures.transactions);
	one(text, "store_failures_total", "counter", "Transactions that do not hold.", figures.failures);
	one(text, "store_queue", "gauge", "Transactions that somebody waits for.", figures.waiting);
	one(text, "store_queue_later", "gauge", "Transactions that nobody waits for.", figures.later);
	one(text, "cache_hits_total", "counter", "Tenants, clients, resources and keys that were found in memory.", counter_read(COUNTER_CACHE_HIT));
	one(text, "cache_loads_total", "counter", "Those that were asked of the store.", counter_read(COUNTER_CACHE_LOAD));
	one(text, "token_cache_hits_total", "counter", "Access tokens that were known and fresh.", counter_read(COUNTER_TOKEN_KNOWN));
	one(text, "token_cache_loads_total", "counter", "Access tokens that the store was asked about.", counter_read(COUNTER_TOKEN_ASKED));
}

static uint64_t resident_bytes(void)
{
	g_autofree char *statm = NULL;
	guint64 pages = 0;
	if (!g_file_get_contents("/proc/self/statm", &statm, NULL, NULL))
		return 0;
	g_auto(GStrv) words = g_strsplit(statm, " ", 3);
	if (!words[0] || !words[1] || !g_ascii_string_to_unsigned(words[1], 10, 0, UINT64_MAX, &pages, NULL))
		return 0;
	return pages * (guint64)sysconf(_SC_PAGESIZE);
}

static void say_process(GString *text, const struct metrics *metrics)
{
	head(text, "build_info", "gauge", "Which version this is.");
	g_string_append(text, "passerelle_build_info{version=\"" PASSERELLE_VERSION "\"} 1\n");
	one_in_seconds(text, "start_time_seconds", "gauge", "When it was started, since 1970.", (double)metrics->started_ms / 1e3);
	one(text, "resident_bytes", "gauge", "Memory in use.", resident_bytes());
}

/* --- the listener --- */

static void answer(struct request *request, struct reply *reply, void *context)
{
	const struct metrics *metrics = context;
	g_autoptr(GString) text = g_string_sized_new(16 * 1024);
	(void)request;
	say_process(text, metrics);
	say_requests(text, metrics->server);
	say_server(text, metrics->server);
	say_events(text);
	say_passwords(text, metrics->gateway->hasher);
	say_store(text, metrics->gateway->store);
	reply_status(reply, 200);
	reply_body(reply, "text/plain; version=0.0.4; charset=utf-8", text->str, text->len);
}

static const struct http_endpoint *match(void *data, struct request *request, struct reply *refusal, void **ret_context)
{
	static const struct http_endpoint endpoint = { .methods = METHOD_GET, .body_max = 1, .handle = answer };
	(void)refusal;
	*ret_context = data;
	return strcmp(request_path(request), "/metrics") == 0 ? &endpoint : NULL;
}

struct metrics *metrics_start(const char *listen, const struct gateway *gateway, const struct http_server *server, GError **error)
{
	struct metrics *metrics = g_new0(struct metrics, 1);
	*metrics = (struct metrics){ .listen = g_strdup(listen), .gateway = gateway, .server = server, .started_ms = clock_now_ms() };
	const char *const places[] = { metrics->listen, NULL };
	const struct http_options options = { .listen = places, .connections = CONNECTIONS, .per_address = CONNECTIONS, .worker_threads = 1 };
	const struct http_app app = { .data = metrics, .match = match };
	metrics->own = http_server_start(&options, &app, error);
	if (metrics->own)
		return metrics;
	g_free(metrics->listen);
	g_free(metrics);
	return NULL;
}

const char *metrics_listens(const struct metrics *metrics)
{
	return metrics->listen;
}

const char *metrics_address(const struct metrics *metrics)
{
	return http_server_address(metrics->own, 0);
}

bool metrics_stop(struct metrics *metrics)
{
	if (!metrics)
		return true;
	if (!http_server_stop(metrics->own, STOP_MS))
		return false;
	g_free(metrics->listen);
	g_free(metrics);
	return true;
}
