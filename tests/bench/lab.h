/* Small instruments that every measurement here uses: clocks, processor time of a process, pinning, medians, a histogram of times. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The server under test has one processor to itself, the load another, so that figures are those of one core. */
#define SERVER_CPU 0
#define LOAD_CPU 1

int64_t now_ns(void);
/* User and system time of all threads of a process, ended ones included. */
int64_t cpu_ns(pid_t process);
void pin(int cpu);
/* A port of 127.0.0.1 that nobody listens on now. */
uint16_t free_port(void);
void remove_tree(const char *path);
double median(const double *values, size_t count);

/* Times from 1 µs to 67 s, each kept to within 1.6 %. */
#define HISTOGRAM_ROOM (64 * 21)
struct histogram {
	uint64_t count, bins[HISTOGRAM_ROOM];
	int64_t max_ns;
};
void histogram_add(struct histogram *histogram, int64_t ns);
/* In milliseconds; 0 when nothing was counted. */
double histogram_ms(const struct histogram *histogram, double part);

/* What a ceiling did in its own process. */
struct work {
	uint64_t operations;
	int64_t cpu_ns, wall_ns;
};
double work_cpu_us(const struct work *work);
/* Runs `measure` in a child process that is pinned to `cpu` (-1: anywhere). */
struct work run_apart(int cpu, void (*measure)(const void *data, struct work *ret), const void *data);
