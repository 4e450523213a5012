/* The pool of workers and its short queue.
 *
 * A request goes straight to the worker that became idle last: its stack, its memory and what it has cached are warm, and the others stay asleep. Where none is
 * idle it is queued; where the queue has no room it is shed at once, on libmicrohttpd's thread; one that waited longer than queue_ms is shed by the
 * queue's clock, even when every worker is stuck. The clock sleeps for good while workers keep up.
 */
#include "gateway/http/internal.h"
#include "base/clock.h"
#include <semaphore.h>
#include <time.h>

#define QUEUE_PER_WORKER 4

struct worker {
	struct workers *workers;
	pthread_t thread;
	sem_t wake;
	struct request *request; /* what it was woken for; NULL: to stop */
	struct worker *below;    /* on the stack of idle ones */
};

struct workers {
	struct http_server *server;
	pthread_mutex_t lock;
	pthread_cond_t clock;
	bool closed, stopping, clock_sleeps;
	unsigned idle, held; /* held: requests between being offered and having been handed back */
	struct worker *idlest; /* who became idle last */
	struct request **queue; /* a ring, empty while a worker is idle; the oldest, whose deadline comes first, at `head` */
	size_t head, queued, room;
	struct worker *threads;
	pthread_t clock_thread;
	size_t thread_count;
	bool clock_started;
};

/* Called with the lock held. */
static struct worker *idle_pop(struct workers *workers)
{
	struct worker *worker = workers->idlest;
	if (worker) {
		workers->idlest = worker->below;
		workers->idle--;
	}
	return worker;
}

static void idle_push(struct workers *workers, struct worker *worker)
{
	worker->request = NULL;
	worker->below = workers->idlest;
	workers->idlest = worker;
	workers->idle++;
}

static struct request *queue_pop(struct workers *workers)
{
	struct request *request = workers->queue[workers->head];
	workers->head = (workers->head + 1) % workers->room;
	workers->queued--;
	return request;
}

bool workers_offer(struct workers *workers, struct request *request)
{
	struct worker *worker = NULL;
	pthread_mutex_lock(&workers->lock);
	bool taken = workers->queued < workers->room && !workers->closed, clock = false;
	if (taken) {
		/* From here on the request is the pool's: a worker may have answered before this function returns. */
		request->stage = STAGE_WORKING;
		peer_deadline(request->peer, NEVER_MS);
		MHD_suspend_connection(request->connection);
		workers->held++;
		worker = idle_pop(workers);
	}
	if (worker) {
		/* The deadline is for waiting behind others. This one only has to wake up, and on a busy machine that may take it a while. */
		request->queue_deadline_ms = NEVER_MS;
		worker->request = request;
	} else if (taken) {
		request->queue_deadline_ms = clock_monotonic_ms() + workers->server->options.queue_ms;
		workers->queue[(workers->head + workers->queued++) % workers->room] = request;
		clock = workers->clock_sleeps;
	}
	pthread_mutex_unlock(&workers->lock);
	/* Not under the lock, which the one woken would only wait for. */
	if (worker)
		sem_post(&worker->wake);
	if (clock)
		pthread_cond_signal(&workers->clock);
	return taken;
}

/* After the resume the request may be gone already. */
static void hand_back(struct request *request)
{
	struct MHD_Connection *connection = request->connection;
	request->stage = STAGE_ANSWERED;
	MHD_resume_connection(connection);
}

static void shed(struct request *request)
{
	exchange_shed(request);
	hand_back(request);
}

/* The clock may be a moment late; a client that was promised an answer in time gets none that starts too late. */
static void answer(struct request *request)
{
	if (clock_monotonic_ms() > request->queue_deadline_ms)
		exchange_shed(request);
	else
		exchange_handle(request);
	hand_back(request);
}

/* What is queued, or else what it is woken for. NULL when the pool stops. Called with the lock held, returns without it. */
static struct request *request_await(struct workers *workers, struct worker *worker)
{
	struct request *request = workers->queued ? queue_pop(workers) : NULL;
	bool waits = !request && !workers->stopping;
	if (waits)
		idle_push(workers, worker);
	pthread_mutex_unlock(&workers->lock);
	if (!waits)
		return request;
	while (sem_wait(&worker->wake) != 0)
		continue;
	return worker->request;
}

static void *worker_run(void *data)
{
	struct worker *worker = data;
	struct workers *workers = worker->workers;
	struct request *request;
	pthread_mutex_lock(&workers->lock);
	while ((request = request_await(workers, worker))) {
		answer(request);
		pthread_mutex_lock(&workers->lock);
		workers->held--;
	}
	return NULL;
}

static void clock_wait(struct workers *workers, int64_t until_ms)
{
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
	pthread_cond_timedwait(&workers->clock, &workers->lock, &until);
}

static void *clock_run(void *data)
{
	struct workers *workers = data;
	pthread_mutex_lock(&workers->lock);
	while (!workers->stopping) {
		if (!workers->queued) {
			workers->clock_sleeps = true;
			pthread_cond_wait(&workers->clock, &workers->lock);
			workers->clock_sleeps = false;
			continue;
		}
		int64_t deadline_ms = workers->queue[workers->head]->queue_deadline_ms;
		if (clock_monotonic_ms() < deadline_ms) {
			clock_wait(workers, deadline_ms);
			continue;
		}
		struct request *request = queue_pop(workers);
		pthread_mutex_unlock(&workers->lock);
		shed(request);
		pthread_mutex_lock(&workers->lock);
		workers->held--;
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

static bool worker_start(struct workers *workers)
{
	struct worker *worker = &workers->threads[workers->thread_count];
	worker->workers = workers;
	sem_init(&worker->wake, 0, 0);
	if (!thread_start(&worker->thread, "http-worker", worker_run, worker))
		return false;
	workers->thread_count++;
	return true;
}

struct workers *workers_start(struct http_server *server, GError **error)
{
	struct workers *workers = g_new0(struct workers, 1);
	workers->server = server;
	workers->room = (size_t)server->options.worker_threads * QUEUE_PER_WORKER;
	workers->queue = g_new0(struct request *, workers->room);
	workers->threads = g_new0(struct worker, server->options.worker_threads);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->clock, &monotonic);
	pthread_condattr_destroy(&monotonic);
	workers->clock_started = thread_start(&workers->clock_thread, "http-queue", clock_run, workers);
	while (workers->clock_started && workers->thread_count < server->options.worker_threads && worker_start(workers))
		continue;
	if (workers->thread_count == server->options.worker_threads)
		return workers;
	workers_stop(workers);
	fail(error, ERROR_INTERNAL, "cannot start %u worker threads", server->options.worker_threads);
	return NULL;
}

/* Under the lock, so that every request that was taken before has been counted as begun when this returns. */
void workers_close(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->closed = true;
	while (workers->queued) {
		struct request *request = queue_pop(workers);
		pthread_mutex_unlock(&workers->lock);
		shed(request);
		pthread_mutex_lock(&workers->lock);
		workers->held--;
	}
	pthread_mutex_unlock(&workers->lock);
}

bool workers_are_idle(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	bool idle = workers->held == 0;
	pthread_mutex_unlock(&workers->lock);
	return idle;
}

void workers_figures(struct workers *workers, struct http_queue_figures *figures)
{
	pthread_mutex_lock(&workers->lock);
	*figures = (struct http_queue_figures){ .threads = (unsigned)workers->thread_count, .idle = workers->idle, .queued = (unsigned)workers->queued,
		.held = workers->held };
	pthread_mutex_unlock(&workers->lock);
}

void workers_stop(struct workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	for (struct worker *worker; (worker = idle_pop(workers));)
		sem_post(&worker->wake);
	pthread_cond_broadcast(&workers->clock);
	pthread_mutex_unlock(&workers->lock);
	for (size_t i = 0; i < workers->thread_count; i++) {
		pthread_join(workers->threads[i].thread, NULL);
		sem_destroy(&workers->threads[i].wake);
	}
	if (workers->clock_started)
		pthread_join(workers->clock_thread, NULL);
	pthread_mutex_destroy(&workers->lock);
	pthread_cond_destroy(&workers->clock);
	g_free(workers->threads);
	g_free(workers->queue);
	g_free(workers);
}
