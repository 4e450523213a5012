/* Who is connected, how many from where, and until when.
 *
 * libmicrohttpd's time-out is one of inactivity: a byte now and then keeps a connection for ever. Here every connection has one absolute deadline
 * for what it is doing (head, body or answer, idle), and the reaper shuts the socket down after it; libmicrohttpd then sees the end of the
 * stream and closes. The lock is taken at accept, at close and by the reaper, never for a request. Since a peer leaves the list before its
 * descriptor is closed, a shutdown under the lock never meets a descriptor that was given out again.
 */
#include "gateway/http/internal.h"
#include "base/clock.h"
#include <time.h>

struct peers {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t reaper;
	bool stopping, acceptor_rests;
	struct http_server *server;
	struct peer *first;
	unsigned count, connections, per_address; /* how many there are; how many there may be */
	uint64_t timeouts;
	int64_t tick_ms;
	GHashTable *by_address; /* uint64_t → struct tally */
};

struct tally {
	uint64_t key;
	unsigned count;
};

/* One IPv4 address, or one IPv6 /64: whoever has an IPv6 address has at least that much. 0 for a unix socket, which is not counted. */
static uint64_t address_key(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return UINT64_C(0xffff000000000000) | ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr;
	if (address->sa_family != AF_INET6)
		return 0;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	uint64_t key = 0;
	for (size_t i = 0; i < 8; i++)
		key = key << 8 | v6->s6_addr[i];
	return key ? key : 1; /* ::1 is in the zero network */
}

static void tally_add(struct peers *peers, uint64_t key)
{
	struct tally *tally = g_hash_table_lookup(peers->by_address, &key);
	if (!tally) {
		tally = g_new0(struct tally, 1);
		tally->key = key;
		g_hash_table_insert(peers->by_address, &tally->key, tally);
	}
	tally->count++;
}

static void tally_remove(struct peers *peers, uint64_t key)
{
	struct tally *tally = g_hash_table_lookup(peers->by_address, &key);
	if (tally && --tally->count == 0)
		g_hash_table_remove(peers->by_address, &key);
}

bool peers_has_room(struct peers *peers)
{
	pthread_mutex_lock(&peers->lock);
	bool room = peers->count < peers->connections;
	peers->acceptor_rests = !room;
	pthread_mutex_unlock(&peers->lock);
	return room;
}

void peers_bound(struct peers *peers, unsigned connections, unsigned per_address)
{
	pthread_mutex_lock(&peers->lock);
	peers->connections = connections;
	peers->per_address = per_address;
	pthread_mutex_unlock(&peers->lock);
}

bool peers_admit(struct peers *peers, const struct sockaddr *address)
{
	uint64_t key = address_key(address);
	/* A proxy stands for many clients; what it may open in all is bounded by the total. It is counted all the same: it may lose its trust meanwhile. */
	bool proxy = proxies_trust(peers->server->proxies, address);
	pthread_mutex_lock(&peers->lock);
	struct tally *tally = key ? g_hash_table_lookup(peers->by_address, &key) : NULL;
	bool admitted = proxy || !tally || tally->count < peers->per_address;
	if (admitted) {
		peers->count++;
		if (key)
			tally_add(peers, key);
	}
	pthread_mutex_unlock(&peers->lock);
	return admitted;
}

/* With the lock held. True when the acceptor waits for this place. */
static bool release(struct peers *peers, uint64_t key)
{
	bool awaited = peers->acceptor_rests;
	peers->acceptor_rests = false;
	peers->count--;
	if (key)
		tally_remove(peers, key);
	return awaited;
}

void peers_release(struct peers *peers, const struct sockaddr *address)
{
	pthread_mutex_lock(&peers->lock);
	release(peers, address_key(address));
	pthread_mutex_unlock(&peers->lock);
}

struct peer *peer_open(struct http_server *server, struct MHD_Connection *connection)
{
	struct peers *peers = server->peers;
	struct peer *peer = g_new0(struct peer, 1);
	peer->server = server;
	peer->first = true;
	peer->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	const struct sockaddr *address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	peer->address.any.sa_family = address->sa_family;
	if (address->sa_family == AF_INET)
		peer->address.v4 = *(const struct sockaddr_in *)(const void *)address;
	else if (address->sa_family == AF_INET6)
		peer->address.v6 = *(const struct sockaddr_in6 *)(const void *)address;
	peer->address_key = address_key(address);
	peer_deadline(peer, clock_monotonic_ms() + server->options.head_ms);
	request_init(&peer->request, peer);
	pthread_mutex_lock(&peers->lock);
	peer->next = peers->first;
	if (peer->next)
		peer->next->previous = peer;
	peers->first = peer;
	pthread_mutex_unlock(&peers->lock);
	return peer;
}

void peer_close(struct peer *peer)
{
	struct http_server *server = peer->server;
	struct peers *peers = server->peers;
	exchange_end(peer);
	pthread_mutex_lock(&peers->lock);
	if (peer->next)
		peer->next->previous = peer->previous;
	if (peer->previous)
		peer->previous->next = peer->next;
	else
		peers->first = peer->next;
	bool awaited = release(peers, peer->address_key);
	pthread_mutex_unlock(&peers->lock);
	request_reset(&peer->request);
	certificates_release(peer->certificates);
	g_free(peer);
	if (awaited)
		acceptor_wake(server->acceptor);
}

static void reap(struct peers *peers, int64_t now_ms)
{
	for (struct peer *peer = peers->first; peer; peer = peer->next) {
		if (atomic_load_explicit(&peer->deadline_ms, memory_order_relaxed) > now_ms)
			continue;
		shutdown(peer->fd, SHUT_RDWR);
		peer_deadline(peer, NEVER_MS);
		peers->timeouts++;
	}
}

static void *reaper_run(void *data)
{
	struct peers *peers = data;
	pthread_mutex_lock(&peers->lock);
	while (!peers->stopping) {
		int64_t until_ms = clock_monotonic_ms() + peers->tick_ms;
		struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
		pthread_cond_timedwait(&peers->wake, &peers->lock, &until);
		reap(peers, clock_monotonic_ms());
	}
	pthread_mutex_unlock(&peers->lock);
	return NULL;
}

struct peers *peers_new(struct http_server *server)
{
	const struct http_options *options = &server->options;
	struct peers *peers = g_new0(struct peers, 1);
	peers->server = server;
	peers->connections = options->connections;
	peers->per_address = options->per_address;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&peers->lock, NULL);
	pthread_cond_init(&peers->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	peers->by_address = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	/* No deadline is missed by more than a fifth of itself. */
	peers->tick_ms = CLAMP(MIN(options->head_ms, MIN(options->body_ms, options->idle_ms)) / 5, 5, 250);
	if (!thread_start(&peers->reaper, "http-reaper", reaper_run, peers))
		g_error("no thread for the deadlines");
	return peers;
}

void peers_free(struct peers *peers)
{
	pthread_mutex_lock(&peers->lock);
	peers->stopping = true;
	pthread_cond_signal(&peers->wake);
	pthread_mutex_unlock(&peers->lock);
	pthread_join(peers->reaper, NULL);
	pthread_cond_destroy(&peers->wake);
	pthread_mutex_destroy(&peers->lock);
	g_hash_table_destroy(peers->by_address);
	g_free(peers);
}

void peers_figures(struct peers *peers, struct http_figures *figures)
{
	pthread_mutex_lock(&peers->lock);
	figures->connections = peers->count;
	figures->timeouts = peers->timeouts;
	pthread_mutex_unlock(&peers->lock);
}

void peers_shutdown(struct peers *peers)
{
	pthread_mutex_lock(&peers->lock);
	for (struct peer *peer = peers->first; peer; peer = peer->next)
		shutdown(peer->fd, SHUT_RDWR);
	pthread_mutex_unlock(&peers->lock);
}
