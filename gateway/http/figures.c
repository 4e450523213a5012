/* What requests came to, by route: status class and latency. A thread counts in memory of its own, which is made when it first ends a request; reading adds
 * them up while they go on. */
#include "gateway/http/internal.h"

const int64_t http_latency_bounds_us[LATENCY_BOUNDS] = { 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
	5000000, 10000000 };

static struct route_counters *mine(struct http_server *server)
{
	struct counters *counters = counters_mine(server);
	struct route_counters *routes = atomic_load_explicit(&counters->routes, memory_order_relaxed);
	if (routes)
		return routes;
	routes = g_new0(struct route_counters, server->app.routes + 1);
	atomic_store(&counters->routes, routes);
	return routes;
}

static inline void add(_Atomic uint64_t *counter, uint64_t amount)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount, memory_order_relaxed);
}

void figures_count(const struct request *request, int64_t now_ns)
{
	struct http_server *server = request->peer->server;
	unsigned status = request->reply.status, bound = 0;
	if (!request->begun_ns || status < 100 || status > 599)
		return;
	struct route_counters *route = &mine(server)[request->endpoint ? MIN(request->endpoint->route, server->app.routes) : server->app.routes];
	int64_t took_us = (now_ns - request->begun_ns) / 1000;
	while (bound < LATENCY_BOUNDS && took_us > http_latency_bounds_us[bound])
		bound++;
	add(&route->by_class[status / 100 - 1], 1);
	add(&route->latency[bound], 1);
	add(&route->total_us, (uint64_t)took_us);
}

struct http_route_figures http_server_route_figures(const struct http_server *server, unsigned route)
{
	struct http_route_figures figures = { 0 };
	for (size_t i = 0; i < server->counters_size; i++) {
		const struct route_counters *routes = atomic_load(&server->counters[i].routes);
		if (!routes)
			continue;
		for (size_t c = 0; c < G_N_ELEMENTS(figures.by_class); c++)
			figures.by_class[c] += atomic_load_explicit(&routes[route].by_class[c], memory_order_relaxed);
		for (size_t b = 0; b < LATENCY_BOUNDS; b++)
			figures.faster[b] += atomic_load_explicit(&routes[route].latency[b], memory_order_relaxed);
		figures.slower += atomic_load_explicit(&routes[route].latency[LATENCY_BOUNDS], memory_order_relaxed);
		figures.total_us += atomic_load_explicit(&routes[route].total_us, memory_order_relaxed);
	}
	return figures;
}

struct http_queue_figures http_server_queue_figures(const struct http_server *server)
{
	struct http_queue_figures figures = { 0 };
	workers_figures(server->workers, &figures);
	return figures;
}

void figures_free(struct http_server *server)
{
	for (size_t i = 0; i < server->counters_size; i++)
		g_free(atomic_load(&server->counters[i].routes));
}
