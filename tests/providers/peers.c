/* What may listen where a directory should: peers that stall, lie or break off, and a relay in front of a real slapd that does so at a chosen request. One thread a
 * peer; every socket it holds is closed when it is stopped. */
#include "rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX 32
#define HEARD_MAX 65536

struct pair {
	int client, behind; /* behind: -1 where there is nobody */
	bool frozen, granted;
	GByteArray *pending; /* the client's bytes that are no whole message yet */
};

struct inside {
	pthread_t thread;
	int listener, wake[2];
	struct pair pairs[PAIRS_MAX];
	int pair_count, drips;
	GString *heard;
};

/* LDAPMessages as they go over the wire (RFC 4511): the message id is the byte at offset 4 in the short ones we get. */
static const uint8_t start_tls_granted[] = {0x30, 0x0c, 0x02, 0x01, 0, 0x78, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00};
static const uint8_t start_tls_denied[] = {0x30, 0x0c, 0x02, 0x01, 0, 0x78, 0x07, 0x0a, 0x01, 0x02, 0x04, 0x00, 0x04, 0x00};
static const uint8_t bind_success[] = {0x30, 0x0c, 0x02, 0x01, 0, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00};

static void say(int fd, const void *bytes, size_t length)
{
	(void)!send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_to(int fd, const uint8_t *message, size_t length, uint8_t id)
{
	uint8_t copy[32];

	memcpy(copy, message, length);
	copy[4] = id;
	say(fd, copy, length);
}

static int connect_to(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

static void pair_shut(struct pair *pair)
{
	if (pair->client >= 0)
		close(pair->client);
	if (pair->behind >= 0)
		close(pair->behind);
	pair->client = pair->behind = -1;
	g_clear_pointer(&pair->pending, g_byte_array_unref);
}

static void welcome(struct peer *peer, struct inside *inside)
{
	int client = accept4(inside->listener, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0)
		return;
	peer->connections++;
	if (peer->way == PEER_CLOSES || inside->pair_count == PAIRS_MAX) {
		close(client);
		return;
	}
	struct pair *pair = &inside->pairs[inside->pair_count++];
	*pair = (struct pair){.client = client, .behind = peer->way == PEER_RELAY ? connect_to(peer->behind->port) : -1, .pending = g_byte_array_new()};
	if (peer->way == PEER_RELAY && pair->behind < 0)
		pair_shut(pair);
}

/* The whole length of the message at the beginning, 0 while that is not known. */
static size_t message_length(const GByteArray *bytes)
{
	if (bytes->len < 2)
		return 0;
	if (bytes->data[1] < 0x80)
		return 2u + bytes->data[1];
	size_t octets = bytes->data[1] & 0x7f, length = 0;
	if (bytes->len < 2 + octets)
		return 0;
	for (size_t i = 0; i < octets; i++)
		length = length << 8 | bytes->data[2 + i];
	return 2 + octets + length;
}

static void act(struct peer *peer, struct pair *pair)
{
	static const uint8_t garbage[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

	switch (peer->act) {
	case ACT_NONE:
		return;
	case ACT_CLOSE:
		pair_shut(pair);
		return;
	case ACT_FREEZE:
		pair->frozen = true;
		return;
	case ACT_GARBAGE:
		pair->frozen = true;
		say(pair->client, garbage, sizeof garbage - 1);
		return;
	case ACT_KILL_SLAPD:
		kill(peer->behind->pid, SIGKILL);
		return;
	case ACT_STOP_SLAPD:
		slapd_freeze(peer->behind);
		return;
	}
}

/* Message by message, so that "the third request" is the third wherever packets end. */
static void relay_requests(struct peer *peer, struct pair *pair)
{
	size_t length;

	while (pair->pending && (length = message_length(pair->pending)) > 0 && pair->pending->len >= length) {
		if (++peer->requests == peer->act_at)
			act(peer, pair);
		if (!pair->pending)
			return;
		if (!pair->frozen)
			say(pair->behind, pair->pending->data, length);
		g_byte_array_remove_range(pair->pending, 0, (guint)length);
	}
}

static void answer_badly(struct peer *peer, struct pair *pair, const uint8_t *bytes, size_t length)
{
	static const uint8_t garbage[] = "SSH-2.0-OpenSSH_9.2\r\n\xff\xff\xff\xff", huge[] = {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01, 0x01};
	uint8_t id = length > 4 ? bytes[4] : 1;
	bool extended = length > 5 && bytes[5] == 0x77;

	peer->requests++;
	if (peer->way == PEER_SILENT_IN_TLS && extended)
		say_to(pair->client, start_tls_granted, sizeof start_tls_granted, id);
	else if (peer->way == PEER_DENIES_STARTTLS)
		say_to(pair->client, extended ? start_tls_denied : bind_success, sizeof bind_success, id);
	else if (peer->way == PEER_GARBAGE)
		say(pair->client, garbage, sizeof garbage - 1);
	else if (peer->way == PEER_HALF_MESSAGE)
		say(pair->client, bind_success, 7);
	else if (peer->way == PEER_HUGE_MESSAGE)
		say(pair->client, huge, sizeof huge);
	else if (peer->way == PEER_FOREIGN_ANSWER)
		say_to(pair->client, bind_success, sizeof bind_success, (uint8_t)(id + 1));
}

static void hear(struct peer *peer, struct inside *inside, struct pair *pair)
{
	uint8_t bytes[4096];
	ssize_t length = recv(pair->client, bytes, sizeof bytes, 0);

	if (length <= 0) {
		pair_shut(pair);
		return;
	}
	if (inside->heard->len < HEARD_MAX)
		g_string_append_len(inside->heard, (const char *)bytes, length);
	g_byte_array_append(pair->pending, bytes, (guint)length);
	if (peer->way == PEER_RELAY && peer->act == ACT_NONE)
		say(pair->behind, bytes, (size_t)length); /* as it comes: it may be TLS */
	else if (peer->way == PEER_RELAY)
		relay_requests(peer, pair);
	else
		answer_badly(peer, pair, bytes, (size_t)length);
}

static void pass_back(const struct peer *peer, struct pair *pair)
{
	uint8_t bytes[65536 + sizeof bind_success];
	ssize_t length = recv(pair->behind, bytes, 65536, 0);

	if (length <= 0)
		pair_shut(pair);
	if (length > 0 && peer->injects && !pair->granted) {
		memcpy(bytes + length, bind_success, sizeof bind_success);
		bytes[length + 4] = 2;
		length += (ssize_t)sizeof bind_success;
	}
	pair->granted = true;
	if (length > 0 && !pair->frozen)
		say(pair->client, bytes, (size_t)length);
}

/* A TLS record that announces 16 KiB of ServerHello and brings them one byte at a time. */
static void drip(struct inside *inside)
{
	static const uint8_t start[] = {0x16, 0x03, 0x03, 0x40, 0x00, 0x02, 0x00, 0x3f, 0xfc, 0x03, 0x03};

	for (int i = 0; i < inside->pair_count; i++)
		if (inside->pairs[i].client >= 0)
			say(inside->pairs[i].client, inside->drips < (int)sizeof start ? &start[inside->drips] : (const uint8_t *)"", 1);
	inside->drips++;
}

static void *peer_run(void *data)
{
	struct peer *peer = data;
	struct inside *inside = peer->inside;

	for (;;) {
		struct pollfd waiting[2 + 2 * PAIRS_MAX] = {{.fd = inside->wake[0], .events = POLLIN}, {.fd = inside->listener, .events = POLLIN}};
		int pairs = inside->pair_count;
		for (int i = 0; i < pairs; i++) {
			waiting[2 + 2 * i] = (struct pollfd){.fd = inside->pairs[i].client, .events = POLLIN};
			waiting[3 + 2 * i] = (struct pollfd){.fd = inside->pairs[i].behind, .events = POLLIN};
		}
		poll(waiting, 2 + 2 * (nfds_t)pairs, peer->way == PEER_DRIPS ? 50 : -1);
		if (waiting[0].revents)
			return NULL;
		if (waiting[1].revents)
			welcome(peer, inside);
		for (int i = 0; i < pairs; i++) {
			if (inside->pairs[i].client >= 0 && waiting[2 + 2 * i].revents)
				hear(peer, inside, &inside->pairs[i]);
			if (inside->pairs[i].behind >= 0 && waiting[3 + 2 * i].revents)
				pass_back(peer, &inside->pairs[i]);
		}
		if (peer->way == PEER_DRIPS)
			drip(inside);
	}
}

void peer_start(struct peer *peer)
{
	struct inside *inside = g_new0(struct inside, 1);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)peer->port)};
	socklen_t size = sizeof address;
	int one = 1;

	peer->inside = inside;
	inside->heard = g_string_new(NULL);
	inside->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(inside->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	assert_int_equal(bind(inside->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(inside->listener, 64), 0);
	getsockname(inside->listener, (struct sockaddr *)&address, &size);
	peer->port = ntohs(address.sin_port);
	assert_int_equal(pipe2(inside->wake, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&inside->thread, NULL, peer_run, peer), 0);
}

void peer_stop(struct peer *peer)
{
	struct inside *inside = peer->inside;

	assert_int_equal(write(inside->wake[1], "x", 1), 1);
	pthread_join(inside->thread, NULL);
	for (int i = 0; i < inside->pair_count; i++)
		pair_shut(&inside->pairs[i]);
	close(inside->listener);
	close(inside->wake[0]);
	close(inside->wake[1]);
	peer->heard = g_strndup(inside->heard->str, inside->heard->len);
	for (size_t i = 0; i < inside->heard->len; i++)
		if (peer->heard[i] == '\0')
			peer->heard[i] = '.';
	g_string_free(inside->heard, TRUE);
	g_clear_pointer(&peer->inside, g_free);
}
