/* Which server, and which connection.
 *
 * Service connections are kept for the next search; a person's bind has a connection of its own that lives for that bind (SECURITY LD-6), because a bind changes
 * who the whole connection is. Every server has a breaker (breaker.h), which pauses for retry_after.
 */
#include "providers/ldap_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <ldap.h>
#include <string.h>

/* Directories and the firewalls before them close what is idle; most wait longer than this. */
#define IDLE_MS 60000

bool directory_slot_take(struct directory *directory, int64_t deadline_ms)
{
	const struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = (deadline_ms % 1000) * 1000000};
	int waited = 0;

	pthread_mutex_lock(&directory->lock);
	while (directory->slots_taken >= directory->slots && waited != ETIMEDOUT)
		waited = pthread_cond_timedwait(&directory->slot_freed, &directory->lock, &until);
	bool taken = directory->slots_taken < directory->slots;
	directory->slots_taken += taken;
	pthread_mutex_unlock(&directory->lock);
	return taken;
}

void directory_slot_give_back(struct directory *directory)
{
	pthread_mutex_lock(&directory->lock);
	directory->slots_taken--;
	pthread_cond_signal(&directory->slot_freed);
	pthread_mutex_unlock(&directory->lock);
}

bool server_may_be_tried(struct directory *directory, struct directory_server *server)
{
	pthread_mutex_lock(&directory->lock);
	bool may = breaker_admits(&server->breaker, clock_monotonic_ms(), directory->retry_after_ms);
	pthread_mutex_unlock(&directory->lock);
	return may;
}

void server_succeeded(struct directory *directory, struct directory_server *server)
{
	pthread_mutex_lock(&directory->lock);
	breaker_succeeded(&server->breaker);
	pthread_mutex_unlock(&directory->lock);
}

static void idle_drop(struct directory *directory, struct directory_server *server)
{
	GQueue dropped = G_QUEUE_INIT;
	struct connection *connection;

	pthread_mutex_lock(&directory->lock);
	dropped = server->idle;
	g_queue_init(&server->idle);
	pthread_mutex_unlock(&directory->lock);
	while ((connection = g_queue_pop_head(&dropped)))
		connection_close(connection);
}

void server_failed(struct directory *directory, struct directory_server *server)
{
	pthread_mutex_lock(&directory->lock);
	breaker_failed(&server->breaker, clock_monotonic_ms(), directory->retry_after_ms);
	pthread_mutex_unlock(&directory->lock);
	idle_drop(directory, server);
}

void directory_connections_drop(struct directory *directory)
{
	for (size_t i = 0; i < directory->server_count; i++)
		idle_drop(directory, &directory->servers[i]);
}

/* The one used last: the others may grow old and leave. */
static struct connection *idle_pop(struct directory *directory, struct directory_server *server)
{
	pthread_mutex_lock(&directory->lock);
	struct connection *connection = g_queue_pop_head(&server->idle);
	pthread_mutex_unlock(&directory->lock);
	return connection;
}

static struct connection *idle_take(struct directory *directory, struct directory_server *server)
{
	struct connection *connection;

	while ((connection = idle_pop(directory, server))) {
		if (clock_monotonic_ms() - connection->idle_since_ms < IDLE_MS && connection_is_quiet(connection))
			return connection;
		connection_close(connection);
	}
	return NULL;
}

static void idle_keep(struct directory *directory, struct connection *connection)
{
	struct directory_server *server = connection->server;

	connection->idle_since_ms = clock_monotonic_ms();
	pthread_mutex_lock(&directory->lock);
	g_queue_push_head(&server->idle, connection);
	struct connection *surplus = server->idle.length > directory->idle_max ? g_queue_pop_tail(&server->idle) : NULL;
	pthread_mutex_unlock(&directory->lock);
	connection_close(surplus);
}

static int64_t until(int64_t deadline_ms, int64_t length_ms)
{
	return MIN(deadline_ms, clock_monotonic_ms() + length_ms);
}

struct bind_answer service_bind(const struct directory *directory, struct connection *connection, int64_t deadline_ms)
{
	if (!directory->bind_dn)
		return (struct bind_answer){.code = LDAP_SUCCESS, .policy_error = -1, .grace_logins = -1};
	return connection_bind(connection, directory->bind_dn, directory->bind_password, strlen(directory->bind_password), deadline_ms);
}

/* A service account whose password must be changed first can do nothing else: code 0 with that remark is no success here. */
static bool service_is_bound(const struct bind_answer *answer)
{
	return answer->code == LDAP_SUCCESS && answer->policy_error != PP_changeAfterReset;
}

static struct connection *service_connection_new(struct directory *directory, struct directory_server *server, int64_t deadline_ms,
                                                 struct connection_trouble *trouble)
{
	int64_t ready_ms = until(deadline_ms, directory->connect_timeout_ms);
	g_autoptr(connection_t) connection = connection_open(directory, server, directory->tls, ready_ms, trouble);

	if (!connection)
		return NULL;
	struct bind_answer answer = service_bind(directory, connection, ready_ms);
	if (service_is_bound(&answer))
		return g_steal_pointer(&connection);
	if (answer.code == BIND_NO_ANSWER)
		trouble_set(trouble, "service bind", answer.code, "no answer, or a broken one");
	else
		trouble_set(trouble, "service bind", answer.code, "%d %s", answer.code, answer.code ? ldap_code_text(answer.code) : "its password must be changed");
	return NULL;
}

struct run {
	struct directory *directory;
	bool (*work)(struct connection *connection, int64_t deadline_ms, void *data);
	void *data;
	struct checks *checks;
	int64_t deadline_ms;
};

static bool work_done(const struct run *run, struct connection *connection)
{
	if (!run->work(connection, until(run->deadline_ms, run->directory->timeout_ms), run->data)) {
		connection_close(connection);
		return false;
	}
	server_succeeded(run->directory, connection->server);
	idle_keep(run->directory, connection);
	return true;
}

static bool trouble_check(struct checks *checks, const struct directory_server *server, const struct connection_trouble *trouble)
{
	g_autofree char *seen = g_strdup_printf("%s: %s: %s", server->url, trouble->step, trouble->text);

	return check(checks, "directory", seen, "an answer in time", false);
}

/* An idle connection may have died unseen: that says nothing of the server, and one new connection follows, unless the time went into waiting. */
static bool server_run(const struct run *run, struct directory_server *server)
{
	struct connection_trouble trouble = {"search", "the connection broke, or no answer in time", LDAP_SERVER_DOWN};
	int64_t started_ms = clock_monotonic_ms();
	struct connection *connection = idle_take(run->directory, server);

	if (connection && work_done(run, connection))
		return true;
	bool waited = connection && clock_monotonic_ms() - started_ms >= run->directory->timeout_ms;
	if (connection)
		idle_drop(run->directory, server);
	connection = waited ? NULL : service_connection_new(run->directory, server, run->deadline_ms, &trouble);
	if (connection) {
		trouble_set(&trouble, "search", LDAP_SERVER_DOWN, "the connection broke, or no answer in time");
		if (work_done(run, connection))
			return true;
	}
	server_failed(run->directory, server);
	return trouble_check(run->checks, server, &trouble);
}

static bool server_is_open(struct directory *directory, struct directory_server *server, struct checks *checks)
{
	if (server_may_be_tried(directory, server))
		return true;
	g_autofree char *seen = g_strdup_printf("%s: not asked, it failed lately", server->url);
	return check(checks, "directory", seen, "an answer in time", false);
}

bool directory_run(struct directory *directory, int64_t deadline_ms, bool (*work)(struct connection *connection, int64_t deadline_ms, void *data), void *data,
                   struct checks *checks)
{
	const struct run run = {directory, work, data, NULL, deadline_ms};
	struct checks *failures = checks_new();
	bool done = false;

	struct run noted = run;
	noted.checks = failures;
	for (size_t i = 0; i < directory->server_count && !done && clock_monotonic_ms() < deadline_ms; i++)
		done = server_is_open(directory, &directory->servers[i], failures) && server_run(&noted, &directory->servers[i]);
	g_autoptr(json_t) rows = checks_json(failures);
	for (size_t i = 0; i < json_array_size(rows) && !done; i++)
		check(checks, "directory", json_string_at(json_array_get(rows, i), "seen"), "an answer in time", false);
	checks_free(failures);
	return done;
}

/* The server itself says that it cannot answer: another one may. */
static bool answer_is_none(const struct bind_answer *answer)
{
	return answer->code == BIND_NO_ANSWER || answer->code == LDAP_BUSY || answer->code == LDAP_UNAVAILABLE;
}

static struct bind_answer server_bind(const struct run *run, struct directory_server *server, const char *dn, const struct secret *password,
                                      struct connection **ret_connection)
{
	struct connection_trouble trouble = {"bind", "the connection broke, or no answer in time", LDAP_SERVER_DOWN};
	struct bind_answer answer = {.code = BIND_NO_ANSWER, .policy_error = -1, .grace_logins = -1};
	struct directory *directory = run->directory;
	g_autoptr(connection_t) connection = connection_open(directory, server, directory->tls, until(run->deadline_ms, directory->connect_timeout_ms), &trouble);

	if (connection)
		answer = connection_bind(connection, dn, secret_bytes(password), secret_length(password), until(run->deadline_ms, directory->timeout_ms));
	if (answer_is_none(&answer)) {
		server_failed(directory, server);
		trouble_check(run->checks, server, &trouble);
		return answer;
	}
	server_succeeded(directory, server);
	if (answer.code == LDAP_SUCCESS && ret_connection)
		*ret_connection = g_steal_pointer(&connection);
	return answer;
}

struct bind_answer directory_bind(struct directory *directory, struct directory_server *first, const char *dn, const struct secret *password, int64_t deadline_ms,
                                  struct checks *checks, struct connection **ret_connection)
{
	const struct run run = {.directory = directory, .checks = checks, .deadline_ms = deadline_ms};
	struct bind_answer answer = {.code = BIND_NO_ANSWER, .policy_error = -1, .grace_logins = -1};

	if (first)
		answer = server_bind(&run, first, dn, password, ret_connection);
	for (size_t i = 0; i < directory->server_count && answer_is_none(&answer) && clock_monotonic_ms() < deadline_ms; i++)
		if (&directory->servers[i] != first && server_is_open(directory, &directory->servers[i], checks))
			answer = server_bind(&run, &directory->servers[i], dn, password, ret_connection);
	return answer;
}
