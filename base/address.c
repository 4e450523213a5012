/* Network addresses as keys. */
#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool write_network(int family, unsigned char *bytes, unsigned size, unsigned bits, char out[ADDRESS_NETWORK_SIZE])
{
	char text[INET6_ADDRSTRLEN];
	memset(bytes + bits / 8, 0, size - bits / 8);
	if (!inet_ntop(family, bytes, text, sizeof text))
		return false;
	if (bits == size * 8)
		snprintf(out, ADDRESS_NETWORK_SIZE, "%s", text);
	else
		snprintf(out, ADDRESS_NETWORK_SIZE, "%s/%u", text, bits);
	return true;
}

bool address_network(const char *address, unsigned bits_of_4, unsigned bits_of_6, char out[ADDRESS_NETWORK_SIZE])
{
	struct in6_addr six;
	struct in_addr four;
	out[0] = 0;
	if (address && inet_pton(AF_INET, address, &four) == 1)
		return write_network(AF_INET, (unsigned char *)&four, sizeof four, bits_of_4, out);
	if (!address || inet_pton(AF_INET6, address, &six) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&six))
		return write_network(AF_INET, six.s6_addr + 12, sizeof four, bits_of_4, out);
	return write_network(AF_INET6, six.s6_addr, sizeof six, bits_of_6, out);
}
