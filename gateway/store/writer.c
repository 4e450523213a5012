/* The grouping writer.
 *
 *   waiting --BEGIN IMMEDIATE got the lock--> taken --SAVEPOINT, work, RELEASE or undo--> run --COMMIT--> bump --> done
 *      |
 *      +-- the waiter's deadline, or the store closes: withdrawn, and never run
 *
 * The lock is taken before any request is: while another process writes, requests stay in the queue, where their waiters may withdraw them. A request
 * that was taken is always answered. A waiter sleeps on a semaphore of its own: a commit wakes exactly those it made durable, and none of them needs the
 * queue's lock to go on.
 *
 * There are two queues. What somebody waits for goes first: strangers can fill the other one with records of their refusals, and a sign-in that had to
 * stand behind those would time out. A group still takes a few of the others each time, so that they cannot be starved either.
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

#define GROUP_MAX 128    /* of those that wait */
#define BESIDE_MAX 32    /* of the others, beside those that wait */
#define ALONE_MAX 512    /* of the others, where nobody waits */
#define LATER_MAX 8192
#define SPARE_MAX (LATER_MAX / 2) /* past it, only what must not be left out is still taken */
#define LATER_WAIT_MS 50 /* how long a transaction nobody waits for may wait for company */
#define LOCK_TRY_MS 100  /* one try for the lock; then the queue is looked at again */
#define COMPLAIN_MS 1000 /* failures of what nobody waits for are said at most this often */

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

struct queue {
	struct request *first, *last;
	size_t count;
};

struct group {
	struct request *requests[ALONE_MAX]; /* more than GROUP_MAX + BESIDE_MAX; those that are waited for come first */
	size_t count, waited_for;
};

struct writer {
	struct writer_options options;
	struct unit unit;
	pthread_t thread;
	/* the writer's thread only */
	uint64_t unsaid;    /* failed transactions that nobody was told of yet */
	char *unsaid_error; /* of the last of them */
	int64_t said_ms;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t work_came;
	struct queue waiting, later;
	bool closing;
	atomic_uint_fast64_t commits, transactions, failures, commit_ns;
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

static void queue_push(struct queue *queue, struct request *request)
{
	request->queued_ms = clock_monotonic_ms();
	*(queue->last ? &queue->last->next : &queue->first) = request;
	queue->last = request;
	queue->count++;
}

static struct request *queue_pop(struct queue *queue)
{
	struct request *request = queue->first;
	if (!request)
		return NULL;
	queue->first = request->next;
	if (!queue->first)
		queue->last = NULL;
	queue->count--;
	request->next = NULL;
	return request;
}

/* False when the writer has taken it already. */
static bool queue_withdraw(struct queue *queue, struct request *request)
{
	struct request *before = NULL;
	for (struct request *at = queue->first; at; before = at, at = at->next) {
		if (at != request)
			continue;
		*(before ? &before->next : &queue->first) = at->next;
		if (queue->last == at)
			queue->last = before;
		queue->count--;
		return true;
	}
	return false;
}

/* Runs one transaction, and says in the request whether it is to be kept. */
static bool request_work(struct writer *writer, struct request *request)
{
	struct unit *unit = &writer->unit;
	unit->broken = false;
	g_clear_error(&request->error);
	request->good = request->work(unit, request->data, &request->error);
	if (request->good && unit->broken)
		request->good = fail(&request->error, ERROR_INTERNAL, "a statement of this transaction failed and its function did not say so");
	if (request->good && request->error)
		g_clear_error(&request->error);
	if (!request->good && !request->error)
		fail(&request->error, ERROR_INTERNAL, "a transaction failed without saying why");
	return request->good;
}

/* Runs transactions inside the group's, to be kept or undone together. False: the whole group is lost. */
static bool requests_run(struct writer *writer, struct request **requests, size_t count, bool *ret_kept)
{
	struct unit *unit = &writer->unit;
	const struct driver *driver = unit->driver;
	bool changed_before = unit->changed, good = true;
	if (!driver->control(unit->connection, CONTROL_SAVEPOINT, 0, &requests[0]->error))
		return false;
	for (size_t i = 0; good && i < count; i++)
		good = request_work(writer, requests[i]);
	if (!driver->in_transaction(unit->connection))
		return false;
	*ret_kept = good;
	if (good)
		return driver->control(unit->connection, CONTROL_RELEASE, 0, &requests[0]->error);
	unit->changed = changed_before;
	return driver->control(unit->connection, CONTROL_UNDO, 0, NULL);
}

static bool each_run(struct writer *writer, struct request **requests, size_t count)
{
	bool sound = true, kept;
	for (size_t i = 0; sound && i < count; i++)
		sound = requests_run(writer, &requests[i], 1, &kept);
	return sound;
}

/* Those that nobody waits for, under one savepoint: for each, SQLite copies every page that changes and was not copied yet, and they change the same ones. Where
 * one fails they are all run again, each under its own. */
static bool later_run(struct writer *writer, struct request **requests, size_t count)
{
	bool kept = false;
	if (count > 1 && !requests_run(writer, requests, count, &kept))
		return false;
	return kept || each_run(writer, requests, count);
}

static void group_fail(struct group *group, const GError *error)
{
	for (size_t i = 0; i < group->count; i++) {
		struct request *request = group->requests[i];
		if (!request->error)
			fail(&request->error, ERROR_INTERNAL, "the commit failed, and nothing of it holds: %s", error ? error->message : "the transaction was rolled back");
		request->good = false;
	}
}

/* Runs the group in the transaction that has begun, and ends it. */
static void group_run(struct writer *writer, struct group *group)
{
	struct unit *unit = &writer->unit;
	g_autoptr(GError) error = NULL;
	unit->changed = false;
	bool sound = each_run(writer, group->requests, group->waited_for) &&
	             later_run(writer, group->requests + group->waited_for, group->count - group->waited_for);
	int64_t begun_ns = clock_monotonic_ns();
	if (sound && unit->driver->control(unit->connection, CONTROL_COMMIT, 0, &error)) {
		atomic_fetch_add(&writer->commit_ns, (uint64_t)(clock_monotonic_ns() - begun_ns));
		if (unit->changed)
			writer->options.committed(writer->options.store);
		atomic_fetch_add(&writer->commits, 1);
		return;
	}
	unit->driver->control(unit->connection, CONTROL_ROLLBACK, 0, NULL);
	group_fail(group, error);
}

static void failure_note(struct writer *writer, const GError *error)
{
	writer->unsaid++;
	g_free(writer->unsaid_error);
	writer->unsaid_error = g_strdup(error->message);
}

/* A full disk fails thousands a second, and a line for each would fill what is left of it: they are counted, and said with the last one's error. */
static void failures_say(struct writer *writer, bool at_once)
{
	int64_t now_ms = clock_monotonic_ms();
	if (writer->unsaid == 0 || (!at_once && writer->said_ms && now_ms - writer->said_ms < COMPLAIN_MS))
		return;
	g_autofree char *count = g_strdup_printf("%" G_GUINT64_FORMAT, writer->unsaid);
	log_line(LOG_LEVEL_ERROR, "store.write_later", "failed", count, "error", writer->unsaid_error, NULL);
	g_clear_pointer(&writer->unsaid_error, g_free);
	writer->unsaid = 0;
	writer->said_ms = now_ms;
}

static void request_finish(struct writer *writer, struct request *request)
{
	if (!request->later) {
		atomic_store(&request->done, true);
		sem_post(&request->finished);
		return;
	}
	if (!request->good)
		failure_note(writer, request->error);
	request->release(request->data);
	g_clear_error(&request->error);
	g_free(request);
}

/* Counted before anybody is woken: who has an answer finds it, and all that came with it, in the figures. */
static void group_finish(struct writer *writer, struct group *group)
{
	size_t failures = 0;
	for (size_t i = 0; i < group->count; i++)
		failures += !group->requests[i]->good;
	atomic_fetch_add(&writer->transactions, group->count);
	atomic_fetch_add(&writer->failures, failures);
	for (size_t i = 0; i < group->count; i++)
		request_finish(writer, group->requests[i]);
	failures_say(writer, false);
}

/* Sleeps until there is something to run; false when the store closes and nothing is left. Called with the lock held. */
static bool work_await(struct writer *writer)
{
	for (;;) {
		if (writer->waiting.count > 0 || writer->later.count >= ALONE_MAX || (writer->closing && writer->later.count > 0))
			return true;
		if (writer->closing)
			return false;
		if (writer->later.count == 0) {
			pthread_cond_wait(&writer->work_came, &writer->lock);
			continue;
		}
		struct timespec until = time_at(writer->later.first->queued_ms + LATER_WAIT_MS);
		if (pthread_cond_timedwait(&writer->work_came, &writer->lock, &until) == ETIMEDOUT)
			return true;
	}
}

static void group_take(struct group *group, struct queue *queue, size_t at_most)
{
	struct request *request;
	for (size_t i = 0; i < at_most && (request = queue_pop(queue)); i++)
		group->requests[group->count++] = request;
}

static void group_gather(struct writer *writer, struct group *group)
{
	group->count = 0;
	group_take(group, &writer->waiting, GROUP_MAX);
	group->waited_for = group->count;
	group_take(group, &writer->later, group->count > 0 ? BESIDE_MAX : ALONE_MAX);
}

/* Without the lock (busy), the queue keeps waiting and its deadlines run. Any other failure to begin is answered at once: the disk may be gone. */
static void begin_failed(struct writer *writer, const GError *error)
{
	bool busy = error_code_of(error) == ERROR_UNAVAILABLE;
	struct group group;
	if (busy && !writer->closing)
		return;
	group_gather(writer, &group);
	group_fail(&group, error);
	group_finish(writer, &group);
}

static void *writer_loop(void *data)
{
	struct writer *writer = data;
	struct unit *unit = &writer->unit;
	struct group group;
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
		group_gather(writer, &group);
		pthread_mutex_unlock(&writer->lock);
		group_run(writer, &group);
		group_finish(writer, &group);
		pthread_mutex_lock(&writer->lock);
	}
	pthread_mutex_unlock(&writer->lock);
	failures_say(writer, true);
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
		bool withdrawn = queue_withdraw(&writer->waiting, request);
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
	queue_push(&writer->waiting, &request);
	pthread_cond_signal(&writer->work_came);
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

bool writer_run_later(struct writer *writer, enum later later, bool (*work)(struct unit *unit, void *data, GError **error), void *data, GDestroyNotify release)
{
	pthread_mutex_lock(&writer->lock);
	bool room = writer->later.count < (later == LATER_SPARE ? SPARE_MAX : LATER_MAX) && !writer->closing;
	if (room) {
		struct request *request = g_new0(struct request, 1);
		*request = (struct request){ .work = work, .data = data, .release = release, .later = true };
		queue_push(&writer->later, request);
		/* Those between only join it: a writer woken by each would look, and sleep again. */
		if (writer->later.count == 1 || writer->later.count == ALONE_MAX)
			pthread_cond_signal(&writer->work_came);
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
	pthread_mutex_lock(&writer->lock);
	uint64_t waiting = writer->waiting.count, later = writer->later.count;
	pthread_mutex_unlock(&writer->lock);
	return (struct store_figures){
		.waiting = waiting,
		.later = later,
		.commits = atomic_load(&writer->commits),
		.commit_ns = atomic_load(&writer->commit_ns),
		.transactions = atomic_load(&writer->transactions),
		.failures = atomic_load(&writer->failures),
	};
}
