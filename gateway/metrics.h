/* The metrics, in Prometheus' text format, on a listener of their own (docs/metrics.md, SECURITY AD-5). */
#pragma once
#include "gateway/call/gateway.h"
#include "gateway/http/server.h"

struct metrics;

/* Serves /metrics at `listen`; the others are borrowed until it is stopped. NULL with *error. */
struct metrics *metrics_start(const char *listen, const struct gateway *gateway, const struct http_server *server, GError **error);
/* The `listen` it was started with. Borrowed. */
const char *metrics_listens(const struct metrics *metrics);
/* Where it listens. Borrowed. */
const char *metrics_address(const struct metrics *metrics);
/* Takes NULL. False: a scrape did not end; it still reads what it was lent. */
bool metrics_stop(struct metrics *metrics);
