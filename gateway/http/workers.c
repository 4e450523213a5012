/* The pool of workers and its short queue.
 *
 * A request that finds no room in the queue is shed at once, on libmicrohttpd's thread; one that waited longer than queue_ms is shed by the
 * queue's clock, even when every worker is stuck. The clock sleeps for good while workers keep up: it is woken only when something is queued
 * that no idle worker is about to take.
 */
#include "gateway/http/internal.h"
#include "base/clock.h"
#include <time.h>

#define QUEUE_PER_WORKER 4

struct workers {
	struct http_server *server;
	pthread_mutex_t lock;
	pthread_cond_t work, clock;
	bool closed, stopping, clock_sleeps;
	unsigned idle, held; /* held: requests between being offered and having been handed back */
	struct request **queue; /* a ring; the oldest, whose deadline comes first, at `head` */
	size_t head, queued, room;
	pthread_t *threads, clock_thread;
	size_t thread_count;
	bool clock_started;
};

static struct request *queue_pop(struct workers *workers)
{
	struct request *request = workers->queue[workers->head];
	workers->head = (workers->head + 1) % workers->room;
	workers->queued--;
	return request;
}

bool workers_offer(struct workers *workers, struct request *request)
{
	pthread_mutex_lock(&workers->lock);
	bool taken = workers->queued < workers->room && !workers->closed;
	if (taken) {
		/* From here on the request is the pool's: a worker may have answered before this function returns. */
		request->stage = STAGE_WORKING;
		/* The deadline is for waiting behind others. Where a worker is idle it only has to wake up, and on a busy machine that may take it a while. */
		request->queue_deadline_ms = workers->queued < workers->idle ? NEVER_MS : clock_monotonic_ms() + workers->server->options.queue_ms;
		peer_deadline(request->peer, NEVER_MS);
		MHD_suspend_connection(request->connection);
		workers->queue[(workers->head + workers->queued++) % workers->room] = request;
		workers->held++;
	}
	bool clock = taken && workers->queued > workers->idle && workers->clock_sleeps;
	pthread_mutex_unlock(&workers->lock);
	/* Not under the lock, which the one woken would only wait for. */
	if (taken)
		pthread_cond_signal(&workers->work);
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

static void *worker_run(void *data)
{
	struct workers *workers = data;
	pthread_mutex_lock(&workers->lock);
	for (;;) {
		while (!workers->queued && !workers->stopping) {
			workers->idle++;
			pthread_cond_wait(&workers->work, &workers->lock);
			workers->idle--;
		}
		if (!workers->queued)
			break;
		struct request *request = queue_pop(workers);
		pthread_mutex_unlock(&workers->lock);
		/* The clock may be a moment late; a client that was promised an answer in time gets none that starts too late. */
		if (clock_monotonic_ms() > request->queue_deadline_ms)
			exchange_shed(request);
		else
			exchange_handle(request);
		hand_back(request);
		pthread_mutex_lock(&workers->lock);
		workers->held--;
	}
	pthread_mutex_unlock(&workers->lock);
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
		/* One without a deadline is about to be taken; those behind it may have one, so the clock looks again soon. */
		int64_t deadline_ms = workers->queue[workers->head]->queue_deadline_ms, now_ms = clock_monotonic_ms();
		if (now_ms < deadline_ms) {
			clock_wait(workers, MIN(deadline_ms, now_ms + workers->server->options.queue_ms));
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

struct workers *workers_start(struct http_server *server, GError **error)
{
	struct workers *workers = g_new0(struct workers, 1);
	workers->server = server;
	workers->room = (size_t)server->options.worker_threads * QUEUE_PER_WORKER;
	workers->queue = g_new0(struct request *, workers->room);
	workers->threads = g_new0(pthread_t, server->options.worker_threads);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->work, NULL);
	pthread_cond_init(&workers->clock, &monotonic);
	pthread_condattr_destroy(&monotonic);
	workers->clock_started = thread_start(&workers->clock_thread, "http-queue", clock_run, workers);
	while (workers->clock_started && workers->thread_count < server->options.worker_threads &&
	       thread_start(&workers->threads[workers->thread_count], "http-worker", worker_run, workers))
		workers->thread_count++;
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
	pthread_cond_broadcast(&workers->work);
	pthread_cond_broadcast(&workers->clock);
	pthread_mutex_unlock(&workers->lock);
	for (size_t i = 0; i < workers->thread_count; i++)
		pthread_join(workers->threads[i], NULL);
	if (workers->clock_started)
		pthread_join(workers->clock_thread, NULL);
	pthread_mutex_destroy(&workers->lock);
	pthread_cond_destroy(&workers->work);
	pthread_cond_destroy(&workers->clock);
	g_free(workers->threads);
	g_free(workers->queue);
	g_free(workers);
}
