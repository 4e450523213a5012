/* The classes of CONTRACT section 5 in order of strength. */
#include "policies/acr.h"

#include <string.h>

const char *const acr_supported[] = { ACR_PASSWORD, NULL };

static int strength(const char *acr)
{
	static const char *const classes[] = { ACR_PASSWORD, ACR_MFA, "phr" };
	for (size_t i = 0; acr && i < G_N_ELEMENTS(classes); i++)
		if (strcmp(classes[i], acr) == 0)
			return (int)i + 1;
	return 0;
}

bool acr_meets(const char *have, const char *wanted)
{
	if (!have || !wanted)
		return false;
	return strcmp(have, wanted) == 0 || (strength(wanted) > 0 && strength(have) >= strength(wanted));
}

const char *acr_choose(const char *have, const json_t *wanted)
{
	for (size_t i = 0; i < json_array_size(wanted); i++) {
		const char *acr = json_string_value(json_array_get(wanted, i));
		if (acr_meets(have, acr))
			return acr;
	}
	return NULL;
}

bool acr_within_reach(const json_t *wanted)
{
	for (size_t i = 0; acr_supported[i]; i++)
		if (acr_choose(acr_supported[i], wanted))
			return true;
	return false;
}
