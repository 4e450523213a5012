/* The ways out that all identity sources share: one fetcher, the documents it keeps, and the verifier. */
#pragma once
#include "providers/fetch.h"
#include "providers/provider.h"

/* Fills the three ways of *ret; close with ways_close, after the last source. The verifier's first child comes up by itself. False with *error, *ret zeroed. */
bool ways_open(const struct fetch_options *outbound, struct provider_place *ret, GError **error);
/* Takes what was never opened. */
void ways_close(struct provider_place *ways);
