/* All drivers, in the order in which the console and the man page list them. */
#include "providers/drivers.h"

#include <string.h>

const struct provider_driver *const provider_drivers[] = {
	&provider_local,
	&provider_ldap,
	&provider_oidc,
	&provider_google,
	&provider_azure,
	&provider_linkedin,
	&provider_saml,
	NULL,
};

void providers_start(void)
{
	ldap_library_start();
}

const struct provider_driver *provider_driver_named(const char *type)
{
	for (size_t i = 0; type && provider_drivers[i]; i++)
		if (strcmp(provider_drivers[i]->name, type) == 0)
			return provider_drivers[i];
	return NULL;
}
