/* Calls as login's functions get them: each is the handling of a real request that went over a socket to a server of gateway/http, so that cookies, addresses
 * and times are what the guard and the request say they are. */
#pragma once
#include "gateway/call/call.h"
#include "tests/call/bench.h"

struct asking {
	struct bench *bench;
	struct http_server *server;
	struct gateway gateway;      /* a test may change its keys between two requests */
};
int asking_setup(void **state);
int asking_teardown(void **state);

struct question {
	struct tenant *tenant;
	const char *cookie;          /* the Cookie header; NULL: none */
	const char *address;         /* what the trusted proxy says; NULL: the request comes by a unix socket and has none */
	void (*work)(struct call *call, void *data); /* runs on the server's thread, and so may not assert */
	void *data;
};
/* Asks and waits for the end of the answer. The first Set-Cookie as "name=value", NULL when there is none; caller frees. */
char *ask(struct asking *asking, const struct question *question);
