/* Addresses and networks as numbers. It knows no socket and no request. */
#include "base/network.h"
#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#define MAPPED_BITS 96

static void map(const struct in_addr *four, struct in6_addr *out)
{
	*out = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(out->s6_addr + 12, four, sizeof *four);
}

/* inet_pton is strict: four decimal numbers without leading zeros, or RFC 4291 text without a zone. */
bool address_parse(const char *text, size_t length, struct in6_addr *ret_address)
{
	char copy[INET6_ADDRSTRLEN];
	struct in_addr four;
	if (length >= sizeof copy)
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (inet_pton(AF_INET6, copy, ret_address) == 1)
		return true;
	if (inet_pton(AF_INET, copy, &four) != 1)
		return false;
	map(&four, ret_address);
	return true;
}

bool address_from_socket(const struct sockaddr *from, struct in6_addr *ret_address)
{
	if (from->sa_family == AF_INET)
		map(&((const struct sockaddr_in *)(const void *)from)->sin_addr, ret_address);
	else if (from->sa_family == AF_INET6)
		*ret_address = ((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
	return from->sa_family == AF_INET || from->sa_family == AF_INET6;
}

void address_format(const struct in6_addr *address, char out[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(address))
		inet_ntop(AF_INET, address->s6_addr + 12, out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, address, out, INET6_ADDRSTRLEN);
}

/* The byte of a mask that keeps `prefix` bits. */
static unsigned mask_byte(unsigned prefix, unsigned index)
{
	unsigned before = index * 8;
	if (prefix <= before)
		return 0;
	return prefix >= before + 8 ? 0xff : 0xffU << (before + 8 - prefix) & 0xff;
}

bool network_holds(const struct network *network, const struct in6_addr *address)
{
	if (network->prefix == 0 || IN6_IS_ADDR_V4MAPPED(&network->base) != IN6_IS_ADDR_V4MAPPED(address))
		return false;
	for (unsigned i = 0; i < 16; i++)
		if ((address->s6_addr[i] ^ network->base.s6_addr[i]) & mask_byte(network->prefix, i))
			return false;
	return true;
}

static bool is_bare(const struct network *network)
{
	for (unsigned i = 0; i < 16; i++)
		if (network->base.s6_addr[i] & ~mask_byte(network->prefix, i) & 0xff)
			return false;
	return true;
}

bool network_parse(const char *text, struct network *ret_network, const char **ret_expected)
{
	struct network network;
	guint64 prefix;
	const char *slash = strchr(text, '/');
	*ret_expected = "address/prefix, such as 127.0.0.1/32 or ::1/128";
	if (!slash || !address_parse(text, (size_t)(slash - text), &network.base))
		return false;
	bool four = !memchr(text, ':', (size_t)(slash - text));
	if (!g_ascii_string_to_unsigned(slash + 1, 10, 0, four ? 32 : 128, &prefix, NULL) || (!four && IN6_IS_ADDR_V4MAPPED(&network.base)))
		return false;
	*ret_expected = "a prefix of at least 1: /0 is everybody";
	if (prefix == 0)
		return false;
	network.prefix = (unsigned)prefix + (four ? MAPPED_BITS : 0);
	*ret_expected = "zeros behind the prefix; one address is /32, or /128 for IPv6";
	if (!is_bare(&network))
		return false;
	*ret_network = network;
	return true;
}
