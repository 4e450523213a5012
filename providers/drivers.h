/* The drivers, for registry.c: one a file. */
#pragma once
#include "providers/provider.h"

extern const struct provider_driver provider_ldap;
extern const struct provider_driver provider_local;
extern const struct provider_driver provider_oidc, provider_google, provider_azure, provider_linkedin;
extern const struct provider_driver provider_saml;

/* libldap reads the environment and its rc files at its first use, unless told not to (providers/ldap_connection.c). */
void ldap_library_start(void);
