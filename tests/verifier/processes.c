/* The verifier as processes: what a child can do (nothing), what its end costs (one call), and how soon there is another. On the child without sanitizers. */
#include "base/clock.h"
#include "providers/verifier/frame.h"
#include "providers/verifier/verifier.h"
#include "tests/verifier/tests.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef PASSERELLE_TEST_BUILD

static enum verifier_result ask(struct verifier *verifier, const char *what, int64_t wait_ms, struct record **ret_answer)
{
	g_autoptr(record_t) question = record_new(), answer = NULL;
	record_put_text(question, "what", what);
	const enum verifier_result result = verifier_ask(verifier, OPERATION_TRY, question, clock_monotonic_ms() + wait_ms, &answer);
	if (ret_answer)
		*ret_answer = g_steal_pointer(&answer);
	return result;
}

static struct verifier *verifier_of(const struct verifier_options *options)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *sandbox = NULL;
	struct verifier_options complete = *options;
	complete.program = complete.program ? complete.program : CHILD_PROGRAM;
	struct verifier *verifier = verifier_new(&complete, &error);
	assert_non_null(verifier);
	if (!verifier_await(verifier, clock_monotonic_ms() + 5000, &sandbox, &error))
		print_message("# %s\n", error->message);
	assert_non_null(sandbox);
	assert_true(g_str_has_prefix(sandbox, "seccomp"));
	return verifier;
}

static void assert_works(struct verifier *verifier)
{
	assert_int_equal(ask(verifier, "nothing", 5000, NULL), VERIFIER_ANSWERED);
}

/* Whatever a child that was taken over tries is its end, costs that call, and the next one is answered. */
static void every_try_kills(void **state)
{
	static const char *const tries[] = { "socket", "open", "exec", "ptrace", "fork", "signal", "code", "code later", "privileges", "other socket", "crash", "memory" };
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ 0 });
	(void)state;

	for (size_t i = 0; i < G_N_ELEMENTS(tries); i++) {
		const enum verifier_result result = ask(verifier, tries[i], 5000, NULL);
		if (result != VERIFIER_CRASHED)
			print_message("# %s: %s\n", tries[i], verifier_result_name(result));
		assert_int_equal(result, VERIFIER_CRASHED);
		assert_works(verifier);
	}
	assert_int_equal(verifier_counts(verifier).crashed, G_N_ELEMENTS(tries));
}

/* Killed by the filter's own signal, not by something that happened to fail. */
static void the_filter_kills(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		int pair[2];
		uint32_t word = 0;
		g_autoptr(record_t) limits = record_new(), question = record_new(), hello = NULL, answer = NULL;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		const pid_t child = fork();
		if (child == 0) {
			dup2(pair[1], 3);
			fcntl(3, F_SETFD, 0);
			setenv("LASSO_FLAG", "no-verify-signature", 1);
			execl(CHILD_PROGRAM, "passerelle", VERIFIER_VERB, NULL);
			_exit(9);
		}
		close(pair[1]);
		record_put_integer(limits, "memory_bytes", 64 << 20);
		record_put_integer(limits, "cpu_ms", 1000);
		record_put_text(question, "what", i ? "open" : "nothing");
		assert_int_equal(frame_write(pair[0], FRAME_READY, limits, RECORD_REQUEST_MAX, INT64_MAX), FRAME_DONE);
		assert_int_equal(frame_read(pair[0], RECORD_ANSWER_MAX, INT64_MAX, &word, &hello), FRAME_DONE);
		assert_int_equal(word, FRAME_READY);
		assert_int_equal(frame_write(pair[0], OPERATION_TRY, question, RECORD_REQUEST_MAX, INT64_MAX), FRAME_DONE);
		const enum frame_result read = frame_read(pair[0], RECORD_ANSWER_MAX, INT64_MAX, &word, &answer);
		assert_int_equal(read, i ? FRAME_ENDED : FRAME_DONE);
		if (!i)
			assert_int_equal(record_integer(answer, "environment", -1), 0); /* LASSO_FLAG came along and was thrown away */
		close(pair[0]);
		int status = 0;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(i ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS : WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static void nothing_goes_along(void **state)
{
	g_autoptr(record_t) answer = NULL;
	const int leaked = dup(STDERR_FILENO); /* without CLOEXEC, as a careless library would */
	(void)state;
	setenv("LASSO_FLAG", "no-verify-signature", 1);
	setenv("OPENSSL_CONF", "/nonexistent", 1);
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ 0 });

	assert_int_equal(ask(verifier, "nothing", 5000, &answer), VERIFIER_ANSWERED);
	assert_int_equal(record_integer(answer, "survived", 0), 1);
	assert_int_equal(record_integer(answer, "environment", -1), 0);
	assert_int_equal(record_integer(answer, "descriptors", -1), 0);
	unsetenv("LASSO_FLAG");
	unsetenv("OPENSSL_CONF");
	close(leaked);
}

static void endless_work_is_cut(void **state)
{
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ .cpu_ms = 100, .message_ms = 400 });
	(void)state;
	const int64_t start_ms = clock_monotonic_ms();

	assert_int_equal(ask(verifier, "spin", 5000, NULL), VERIFIER_TIMED_OUT);
	assert_int_equal(ask(verifier, "hang", 5000, NULL), VERIFIER_TIMED_OUT);
	assert_works(verifier);
	assert_in_range(clock_monotonic_ms() - start_ms, 400, 4000);
	assert_int_equal(verifier_counts(verifier).timed_out, 2);
}

/* A hundred milliseconds are given to whoever has a child, however late he is: so that being late is nobody's crash. */
static void a_late_caller_costs_no_child(void **state)
{
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ 0 });
	(void)state;

	for (int i = 0; i < 20; i++)
		assert_int_equal(ask(verifier, "nothing", 0, NULL), VERIFIER_ANSWERED);
	assert_int_equal(verifier_counts(verifier).started, 1);
}

static void lies_about_frames_are_crashes(void **state)
{
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ 0 });
	(void)state;

	assert_int_equal(ask(verifier, "long frame", 5000, NULL), VERIFIER_CRASHED);
	assert_int_equal(ask(verifier, "nonsense", 5000, NULL), VERIFIER_CRASHED);
	assert_works(verifier);
}

static void too_big_is_refused_and_costs_nothing(void **state)
{
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ 0 });
	g_autoptr(record_t) question = record_new(), answer = NULL;
	g_autofree char *bytes = g_malloc0(RECORD_REQUEST_MAX);
	(void)state;

	record_put_bytes(question, "bytes", bytes, RECORD_REQUEST_MAX);
	assert_int_equal(verifier_ask(verifier, OPERATION_TRY, question, clock_monotonic_ms() + 5000, &answer), VERIFIER_REFUSED);
	assert_int_equal(verifier_ask(verifier, 99, NULL, clock_monotonic_ms() + 5000, &answer), VERIFIER_REFUSED);
	assert_null(answer);
	assert_int_equal(verifier_counts(verifier).started, 1);
}

/* From the crash to the answer of the next child, the best of ten: the machine may be busy. */
static void another_is_there_within_50_ms(void **state)
{
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ 0 });
	int64_t best_ms = INT64_MAX;
	(void)state;

	for (int i = 0; i < 10; i++) {
		assert_int_equal(ask(verifier, "crash", 5000, NULL), VERIFIER_CRASHED);
		const int64_t start_ms = clock_monotonic_ms();
		assert_works(verifier);
		best_ms = MIN(best_ms, clock_monotonic_ms() - start_ms);
	}
	print_message("# a new child answered after %d ms\n", (int)best_ms);
	assert_true(best_ms <= 50);
}

/* The kernel may kill a child that waits (memory is short): nobody's question is lost to it. */
static void a_child_dead_in_its_sleep_costs_nobody(void **state)
{
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ 0 });
	const int process = verifier_idle_process(verifier);
	(void)state;

	assert_true(process > 0);
	kill(process, SIGKILL);
	siginfo_t ended;
	assert_int_equal(waitid(P_PID, (id_t)process, &ended, WEXITED | WNOWAIT), 0);
	assert_works(verifier);
	assert_int_equal(verifier_counts(verifier).crashed, 0);
}

struct flood {
	struct verifier *verifier;
	atomic_bool over;
	unsigned sent;
};

static void *flood_run(void *data)
{
	struct flood *flood = data;
	while (flood->sent < 1000 && !atomic_load(&flood->over)) {
		ask(flood->verifier, "crash", 4, NULL);
		flood->sent++;
	}
	return NULL;
}

/* A thousand messages that crash: children are not started faster than the rate, and good questions are answered meanwhile. */
static void crashes_are_rate_limited(void **state)
{
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ .starts_per_s = 20, .children = 2 });
	struct flood flood = { .verifier = verifier };
	pthread_t thread;
	(void)state;
	const int64_t start_ms = clock_monotonic_ms();

	assert_int_equal(pthread_create(&thread, NULL, flood_run, &flood), 0);
	for (int i = 0; i < 30; i++)
		assert_int_equal(ask(verifier, "nothing", 4000, NULL), VERIFIER_ANSWERED);
	pthread_join(thread, NULL);
	const struct verifier_counts counts = verifier_counts(verifier);
	const int64_t spent_ms = clock_monotonic_ms() - start_ms;
	print_message("# %u crash messages in %d ms: %d children started\n", flood.sent, (int)spent_ms, (int)counts.started);
	assert_int_equal(flood.sent, 1000);
	assert_true(counts.started <= 20 + 1 + (uint64_t)spent_ms * 20 / 1000);
	assert_true(counts.unavailable > 500);
	assert_works(verifier);
}

static void *ask_many(void *data)
{
	size_t failed = 0;
	for (int i = 0; i < 200; i++)
		failed += ask(data, "nothing", 10000, NULL) != VERIFIER_ANSWERED;
	return (void *)failed;
}

static void many_ask_at_once(void **state)
{
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ .children = 3 });
	pthread_t threads[8];
	(void)state;

	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_many, verifier), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
		void *failed = NULL;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	const struct verifier_counts counts = verifier_counts(verifier);
	assert_int_equal(counts.answered, 200 * G_N_ELEMENTS(threads));
	assert_in_range(counts.children, 1, 3);
	assert_int_equal(counts.idle, counts.children);
	assert_int_equal(counts.waiting, 0);
}

/* The gateway is killed while its child is busy: the child goes with it. A grandchild of ours, whom we adopt. */
static void the_parents_death_is_the_childs(void **state)
{
	int told[2];
	pid_t child = 0;
	(void)state;
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	const pid_t parent = fork();
	if (parent == 0) {
		/* No assertions here: cmocka would jump back into the tests of the other process. */
		struct verifier *verifier = verifier_new(&(struct verifier_options){ .program = CHILD_PROGRAM, .message_ms = 60000, .cpu_ms = 60000 }, NULL);
		ask(verifier, "nothing", 5000, NULL);
		const pid_t process = verifier_idle_process(verifier);
		if (write(told[1], &process, sizeof process) == sizeof process)
			ask(verifier, "spin", 60000, NULL);
		_exit(1);
	}
	assert_int_equal(read(told[0], &child, sizeof child), sizeof child);
	assert_true(child > 0);
	kill(parent, SIGKILL);
	int status = 0;
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(waitpid(child, &status, 0), child); /* it would spin for a minute */
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	close(told[0]);
	close(told[1]);
}

/* What is no child of ours, or cannot be started: said, and every question is answered with "unavailable" in time. */
static void no_child_is_unavailable(void **state)
{
	static const char *const programs[] = { "/nonexistent/passerelle", "/bin/true" };
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(programs); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *sandbox = NULL;
		g_autoptr(verifier_t) verifier = verifier_new(&(struct verifier_options){ .program = programs[i] }, NULL);
		assert_false(verifier_await(verifier, clock_monotonic_ms() + 5000, &sandbox, &error));
		assert_non_null(error);
		assert_null(sandbox);
		const int64_t start_ms = clock_monotonic_ms();
		assert_int_equal(ask(verifier, "nothing", 60000, NULL), VERIFIER_UNAVAILABLE);
		assert_in_range(clock_monotonic_ms() - start_ms, 0, 2000);
	}
}

/* A few tens of microseconds; the bound is loose, as the machine may be busy. */
static void a_round_trip_is_cheap(void **state)
{
	g_autoptr(verifier_t) verifier = verifier_of(&(struct verifier_options){ 0 });
	enum { TURNS = 2000 };
	(void)state;
	struct timespec start, end;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < TURNS; i++)
		assert_int_equal(ask(verifier, "nothing", 5000, NULL), VERIFIER_ANSWERED);
	clock_gettime(CLOCK_MONOTONIC, &end);
	const double us = ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / 1000 / TURNS;
	print_message("# a round trip takes %.1f us\n", us);
	assert_true(us < 2000);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_try_kills),
	cmocka_unit_test(the_filter_kills),
	cmocka_unit_test(nothing_goes_along),
	cmocka_unit_test(endless_work_is_cut),
	cmocka_unit_test(a_late_caller_costs_no_child),
	cmocka_unit_test(lies_about_frames_are_crashes),
	cmocka_unit_test(too_big_is_refused_and_costs_nothing),
	cmocka_unit_test(another_is_there_within_50_ms),
	cmocka_unit_test(a_child_dead_in_its_sleep_costs_nobody),
	cmocka_unit_test(crashes_are_rate_limited),
	cmocka_unit_test(many_ask_at_once),
	cmocka_unit_test(the_parents_death_is_the_childs),
	cmocka_unit_test(no_child_is_unavailable),
	cmocka_unit_test(a_round_trip_is_cheap),
};

const struct test_list process_list = { tests, G_N_ELEMENTS(tests) };
#else
/* Only a test build's child knows how to misbehave. */
const struct test_list process_list = { NULL, 0 };
#endif
