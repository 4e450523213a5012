/* SIGHUP: the configuration read again, while the server runs. */
#pragma once
#include "gateway/config.h"
#include "gateway/http/server.h"
#include "gateway/metrics.h"

/* What of the running service a reload may change. */
struct reloadable {
	struct config *config;       /* in force: that of the start (borrowed), or a later one, which the reload owns */
	const struct gateway *gateway;
	struct http_server *server;
	struct store *store;
	struct root_keys *keys;
	struct password_hasher *hasher;
	struct fetcher *fetcher;
	struct metrics **metrics;
};

/* Reads the file `started` came from, and the files that it names. What can change, changes; what cannot is named in the process log, as is a file that is wrong,
 * after which everything stays as it was. `started` is the configuration of the start. */
void config_reload(const struct config *started, struct reloadable *running);
