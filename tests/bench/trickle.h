/* Clients that never finish a request: each has a connection of its own, or waits for one, and sends a byte of a header now and then. */
#pragma once
#include "lab.h"

/* In a process of its own on the load's processor, from as many addresses as hold at most `per_address` each. Returns once all have asked for a connection. */
pid_t trickle_start(uint16_t port, unsigned clients, unsigned per_address);
void trickle_stop(pid_t process);
