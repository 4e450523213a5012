/* The instruments: see lab.h. */
#include "lab.h"
#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t read_ns(clockid_t clock)
{
	struct timespec time;
	if (clock_gettime(clock, &time))
		g_error("clock_gettime failed");
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int64_t now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

int64_t cpu_ns(pid_t process)
{
	clockid_t clock;
	if (clock_getcpuclockid(process, &clock))
		g_error("process %d is gone", (int)process);
	return read_ns(clock);
}

void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (cpu >= 0 && sched_setaffinity(0, sizeof set, &set))
		g_warning("cannot use processor %d: figures are not those of one core", cpu);
}

uint16_t free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || getsockname(fd, (struct sockaddr *)&address, &length))
		g_error("no free port");
	close(fd);
	return ntohs(address.sin_port);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

void remove_tree(const char *path)
{
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	const char *name;
	while (folder && (name = g_dir_read_name(folder))) {
		g_autofree char *inner = g_build_filename(path, name, NULL);
		remove_tree(inner);
	}
	g_remove(path);
}

double median(const double *values, size_t count)
{
	if (!count)
		return 0;
	g_autofree double *sorted = g_memdup2(values, count * sizeof *values);
	qsort(sorted, count, sizeof *sorted, compare);
	return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* 64 bins for each doubling: below 64 µs one for each microsecond. */
static size_t bin_of(uint64_t us)
{
	unsigned power = us < 64 ? 0 : (unsigned)g_bit_storage((gulong)us) - 6;
	size_t bin = (size_t)power * 64 + (size_t)(us >> power) - (power ? 32 : 0);
	return MIN(bin, HISTOGRAM_ROOM - 1);
}

static double bin_ms(size_t bin)
{
	for (uint64_t us = 1; us < UINT64_C(1) << 26; us += MAX(us / 64, 1))
		if (bin_of(us) >= bin)
			return (double)us / 1000;
	return 67000;
}

void histogram_add(struct histogram *histogram, int64_t ns)
{
	histogram->count++;
	histogram->bins[bin_of((uint64_t)(ns / 1000))]++;
	histogram->max_ns = MAX(histogram->max_ns, ns);
}

double histogram_ms(const struct histogram *histogram, double part)
{
	uint64_t wanted = (uint64_t)((double)histogram->count * part), seen = 0;
	for (size_t bin = 0; bin < HISTOGRAM_ROOM; bin++) {
		seen += histogram->bins[bin];
		if (seen > wanted)
			return bin_ms(bin);
	}
	return (double)histogram->max_ns / 1e6;
}

double work_cpu_us(const struct work *work)
{
	return work->operations ? (double)work->cpu_ns / 1000 / (double)work->operations : 0;
}

struct work run_apart(int cpu, void (*measure)(const void *data, struct work *ret), const void *data)
{
	int ends[2];
	struct work work = { 0 };
	if (pipe(ends))
		g_error("no pipe");
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(cpu);
		measure(data, &work);
		_exit(write(ends[1], &work, sizeof work) != sizeof work);
	}
	close(ends[1]);
	if (child < 0 || read(ends[0], &work, sizeof work) != sizeof work)
		g_error("a ceiling's process failed");
	close(ends[0]);
	waitpid(child, NULL, 0);
	return work;
}
