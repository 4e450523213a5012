/* The grouping writer: one thread that runs the transactions that wait, many to a commit. Private to gateway/store. */
#pragma once
#include "gateway/store/unit.h"

struct writer;

/* How much a transaction that nobody waits for matters when there are too many. The zero value is taken last and left out first. */
enum later { LATER_SPARE = 0, LATER_NEEDED };

struct writer_options {
	struct store *store;
	const struct driver *driver;
	struct connection *connection; /* taken over, used by the writer's thread only; closed by writer_free */
	int64_t wait_ms;               /* longest wait before a transaction is begun */
	void (*committed)(struct store *store); /* after a commit that held changes, before anybody is woken */
};

struct writer *writer_new(const struct writer_options *options);
/* Runs what still waits, then ends the thread. */
void writer_free(struct writer *writer);
bool writer_run(struct writer *writer, bool repeatable, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GError **error);
bool writer_run_later(struct writer *writer, enum later later, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GDestroyNotify release);
struct store_figures writer_figures(struct writer *writer);
