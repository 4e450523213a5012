/* The grouping writer.
 *
 *   waiting --BEGIN IMMEDIATE got the lock--> taken --SAVEPOINT, work, RELEASE or undo--> run --COMMIT--> bump --> done
 *      |
 *      +-- the waiter's deadline, or the store closes: withdrawn, and never run
 *
 * The lock is taken before any request is: while another process writes, requests stay in the queue, where their waiters may withdraw them. A request
 * that was taken is always answered. A waiter sleeps on a semaphore of its own: a commit wakes exactly those it made durable, and none of them needs the
 * queue's lock to go on.
 */
#include "gateway/store/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define GROUP_MAX 128
#define LATER_MAX 8192
#define LATER_WAIT_MS 50 /* how long a transaction nobody waits for may wait for company */
#define LOCK_TRY_MS 100  /* one try for the lock; then the queue is looked at again */

struct request {
	bool (*work)(struct unit *unit, void *data, GError **error);
	void *data;
	GDestroyNotify release; /* with `later` only */
	bool later;             /* nobody waits: the writer frees it */
	atomic_bool done;       /* set last: from then on the waiter may leave, and the request with it */
	bool good;
	GError *error;
	int64_t queued_ms;
	sem_t finished;
	struct request *next;
};

struct writer {
	struct writer_options options;
	struct unit unit;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t work_came;
	struct request *first, *last;
	size_t waiting, later; /* of the queue */
	bool closing;
	atomic_uint_fast64_t commits, transactions, failures;
};

static struct timespec time_at(int64_t monotonic_ms)
{
	return (struct timespec){ .tv_sec = monotonic_ms / 1000, .tv_nsec = (monotonic_ms % 1000) * 1000000 };
}

static void condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void queue_push(struct writer *writer, struct request *request)
{
	request->queued_ms = clock_monotonic_ms();
	*(writer->last ? &writer->last->next : &writer->first) = request;
	writer->last = request;
	if (request->later)
		writer->later++;
	else
		writer->waiting++;
	pthread_cond_signal(&writer->work_came);
}

static struct request *queue_pop(struct writer *writer)
{
	struct request *request = writer->first;
	if (!request)
		return NULL;
	writer->first = request->next;
	if (!writer->first)
		writer->last = NULL;
	if (request->later)
		writer->later--;
	else
		writer->waiting--;
	request->next = NULL;
	return request;
}

/* False when the writer has taken it already. */
static bool queue_withdraw(struct writer *writer, struct request *request)
{
	struct request *before = NULL;
	for (struct request *at = writer->first; at; before = at, at = at->next) {
		if (at != request)
			continue;
		*(before ? &before->next : &writer->first) = at->next;
		if (writer->last == at)
			writer->last = before;
		writer->waiting--;
		return true;
	}
	return false;
}

/* Runs one transaction inside the group's. False: the whole group is lost. */
static bool request_run(struct writer *writer, struct request *request)
{
	struct unit *unit = &writer->unit;
	const struct driver *driver = unit->driver;
	bool changed_before = unit->changed;
	unit->broken = false;
	if (!driver->control(unit->connection, CONTROL_SAVEPOINT, 0, &request->error))
		return false;
	request->good = request->work(unit, request->data, &request->error);
	if (request->good && unit->broken)
		request->good = fail(&request->error, ERROR_INTERNAL, "a statement of this transaction failed and its function did not say so");
	if (request->good && request->error)
		g_clear_error(&request->error);
	if (!driver->in_transaction(unit->connection))
		return false;
	if (request->good)
		return driver->control(unit->connection, CONTROL_RELEASE, 0, &request->error);
	unit->changed = changed_before;
	if (!request->error)
		fail(&request->error, ERROR_INTERNAL, "a transaction failed without saying why");
	return driver->control(unit->connection, CONTROL_UNDO, 0, NULL);
}

static void group_fail(struct request **group, size_t count, const GError *error)
{
	for (size_t i = 0; i < count; i++) {
		if (!group[i]->error)
			fail(&group[i]->error, ERROR_INTERNAL, "the commit failed, and nothing of it holds: %s", error ? error->message : "the transaction was rolled back");
		group[i]->good = false;
	}
}

/* Runs the group in the transaction that has begun, and ends it. */
static void group_run(struct writer *writer, struct request **group, size_t count)
{
	struct unit *unit = &writer->unit;
	g_autoptr(GError) error = NULL;
	bool sound = true;
	unit->changed = false;
	for (size_t i = 0; sound && i < count; i++)
		sound = request_run(writer, group[i]);
	if (sound && unit->driver->control(unit->connection, CONTROL_COMMIT, 0, &error)) {
		if (unit->changed)
			writer->options.committed(writer->options.store);
		atomic_fetch_add(&writer->commits, 1);
		return;
	}
	unit->driver->control(unit->connection, CONTROL_ROLLBACK, 0, NULL);
	group_fail(group, count, error);
}

static void request_finish(struct writer *writer, struct request *request)
{
	atomic_fetch_add(&writer->transactions, 1);
	if (!request->good)
		atomic_fetch_add(&writer->failures, 1);
	if (!request->later) {
		atomic_store(&request->done, true);
		sem_post(&request->finished);
		return;
	}
	if (!request->good)
		log_line(LOG_LEVEL_ERROR, "store.write_later", "error", request->error->message, NULL);
	request->release(request->data);
	g_clear_error(&request->error);
	g_free(request);
}

/* Sleeps until there is something to run; false when the store closes and nothing is left. Called with the lock held. */
static bool work_await(struct writer *writer)
{
	for (;;) {
		if (writer->waiting > 0 || writer->later >= GROUP_MAX || (writer->closing && writer->later > 0))
			return true;
		if (writer->closing)
			return false;
		if (writer->later == 0) {
			pthread_cond_wait(&writer->work_came, &writer->lock);
			continue;
		}
		struct timespec until = time_at(writer->first->queued_ms + LATER_WAIT_MS);
		if (pthread_cond_timedwait(&writer->work_came, &writer->lock, &until) == ETIMEDOUT)
			return true;
	}
}

static size_t group_take(struct writer *writer, struct request *group[GROUP_MAX])
{
	size_t count = 0;
	while (count < GROUP_MAX && (group[count] = queue_pop(writer)))
		count++;
	return count;
}

/* Without the lock (busy), the queue keeps waiting and its deadlines run. Any other failure to begin is answered at once: the disk may be gone. */
static void begin_failed(struct writer *writer, const GError *error)
{
	bool busy = error_code_of(error) == ERROR_UNAVAILABLE;
	if (busy && !writer->closing)
		return;
	struct request *group[GROUP_MAX];
	size_t count = group_take(writer, group);
	group_fail(group, count, error);
	for (size_t i = 0; i < count; i++)
		request_finish(writer, group[i]);
}

static void *writer_loop(void *data)
{
	struct writer *writer = data;
	struct unit *unit = &writer->unit;
	pthread_mutex_lock(&writer->lock);
	while (work_await(writer)) {
		pthread_mutex_unlock(&writer->lock);
		g_autoptr(GError) error = NULL;
		bool begun = unit->driver->control(unit->connection, CONTROL_BEGIN, LOCK_TRY_MS, &error);
		pthread_mutex_lock(&writer->lock);
		if (!begun) {
			begin_failed(writer, error);
			continue;
		}
		struct request *group[GROUP_MAX];
		size_t count = group_take(writer, group);
		pthread_mutex_unlock(&writer->lock);
		group_run(writer, group, count);
		for (size_t i = 0; i < count; i++)
			request_finish(writer, group[i]);
		pthread_mutex_lock(&writer->lock);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

struct writer *writer_new(const struct writer_options *options)
{
	struct writer *writer = g_new0(struct writer, 1);
	writer->options = *options;
	writer->unit = (struct unit){ .store = options->store, .driver = options->driver, .connection = options->connection };
	pthread_mutex_init(&writer->lock, NULL);
	condition_init(&writer->work_came);
	int failed = pthread_create(&writer->thread, NULL, writer_loop, writer);
	if (failed)
		g_error("the store's writer thread cannot be started: %s", g_strerror(failed));
	return writer;
}

void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->closing = true;
	pthread_cond_signal(&writer->work_came);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
	writer->options.driver->close(writer->options.connection);
	pthread_cond_destroy(&writer->work_came);
	pthread_mutex_destroy(&writer->lock);
	g_free(writer);
}

/* Sleeps until the answer is there. False at the deadline. */
static bool answer_sleep(struct request *request, const struct timespec *deadline)
{
	int outcome;
	do
		outcome = sem_clockwait(&request->finished, CLOCK_MONOTONIC, deadline);
	while (outcome != 0 && errno == EINTR);
	return outcome == 0;
}

/* Past the deadline the request is withdrawn if it still waits. False: it was, and never runs. */
static bool answer_await(struct writer *writer, struct request *request)
{
	struct timespec until = time_at(request->queued_ms + writer->options.wait_ms);
	bool answered = answer_sleep(request, &until);
	if (!answered) {
		pthread_mutex_lock(&writer->lock);
		bool withdrawn = queue_withdraw(writer, request);
		pthread_mutex_unlock(&writer->lock);
		if (withdrawn)
			return false;
	}
	/* Taken: the answer is on its way, and only it says whether the transaction holds. */
	while (!answered)
		answered = sem_wait(&request->finished) == 0;
	return atomic_load(&request->done);
}

bool writer_run(struct writer *writer, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GError **error)
{
	struct request request = { .work = work, .data = data };
	sem_init(&request.finished, 0, 0);
	pthread_mutex_lock(&writer->lock);
	queue_push(writer, &request);
	pthread_mutex_unlock(&writer->lock);
	if (!answer_await(writer, &request)) {
		fail(&request.error, ERROR_UNAVAILABLE, "the store's writer did not come to it within %" G_GINT64_FORMAT " ms", writer->options.wait_ms);
		atomic_fetch_add(&writer->failures, 1);
	}
	sem_destroy(&request.finished);
	if (request.error)
		g_propagate_error(error, request.error);
	return request.good;
}

bool writer_run_later(struct writer *writer, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GDestroyNotify release)
{
	pthread_mutex_lock(&writer->lock);
	bool room = writer->later < LATER_MAX && !writer->closing;
	if (room) {
		struct request *request = g_new0(struct request, 1);
		*request = (struct request){ .work = work, .data = data, .release = release, .later = true };
		queue_push(writer, request);
	} else {
		atomic_fetch_add(&writer->failures, 1);
	}
	pthread_mutex_unlock(&writer->lock);
	if (!room)
		release(data);
	return room;
}

struct store_figures writer_figures(struct writer *writer)
{
	return (struct store_figures){
		.commits = atomic_load(&writer->commits),
		.transactions = atomic_load(&writer->transactions),
		.failures = atomic_load(&writer->failures),
	};
}
