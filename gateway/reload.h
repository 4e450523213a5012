/* SIGHUP: the configuration read again, while the server runs. */
#pragma once
#include "gateway/config.h"
#include "gateway/http/server.h"

/* Reads the file `started` came from. What can change, changes; what cannot is named in the process log, as is a file that is wrong, after which
 * everything stays as it was. `started` is the configuration of the start. */
void config_reload(const struct config *started, struct http_server *server);
