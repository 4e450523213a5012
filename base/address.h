/* Network addresses as keys: what one stranger can have many of counts as one. */
#pragma once
#include <stdbool.h>

#define ADDRESS_NETWORK_SIZE 64

/* The network of an IPv4 or IPv6 address in text, with so many leading bits (whole bytes), as "192.0.2.0/24" or "2001:db8::/64", or
 * the address alone where it is the whole network; an IPv4 address mapped into
 * IPv6 counts as IPv4. False, and "", for what is no address: a unix socket's, NULL. */
bool address_network(const char *address, unsigned bits_of_4, unsigned bits_of_6, char out[ADDRESS_NETWORK_SIZE]);
