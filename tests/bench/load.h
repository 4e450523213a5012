/* The load: HTTP/1.1 clients on kept connections, in one thread.
 *
 * A *visitor* is one connection that follows a script: it asks, hears the answer, and asks again until its operation is done. A *stream* is a number
 * of visitors with one script; closed (each begins anew as soon as it is done) or open (operations begin at a fixed rate, whoever is done or not,
 * and a late begin counts as waiting time, so that a server that stalls cannot slow down the clock it is measured by).
 */
#pragma once
#include "lab.h"

struct answer {
	unsigned status;
	const char *head, *body; /* NUL-ended */
	size_t body_length;
};

enum turn {
	TURN_FAILED = 0, /* not what was expected: the operation is over and counted as failed */
	TURN_AGAIN,      /* the operation goes on with another request */
	TURN_DONE,
	TURN_SHED,       /* refused for want of room: over, counted and timed on its own */
};

struct visitor {
	struct stream *stream;
	unsigned index, step; /* step: how many answers of this operation were heard */
	GString *note;        /* the script's own, kept from request to request */
	GString *cookie;      /* likewise */
};

struct script {
	/* Writes the next request; false when there is nothing left to do. */
	bool (*ask)(struct visitor *visitor, GString *request);
	enum turn (*hear)(struct visitor *visitor, const struct answer *answer);
};

struct stream {
	struct script script;
	const void *data; /* the script's */
	unsigned connections;
	double rate; /* operations a second; 0: closed */
	bool addresses_apart; /* each visitor comes from an address of its own */
	uint64_t operations, failures, sheds;
	struct histogram time, shed_time;
	unsigned bad_status; /* of the last failure */
};

struct load {
	uint16_t port;
	pid_t server;
	int64_t warm_ms, measure_ms;
};

struct load_result {
	double seconds;
	int64_t cpu_ns; /* of the server, while it was measured */
};

/* Runs all streams together. A stream whose script ends, ends the load. */
struct load_result load_run(const struct load *load, struct stream *streams, size_t count);
/* The same; `beside` is called when the streams' connections stand and nothing has been asked yet. */
struct load_result load_run_beside(const struct load *load, struct stream *streams, size_t count, void (*beside)(void *data), void *data);

/* The value of the first header of that name, to be freed; NULL when there is none. */
char *answer_header(const struct answer *answer, const char *name);
/* One request on a connection of its own; `ret_text` holds what `ret` points into and is freed by the caller. */
void talk(uint16_t port, const GString *request, struct answer *ret, char **ret_text);
