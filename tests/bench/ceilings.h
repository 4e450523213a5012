/* What the libraries underneath can do by themselves, in the same run, on the same processor. Nothing of the gateway is linked here. */
#pragma once
#include "lab.h"

/* A bare libmicrohttpd server with the gateway's threads and options: whatever is sent to /N is answered by N bytes of JSON. */
pid_t hello_start(uint16_t port, int cpu);

struct ceiling_time {
	int64_t measure_ms;
	const char *folder; /* for a database */
	unsigned writers;   /* transactions that wait for a commit together; people who sign in together */
	const char *url, *certificate, *person, *password; /* of a directory and who signs in there (directory.h) */
};
/* For run_apart; data is a struct ceiling_time. */
void ceiling_p256(const void *data, struct work *ret);
void ceiling_rsa2048(const void *data, struct work *ret);
void ceiling_argon2(const void *data, struct work *ret);
void ceiling_row(const void *data, struct work *ret);
void ceiling_ldap(const void *data, struct work *ret);
