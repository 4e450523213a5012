/* The subjects tested here, one a file; main.c runs them as one group, since the TAP protocol allows one plan a program. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>

struct test_list {
	const struct CMUnitTest *tests;
	size_t count;
};
#define TEST_COUNT(tests) (sizeof(tests) / sizeof((tests)[0]))

extern const struct test_list message_list, response_list, attack_list, cage_list, driver_list, recorded_list, probe_list, metadata_list;
