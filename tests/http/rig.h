/* What the tests stand on: a small app behind a real server, a gate that holds its workers, and clients made of a raw socket. */
#pragma once
#include "gateway/http/server.h"
#include <glib.h>

#define PATIENCE_MS 10000 /* how long a test waits for what must come: far longer than it takes */

/* Called by the app, in the order of the requests that reached it. */
struct rig {
	struct http_server *server;
	unsigned handled; /* read through rig_handled */
};

struct http_options rig_options(void);
void rig_start(struct rig *rig, const struct http_options *options);
/* The default options. */
void rig_start_plain(struct rig *rig);
/* Fails the test when a handler would not end. */
void rig_stop(struct rig *rig);
unsigned rig_handled(void);
unsigned rig_released(void);
/* GET /work on a worker waits at the gate. Closed: handlers wait. */
void gate_close(void);
void gate_open(void);
/* Waits until that many handlers stand at the gate. */
void gate_await(unsigned count);
/* Waits until a figure of the server has at least that value. */
void rig_await(const struct rig *rig, size_t figure_offset, uint64_t value);
#define RIG_AWAIT(rig, figure, value) rig_await(rig, offsetof(struct http_figures, figure), value)

/* Waits until no request is under way. */
void rig_await_quiet(const struct rig *rig);

struct client {
	int fd;
	GString *received;
};

struct client *client_open(const struct rig *rig);
/* True when the connection was made; the server may still drop it. */
struct client *client_try(const char *address);
void client_free(struct client *client);
typedef struct client client_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(client_t, client_free)
void client_send(struct client *client, const char *text);
/* False when the server has closed. */
bool client_send_bytes(struct client *client, const void *bytes, size_t length);

struct answer {
	unsigned status; /* 0: the server closed without one */
	char *head, *body;
};
void answer_free(struct answer *answer);
typedef struct answer answer_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(answer_t, answer_free)
/* The next answer. Fails the test when none comes in time. */
struct answer *client_answer(struct client *client);
struct answer *client_answer_to_head(struct client *client);
/* One request, its answer. */
struct answer *client_ask(struct client *client, const char *text);
/* Waits for the end of the stream; false when data or PATIENCE_MS came first. */
bool client_is_closed(struct client *client);
/* Takes in what still comes, until the end of the stream; false when that does not come. */
bool client_drain(struct client *client);
/* Value of a header in an answer's head, or NULL. Borrowed until the answer is freed. */
char *answer_header(const struct answer *answer, const char *name);
int64_t now_ms(void);

#define LARGE_BODY (size_t)(16 * 1024 * 1024) /* bytes of the answer of /large */
#define LONG_HEADER 16000 /* bytes of the Location that /long answers with */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: gateway.example\r\n\r\n"
