/* The subjects tested here, one a file; main.c runs them as one group, since the TAP protocol allows one plan a program. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct test_list {
	const struct CMUnitTest *tests;
	size_t count;
};
#define TEST_COUNT(tests) (sizeof(tests) / sizeof((tests)[0]))

extern const struct test_list answers_list, fetch_guard_list, local_list;

/* The directory of accounts that the local driver is tried on: local.c. */
void local_people_open(void);
void local_people_close(void);
