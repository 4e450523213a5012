/* `passerelle serve`: the service itself. */
#pragma once
#include "gateway/config.h"

/* Runs until SIGTERM or SIGINT. Returns the exit status. */
int serve_run(const struct config *config);
