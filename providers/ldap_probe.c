/* The step-by-step diagnosis. */
#include "providers/ldap_internal.h"

void ldap_probe(void *state, const struct form *input, struct checks *checks, int64_t deadline_ms)
{
	(void)state, (void)input, (void)checks, (void)deadline_ms;
}
