/* Servers, each with its breaker, and the connections that stay open for the next request.
 *
 * Both tables are bounded: a server that nobody has asked lately leaves when there are too many, its breaker with it. */
#include "providers/fetch_internal.h"

#include "base/clock.h"

#include <curl/curl.h>

#define SERVERS_MAX 256
#define IDLE_PER_SERVER 8
/* Servers and the firewalls before them close what is idle; most wait longer than this. */
#define IDLE_MS 60000
#define SWEEP_MS 10000

static void channel_free(struct channel *channel)
{
	curl_easy_cleanup(channel->easy);
	g_free(channel);
}

static void channels_free(GQueue *channels)
{
	struct channel *channel;

	while ((channel = g_queue_pop_head(channels)))
		channel_free(channel);
}

static void queue_move(GQueue *from, GQueue *to)
{
	struct channel *channel;

	while ((channel = g_queue_pop_head(from)))
		g_queue_push_tail(to, channel);
}

static void server_free(struct server *server)
{
	g_free(server->key);
	g_free(server);
}

/* With the lock held. The one that nobody uses and that was used longest ago; false where all are busy. */
static bool server_evict(struct fetcher *fetcher, GQueue *dropped)
{
	struct server *server, *oldest = NULL;
	GHashTableIter each;

	g_hash_table_iter_init(&each, fetcher->servers);
	while (g_hash_table_iter_next(&each, NULL, (void **)&server))
		if (server->busy == 0 && (!oldest || server->used_ms < oldest->used_ms))
			oldest = server;
	if (!oldest)
		return false;
	queue_move(&oldest->idle, dropped);
	g_hash_table_remove(fetcher->servers, oldest->key);
	server_free(oldest);
	return true;
}

/* With the lock held. The tail of a queue is the oldest. */
static void idle_sweep(struct fetcher *fetcher, int64_t now_ms, GQueue *dropped)
{
	struct server *server;
	GHashTableIter each;

	if (now_ms - fetcher->swept_ms < SWEEP_MS)
		return;
	fetcher->swept_ms = now_ms;
	g_hash_table_iter_init(&each, fetcher->servers);
	while (g_hash_table_iter_next(&each, NULL, (void **)&server)) {
		const struct channel *oldest;
		while ((oldest = g_queue_peek_tail(&server->idle)) && now_ms - oldest->idle_since_ms >= IDLE_MS)
			g_queue_push_tail(dropped, g_queue_pop_tail(&server->idle));
	}
}

/* With the lock held. */
static struct server *server_find(struct fetcher *fetcher, const char *key, GQueue *dropped)
{
	struct server *server = g_hash_table_lookup(fetcher->servers, key);

	if (server)
		return server;
	while (g_hash_table_size(fetcher->servers) >= SERVERS_MAX && server_evict(fetcher, dropped))
		continue;
	server = g_new0(struct server, 1);
	server->key = g_strdup(key);
	g_hash_table_insert(fetcher->servers, server->key, server);
	return server;
}

struct server *server_enter(struct fetcher *fetcher, const char *key, bool trial)
{
	int64_t now_ms = clock_monotonic_ms();
	GQueue dropped = G_QUEUE_INIT;

	pthread_mutex_lock(&fetcher->lock);
	struct server *server = server_find(fetcher, key, &dropped);
	if (!trial && !breaker_admits(&server->breaker, now_ms, fetcher->settings->retry_after_ms))
		server = NULL;
	if (server)
		server->busy++;
	idle_sweep(fetcher, now_ms, &dropped);
	pthread_mutex_unlock(&fetcher->lock);
	channels_free(&dropped);
	return server;
}

void server_leave(struct fetcher *fetcher, struct server *server)
{
	pthread_mutex_lock(&fetcher->lock);
	server->busy--;
	server->used_ms = clock_monotonic_ms();
	pthread_mutex_unlock(&fetcher->lock);
}

/* The one used last: the others may grow old and leave. Whether its connection still lives is libcurl's to see. */
struct channel *channel_take(struct fetcher *fetcher, struct server *server)
{
	pthread_mutex_lock(&fetcher->lock);
	struct channel *channel = g_queue_pop_head(&server->idle);
	pthread_mutex_unlock(&fetcher->lock);
	if (channel)
		return channel;
	CURL *easy = curl_easy_init();
	if (!easy)
		return NULL;
	channel = g_new0(struct channel, 1);
	channel->easy = easy;
	return channel;
}

void channel_give_back(struct fetcher *fetcher, struct server *server, struct channel *channel, bool broken)
{
	struct channel *surplus = channel;

	if (!broken) {
		channel->idle_since_ms = clock_monotonic_ms();
		pthread_mutex_lock(&fetcher->lock);
		g_queue_push_head(&server->idle, channel);
		surplus = server->idle.length > IDLE_PER_SERVER ? g_queue_pop_tail(&server->idle) : NULL;
		pthread_mutex_unlock(&fetcher->lock);
	}
	if (surplus)
		channel_free(surplus);
}

void fetcher_idle_close(struct fetcher *fetcher)
{
	GQueue dropped = G_QUEUE_INIT;
	struct server *server;
	GHashTableIter each;

	pthread_mutex_lock(&fetcher->lock);
	g_hash_table_iter_init(&each, fetcher->servers);
	while (g_hash_table_iter_next(&each, NULL, (void **)&server))
		queue_move(&server->idle, &dropped);
	pthread_mutex_unlock(&fetcher->lock);
	channels_free(&dropped);
}

void fetcher_servers_free(struct fetcher *fetcher)
{
	struct server *server;
	GHashTableIter each;

	g_hash_table_iter_init(&each, fetcher->servers);
	while (g_hash_table_iter_next(&each, NULL, (void **)&server)) {
		channels_free(&server->idle);
		server_free(server);
	}
	g_hash_table_unref(fetcher->servers);
}
