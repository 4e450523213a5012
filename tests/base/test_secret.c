/* Secret bytes: copies, bounds and wiping. */
#include "base/secret.h"
#include "subjects.h"
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void holds_a_terminated_copy(void **state)
{
	(void)state;
	char given[] = { 'a', '\0', 'b' };
	g_autoptr(secret_t) secret = secret_new(given, sizeof given);
	memset(given, 'x', sizeof given);
	assert_int_equal(secret_length(secret), 3);
	assert_memory_equal(secret_bytes(secret), "a\0b", 4);
}

static void may_be_empty_and_is_zeroed(void **state)
{
	(void)state;
	g_autoptr(secret_t) empty = secret_new(NULL, 0), room = secret_new_empty(64);
	static const uint8_t zeros[65];
	assert_int_equal(secret_length(empty), 0);
	assert_int_equal(secret_bytes(empty)[0], 0);
	assert_memory_equal(secret_bytes(room), zeros, sizeof zeros);
	secret_writable(room)[63] = 7;
	assert_int_equal(secret_bytes(room)[63], 7);
	secret_free(NULL);
}

static void holds_a_mebibyte(void **state)
{
	(void)state;
	g_autoptr(secret_t) secret = secret_new_empty(1024 * 1024);
	assert_int_equal(secret_length(secret), 1024 * 1024);
}

static void more_ends_the_process(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		close(STDERR_FILENO);
		close(STDOUT_FILENO);
		secret_new_empty(1024 * 1024 + 1);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void wipe_clears_exactly_what_is_asked(void **state)
{
	(void)state;
	char bytes[] = "secretX";
	wipe(bytes, 6);
	assert_memory_equal(bytes, "\0\0\0\0\0\0X", 8);
	wipe(NULL, 0);
}

const struct CMUnitTest secret_tests[] = {
	cmocka_unit_test(holds_a_terminated_copy),
	cmocka_unit_test(may_be_empty_and_is_zeroed),
	cmocka_unit_test(holds_a_mebibyte),
	cmocka_unit_test(more_ends_the_process),
	cmocka_unit_test(wipe_clears_exactly_what_is_asked),
	TESTS_END,
};
