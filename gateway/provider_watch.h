/* Looks now and then at what providers publish of themselves (providers/provider.h: watch), so that somebody hears in time of a certificate that runs out, of metadata
 * that has changed, and of metadata that is no longer to be had. It speaks in the process log; a change goes into the tenant's connection log too. */
#pragma once
#include "gateway/call/gateway.h"

struct provider_watch;

struct provider_watch *provider_watch_new(const struct gateway *gateway);
/* Looks at the next few, for some moments; every quarter of an hour all of them come up again. One look may wait for a server, five seconds at most. Blocks;
 * one thread. */
void provider_watch_step(struct provider_watch *watch);
/* Takes NULL. */
void provider_watch_free(struct provider_watch *watch);
