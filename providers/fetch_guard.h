/* Which addresses may be spoken to (SECURITY WB-5). Pure: no socket, no name look-up.
 *
 *	                     public   private, loopback   link-local, metadata, reserved
 *	any host             https    -                   -
 *	the declared host    https    https               only where the declaration is that very address
 *	a host in `allow`    both     both                -
 *	a network in `allow` both     both                both
 */
#pragma once
#include "base/network.h"

#include <glib.h>

enum address_kind {
	ADDRESS_RESERVED = 0, /* link-local, cloud metadata, multicast, this network, tunnels to somewhere else, and all that has no use here */
	ADDRESS_PRIVATE,      /* private networks, shared address space, loopback */
	ADDRESS_PUBLIC,
};
/* An IPv4 address inside IPv6 (mapped, NAT64) is judged by what it leads to. */
enum address_kind address_kind(const struct in6_addr *address);
const char *address_kind_name(enum address_kind kind);

struct fetch_guard;
/* `allow` is NULL-closed, NULL: none. NULL with *error (ERROR_MALFORMED). */
struct fetch_guard *fetch_guard_new(const char *const *allow, GError **error);
void fetch_guard_free(struct fetch_guard *guard);
typedef struct fetch_guard fetch_guard_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(fetch_guard_t, fetch_guard_free)

/* An address as it is usually written, or a name whose last label begins with a letter and has no dot behind it: one host, one spelling. */
bool fetch_host_fits(const char *text);
/* One item of `allow`: "10.1.2.3", "10.0.0.0/8", "fd00::/8", "idp.corp.example". False with *ret_expected. */
bool fetch_allow_fits(const char *text, const char **ret_expected);

/* Who is asked for. `host` as it stands in the URL, without brackets; `declared`: it is the host that the operator declared. */
struct fetch_target {
	const char *host;
	bool plain;    /* http */
	bool declared;
	bool proxied;  /* a proxy resolves the name: its address is never seen here */
};
/* Whether a connection to this address may be opened for that host. */
bool fetch_guard_admits(const struct fetch_guard *guard, const struct fetch_target *target, const struct in6_addr *address);
/* What can be said before a name is resolved: false where no address that it may lead to would do. Behind a proxy it is all that is said, so "localhost" must be
 * declared or allowed there, and plain http needs the very name. */
bool fetch_guard_may_admit(const struct fetch_guard *guard, const struct fetch_target *target);
