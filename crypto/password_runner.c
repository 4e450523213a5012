/* The thread that computes a slot's hashes, at low priority: a flood of sign-ins then takes the processor's rest, and what is answered from memory goes on
 * as before. A thread that lowered its priority may not raise it again, so the callers, who also answer other requests, cannot do this themselves.
 *
 *   idle ─runner_run─→ work given ─→ done ─→ idle          started by the first work; ended by runner_stop
 */
#include "crypto/password_internal.h"
#include <sys/resource.h>
#include <unistd.h>

/* About a tenth of a normal thread's weight: enough to preempt at once, and still a share on a machine that others keep busy. */
#define NICE 10

static void *run(void *data)
{
	struct runner *runner = data;
	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	pthread_mutex_lock(&runner->mutex);
	for (;;) {
		while (!runner->work && !runner->stopping)
			pthread_cond_wait(&runner->given, &runner->mutex);
		if (!runner->work)
			break;
		pthread_mutex_unlock(&runner->mutex);
		runner->work(runner->data);
		pthread_mutex_lock(&runner->mutex);
		runner->work = NULL;
		pthread_cond_signal(&runner->done);
	}
	pthread_mutex_unlock(&runner->mutex);
	return NULL;
}

void runner_init(struct runner *runner)
{
	pthread_mutex_init(&runner->mutex, NULL);
	pthread_cond_init(&runner->given, NULL);
	pthread_cond_init(&runner->done, NULL);
}

void runner_run(struct runner *runner, void (*work)(void *data), void *data)
{
	pthread_mutex_lock(&runner->mutex);
	if (!runner->started)
		runner->started = pthread_create(&runner->thread, NULL, run, runner) == 0;
	if (!runner->started) {
		pthread_mutex_unlock(&runner->mutex);
		work(data); /* no thread to be had: a hash at normal priority is better than none */
		return;
	}
	runner->work = work;
	runner->data = data;
	pthread_cond_signal(&runner->given);
	while (runner->work)
		pthread_cond_wait(&runner->done, &runner->mutex);
	pthread_mutex_unlock(&runner->mutex);
}

void runner_stop(struct runner *runner)
{
	pthread_mutex_lock(&runner->mutex);
	runner->stopping = true;
	pthread_cond_signal(&runner->given);
	pthread_mutex_unlock(&runner->mutex);
	if (runner->started)
		pthread_join(runner->thread, NULL);
	pthread_cond_destroy(&runner->done);
	pthread_cond_destroy(&runner->given);
	pthread_mutex_destroy(&runner->mutex);
}
