/* One durable row, grouped: as many threads as the load has visitors each hand a row to one writer thread and wait until it is on the disk. The writer
 * inserts all that wait and commits once (WAL, synchronous=FULL). */
#include "ceilings.h"
#include <glib/gstdio.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

struct row {
	uint8_t digest[32];
	char text[256];
	bool done;
	pthread_cond_t finished;
	struct row *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static struct row *waiting;
static atomic_bool stopping;
static atomic_uint_fast64_t written;

static void run_sql(sqlite3 *database, const char *sql)
{
	if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
		g_error("%s: %s", sql, sqlite3_errmsg(database));
}

static void insert(sqlite3_stmt *statement, const struct row *row)
{
	sqlite3_bind_text(statement, 1, "bench", 5, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 2, row->digest, sizeof row->digest, SQLITE_STATIC);
	sqlite3_bind_text(statement, 3, row->text, sizeof row->text, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 4, now_ns());
	if (sqlite3_step(statement) != SQLITE_DONE)
		g_error("a row was not inserted");
	sqlite3_reset(statement);
}

static void write_group(sqlite3 *database, sqlite3_stmt *statement, struct row *group)
{
	run_sql(database, "BEGIN IMMEDIATE");
	for (struct row *row = group; row; row = row->next)
		insert(statement, row);
	run_sql(database, "COMMIT");
	pthread_mutex_lock(&lock);
	while (group) {
		struct row *row = group;
		group = row->next;
		row->done = true;
		pthread_cond_signal(&row->finished);
		atomic_fetch_add(&written, 1);
	}
	pthread_mutex_unlock(&lock);
}

static void *write_rows(void *data)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(data, "INSERT INTO token VALUES (?, ?, ?, ?)", -1, &statement, NULL) != SQLITE_OK)
		g_error("no statement");
	while (!atomic_load(&stopping)) {
		pthread_mutex_lock(&lock);
		while (!waiting && !atomic_load(&stopping))
			pthread_cond_wait(&came, &lock);
		struct row *group = waiting;
		waiting = NULL;
		pthread_mutex_unlock(&lock);
		if (group)
			write_group(data, statement, group);
	}
	return NULL;
}

static void *bring_rows(void *data)
{
	struct row row = { .done = false };
	(void)data;
	pthread_cond_init(&row.finished, NULL);
	memset(row.text, 'x', sizeof row.text);
	for (;;) {
		if (getrandom(row.digest, sizeof row.digest, 0) != sizeof row.digest)
			g_error("no random bytes");
		pthread_mutex_lock(&lock);
		row.done = false;
		row.next = waiting;
		waiting = &row;
		pthread_cond_signal(&came);
		while (!row.done)
			pthread_cond_wait(&row.finished, &lock);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static int64_t own_cpu_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* The process ends when this returns, and its threads with it. */
void ceiling_row(const void *data, struct work *ret)
{
	const struct ceiling_time *time = data;
	pthread_t thread;
	sqlite3 *database = NULL;
	g_autofree char *path = g_build_filename(time->folder, "ceiling.db", NULL);
	if (sqlite3_open(path, &database) != SQLITE_OK)
		g_error("no database at %s", path);
	run_sql(database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS token (tenant TEXT NOT NULL, digest BLOB NOT NULL, "
		"text TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (tenant, digest)) WITHOUT ROWID");
	pthread_create(&thread, NULL, write_rows, database);
	for (unsigned i = 0; i < time->writers; i++)
		pthread_create(&thread, NULL, bring_rows, NULL);
	g_usleep(100000);
	int64_t began = now_ns(), cpu = own_cpu_ns();
	uint64_t before = atomic_load(&written);
	g_usleep((gulong)time->measure_ms * 1000);
	*ret = (struct work){ .operations = atomic_load(&written) - before, .cpu_ns = own_cpu_ns() - cpu, .wall_ns = now_ns() - began };
}
