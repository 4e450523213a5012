/* Whose address a request has when it came through a proxy (SECURITY LG-8).
 *
 *   X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.2      peer 10.0.0.1; trusted 10.0.0.0/8
 *                    anybody's ◂┤ 203.0.113.9 ◂ 10.0.0.2 ◂ 10.0.0.1
 *
 * Each proxy adds on the right the address it was called from, so the walk goes leftwards from the peer, for as long as the one that speaks is trusted;
 * the first address that is not a trusted proxy's is the client's. What stands left of it the client has written: it is not even read, or a client could
 * choose, by sending rubbish there, to be written down and throttled under the proxy's address instead of its own.
 *
 * Whatever leaves a doubt falls back to the peer's own address. All such requests then share the proxy's allowance, so nothing is relaxed; a unix socket
 * has no address to share, and gets the unspecified one.
 */
#include "gateway/http/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include <string.h>

#define HOPS_MAX 16
#define NOTE_EVERY_MS 60000
#define SEEN_MAX 64

struct proxies {
	struct proxies *older; /* what was believed before, which a request under way may still be reading */
	bool unix_sockets;
	_Atomic int64_t noted_ms;
	size_t count;
	struct network networks[];
};

struct hop {
	const char *text; /* NULL: an element of Forwarded that says nothing about `for` */
	size_t length;
};

/* The hops nearest to us: a client may send thousands. */
struct hops {
	struct hop last[HOPS_MAX];
	size_t count;
	bool rfc7239; /* the grammar of a hop: IPv6 always in brackets, ports may be obfuscated */
};

bool proxies_read(const char *const *list, struct proxies **ret_proxies, GError **error)
{
	size_t length = 0;
	while (list && list[length])
		length++;
	struct proxies *proxies = g_malloc0(sizeof *proxies + length * sizeof proxies->networks[0]);
	for (size_t i = 0; i < length; i++) {
		const char *expected;
		if (!strcmp(list[i], "unix"))
			proxies->unix_sockets = true;
		else if (network_parse(list[i], &proxies->networks[proxies->count], &expected))
			proxies->count++;
		else {
			g_free(proxies);
			return fail(error, ERROR_MALFORMED, "trusted proxy %s: expected %s", list[i], expected);
		}
	}
	*ret_proxies = proxies;
	return true;
}

static bool proxies_same(const struct proxies *a, const struct proxies *b)
{
	return a->unix_sockets == b->unix_sockets && a->count == b->count && memcmp(a->networks, b->networks, a->count * sizeof a->networks[0]) == 0;
}

void proxies_replace(_Atomic(struct proxies *) *place, struct proxies *fresh)
{
	struct proxies *now = atomic_load(place);
	if (proxies_same(now, fresh)) {
		g_free(fresh);
		return;
	}
	fresh->older = now;
	atomic_store(place, fresh);
}

void proxies_free(struct proxies *proxies)
{
	while (proxies) {
		struct proxies *older = proxies->older;
		g_free(proxies);
		proxies = older;
	}
}

static bool is_proxy(const struct proxies *proxies, const struct in6_addr *address)
{
	for (size_t i = 0; i < proxies->count; i++)
		if (network_holds(&proxies->networks[i], address))
			return true;
	return false;
}

bool proxies_trust(const struct proxies *proxies, const struct sockaddr *peer)
{
	struct in6_addr address;
	if (peer->sa_family == AF_UNIX)
		return proxies->unix_sockets;
	return address_from_socket(peer, &address) && is_proxy(proxies, &address);
}

/* One attacker must not fill the operator's disk. */
static void note(const struct request *request, const char *why, const struct hop *hop)
{
	struct proxies *proxies = request->peer->server->proxies;
	int64_t now_ms = clock_monotonic_ms(), noted_ms = atomic_load(&proxies->noted_ms);
	if ((noted_ms && now_ms - noted_ms < NOTE_EVERY_MS) || !atomic_compare_exchange_strong(&proxies->noted_ms, &noted_ms, now_ms))
		return;
	g_autofree char *seen = hop && hop->text ? g_strndup(hop->text, MIN(hop->length, SEEN_MAX)) : NULL;
	log_line(LOG_LEVEL_WARNING, "http.forwarded", "peer", peer_address(request->peer), "detail", why, "seen", seen, NULL);
}

static void add(struct hops *hops, const char *text, size_t length)
{
	hops->last[hops->count++ % HOPS_MAX] = (struct hop){ .text = text, .length = length };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

static bool read_list(struct hops *hops, const char *at)
{
	for (;;) {
		at = skip_blanks(at);
		size_t whole = strcspn(at, ","), length = whole;
		while (length && is_blank(at[length - 1]))
			length--;
		add(hops, at, length);
		if (!at[whole])
			return true;
		at += whole + 1;
	}
}

static const char *skip_token(const char *at)
{
	while (g_ascii_isalnum(*at) || (*at && strchr("!#$%&'*+-.^_`|~", *at)))
		at++;
	return at;
}

/* The closing quote of a quoted-string that `at` is inside of; NULL when there is none. */
static const char *closing_quote(const char *at)
{
	for (; *at && *at != '"'; at++)
		if (*at == '\\' && !*++at)
			return NULL;
	return *at ? at : NULL;
}

/* forwarded-pair = token "=" ( token / quoted-string ). A second `for` in one element contradicts the first (RFC 7239 section 4). Returns what follows. */
static const char *read_pair(struct hop *hop, const char *name)
{
	const char *equals = skip_token(name), *value = equals + 1, *end;
	if (equals == name || *equals != '=')
		return NULL;
	bool quoted = *value == '"';
	value += quoted;
	end = quoted ? closing_quote(value) : skip_token(value);
	if (!end || (!quoted && end == value))
		return NULL;
	if (equals - name == 3 && !g_ascii_strncasecmp(name, "for", 3)) {
		if (hop->text)
			return NULL;
		*hop = (struct hop){ .text = value, .length = (size_t)(end - value) };
	}
	return end + quoted;
}

/* One forwarded-element. */
static const char *read_element(struct hop *hop, const char *at)
{
	for (;;) {
		at = skip_blanks(at);
		if (*at && *at != ';' && *at != ',')
			at = read_pair(hop, at);
		if (!at)
			return NULL;
		at = skip_blanks(at);
		if (*at != ';')
			return at;
		at++;
	}
}

/* From the left, and all of it: an open quote in what the client sent would swallow what the proxy added. */
static bool read_forwarded(struct hops *hops, const char *at)
{
	for (;;) {
		struct hop hop = { 0 };
		at = read_element(&hop, at);
		if (!at || (*at && *at != ','))
			return false;
		add(hops, hop.text, hop.length);
		if (!*at)
			return true;
		at++;
	}
}

static bool is_port(const char *text, size_t length, bool obfuscated)
{
	guint64 port;
	if (length > 1 && text[0] == '_' && obfuscated) {
		for (size_t i = 1; i < length; i++)
			if (!g_ascii_isalnum(text[i]) && !strchr("._-", text[i]))
				return false;
		return true;
	}
	g_autofree char *digits = length && length <= 5 ? g_strndup(text, length) : NULL;
	return digits && g_ascii_string_to_unsigned(digits, 10, 0, 65535, &port, NULL);
}

/* Nobody calls from there. The unspecified address is ours to give, for what has none. */
static bool is_nobody(const struct in6_addr *address)
{
	bool four = IN6_IS_ADDR_V4MAPPED(address);
	return four ? address->s6_addr[12] == 0 || address->s6_addr[12] >= 224 : IN6_IS_ADDR_UNSPECIFIED(address) || IN6_IS_ADDR_MULTICAST(address);
}

/* "a.b.c.d", "a.b.c.d:port", "[v6]", "[v6]:port"; in X-Forwarded-For a bare "v6" too. */
static bool hop_parse(const struct hops *hops, const struct hop *hop, struct in6_addr *ret_address)
{
	if (!hop->length)
		return false;
	const char *text = hop->text, *end = text + hop->length;
	bool bracketed = *text == '[';
	text += bracketed;
	const char *stop = memchr(text, bracketed ? ']' : ':', (size_t)(end - text));
	if (bracketed && !stop)
		return false;
	bool bare_v6 = !bracketed && stop && memchr(stop + 1, ':', (size_t)(end - stop - 1));
	if (bare_v6 && hops->rfc7239)
		return false;
	const char *address_end = stop && !bare_v6 ? stop : end, *rest = address_end + bracketed;
	if (rest != end && (*rest != ':' || !is_port(rest + 1, (size_t)(end - rest) - 1, hops->rfc7239)))
		return false;
	bool v6 = memchr(text, ':', (size_t)(address_end - text)) != NULL;
	return v6 == (bracketed || bare_v6) && address_parse(text, (size_t)(address_end - text), ret_address) && !is_nobody(ret_address);
}

/* False: nobody but proxies, or a doubt, which is noted. */
static bool walk(const struct request *request, const struct hops *hops, struct in6_addr *ret_address)
{
	for (size_t i = 0; i < MIN(hops->count, (size_t)HOPS_MAX); i++) {
		const struct hop *hop = &hops->last[(hops->count - 1 - i) % HOPS_MAX];
		if (!hop_parse(hops, hop, ret_address)) {
			note(request, "not an address", hop);
			return false;
		}
		if (!is_proxy(request->peer->server->proxies, ret_address))
			return true;
	}
	if (hops->count > HOPS_MAX)
		note(request, "more than 16 trusted proxies in a row", NULL);
	return false;
}

/* A header that stands several times is one list (RFC 9110 section 5.3): some proxies add a line of their own. */
static bool collect(const struct request *request, const char *name, struct hops *hops, bool (*read)(struct hops *hops, const char *value))
{
	size_t length = strlen(name);
	for (size_t i = 0; i < request->header_count; i++) {
		const struct header *header = &request->headers[i];
		if (header->name_length == length && !g_ascii_strcasecmp(header->name, name) && !read(hops, header->value))
			return false;
	}
	return true;
}

static bool client_address(const struct request *request, struct in6_addr *ret_address)
{
	size_t lists, forwarded;
	request_find(request, "X-Forwarded-For", &lists);
	request_find(request, "Forwarded", &forwarded);
	if (!lists && !forwarded)
		return false;
	struct hops hops = { .rfc7239 = forwarded > 0 };
	if (lists && forwarded) {
		note(request, "X-Forwarded-For and Forwarded both stand there: the proxy must remove the one it does not set", NULL);
		return false;
	}
	if (forwarded ? collect(request, "Forwarded", &hops, read_forwarded) : collect(request, "X-Forwarded-For", &hops, read_list))
		return walk(request, &hops, ret_address);
	note(request, "Forwarded is malformed", NULL);
	return false;
}

/* A head that the guard refused is no source: its headers may be cut off, and more may stand there than were sent. */
const char *forwarded_address(const struct request *request)
{
	const struct peer *peer = request->peer;
	struct in6_addr address;
	if (!request->path[0] || !proxies_trust(peer->server->proxies, &peer->address.any))
		return NULL;
	if (!client_address(request, &address))
		return peer->address.any.sa_family == AF_UNIX ? "::" : NULL;
	char *text = arena_take(request->arena, INET6_ADDRSTRLEN);
	address_format(&address, text);
	return text;
}
