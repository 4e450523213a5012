/* The clock, read in one place. A test build may shift it through a mapped file, so that a test moves a running server through time without
 * waiting; a build without PASSERELLE_TEST_BUILD holds no code that could. */
#include "base/clock.h"
#include <glib.h>
#include <time.h>

#ifdef PASSERELLE_TEST_BUILD
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t *test_offset;

/* A test that names a file and does not get its clock would pass for the wrong reason, so anything amiss ends the process. */
static void map_test_offset(void)
{
	const char *path = getenv("PASSERELLE_TEST_CLOCK");
	if (!path || !*path)
		return;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	if (file < 0 || fstat(file, &status) < 0 || status.st_size < (off_t)sizeof *test_offset)
		g_error("PASSERELLE_TEST_CLOCK: %s does not hold eight bytes", path);
	void *mapped = mmap(NULL, sizeof *test_offset, PROT_READ, MAP_SHARED, file, 0);
	if (mapped == MAP_FAILED)
		g_error("PASSERELLE_TEST_CLOCK: %s: %s", path, g_strerror(errno));
	close(file);
	test_offset = mapped;
}

static int64_t offset_ms(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, map_test_offset);
	return test_offset ? __atomic_load_n(test_offset, __ATOMIC_RELAXED) : 0;
}
#else
static int64_t offset_ms(void)
{
	return 0;
}
#endif

static int64_t read_ms(clockid_t which)
{
	struct timespec now;
	clock_gettime(which, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
	return read_ms(CLOCK_REALTIME) + offset_ms();
}

int64_t clock_monotonic_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static char *put_number(char *out, int value, int digits, char after)
{
	for (int place = digits - 1; place >= 0; place--) {
		out[place] = (char)('0' + value % 10);
		value /= 10;
	}
	out[digits] = after;
	return out + digits + 1;
}

void clock_format(int64_t unix_ms, char out[CLOCK_TEXT_SIZE])
{
	const int64_t year_0_ms = INT64_C(-62167219200000), year_9999_ms = INT64_C(253402300799999);
	int64_t clamped = CLAMP(unix_ms, year_0_ms, year_9999_ms);
	int milliseconds = (int)(((clamped % 1000) + 1000) % 1000);
	time_t seconds = (time_t)((clamped - milliseconds) / 1000);
	struct tm parts;
	gmtime_r(&seconds, &parts);
	out = put_number(out, parts.tm_year + 1900, 4, '-');
	out = put_number(out, parts.tm_mon + 1, 2, '-');
	out = put_number(out, parts.tm_mday, 2, 'T');
	out = put_number(out, parts.tm_hour, 2, ':');
	out = put_number(out, parts.tm_min, 2, ':');
	out = put_number(out, parts.tm_sec, 2, '.');
	out = put_number(out, milliseconds, 3, 'Z');
	*out = '\0';
}
