/* The route table, and the way from a request to its tenant and its handler. */
#pragma once
#include "gateway/call/gateway.h"
#include "gateway/http/server.h"

/* The path of each route, {} for one segment; NULL past the last. For the metrics: struct http_route_figures are in this order. */
const char *routes_path(unsigned route);
/* The app for http_server_start; `gateway` is borrowed for the server's life. */
struct http_app routes_app(struct gateway *gateway);
