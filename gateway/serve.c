/* `passerelle serve`: opens what the calls share, starts the server, keeps house, and drains on SIGTERM.
 *
 *   process hardened ─→ store, keys ─→ hasher ─→ cache ─→ server ─→ signals ─→ drain ─→ everything closed in reverse
 */
#include "gateway/serve.h"
#include "base/clock.h"
#include "base/url.h"
#include "gateway/admin/open.h"
#include "gateway/audit/coalesce.h"
#include "gateway/call/sources.h"
#include "gateway/call/ways.h"
#include "gateway/housekeeping.h"
#include "gateway/login/flow_gate.h"
#include "gateway/metrics.h"
#include "gateway/oauth/logout_delivery.h"
#include "gateway/oauth/oauth.h"
#include "gateway/reload.h"
#include "gateway/routes.h"
#include "gateway/supervisor.h"
#include "providers/verifier/verifier.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define CACHE_ENTRIES 100000
#define DRAIN_MS 10000
#define VERIFIER_MS 10000

struct service {
	struct gateway gateway;
	struct root_keys *keys;
	struct provider_place ways;
	struct http_server *server;
	struct housekeeping *housekeeping;
	struct logout_senders *senders;
	struct metrics *metrics; /* NULL: not asked for */
};

/* No core dumps, no debugger of the same user, no new privileges (SECURITY CC-6). */
static void harden_process(void)
{
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef PASSERELLE_TEST_BUILD
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* Every connection is a descriptor; the soft limit of many systems, 1024, is less than ours. */
static void raise_descriptor_limit(const struct config *config)
{
	struct rlimit limit;
	rlim_t wanted = config->limits.connections + 256;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
		limit.rlim_cur = MIN(wanted, limit.rlim_max);
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static char *authority_of(const char *base_url)
{
	g_autoptr(url_t) url = url_parse(base_url, NULL);
	g_autofree char *origin = url ? url_origin(url) : NULL;
	return origin ? g_strdup(strstr(origin, "://") + 3) : NULL;
}

/* Without a sandbox for what foreigners signed there is no service. */
static bool open_ways(struct service *service, const struct config *config, GError **error)
{
	struct fetch_options outbound = config_outbound(config);
	g_autofree char *sandbox = NULL;
	if (!ways_open(&outbound, &service->ways, error) || !verifier_await(service->ways.verifier, clock_monotonic_ms() + VERIFIER_MS, &sandbox, error))
		return false;
	service->gateway.fetcher = service->ways.fetcher;
	log_line(LOG_LEVEL_INFO, "verifier.start", "sandbox", sandbox, NULL);
	return true;
}

static bool open_shared(struct service *service, const struct config *config, GError **error)
{
	struct gateway *gateway = &service->gateway;
	const struct command_setting setting = { .store = config->store, .secret_key_file = config->secret_key_file, .base_url = config->base_url,
		.password_hash = config->password_hash };
	if (!store_open_configured(&setting, true, &gateway->store, &service->keys, error))
		return false;
	gateway->keys = service->keys;
	gateway->base_url = config->base_url;
	gateway->base_authority = authority_of(config->base_url);
	gateway->hasher = password_hasher_new(service->keys, config->password_hash, config->workers.hash_slots, error);
	if (!gateway->hasher)
		return false;
	if (!open_ways(service, config, error))
		return false;
	gateway->flow_gate = flow_gate_new();
	gateway->coalescer = coalescer_new(gateway->store);
	gateway->cache = cache_new(gateway->store, CACHE_ENTRIES);
	gateway->sources = sources_new(gateway->store, &service->ways, config->workers.provider_slots);
	cache_subscribe(gateway->cache, sources_changed, gateway->sources);
	oauth_start(gateway, config->workers.provider_slots);
	return cache_refresh(gateway->cache, error);
}

static void close_shared(struct service *service)
{
	struct gateway *gateway = &service->gateway;
	housekeeping_stop(service->housekeeping);
	logout_senders_stop(service->senders);
	if (gateway->cache)
		cache_free(gateway->cache);
	oauth_stop(gateway);
	sources_free(gateway->sources);
	ways_close(&service->ways);
	flow_gate_free(gateway->flow_gate);
	if (gateway->hasher)
		password_hasher_free(gateway->hasher);
	/* Nobody asks any more: what was counted last goes into the log before it closes. */
	if (gateway->coalescer)
		coalescer_flush(gateway->coalescer, clock_now_ms());
	coalescer_free(gateway->coalescer);
	if (gateway->store)
		store_close(gateway->store);
	root_keys_free(service->keys);
	g_free((char *)(uintptr_t)gateway->base_authority);
	wipe(gateway, sizeof *gateway);
}

/* The configuration says nothing of where an inherited socket is bound (gateway/config.c has the rest). */
static bool sockets_allowed(const struct service *service, const struct config *config, GError **error)
{
	for (size_t i = 0; config->listen[i]; i++)
		if (!config_listens_locally(http_server_address(service->server, i)) && !config_may_leave(config))
			return fail(error, ERROR_MALFORMED, "%s is bound to %s: plain HTTP leaves the machine only behind trusted_proxies", config->listen[i],
			            http_server_address(service->server, i));
	return true;
}

static bool start_server(struct service *service, const struct config *config, GError **error)
{
	struct http_app app = routes_app(&service->gateway);
	const struct http_options options = {
		.listen = (const char *const *)config->listen, .connections = config->limits.connections, .per_address = config->limits.per_address,
		.trusted_proxies = (const char *const *)config->trusted_proxies, .certificates = config->tls, .certificate_count = config->tls_count,
		.header_bytes = (size_t)config->limits.header_bytes, .body_bytes = (size_t)config->limits.body_bytes,
		.worker_threads = config->workers.threads, .head_ms = 10000, .body_ms = 30000, .handle_ms = 15000, .idle_ms = 60000, .queue_ms = 100 };
	service->server = http_server_start(&options, &app, error);
	return service->server && sockets_allowed(service, config, error);
}

static bool start_metrics(struct service *service, const struct config *config, GError **error)
{
	if (!config->metrics_listen)
		return true;
	service->metrics = metrics_start(config->metrics_listen, &service->gateway, service->server, error);
	if (service->metrics)
		log_line(LOG_LEVEL_INFO, "metrics.start", "address", metrics_address(service->metrics), NULL);
	return service->metrics != NULL;
}

/* Before what they read is freed. False: something did not end, and still uses it. */
static bool stop_servers(struct service *service)
{
	return metrics_stop(service->metrics) && http_server_stop(service->server, DRAIN_MS);
}

static bool note_tenant(const struct tenant *tenant, void *data)
{
	(void)tenant;
	*(bool *)data = true;
	return false;
}

/* For the person who started it by hand: where it is, and what to do next. */
static void greet(const struct service *service)
{
	bool any = false;
	struct unit *unit = store_reader(service->gateway.store, NULL);
	if (unit)
		tenant_list(unit, note_tenant, &any, NULL);
	printf("Passerelle %s listens on %s; its address is %s\n", PASSERELLE_VERSION, http_server_address(service->server, 0), service->gateway.base_url);
	if (!any)
		printf("There is no organisation yet. Declare one and apply it while the server runs:\n    passerelle apply -f organisation.yaml\n"
			"README.md shows what stands in such a file.\n");
	fflush(stdout);
}

/* Waits for a signal that ends the service. */
static int wait_for_end(const sigset_t *signals, const struct config *config, struct service *service)
{
	struct reloadable running = { .config = (struct config *)(uintptr_t)config, .gateway = &service->gateway, .server = service->server,
		.store = service->gateway.store, .keys = service->keys, .hasher = service->gateway.hasher, .fetcher = service->gateway.fetcher,
		.metrics = &service->metrics };
	int caught = 0;
	while (sigwait(signals, &caught) == 0 && caught == SIGHUP) {
		supervisor_tell(STANDING_RELOADING);
		config_reload(config, &running);
		supervisor_tell(STANDING_READY);
	}
	if (running.config != config)
		config_free(running.config);
	return caught;
}

static int say_failed(GError *error)
{
	fprintf(stderr, "passerelle: %s\n", error ? error->message : "the service could not start");
	g_clear_error(&error);
	return 1;
}

int serve_run(const struct config *config)
{
	struct service service = { 0 };
	GError *error = NULL;
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread starts: all inherit it */
	harden_process();
	raise_descriptor_limit(config);
	log_init(config->log_level, config->log_format);
	bool running = open_shared(&service, config, &error) && (service.housekeeping = housekeeping_start(&service.gateway)) != NULL
		&& (service.senders = logout_senders_start(&service.gateway)) != NULL
		&& start_server(&service, config, &error) && start_metrics(&service, config, &error);
	if (running) {
		log_line(LOG_LEVEL_INFO, "service.start", "version", PASSERELLE_VERSION, "address", http_server_address(service.server, 0), "base_url",
			config->base_url, NULL);
		greet(&service);
		supervisor_tell(STANDING_READY);
		int caught = wait_for_end(&signals, config, &service);
		log_line(LOG_LEVEL_INFO, "service.drain", "signal", caught == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
	}
	supervisor_tell(STANDING_STOPPING);
	if (!stop_servers(&service))
		_exit(1); /* a handler still uses what close_shared would free */
	close_shared(&service);
	if (!running)
		return say_failed(error);
	log_line(LOG_LEVEL_INFO, "service.stop", NULL);
	return 0;
}
