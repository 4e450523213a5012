/* Addresses without a port, and networks of them, in one form: IPv4 is held as ::ffff:a.b.c.d, so that both spellings of one address are one. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct network {
	struct in6_addr base;
	unsigned prefix; /* of 128 bits; never 0, so a zeroed network holds nothing */
};

/* "10.0.0.0/8", "::1/128". Refused, with *ret_expected saying what was expected: no prefix, bits set behind it, /0, IPv4 written as IPv6. */
bool network_parse(const char *text, struct network *ret_network, const char **ret_expected);
/* An IPv4 network never holds an IPv6 address, nor the other way round. */
bool network_holds(const struct network *network, const struct in6_addr *address);

/* Exactly one IPv4 or IPv6 literal: no zone, no port, no brackets, no octal. */
bool address_parse(const char *text, size_t length, struct in6_addr *ret_address);
/* False for what is not an IP socket's address. */
bool address_from_socket(const struct sockaddr *from, struct in6_addr *ret_address);
/* As people write it: IPv4 with dots, IPv6 by RFC 5952. */
void address_format(const struct in6_addr *address, char out[INET6_ADDRSTRLEN]);
