/* `passerelle check`: is everything there that `serve` needs? */
#pragma once
#include <stdbool.h>

/* Loads the configuration, reads the key file, opens the store; prints what was found, or on standard error what is wrong. Makes nothing. Exit status. */
int check_run(const char *config_path, bool json);
