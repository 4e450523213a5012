/* The tests of this floor, one list a subject. Each file defines `const struct CMUnitTest NAME_tests[]`, closed by a test without a
 * function. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SUBJECTS(X) X(errors) X(counters) X(clock) X(log) X(secret) X(encoding) X(units) X(address) X(json) X(url) X(form) X(text) X(document) X(schema) X(hostile)

#define DECLARE(name) extern const struct CMUnitTest name##_tests[];
SUBJECTS(DECLARE)
#undef DECLARE
#define TESTS_END { NULL, NULL, NULL, NULL, NULL }

/* The file whose eight bytes shift the clock in this process (a test build), made by main. */
extern char clock_file[];
