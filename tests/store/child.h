/* A second process: this program again, started with "--child". SQLite does not survive a fork, so the child is a fresh start. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* What main does when its first argument is "--child": ADDRESS and WHAT follow. */
int child_main(const char *address, const char *what);
/* Starts one; *ret_output is the reading end of its standard output. */
pid_t child_start(const char *address, const char *what, int *ret_output);
/* True when it ended with status 0. */
bool child_wait(pid_t child);
