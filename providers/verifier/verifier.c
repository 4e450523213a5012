/* The pool of children: who asks gets an idle one or stands in a queue; one thread, the keeper, starts what is missing and ends what has nothing to do.
 *
 *             ┌─────────── give back ────────────┐
 *     start ─→ idle ─→ lent to one caller ───────┤
 *       ↑                     └─ crash, late, too many messages ─→ ended
 *       └──────────────────────── keeper, at most starts_per_s ────┘
 *
 * The queue is in order of arrival and a child is handed to its first, so that whoever crashes children on purpose waits behind those whose questions are good. All
 * fields are guarded by the mutex; a child that is lent belongs to its borrower. */
#include "providers/verifier/verifier_internal.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#define IDLE_MS          60000 /* after which all but one go */
#define MESSAGES_MAX     10000 /* of one child: what libraries leak stays small */
#define MESSAGE_MS_MIN   100   /* who got a child as the deadline came is heard all the same: being late must not cost the child */
#define FAULT_PAUSE_MS   1000  /* between starts that fail */
#define FAULT_LOG_MS     60000

struct waiter {
	struct waiter *next;
	pthread_cond_t handed;
	struct child *child;
};

struct verifier {
	struct verifier_options options;
	char *program;                         /* what options.program points at */
	pthread_t keeper;
	pthread_mutex_t mutex;
	pthread_cond_t keeper_needed, changed; /* changed: the first child is ready, or a start has failed */
	bool ending;
	struct child *idle;
	struct waiter *first, **last;
	unsigned children;                     /* idle and lent */
	double starts_left;                    /* a bucket that starts_per_s fills */
	int64_t starts_left_at_ms, next_start_ms, fault_logged_ms;
	char *sandbox, *fault;
	struct verifier_counts counts;
};

const char *verifier_result_name(enum verifier_result result)
{
	switch (result) {
	case VERIFIER_UNAVAILABLE:
		return "unavailable";
	case VERIFIER_ANSWERED:
		return "answered";
	case VERIFIER_CRASHED:
		return "crashed";
	case VERIFIER_TIMED_OUT:
		return "timed out";
	case VERIFIER_REFUSED:
		return "refused";
	}
	return "unavailable";
}

/* --- conditions on the monotonic clock --- */

static void condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* False once the deadline has passed. */
static bool condition_await(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t until_ms)
{
	const int64_t until = MAX(until_ms, 0);
	const struct timespec deadline = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
	return pthread_cond_timedwait(condition, mutex, &deadline) == 0;
}

/* --- lending; all with the mutex held --- */

static void waiter_leave(struct verifier *verifier, const struct waiter *waiter)
{
	struct waiter **place = &verifier->first;
	while (*place != waiter)
		place = &(*place)->next;
	*place = waiter->next;
	if (!*place)
		verifier->last = place;
	verifier->counts.waiting--;
}

static void child_give(struct verifier *verifier, struct child *child)
{
	struct waiter *waiter = verifier->first;
	if (waiter) {
		waiter_leave(verifier, waiter);
		waiter->child = child;
		pthread_cond_signal(&waiter->handed);
		return;
	}
	child->idle_since_ms = clock_monotonic_ms();
	child->next = verifier->idle;
	verifier->idle = child;
	verifier->counts.idle++;
}

static struct child *idle_pop(struct verifier *verifier)
{
	struct child *child = verifier->idle;
	if (child) {
		verifier->idle = child->next;
		verifier->counts.idle--;
	}
	return child;
}

static void child_forget(struct verifier *verifier, struct child *child)
{
	verifier->children--;
	pthread_cond_signal(&verifier->keeper_needed);
	pthread_mutex_unlock(&verifier->mutex);
	child_end(child);
	pthread_mutex_lock(&verifier->mutex);
}

/* The one used last, whose memory is warm. One that the kernel killed in its sleep costs nobody a sign-in. */
static struct child *idle_take(struct verifier *verifier)
{
	for (;;) {
		struct child *child = idle_pop(verifier);
		if (!child || child_is_well(child))
			return child;
		child_forget(verifier, child);
	}
}

static struct child *child_await(struct verifier *verifier, int64_t deadline_ms)
{
	struct waiter waiter = { 0 };
	condition_init(&waiter.handed);
	*verifier->last = &waiter;
	verifier->last = &waiter.next;
	verifier->counts.waiting++;
	pthread_cond_signal(&verifier->keeper_needed);
	bool in_time = true;
	while (!waiter.child && in_time)
		in_time = condition_await(&waiter.handed, &verifier->mutex, deadline_ms);
	if (!waiter.child)
		waiter_leave(verifier, &waiter);
	pthread_cond_destroy(&waiter.handed);
	return waiter.child;
}

/* --- the keeper --- */

/* When the next child may be started: now or earlier, or later. */
static int64_t start_due_ms(struct verifier *verifier, int64_t now_ms)
{
	const double rate = verifier->options.starts_per_s;
	verifier->starts_left = MIN(rate, verifier->starts_left + rate * (double)(now_ms - verifier->starts_left_at_ms) / 1000);
	verifier->starts_left_at_ms = now_ms;
	const int64_t bucket_ms = verifier->starts_left >= 1 ? now_ms : now_ms + 1 + (int64_t)((1 - verifier->starts_left) * 1000 / rate);
	return MAX(bucket_ms, verifier->next_start_ms);
}

static bool child_is_missing(const struct verifier *verifier)
{
	return verifier->children == 0 || (verifier->first && verifier->children < verifier->options.children);
}

static void fault_note(struct verifier *verifier, const GError *error, int64_t now_ms)
{
	verifier->next_start_ms = now_ms + FAULT_PAUSE_MS;
	if (!verifier->fault || now_ms - verifier->fault_logged_ms >= FAULT_LOG_MS) {
		verifier->fault_logged_ms = now_ms;
		log_line(LOG_LEVEL_ERROR, "verifier.unavailable", "error", error->message, NULL);
	}
	g_free(verifier->fault);
	verifier->fault = g_strdup(error->message);
}

static void child_add(struct verifier *verifier)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *sandbox = NULL;
	verifier->starts_left -= 1;
	pthread_mutex_unlock(&verifier->mutex);
	struct child *child = child_start(&verifier->options, &sandbox, &error);
	pthread_mutex_lock(&verifier->mutex);
	if (child) {
		verifier->counts.started++;
		verifier->children++;
		g_clear_pointer(&verifier->fault, g_free);
		if (!verifier->sandbox)
			verifier->sandbox = g_steal_pointer(&sandbox);
		child_give(verifier, child);
	} else {
		fault_note(verifier, error, clock_monotonic_ms());
	}
	pthread_cond_broadcast(&verifier->changed);
}

/* Ends the idle ones that nobody has needed for a minute, but never the last child; when to look again. */
static int64_t idle_trim(struct verifier *verifier, int64_t now_ms)
{
	int64_t next_ms = INT64_MAX;
	for (struct child **place = &verifier->idle; *place && verifier->children > 1;) {
		struct child *child = *place;
		if (now_ms - child->idle_since_ms < IDLE_MS) {
			next_ms = MIN(next_ms, child->idle_since_ms + IDLE_MS);
			place = &child->next;
			continue;
		}
		*place = child->next;
		verifier->counts.idle--;
		verifier->children--;
		child_end(child); /* some 100 us with the mutex held, once a minute */
	}
	return next_ms;
}

static void *keeper_run(void *data)
{
	struct verifier *verifier = data;
	pthread_mutex_lock(&verifier->mutex);
	while (!verifier->ending) {
		const int64_t now_ms = clock_monotonic_ms();
		int64_t next_ms = idle_trim(verifier, now_ms);
		if (child_is_missing(verifier)) {
			const int64_t due_ms = start_due_ms(verifier, now_ms);
			if (due_ms <= now_ms) {
				child_add(verifier);
				continue;
			}
			next_ms = MIN(next_ms, due_ms);
		}
		if (next_ms == INT64_MAX)
			pthread_cond_wait(&verifier->keeper_needed, &verifier->mutex);
		else
			condition_await(&verifier->keeper_needed, &verifier->mutex, next_ms);
	}
	pthread_mutex_unlock(&verifier->mutex);
	return NULL;
}

/* --- life --- */

static void options_complete(struct verifier_options *options)
{
	options->program = options->program ? options->program : "/proc/self/exe";
	options->children = options->children ? options->children : 4;
	options->starts_per_s = options->starts_per_s ? options->starts_per_s : 20;
	options->memory_bytes = options->memory_bytes ? options->memory_bytes : 64 * 1024 * 1024;
	options->cpu_ms = options->cpu_ms ? options->cpu_ms : 1000;
	options->message_ms = options->message_ms ? options->message_ms : 2000;
}

/* Signals are for the thread that waits for them. */
static int keeper_start(struct verifier *verifier)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	const int outcome = pthread_create(&verifier->keeper, NULL, keeper_run, verifier);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return outcome;
}

struct verifier *verifier_new(const struct verifier_options *options, GError **error)
{
	struct verifier *verifier = g_new0(struct verifier, 1);
	verifier->options = *options;
	options_complete(&verifier->options);
	verifier->options.program = verifier->program = g_strdup(verifier->options.program);
	pthread_mutex_init(&verifier->mutex, NULL);
	condition_init(&verifier->keeper_needed);
	condition_init(&verifier->changed);
	verifier->last = &verifier->first;
	verifier->starts_left = verifier->options.starts_per_s;
	verifier->starts_left_at_ms = clock_monotonic_ms();
	const int outcome = keeper_start(verifier);
	if (outcome != 0) {
		fail(error, ERROR_INTERNAL, "the verifier's thread cannot be started: %s", g_strerror(outcome));
		verifier->keeper = 0;
		verifier_free(verifier);
		return NULL;
	}
	return verifier;
}

void verifier_free(struct verifier *verifier)
{
	if (!verifier)
		return;
	pthread_mutex_lock(&verifier->mutex);
	verifier->ending = true;
	pthread_cond_signal(&verifier->keeper_needed);
	pthread_mutex_unlock(&verifier->mutex);
	if (verifier->keeper)
		pthread_join(verifier->keeper, NULL);
	for (struct child *child = idle_pop(verifier); child; child = idle_pop(verifier))
		child_end(child);
	pthread_cond_destroy(&verifier->keeper_needed);
	pthread_cond_destroy(&verifier->changed);
	pthread_mutex_destroy(&verifier->mutex);
	g_free(verifier->program);
	g_free(verifier->sandbox);
	g_free(verifier->fault);
	g_free(verifier);
}

bool verifier_await(struct verifier *verifier, int64_t deadline_ms, char **ret_sandbox, GError **error)
{
	pthread_mutex_lock(&verifier->mutex);
	bool in_time = true;
	while (!verifier->sandbox && !verifier->fault && in_time)
		in_time = condition_await(&verifier->changed, &verifier->mutex, deadline_ms);
	const bool ready = verifier->sandbox != NULL;
	if (ready)
		*ret_sandbox = g_strdup(verifier->sandbox);
	else
		fail(error, ERROR_UNAVAILABLE, "%s", verifier->fault ? verifier->fault : "the verifier's first child is not ready in time");
	pthread_mutex_unlock(&verifier->mutex);
	return ready;
}

/* --- asking --- */

static void result_count(struct verifier_counts *counts, enum verifier_result result)
{
	switch (result) {
	case VERIFIER_UNAVAILABLE:
		counts->unavailable++;
		break;
	case VERIFIER_ANSWERED:
		counts->answered++;
		break;
	case VERIFIER_CRASHED:
		counts->crashed++;
		break;
	case VERIFIER_TIMED_OUT:
		counts->timed_out++;
		break;
	case VERIFIER_REFUSED:
		counts->refused++;
		break;
	}
}

static struct child *child_borrow(struct verifier *verifier, int64_t deadline_ms)
{
	pthread_mutex_lock(&verifier->mutex);
	struct child *child = verifier->first ? NULL : idle_take(verifier);
	const bool hopeless = verifier->fault && verifier->children == 0; /* the last start failed: nobody waits for the next */
	if (!child && !hopeless)
		child = child_await(verifier, deadline_ms);
	if (!child)
		result_count(&verifier->counts, VERIFIER_UNAVAILABLE);
	pthread_mutex_unlock(&verifier->mutex);
	return child;
}

/* A child whose message ended badly is not used again: it may be what the message made of it. */
static enum verifier_result child_return(struct verifier *verifier, struct child *child, enum verifier_result result)
{
	const bool failed = result == VERIFIER_CRASHED || result == VERIFIER_TIMED_OUT;
	const bool ends = failed || child->messages >= MESSAGES_MAX;
	if (ends) {
		const int status = child_end(child);
		if (result == VERIFIER_CRASHED && WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
			result = VERIFIER_TIMED_OUT; /* its processor time was up */
		if (failed) {
			char number[16];
			snprintf(number, sizeof number, "%d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
			log_line(LOG_LEVEL_WARNING, "verifier.ended", "result", verifier_result_name(result), "signal", number, NULL);
		}
	}
	pthread_mutex_lock(&verifier->mutex);
	result_count(&verifier->counts, result);
	if (ends) {
		verifier->children--;
		pthread_cond_signal(&verifier->keeper_needed);
	} else {
		child_give(verifier, child);
	}
	pthread_mutex_unlock(&verifier->mutex);
	return result;
}

enum verifier_result verifier_ask(struct verifier *verifier, enum verifier_operation operation, const struct record *request, int64_t deadline_ms,
                                  struct record **ret_answer)
{
	struct child *child = child_borrow(verifier, deadline_ms);
	if (!child)
		return VERIFIER_UNAVAILABLE;
	const int64_t now_ms = clock_monotonic_ms();
	const int64_t until_ms = MAX(MIN(deadline_ms, now_ms + verifier->options.message_ms), now_ms + MESSAGE_MS_MIN);
	return child_return(verifier, child, child_ask(child, operation, request, until_ms, ret_answer));
}

struct verifier_counts verifier_counts(struct verifier *verifier)
{
	pthread_mutex_lock(&verifier->mutex);
	struct verifier_counts counts = verifier->counts;
	counts.children = verifier->children;
	pthread_mutex_unlock(&verifier->mutex);
	return counts;
}

#ifdef PASSERELLE_TEST_BUILD
int verifier_idle_process(struct verifier *verifier)
{
	pthread_mutex_lock(&verifier->mutex);
	const int process = verifier->idle ? verifier->idle->process : 0;
	pthread_mutex_unlock(&verifier->mutex);
	return process;
}
#endif
