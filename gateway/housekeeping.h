/* What has to happen now and then, on one quiet thread: expired rows leave in small slices, unused hash memory goes back to the system, counted refusals
 * go into the connection log, and providers' own papers are looked at (provider_watch.h). */
#pragma once
#include "gateway/call/gateway.h"

struct housekeeping;

struct housekeeping *housekeeping_start(const struct gateway *gateway);
/* Waits for the slice under way, then frees. Takes NULL. */
void housekeeping_stop(struct housekeeping *housekeeping);
