/* The table of special addresses (IANA's special-purpose registries, RFC 6890, and where clouds keep their metadata), and who may reach what.
 *
 * A tenant's administrator names the addresses that we call: without this, a gateway would be a way into the network it stands in, and to the credentials that a
 * cloud hands to whoever asks 169.254.169.254. */
#include "providers/fetch_guard.h"

#include "base/errors.h"

#include <string.h>

struct fetch_guard {
	GArray *networks; /* struct network */
	GPtrArray *hosts;
};

/* The first row that holds an address decides. IPv4 is public but for these rows; of IPv6 only 2000::/3 has been given out. */
static const struct {
	const char *network;
	enum address_kind kind;
} rows[] = {
	{"127.0.0.0/8", ADDRESS_PRIVATE},
	{"10.0.0.0/8", ADDRESS_PRIVATE},
	{"172.16.0.0/12", ADDRESS_PRIVATE},
	{"192.168.0.0/16", ADDRESS_PRIVATE},
	{"100.100.100.200/32", ADDRESS_RESERVED}, /* metadata of Alibaba, inside the shared address space */
	{"100.64.0.0/10", ADDRESS_PRIVATE},
	{"169.254.0.0/16", ADDRESS_RESERVED},     /* link-local; metadata of nearly everybody */
	{"168.63.129.16/32", ADDRESS_RESERVED},   /* Azure's platform, which looks public */
	{"0.0.0.0/8", ADDRESS_RESERVED},          /* Linux takes 0.0.0.0 for loopback */
	{"192.0.0.0/24", ADDRESS_RESERVED},       /* metadata of Oracle among them */
	{"192.0.2.0/24", ADDRESS_RESERVED},
	{"192.88.99.0/24", ADDRESS_RESERVED},
	{"198.18.0.0/15", ADDRESS_RESERVED},
	{"198.51.100.0/24", ADDRESS_RESERVED},
	{"203.0.113.0/24", ADDRESS_RESERVED},
	{"224.0.0.0/4", ADDRESS_RESERVED},
	{"240.0.0.0/4", ADDRESS_RESERVED},
	{"::1/128", ADDRESS_PRIVATE},
	{"fd00:ec2::254/128", ADDRESS_RESERVED},  /* metadata: AWS, Google, Scaleway */
	{"fd20:ce::254/128", ADDRESS_RESERVED},
	{"fd00:42::42/128", ADDRESS_RESERVED},
	{"fc00::/7", ADDRESS_PRIVATE},
	{"2001::/23", ADDRESS_RESERVED},          /* Teredo and other protocol assignments */
	{"2001:db8::/32", ADDRESS_RESERVED},
	{"2002::/16", ADDRESS_RESERVED},          /* 6to4 */
	{"3fff::/20", ADDRESS_RESERVED},
	{"2000::/3", ADDRESS_PUBLIC},
};

static bool holds(const char *text, const struct in6_addr *address)
{
	const char *expected;
	struct network network = {0};

	return network_parse(text, &network, &expected) && network_holds(&network, address);
}

enum address_kind address_kind(const struct in6_addr *address)
{
	struct in6_addr inner = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	if (holds("64:ff9b::/96", address)) {
		memcpy(inner.s6_addr + 12, address->s6_addr + 12, 4);
		return address_kind(&inner);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (holds(rows[i].network, address))
			return rows[i].kind;
	return IN6_IS_ADDR_V4MAPPED(address) ? ADDRESS_PUBLIC : ADDRESS_RESERVED;
}

const char *address_kind_name(enum address_kind kind)
{
	switch (kind) {
	case ADDRESS_RESERVED:
		return "link-local, metadata or reserved";
	case ADDRESS_PRIVATE:
		return "private";
	case ADDRESS_PUBLIC:
		return "public";
	}
	return "?";
}

/* A network, or an address as the network of itself. */
static bool network_of(const char *text, struct network *ret, const char **ret_expected)
{
	if (strchr(text, '/'))
		return network_parse(text, ret, ret_expected);
	ret->prefix = 128;
	return address_parse(text, strlen(text), &ret->base);
}

/* The last label of a name has a letter (RFC 3696 section 2): "10.1" and "0x7f.1" are addresses in disguise. */
static bool is_host_name(const char *text)
{
	const char *last = strrchr(text, '.');

	last = last ? last + 1 : text;
	return strlen(text) <= 253 && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == strlen(text) &&
	       g_ascii_isalpha(*last) && text[0] != '.' && text[0] != '-' && !strstr(text, "..");
}

bool fetch_host_fits(const char *text)
{
	struct in6_addr literal;

	return address_parse(text, strlen(text), &literal) || is_host_name(text);
}

bool fetch_allow_fits(const char *text, const char **ret_expected)
{
	struct network network;

	*ret_expected = "an address, a network such as 10.0.0.0/8, or a host name";
	return network_of(text, &network, ret_expected) || is_host_name(text);
}

struct fetch_guard *fetch_guard_new(const char *const *allow, GError **error)
{
	g_autoptr(fetch_guard_t) guard = g_new0(struct fetch_guard, 1);
	const char *expected;

	guard->networks = g_array_new(FALSE, FALSE, sizeof(struct network));
	guard->hosts = g_ptr_array_new_with_free_func(g_free);
	for (; allow && *allow; allow++) {
		struct network network = {0};
		if (!fetch_allow_fits(*allow, &expected)) {
			(fail)(error, ERROR_MALFORMED, "outbound.allow: seen \"%s\", expected %s", *allow, expected);
			return NULL;
		}
		if (network_of(*allow, &network, &expected))
			g_array_append_val(guard->networks, network);
		else
			g_ptr_array_add(guard->hosts, g_strdup(*allow));
	}
	return g_steal_pointer(&guard);
}

void fetch_guard_free(struct fetch_guard *guard)
{
	if (!guard)
		return;
	g_array_unref(guard->networks);
	g_ptr_array_unref(guard->hosts);
	g_free(guard);
}

static bool host_is_allowed(const struct fetch_guard *guard, const char *host)
{
	for (guint i = 0; i < guard->hosts->len; i++)
		if (g_ascii_strcasecmp(g_ptr_array_index(guard->hosts, i), host) == 0)
			return true;
	return false;
}

static bool address_is_allowed(const struct fetch_guard *guard, const struct in6_addr *address)
{
	for (guint i = 0; i < guard->networks->len; i++)
		if (network_holds(&g_array_index(guard->networks, struct network, i), address))
			return true;
	return false;
}

static bool is_that_address(const char *host, const struct in6_addr *address)
{
	struct in6_addr literal;

	return address_parse(host, strlen(host), &literal) && IN6_ARE_ADDR_EQUAL(&literal, address);
}

bool fetch_guard_admits(const struct fetch_guard *guard, const struct fetch_target *target, const struct in6_addr *address)
{
	bool host_allowed = host_is_allowed(guard, target->host);

	if (address_is_allowed(guard, address))
		return true;
	if (target->plain && !host_allowed)
		return false;
	switch (address_kind(address)) {
	case ADDRESS_PUBLIC:
		return true;
	case ADDRESS_PRIVATE:
		return target->declared || host_allowed;
	case ADDRESS_RESERVED:
		return target->declared && is_that_address(target->host, address);
	}
	return false;
}

static bool is_localhost(const char *host)
{
	g_autofree char *lower = g_ascii_strdown(host, -1);

	return strcmp(lower, "localhost") == 0 || strcmp(lower, "localhost.") == 0 || g_str_has_suffix(lower, ".localhost") ||
	       g_str_has_suffix(lower, ".localhost.");
}

bool fetch_guard_may_admit(const struct fetch_guard *guard, const struct fetch_target *target)
{
	struct in6_addr literal;

	if (address_parse(target->host, strlen(target->host), &literal))
		return fetch_guard_admits(guard, target, &literal);
	if (host_is_allowed(guard, target->host))
		return true;
	if (target->proxied)
		return !target->plain && (target->declared || !is_localhost(target->host));
	return !target->plain || guard->networks->len > 0;
}
