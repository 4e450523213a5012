/* See child.h. Verbs: "client NAME" replaces client wiki of tenant A; "write" inserts codes one by one and prints the number of each that was
 * acknowledged, until it is killed. */
#include "child.h"
#include "support.h"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static bool client_write(struct unit *unit, void *data, GError **error)
{
	g_autoptr(json_t) settings = json_pack("{s:s}", "client_name", (const char *)data);
	g_autoptr(client_t) client = client_new("wiki", settings);
	return client_put(unit, TENANT_A, client, error);
}

/* Two rows a transaction: after a kill both are there or none. */
static bool numbered_write(struct unit *unit, void *data, GError **error)
{
	uint32_t number = *(const uint32_t *)data;
	g_auto(code_t) code = code_of(0, GRANT_1);
	g_auto(flow_t) flow = flow_of(0);
	memcpy(code.digest, &number, sizeof(number));
	memcpy(flow.digest, &number, sizeof(number));
	return code_insert(unit, TENANT_A, &code, error) && flow_insert(unit, TENANT_A, &flow, error);
}

static bool write_for_ever(struct store *store, GError **error)
{
	for (uint32_t number = 1;; number++) {
		if (!store_write(store, numbered_write, &number, error))
			return false;
		if (write(STDOUT_FILENO, &number, sizeof(number)) != sizeof(number))
			return true;
	}
}

int child_main(const char *address, const char *what)
{
	g_autoptr(GError) error = NULL;
	struct root_keys *keys = keys_of(1);
	struct store *store = store_at(address, keys, &error);
	bool good = store != NULL;
	if (good && g_str_has_prefix(what, "client "))
		good = store_write(store, client_write, (char *)(uintptr_t)what + strlen("client "), &error);
	else if (good)
		good = write_for_ever(store, &error);
	if (!good)
		fprintf(stderr, "child: %s\n", error->message);
	store_close(store);
	root_keys_free(keys);
	return good ? 0 : 1;
}

pid_t child_start(const char *address, const char *what, int *ret_output)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execl("/proc/self/exe", "test_store", "--child", address, what, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	*ret_output = ends[0];
	return child;
}

bool child_wait(pid_t child)
{
	int status;
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
