/* The drivers, for registry.c: one a file. */
#pragma once
#include "providers/provider.h"

extern const struct provider_driver provider_ldap;
extern const struct provider_driver provider_local;

/* libldap reads the environment and its rc files at its first use, unless told not to (providers/ldap_connection.c). */
void ldap_library_start(void);
